// Demo 1 controller: generated from its description. Edit the description, not this file.
// SAFETY: each `unsafe` item states a fact of the description, which was checked during generation.

use ::core::prelude::v1::*;
#[allow(unused_imports)]
use ::demo::runtime::array::{Array, Range};
#[allow(unused_imports)]
use ::demo::runtime::field::access::{Added, ReadOnly};
#[allow(unused_imports)]
use ::demo::runtime::field::{Bits, Enumeration, Flag, Layout, ValueOf};
#[allow(unused_imports)]
use ::demo::runtime::info::{AccessKind, FieldInfo, RegisterInfo};
#[allow(unused_imports)]
use ::demo::runtime::register::{
    Driver, Exclusive, Pair, PlainWrite, PureRead, Reg, Register, Resettable, WritableIn,
};
#[allow(unused_imports)]
use ::demo::runtime::space::Space;
#[allow(unused_imports)]
use ::demo::registers::{
    BASE, LEVEL, Lane, LaneSpace, MODE, RegisterSpace, Registers, SCRATCH,
};

/// Additions of `Acme` to [`MODE`]: Mode of Operation.
#[cfg_attr(doc, doc = include_str!("docs/AcmeMODE.html"))]
///
/// - Further values of [`SPEED`](MODE::SPEED), in [`SPEED`](mode::SPEED): 3: `Ludicrous`.
///
/// | Bits | Field | Access | Reset | Meaning |
/// | ---: | --- | --- | ---: | --- |
/// | 16 | [`ACME`](Self::ACME) | `ro` | 0 | This is one of Acme's boards. |
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
pub trait AcmeMODE {
    /// Bit 16: This is one of Acme's boards.
    const ACME: Flag<MODE, 16, ReadOnly> = unsafe { Flag::new("ACME") };
}
impl AcmeMODE for MODE {}

/// Values of the fields of [`MODE`].
pub mod mode {
    use ::core::prelude::v1::*;
    /// Values of `SPEED`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[repr(u32)]
    pub enum SPEED {
        /// 3
        Ludicrous = 3,
    }
    #[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
    unsafe impl super::Enumeration for SPEED {
        #[inline(always)]
        fn from_bits(raw: u64) -> Option<Self> {
            match raw {
                3 => Some(Self::Ludicrous),
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
unsafe impl ValueOf<::demo::registers::mode::SPEED> for mode::SPEED {}

/// Additions of `Acme` to [`BASE`]: Base Address.
#[cfg_attr(doc, doc = include_str!("docs/AcmeBASE.html"))]
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 0 | [`CACHED`](Self::CACHED) | `rw` | The descriptors may be cached. |
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
pub trait AcmeBASE {
    /// Bit 0: The descriptors may be cached.
    const CACHED: Flag<BASE, 0, Added> = unsafe { Flag::new("CACHED") };
}
impl AcmeBASE for BASE {}

/// The permissions: compile-time evidence of a state, which a write needs.
pub mod permission {
    use ::core::prelude::v1::*;
    pub use ::demo::registers::permission::{Idle, Busy, LaneStopped, Watched};
    /// All lamps are off.
    #[derive(Debug)]
    pub enum Dark {}
    /// Nobody looks.
    #[derive(Debug)]
    pub enum Quiet {}
}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    #[diagnostic::do_not_recommend]
    unsafe impl ::demo::registers::permit::LEVEL for permission::Quiet {}
};

/// The permissions to write each register.
///
/// # Safety
///
/// A permission may have the trait of a register only if the description lets it write that register.
#[doc(hidden)]
#[allow(unsafe_code, clippy::missing_safety_doc, clippy::undocumented_unsafe_blocks)]
pub mod permit {
    use super::{Driver, Exclusive, permission};
    /// The permissions to write `LAMP`.
    #[diagnostic::on_unimplemented(
        message = "register `LAMP` may not be written in state `{Self}`",
        label = "not in state `{Self}`",
        note = "datasheet A.1: `LAMP` may be written in: Idle"
    )]
    pub unsafe trait LAMP {}
    #[diagnostic::do_not_recommend]
    unsafe impl LAMP for permission::Idle {}
    unsafe impl<P: LAMP> LAMP for Exclusive<P> {}
    unsafe impl<P: LAMP> LAMP for Driver<P> {}
    /// The permissions to write `LAMP_H`.
    #[diagnostic::on_unimplemented(
        message = "register `LAMP_H` may not be written in state `{Self}`",
        label = "not in state `{Self}`",
        note = "datasheet A.2: `LAMP_H` may be written in: Dark, Quiet"
    )]
    #[allow(non_camel_case_types)]
    pub unsafe trait LAMP_H {}
    #[diagnostic::do_not_recommend]
    unsafe impl LAMP_H for permission::Dark {}
    #[diagnostic::do_not_recommend]
    unsafe impl LAMP_H for permission::Quiet {}
    unsafe impl<P: LAMP_H> LAMP_H for Exclusive<P> {}
    unsafe impl<P: LAMP_H> LAMP_H for Driver<P> {}
}

/// Lamp (datasheet A.1).
#[cfg_attr(doc, doc = include_str!("docs/LAMP.html"))]
///
/// - Reached by: [`lamp`](AcmeRegisters::lamp); together with [`LAMP_H`] as one value: [`lamps`](AcmeRegisters::lamps). Group: [Control](by_group#control).
/// - Access: `rw`: a read returns the written value.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x00A00 + 0x4 * n` for n = 0 to 5.
/// - May be written in: [`Idle`](permission::Idle).
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 0 | [`ON`](Self::ON) | `rw` | The lamp of the lane is on. |
/// | 31:1 |  |  | reserved, preserved |
#[derive(Debug, Clone, Copy)]
pub enum LAMP {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl LAMP {
    /// The offsets of the elements.
    pub const ARRAY: Array<LaneSpace, RegisterSpace, u32, 1> = Array::constant([
        Range {
            first: 0,
            count: 6,
            base: 0x00a00,
            stride: 0x4,
        },
    ]);
    /// Bit 0: The lamp of the lane is on.
    pub const ON: Flag<LAMP, 0> = unsafe { Flag::new("ON") };
}
::demo::runtime::register_long_name!(LAMP);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for LAMP {
        const NAME: &'static str = "LAMP";
        const WRITABLE: [u64; 2] = [0x0000_0000_0000_0001, 0];
    }
    unsafe impl Register for LAMP {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "LAMP",
            title: "Lamp",
            section: "A.1",
            page: 0,
            group: "control",
            width: 32,
            access: AccessKind::Rw,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0xffff_fffe,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 6,
                    base: 0x00a00,
                    stride: 0x4,
                },
            ],
            aliases: &[],
            write_in: &["Idle"],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "ON",
                    lsb: 0,
                    width: 1,
                    access: AccessKind::Rw,
                    values: &[],
                },
            ],
        };
        const PRESERVE_MASK: u64 = 0xffff_ffff;
        const FORCED_ONES: u64 = 0x0000_0000;
        const RESET_VALUE: u64 = 0x0000_0000;
    }
    #[diagnostic::do_not_recommend]
    unsafe impl PureRead for LAMP {}
    #[diagnostic::do_not_recommend]
    unsafe impl PlainWrite for LAMP {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for LAMP {}
    unsafe impl<P: permit::LAMP> WritableIn<P> for LAMP {}
};

/// Colour of the Lamp (datasheet A.2).
#[cfg_attr(doc, doc = include_str!("docs/LAMP_H.html"))]
///
/// - Reached by: [`lamp_h`](AcmeRegisters::lamp_h); together with [`LAMP`] as one value: [`lamps`](AcmeRegisters::lamps). Group: [Control](by_group#control).
/// - Access: `rw`: a read returns the written value.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x00A20 + 0x4 * n` for n = 0 to 5.
/// - May be written in: [`Dark`](permission::Dark), [`Quiet`](permission::Quiet).
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 7:0 | [`COLOUR`](Self::COLOUR) | `rw` | Its colour. |
/// | 31:8 |  |  | reserved, preserved |
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum LAMP_H {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl LAMP_H {
    /// The offsets of the elements.
    pub const ARRAY: Array<LaneSpace, RegisterSpace, u32, 1> = Array::constant([
        Range {
            first: 0,
            count: 6,
            base: 0x00a20,
            stride: 0x4,
        },
    ]);
    /// Bits 7:0: Its colour.
    pub const COLOUR: Bits<LAMP_H, 0, 8> = unsafe { Bits::new("COLOUR") };
}
::demo::runtime::register_long_name!(LAMP_H);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for LAMP_H {
        const NAME: &'static str = "LAMP_H";
        const WRITABLE: [u64; 2] = [0x0000_0000_0000_00ff, 0];
    }
    unsafe impl Register for LAMP_H {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "LAMP_H",
            title: "Colour of the Lamp",
            section: "A.2",
            page: 0,
            group: "control",
            width: 32,
            access: AccessKind::Rw,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0xffff_ff00,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 6,
                    base: 0x00a20,
                    stride: 0x4,
                },
            ],
            aliases: &[],
            write_in: &["Dark"],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "COLOUR",
                    lsb: 0,
                    width: 8,
                    access: AccessKind::Rw,
                    values: &[],
                },
            ],
        };
        const PRESERVE_MASK: u64 = 0xffff_ffff;
        const FORCED_ONES: u64 = 0x0000_0000;
        const RESET_VALUE: u64 = 0x0000_0000;
    }
    #[diagnostic::do_not_recommend]
    unsafe impl PureRead for LAMP_H {}
    #[diagnostic::do_not_recommend]
    unsafe impl PlainWrite for LAMP_H {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for LAMP_H {}
    unsafe impl<P: permit::LAMP_H> WritableIn<P> for LAMP_H {}
};

/// The registers that `Acme` adds.
pub trait AcmeRegisters<'a, B, P>: Sized {
    /// [`LAMP`]: Lamp (A.1).
    fn lamp(self, index: Lane) -> Reg<'a, B, LAMP, P>;
    /// [`LAMP_H`]: Colour of the Lamp (A.2).
    fn lamp_h(self, index: Lane) -> Reg<'a, B, LAMP_H, P>;
    /// [`LAMP`] and [`LAMP_H`] as one value: The lamp with its colour.
    fn lamps(self, index: Lane) -> Pair<'a, B, LAMP, LAMP_H, P>;
    /// [`SCRATCH`] and [`LEVEL`] as one value.
    fn kept(self) -> Pair<'a, B, SCRATCH, LEVEL, P>;
}

impl<'a, B, P> AcmeRegisters<'a, B, P> for Registers<'a, B, P> {
    #[inline(always)]
    #[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
    fn lamp(self, index: Lane) -> Reg<'a, B, LAMP, P> {
        unsafe { self.added(LAMP::ARRAY.offset(index)) }
    }
    #[inline(always)]
    #[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
    fn lamp_h(self, index: Lane) -> Reg<'a, B, LAMP_H, P> {
        unsafe { self.added(LAMP_H::ARRAY.offset(index)) }
    }
    #[inline(always)]
    fn lamps(self, index: Lane) -> Pair<'a, B, LAMP, LAMP_H, P> {
        Pair::high_first(self.lamp(index), self.lamp_h(index))
    }
    #[inline(always)]
    fn kept(self) -> Pair<'a, B, SCRATCH, LEVEL, P> {
        Pair::new(self.scratch(), self.level())
    }
}

/// All registers of the Demo 1 controller.
pub static REGISTERS: &[RegisterInfo] = &[
    <LAMP as Register>::INFO,
    <LAMP_H as Register>::INFO,
];

/// All registers by address. An array is listed at its first element, once for each range.
#[cfg(doc)]
#[doc = include_str!("docs/by_address.md")]
pub mod by_address {}

/// All registers by name.
#[cfg(doc)]
#[doc = include_str!("docs/by_name.md")]
pub mod by_name {}

/// All registers by group.
#[cfg(doc)]
#[doc = include_str!("docs/by_group.md")]
pub mod by_group {}
