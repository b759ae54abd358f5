//! The way to the device's registers: the only volatile accesses of the crate.
//!
//! A [`Bus`] reads and writes 32-bit registers at an [`Offset`]. An `Offset` cannot be made outside the
//! register space and a [`Mmio`] cannot be made over a shorter BAR, so an access needs no check of its own.
//! An [`Array`] turns an [`Index`] into an `Offset` in the same way: what is out of range cannot be said.

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::message::Message;

/// Size of the register space behind BAR0, in bytes (datasheet 8.1).
pub const REGISTER_SPACE: usize = 128 * 1024;

/// Reads and writes the 32-bit registers of one device.
///
/// [`Mmio`] is the bus of real hardware; a model of the chip is another. Drivers are generic over
/// the bus and compiled for each, so that it costs nothing.
///
/// # Safety
///
/// The driver frees memory once the registers say that a queue is disabled or that the device has stopped. It gives
/// the device memory by writing to registers. So an implementation must guarantee, for as long as a value of it lives:
///
/// - **It is honest.** [`read32`](Self::read32) returns what the device answers, and [`write32`](Self::write32) stores
///   the value in the device's register. Both always access the same device.
/// - **It is exclusive.** Nothing else drives the device: no second bus in this process, no other process, no driver
///   of the kernel. Two drivers of one device each move the other's ring tails, so the device would take descriptors
///   that it has written back already for addresses.
///
/// Therefore a bus must be neither `Clone` nor implemented for shared references or counted pointers: each copy would
/// be a second driver's. Whatever makes a bus must refuse to make a second one of the same device.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the bus of a device",
    label = "not a `Bus`",
    note = "a driver owns its bus: neither a reference to a bus nor a handle that can be cloned is one"
)]
pub unsafe trait Bus {
    /// Reads the register at `offset`.
    fn read32(&self, offset: Offset) -> u32;

    /// Writes the register at `offset`.
    ///
    /// # Safety
    ///
    /// What is written may decide which memory the device reads and writes: it must not reach any that it was not given.
    /// The typed registers see to that by the permission that they ask for.
    unsafe fn write32(&self, offset: Offset, value: u32);
}

/// The registers of a device that are mapped into memory.
#[derive(Debug)]
pub struct Mmio {
    base: NonNull<u8>,
}

/// A BAR that is too small or misaligned to hold the device's registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnusableBar {
    /// The address at which the BAR is mapped.
    pub base: usize,
    /// The length of the mapping in bytes; [`REGISTER_SPACE`] is needed.
    pub len: usize,
}

impl fmt::Display for UnusableBar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the BAR mapped at {:#x} with {} bytes cannot hold the registers: {} bytes at a multiple of 4 are needed",
            self.base, self.len, REGISTER_SPACE
        )
    }
}

impl core::error::Error for UnusableBar {}

impl Mmio {
    /// Takes the BAR mapped at `base`, `len` bytes long.
    ///
    /// # Errors
    ///
    /// [`UnusableBar`] if the mapping is shorter than [`REGISTER_SPACE`] or not aligned to 4 bytes.
    ///
    /// # Safety
    ///
    /// As long as the value lives, `base` must be valid for volatile reads and writes of `len` bytes, must be the
    /// registers of one device (or memory that models them), and nothing else may drive that device: see [`Bus`].
    pub unsafe fn new(base: NonNull<u8>, len: usize) -> Result<Self, UnusableBar> {
        if len < REGISTER_SPACE || !(base.as_ptr() as usize).is_multiple_of(4) {
            return Err(UnusableBar { base: base.as_ptr() as usize, len });
        }
        Ok(Self { base })
    }

    #[inline(always)]
    fn register(&self, offset: Offset) -> *mut u32 {
        // SAFETY: an `Offset` lies within `REGISTER_SPACE`, and `new` checked that the BAR has it.
        unsafe { self.base.as_ptr().add(offset.0 as usize).cast() }
    }
}

// SAFETY: honest: both accesses go to the one mapping. Exclusive: the caller of `new` promised it, and `Mmio` is not `Clone`.
unsafe impl Bus for Mmio {
    #[inline(always)]
    fn read32(&self, offset: Offset) -> u32 {
        // SAFETY: `register` gives an aligned address within the mapping that `new` was promised.
        u32::from_le(unsafe { self.register(offset).read_volatile() })
    }

    #[inline(always)]
    unsafe fn write32(&self, offset: Offset, value: u32) {
        // SAFETY: `register` gives an aligned address within the mapping that `new` was promised; what the write makes the device do
        // is the caller's to answer for.
        unsafe { self.register(offset).write_volatile(value.to_le()) }
    }
}

// SAFETY: a register access is one indivisible bus transaction; no Rust data is shared through it.
unsafe impl Send for Mmio {}
// SAFETY: as for `Send`.
unsafe impl Sync for Mmio {}

/// Orders all earlier writes to memory before the next register write, as the device sees them.
///
/// A driver rings a doorbell after it wrote the descriptors. Without this, the device might fetch them too early.
///
/// Rust orders a volatile write only among volatile accesses: neither a fence nor `compiler_fence` is promised to hold other
/// writes before it. (See the discussions of [volatile and fences] and of [atomic volatile accesses].) So this is a block of
/// assembly that may access any memory: the compiler cannot move a write to memory behind it, nor the volatile write before
/// it. On x86, which keeps stores in order by itself, the block is empty; elsewhere it is the barrier of the architecture.
/// `tests/assembly.rs` looks at what becomes of each doorbell on x86-64.
///
/// [volatile and fences]: https://github.com/rust-lang/unsafe-code-guidelines/issues/260
/// [atomic volatile accesses]: https://github.com/rust-lang/unsafe-code-guidelines/issues/615
#[inline(always)]
pub fn order_memory_before_doorbell() {
    // Miri knows no assembly; it also has no device that could see the difference.
    #[cfg(miri)]
    core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::Release);
    #[cfg(not(miri))]
    // SAFETY: a barrier touches neither memory nor registers.
    unsafe {
        #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
        core::arch::asm!("", options(nostack, preserves_flags));
        #[cfg(target_arch = "aarch64")]
        core::arch::asm!("dmb oshst", options(nostack, preserves_flags));
        #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
        core::arch::asm!("fence w, ow", options(nostack, preserves_flags));
    }
    #[cfg(not(any(
        target_arch = "x86_64",
        target_arch = "x86",
        target_arch = "aarch64",
        target_arch = "riscv32",
        target_arch = "riscv64"
    )))]
    compile_error!("the barrier between memory and a doorbell is not known for this architecture");
}

/// Where a register is: a multiple of 4 within [`REGISTER_SPACE`], in bytes from the start of BAR0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(u32);

impl Offset {
    /// The offset `bytes`, or `None` where no register can be.
    #[must_use]
    pub const fn new(bytes: u32) -> Option<Self> {
        if (bytes as usize) < REGISTER_SPACE && bytes.is_multiple_of(4) { Some(Self(bytes)) } else { None }
    }

    /// The offset in bytes from the start of BAR0.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        self.0
    }

    /// For constants in generated code: what is out of range does not compile.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn constant(bytes: u32) -> Self {
        match Self::new(bytes) {
            Some(offset) => offset,
            None => panic!("not the offset of a register"),
        }
    }
}

impl fmt::Debug for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#07x}", self.0)
    }
}

/// What an array of registers is indexed by.
pub trait IndexSpace: Copy + 'static {
    /// How many elements there are.
    const COUNT: u32;
    /// The name of the index, for messages.
    const NAME: &'static str;
}

/// The index space of arrays without a named one: the numbers below `COUNT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Below<const COUNT: u32> {}

impl<const COUNT: u32> IndexSpace for Below<COUNT> {
    const COUNT: u32 = COUNT;
    const NAME: &'static str = "element";
}

/// An index of the space `K`, always within its range.
///
/// Constant ones are made with [`index!`](crate::index), which a wrong value does not survive at
/// compile time, others with [`Index::new`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index<K> {
    index: u16,
    space: PhantomData<fn() -> K>,
}

/// An index that its array does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexOutOfRange {
    /// What was indexed.
    pub name: &'static str,
    /// The index given.
    pub index: usize,
    /// How many there are.
    pub count: u32,
}

impl fmt::Display for IndexOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, index, count } = self;
        match count.checked_sub(1) {
            Some(last) => write!(f, "there is no {name} {index}: they are numbered 0 to {last}"),
            None => write!(f, "there is no {name} {index}: there are none"),
        }
    }
}

impl core::error::Error for IndexOutOfRange {}

impl<K: IndexSpace> Index<K> {
    /// The index `index`.
    ///
    /// # Errors
    ///
    /// [`IndexOutOfRange`] if there are not that many.
    pub const fn new(index: usize) -> Result<Self, IndexOutOfRange> {
        if index < K::COUNT as usize && index <= u16::MAX as usize {
            Ok(Self { index: index as u16, space: PhantomData })
        } else {
            Err(IndexOutOfRange { name: K::NAME, index, count: K::COUNT })
        }
    }

    /// All indices in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..K::COUNT as usize).filter_map(|index| Self::new(index).ok())
    }

    /// The index as a number.
    #[must_use]
    #[inline(always)]
    pub const fn get(self) -> usize {
        self.index as usize
    }

    /// For [`index!`](crate::index): what is out of range does not compile.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn constant(index: usize) -> Self {
        match Self::new(index) {
            Ok(index) => index,
            Err(error) => {
                let message = Message::new("there is no ").text(error.name).text(" ").number(index as u64);
                let message = match error.count.checked_sub(1) {
                    Some(last) => message.text(": they are numbered 0 to ").number(last as u64),
                    None => message.text(": there are none"),
                };
                panic!("{}", message.as_str())
            }
        }
    }
}

impl<K: IndexSpace> fmt::Debug for Index<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", K::NAME, self.index)
    }
}

impl<K: IndexSpace> fmt::Display for Index<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A constant index, checked by the compiler.
///
/// ```
/// use ixgbe::{index, registers::RxQueue};
/// let queue = index!(RxQueue, 5);
/// assert_eq!(queue.get(), 5);
/// ```
#[macro_export]
macro_rules! index {
    ($space:ty, $index:expr) => {{
        // An item, and of this name, for the same reasons as in `value!`.
        const __IXGBE_INDEX: $space = <$space>::constant($index);
        __IXGBE_INDEX
    }};
}

/// A run of equally spaced registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Index of the first element.
    pub first: u32,
    /// Number of elements.
    pub count: u32,
    /// Offset of the first element in bytes.
    pub base: u32,
    /// Distance between elements in bytes.
    pub stride: u32,
}

/// Where the elements of an array of registers are, over `N` runs.
#[derive(Debug, Clone, Copy)]
pub struct Array<K, const N: usize> {
    ranges: [Range; N],
    space: PhantomData<fn() -> K>,
}

impl<K: IndexSpace, const N: usize> Array<K, N> {
    /// For constants in generated code: ranges that leave a hole in the index, or the register
    /// space, do not compile.
    #[doc(hidden)]
    #[must_use]
    pub const fn constant(ranges: [Range; N]) -> Self {
        let (mut at, mut next) = (0, 0);
        while at < N {
            let Range { first, count, base, stride } = ranges[at];
            assert!(first == next && count > 0 && base.is_multiple_of(4) && stride.is_multiple_of(4));
            assert!((base as u64) + (count as u64 - 1) * (stride as u64) < REGISTER_SPACE as u64);
            next = match first.checked_add(count) {
                Some(next) => next,
                None => panic!("these are more elements than an index can say"),
            };
            at += 1;
        }
        assert!(next == K::COUNT);
        Self { ranges, space: PhantomData }
    }

    /// Where element `index` is.
    #[must_use]
    #[inline(always)]
    pub const fn offset(&self, index: Index<K>) -> Offset {
        let index = index.index as u32;
        // Looking for the range first and then into it would read a table in memory for each access. In this form the
        // ranges become constants of the code. `constant` checked that every index ends up within the register space.
        let (mut offset, mut at) = (0, 0);
        while at < N {
            let Range { first, base, stride, .. } = self.ranges[at];
            if index >= first {
                offset = base + (index - first) * stride;
            }
            at += 1;
        }
        Offset(offset)
    }
}
