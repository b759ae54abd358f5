//! Registers: their abilities as traits, and typed access under a permission.
//!
//! A [`Reg`] is a handle: a register of one device, and a permission. The permission is a type that states what the
//! device's owner may do now. The methods that write need a permission that allows it. Where it does not, the compile
//! error names the register and the state.

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use crate::bus::{Bus, order_memory_before_doorbell};
use crate::clock::{self, Clock};
use crate::field::{Field, FullValue, Layout, Value, mask};
use crate::info::RegisterInfo;
use crate::space::{Offset, Space, Width};

pub use pair::Pair;

mod pair;

/// A register of the datasheet.
///
/// # Safety
///
/// The constants must be what the datasheet says of the register: every value that is written is made from them.
pub unsafe trait Register: Layout {
    /// The space that the register is in.
    type Space: Space;
    /// The integer that the register is.
    type Width: Width;
    /// The register as data.
    const INFO: RegisterInfo;
    /// The bits that a write takes from the value read by [`modify`](Reg::modify), or from the reset value, unless it
    /// names them: bits of fields that store what is written, and reserved bits that must not change.
    const PRESERVE_MASK: u64;
    /// The bits that every write sets: reserved bits that must be 1, and values that the datasheet prescribes.
    const FORCED_ONES: u64;
    /// The bits that a write sets unless it names them: a zero would clear them, and a one does nothing.
    const NEUTRAL_ONES: u64 = 0;
    /// The value after a reset, with 0 in the bits whose value is not known.
    const RESET_VALUE: u64;
}

/// A register of which a write may name only some fields.
///
/// The datasheet states the reset value of the other fields, or no write stores anything.
///
/// # Safety
///
/// [`RESET_VALUE`](Register::RESET_VALUE) must have the value after a reset of every
/// bit that a write stores, or no write may store anything.
#[diagnostic::on_unimplemented(
    message = "the reset value of register `{Self}` is not known, so it cannot be written in part",
    label = "the fields that are not given would have no defined value",
    note = "use `modify`, or `write_full` with a value for every field (`Value::full`)"
)]
pub unsafe trait Resettable: Register {}

/// A register that is read without a side effect.
///
/// # Safety
///
/// A read must change nothing in the device.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` cannot be read with `read`",
    label = "`{Self}` is write-only, or has read side effects",
    note = "a register with read side effects takes `read_with_side_effects`, with exclusive access (`registers_mut`)"
)]
pub unsafe trait PureRead: Register {}

/// A register whose reads have a side effect on the register itself.
///
/// # Safety
///
/// A read must change nothing in the device but the register.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` has no read side effects",
    label = "use `read`",
    note = "or `{Self}` is write-only"
)]
pub unsafe trait SideEffectRead: Register {}

/// A register that stores the value written.
///
/// # Safety
///
/// A write must store its ones and zeros in the bits that [`Layout::WRITABLE`] has, and must change other bits only as
/// the constants of [`Register`] say.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` does not store the value that is written",
    label = "`{Self}` is read-only, write-one-to-set or write-one-to-clear",
    note = "a write-one-to-set register takes `set_bits`, a write-one-to-clear register `clear_bits`"
)]
pub unsafe trait PlainWrite: Register {}

/// A register in which a written one sets the bit and a written zero does nothing.
///
/// # Safety
///
/// A written zero must change nothing.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` is not write-one-to-set",
    label = "plain or read-only register",
    note = "use `modify` to change some fields only"
)]
pub unsafe trait WriteOneToSet: Register {}

/// A register in which a written one clears the bit and a written zero does nothing.
///
/// # Safety
///
/// A written zero must change nothing.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` is not write-one-to-clear",
    label = "plain or read-only register",
    note = "use `modify` to change some fields only"
)]
pub unsafe trait WriteOneToClear: Register {}

/// A doorbell: a register whose write notifies the device of work in memory.
///
/// # Safety
///
/// A write must do nothing but give work to the device.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` is not a doorbell",
    label = "a write to `{Self}` gives the device no work",
    note = "other registers take `write` or `modify`"
)]
pub unsafe trait Doorbell: Register {}

/// A register that takes any number: no bit of it has a write side effect, is reserved, or controls DMA.
///
/// # Safety
///
/// Whoever may write the register may write any number to it.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` does not take a raw number",
    label = "some bits of `{Self}` have a write side effect, are reserved, or control DMA",
    note = "use `modify` or `write` with a value of `{Self}`'s fields"
)]
pub unsafe trait RawWrite: PlainWrite + Resettable {}

/// A register that may be written with permission `P`.
///
/// # Safety
///
/// The datasheet must allow the write while `P` holds. If the register is marked in the description, `P` must be a
/// [`Driver`] permission.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` may not be written in state `{P}`",
    label = "not in state `{P}`"
)]
pub unsafe trait WritableIn<P>: Register {}

/// A register that is reached without a window: no register behind a window has this trait.
///
/// Generated methods of registers behind a window require it, so that the compiler says where the register is instead.
///
/// # Safety
///
/// No index register may select what the register stands for.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` is behind a window, or has the index of one",
    label = "which element would this be?",
    note = "take the window from `Windows`, which has one owner: with `select`, or by a command"
)]
pub unsafe trait ReachedDirectly<P>: Register {}

/// A permission to read registers with read side effects.
///
/// # Safety
///
/// Nothing else may use the device while the permission is in use.
pub unsafe trait ExclusiveAccess {}

/// A register that may be read with permission `P`, side effects included.
///
/// # Safety
///
/// `P` must be an exclusive permission, or a read must have no side effect.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` has read side effects, which the shared permission `{P}` does not allow",
    label = "the device is shared here",
    note = "take `registers_mut()`, which borrows the device exclusively"
)]
pub unsafe trait ReadableIn<P>: Register {}

#[diagnostic::do_not_recommend]
// SAFETY: `ExclusiveAccess` is implemented for exclusive permissions alone.
unsafe impl<R: Register, P: ExclusiveAccess> ReadableIn<P> for R {}

/// Permission `P`, and exclusive access to the device.
///
/// Registers with this permission stay in one thread, so no other thread can write between the read and the write of a
/// [`modify`](Reg::modify).
#[derive(Debug)]
pub struct Exclusive<P>(PhantomData<(P, *const ())>);

/// The driver's own permission while `P` holds: it may write the registers that are marked in the description.
///
/// Such a register controls which memory the device accesses, which the driver owns; or it changes the device's state,
/// which the driver's types name; or it can destroy hardware.
#[derive(Debug)]
pub struct Driver<P>(PhantomData<P>);

// SAFETY: whoever takes such a permission (`Registers::assume_permission`) promises it.
unsafe impl<P> ExclusiveAccess for Exclusive<P> {}
// SAFETY: whoever takes such a permission promises this, too.
unsafe impl<P> ExclusiveAccess for Driver<P> {}

/// Register `R` on bus `B`, accessed with permission `P`.
pub struct Reg<'a, B, R: Register, P> {
    bus: &'a B,
    offset: Offset<R::Space, R::Width>,
    permission: PhantomData<P>,
}

impl<B, R: Register, P> Clone for Reg<'_, B, R, P> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<B, R: Register, P> Copy for Reg<'_, B, R, P> {}

impl<B, R: Register, P> fmt::Debug for Reg<'_, B, R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}", R::NAME, self.offset)
    }
}

/// The contents of a register, as they were read.
///
/// Its `Debug` shows the fields.
#[derive(PartialEq, Eq)]
pub struct Contents<R: Register> {
    bits: R::Width,
}

impl<R: Register> Contents<R> {
    /// Says that `bits` are, or could be, what register `R` holds.
    #[must_use]
    #[inline(always)]
    pub const fn new(bits: R::Width) -> Self {
        Self { bits }
    }

    /// Returns all bits.
    #[must_use]
    #[inline(always)]
    pub const fn get(self) -> R::Width {
        self.bits
    }

    /// Returns the value of `field`.
    #[must_use]
    #[inline(always)]
    pub fn field<F: Field<R>>(self, field: F) -> F::Read {
        let bits: u64 = self.bits.into();
        field.decode((bits >> F::LSB) & mask(0, F::WIDTH)[0])
    }
}

impl<R: Register> Clone for Contents<R> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Register> Copy for Contents<R> {}

impl<R: Register> fmt::Debug for Contents<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        R::INFO.show(self.bits.into()).fmt(f)
    }
}

/// A register that did not meet a condition in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOut {
    /// The register.
    pub register: &'static str,
    /// The datasheet's section about it.
    pub section: &'static str,
    /// The register's width in bits.
    pub width: u32,
    /// The value that was read last.
    pub last: u64,
    /// The time limit.
    pub limit: Duration,
}

impl TimedOut {
    /// Returns `true` if the last read returned all ones, as every register of a removed device does.
    ///
    /// A register of 8 or 16 bits may really hold all ones, so for these it returns `false`.
    #[must_use]
    pub const fn is_device_gone(&self) -> bool {
        is_gone(self.last, self.width)
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { register, section, width, last, limit } = self;
        let digits = *width as usize / 4 + "0x".len();
        write!(f, "{register} (datasheet {section}) still read {last:#0digits$x} after {limit:?}")?;
        if self.is_device_gone() { f.write_str(": the device does not answer") } else { Ok(()) }
    }
}

impl core::error::Error for TimedOut {}

/// Returns `true` if a register of `width` bits reads as `bits` because its device was removed.
const fn is_gone(bits: u64, width: u32) -> bool {
    match width {
        32 => bits == u32::MAX as u64,
        64 => bits == u64::MAX,
        // A narrow register may well hold all ones.
        _ => false,
    }
}

/// The pause between two reads while waiting for a register.
const POLL_INTERVAL: Duration = Duration::from_micros(10);

impl<'a, B, R: Register, P> Reg<'a, B, R, P> {
    /// Makes a register, for generated accessors.
    ///
    /// # Safety
    ///
    /// `R` must be at `offset`, and permission `P` must hold for the device behind `bus`.
    #[doc(hidden)]
    #[must_use]
    #[inline(always)]
    pub const unsafe fn at(bus: &'a B, offset: Offset<R::Space, R::Width>) -> Self {
        Self { bus, offset, permission: PhantomData }
    }

    /// Returns where the register is.
    #[must_use]
    pub const fn offset(&self) -> Offset<R::Space, R::Width> {
        self.offset
    }
}

impl<B: Bus<R::Space, R::Width>, R: Register, P> Reg<'_, B, R, P> {
    /// Reads the register.
    #[must_use]
    #[inline(always)]
    pub fn read(&self) -> Contents<R>
    where
        R: PureRead,
    {
        Contents::new(self.bus.read(self.offset))
    }

    /// Reads the register, which has a side effect on it: a counter is cleared, a semaphore is taken.
    #[inline(always)]
    pub fn read_with_side_effects(&self) -> Contents<R>
    where
        R: SideEffectRead + ReadableIn<P>,
    {
        Contents::new(self.bus.read(self.offset))
    }

    /// Writes `value`. Fields that it does not name take their reset value.
    #[inline(always)]
    pub fn write(&self, value: Value<R>)
    where
        R: PlainWrite + Resettable + WritableIn<P>,
    {
        self.store(R::RESET_VALUE, value);
    }

    /// Writes `value`, which names every field.
    #[inline(always)]
    pub fn write_full(&self, value: FullValue<R>)
    where
        R: PlainWrite + WritableIn<P>,
    {
        // The reset value of bits that no field covers may be known, and must stay.
        self.store(R::RESET_VALUE, value.0);
    }

    /// Reads the register and writes it back with `value`. Other fields stay as they are.
    ///
    /// Bits with a side effect when written as one are written as zero unless `value` names them, and those with one
    /// when written as zero are written as one. Two threads that
    /// modify one register at the same time can lose a change; with an [`Exclusive`] permission there is only one.
    #[inline(always)]
    pub fn modify(&self, value: Value<R>)
    where
        R: PureRead + PlainWrite + WritableIn<P>,
    {
        self.store(self.bus.read(self.offset).into(), value);
    }

    /// Writes `value` to the register: every typed write ends here.
    #[inline(always)]
    fn put(&self, value: u64)
    where
        R: WritableIn<P>,
    {
        // SAFETY: `WritableIn` promises that `P` allows the write. Registers that control DMA require a `Driver` permission,
        // and whoever took that by `Registers::assume_permission` promised to write nothing that lets the device access
        // other memory.
        unsafe { self.bus.write(self.offset, R::Width::truncate(value)) }
    }

    #[inline(always)]
    fn store(&self, old: u64, value: Value<R>)
    where
        R: WritableIn<P>,
    {
        let [mask, bits] = [value.mask()[0], value.bits()[0]];
        self.put((old & (R::PRESERVE_MASK & !mask)) | (bits | R::FORCED_ONES | (R::NEUTRAL_ONES & !mask)));
    }

    /// Writes a number to a register that takes any number.
    #[inline(always)]
    pub fn write_raw(&self, value: R::Width)
    where
        R: RawWrite + WritableIn<P>,
    {
        self.put(value.into());
    }

    /// Sets the bits that are ones in `value`.
    #[inline(always)]
    pub fn set_bits(&self, value: Value<R>)
    where
        R: WriteOneToSet + WritableIn<P>,
    {
        self.put(value.bits()[0]);
    }

    /// Clears the bits that are ones in `value`.
    #[inline(always)]
    pub fn clear_bits(&self, value: Value<R>)
    where
        R: WriteOneToClear + WritableIn<P>,
    {
        self.put(value.bits()[0]);
    }

    /// Rings the doorbell: writes `value`, for example the tail of a ring, after all earlier writes to memory.
    ///
    /// The device sees the memory as it was written before this call.
    #[inline(always)]
    pub fn ring_doorbell(&self, value: R::Width)
    where
        R: Doorbell + WritableIn<P>,
    {
        order_memory_before_doorbell();
        self.put(value.into());
    }

    /// Reads the register until `condition` holds, at most for `limit`.
    ///
    /// A register of 32 bits or more that reads as all ones does not meet any condition: a removed device reads so.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] with the value that was read last.
    pub fn wait_until(
        &self,
        clock: &impl Clock,
        limit: Duration,
        condition: impl Fn(Contents<R>) -> bool,
    ) -> Result<Contents<R>, TimedOut>
    where
        R: PureRead,
    {
        let (width, mut last) = (8 * R::Width::BYTES, 0);
        let look = || {
            let read = self.read();
            last = read.get().into();
            (!is_gone(last, width) && condition(read)).then_some(read)
        };
        let found = clock::poll(clock, limit, POLL_INTERVAL, look);
        found.map_err(|_| TimedOut { register: R::NAME, section: R::INFO.section, width, last, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::info::AccessKind;

    /// A space with a register of `W` at offset 0, and its bus. The register always reads as the same number.
    #[derive(Clone, Copy)]
    struct Always<W>(W);

    /// That register.
    #[derive(Clone, Copy)]
    struct Status<W>(PhantomData<W>);

    /// A clock that stands still.
    struct Stopped;

    impl<W: Width> Space for Always<W> {
        const SIZE: u32 = 8;
        const REGISTERS: &'static [RegisterInfo] = &[Status::<W>::INFO];
        type ByteOrder = crate::space::LittleEndian;
    }

    // SAFETY: there is no device.
    unsafe impl<W: Width> Bus<Always<W>, W> for Always<W> {
        fn read(&self, _: Offset<Always<W>, W>) -> W {
            self.0
        }

        unsafe fn write(&self, _: Offset<Always<W>, W>, _: W) {}
    }

    // SAFETY: software may set no bit.
    unsafe impl<W: Width> Layout for Status<W> {
        const NAME: &'static str = "STATUS";
        const WRITABLE: [u64; 2] = [0, 0];
    }

    // SAFETY: the register has no fields, and no write stores anything.
    unsafe impl<W: Width> Register for Status<W> {
        type Space = Always<W>;
        type Width = W;
        const INFO: RegisterInfo = RegisterInfo {
            name: Self::NAME,
            title: "",
            section: "1.2",
            page: 0,
            group: "",
            width: 8 * W::BYTES,
            access: AccessKind::Ro,
            reset: None,
            reset_known: 0,
            preserve: 0,
            must_be_zero: 0,
            must_be_one: 0,
            ranges: &[],
            aliases: &[],
            write_in: &[],
            memory_safety: false,
            device_state: false,
            hardware_damage: false,
            doorbell: false,
            window: None,
            when: &[],
            fields: &[],
        };
        const PRESERVE_MASK: u64 = 0;
        const FORCED_ONES: u64 = 0;
        const RESET_VALUE: u64 = 0;
    }

    // SAFETY: a read changes nothing.
    unsafe impl<W: Width> PureRead for Status<W> {}

    // SAFETY: nothing relies on this clock.
    unsafe impl Clock for Stopped {
        fn now(&self) -> Duration {
            Duration::ZERO
        }

        fn wait(&self, _: Duration) {}
    }

    /// Waits until the register that reads as `value` meets `condition`.
    fn wait<W: Width>(value: W, condition: bool) -> Result<(), TimedOut> {
        let (bus, offset) = (Always(value), Offset::new(0).expect("the register is inside the space"));
        // SAFETY: the register is there, and no permission is needed.
        let register = unsafe { Reg::<_, Status<W>, ()>::at(&bus, offset) };
        register.wait_until(&Stopped, Duration::from_millis(1), |_| condition).map(drop)
    }

    #[test]
    fn all_ones_of_the_registers_width_mean_that_the_device_is_gone() {
        assert!(wait(u32::MAX, true).is_err_and(|error| error.is_device_gone()));
        assert!(wait(u64::MAX, true).is_err_and(|error| error.is_device_gone()));
        // A removed device reads as ones in all 64 bits.
        assert_eq!(wait(u64::from(u32::MAX), true), Ok(()));
        assert!(wait(u64::from(u32::MAX), false).is_err_and(|error| !error.is_device_gone()));
        // Narrow registers may hold all ones.
        assert_eq!(wait(u16::MAX, true), Ok(()));
        assert!(wait(u16::MAX, false).is_err_and(|error| !error.is_device_gone()));
        assert!(wait(0u32, false).is_err_and(|error| !error.is_device_gone()));
    }
}
