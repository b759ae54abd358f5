//! Semaphores shared with the firmware and with the other port's driver (datasheet 10.5.4).
//!
//! A process that is killed while it holds a semaphore never gives it back. So a semaphore that stays taken for longer
//! than any owner needs is taken by force.

use alloc::vec::Vec;
use core::time::Duration;

use crate::clock::{self, Clock};
use crate::device::presence::is_removed;
use crate::device::{Error, Finding};
use crate::mmio::Bus;
use crate::register::Driver;
use crate::registers::permission::Reset;
use crate::registers::{Registers, SW_FW_SYNC, SWSM};
use crate::value;

/// Time limit for taking a semaphore of SWSM.
const TIMEOUT: Duration = Duration::from_millis(500);
/// Time limit for taking a semaphore of SW_FW_SYNC: no owner needs one for that long.
const SYNC_TIMEOUT: Duration = Duration::from_secs(1);
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

/// The distance from software's bits in SW_FW_SYNC to the firmware's for the same.
const FIRMWARE: u32 = 5;

/// Calls `action` while this driver holds the semaphore of the MAC's registers.
///
/// The rest is as for [`with_resource`].
pub(crate) fn with_mac_registers<D: Bus + Clock, T>(
    device: &D,
    findings: &mut Vec<Finding>,
    action: impl FnOnce(Registers<'_, D, Driver<Reset>>) -> T,
) -> Result<T, Error> {
    with_resource(device, MAC_CSR, findings, action)
}

/// Calls `action` while this driver holds the semaphore of `resource`.
///
/// The device was initialised, and the caller has exclusive access to it. `action` must do only what is allowed in
/// every state from `Reset` on, because a device that runs has its module read too.
///
/// If software's bit stays set for a second, its owner has died: the driver takes it over, and adds a finding. If the
/// firmware's bit does, it is cleared and an error returned, so that the next try succeeds.
pub(crate) fn with_resource<D: Bus + Clock, T>(
    device: &D,
    resource: Resource,
    findings: &mut Vec<Finding>,
    action: impl FnOnce(Registers<'_, D, Driver<Reset>>) -> T,
) -> Result<T, Error> {
    // SAFETY: the device was reset, and the caller has exclusive access to it. The semaphores control no DMA and may be
    // written in every state, and `action` configures the link or drives pins only.
    let registers: Registers<'_, D, Driver<Reset>> = unsafe { Registers::assume_permission(device) };
    let Resource { bit, .. } = resource;
    let try_once = || match acquire_swsm(device, registers, findings) {
        Err(error) => Some(Err(error)),
        Ok(()) => {
            let taken = read_bits(registers);
            let free = taken & (bit | bit << FIRMWARE) == 0;
            if free {
                set_bits(registers, taken | bit);
            }
            release_swsm(registers);
            free.then_some(Ok(()))
        }
    };
    match clock::poll(device, SYNC_TIMEOUT, PAUSE, try_once) {
        Ok(taken) => taken?,
        Err(_) => take_over(device, registers, resource, findings)?,
    }
    let result = action(registers);
    acquire_swsm(device, registers, findings)?;
    set_bits(registers, read_bits(registers) & !bit);
    release_swsm(registers);
    Ok(result)
}

/// Takes the semaphore of `resource`, which stayed taken, from its owner.
fn take_over<D: Bus + Clock>(
    device: &D,
    registers: Registers<'_, D, Driver<Reset>>,
    resource: Resource,
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    let Resource { bit, name } = resource;
    acquire_swsm(device, registers, findings)?;
    let taken = read_bits(registers);
    let by_firmware = taken & bit << FIRMWARE != 0;
    if by_firmware {
        set_bits(registers, taken & !(bit | bit << FIRMWARE));
    } else {
        set_bits(registers, taken | bit);
    }
    release_swsm(registers);
    if by_firmware {
        return Err(Error::SemaphoreTimeout { semaphore: name });
    }
    findings.push(Finding::SemaphoreLeftBehind { mask: bit as u32 });
    Ok(())
}

/// Returns the bits of SW_FW_SYNC. Both semaphores of SWSM must be held.
fn read_bits<D: Bus>(registers: Registers<'_, D, Driver<Reset>>) -> u64 {
    registers.sw_fw_sync().read().field(SW_FW_SYNC::SMBITS)
}

fn set_bits<D: Bus>(registers: Registers<'_, D, Driver<Reset>>, bits: u64) {
    // The bits were read from the same field, so they fit.
    if let Ok(value) = value!(SW_FW_SYNC {}).try_with(SW_FW_SYNC::SMBITS, bits) {
        registers.sw_fw_sync().modify(value);
    }
}

/// Takes both semaphores of SWSM: SMBI, shared with the other port's driver, then SWESMBI, shared with the firmware.
fn acquire_swsm<D: Bus + Clock>(
    device: &D,
    registers: Registers<'_, D, Driver<Reset>>,
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    let timed_out = |semaphore| match is_removed(device, registers) {
        // A removed device reads as all ones, and so as taken.
        true => Error::Removed { step: "taking the semaphore SWSM (10.5.4)" },
        false => Error::SemaphoreTimeout { semaphore },
    };
    let smbi = || !registers.swsm().read_with_side_effects().field(SWSM::SMBI);
    if !retry_until(device, smbi) {
        if let error @ Error::Removed { .. } = timed_out("SWSM.SMBI") {
            return Err(error);
        }
        // No live owner holds the semaphore for that long, so its owner must have died.
        release_swsm(registers);
        if !retry_until(device, smbi) {
            return Err(timed_out("SWSM.SMBI"));
        }
        findings.push(Finding::SmbiLeftBehind);
    }
    let swesmbi = || {
        registers.swsm().write(value!(SWSM { SMBI: true, SWESMBI: true }));
        registers.swsm().read_with_side_effects().field(SWSM::SWESMBI)
    };
    if !retry_until(device, swesmbi) {
        release_swsm(registers);
        return Err(timed_out("SWSM.SWESMBI"));
    }
    Ok(())
}

/// Releases both semaphores of SWSM.
fn release_swsm<D: Bus>(registers: Registers<'_, D, Driver<Reset>>) {
    registers.swsm().write(value!(SWSM { SMBI: true, SWESMBI: false }));
    registers.swsm().write(value!(SWSM { SMBI: false, SWESMBI: false }));
}

/// Polls `condition` up to the time limit. Returns `true` if it was met.
fn retry_until<C: Clock>(clock: &C, condition: impl Fn() -> bool) -> bool {
    clock::poll(clock, TIMEOUT, PAUSE, || condition().then_some(())).is_ok()
}
