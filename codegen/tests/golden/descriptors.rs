// Demo 1 controller: generated from its description. Edit the description, not this file.
// SAFETY: each `unsafe` item states a fact of the description, which was checked during generation.

use ::core::prelude::v1::*;
#[allow(unused_imports)]
use ::datasheet_runtime::descriptor::{DescriptorFormat, WriteBack};
#[allow(unused_imports)]
use ::datasheet_runtime::field::access::{Fixed, ReadOnly};
#[allow(unused_imports)]
use ::datasheet_runtime::field::{Address, Bits, Enumerated, Enumeration, Flag, Layout};
#[allow(unused_imports)]
use ::datasheet_runtime::info::{AccessKind, DescriptorInfo, FieldInfo};
#[allow(unused_imports)]
use ::datasheet_runtime::structure::{Structure, Tail};

/// A transfer, as software writes it (datasheet 6.1).
#[cfg_attr(doc, doc = include_str!("docs/TransferRead.descriptor.html"))]
///
/// `REPORT` requests a status write-back.
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 63:0 | [`ADDRESS`](Self::ADDRESS) | `rw` | Where the data is. |
/// | 79:64 | [`LENGTH`](Self::LENGTH) | `rw` | How much there is. In bytes. |
/// | 83:80 | [`KIND`](Self::KIND) | always 3 | Tells this format apart. |
/// | 84 | [`REPORT`](Self::REPORT) | `rw` | Asks for word when it is done. |
/// | 85 | [`MORE`](Self::MORE) | `rw` | Another follows. |
/// | 95:86 |  |  | reserved |
/// | 127:96 | [`TAG`](Self::TAG) | `rw` | For software. |
#[derive(Debug, Clone, Copy)]
pub enum TransferRead {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl TransferRead {
    /// Bits 63:0: Where the data is.
    pub const ADDRESS: Address<TransferRead, 0> = unsafe { Address::new("ADDRESS") };
    /// Bits 79:64: How much there is. In bytes.
    pub const LENGTH: Bits<TransferRead, 64, 16> = unsafe { Bits::new("LENGTH") };
    /// Bits 83:80: Tells this format apart.
    ///
    /// Must be 3: every write sets it.
    pub const KIND: Bits<TransferRead, 80, 4, Fixed> = unsafe { Bits::new("KIND") };
    /// Bit 84: Asks for word when it is done.
    pub const REPORT: Flag<TransferRead, 84> = unsafe { Flag::new("REPORT") };
    /// Bit 85: Another follows.
    pub const MORE: Flag<TransferRead, 85> = unsafe { Flag::new("MORE") };
    /// Bits 127:96: For software.
    pub const TAG: Bits<TransferRead, 96, 32> = unsafe { Bits::new("TAG") };
}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for TransferRead {
        const NAME: &'static str = "Transfer";
        const WRITABLE: [u64; 2] = [0xffff_ffff_ffff_ffff, 0xffff_ffff_0030_ffff];
    }
    unsafe impl DescriptorFormat for TransferRead {
        const SECTION: &'static str = "6.1";
        const FIXED: [u64; 2] = [0, 0x0000_0000_0003_0000];
    }
};

/// A transfer, as the chip writes it back (datasheet 6.2).
#[cfg_attr(doc, doc = include_str!("docs/TransferWriteBack.descriptor.html"))]
///
/// `DONE` is set by the device when it is done.
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 0 | [`FAILED`](Self::FAILED) | `ro` | It failed. |
/// | 3:1 | [`ERROR`](Self::ERROR) | `ro` | Only while `FAILED` is 1: Why it failed.<br>1: `Address`<br>2: `Length` |
/// | 3:1 | [`BLOCKS`](Self::BLOCKS) | `ro` | Only while `FAILED` is 0: How many blocks it had. |
/// | 63:4 |  |  | reserved |
/// | 64 | [`DONE`](Self::DONE) | `ro` | The chip is done. |
/// | 127:65 |  |  | reserved |
#[derive(Debug, Clone, Copy)]
pub enum TransferWriteBack {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl TransferWriteBack {
    /// Bit 0: It failed.
    pub const FAILED: Flag<TransferWriteBack, 0, ReadOnly> = unsafe {
        Flag::new("FAILED")
    };
    /// Bits 3:1: Only while `FAILED` is 1: Why it failed.
    pub const ERROR: Enumerated<
        TransferWriteBack,
        1,
        3,
        transfer_write_back::ERROR,
        ReadOnly,
    > = unsafe { Enumerated::new("ERROR") };
    /// Bits 3:1: Only while `FAILED` is 0: How many blocks it had.
    pub const BLOCKS: Bits<TransferWriteBack, 1, 3, ReadOnly> = unsafe {
        Bits::new("BLOCKS")
    };
    /// Bit 64: The chip is done.
    pub const DONE: Flag<TransferWriteBack, 64, ReadOnly> = unsafe { Flag::new("DONE") };
}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for TransferWriteBack {
        const NAME: &'static str = "Transfer";
        const WRITABLE: [u64; 2] = [0, 0];
    }
    unsafe impl DescriptorFormat for TransferWriteBack {
        const SECTION: &'static str = "6.2";
        const FIXED: [u64; 2] = [0, 0];
    }
    #[diagnostic::do_not_recommend]
    unsafe impl WriteBack for TransferWriteBack {
        const DONE: u32 = 64;
    }
};

/// Values of the fields of [`TransferWriteBack`].
pub mod transfer_write_back {
    use ::core::prelude::v1::*;
    /// Why it failed.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[repr(u32)]
    pub enum ERROR {
        /// 1
        Address = 1,
        /// 2
        Length = 2,
    }
    #[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
    unsafe impl super::Enumeration for ERROR {
        #[inline(always)]
        fn from_bits(raw: u64) -> Option<Self> {
            match raw {
                1 => Some(Self::Address),
                2 => Some(Self::Length),
                _ => None,
            }
        }
        #[inline(always)]
        fn to_bits(self) -> u64 {
            self as u64
        }
    }
}

/// What is before the data of a transfer (datasheet 6.3).
#[cfg_attr(doc, doc = include_str!("docs/Header.descriptor.html"))]
///
/// A structure of 4 bytes, and up to 10 with its tail, which may be missing from any byte on. Fields are big-endian; bit 0 is the lowest of the first byte.
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 0 | [`URGENT`](Self::URGENT) | `rw` | It goes before others. |
/// | 3:1 |  |  | reserved |
/// | 7:4 | [`KIND`](Self::KIND) | `rw` | What the data is.<br>1: `Text`<br>2: `Picture` |
/// | 15:8 |  |  | reserved |
/// | 31:16 | [`LENGTH`](Self::LENGTH) | `rw` | How much data there is. In bytes, from 1 to 9000. |
/// | 63:32 | [`STAMP`](Self::STAMP) | `rw` | When it was sent. |
/// | 79:64 | [`PORT`](Self::PORT) | `rw` | Where it came from. |
#[derive(Debug, Clone, Copy)]
pub enum Header {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl Header {
    /// Bit 0: It goes before others.
    pub const URGENT: Flag<Header, 0> = unsafe { Flag::new("URGENT") };
    /// Bits 7:4: What the data is.
    pub const KIND: Enumerated<Header, 4, 4, header::KIND> = unsafe {
        Enumerated::new("KIND")
    };
    /// Bits 31:16: How much data there is. In bytes, from 1 to 9000.
    pub const LENGTH: Bits<Header, 16, 16> = unsafe { Bits::ranged("LENGTH", 1, 9000) };
    /// Bits 63:32: When it was sent.
    pub const STAMP: Tail<Bits<Header, 32, 32>> = Tail::new(unsafe {
        Bits::new("STAMP")
    });
    /// Bits 79:64: Where it came from.
    pub const PORT: Tail<Bits<Header, 64, 16>> = Tail::new(unsafe { Bits::new("PORT") });
}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for Header {
        const NAME: &'static str = "Header";
        const WRITABLE: [u64; 2] = [0xffff_ffff_ffff_00f1, 0x0000_0000_0000_ffff];
    }
    impl Structure for Header {
        const LEAST: usize = 4;
        const BIG_ENDIAN: bool = true;
    }
};

/// Values of the fields of [`Header`].
pub mod header {
    use ::core::prelude::v1::*;
    /// What the data is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[repr(u32)]
    pub enum KIND {
        /// 1
        Text = 1,
        /// 2
        Picture = 2,
    }
    #[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
    unsafe impl super::Enumeration for KIND {
        #[inline(always)]
        fn from_bits(raw: u64) -> Option<Self> {
            match raw {
                1 => Some(Self::Text),
                2 => Some(Self::Picture),
                _ => None,
            }
        }
        #[inline(always)]
        fn to_bits(self) -> u64 {
            self as u64
        }
    }
}

/// All descriptor formats of the Demo 1 controller.
pub static DESCRIPTORS: &[DescriptorInfo] = &[
    DescriptorInfo {
        name: "Transfer",
        format: "read",
        section: "6.1",
        bits: 128,
        fields: &[
            FieldInfo {
                name: "ADDRESS",
                lsb: 0,
                width: 64,
                access: AccessKind::Rw,
                values: &[],
            },
            FieldInfo {
                name: "LENGTH",
                lsb: 64,
                width: 16,
                access: AccessKind::Rw,
                values: &[],
            },
            FieldInfo {
                name: "KIND",
                lsb: 80,
                width: 4,
                access: AccessKind::Rw,
                values: &[],
            },
            FieldInfo {
                name: "REPORT",
                lsb: 84,
                width: 1,
                access: AccessKind::Rw,
                values: &[],
            },
            FieldInfo {
                name: "MORE",
                lsb: 85,
                width: 1,
                access: AccessKind::Rw,
                values: &[],
            },
            FieldInfo {
                name: "TAG",
                lsb: 96,
                width: 32,
                access: AccessKind::Rw,
                values: &[],
            },
        ],
    },
    DescriptorInfo {
        name: "Transfer",
        format: "write_back",
        section: "6.2",
        bits: 128,
        fields: &[
            FieldInfo {
                name: "FAILED",
                lsb: 0,
                width: 1,
                access: AccessKind::Ro,
                values: &[],
            },
            FieldInfo {
                name: "ERROR",
                lsb: 1,
                width: 3,
                access: AccessKind::Ro,
                values: &[("Address", 1), ("Length", 2)],
            },
            FieldInfo {
                name: "BLOCKS",
                lsb: 1,
                width: 3,
                access: AccessKind::Ro,
                values: &[],
            },
            FieldInfo {
                name: "DONE",
                lsb: 64,
                width: 1,
                access: AccessKind::Ro,
                values: &[],
            },
        ],
    },
    DescriptorInfo {
        name: "Header",
        format: "structure",
        section: "6.3",
        bits: 80,
        fields: &[
            FieldInfo {
                name: "URGENT",
                lsb: 0,
                width: 1,
                access: AccessKind::Rw,
                values: &[],
            },
            FieldInfo {
                name: "KIND",
                lsb: 4,
                width: 4,
                access: AccessKind::Rw,
                values: &[("Text", 1), ("Picture", 2)],
            },
            FieldInfo {
                name: "LENGTH",
                lsb: 16,
                width: 16,
                access: AccessKind::Rw,
                values: &[],
            },
            FieldInfo {
                name: "STAMP",
                lsb: 32,
                width: 32,
                access: AccessKind::Rw,
                values: &[],
            },
            FieldInfo {
                name: "PORT",
                lsb: 64,
                width: 16,
                access: AccessKind::Rw,
                values: &[],
            },
        ],
    },
];
