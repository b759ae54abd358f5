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

/// A resource that SW_FW_SYNC guards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resource {
    /// Software's bit; the firmware's is 5 bits higher (8.2.3.4.11).
    bit: u64,
    name: &'static str,
}

/// The MAC's registers.
const MAC_CSR: Resource = Resource { bit: 1 << 3, name: "SW_FW_SYNC, the MAC's registers" };

impl Resource {
    /// Returns the serial buses of port `lan_id` of the device: MDIO and I2C.
    pub(crate) fn phy(lan_id: u64) -> Self {
        match lan_id {
            0 => Self { bit: 1 << 1, name: "SW_FW_SYNC, the serial buses of port 0" },
            _ => Self { bit: 1 << 2, name: "SW_FW_SYNC, the serial buses of port 1" },
        }
    }
}

/// Calls `action` while this driver holds the semaphore of the MAC's registers.
pub(crate) fn with_mac_registers<D: Bus + Clock>(
    device: &D,
    action: impl FnOnce(Registers<'_, D, Driver<Reset>>),
) -> Result<(), Error> {
    with_resource(device, MAC_CSR, action)
}

/// Calls `action` while this driver holds the semaphore of `resource`.
///
/// The device was initialised, and the caller has exclusive access to it. `action` must do only what is allowed in
/// every state from `Reset` on, because a device that runs has its module read too.
pub(crate) fn with_resource<D: Bus + Clock, T>(
    device: &D,
    resource: Resource,
    action: impl FnOnce(Registers<'_, D, Driver<Reset>>) -> T,
) -> Result<T, Error> {
    // SAFETY: the device was reset, and the caller has exclusive access to it. The semaphores control no DMA and may be
    // written in every state, and `action` configures the link or drives pins only.
    let registers: Registers<'_, D, Driver<Reset>> = unsafe { Registers::assume_permission(device) };
    let Resource { bit, name } = resource;
    let try_once = || {
        if let Err(error) = acquire_swsm(device, registers) {
            return Some(Err(error));
        }
        let taken = registers.sw_fw_sync().read().field(SW_FW_SYNC::SMBITS);
        let free = taken & (bit | bit << 5) == 0;
        if free {
            set_bits(registers, taken | bit);
        }
        release_swsm(registers);
        free.then_some(Ok(()))
    };
    let taken = clock::poll(device, TIMEOUT, PAUSE, try_once);
    taken.unwrap_or(Err(Error::SemaphoreTimeout { semaphore: name }))?;
    let result = action(registers);
    acquire_swsm(device, registers)?;
    set_bits(registers, registers.sw_fw_sync().read().field(SW_FW_SYNC::SMBITS) & !bit);
    release_swsm(registers);
    Ok(result)
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
