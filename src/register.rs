//! One register: what may be done with it, and under which permission.
//!
//! A [`Reg`] is a register of the device together with the permission that its owner has at that
//! moment. Whether a write is legal is a bound on the method, so that the compiler names the
//! register and the state when it is not.

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use tock_registers::LocalRegisterCopy;
/// What marks a type as a register, for code that is written for tock-registers.
pub use tock_registers::RegisterLongName;
use tock_registers::interfaces::{Readable, Writeable};

use crate::clock::{self, Clock};
use crate::field::{Full, Layout, Value};
use crate::mmio::{Bus, Offset, order_memory_before_doorbell};

/// A register of the datasheet.
///
/// # Safety
///
/// The constants must be what the datasheet says of the register: what is written is made of them.
pub unsafe trait Register: Layout + RegisterLongName {
    /// The datasheet's section about it.
    const SECTION: &'static str;
    /// The bits that a write carries over from the old value: those of fields that keep what was
    /// written, and reserved bits that must not change.
    const KEEP: u32;
    /// The bits that every write sets: reserved ones that must be 1, and values that the datasheet
    /// prescribes.
    const ONES: u32;
    /// The value after a reset, as far as it is known; 0 elsewhere.
    const RESET: u32;
}

/// A register whose fields need not all be given: the datasheet says what the others are after a reset, or no write
/// stores anything.
///
/// # Safety
///
/// [`RESET`](Register::RESET) must have the value after a reset of every bit that a write stores, or no write may store anything.
#[diagnostic::on_unimplemented(
    message = "the reset value of register `{Self}` is not known, so it cannot be written in part",
    label = "fields without a value would become anything",
    note = "use `modify`, or `write_full` with a value for every field (`Value::full`)"
)]
pub unsafe trait KnownReset: Register {}

/// A register that is read without a side effect.
///
/// # Safety
///
/// A read must change nothing in the device.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` cannot simply be read",
    label = "`{Self}` is write-only, or reading it changes it",
    note = "where reading has an effect, use `read_with_effect`, with the device to oneself (`registers_mut`)"
)]
pub unsafe trait ReadPure: Register {}

/// A register that reading changes.
///
/// # Safety
///
/// A read must change nothing in the device but the register.
#[diagnostic::on_unimplemented(
    message = "reading register `{Self}` has no effect, or is not possible",
    label = "use `read`, unless `{Self}` is write-only"
)]
pub unsafe trait ReadActs: Register {}

/// A register that takes the value written.
///
/// # Safety
///
/// A write must store its ones and zeros in the bits that [`Layout::WRITABLE`] has, and do nothing else to other bits than the
/// constants of [`Register`] say.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` does not take the value that is written",
    label = "`{Self}` is read-only, or a written one sets or clears a bit",
    note = "where a written one sets or clears a bit, use `set_ones` or `clear_ones`"
)]
pub unsafe trait PlainWrite: Register {}

/// A register in which a written one sets the bit and a written zero does nothing.
///
/// # Safety
///
/// A written zero must change nothing.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` is not one whose bits are set by writing ones",
    label = "`{Self}` would take the ones and the zeros",
    note = "use `modify` to change some fields only"
)]
pub unsafe trait OnesSet: Register {}

/// A register in which a written one clears the bit and a written zero does nothing.
///
/// # Safety
///
/// A written zero must change nothing.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` is not one whose bits are cleared by writing ones",
    label = "`{Self}` would take the ones and the zeros",
    note = "use `modify` to change some fields only"
)]
pub unsafe trait OnesClear: Register {}

/// A register that tells the device that descriptors are ready.
///
/// # Safety
///
/// All that a write does must be to give descriptors to the device.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` is no doorbell",
    label = "writing `{Self}` hands nothing to the device",
    note = "the doorbells are RDT and TDT; other registers take `write` or `modify`"
)]
pub unsafe trait Doorbell: Register {}

/// A register that can be set to any bare number: no bit of it acts, is reserved, or decides over memory.
///
/// # Safety
///
/// Whoever may write the register may write any number to it.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` cannot be set to a bare number",
    label = "some bits of `{Self}` act, are reserved, or decide over memory",
    note = "use `modify` or `write` with a value of `{Self}`'s fields"
)]
pub unsafe trait BareWrite: PlainWrite + KnownReset {}

/// A register that may be written by who has permission `P`.
///
/// # Safety
///
/// Who has `P` must be allowed to write the register. If the register is marked in the map, `P` must be a [`Driver`] permission.
#[diagnostic::on_unimplemented(
    message = "register `{Self}` may not be written in state `{P}`",
    label = "not in state `{P}`"
)]
pub unsafe trait WritableIn<P>: Register {}

/// The permission to read registers that reading changes: nobody else uses the device meanwhile.
///
/// # Safety
///
/// Who has the permission must have the device to themselves.
pub unsafe trait ExclusiveAccess {}

/// A register that may be read, even where that changes it, by who has permission `P`.
///
/// # Safety
///
/// Who has `P` must have the device to themselves, or a read may change nothing.
#[diagnostic::on_unimplemented(
    message = "reading register `{Self}` changes it, which the shared permission `{P}` does not allow",
    label = "the device is shared here",
    note = "take `registers_mut()`, which needs the device to oneself"
)]
pub unsafe trait ReadableIn<P>: Register {}

#[diagnostic::do_not_recommend]
// SAFETY: `ExclusiveAccess` says so.
unsafe impl<R: Register, P: ExclusiveAccess> ReadableIn<P> for R {}

/// The permission `P` of who has the device to themselves.
#[derive(Debug)]
pub struct Exclusive<P>(PhantomData<P>);

/// The permission of the driver itself while the device is in state `P`: it may write the registers that are marked in the
/// map. They decide which memory the device reaches, which is the driver's; or what state the device is in, which the
/// driver's types say; or they can destroy hardware, which the driver does not.
#[derive(Debug)]
pub struct Driver<P>(PhantomData<P>);

// SAFETY: whoever takes such a permission (`Registers::assume`) promises it.
unsafe impl<P> ExclusiveAccess for Exclusive<P> {}
// SAFETY: as for `Exclusive`.
unsafe impl<P> ExclusiveAccess for Driver<P> {}

/// Register `R` on bus `B`, accessed with permission `P`.
pub struct Reg<'a, B, R, P> {
    bus: &'a B,
    offset: Offset,
    kind: PhantomData<fn() -> (R, P)>,
}

impl<B, R, P> Clone for Reg<'_, B, R, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B, R, P> Copy for Reg<'_, B, R, P> {}

impl<B, R: Register, P> fmt::Debug for Reg<'_, B, R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}", R::NAME, self.offset)
    }
}

/// What a register did not become in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOut {
    /// The register.
    pub register: &'static str,
    /// The datasheet's section about it.
    pub section: &'static str,
    /// What it read last.
    pub last: u32,
    /// How long it was waited for.
    pub limit: Duration,
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { register, section, last, limit } = self;
        write!(f, "{register} (datasheet {section}) still read {last:#010x} after {limit:?}")?;
        if *last == u32::MAX { f.write_str(": the device does not answer") } else { Ok(()) }
    }
}

impl core::error::Error for TimedOut {}

/// How long a wait pauses between two looks at a register.
const POLL_INTERVAL: Duration = Duration::from_micros(10);

impl<'a, B: Bus, R: Register, P> Reg<'a, B, R, P> {
    /// For generated accessors, which know where `R` is.
    #[doc(hidden)]
    #[inline(always)]
    pub(crate) const fn at(bus: &'a B, offset: Offset) -> Self {
        Self { bus, offset, kind: PhantomData }
    }

    /// Where the register is.
    #[must_use]
    pub const fn offset(&self) -> Offset {
        self.offset
    }

    /// Reads the register.
    #[must_use]
    #[inline(always)]
    pub fn read(&self) -> LocalRegisterCopy<u32, R>
    where
        R: ReadPure,
    {
        LocalRegisterCopy::new(self.bus.read32(self.offset))
    }

    /// Reads the register, which changes it: a counter is cleared, a semaphore is taken.
    #[inline(always)]
    pub fn read_with_effect(&self) -> LocalRegisterCopy<u32, R>
    where
        R: ReadActs + ReadableIn<P>,
    {
        LocalRegisterCopy::new(self.bus.read32(self.offset))
    }

    /// Writes `value`; fields that it does not give take their reset value.
    #[inline(always)]
    pub fn write(&self, value: Value<R>)
    where
        R: PlainWrite + KnownReset + WritableIn<P>,
    {
        self.store(R::RESET, value);
    }

    /// Writes `value`, which gives every field.
    #[inline(always)]
    pub fn write_full(&self, value: Full<R>)
    where
        R: PlainWrite + WritableIn<P>,
    {
        // Of the bits of no field some may be known, and must stay.
        self.store(R::RESET, value.0);
    }

    /// Reads the register and writes it back with `value`; other fields stay as they are.
    ///
    /// Bits that act when written as one are written as zero unless `value` gives them.
    #[inline(always)]
    pub fn modify(&self, value: Value<R>)
    where
        R: ReadPure + PlainWrite + WritableIn<P>,
    {
        self.store(self.bus.read32(self.offset), value);
    }

    /// Writes the register, as every write of a typed one does in the end.
    #[inline(always)]
    fn put(&self, value: u32)
    where
        R: WritableIn<P>,
    {
        // SAFETY: `WritableIn` says that `P` allows it. Registers that can let the device access other memory ask for a `Driver`
        // permission; whoever took that by `Registers::assume` promised that what is written does not.
        unsafe { self.bus.write32(self.offset, value) }
    }

    #[inline(always)]
    fn store(&self, old: u32, value: Value<R>)
    where
        R: WritableIn<P>,
    {
        let [mask, bits] = [value.mask()[0] as u32, value.bits()[0] as u32];
        self.put((old & (R::KEEP & !mask)) | (bits | R::ONES));
    }

    /// Sets the bits that `value` gives as ones.
    #[inline(always)]
    pub fn set_ones(&self, value: Value<R>)
    where
        R: OnesSet + WritableIn<P>,
    {
        self.put(value.bits()[0] as u32);
    }

    /// Clears the bits that `value` gives as ones.
    #[inline(always)]
    pub fn clear_ones(&self, value: Value<R>)
    where
        R: OnesClear + WritableIn<P>,
    {
        self.put(value.bits()[0] as u32);
    }

    /// Tells the device that the descriptors before index `tail` are its own now.
    ///
    /// All writes to memory before this one are seen by the device before it sees the new tail.
    #[inline(always)]
    pub fn ring(&self, tail: u32)
    where
        R: Doorbell + WritableIn<P>,
    {
        order_memory_before_doorbell();
        self.put(tail);
    }

    /// Reads the register until `condition` holds of it, at most for `limit`.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] with what the register read last.
    pub fn wait_until(
        &self,
        clock: &impl Clock,
        limit: Duration,
        condition: impl Fn(LocalRegisterCopy<u32, R>) -> bool,
    ) -> Result<LocalRegisterCopy<u32, R>, TimedOut>
    where
        R: ReadPure,
    {
        let mut last = 0;
        let look = || {
            let read = self.read();
            last = read.get();
            // A device that is gone reads as all ones, which must not pass for a condition met.
            (last != u32::MAX && condition(read)).then_some(read)
        };
        let found = clock::poll(clock, limit, POLL_INTERVAL, look);
        found.map_err(|_| TimedOut { register: R::NAME, section: R::SECTION, last, limit })
    }
}

impl<B: Bus, R: ReadPure, P> Readable for Reg<'_, B, R, P> {
    type T = u32;
    type R = R;

    #[inline(always)]
    fn get(&self) -> u32 {
        self.bus.read32(self.offset)
    }
}

impl<B: Bus, R: BareWrite + WritableIn<P>, P> Writeable for Reg<'_, B, R, P> {
    type T = u32;
    type R = R;

    #[inline(always)]
    fn set(&self, value: u32) {
        self.put(value);
    }
}

/// Two registers, `L` and `H`, that hold the low and the high 32 bits of one value.
///
/// They are accessed in the order that the datasheet asks for, the low one first where it does not say. What is written
/// is a `V`: a number, or a [`DmaAddr`] where the device accesses memory at the address that the registers hold.
pub struct Pair<'a, B, L, H, P, V = u64> {
    low: Reg<'a, B, L, P>,
    high: Reg<'a, B, H, P>,
    high_first: bool,
    value: PhantomData<V>,
}

impl<B, L: Register, H: Register, P, V> fmt::Debug for Pair<'_, B, L, H, P, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} and {:?}", self.low, self.high)
    }
}

impl<'a, B: Bus, L: Register, H: Register, P, V> Pair<'a, B, L, H, P, V> {
    /// For generated accessors.
    #[doc(hidden)]
    #[inline(always)]
    pub(crate) const fn new(low: Reg<'a, B, L, P>, high: Reg<'a, B, H, P>) -> Self {
        Self { low, high, high_first: false, value: PhantomData }
    }

    /// For generated accessors.
    #[doc(hidden)]
    #[inline(always)]
    pub(crate) const fn high_first(low: Reg<'a, B, L, P>, high: Reg<'a, B, H, P>) -> Self {
        Self { low, high, high_first: true, value: PhantomData }
    }

    fn in_order<T>(&self, low: impl FnOnce() -> T, high: impl FnOnce() -> T) -> (T, T) {
        if self.high_first {
            let high = high();
            (low(), high)
        } else {
            let low = low();
            (low, high())
        }
    }

    /// Reads both registers.
    #[must_use]
    pub fn read(&self) -> u64
    where
        L: ReadPure,
        H: ReadPure,
    {
        let (low, high) = self.in_order(|| self.low.read().get(), || self.high.read().get());
        u64::from(low) | u64::from(high) << 32
    }

    /// Reads both registers, which changes them.
    pub fn read_with_effect(&self) -> u64
    where
        L: ReadActs + ReadableIn<P>,
        H: ReadActs + ReadableIn<P>,
    {
        let (low, high) = self.in_order(|| self.low.read_with_effect().get(), || self.high.read_with_effect().get());
        u64::from(low) | u64::from(high) << 32
    }

    /// Writes both registers. Bits that software may not set are written as after a reset, whatever `value` has there.
    pub fn write(&self, value: V)
    where
        V: Into<u64>,
        L: PlainWrite + WritableIn<P>,
        H: PlainWrite + WritableIn<P>,
    {
        let value = value.into();
        self.in_order(
            || self.low.store(L::RESET, Value::whole(value as u32)),
            || self.high.store(H::RESET, Value::whole((value >> 32) as u32)),
        );
    }
}
