// Demo 1 controller: generated from its description. Edit the description, not this file.
// SAFETY: each `unsafe` item states a fact of the description, which was checked during generation.

use ::core::prelude::v1::*;
#[allow(unused_imports)]
use ::datasheet_runtime::address::DmaAddr;
#[allow(unused_imports)]
use ::datasheet_runtime::array::{Array, Below, Index, IndexSpace, Range};
#[allow(unused_imports)]
use ::datasheet_runtime::field::access::{
    Fixed, OneToClear, OneToSet, ReadOnly, ReadToClear, SelfClearing, WriteOnly,
    ZeroToClear,
};
#[allow(unused_imports)]
use ::datasheet_runtime::field::{Bits, Enumerated, Enumeration, Flag, Layout};
#[allow(unused_imports)]
use ::datasheet_runtime::info::{
    AccessKind, CommandInfo, FieldInfo, RegisterInfo, WindowInfo,
};
#[allow(unused_imports)]
use ::datasheet_runtime::register::{
    Doorbell, Driver, Exclusive, Pair, PlainWrite, PureRead, RawWrite, ReachedDirectly,
    Reg, Register, Resettable, SideEffectRead, WritableIn, WriteOneToClear, WriteOneToSet,
};
#[allow(unused_imports)]
use ::datasheet_runtime::space::{LittleEndian, Offset, Space};
#[allow(unused_imports)]
use ::datasheet_runtime::window::{
    Bank, Commanded, ReadCommand, View, Window, WriteCommand,
};

/// The permissions: compile-time evidence of a state, which a write needs.
pub mod permission {
    use ::core::prelude::v1::*;
    /// Nothing runs.
    #[derive(Debug)]
    pub enum Idle {}
    /// Transfers run.
    #[derive(Debug)]
    pub enum Busy {}
    /// Nothing of the lane is in flight.
    #[derive(Debug)]
    pub enum LaneStopped {}
    /// Somebody looks at the level.
    #[derive(Debug)]
    pub enum Watched {}
}

/// How many [`Lane`] there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LaneSpace {}
impl IndexSpace for LaneSpace {
    const COUNT: u32 = 6;
    const NAME: &'static str = "Lane";
}

/// A lane.
pub type Lane = Index<LaneSpace>;

/// The permissions to write each register.
///
/// # Safety
///
/// A permission may have the trait of a register only if the description lets it write that register.
#[doc(hidden)]
#[allow(unsafe_code, clippy::missing_safety_doc, clippy::undocumented_unsafe_blocks)]
pub mod permit {
    use super::{Driver, Exclusive, permission};
    /// The permissions to write registers without their own rule.
    #[diagnostic::on_unimplemented(
        message = "register `{R}` may not be written in state `{Self}`",
        label = "not in state `{Self}`",
        note = "`{R}` has no rule of its own: such registers may be written in: Idle, Busy"
    )]
    pub unsafe trait AnyRegister<R> {}
    #[diagnostic::do_not_recommend]
    unsafe impl<R> AnyRegister<R> for permission::Idle {}
    #[diagnostic::do_not_recommend]
    unsafe impl<R> AnyRegister<R> for permission::Busy {}
    unsafe impl<R, P: AnyRegister<R>> AnyRegister<R> for Exclusive<P> {}
    unsafe impl<R, P: AnyRegister<R>> AnyRegister<R> for Driver<P> {}
    /// The permissions to write `MODE`.
    #[diagnostic::on_unimplemented(
        message = "register `MODE` may not be written in state `{Self}`",
        label = "not in state `{Self}`",
        note = "datasheet 3.1: `MODE` may be written in: LaneStopped, Idle"
    )]
    pub unsafe trait MODE {}
    #[diagnostic::do_not_recommend]
    unsafe impl MODE for permission::LaneStopped {}
    #[diagnostic::do_not_recommend]
    unsafe impl MODE for permission::Idle {}
    unsafe impl<P: MODE> MODE for Exclusive<P> {}
    unsafe impl<P: MODE> MODE for Driver<P> {}
    /// The permissions to write `BASE`.
    #[diagnostic::on_unimplemented(
        message = "register `BASE` may not be written with permission `{Self}`",
        label = "not with permission `{Self}`",
        note = "datasheet 4.1: `BASE` may be written with: Driver<LaneStopped>, Driver<Idle>",
        note = "`BASE` controls which memory the device accesses, so only the driver may write it"
    )]
    pub unsafe trait BASE {}
    #[diagnostic::do_not_recommend]
    unsafe impl BASE for Driver<permission::LaneStopped> {}
    #[diagnostic::do_not_recommend]
    unsafe impl BASE for Driver<permission::Idle> {}
    /// The permissions to write `BASE_H`.
    #[diagnostic::on_unimplemented(
        message = "register `BASE_H` may not be written with permission `{Self}`",
        label = "not with permission `{Self}`",
        note = "datasheet 4.1: `BASE_H` may be written with: Driver<LaneStopped>, Driver<Idle>",
        note = "`BASE_H` controls which memory the device accesses, so only the driver may write it"
    )]
    #[allow(non_camel_case_types)]
    pub unsafe trait BASE_H {}
    #[diagnostic::do_not_recommend]
    unsafe impl BASE_H for Driver<permission::LaneStopped> {}
    #[diagnostic::do_not_recommend]
    unsafe impl BASE_H for Driver<permission::Idle> {}
    /// The permissions to write `TAIL`.
    #[diagnostic::on_unimplemented(
        message = "register `TAIL` may not be written with permission `{Self}`",
        label = "not with permission `{Self}`",
        note = "datasheet 4.2: `TAIL` may be written with: Driver<Idle>, Driver<Busy>",
        note = "`TAIL` controls which memory the device accesses, so only the driver may write it"
    )]
    pub unsafe trait TAIL {}
    #[diagnostic::do_not_recommend]
    unsafe impl TAIL for Driver<permission::Idle> {}
    #[diagnostic::do_not_recommend]
    unsafe impl TAIL for Driver<permission::Busy> {}
    /// The permissions to write `KEY`.
    #[diagnostic::on_unimplemented(
        message = "register `KEY` may not be written with permission `{Self}`",
        label = "not with permission `{Self}`",
        note = "datasheet 4.3: `KEY` may be written with: Driver<Idle>, Driver<Busy>",
        note = "`KEY` controls the device state that the driver's types track, so only the driver may write it",
        note = "a wrong write of `KEY` can destroy hardware, so no safe code may write it"
    )]
    pub unsafe trait KEY {}
    #[diagnostic::do_not_recommend]
    unsafe impl KEY for Driver<permission::Idle> {}
    #[diagnostic::do_not_recommend]
    unsafe impl KEY for Driver<permission::Busy> {}
    /// The permissions to write `LEVEL`.
    #[diagnostic::on_unimplemented(
        message = "register `LEVEL` may not be written in state `{Self}`",
        label = "not in state `{Self}`",
        note = "datasheet 4.4: `LEVEL` may be written in: Watched"
    )]
    pub unsafe trait LEVEL {}
    #[diagnostic::do_not_recommend]
    unsafe impl LEVEL for permission::Watched {}
    unsafe impl<P: LEVEL> LEVEL for Exclusive<P> {}
    unsafe impl<P: LEVEL> LEVEL for Driver<P> {}
    /// The permissions to write `RATE`.
    #[diagnostic::on_unimplemented(
        message = "register `RATE` may not be written in state `{Self}`",
        label = "not in state `{Self}`",
        note = "datasheet 5.4: `RATE` may be written in: LaneStopped, Idle"
    )]
    pub unsafe trait RATE {}
    #[diagnostic::do_not_recommend]
    unsafe impl RATE for permission::LaneStopped {}
    #[diagnostic::do_not_recommend]
    unsafe impl RATE for permission::Idle {}
    unsafe impl<P: RATE> RATE for Exclusive<P> {}
    unsafe impl<P: RATE> RATE for Driver<P> {}
}

/// Mode of Operation (datasheet 3.1, page 12).
#[cfg_attr(doc, doc = include_str!("docs/MODE.html"))]
///
/// Decides what the chip does; see \[3.1\] and \<MODE\>.
///
/// - Reached by: [`mode`](Registers::mode). Group: [Control](by_group#control).
/// - Access: `rw`: a read returns the written value.
/// - After a reset: `0x0000_0012`.
/// - Where: `0x00000`; also `0x00800`.
/// - May be written in: [`LaneStopped`](permission::LaneStopped), [`Idle`](permission::Idle).
/// - Must write 5 to `MAGIC`: every write sets it.
/// - Must write 0 to `OLD`: every write sets it.
/// - Accessed by: [`Device::start`](crate::device::Device::start), [`Device::stop`](crate::device::Device::stop).
///
/// | Bits | Field | Access | Reset | Meaning |
/// | ---: | --- | --- | ---: | --- |
/// | 1:0 | [`SPEED`](Self::SPEED) | `rw` | 2 | How fast it goes.<br>0: `Stop`<br>1: `Slow`<br>2: `Fast` |
/// | 3:2 |  |  |  | reserved, written as zero |
/// | 7:4 | [`SIZE`](Self::SIZE) | `rw` | 1 | Size of a block. In units of 4 bytes, from 1 to 8. |
/// | 10:8 | [`MAGIC`](Self::MAGIC) | always 5 | 0 | Nobody knows. |
/// | 11 | [`OLD`](Self::OLD) | always 0 | 0 | Has no use any more. |
/// | 12 | [`RESET`](Self::RESET) | `sc` | 0 | Resets the chip. |
/// | 13 | [`READY`](Self::READY) | `ro` | 0 | The chip is ready. |
/// | 14 | [`FAILED`](Self::FAILED) | `w1c` | 0 | Something went wrong. |
/// | 15 | [`STALE`](Self::STALE) | `w0c` | 0 | What was read is out of date. |
/// | 30:16 |  |  |  | reserved, written as zero |
/// | 31 |  |  |  | reserved, preserved (firmware uses it) |
///
/// **Erratum:** READY may come late. (Source: E7.)
///
/// **Doubt about the datasheet** (missing): Nothing is said about bits 3:2.
#[derive(Debug, Clone, Copy)]
#[doc(alias = "MODE_REG")]
pub enum MODE {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl MODE {
    /// The offset of the register.
    pub const OFFSET: Offset<RegisterSpace, u32> = Offset::constant(0x00000);
    /// Bits 1:0: How fast it goes.
    pub const SPEED: Enumerated<MODE, 0, 2, mode::SPEED> = unsafe {
        Enumerated::new("SPEED")
    };
    /// Bits 7:4: Size of a block. In units of 4 bytes, from 1 to 8.
    pub const SIZE: Bits<MODE, 4, 4> = unsafe { Bits::ranged("SIZE", 1, 8) };
    /// Bits 10:8: Nobody knows.
    ///
    /// Must be 5: every write sets it.
    pub const MAGIC: Bits<MODE, 8, 3, Fixed> = unsafe { Bits::new("MAGIC") };
    /// Bit 11: Has no use any more.
    ///
    /// Must be 0: every write sets it.
    pub const OLD: Flag<MODE, 11, Fixed> = unsafe { Flag::new("OLD") };
    /// Bit 12: Resets the chip.
    pub const RESET: Flag<MODE, 12, SelfClearing> = unsafe { Flag::new("RESET") };
    /// Bit 13: The chip is ready.
    pub const READY: Flag<MODE, 13, ReadOnly> = unsafe { Flag::new("READY") };
    /// Bit 14: Something went wrong.
    pub const FAILED: Flag<MODE, 14, OneToClear> = unsafe { Flag::new("FAILED") };
    /// Bit 15: What was read is out of date.
    pub const STALE: Flag<MODE, 15, ZeroToClear> = unsafe { Flag::new("STALE") };
}
::datasheet_runtime::register_long_name!(MODE);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for MODE {
        const NAME: &'static str = "MODE";
        const WRITABLE: [u64; 2] = [0x0000_0000_0000_d0f3, 0];
    }
    unsafe impl Register for MODE {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "MODE",
            title: "Mode of Operation",
            section: "3.1",
            page: 12,
            group: "control",
            width: 32,
            access: AccessKind::Rw,
            reset: Some(0x0000_0012),
            reset_known: 0xffff_ffff,
            preserve: 0x8000_0000,
            must_be_zero: 0x7fff_0a0c,
            must_be_one: 0x0000_0500,
            ranges: &[
                Range {
                    first: 0,
                    count: 1,
                    base: 0x00000,
                    stride: 0x0,
                },
            ],
            aliases: &[
                Range {
                    first: 0,
                    count: 1,
                    base: 0x00800,
                    stride: 0x0,
                },
            ],
            write_in: &["LaneStopped"],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "SPEED",
                    lsb: 0,
                    width: 2,
                    access: AccessKind::Rw,
                    values: &[("Stop", 0), ("Slow", 1), ("Fast", 2)],
                },
                FieldInfo {
                    name: "SIZE",
                    lsb: 4,
                    width: 4,
                    access: AccessKind::Rw,
                    values: &[],
                },
                FieldInfo {
                    name: "MAGIC",
                    lsb: 8,
                    width: 3,
                    access: AccessKind::Rw,
                    values: &[],
                },
                FieldInfo {
                    name: "OLD",
                    lsb: 11,
                    width: 1,
                    access: AccessKind::Rw,
                    values: &[],
                },
                FieldInfo {
                    name: "RESET",
                    lsb: 12,
                    width: 1,
                    access: AccessKind::Sc,
                    values: &[],
                },
                FieldInfo {
                    name: "READY",
                    lsb: 13,
                    width: 1,
                    access: AccessKind::Ro,
                    values: &[],
                },
                FieldInfo {
                    name: "FAILED",
                    lsb: 14,
                    width: 1,
                    access: AccessKind::W1c,
                    values: &[],
                },
                FieldInfo {
                    name: "STALE",
                    lsb: 15,
                    width: 1,
                    access: AccessKind::W0c,
                    values: &[],
                },
            ],
        };
        const PRESERVE_MASK: u64 = 0x8000_20f3;
        const FORCED_ONES: u64 = 0x0000_0500;
        const NEUTRAL_ONES: u64 = 0x0000_8000;
        const RESET_VALUE: u64 = 0x0000_0012;
    }
    #[diagnostic::do_not_recommend]
    unsafe impl PureRead for MODE {}
    #[diagnostic::do_not_recommend]
    unsafe impl PlainWrite for MODE {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for MODE {}
    unsafe impl<P: permit::MODE> WritableIn<P> for MODE {}
};

/// Values of the fields of [`MODE`].
pub mod mode {
    use ::core::prelude::v1::*;
    /// How fast it goes.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[repr(u32)]
    pub enum SPEED {
        /// 0
        Stop = 0,
        /// 1
        Slow = 1,
        /// 2
        Fast = 2,
    }
    #[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
    unsafe impl super::Enumeration for SPEED {
        #[inline(always)]
        fn from_bits(raw: u64) -> Option<Self> {
            match raw {
                0 => Some(Self::Stop),
                1 => Some(Self::Slow),
                2 => Some(Self::Fast),
                _ => None,
            }
        }
        #[inline(always)]
        fn to_bits(self) -> u64 {
            self as u64
        }
    }
}

/// Scratch (datasheet 3.2).
#[cfg_attr(doc, doc = include_str!("docs/SCRATCH.html"))]
///
/// - Reached by: [`scratch`](Registers::scratch). Group: [Control](by_group#control).
/// - Access: `rw`: a read returns the written value.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x00004`.
/// - May be written in: [`Idle`](permission::Idle), [`Busy`](permission::Busy).
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 31:0 | [`SCRATCH`](Self::SCRATCH) | `rw` | For software. |
#[derive(Debug, Clone, Copy)]
pub enum SCRATCH {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl SCRATCH {
    /// The offset of the register.
    pub const OFFSET: Offset<RegisterSpace, u32> = Offset::constant(0x00004);
    /// Bits 31:0: For software.
    pub const SCRATCH: Bits<SCRATCH, 0, 32> = unsafe { Bits::new("SCRATCH") };
}
::datasheet_runtime::register_long_name!(SCRATCH);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for SCRATCH {
        const NAME: &'static str = "SCRATCH";
        const WRITABLE: [u64; 2] = [0x0000_0000_ffff_ffff, 0];
    }
    unsafe impl Register for SCRATCH {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "SCRATCH",
            title: "Scratch",
            section: "3.2",
            page: 0,
            group: "control",
            width: 32,
            access: AccessKind::Rw,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0x0000_0000,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 1,
                    base: 0x00004,
                    stride: 0x0,
                },
            ],
            aliases: &[],
            write_in: &["Idle", "Busy"],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "SCRATCH",
                    lsb: 0,
                    width: 32,
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
    unsafe impl PureRead for SCRATCH {}
    #[diagnostic::do_not_recommend]
    unsafe impl PlainWrite for SCRATCH {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for SCRATCH {}
    #[diagnostic::do_not_recommend]
    unsafe impl RawWrite for SCRATCH {}
    unsafe impl<P: permit::AnyRegister<SCRATCH>> WritableIn<P> for SCRATCH {}
};

/// Interrupt Cause (datasheet 3.3).
#[cfg_attr(doc, doc = include_str!("docs/CAUSE.html"))]
///
/// - Reached by: [`cause`](Registers::cause). Group: [Control](by_group#control).
/// - Access: `rc_w1c`: a read clears it, and so does writing a one.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x00008`.
/// - May be written in: [`Idle`](permission::Idle), [`Busy`](permission::Busy).
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 0 | [`DONE`](Self::DONE) | `rc_w1c` | A transfer is done. |
/// | 31:1 |  |  | reserved, preserved |
#[derive(Debug, Clone, Copy)]
pub enum CAUSE {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl CAUSE {
    /// The offset of the register.
    pub const OFFSET: Offset<RegisterSpace, u32> = Offset::constant(0x00008);
    /// Bit 0: A transfer is done.
    pub const DONE: Flag<CAUSE, 0, OneToClear> = unsafe { Flag::new("DONE") };
}
::datasheet_runtime::register_long_name!(CAUSE);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for CAUSE {
        const NAME: &'static str = "CAUSE";
        const WRITABLE: [u64; 2] = [0x0000_0000_0000_0001, 0];
    }
    unsafe impl Register for CAUSE {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "CAUSE",
            title: "Interrupt Cause",
            section: "3.3",
            page: 0,
            group: "control",
            width: 32,
            access: AccessKind::RcW1c,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0xffff_fffe,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 1,
                    base: 0x00008,
                    stride: 0x0,
                },
            ],
            aliases: &[],
            write_in: &["Idle", "Busy"],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "DONE",
                    lsb: 0,
                    width: 1,
                    access: AccessKind::RcW1c,
                    values: &[],
                },
            ],
        };
        const PRESERVE_MASK: u64 = 0xffff_fffe;
        const FORCED_ONES: u64 = 0x0000_0000;
        const RESET_VALUE: u64 = 0x0000_0000;
    }
    #[diagnostic::do_not_recommend]
    unsafe impl SideEffectRead for CAUSE {}
    #[diagnostic::do_not_recommend]
    unsafe impl WriteOneToClear for CAUSE {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for CAUSE {}
    unsafe impl<P: permit::AnyRegister<CAUSE>> WritableIn<P> for CAUSE {}
};

/// Interrupt Mask (datasheet 3.4).
#[cfg_attr(doc, doc = include_str!("docs/MASK.html"))]
///
/// - Reached by: [`mask`](Registers::mask). Group: [Control](by_group#control).
/// - Access: `w1s`: writing a one sets the bit, a zero does nothing.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x0000C`.
/// - May be written in: [`Idle`](permission::Idle), [`Busy`](permission::Busy).
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 0 | [`DONE`](Self::DONE) | `w1s` | Interrupts when a transfer is done. |
/// | 31:1 |  |  | reserved, preserved |
#[derive(Debug, Clone, Copy)]
pub enum MASK {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl MASK {
    /// The offset of the register.
    pub const OFFSET: Offset<RegisterSpace, u32> = Offset::constant(0x0000c);
    /// Bit 0: Interrupts when a transfer is done.
    pub const DONE: Flag<MASK, 0, OneToSet> = unsafe { Flag::new("DONE") };
}
::datasheet_runtime::register_long_name!(MASK);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for MASK {
        const NAME: &'static str = "MASK";
        const WRITABLE: [u64; 2] = [0x0000_0000_0000_0001, 0];
    }
    unsafe impl Register for MASK {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "MASK",
            title: "Interrupt Mask",
            section: "3.4",
            page: 0,
            group: "control",
            width: 32,
            access: AccessKind::W1s,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0xffff_fffe,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 1,
                    base: 0x0000c,
                    stride: 0x0,
                },
            ],
            aliases: &[],
            write_in: &["Idle", "Busy"],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "DONE",
                    lsb: 0,
                    width: 1,
                    access: AccessKind::W1s,
                    values: &[],
                },
            ],
        };
        const PRESERVE_MASK: u64 = 0xffff_fffe;
        const FORCED_ONES: u64 = 0x0000_0000;
        const RESET_VALUE: u64 = 0x0000_0000;
    }
    #[diagnostic::do_not_recommend]
    unsafe impl PureRead for MASK {}
    #[diagnostic::do_not_recommend]
    unsafe impl WriteOneToSet for MASK {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for MASK {}
    unsafe impl<P: permit::AnyRegister<MASK>> WritableIn<P> for MASK {}
};

/// Interrupt Mask Clear (datasheet 3.5).
#[cfg_attr(doc, doc = include_str!("docs/UNMASK.html"))]
///
/// - Reached by: [`unmask`](Registers::unmask). Group: [Control](by_group#control).
/// - Access: `wo`: a read returns no meaningful value.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x00010`.
/// - May be written in: [`Idle`](permission::Idle), [`Busy`](permission::Busy).
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 0 | [`DONE`](Self::DONE) | `wo` | Interrupts when a transfer is done. |
/// | 31:1 |  |  | reserved, preserved |
#[derive(Debug, Clone, Copy)]
pub enum UNMASK {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl UNMASK {
    /// The offset of the register.
    pub const OFFSET: Offset<RegisterSpace, u32> = Offset::constant(0x00010);
    /// Bit 0: Interrupts when a transfer is done.
    pub const DONE: Flag<UNMASK, 0, WriteOnly> = unsafe { Flag::new("DONE") };
}
::datasheet_runtime::register_long_name!(UNMASK);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for UNMASK {
        const NAME: &'static str = "UNMASK";
        const WRITABLE: [u64; 2] = [0x0000_0000_0000_0001, 0];
    }
    unsafe impl Register for UNMASK {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "UNMASK",
            title: "Interrupt Mask Clear",
            section: "3.5",
            page: 0,
            group: "control",
            width: 32,
            access: AccessKind::Wo,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0xffff_fffe,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 1,
                    base: 0x00010,
                    stride: 0x0,
                },
            ],
            aliases: &[],
            write_in: &["Idle", "Busy"],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "DONE",
                    lsb: 0,
                    width: 1,
                    access: AccessKind::Wo,
                    values: &[],
                },
            ],
        };
        const PRESERVE_MASK: u64 = 0xffff_fffe;
        const FORCED_ONES: u64 = 0x0000_0000;
        const RESET_VALUE: u64 = 0x0000_0000;
    }
    #[diagnostic::do_not_recommend]
    unsafe impl PlainWrite for UNMASK {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for UNMASK {}
    unsafe impl<P: permit::AnyRegister<UNMASK>> WritableIn<P> for UNMASK {}
};

/// Base Address (datasheet 4.1).
#[cfg_attr(doc, doc = include_str!("docs/BASE.html"))]
///
/// - Reached by: [`base`](Registers::base); together with [`BASE_H`] as one value: [`bases`](Registers::bases). Group: [Transfers](by_group#transfers).
/// - Access: `rw`: a read returns the written value.
/// - After a reset: unknown, so a write must give every field, or use `modify`.
/// - Where: `0x00100 + 0x40 * n` for n = 0 to 3, `0x00400 + 0x40 * (n - 4)` for n = 4 to 5.
/// - Controls which memory the device accesses, so only the driver may write it, in: [`LaneStopped`](permission::LaneStopped), [`Idle`](permission::Idle).
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 3:0 |  |  | reserved, preserved |
/// | 31:4 | [`BASE`](Self::BASE) | `rw` | Where the descriptors are. In units of 16 bytes. |
#[derive(Debug, Clone, Copy)]
pub enum BASE {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl BASE {
    /// The offsets of the elements.
    pub const ARRAY: Array<LaneSpace, RegisterSpace, u32, 2> = Array::constant([
        Range {
            first: 0,
            count: 4,
            base: 0x00100,
            stride: 0x40,
        },
        Range {
            first: 4,
            count: 2,
            base: 0x00400,
            stride: 0x40,
        },
    ]);
    /// Bits 31:4: Where the descriptors are. In units of 16 bytes.
    pub const BASE: Bits<BASE, 4, 28> = unsafe { Bits::new("BASE") };
}
::datasheet_runtime::register_long_name!(BASE);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for BASE {
        const NAME: &'static str = "BASE";
        const WRITABLE: [u64; 2] = [0x0000_0000_ffff_fff0, 0];
    }
    unsafe impl Register for BASE {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "BASE",
            title: "Base Address",
            section: "4.1",
            page: 0,
            group: "transfer",
            width: 32,
            access: AccessKind::Rw,
            reset: None,
            reset_known: 0x0000_0000,
            preserve: 0x0000_000f,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 4,
                    base: 0x00100,
                    stride: 0x40,
                },
                Range {
                    first: 4,
                    count: 2,
                    base: 0x00400,
                    stride: 0x40,
                },
            ],
            aliases: &[],
            write_in: &["LaneStopped"],
            memory_safety: true,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "BASE",
                    lsb: 4,
                    width: 28,
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
    unsafe impl PureRead for BASE {}
    #[diagnostic::do_not_recommend]
    unsafe impl PlainWrite for BASE {}
    unsafe impl<P: permit::BASE> WritableIn<P> for BASE {}
};

/// Base Address High (datasheet 4.1).
#[cfg_attr(doc, doc = include_str!("docs/BASE_H.html"))]
///
/// - Reached by: [`base_h`](Registers::base_h); together with [`BASE`] as one value: [`bases`](Registers::bases). Group: [Transfers](by_group#transfers).
/// - Access: `rw`: a read returns the written value.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x00108 + 0x40 * n` for n = 0 to 3, `0x00408 + 0x40 * (n - 4)` for n = 4 to 5.
/// - Controls which memory the device accesses, so only the driver may write it, in: [`LaneStopped`](permission::LaneStopped), [`Idle`](permission::Idle).
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 31:0 | [`BASE`](Self::BASE) | `rw` | The high bits. |
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum BASE_H {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl BASE_H {
    /// The offsets of the elements.
    pub const ARRAY: Array<LaneSpace, RegisterSpace, u32, 2> = Array::constant([
        Range {
            first: 0,
            count: 4,
            base: 0x00108,
            stride: 0x40,
        },
        Range {
            first: 4,
            count: 2,
            base: 0x00408,
            stride: 0x40,
        },
    ]);
    /// Bits 31:0: The high bits.
    pub const BASE: Bits<BASE_H, 0, 32> = unsafe { Bits::new("BASE") };
}
::datasheet_runtime::register_long_name!(BASE_H);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for BASE_H {
        const NAME: &'static str = "BASE_H";
        const WRITABLE: [u64; 2] = [0x0000_0000_ffff_ffff, 0];
    }
    unsafe impl Register for BASE_H {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "BASE_H",
            title: "Base Address High",
            section: "4.1",
            page: 0,
            group: "transfer",
            width: 32,
            access: AccessKind::Rw,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0x0000_0000,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 4,
                    base: 0x00108,
                    stride: 0x40,
                },
                Range {
                    first: 4,
                    count: 2,
                    base: 0x00408,
                    stride: 0x40,
                },
            ],
            aliases: &[],
            write_in: &["LaneStopped"],
            memory_safety: true,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "BASE",
                    lsb: 0,
                    width: 32,
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
    unsafe impl PureRead for BASE_H {}
    #[diagnostic::do_not_recommend]
    unsafe impl PlainWrite for BASE_H {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for BASE_H {}
    unsafe impl<P: permit::BASE_H> WritableIn<P> for BASE_H {}
};

/// Tail (datasheet 4.2).
#[cfg_attr(doc, doc = include_str!("docs/TAIL.html"))]
///
/// - Reached by: [`tail`](Registers::tail). Group: [Transfers](by_group#transfers).
/// - Access: `rw`: a read returns the written value.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x00104 + 0x40 * n` for n = 0 to 3, `0x00404 + 0x40 * (n - 4)` for n = 4 to 5.
/// - Controls which memory the device accesses, so only the driver may write it, in: [`Idle`](permission::Idle), [`Busy`](permission::Busy).
/// - A doorbell: a write notifies the device of new work.
/// - Accessed by: [`Device::start`](crate::device::Device::start).
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 15:0 | [`TAIL`](Self::TAIL) | `rw` | The first descriptor that the chip may not use. |
/// | 31:16 |  |  | reserved, preserved |
#[derive(Debug, Clone, Copy)]
pub enum TAIL {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl TAIL {
    /// The offsets of the elements.
    pub const ARRAY: Array<LaneSpace, RegisterSpace, u32, 2> = Array::constant([
        Range {
            first: 0,
            count: 4,
            base: 0x00104,
            stride: 0x40,
        },
        Range {
            first: 4,
            count: 2,
            base: 0x00404,
            stride: 0x40,
        },
    ]);
    /// Bits 15:0: The first descriptor that the chip may not use.
    pub const TAIL: Bits<TAIL, 0, 16> = unsafe { Bits::new("TAIL") };
}
::datasheet_runtime::register_long_name!(TAIL);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for TAIL {
        const NAME: &'static str = "TAIL";
        const WRITABLE: [u64; 2] = [0x0000_0000_0000_ffff, 0];
    }
    unsafe impl Register for TAIL {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "TAIL",
            title: "Tail",
            section: "4.2",
            page: 0,
            group: "transfer",
            width: 32,
            access: AccessKind::Rw,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0xffff_0000,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 4,
                    base: 0x00104,
                    stride: 0x40,
                },
                Range {
                    first: 4,
                    count: 2,
                    base: 0x00404,
                    stride: 0x40,
                },
            ],
            aliases: &[],
            write_in: &["Idle", "Busy"],
            memory_safety: true,
            device_state: false,
            hardware_damage: false,
            doorbell: true,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "TAIL",
                    lsb: 0,
                    width: 16,
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
    unsafe impl PureRead for TAIL {}
    #[diagnostic::do_not_recommend]
    unsafe impl PlainWrite for TAIL {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for TAIL {}
    #[diagnostic::do_not_recommend]
    unsafe impl Doorbell for TAIL {}
    unsafe impl<P: permit::TAIL> WritableIn<P> for TAIL {}
};

/// Key (datasheet 4.3).
#[cfg_attr(doc, doc = include_str!("docs/KEY.html"))]
///
/// - Reached by: [`key`](Registers::key). Group: [Transfers](by_group#transfers).
/// - Access: `rw`: a read returns the written value.
/// - After a reset: `0x0000_00ff`, of which only the bits `0x0000_ffff` are known, so a write must give every field, or use `modify`.
/// - Where: `0x00600 + 0x4 * n` for n = 0 to 9.
/// - Controls the device state. A wrong write can destroy hardware, so only the driver may write it, in: [`Idle`](permission::Idle), [`Busy`](permission::Busy).
///
/// | Bits | Field | Access | Reset | Meaning |
/// | ---: | --- | --- | ---: | --- |
/// | 31:0 | [`KEY`](Self::KEY) | `rw` | ? | A part of the key. |
#[derive(Debug, Clone, Copy)]
pub enum KEY {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl KEY {
    /// The offsets of the elements.
    pub const ARRAY: Array<Below<10>, RegisterSpace, u32, 1> = Array::constant([
        Range {
            first: 0,
            count: 10,
            base: 0x00600,
            stride: 0x4,
        },
    ]);
    /// Bits 31:0: A part of the key.
    pub const KEY: Bits<KEY, 0, 32> = unsafe { Bits::new("KEY") };
}
::datasheet_runtime::register_long_name!(KEY);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for KEY {
        const NAME: &'static str = "KEY";
        const WRITABLE: [u64; 2] = [0x0000_0000_ffff_ffff, 0];
    }
    unsafe impl Register for KEY {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "KEY",
            title: "Key",
            section: "4.3",
            page: 0,
            group: "transfer",
            width: 32,
            access: AccessKind::Rw,
            reset: Some(0x0000_00ff),
            reset_known: 0x0000_ffff,
            preserve: 0x0000_0000,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 10,
                    base: 0x00600,
                    stride: 0x4,
                },
            ],
            aliases: &[],
            write_in: &["Idle", "Busy"],
            memory_safety: false,
            device_state: true,
            hardware_damage: true,
            doorbell: false,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "KEY",
                    lsb: 0,
                    width: 32,
                    access: AccessKind::Rw,
                    values: &[],
                },
            ],
        };
        const PRESERVE_MASK: u64 = 0xffff_ffff;
        const FORCED_ONES: u64 = 0x0000_0000;
        const RESET_VALUE: u64 = 0x0000_00ff;
    }
    #[diagnostic::do_not_recommend]
    unsafe impl PureRead for KEY {}
    #[diagnostic::do_not_recommend]
    unsafe impl PlainWrite for KEY {}
    unsafe impl<P: permit::KEY> WritableIn<P> for KEY {}
};

/// Level (datasheet 4.4).
#[cfg_attr(doc, doc = include_str!("docs/LEVEL.html"))]
///
/// - Reached by: [`level`](Registers::level). Group: [Transfers](by_group#transfers).
/// - Access: `rw`: a read returns the written value.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x00680`.
/// - May be written in: [`Watched`](permission::Watched).
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 31:0 | [`LEVEL`](Self::LEVEL) | `rw` | What is looked at. |
#[derive(Debug, Clone, Copy)]
pub enum LEVEL {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl LEVEL {
    /// The offset of the register.
    pub const OFFSET: Offset<RegisterSpace, u32> = Offset::constant(0x00680);
    /// Bits 31:0: What is looked at.
    pub const LEVEL: Bits<LEVEL, 0, 32> = unsafe { Bits::new("LEVEL") };
}
::datasheet_runtime::register_long_name!(LEVEL);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for LEVEL {
        const NAME: &'static str = "LEVEL";
        const WRITABLE: [u64; 2] = [0x0000_0000_ffff_ffff, 0];
    }
    unsafe impl Register for LEVEL {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "LEVEL",
            title: "Level",
            section: "4.4",
            page: 0,
            group: "transfer",
            width: 32,
            access: AccessKind::Rw,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0x0000_0000,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 1,
                    base: 0x00680,
                    stride: 0x0,
                },
            ],
            aliases: &[],
            write_in: &["Watched"],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "LEVEL",
                    lsb: 0,
                    width: 32,
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
    unsafe impl PureRead for LEVEL {}
    #[diagnostic::do_not_recommend]
    unsafe impl PlainWrite for LEVEL {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for LEVEL {}
    #[diagnostic::do_not_recommend]
    unsafe impl RawWrite for LEVEL {}
    unsafe impl<P: permit::LEVEL> WritableIn<P> for LEVEL {}
};

/// Count Low (datasheet 5.1).
#[cfg_attr(doc, doc = include_str!("docs/COUNT_L.html"))]
///
/// - Reached by: [`count_l`](Registers::count_l); together with [`COUNT_H`] as one value: [`count`](Registers::count). Group: [Transfers](by_group#transfers).
/// - Access: `rc`: a read clears it.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x00700`.
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 31:0 | [`COUNT`](Self::COUNT) | `rc` | The low bits. |
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum COUNT_L {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl COUNT_L {
    /// The offset of the register.
    pub const OFFSET: Offset<RegisterSpace, u32> = Offset::constant(0x00700);
    /// Bits 31:0: The low bits.
    pub const COUNT: Bits<COUNT_L, 0, 32, ReadToClear> = unsafe { Bits::new("COUNT") };
}
::datasheet_runtime::register_long_name!(COUNT_L);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for COUNT_L {
        const NAME: &'static str = "COUNT_L";
        const WRITABLE: [u64; 2] = [0, 0];
    }
    unsafe impl Register for COUNT_L {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "COUNT_L",
            title: "Count Low",
            section: "5.1",
            page: 0,
            group: "transfer",
            width: 32,
            access: AccessKind::Rc,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0x0000_0000,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 1,
                    base: 0x00700,
                    stride: 0x0,
                },
            ],
            aliases: &[],
            write_in: &[],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "COUNT",
                    lsb: 0,
                    width: 32,
                    access: AccessKind::Rc,
                    values: &[],
                },
            ],
        };
        const PRESERVE_MASK: u64 = 0x0000_0000;
        const FORCED_ONES: u64 = 0x0000_0000;
        const RESET_VALUE: u64 = 0x0000_0000;
    }
    #[diagnostic::do_not_recommend]
    unsafe impl SideEffectRead for COUNT_L {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for COUNT_L {}
    #[diagnostic::do_not_recommend]
    unsafe impl<P> WritableIn<P> for COUNT_L {}
};

/// Count High (datasheet 5.2).
#[cfg_attr(doc, doc = include_str!("docs/COUNT_H.html"))]
///
/// - Reached by: [`count_h`](Registers::count_h); together with [`COUNT_L`] as one value: [`count`](Registers::count). Group: [Transfers](by_group#transfers).
/// - Access: `rc`: a read clears it.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x00704`.
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 3:0 | [`COUNT`](Self::COUNT) | `rc` | The high bits. |
/// | 31:4 |  |  | reserved |
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum COUNT_H {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl COUNT_H {
    /// The offset of the register.
    pub const OFFSET: Offset<RegisterSpace, u32> = Offset::constant(0x00704);
    /// Bits 3:0: The high bits.
    pub const COUNT: Bits<COUNT_H, 0, 4, ReadToClear> = unsafe { Bits::new("COUNT") };
}
::datasheet_runtime::register_long_name!(COUNT_H);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for COUNT_H {
        const NAME: &'static str = "COUNT_H";
        const WRITABLE: [u64; 2] = [0, 0];
    }
    unsafe impl Register for COUNT_H {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "COUNT_H",
            title: "Count High",
            section: "5.2",
            page: 0,
            group: "transfer",
            width: 32,
            access: AccessKind::Rc,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0xffff_fff0,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 1,
                    base: 0x00704,
                    stride: 0x0,
                },
            ],
            aliases: &[],
            write_in: &[],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "COUNT",
                    lsb: 0,
                    width: 4,
                    access: AccessKind::Rc,
                    values: &[],
                },
            ],
        };
        const PRESERVE_MASK: u64 = 0xffff_fff0;
        const FORCED_ONES: u64 = 0x0000_0000;
        const RESET_VALUE: u64 = 0x0000_0000;
    }
    #[diagnostic::do_not_recommend]
    unsafe impl SideEffectRead for COUNT_H {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for COUNT_H {}
    #[diagnostic::do_not_recommend]
    unsafe impl<P> WritableIn<P> for COUNT_H {}
};

/// Lane Select (datasheet 5.3).
#[cfg_attr(doc, doc = include_str!("docs/LANE_SEL.html"))]
///
/// - Reached by: the window [`lane`](Windows::lane), whose index it holds. Group: [Transfers](by_group#transfers).
/// - Access: `rw`: a read returns the written value.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x00710`, the index register of window Lane.
/// - May be written in: [`Idle`](permission::Idle), [`Busy`](permission::Busy).
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 2:0 | [`LANE`](Self::LANE) | `rw` | The lane that is seen. |
/// | 31:3 |  |  | reserved, preserved |
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum LANE_SEL {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl LANE_SEL {
    /// The offset of the register.
    pub const OFFSET: Offset<RegisterSpace, u32> = Offset::constant(0x00710);
    /// Bits 2:0: The lane that is seen.
    pub const LANE: Bits<LANE_SEL, 0, 3> = unsafe { Bits::new("LANE") };
}
::datasheet_runtime::register_long_name!(LANE_SEL);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for LANE_SEL {
        const NAME: &'static str = "LANE_SEL";
        const WRITABLE: [u64; 2] = [0x0000_0000_0000_0007, 0];
    }
    unsafe impl Register for LANE_SEL {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "LANE_SEL",
            title: "Lane Select",
            section: "5.3",
            page: 0,
            group: "transfer",
            width: 32,
            access: AccessKind::Rw,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0xffff_fff8,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 1,
                    base: 0x00710,
                    stride: 0x0,
                },
            ],
            aliases: &[],
            write_in: &["Idle", "Busy"],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "LANE",
                    lsb: 0,
                    width: 3,
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
    unsafe impl PureRead for LANE_SEL {}
    #[diagnostic::do_not_recommend]
    unsafe impl PlainWrite for LANE_SEL {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for LANE_SEL {}
    unsafe impl<P: permit::AnyRegister<LANE_SEL>> WritableIn<P> for LANE_SEL {}
};

/// Rate (datasheet 5.4).
#[cfg_attr(doc, doc = include_str!("docs/RATE.html"))]
///
/// - Reached by: [`rate`](LaneRegisters::rate), behind the window [`lane`](Windows::lane). Group: [Transfers](by_group#transfers).
/// - Access: `rw`: a read returns the written value.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x00714`, behind window Lane, where LANE_SEL.LANE selects the element.
/// - May be written in: [`LaneStopped`](permission::LaneStopped), [`Idle`](permission::Idle).
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 15:0 | [`RATE`](Self::RATE) | `rw` | How much the lane may transfer. In kilobytes per second. |
/// | 31:16 |  |  | reserved, preserved |
#[derive(Debug, Clone, Copy)]
pub enum RATE {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl RATE {
    /// The offset of the register.
    pub const OFFSET: Offset<RegisterSpace, u32> = Offset::constant(0x00714);
    /// Bits 15:0: How much the lane may transfer. In kilobytes per second.
    pub const RATE: Bits<RATE, 0, 16> = unsafe { Bits::new("RATE") };
}
::datasheet_runtime::register_long_name!(RATE);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for RATE {
        const NAME: &'static str = "RATE";
        const WRITABLE: [u64; 2] = [0x0000_0000_0000_ffff, 0];
    }
    unsafe impl Register for RATE {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "RATE",
            title: "Rate",
            section: "5.4",
            page: 0,
            group: "transfer",
            width: 32,
            access: AccessKind::Rw,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0xffff_0000,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 1,
                    base: 0x00714,
                    stride: 0x0,
                },
            ],
            aliases: &[],
            write_in: &["LaneStopped"],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: Some(&<LaneWindow as View>::INFO),
            fields: &[
                FieldInfo {
                    name: "RATE",
                    lsb: 0,
                    width: 16,
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
    unsafe impl PureRead for RATE {}
    #[diagnostic::do_not_recommend]
    unsafe impl PlainWrite for RATE {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for RATE {}
    unsafe impl<P: permit::RATE> WritableIn<P> for RATE {}
};

/// Bytes Sent (datasheet 5.5).
#[cfg_attr(doc, doc = include_str!("docs/SENT.html"))]
///
/// - Reached by: [`sent`](LaneRegisters::sent), behind the window [`lane`](Windows::lane). Group: [Transfers](by_group#transfers).
/// - Access: `ro`: a write has no effect.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x00718`, behind window Lane, where LANE_SEL.LANE selects the element.
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 31:0 | [`SENT`](Self::SENT) | `ro` | How much the lane has transferred. |
#[derive(Debug, Clone, Copy)]
pub enum SENT {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl SENT {
    /// The offset of the register.
    pub const OFFSET: Offset<RegisterSpace, u32> = Offset::constant(0x00718);
    /// Bits 31:0: How much the lane has transferred.
    pub const SENT: Bits<SENT, 0, 32, ReadOnly> = unsafe { Bits::new("SENT") };
}
::datasheet_runtime::register_long_name!(SENT);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for SENT {
        const NAME: &'static str = "SENT";
        const WRITABLE: [u64; 2] = [0, 0];
    }
    unsafe impl Register for SENT {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "SENT",
            title: "Bytes Sent",
            section: "5.5",
            page: 0,
            group: "transfer",
            width: 32,
            access: AccessKind::Ro,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0x0000_0000,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 1,
                    base: 0x00718,
                    stride: 0x0,
                },
            ],
            aliases: &[],
            write_in: &[],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: Some(&<LaneWindow as View>::INFO),
            fields: &[
                FieldInfo {
                    name: "SENT",
                    lsb: 0,
                    width: 32,
                    access: AccessKind::Ro,
                    values: &[],
                },
            ],
        };
        const PRESERVE_MASK: u64 = 0xffff_ffff;
        const FORCED_ONES: u64 = 0x0000_0000;
        const RESET_VALUE: u64 = 0x0000_0000;
    }
    #[diagnostic::do_not_recommend]
    unsafe impl PureRead for SENT {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for SENT {}
    #[diagnostic::do_not_recommend]
    unsafe impl<P> WritableIn<P> for SENT {}
};

/// PHY Control (datasheet 5.6).
#[cfg_attr(doc, doc = include_str!("docs/PHY_CTRL.html"))]
///
/// - Reached by: the window [`phy`](Windows::phy), whose index it holds. Group: [Transfers](by_group#transfers).
/// - Access: `rw`: a read returns the written value.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x00720`, the index register of window Phy.
/// - May be written in: [`Idle`](permission::Idle), [`Busy`](permission::Busy).
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 4:0 | [`ADDRESS`](Self::ADDRESS) | `rw` | The register of the PHY. |
/// | 7:5 |  |  | reserved, preserved |
/// | 8 | [`GO`](Self::GO) | `sc` | Starts the command. |
/// | 9 | [`WRITES`](Self::WRITES) | `rw` | The command writes. |
/// | 30:10 |  |  | reserved, preserved |
/// | 31 | [`BUSY`](Self::BUSY) | `ro` | The command is not carried out yet. |
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum PHY_CTRL {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl PHY_CTRL {
    /// The offset of the register.
    pub const OFFSET: Offset<RegisterSpace, u32> = Offset::constant(0x00720);
    /// Bits 4:0: The register of the PHY.
    pub const ADDRESS: Bits<PHY_CTRL, 0, 5> = unsafe { Bits::new("ADDRESS") };
    /// Bit 8: Starts the command.
    pub const GO: Flag<PHY_CTRL, 8, SelfClearing> = unsafe { Flag::new("GO") };
    /// Bit 9: The command writes.
    pub const WRITES: Flag<PHY_CTRL, 9> = unsafe { Flag::new("WRITES") };
    /// Bit 31: The command is not carried out yet.
    pub const BUSY: Flag<PHY_CTRL, 31, ReadOnly> = unsafe { Flag::new("BUSY") };
}
::datasheet_runtime::register_long_name!(PHY_CTRL);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for PHY_CTRL {
        const NAME: &'static str = "PHY_CTRL";
        const WRITABLE: [u64; 2] = [0x0000_0000_0000_031f, 0];
    }
    unsafe impl Register for PHY_CTRL {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "PHY_CTRL",
            title: "PHY Control",
            section: "5.6",
            page: 0,
            group: "transfer",
            width: 32,
            access: AccessKind::Rw,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0x7fff_fce0,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 1,
                    base: 0x00720,
                    stride: 0x0,
                },
            ],
            aliases: &[],
            write_in: &["Idle", "Busy"],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: None,
            fields: &[
                FieldInfo {
                    name: "ADDRESS",
                    lsb: 0,
                    width: 5,
                    access: AccessKind::Rw,
                    values: &[],
                },
                FieldInfo {
                    name: "GO",
                    lsb: 8,
                    width: 1,
                    access: AccessKind::Sc,
                    values: &[],
                },
                FieldInfo {
                    name: "WRITES",
                    lsb: 9,
                    width: 1,
                    access: AccessKind::Rw,
                    values: &[],
                },
                FieldInfo {
                    name: "BUSY",
                    lsb: 31,
                    width: 1,
                    access: AccessKind::Ro,
                    values: &[],
                },
            ],
        };
        const PRESERVE_MASK: u64 = 0xffff_feff;
        const FORCED_ONES: u64 = 0x0000_0000;
        const RESET_VALUE: u64 = 0x0000_0000;
    }
    #[diagnostic::do_not_recommend]
    unsafe impl PureRead for PHY_CTRL {}
    #[diagnostic::do_not_recommend]
    unsafe impl PlainWrite for PHY_CTRL {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for PHY_CTRL {}
    unsafe impl<P: permit::AnyRegister<PHY_CTRL>> WritableIn<P> for PHY_CTRL {}
};

/// PHY Data (datasheet 5.7).
#[cfg_attr(doc, doc = include_str!("docs/PHY_DATA.html"))]
///
/// - Reached by: the window [`phy`](Windows::phy), whose commands transfer it. Group: [Transfers](by_group#transfers).
/// - Access: `rw`: a read returns the written value.
/// - After a reset: `0x0000_0000`.
/// - Where: `0x00724`, behind window Phy, where PHY_CTRL.ADDRESS selects the element.
/// - May be written in: [`Idle`](permission::Idle), [`Busy`](permission::Busy).
///
/// | Bits | Field | Access | Meaning |
/// | ---: | --- | --- | --- |
/// | 15:0 | [`DATA`](Self::DATA) | `rw` | What was read or is written. |
/// | 31:16 |  |  | reserved, preserved |
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub enum PHY_DATA {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl PHY_DATA {
    /// The offset of the register.
    pub const OFFSET: Offset<RegisterSpace, u32> = Offset::constant(0x00724);
    /// Bits 15:0: What was read or is written.
    pub const DATA: Bits<PHY_DATA, 0, 16> = unsafe { Bits::new("DATA") };
}
::datasheet_runtime::register_long_name!(PHY_DATA);
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl Layout for PHY_DATA {
        const NAME: &'static str = "PHY_DATA";
        const WRITABLE: [u64; 2] = [0x0000_0000_0000_ffff, 0];
    }
    unsafe impl Register for PHY_DATA {
        type Space = RegisterSpace;
        type Width = u32;
        const INFO: RegisterInfo = RegisterInfo {
            name: "PHY_DATA",
            title: "PHY Data",
            section: "5.7",
            page: 0,
            group: "transfer",
            width: 32,
            access: AccessKind::Rw,
            reset: Some(0x0000_0000),
            reset_known: 0xffff_ffff,
            preserve: 0xffff_0000,
            must_be_zero: 0x0000_0000,
            must_be_one: 0x0000_0000,
            ranges: &[
                Range {
                    first: 0,
                    count: 1,
                    base: 0x00724,
                    stride: 0x0,
                },
            ],
            aliases: &[],
            write_in: &["Idle", "Busy"],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            when: &[],
            window: Some(&<PhyWindow as View>::INFO),
            fields: &[
                FieldInfo {
                    name: "DATA",
                    lsb: 0,
                    width: 16,
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
    unsafe impl PureRead for PHY_DATA {}
    #[diagnostic::do_not_recommend]
    unsafe impl PlainWrite for PHY_DATA {}
    #[diagnostic::do_not_recommend]
    unsafe impl Resettable for PHY_DATA {}
    unsafe impl<P: permit::AnyRegister<PHY_DATA>> WritableIn<P> for PHY_DATA {}
};

/// The space that the registers are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegisterSpace {}
impl Space for RegisterSpace {
    const SIZE: u32 = 0x01000;
    const REGISTERS: &'static [RegisterInfo] = REGISTERS;
    type ByteOrder = LittleEndian;
}

/// The registers of the Demo 1 controller on bus `B`, with permission `P`.
///
/// A write compiles only if `P` allows it.
pub struct Registers<'a, B, P> {
    bus: &'a B,
    permission: ::core::marker::PhantomData<P>,
}
impl<B, P> Clone for Registers<'_, B, P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<B, P> Copy for Registers<'_, B, P> {}
impl<B, P> ::core::fmt::Debug for Registers<'_, B, P> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        ::core::write!(f, "Registers<{}>", ::core::any::type_name:: < P > ())
    }
}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl<'a, B, P> Registers<'a, B, P> {
    /// Returns the registers on `bus` with permission `P`, for drivers and for work that no driver does.
    ///
    /// # Safety
    ///
    /// As long as the result or a copy of it is in use:
    ///
    /// - The device, or the part of it that a register belongs to, is in the state that `P` names.
    /// - For an [exclusive](datasheet_runtime::register::Exclusive) or a [driver](datasheet_runtime::register::Driver) permission: nothing else reads with side effects, or does read-modify-write, on these registers.
    /// - For a [driver](datasheet_runtime::register::Driver) permission: no write lets the device access memory that it was not given, makes untrue what the driver's types say of its state, or destroys hardware. Only this permission can write the registers that could.
    #[must_use]
    #[inline(always)]
    pub const unsafe fn assume_permission(bus: &'a B) -> Self {
        Self {
            bus,
            permission: ::core::marker::PhantomData,
        }
    }
    /// Returns the register `R` at `offset`, which an extension of the map adds. For generated code.
    ///
    /// # Safety
    ///
    /// `R` is at `offset`, and no write that its own rules allow lets the device access memory that was not given
    /// to it.
    #[doc(hidden)]
    #[must_use]
    #[inline(always)]
    pub const unsafe fn added<R: Register<Space = RegisterSpace>>(
        self,
        offset: Offset<RegisterSpace, R::Width>,
    ) -> Reg<'a, B, R, P> {
        unsafe { Reg::at(self.bus, offset) }
    }
}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl<'a, B, P> Registers<'a, B, P> {
    /// [`MODE`]: Mode of Operation (3.1).
    #[inline(always)]
    pub const fn mode(self) -> Reg<'a, B, MODE, P> {
        unsafe { Reg::at(self.bus, MODE::OFFSET) }
    }
    /// [`SCRATCH`]: Scratch (3.2).
    #[inline(always)]
    pub const fn scratch(self) -> Reg<'a, B, SCRATCH, P> {
        unsafe { Reg::at(self.bus, SCRATCH::OFFSET) }
    }
    /// [`CAUSE`]: Interrupt Cause (3.3).
    #[inline(always)]
    pub const fn cause(self) -> Reg<'a, B, CAUSE, P> {
        unsafe { Reg::at(self.bus, CAUSE::OFFSET) }
    }
    /// [`MASK`]: Interrupt Mask (3.4).
    #[inline(always)]
    pub const fn mask(self) -> Reg<'a, B, MASK, P> {
        unsafe { Reg::at(self.bus, MASK::OFFSET) }
    }
    /// [`UNMASK`]: Interrupt Mask Clear (3.5).
    #[inline(always)]
    pub const fn unmask(self) -> Reg<'a, B, UNMASK, P> {
        unsafe { Reg::at(self.bus, UNMASK::OFFSET) }
    }
    /// [`BASE`]: Base Address (4.1).
    #[inline(always)]
    pub const fn base(self, index: Lane) -> Reg<'a, B, BASE, P> {
        unsafe { Reg::at(self.bus, BASE::ARRAY.offset(index)) }
    }
    /// [`BASE_H`]: Base Address High (4.1).
    #[inline(always)]
    pub const fn base_h(self, index: Lane) -> Reg<'a, B, BASE_H, P> {
        unsafe { Reg::at(self.bus, BASE_H::ARRAY.offset(index)) }
    }
    /// [`TAIL`]: Tail (4.2).
    #[inline(always)]
    pub const fn tail(self, index: Lane) -> Reg<'a, B, TAIL, P> {
        unsafe { Reg::at(self.bus, TAIL::ARRAY.offset(index)) }
    }
    /// [`KEY`]: Key (4.3).
    #[inline(always)]
    pub const fn key(self, index: Index<Below<10>>) -> Reg<'a, B, KEY, P> {
        unsafe { Reg::at(self.bus, KEY::ARRAY.offset(index)) }
    }
    /// [`LEVEL`]: Level (4.4).
    #[inline(always)]
    pub const fn level(self) -> Reg<'a, B, LEVEL, P> {
        unsafe { Reg::at(self.bus, LEVEL::OFFSET) }
    }
    /// [`COUNT_L`]: Count Low (5.1).
    #[inline(always)]
    pub const fn count_l(self) -> Reg<'a, B, COUNT_L, P> {
        unsafe { Reg::at(self.bus, COUNT_L::OFFSET) }
    }
    /// [`COUNT_H`]: Count High (5.2).
    #[inline(always)]
    pub const fn count_h(self) -> Reg<'a, B, COUNT_H, P> {
        unsafe { Reg::at(self.bus, COUNT_H::OFFSET) }
    }
    /// [`COUNT_L`] and [`COUNT_H`] as one value: Transfers done.
    #[inline(always)]
    pub const fn count(self) -> Pair<'a, B, COUNT_L, COUNT_H, P> {
        Pair::new(self.count_l(), self.count_h())
    }
    /// [`BASE`] and [`BASE_H`] as one value: Where the descriptors are.
    #[inline(always)]
    pub const fn bases(self, index: Lane) -> Pair<'a, B, BASE, BASE_H, P, DmaAddr> {
        Pair::high_first(self.base(index), self.base_h(index))
    }
    #[doc(hidden)]
    pub const fn lane_sel(self) -> Reg<'a, B, LANE_SEL, P>
    where
        LANE_SEL: ReachedDirectly<P>,
    {
        unsafe { Reg::at(self.bus, LANE_SEL::OFFSET) }
    }
    #[doc(hidden)]
    pub const fn rate(self) -> Reg<'a, B, RATE, P>
    where
        RATE: ReachedDirectly<P>,
    {
        unsafe { Reg::at(self.bus, RATE::OFFSET) }
    }
    #[doc(hidden)]
    pub const fn sent(self) -> Reg<'a, B, SENT, P>
    where
        SENT: ReachedDirectly<P>,
    {
        unsafe { Reg::at(self.bus, SENT::OFFSET) }
    }
    #[doc(hidden)]
    pub const fn phy_ctrl(self) -> Reg<'a, B, PHY_CTRL, P>
    where
        PHY_CTRL: ReachedDirectly<P>,
    {
        unsafe { Reg::at(self.bus, PHY_CTRL::OFFSET) }
    }
    #[doc(hidden)]
    pub const fn phy_data(self) -> Reg<'a, B, PHY_DATA, P>
    where
        PHY_DATA: ReachedDirectly<P>,
    {
        unsafe { Reg::at(self.bus, PHY_DATA::OFFSET) }
    }
}

/// The type of the window [`lane`](Windows::lane).
#[derive(Debug, Clone, Copy)]
pub enum LaneWindow {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl View for LaneWindow {
        type Selector = LANE_SEL;
        type Index = LaneSpace;
        const SELECTOR: Offset<RegisterSpace, u32> = LANE_SEL::OFFSET;
        const INFO: WindowInfo = WindowInfo {
            name: "Lane",
            selector: "LANE_SEL",
            field: "LANE",
            lsb: 0,
            width: 3,
            count: 6,
            commands: None,
        };
    }
    unsafe impl Bank for LaneWindow {
        type Registers<'w, B: 'w, P> = LaneRegisters<'w, B, P>;
        #[inline(always)]
        unsafe fn registers<'w, B: 'w, P>(bus: &'w B) -> LaneRegisters<'w, B, P> {
            LaneRegisters {
                bus,
                permission: ::core::marker::PhantomData,
            }
        }
    }
};

/// The registers behind the window [`lane`](Windows::lane), which show the selected element, with permission `P`.
pub struct LaneRegisters<'a, B, P> {
    bus: &'a B,
    permission: ::core::marker::PhantomData<P>,
}
impl<B, P> Clone for LaneRegisters<'_, B, P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<B, P> Copy for LaneRegisters<'_, B, P> {}
impl<B, P> ::core::fmt::Debug for LaneRegisters<'_, B, P> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        ::core::write!(f, "LaneRegisters<{}>", ::core::any::type_name:: < P > ())
    }
}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl<'a, B, P> LaneRegisters<'a, B, P> {
    /// [`RATE`]: Rate (5.4).
    #[inline(always)]
    pub const fn rate(self) -> Reg<'a, B, RATE, P> {
        unsafe { Reg::at(self.bus, RATE::OFFSET) }
    }
    /// [`SENT`]: Bytes Sent (5.5).
    #[inline(always)]
    pub const fn sent(self) -> Reg<'a, B, SENT, P> {
        unsafe { Reg::at(self.bus, SENT::OFFSET) }
    }
}

/// The type of the window [`phy`](Windows::phy).
#[derive(Debug, Clone, Copy)]
pub enum PhyWindow {}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
const _: () = {
    unsafe impl View for PhyWindow {
        type Selector = PHY_CTRL;
        type Index = Below<32>;
        const SELECTOR: Offset<RegisterSpace, u32> = PHY_CTRL::OFFSET;
        const INFO: WindowInfo = WindowInfo {
            name: "Phy",
            selector: "PHY_CTRL",
            field: "ADDRESS",
            lsb: 0,
            width: 5,
            count: 32,
            commands: Some(CommandInfo {
                mask: 0x0000_0300,
                read: Some(0x0000_0100),
                write: Some(0x0000_0300),
                done_mask: 0x8000_0000,
                done: 0x0000_0000,
            }),
        };
    }
    unsafe impl Commanded for PhyWindow {
        type Data = PHY_DATA;
        const DATA: Offset<RegisterSpace, u32> = PHY_DATA::OFFSET;
    }
    unsafe impl ReadCommand for PhyWindow {
        const READ: u64 = 0x0000_0100;
    }
    unsafe impl WriteCommand for PhyWindow {
        const WRITE: u64 = 0x0000_0300;
    }
};

/// The windows of the Demo 1 controller on bus `B`, with permission `P`. Each has one owner.
#[derive(Debug)]
pub struct Windows<'a, B, P> {
    /// `Lane`: [`LANE_SEL::LANE`] selects the [`Lane`] of [`RATE`], [`SENT`].
    ///
    /// What each lane has to itself.
    pub lane: Window<'a, B, LaneWindow, P>,
    /// `Phy`: [`PHY_CTRL::ADDRESS`] selects one of 32 elements, which commands transfer to or from [`PHY_DATA`].
    pub phy: Window<'a, B, PhyWindow, P>,
}
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
impl<'a, B, P> Windows<'a, B, P> {
    /// Returns the windows on `bus` with permission `P`, for drivers and for work that no driver does.
    ///
    /// # Safety
    ///
    /// As long as a window of the result is in use:
    ///
    /// - Nothing else uses this window: two would select against each other.
    /// - The device, or the part of it that a register belongs to, is in the state that `P` names.
    /// - For an [exclusive](datasheet_runtime::register::Exclusive) or a [driver](datasheet_runtime::register::Driver) permission: nothing else reads with side effects, or does read-modify-write, on these registers.
    /// - For a [driver](datasheet_runtime::register::Driver) permission: no write lets the device access memory that it was not given, makes untrue what the driver's types say of its state, or destroys hardware. Only this permission can write the registers that could.
    #[must_use]
    #[inline(always)]
    pub const unsafe fn assume_permission(bus: &'a B) -> Self {
        unsafe {
            Self {
                lane: Window::at(bus),
                phy: Window::at(bus),
            }
        }
    }
}

/// All registers of the Demo 1 controller.
pub static REGISTERS: &[RegisterInfo] = &[
    <MODE as Register>::INFO,
    <SCRATCH as Register>::INFO,
    <CAUSE as Register>::INFO,
    <MASK as Register>::INFO,
    <UNMASK as Register>::INFO,
    <BASE as Register>::INFO,
    <BASE_H as Register>::INFO,
    <TAIL as Register>::INFO,
    <KEY as Register>::INFO,
    <LEVEL as Register>::INFO,
    <COUNT_L as Register>::INFO,
    <COUNT_H as Register>::INFO,
    <LANE_SEL as Register>::INFO,
    <RATE as Register>::INFO,
    <SENT as Register>::INFO,
    <PHY_CTRL as Register>::INFO,
    <PHY_DATA as Register>::INFO,
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
