// Demo 1 controller: generated from its description. Edit the description, not this file.
// SAFETY: each `unsafe` item states a fact of the description, which was checked during generation.

use ::core::prelude::v1::*;
#[allow(unused_imports)]
use ::demo::runtime::descriptor::DescriptorFormat;
#[allow(unused_imports)]
use ::demo::runtime::field::access::{Added, DriverOnly};
#[allow(unused_imports)]
use ::demo::runtime::field::{Bits, Enumerated, Enumeration, Flag, Layout, ValueOf};
#[allow(unused_imports)]
use ::demo::runtime::info::{AccessKind, DescriptorInfo, FieldInfo};
#[allow(unused_imports)]
use ::demo::descriptors::{Header, TransferRead, TransferWriteBack};

/// Additions of `Acme` to [`TransferRead`]: A transfer, as software writes it.
#[cfg_attr(doc, doc = include_str!("docs/AcmeTransferRead.descriptor.html"))]
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 88 | [`TRACE`](Self::TRACE) | `rw` | The transfer goes to the log. |
/// | 95:92 | [`SLOT`](Self::SLOT) | `rw` | Where in the log. |
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
pub trait AcmeTransferRead {
    /// Bit 88: The transfer goes to the log.
    const TRACE: Flag<TransferRead, 88, Added> = unsafe { Flag::new("TRACE") };
    /// Bits 95:92: Where in the log.
    const SLOT: Bits<TransferRead, 92, 4, DriverOnly> = unsafe { Bits::new("SLOT") };
}
impl AcmeTransferRead for TransferRead {}

/// Additions of `Acme` to [`TransferWriteBack`]: A transfer, as the chip writes it back.
#[cfg_attr(doc, doc = include_str!("docs/AcmeTransferWriteBack.descriptor.html"))]
///
/// - Further values of [`ERROR`](TransferWriteBack::ERROR), in [`ERROR`](transfer_write_back::ERROR): 5: `Board`.
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
pub trait AcmeTransferWriteBack {}
impl AcmeTransferWriteBack for TransferWriteBack {}

/// Values of the fields of [`TransferWriteBack`].
pub mod transfer_write_back {
    use ::core::prelude::v1::*;
    /// Values of `ERROR`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[repr(u32)]
    pub enum ERROR {
        /// 5
        Board = 5,
    }
    #[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
    unsafe impl super::Enumeration for ERROR {
        #[inline(always)]
        fn from_bits(raw: u64) -> Option<Self> {
            match raw {
                5 => Some(Self::Board),
                _ => None,
            }
        }
        #[inline(always)]
        fn to_bits(self) -> u64 {
            self as u64
        }
    }
}
#[diagnostic::do_not_recommend]
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
unsafe impl ValueOf<::demo::descriptors::transfer_write_back::ERROR>
for transfer_write_back::ERROR {}

/// Additions of `Acme` to [`Header`]: What is before the data of a transfer.
#[cfg_attr(doc, doc = include_str!("docs/AcmeHeader.descriptor.html"))]
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 15:8 | [`COLOUR`](Self::COLOUR) | `rw` | Its colour.<br>1: `Red` |
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
pub trait AcmeHeader {
    /// Bits 15:8: Its colour.
    const COLOUR: Enumerated<Header, 8, 8, header::COLOUR, Added> = unsafe {
        Enumerated::new("COLOUR")
    };
}
impl AcmeHeader for Header {}

/// Values of the fields of [`Header`].
pub mod header {
    use ::core::prelude::v1::*;
    /// Its colour.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[repr(u32)]
    pub enum COLOUR {
        /// 1
        Red = 1,
    }
    #[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
    unsafe impl super::Enumeration for COLOUR {
        #[inline(always)]
        fn from_bits(raw: u64) -> Option<Self> {
            match raw {
                1 => Some(Self::Red),
                _ => None,
            }
        }
        #[inline(always)]
        fn to_bits(self) -> u64 {
            self as u64
        }
    }
}

/// An entry of the log (datasheet A.3).
#[cfg_attr(doc, doc = include_str!("docs/LogMemory.descriptor.html"))]
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 31:0 | [`TIME`](Self::TIME) | `rw` | When it was. |
/// | 39:32 | [`WHAT`](Self::WHAT) | `rw` | What it was.<br>1: `Start`<br>2: `End` |
/// | 63:40 |  |  | reserved |
#[derive(Debug, Clone, Copy)]
pub enum LogMemory {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl LogMemory {
    /// Bits 31:0: When it was.
    pub const TIME: Bits<LogMemory, 0, 32> = unsafe { Bits::new("TIME") };
    /// Bits 39:32: What it was.
    pub const WHAT: Enumerated<LogMemory, 32, 8, log_memory::WHAT> = unsafe {
        Enumerated::new("WHAT")
    };
}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for LogMemory {
        const NAME: &'static str = "Log";
        const WRITABLE: [u64; 2] = [0x0000_00ff_ffff_ffff, 0];
    }
    unsafe impl DescriptorFormat for LogMemory {
        const SECTION: &'static str = "A.3";
        const FIXED: [u64; 2] = [0, 0];
    }
};

/// Values of the fields of [`LogMemory`].
pub mod log_memory {
    use ::core::prelude::v1::*;
    /// What it was.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[repr(u32)]
    pub enum WHAT {
        /// 1
        Start = 1,
        /// 2
        End = 2,
    }
    #[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
    unsafe impl super::Enumeration for WHAT {
        #[inline(always)]
        fn from_bits(raw: u64) -> Option<Self> {
            match raw {
                1 => Some(Self::Start),
                2 => Some(Self::End),
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
        name: "Log",
        format: "memory",
        section: "A.3",
        bits: 64,
        fields: &[
            FieldInfo {
                name: "TIME",
                lsb: 0,
                width: 32,
                access: AccessKind::Rw,
                values: &[],
            },
            FieldInfo {
                name: "WHAT",
                lsb: 32,
                width: 8,
                access: AccessKind::Rw,
                values: &[("Start", 1), ("End", 2)],
            },
        ],
    },
];
