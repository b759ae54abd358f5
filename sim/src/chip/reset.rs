//! Power-on, reset, and the initialisation that a driver waits for afterwards (datasheet 4.6.3).

use ixgbe::info::RegisterInfo;

use crate::board::cage;
use crate::board::eeprom::{EEC, EERD, Eeprom};
use crate::board::i2c::I2c;
use crate::chip::Chip;
use crate::chip::clock::{Event, MICROSECOND, MILLISECOND, Time};
use crate::chip::common::Common;
use crate::fault::Fault;
use crate::interrupts::{EIMS_EX, GPIE};
use crate::pause::Pause;
use crate::registers::offsets::*;
use crate::semaphores::{SW_FW_SYNC, SWSM};
use crate::violation::Rule;

/// Time CTRL.RST stays set. The datasheet gives none, but DPDK's driver polls only ten times, with a microsecond before
/// each.
const RESET: Time = 5 * MICROSECOND;
/// Time after the start of a reset in which no register may be accessed (8.2.3.1.1).
const QUIET: Time = MILLISECOND;
/// Time the EEPROM takes to be read after a reset.
const EEPROM: Time = 3 * MILLISECOND;
/// Time the DMA engine takes to initialise itself after a reset.
const DMA_INIT: Time = 4 * MILLISECOND;
/// Time the device takes to finish its transactions when it must stop being a master.
const MASTER_STOP: Time = 50 * MICROSECOND;
/// Time the data path takes in loopback before its buffers can be flushed. Drivers proven on silicon wait that long.
const LOOPBACK_SETTLES: Time = 3 * MILLISECOND;

const GCR_EXT: u32 = 0x11050;
const GCR_EXT_BUFFERS_CLEAR_FUNC: u32 = bit(30);

/// Progress of the device and its driver after a reset.
#[derive(Debug, Default)]
pub(crate) struct Startup {
    in_reset: bool,
    link_reset: bool,
    quiet_until: Time,
    resets: u32,
    /// `true` if the driver itself made the last reset, through CTRL.
    own_reset: bool,
    flush: Flush,
}

/// Progress of the flush that a device needs whose requests stay pending (5.2.5.3.2).
#[derive(Debug, Default, Clone, Copy)]
struct Flush {
    /// The time at which HLREG0.LPBK was set.
    loopback_since: Option<Time>,
    /// `true` once GCR_EXT.BUFFERS_CLEAR_FUNC was set in loopback, with reception off.
    done: bool,
    /// `true` if the first of the two resets is over, and the second is due.
    second_reset_due: bool,
}

impl Startup {
    pub(crate) fn in_reset(&self) -> bool {
        self.in_reset
    }

    /// Checks that the register at `offset` may be accessed now. Returns `true` if the access takes effect.
    pub(crate) fn check(&self, offset: u32, write: bool, eeprom: &Eeprom, common: &mut Common) -> bool {
        let kind = if write { "write" } else { "read" };
        if self.quiet_until > common.clock.now() {
            let left = (self.quiet_until - common.clock.now()) / MICROSECOND;
            common.violation(Rule::TouchedAfterReset, offset, || format!("{kind} {left} us too early"));
        } else if self.in_reset && !matches!(offset, CTRL | STATUS) {
            common.violation(Rule::AccessInReset, offset, || format!("{kind} while CTRL.RST has not cleared itself"));
        }
        if write && !self.in_reset && self.own_reset && !eeprom.is_awaited() {
            let early = matches!(
                offset,
                CTRL | CTRL_EXT | EEC | EERD | SWSM | SW_FW_SYNC | GPIE | FCRTV | FCCFG | 0x00800..0x00900
                    | FCTTV..0x03280 | EIMS_EX..0x00AE0
            );
            if !early {
                common.violation(Rule::EepromNotAwaited, offset, || "EEC.AUTO_RD was not yet read as 1".to_owned());
            }
        }
        !(write && self.in_reset && offset != CTRL)
    }
}

/// Returns `true` for registers of the firmware, which goes on whatever becomes of one port: SW_FW_SYNC, which it shares with
/// both ports, and FWSM, in which it reports.
fn is_of_firmware(info: &RegisterInfo) -> bool {
    matches!(info.name, "FWSM" | "SW_FW_SYNC")
}

/// Returns `true` for registers that CTRL.RST resets: not ESDP, which is only initialised at LAN_PWR_GOOD (8.2.3.1.4), and
/// not I2CCTL, which is at PERST.
fn is_reset_by_software(info: &RegisterInfo) -> bool {
    !is_of_firmware(info) && !matches!(info.name, "ESDP" | "I2CCTL")
}

impl Chip {
    /// Brings the device into the state after power-on, with the EEPROM read.
    pub(crate) fn power_on(&mut self) {
        self.set_fixed_bits(false);
        cage::power_on(&mut self.common.registers);
        self.eeprom_loaded();
        self.common.registers.set_bits(RDRXCTL, RDRXCTL_DMAIDONE, true);
        self.link.train(&mut self.common, &mut self.interrupts);
    }

    /// Sets the bits that the table of reset values does not define. The link stays up if `keep_link` is `true`.
    fn set_fixed_bits(&mut self, keep_link: bool) {
        let registers = &mut self.common.registers;
        registers.set_bits(STATUS, u32::from(self.lan_id & 3) << STATUS_LAN_ID, true);
        registers.set_bits(RDRXCTL, bit(0), false);
        self.eeprom.reset(registers);
        self.link.reset(keep_link, registers);
    }

    /// Resets the parts of the chip, and the registers for which `which` returns `true`.
    fn reset_parts(&mut self, keep_link: bool, which: impl Fn(&RegisterInfo) -> bool) {
        self.common.clock.cancel(|_| true);
        self.receiver.reset(&mut self.common.counters);
        self.transmitter.reset();
        self.interrupts.reset();
        let flush = Flush { second_reset_due: self.startup.flush.second_reset_due, ..Flush::default() };
        self.startup = Startup { resets: self.startup.resets + 1, flush, ..Startup::default() };
        self.common.registers.reset(self.startup.resets, which);
        self.set_fixed_bits(keep_link);
        self.common.time.reset(self.common.clock.now());
        let speed = crate::link::bits_per_nanosecond(&self.common.registers);
        self.common.time.system.follow_link(self.common.clock.now(), speed);
        self.common.pause = Pause::default();
    }

    /// Resets the device for the model's own physical function. The link stays up.
    pub(crate) fn restart_for_host(&mut self) {
        self.reset_parts(true, is_reset_by_software);
        self.start_initialisation();
    }

    /// Follows the flush of a data path whose requests stay pending, through a write of `value` at `at`.
    pub(crate) fn flush_written(&mut self, at: u32, value: u32) {
        let flush = &mut self.startup.flush;
        match at {
            HLREG0 if value & HLREG0_LPBK == 0 => flush.loopback_since = None,
            HLREG0 => flush.loopback_since = flush.loopback_since.or(Some(self.common.clock.now())),
            GCR_EXT if value & GCR_EXT_BUFFERS_CLEAR_FUNC != 0 => {
                let settled = flush.loopback_since.is_some_and(|at| self.common.clock.now() >= at + LOOPBACK_SETTLES);
                flush.done = settled && self.common.registers.get(RXCTRL) & RXCTRL_RXEN == 0;
            }
            RXCTRL if value & RXCTRL_RXEN != 0 && flush.second_reset_due => {
                self.common.violation(Rule::DataPathNotFlushed, at, || "the second reset is missing".to_owned());
            }
            _ => {}
        }
    }

    /// Ends the requests that stayed pending, if the data path was flushed.
    fn reset_pending(&mut self) {
        if !self.common.faults.has(Fault::RequestsPending) {
            self.startup.flush.second_reset_due = false;
        } else if self.startup.flush.done {
            self.common.faults.clear(Fault::RequestsPending);
            self.startup.flush.second_reset_due = true;
        } else {
            self.common.violation(Rule::DataPathNotFlushed, CTRL, || "requests are pending".to_owned());
        }
    }

    /// Handles a write to CTRL.
    pub(crate) fn control(&mut self, value: u32, old: u32) {
        if value & (CTRL_RST | CTRL_LRST) != 0 {
            self.start_reset(value);
            return;
        }
        let stop = value & CTRL_MASTER_DISABLE;
        if stop != 0 && old & CTRL_MASTER_DISABLE == 0 {
            self.common.clock.schedule(MASTER_STOP, Event::MasterStopped);
        } else if stop == 0 {
            self.common.clock.cancel(|event| event == Event::MasterStopped);
            self.common.registers.set_bits(STATUS, STATUS_MASTER, true);
            self.fetch_all();
        }
    }

    fn start_reset(&mut self, value: u32) {
        if let Some(queue) = self.receiver.queues.left_enabled().next() {
            self.common.violation(Rule::ResetWhileEnabled, CTRL, || format!("receive queue {queue} is enabled"));
        }
        if let Some(queue) = self.transmitter.queues.left_enabled().next() {
            self.common.violation(Rule::ResetWhileEnabled, CTRL, || format!("transmit queue {queue} is enabled"));
        }
        if self.common.registers.get(STATUS) & STATUS_MASTER != 0 {
            self.common.violation(Rule::ResetWithoutMasterDisable, CTRL, || {
                "STATUS.PCIE_MASTER_ENABLE_STATUS is 1".to_owned()
            });
        }
        self.reset_pending();
        let link_reset = value & CTRL_LRST != 0;
        self.reset_parts(!link_reset, is_reset_by_software);
        self.common.registers.set(CTRL, value & (CTRL_RST | CTRL_LRST));
        self.startup.in_reset = true;
        self.startup.own_reset = true;
        self.startup.link_reset = link_reset;
        self.startup.quiet_until = self.common.clock.now() + QUIET;
        self.common.clock.schedule(RESET, Event::ResetDone);
    }

    /// Performs a function level reset at once, without violations (datasheet 4.2.1.5.1).
    pub(crate) fn function_reset(&mut self) {
        self.i2c = I2c::new(self.qsfp);
        self.reset_parts(false, |info| !is_of_firmware(info));
        self.startup.flush = Flush::default();
        self.startup.link_reset = true;
        self.start_initialisation();
    }

    pub(crate) fn reset_done(&mut self) {
        self.startup.in_reset = false;
        self.common.registers.set_bits(CTRL, CTRL_RST | CTRL_LRST, false);
        self.start_initialisation();
    }

    fn start_initialisation(&mut self) {
        self.common.clock.schedule(EEPROM, Event::EepromLoaded);
        self.common.clock.schedule(DMA_INIT, Event::DmaInitialised);
    }

    /// Loads the registers whose values the EEPROM holds.
    pub(crate) fn eeprom_loaded(&mut self) {
        if self.eeprom.load(&mut self.common) {
            self.receiver.config_changed();
        }
        if self.startup.link_reset {
            self.link.train(&mut self.common, &mut self.interrupts);
        }
    }
}
