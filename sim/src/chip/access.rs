//! Register accesses: first the generated table's rules for every register, then the effects of each single one.

use ixgbe::info::AccessKind;

use crate::board::cage;
use crate::chip::Chip;
use crate::chip::clock::MICROSECOND;
use crate::chip::{READ, unmodelled};
use crate::fault::Fault;
use crate::interrupts::Interrupts;
use crate::receive::five_tuple::{self, L34TIMIR, L34TIMIR_END, L34TIMIR_PRESCRIBED};
use crate::registers::offsets::*;
use crate::ring::control::Write;
use crate::violation::Rule;
use crate::{firmware, pause, security, semaphores, time};

impl Chip {
    /// Returns what software reads from the register at `offset`, with the read's side effects.
    pub(crate) fn read(&mut self, offset: u32) -> u32 {
        self.pass(READ);
        self.note_unmapped();
        if self.common.faults.has(Fault::SurpriseRemoval) || self.common.faults.takes_read() {
            return u32::MAX;
        }
        let Some(place) = self.common.registers.find(offset) else {
            if offset == FRTIMER {
                return self.free_running_timer();
            }
            self.common.violation(Rule::UnknownRegister, offset, || format!("read at {offset:#07x}"));
            return 0;
        };
        self.startup.check(place.offset, false, &self.eeprom, &mut self.common);
        if place.info().access == AccessKind::Wo {
            self.common.violation(Rule::WriteOnlyRead, offset, || "a write-only register was read".to_owned());
            return Interrupts::read_write_only(place.offset, &self.common.registers);
        }
        let value = self.common.registers.read(place);
        let at = place.offset;
        self.eeprom.read(at, value);
        self.receiver.read(at, value);
        self.transmitter.read(at, value);
        self.interrupts.read(at, value, &mut self.common);
        let value = time::read(at, value, &mut self.common);
        let value = cage::read(at, value, self.qsfp, &self.common.faults);
        let value = self.link.read(at, value, &self.common);
        let value = semaphores::read(at, value, &self.common.faults);
        let value = firmware::read(at, value, &self.common.faults);
        self.common.faults.deviation().map_or(value, |deviation| deviation.read(at, value))
    }

    /// Returns the value of the register at `offset`, without the side effects of a read.
    pub(crate) fn peek(&self, offset: u32) -> u32 {
        let Some(place) = self.common.registers.find(offset) else { return 0 };
        time::peek(place.offset, &self.common).unwrap_or(self.common.registers.get(place.offset))
    }

    fn free_running_timer(&self) -> u32 {
        let microseconds = self.common.clock.now() / MICROSECOND;
        let [milliseconds, seconds] = [1_000, 1_000_000].map(|unit| microseconds / unit);
        (((seconds % 4_096) << 20) | ((milliseconds % 1_000) << 10) | (microseconds % 1_000)) as u32
    }

    /// Writes `value` to the register at `offset`, as software does.
    pub(crate) fn write(&mut self, offset: u32, value: u32) {
        self.pass(0);
        self.note_unmapped();
        if self.common.faults.has(Fault::SurpriseRemoval) {
            return;
        }
        let Some(place) = self.common.registers.find(offset) else {
            self.common.violation(Rule::UnknownRegister, offset, || format!("write of {value:#x} at {offset:#07x}"));
            return;
        };
        if !self.startup.check(place.offset, true, &self.eeprom, &mut self.common) {
            return;
        }
        let at = place.offset;
        // The doorbells and the other registers of a ring have their own rules.
        let done = if let Some((queue, register)) = as_rx(at) {
            self.receiver.write_queue(Write { queue, register, place, value }, &mut self.common)
        } else if let Some((queue, register)) = as_tx(at) {
            self.transmitter.write_queue(Write { queue, register, place, value }, &self.link, &mut self.common)
        } else {
            false
        };
        if done {
            return;
        }
        if !self.common.registers.is_writable(place) {
            self.common.violation(Rule::ReadOnlyWritten, at, || format!("{value:#x} was written"));
            return;
        }
        let wrong = self.common.registers.wrong_reserved(place, value) & !checked_later(at);
        if wrong != 0 {
            let old = self.common.registers.get(at);
            self.common.violation(Rule::ReservedBit, at, || {
                format!("write of {value:#010x} over {old:#010x}: bits {wrong:#010x} are reserved or prescribed")
            });
        }
        let old = self.common.registers.get(at);
        let new = self.common.registers.after_write(place, value);
        // The change takes effect even if it breaks a rule of order.
        if old != new {
            self.receiver.check_change(at, old, new, &mut self.common);
            self.transmitter.check_change(at, old, new, &mut self.common);
        }
        semaphores::check_write(at, old, new, &mut self.common);
        if !self.common.faults.none() {
            let link_is_up = self.link.is_up() && !self.link.is_forced();
            firmware::check_write(at, value, link_is_up, &mut self.common);
        }
        self.common.registers.store(place, new);
        five_tuple::check(at, new, &mut self.common);
        unmodelled::note(at, value, &mut self.common);
        self.flush_written(at, value);
        self.written(at, value, old);
    }

    /// Lets the part that owns the register at `at` perform the effects of a write beyond storing the value.
    fn written(&mut self, at: u32, value: u32, old: u32) {
        if at == CTRL {
            self.control(value, old);
            return;
        }
        let Self { common, interrupts, .. } = self;
        let owned = interrupts.written(at, value, common)
            || self.eeprom.written(at, value, common)
            || self.i2c.written(at, value, common)
            || self.link.written(at, value, common, interrupts)
            || self.receiver.flow_director_written(at, value, common, interrupts)
            || time::written(at, value, common)
            || semaphores::written(at, common);
        if !owned {
            security::written(at, value, old, common);
            pause::written(at, value, common);
            self.receiver.written(at);
            self.transmitter.written(at, value, common);
        }
    }
}

/// Returns the reserved bits that are checked only when reception or the filter is enabled, not when they are written.
fn checked_later(at: u32) -> u32 {
    match at {
        RDRXCTL => RDRXCTL_RSCFRSTSIZE | RDRXCTL_RSCACKC | RDRXCTL_FCOE_WRFIX,
        L34TIMIR..L34TIMIR_END => L34TIMIR_PRESCRIBED,
        _ if matches!(as_rx(at), Some((_, DCA_RXCTRL))) => DCA_RXCTRL_RESERVED,
        _ => 0,
    }
}
