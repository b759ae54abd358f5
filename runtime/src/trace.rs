//! A bus that reports each access, in the datasheet's words.
//!
//! Wrap a bus in [`Traced`] to see what a driver does, step by step:
//!
//! ```text
//! write RXCTRL = 0x00000001 (RXEN: 1)
//! read  RXDCTL[0] = 0x02000000 (ENABLE: 1, VME: 0)
//! ```

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use crate::bus::Bus;
use crate::clock::Clock;
use crate::info::RegisterInfo;
use crate::space::{Offset, Space, Width};

/// One access of a register in the space `S`.
///
/// Its `Display` names the register and its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisterAccess<S> {
    /// `true` for a write, `false` for a read.
    pub write: bool,
    /// The offset of the register, in bytes from the start of the space.
    pub offset: u32,
    /// The width of the access in bits.
    pub width: u32,
    /// The value read or written.
    pub value: u64,
    space: PhantomData<S>,
}

impl<S: Space> RegisterAccess<S> {
    /// Returns the access of the register at `offset`: a write of `value`, or a read that returned it.
    #[must_use]
    pub fn new<W: Width>(write: bool, offset: Offset<S, W>, value: W) -> Self {
        Self { write, offset: offset.bytes(), width: 8 * W::BYTES, value: value.into(), space: PhantomData }
    }

    /// Returns the register, and the element's index.
    ///
    /// Where one address holds a register for reads and another for writes, the kind of access selects. Where a field
    /// of a third register selects, as `when` says, the first one is returned, because its value is not known here.
    #[must_use]
    pub fn register(&self) -> Option<(&'static RegisterInfo, u32)> {
        let possible = |info: &&RegisterInfo| {
            info.width == self.width && if self.write { info.is_writable() } else { info.access.is_readable() }
        };
        let at = |info: &'static RegisterInfo| Some((info, info.index_at(self.offset)?));
        S::REGISTERS.iter().filter(possible).find_map(at).or_else(|| S::REGISTERS.iter().find_map(at))
    }
}

impl<S: Space> fmt::Display for RegisterAccess<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.write { "write " } else { "read  " })?;
        let Some((info, index)) = self.register() else {
            return write!(f, "{:#07x} = {:#0digits$x}", self.offset, self.value, digits = 2 + self.width as usize / 4);
        };
        write!(f, "{}", info.name)?;
        if info.count() > 1 {
            write!(f, "[{index}]")?;
        }
        write!(f, " = {}", info.show(self.value))
    }
}

/// A bus whose accesses are reported to `log`. Its clock reports each wait to `waited`, unless that ignores them.
#[derive(Debug)]
pub struct Traced<B, F, T = fn(Duration)> {
    bus: B,
    log: F,
    waited: T,
}

impl<B, F> Traced<B, F> {
    /// Reports each access of `bus` to `log`: after the access, with the value that was read.
    pub const fn new(bus: B, log: F) -> Self {
        Self { bus, log, waited: |_| () }
    }
}

impl<B, F, T> Traced<B, F, T> {
    /// Reports each access of `bus` to `log`, and to `waited` how long each wait was to be, before the wait.
    pub const fn with_waits(bus: B, log: F, waited: T) -> Self {
        Self { bus, log, waited }
    }

    /// Returns the bus behind this one.
    pub const fn bus(&self) -> &B {
        &self.bus
    }
}

// SAFETY: honest: every access goes to the inner bus, and its value comes back unchanged. Exclusive: this owns that bus.
unsafe impl<S: Space, W: Width, B: Bus<S, W>, F: Fn(RegisterAccess<S>), T> Bus<S, W> for Traced<B, F, T> {
    fn read(&self, offset: Offset<S, W>) -> W {
        let value = self.bus.read(offset);
        (self.log)(RegisterAccess::new(false, offset, value));
        value
    }

    unsafe fn write(&self, offset: Offset<S, W>, value: W) {
        // SAFETY: the caller keeps this function's contract, which is the inner bus's.
        unsafe { self.bus.write(offset, value) };
        (self.log)(RegisterAccess::new(true, offset, value));
    }
}

// SAFETY: both calls go to the clock behind this one.
unsafe impl<B: Clock, F, T: Fn(Duration)> Clock for Traced<B, F, T> {
    fn now(&self) -> Duration {
        self.bus.now()
    }

    fn wait(&self, time: Duration) {
        (self.waited)(time);
        self.bus.wait(time);
    }
}
