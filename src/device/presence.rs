//! Presence of the device: a read of all ones is believed only when STATUS confirms it.
//!
//! A removed device reads as all ones, but a device that is there can do so once. So whoever sees all ones looks at
//! STATUS up to [`LOOKS`] times before it says "removed". [`Present`] does that for each read of a transition.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use datasheet_runtime::bus;

use crate::clock::Clock;
use crate::mmio::{Bus, Offset};
use crate::registers::permission::Unbound;
use crate::registers::{RegisterSpace, Registers};

/// The number of looks at STATUS before a device counts as removed.
const LOOKS: usize = 5;
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(3);

/// Returns `true` if the device was removed: STATUS reads as all ones up to five times, 3 ms apart.
pub(crate) fn is_removed<B: Bus, P>(clock: &impl Clock, registers: Registers<'_, B, P>) -> bool {
    for look in 0..LOOKS {
        if look > 0 {
            clock.wait(PAUSE);
        }
        if registers.status().read().get() != u32::MAX {
            return false;
        }
    }
    true
}

/// The bus and the clock of a device in a transition.
///
/// A read of all ones is confirmed by STATUS. If the device answers after all, the register is read again, so that no
/// read-modify-write stores ones that the register never held. Once the device is removed, reads no longer wait.
pub(crate) struct Present<'a, D> {
    device: &'a D,
    removed: AtomicBool,
    answered_late: AtomicBool,
}

impl<'a, D: Bus + Clock> Present<'a, D> {
    /// Wraps the platform of a device, for its one driver.
    pub(crate) fn new(device: &'a D) -> Self {
        Self { device, removed: AtomicBool::new(false), answered_late: AtomicBool::new(false) }
    }

    /// Returns `true` if a read found that the device was removed.
    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Relaxed)
    }

    /// Returns `true` if a read returned all ones, and then the device answered.
    pub(crate) fn answered_late(&self) -> bool {
        self.answered_late.load(Ordering::Relaxed)
    }

    /// Handles a read of all ones at `offset`.
    #[cold]
    fn read_again(&self, offset: Offset) -> u32 {
        if self.removed.load(Ordering::Relaxed) {
            return u32::MAX;
        }
        // SAFETY: `Unbound` claims nothing about the device, and STATUS is only read.
        let registers: Registers<'_, D, Unbound> = unsafe { Registers::assume_permission(self.device) };
        if is_removed(self.device, registers) {
            self.removed.store(true, Ordering::Relaxed);
            return u32::MAX;
        }
        self.answered_late.store(true, Ordering::Relaxed);
        self.device.read(offset)
    }
}

// SAFETY: honest: every value is what the platform's bus read, a later read in place of one that failed. Exclusive: the
// platform is, and its one driver uses this view of it instead of the platform for the length of a borrow.
unsafe impl<D: Bus + Clock> bus::Bus<RegisterSpace> for Present<'_, D> {
    fn read(&self, offset: Offset) -> u32 {
        match self.device.read(offset) {
            u32::MAX => self.read_again(offset),
            value => value,
        }
    }

    unsafe fn write(&self, offset: Offset, value: u32) {
        // SAFETY: the caller keeps this function's contract, which is the platform's.
        unsafe { self.device.write(offset, value) }
    }
}

// SAFETY: both calls go to the platform's clock.
unsafe impl<D: Clock> Clock for Present<'_, D> {
    fn now(&self) -> Duration {
        self.device.now()
    }

    fn wait(&self, time: Duration) {
        self.device.wait(time);
    }
}
