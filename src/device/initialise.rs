//! Reset and general initialisation (datasheet 4.6.3).

use alloc::vec::Vec;
use core::time::Duration;

use crate::clock::Clock;
use crate::device::error::InStep;
use crate::device::{BringUp, Checksum, Eeprom, Error, Finding, Firmware, link, loopback, mac, presence};
use crate::mmio::{Bus, Index};
use crate::register::{Driver, WritableIn};
use crate::registers::permission::{Reset, Unbound};
use crate::registers::{CTRL, EEC, EIMC, EIMC_EX, FCCFG, FCRTH, FCRTL, FCRTV, FCTTV, PacketBuffer, RDRXCTL, Registers};
use crate::{index, value};

/// The time after the start of a reset in which no register may be accessed (8.2.3.1.1).
const RESET_QUIET: Duration = Duration::from_millis(1);
/// Time limit for a reset.
const RESET_DONE: Duration = Duration::from_millis(100);
/// The time that the device gets after a reset before use. The datasheet asks for 10 ms (4.6.3.2), and for two resets in
/// a row to lie apart after a master disable that failed. Drivers that are proven on silicon wait this long.
const RESET_SETTLES: Duration = Duration::from_millis(50);
/// Time limit for reading the EEPROM. The datasheet gives none.
const EEPROM_READ: Duration = Duration::from_secs(1);
/// Time limit for the initialisation of the DMA engine. The datasheet gives none.
const DMA_READY: Duration = Duration::from_secs(1);

/// Resets the device, which has stopped, and initialises all but receive and transmit. Returns its MAC address, and
/// what the card says about itself.
///
/// These are the steps of 4.6.3 in order. `address` takes the place of the EEPROM's MAC address. The EEPROM is read
/// unless `eeprom` has its contents already.
pub(crate) fn initialise<D: Bus + Clock>(
    device: &D,
    address: Option<[u8; 6]>,
    eeprom: Option<Eeprom>,
    mut findings: Vec<Finding>,
) -> Result<([u8; 6], BringUp), Error> {
    global_reset(device)?;
    // SAFETY: the device was just reset, and the caller has exclusive access to it. All queues are disabled, so it
    // accesses no memory.
    let registers: Registers<'_, D, Driver<Reset>> = unsafe { Registers::assume_permission(device) };
    mask_interrupts(registers);
    configure(registers);
    wait_for_eeprom(device, registers)?;
    wait_for_dma(device, registers)?;
    let firmware = Firmware::read(registers);
    if firmware.failure != 0 {
        findings.push(Finding::FirmwareFailed { failure: firmware.failure });
    }
    let eeprom = eeprom.or_else(|| read_eeprom(device, registers, &mut findings));
    if let Some(address) = address {
        mac::write(registers, address)?;
    }
    let found = mac::read(registers);
    if !mac::is_unicast(found) {
        return Err(match presence::is_removed(device, registers) {
            true => Error::Removed { step: "reading the MAC address (8.2.3.7.8)" },
            false => Error::NoMacAddress { found },
        });
    }
    Ok((found, BringUp { firmware, eeprom, findings }))
}

/// Reads the EEPROM. The device has loaded its registers from it, so an error in it is a finding only.
fn read_eeprom<D: Bus + Clock>(
    device: &D,
    registers: Registers<'_, D, Driver<Reset>>,
    findings: &mut Vec<Finding>,
) -> Option<Eeprom> {
    match Eeprom::read(device, registers) {
        Ok(eeprom) => {
            if eeprom.checksum != Checksum::Right {
                findings.push(Finding::EepromChecksum(eeprom.checksum));
            }
            Some(eeprom)
        }
        Err(cause) => {
            findings.push(Finding::EepromUnreadable(cause));
            None
        }
    }
}

/// Masks all interrupts (4.6.3.1). Bit 31 of EIMC is reserved.
pub(crate) fn mask_interrupts<H: Bus, P>(registers: Registers<'_, H, P>)
where
    EIMC: WritableIn<P>,
    EIMC_EX: WritableIn<P>,
{
    registers.eimc().write(value!(EIMC { INTERRUPT_MASK: 0x7fff_ffff }));
    for index in Index::all() {
        registers.eimc_ex(index).write(value!(EIMC_EX { INTERRUPT_MASK: 0xffff_ffff }));
    }
}

/// Resets device and link and waits until that is done (4.6.3.2, 8.2.3.1.1).
///
/// A link that is up and that the firmware needs is not reset: that would cut off a management controller.
pub(crate) fn global_reset<D: Bus + Clock>(device: &D) -> Result<(), Error> {
    // SAFETY: `Unbound` claims nothing about the device, and the caller has exclusive access to it. A reset disables
    // all queues.
    let registers: Registers<'_, D, Driver<Unbound>> = unsafe { Registers::assume_permission(device) };
    let keep_link = Firmware::read(registers).needs_link() && {
        // The first read of LINKS still shows a link that was lost earlier.
        let look = || link::status(device, registers, &link::Settings::default());
        look();
        // A link that a former user forced up is none, and only a reset of the link ends that.
        look().is_up() && !loopback::is_link_forced(registers)
    };
    if keep_link {
        registers.ctrl().modify(value!(CTRL { RST: true }));
    } else {
        registers.ctrl().modify(value!(CTRL { LRST: true, RST: true }));
    }
    device.wait(RESET_QUIET);
    registers
        .ctrl()
        .wait_until(device, RESET_DONE, |control| !control.field(CTRL::RST) && !control.field(CTRL::LRST))
        .in_step("waiting for the reset to finish (8.2.3.1.1)")?;
    device.wait(RESET_SETTLES);
    Ok(())
}

/// Switches flow control off. Its high water mark must be set all the same (4.6.3.2).
fn configure<H: Bus>(registers: Registers<'_, H, Driver<Reset>>) {
    for index in Index::all() {
        registers.fcttv(index).write(value!(FCTTV {}));
    }
    for buffer in PacketBuffer::all() {
        registers.fcrtl(buffer).write(value!(FCRTL {}));
        registers.fcrth(buffer).write(value!(FCRTH {}));
    }
    // 24 KiB below the size of the packet buffer, in units of 32 bytes.
    const HIGH_WATER: u64 = (512 - 24) * 1024 / 32;
    registers.fcrth(index!(PacketBuffer, 0)).write(value!(FCRTH { RTH: HIGH_WATER }));
    registers.fcrtv().write(value!(FCRTV {}));
    registers.fccfg().write(value!(FCCFG {}));
}

/// Waits until the EEPROM was read, and makes sure that there is one (4.6.3, 8.2.3.2.1).
fn wait_for_eeprom<D: Bus + Clock>(device: &D, registers: Registers<'_, D, Driver<Reset>>) -> Result<(), Error> {
    let eec = registers
        .eec()
        .wait_until(device, EEPROM_READ, |eec| eec.field(EEC::AUTO_RD))
        .in_step("waiting for the EEPROM to be read (4.6.3)")?;
    // AUTO_RD is set without an EEPROM too.
    if !eec.field(EEC::EE_PRES) {
        return Err(Error::NoEeprom);
    }
    Ok(())
}

/// Waits until the DMA engine has initialised itself (4.6.3, 8.2.3.8.8).
fn wait_for_dma<D: Bus + Clock>(device: &D, registers: Registers<'_, D, Driver<Reset>>) -> Result<(), Error> {
    registers
        .rdrxctl()
        .wait_until(device, DMA_READY, |control| control.field(RDRXCTL::DMAIDONE))
        .in_step("waiting for the DMA engine (4.6.3)")
        .map(|_| ())
}
