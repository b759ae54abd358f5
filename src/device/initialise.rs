//! Reset and general initialisation (datasheet 4.6.3).

use core::time::Duration;

use crate::clock::Clock;
use crate::device::Error;
use crate::device::error::InStep;
use crate::mmio::{Bus, Index};
use crate::register::{Driver, WritableIn};
use crate::registers::permission::{Reset, Unbound};
use crate::registers::{
    CTRL, EEC, EIMC, EIMC_EX, FCCFG, FCRTH, FCRTL, FCRTV, FCTTV, FWSM, PacketBuffer, RAH, RAL, RDRXCTL, Registers,
};
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

/// Resets the device, which has stopped, and initialises all but receive and transmit. Returns its MAC address.
///
/// These are the steps of 4.6.3 in order.
pub(crate) fn initialise<D: Bus + Clock>(device: &D) -> Result<[u8; 6], Error> {
    global_reset(device)?;
    // SAFETY: the device was just reset, and the caller has exclusive access to it. All queues are disabled, so it
    // accesses no memory.
    let registers: Registers<'_, D, Driver<Reset>> = unsafe { Registers::assume_permission(device) };
    mask_interrupts(registers);
    configure(registers);
    wait_for_eeprom(device, registers)?;
    wait_for_dma(device, registers)?;
    Ok(mac_address(registers))
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

/// Resets link and device and waits until that is done (4.6.3.2, 8.2.3.1.1).
pub(crate) fn global_reset<D: Bus + Clock>(device: &D) -> Result<(), Error> {
    // SAFETY: `Unbound` claims nothing about the device, and the caller has exclusive access to it. A reset disables
    // all queues.
    let registers: Registers<'_, D, Driver<Unbound>> = unsafe { Registers::assume_permission(device) };
    registers.ctrl().modify(value!(CTRL { LRST: true, RST: true }));
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
    let firmware = registers.fwsm().read();
    if firmware.field(FWSM::EXT_ERR_IND) != Some(crate::registers::fwsm::EXT_ERR_IND::NoError) {
        log::warn!("the firmware reports an error: FWSM reads {:#010x} (8.2.3.4.10)", firmware.get());
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

/// Returns the MAC address that the EEPROM gave the device (8.2.3.7.8).
fn mac_address<H: Bus>(registers: Registers<'_, H, Driver<Reset>>) -> [u8; 6] {
    let entry = index!(crate::registers::MacAddressEntry, 0);
    let [a, b, c, d] = (registers.ral(entry).read().field(RAL::RAL) as u32).to_le_bytes();
    let [e, f] = (registers.rah(entry).read().field(RAH::RAH) as u16).to_le_bytes();
    [a, b, c, d, e, f]
}
