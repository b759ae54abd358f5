//! Loopback inside the MAC: the port receives what it sends, without a cable or a module (datasheet 14.1).

use alloc::vec::Vec;
use core::time::Duration;

use crate::clock::{self, Clock};
use crate::device::presence::is_removed;
use crate::device::{Error, Finding, Firmware, link};
use crate::mmio::Bus;
use crate::register::{Driver, ExclusiveAccess};
use crate::registers::permission::Reset;
use crate::registers::{AUTOC, HLREG0, Registers, autoc};
use crate::value;

/// The time that the forced link gets before use, as in drivers proven on silicon.
const LINK_SETTLES: Duration = Duration::from_millis(50);
/// Time limit for the forced link to be reported after that. The datasheet gives none.
const LINK_FORCED: Duration = Duration::from_millis(100);
/// The pause between two reads of the link status.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A way in which the port receives what it sends: see [`Config::loopback`](crate::device::Config::loopback).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loopback {
    /// Inside the MAC, behind the packet buffers: no frame leaves the port, and none comes in.
    Mac,
}

/// Checks that the port may be looped back.
///
/// # Errors
///
/// [`Error::LoopbackRefused`] if the firmware uses or holds the port: a forced link would cut off its controller.
pub(crate) fn check(firmware: Firmware) -> Result<(), Error> {
    if firmware.needs_link() { Err(Error::LoopbackRefused { firmware }) } else { Ok(()) }
}

/// Loops the port back: LPBK first, so that no frame leaves it, then a link without a signal. The device must not
/// transmit or receive yet.
///
/// A reset of device and link undoes all of it.
pub(crate) fn set_up<D: Bus + Clock>(device: &D, loopback: Loopback, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let Loopback::Mac = loopback;
    // SAFETY: the device is being started, and the caller has exclusive access to it. No queue is enabled.
    let registers: Registers<'_, D, Driver<Reset>> = unsafe { Registers::assume_permission(device) };
    check(Firmware::read(registers))?;
    registers.hlreg0().modify(value!(HLREG0 { LPBK: true }));
    link::change_mode(device, findings, |registers| {
        // A parallel mode without negotiation, because it depends on no signal. Drivers proven on silicon take it too.
        let forced = value!(AUTOC { FLU: true, LMS: autoc::LMS::TenGigabitParallelNoAn, RESTART_AN: true });
        registers.autoc().modify(forced);
    })?;
    device.wait(LINK_SETTLES);
    let is_up = || link::status(device, registers, &link::Settings::default()).is_up().then_some(());
    clock::poll(device, LINK_FORCED, POLL_INTERVAL, is_up).map_err(|waited| match is_removed(device, registers) {
        true => Error::Removed { step: "looping the port back (14.1)" },
        false => Error::LoopbackFailed { waited: LINK_SETTLES + waited },
    })
}

/// Returns `true` if a former user of the device forced the link up. Such a link is none.
pub(crate) fn is_link_forced<D: Bus, P: ExclusiveAccess>(registers: Registers<'_, D, P>) -> bool {
    registers.autoc().read().field(AUTOC::FLU)
}
