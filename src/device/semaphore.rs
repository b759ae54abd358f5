//! Semaphores shared with the firmware and with the other port's driver (datasheet 10.5.4).

use core::time::Duration;

use crate::clock::{self, Clock};
use crate::device::Error;
use crate::mmio::Bus;
use crate::register::Driver;
use crate::registers::permission::Reset;
use crate::registers::{Registers, SW_FW_SYNC, SWSM};
use crate::value;

/// Time limit for taking a semaphore.
const TIMEOUT: Duration = Duration::from_millis(500);
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// Software's bit for the MAC's registers in SW_FW_SYNC; the firmware's is 5 bits higher (8.2.3.4.11).
const MAC_CSR: u64 = 1 << 3;

/// Calls `action` while this driver holds the semaphore of the MAC's registers.
pub(crate) fn with_mac_registers<D: Bus + Clock>(
    device: &D,
    action: impl FnOnce(Registers<'_, D, Driver<Reset>>),
) -> Result<(), Error> {
    // SAFETY: the device was reset, and the caller has exclusive access to it. The semaphores control no DMA, and
    // `action` configures the link only.
    let registers: Registers<'_, D, Driver<Reset>> = unsafe { Registers::assume_permission(device) };
    let try_once = || {
        if let Err(error) = acquire_swsm(device, registers) {
            return Some(Err(error));
        }
        let taken = registers.sw_fw_sync().read().field(SW_FW_SYNC::SMBITS);
        let free = taken & (MAC_CSR | MAC_CSR << 5) == 0;
        if free {
            set_bits(registers, taken | MAC_CSR);
        }
        release_swsm(registers);
        free.then_some(Ok(()))
    };
    let taken = clock::poll(device, TIMEOUT, PAUSE, try_once);
    taken.unwrap_or(Err(Error::SemaphoreTimeout { semaphore: "SW_FW_SYNC, the MAC's registers" }))?;
    action(registers);
    acquire_swsm(device, registers)?;
    set_bits(registers, registers.sw_fw_sync().read().field(SW_FW_SYNC::SMBITS) & !MAC_CSR);
    release_swsm(registers);
    Ok(())
}

fn set_bits<H: Bus>(registers: Registers<'_, H, Driver<Reset>>, bits: u64) {
    // The bits were read from the same field, so they fit.
    if let Ok(value) = value!(SW_FW_SYNC {}).try_with(SW_FW_SYNC::SMBITS, bits) {
        registers.sw_fw_sync().modify(value);
    }
}

/// Takes both semaphores of SWSM: SMBI, shared with the other port's driver, then SWESMBI, shared with the firmware.
fn acquire_swsm<D: Bus + Clock>(device: &D, registers: Registers<'_, D, Driver<Reset>>) -> Result<(), Error> {
    let gone = || registers.status().read().get() == u32::MAX;
    let smbi = || !registers.swsm().read_with_side_effects().field(SWSM::SMBI);
    if !retry_until(device, smbi) {
        // A removed device reads as all ones.
        if gone() {
            return Err(Error::Removed { step: "taking the semaphore SWSM (10.5.4)" });
        }
        // No live owner holds the semaphore for that long, so its owner must have died.
        log::warn!("SWSM.SMBI was not released in time; the driver takes it anyway (10.5.4)");
        release_swsm(registers);
        if !retry_until(device, smbi) {
            if gone() {
                return Err(Error::Removed { step: "taking the semaphore SWSM (10.5.4)" });
            }
            return Err(Error::SemaphoreTimeout { semaphore: "SWSM.SMBI" });
        }
    }
    let swesmbi = || {
        registers.swsm().write(value!(SWSM { SMBI: true, SWESMBI: true }));
        registers.swsm().read_with_side_effects().field(SWSM::SWESMBI)
    };
    if !retry_until(device, swesmbi) {
        release_swsm(registers);
        return Err(Error::SemaphoreTimeout { semaphore: "SWSM.SWESMBI" });
    }
    Ok(())
}

/// Releases both semaphores of SWSM.
fn release_swsm<H: Bus>(registers: Registers<'_, H, Driver<Reset>>) {
    registers.swsm().write(value!(SWSM { SMBI: true, SWESMBI: false }));
    registers.swsm().write(value!(SWSM { SMBI: false, SWESMBI: false }));
}

/// Polls `condition` up to the time limit. Returns `true` if it was met.
fn retry_until<C: Clock>(clock: &C, condition: impl Fn() -> bool) -> bool {
    clock::poll(clock, TIMEOUT, PAUSE, || condition().then_some(())).is_ok()
}
