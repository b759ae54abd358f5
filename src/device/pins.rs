//! The board's pins to an SFP+ cage: laser, rate select, and the module's presence (datasheet 8.2.3.1.4).
//!
//! What a pin is wired to is up to the board, and the EEPROM sets its direction. The driver never makes SDP3 an output:
//! a board on which it is an input uses it for something else. It does so with SDP5 for a module of several rates, and
//! with the pins of the arbiter on the one card with a QSFP cage, as stock drivers do by the device id.

use core::time::Duration;

use crate::clock::Clock;
use crate::device::{Firmware, Medium};
use crate::field::Value;
use crate::mmio::Bus;
use crate::register::Driver;
use crate::registers::permission::Reset;
use crate::registers::{ESDP, MMNGC, Registers, esdp};
use crate::value;

/// The time for which a laser that is switched off stays dark, so that the partner sees it.
const DARK: Duration = Duration::from_micros(100);
/// The time that a laser takes to shine, by the drivers that are proven on silicon.
pub(crate) const LASER_LIGHTS: Duration = Duration::from_millis(100);
/// The time that a module takes to change its rate, by the same drivers.
pub(crate) const RATE_CHANGES: Duration = Duration::from_millis(40);

/// Returns the registers of a device that was initialised, to which the caller has exclusive access.
pub(crate) fn registers<D: Bus>(device: &D) -> Registers<'_, D, Driver<Reset>> {
    // SAFETY: this module, and those that get the registers from it, write ESDP, I2CCTL and AUTOC only, and read others.
    // None of these controls DMA, and all may be written in every state from `Reset` on. The callers have exclusive
    // access to the device.
    unsafe { Registers::assume_permission(device) }
}

/// Returns `true` if the firmware holds the link: it keeps the driver from changing it (8.2.3.22.25).
pub(crate) fn firmware_holds_link<D: Bus>(device: &D) -> bool {
    registers(device).mmngc().read().field(MMNGC::MNG_VETO)
}

/// Returns `true` if software drives SDP3: only then it is a laser switch.
fn has_laser(esdp: crate::register::Contents<ESDP>) -> bool {
    esdp.field(ESDP::SDP3_IODIR) == Some(esdp::SDP3_IODIR::Output) && !esdp.field(ESDP::SDP3_NATIVE)
}

/// Returns `true` if the port has a laser that is switched off.
pub(crate) fn is_dark<D: Bus>(device: &D, medium: Option<Medium>) -> bool {
    let look = || {
        let esdp = registers(device).esdp().read();
        has_laser(esdp) && esdp.field(ESDP::SDP3_DATA)
    };
    medium.is_some_and(Medium::has_module_pins) && look()
}

/// Switches the laser on if it is off. Returns `true` if it was: it shines after [`LASER_LIGHTS`].
///
/// Stock drivers do so although the firmware holds the link.
pub(crate) fn light<D: Bus>(device: &D, medium: Option<Medium>) -> bool {
    let dark = is_dark(device, medium);
    if dark {
        registers(device).esdp().modify(Value::EMPTY.with(ESDP::SDP3_DATA, false));
    }
    dark
}

/// Switches the laser off, unless the firmware may use the link. Returns `true` if it was on.
pub(crate) fn darken<D: Bus>(device: &D, medium: Option<Medium>) -> bool {
    if !medium.is_some_and(Medium::has_module_pins) || Firmware::read(registers(device)).needs_link() {
        return false;
    }
    let esdp = registers(device).esdp().read();
    // All ones: the device was removed.
    let lit = esdp.get() != u32::MAX && has_laser(esdp) && !esdp.field(ESDP::SDP3_DATA);
    if lit {
        registers(device).esdp().modify(Value::EMPTY.with(ESDP::SDP3_DATA, true));
    }
    lit
}

/// Switches the laser off and on, so that a partner that tries several speeds starts again. Returns `true` if it did.
pub(crate) fn flap<D: Bus + Clock>(device: &D, medium: Option<Medium>) -> bool {
    let lit = darken(device, medium);
    if lit {
        device.wait(DARK);
        light(device, medium);
    }
    lit
}

/// Selects the module's rate. Returns `true` if it changed: it takes [`RATE_CHANGES`].
///
/// Only for a module that is known to have several rates does SDP5 become an output: it is none after power-on.
pub(crate) fn select_rate<D: Bus>(device: &D, medium: Option<Medium>, ten_gigabit: bool, multispeed: bool) -> bool {
    if !medium.is_some_and(Medium::has_module_pins) || firmware_holds_link(device) {
        return false;
    }
    let esdp = registers(device).esdp().read();
    let selects = esdp.field(ESDP::SDP5_IODIR) == Some(esdp::SDP5_IODIR::Output) && !esdp.field(ESDP::SDP5_NATIVE);
    let is_wrong = esdp.field(ESDP::SDP5_DATA) != ten_gigabit;
    let changes = esdp.get() != u32::MAX && if selects { is_wrong } else { multispeed };
    if changes {
        let pin = value!(ESDP { SDP5_NATIVE: false, SDP5_IODIR: esdp::SDP5_IODIR::Output });
        registers(device).esdp().modify(pin.with(ESDP::SDP5_DATA, ten_gigabit));
    }
    changes
}

/// Returns `true` if the cage reports that it has no module: SDP2 is an input and low.
pub(crate) fn is_cage_empty<D: Bus>(device: &D) -> bool {
    let esdp = registers(device).esdp().read();
    esdp.field(ESDP::SDP2_IODIR) == Some(esdp::SDP2_IODIR::Input) && !esdp.field(ESDP::SDP2_DATA)
}
