//! The link, derived from the wire and AUTOC (datasheet 4.6.4 and 8.2.3.22).

use std::time::Duration;

use crate::chip::clock::{Event, MICROSECOND, MILLISECOND, Time};
use crate::chip::common::Common;
use crate::counters::Counters;
use crate::fault::Fault;
use crate::interrupts::{EICR_LSC, Interrupts};
use crate::registers::RegisterFile;
use crate::registers::offsets::{STATUS, bit};
use crate::wire::Wire;

const STATUS_LINK_UP: u32 = bit(7);
const AUTOC: u32 = 0x042A0;
const AUTOC_RESTART_AN: u32 = bit(12);
const AUTOC_LMS: u32 = 7 << 13;
const AUTOC_LMS_10G_SERIAL: u32 = 3 << 13;
const AUTOC2: u32 = 0x042A8;
const AUTOC2_SERIAL_SFI: u32 = 2 << 16;
const LINKS: u32 = 0x042A4;
const ANLP1: u32 = 0x042B0;
/// ANLP1.ANAS: the state of the negotiation's state machine.
const ANLP1_STATE: u32 = 0xF << 16;

/// Time the link takes to come up.
const TRAINING: Time = 20 * MILLISECOND;
/// Time AUTOC.Restart_AN stays set.
const RESTART: Time = 100 * MICROSECOND;
/// Interval at which a flapping link goes down.
const FLAP: Time = 10 * MILLISECOND;
/// Time a flapping link stays down.
const FLAP_DOWN: Time = 2 * MILLISECOND;
/// Maximum number of frames that a wire can lose in one step. A larger number is a bug of the wire, and would overflow
/// counters.
const MOST_LOST: u64 = u32::MAX as u64;

/// LINKS bit 30.
const LINK_UP: u32 = bit(30);
/// LINKS of a 10 Gb/s serial link: speed, mode, serial PCS enabled and locked.
const LINKS_10G: u32 = 3 << 28 | 2 << 26 | bit(24) | bit(12) | bit(7) | bit(4);

/// The link and its wire.
pub(crate) struct Link {
    up: bool,
    /// `true` if the link stays down until a reset.
    wedged: bool,
    wire: Option<Box<dyn Wire>>,
    /// `true` while the test leaves the cable plugged in.
    pub(crate) connected: bool,
}

impl Default for Link {
    fn default() -> Self {
        Self { up: false, wedged: false, wire: None, connected: true }
    }
}

impl Link {
    /// Returns `true` if the link is up.
    #[inline]
    pub(crate) fn is_up(&self) -> bool {
        self.up
    }

    /// Returns the wire, if there is one.
    pub(crate) fn wire(&mut self) -> Option<&mut (dyn Wire + 'static)> {
        self.wire.as_deref_mut()
    }

    /// Returns `true` if the wire may bring frames.
    pub(crate) fn is_wired(&self) -> bool {
        self.wire.is_some() && self.up
    }

    /// Replaces the wire, and returns the previous one.
    pub(crate) fn plug(&mut self, wire: Option<Box<dyn Wire>>) -> Option<Box<dyn Wire>> {
        std::mem::replace(&mut self.wire, wire)
    }

    /// Sets the registers after their reset. The link goes down, unless it was up and `keep` is `true`.
    pub(crate) fn reset(&mut self, keep: bool, registers: &mut RegisterFile) {
        self.wedged = false;
        self.set(self.up && keep, registers);
    }

    fn set(&mut self, up: bool, registers: &mut RegisterFile) {
        self.up = up;
        registers.set(LINKS, if up { LINK_UP | LINKS_10G } else { 2 << 26 });
        registers.set_bits(STATUS, STATUS_LINK_UP, up);
    }

    fn change(&mut self, up: bool, common: &mut Common, interrupts: &mut Interrupts) {
        self.set(up, &mut common.registers);
        interrupts.cause(EICR_LSC, common);
    }

    /// Takes the link down until a reset.
    pub(crate) fn wedge(&mut self, common: &mut Common, interrupts: &mut Interrupts) {
        self.wedged = true;
        if self.up {
            self.change(false, common, interrupts);
        }
    }

    /// Restarts link training.
    pub(crate) fn train(&mut self, common: &mut Common, interrupts: &mut Interrupts) {
        if self.up {
            self.change(false, common, interrupts);
        }
        common.clock.cancel(|event| matches!(event, Event::LinkUp | Event::LinkFlap));
        common.clock.schedule(TRAINING, Event::LinkUp);
    }

    /// Performs the effects of a write of `value` at `at`. Returns `false` if the register belongs to another part.
    #[inline]
    pub(crate) fn written(&mut self, at: u32, value: u32, common: &mut Common, interrupts: &mut Interrupts) -> bool {
        if at == AUTOC && value & AUTOC_RESTART_AN != 0 {
            common.registers.set_bits(ANLP1, ANLP1_STATE, false);
            common.clock.schedule(RESTART, Event::NegotiationRestarted);
            self.train(common, interrupts);
        }
        at == AUTOC
    }

    /// Returns `true` if there is light, and AUTOC's mode is one of a 10 Gb/s link partner.
    fn is_possible(&self, registers: &RegisterFile) -> bool {
        let serial = registers.get(AUTOC2) & 3 << 16 == AUTOC2_SERIAL_SFI;
        let mode = match registers.get(AUTOC) & AUTOC_LMS {
            AUTOC_LMS_10G_SERIAL => serial,
            // 10G parallel without negotiation, KX4/KX/KR with it.
            mode => matches!(mode >> 13, 1 | 4 | 6 | 7),
        };
        mode && self.connected && !self.wedged && self.wire.as_ref().is_some_and(|wire| wire.carrier())
    }

    /// Ends link training.
    pub(crate) fn trained(&mut self, common: &mut Common, interrupts: &mut Interrupts) {
        if self.is_possible(&common.registers) {
            self.change(true, common, interrupts);
            common.clock.schedule(FLAP, Event::LinkFlap);
        }
    }

    /// Takes a flapping link down for a while.
    pub(crate) fn flap(&mut self, common: &mut Common, interrupts: &mut Interrupts) {
        if common.faults.has(Fault::LinkFlap) && self.up {
            self.change(false, common, interrupts);
            common.clock.schedule(FLAP_DOWN, Event::LinkUp);
        } else if self.up {
            common.clock.schedule(FLAP, Event::LinkFlap);
        }
    }

    /// Updates the link to the state of the wire. Training does not begin during a reset.
    #[inline]
    pub(crate) fn watch(&mut self, in_reset: bool, common: &mut Common, interrupts: &mut Interrupts) {
        let possible = self.is_possible(&common.registers) && !common.faults.has(Fault::LinkNeverUp);
        if self.up {
            if !possible {
                self.change(false, common, interrupts);
            }
        } else if possible && !in_reset && !common.clock.is_scheduled(Event::LinkUp) {
            common.clock.schedule(TRAINING, Event::LinkUp);
        }
    }

    /// Discards and counts the frames on the wire to a port that cannot take them.
    pub(crate) fn discard_arrivals(&mut self, counters: &mut Counters) {
        let lost = self.wire.as_mut().map_or(0, |wire| wire.discard().min(MOST_LOST));
        counters.frames_in += lost;
        counters.dropped_not_receiving += lost;
    }

    /// Takes at least `room` frames from the wire, if it brings them. Returns the number of frames that it lost.
    pub(crate) fn take_arrivals(&mut self, now: Time, room: usize, arrive: &mut dyn FnMut(&[u8])) -> u64 {
        let Some(wire) = self.wire.as_mut() else { return 0 };
        wire.tick(Duration::from_nanos(now));
        wire.receive(room, arrive);
        wire.overrun().min(MOST_LOST)
    }
}

/// Sets the mode of a card with an SFP+ cage, as its EEPROM does.
pub(crate) fn load_mode(registers: &mut RegisterFile) {
    let autoc = registers.get(AUTOC) & !AUTOC_LMS;
    registers.set(AUTOC, autoc | AUTOC_LMS_10G_SERIAL);
    registers.set(AUTOC2, AUTOC2_SERIAL_SFI);
}

/// Ends the restart of the negotiation: the state machine has accepted AUTOC's new mode.
pub(crate) fn negotiation_restarted(registers: &mut RegisterFile) {
    registers.set_bits(AUTOC, AUTOC_RESTART_AN, false);
    registers.set_bits(ANLP1, ANLP1_STATE, true);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[("AUTOC", AUTOC), ("AUTOC2", AUTOC2), ("LINKS", LINKS), ("ANLP1", ANLP1)]);
    }
}
