//! The link, derived from the wire and AUTOC (datasheet 4.6.4 and 8.2.3.22).

use crate::chip::Chip;
use crate::chip::clock::{Event, MICROSECOND, MILLISECOND, Time};
use crate::chip::reset::LINK_UP;
use crate::fault::Fault;
use crate::registers::offsets::*;

/// Time the link takes to come up.
const TRAINING: Time = 20 * MILLISECOND;
/// Time AUTOC.Restart_AN stays set.
const RESTART: Time = 100 * MICROSECOND;
/// Interval at which a flapping link goes down.
const FLAP: Time = 10 * MILLISECOND;
/// Time a flapping link stays down.
const FLAP_DOWN: Time = 2 * MILLISECOND;

/// LINKS of a 10 Gb/s serial link: speed, mode, serial PCS enabled and locked.
const LINKS_10G: u32 = 3 << 28 | 2 << 26 | bit(24) | bit(12) | bit(7) | bit(4);

impl Chip {
    /// Returns `true` if the link is up.
    #[inline]
    pub(crate) fn is_link_up(&self) -> bool {
        self.common.registers.get(LINKS) & LINK_UP != 0
    }

    pub(crate) fn set_links(&mut self, up: bool) {
        self.common.registers.set(LINKS, if up { LINK_UP | LINKS_10G } else { 2 << 26 });
        self.common.registers.set_bits(STATUS, STATUS_LINK_UP, up);
    }

    /// Restarts link training.
    pub(crate) fn train_link(&mut self) {
        if self.is_link_up() {
            self.set_links(false);
            self.interrupts.cause(EICR_LSC, &mut self.common);
        }
        self.common.clock.cancel(|event| matches!(event, Event::LinkUp | Event::LinkFlap));
        self.common.clock.schedule(TRAINING, Event::LinkUp);
    }

    /// Handles a write to AUTOC.
    pub(crate) fn autoc(&mut self, value: u32) {
        if value & AUTOC_RESTART_AN != 0 {
            self.common.registers.set_bits(ANLP1, ANLP1_STATE, false);
            self.common.clock.schedule(RESTART, Event::NegotiationRestarted);
            self.train_link();
        }
    }

    /// Ends the restart of the negotiation: the state machine has accepted AUTOC's new mode.
    pub(crate) fn negotiation_restarted(&mut self) {
        self.common.registers.set_bits(AUTOC, AUTOC_RESTART_AN, false);
        self.common.registers.set_bits(ANLP1, ANLP1_STATE, true);
    }

    /// Returns `true` if there is light, and AUTOC's mode is one of a 10 Gb/s link partner.
    fn is_link_possible(&self) -> bool {
        let serial = self.common.registers.get(AUTOC2) & 3 << 16 == AUTOC2_SERIAL_SFI;
        let mode = match self.common.registers.get(AUTOC) & AUTOC_LMS {
            AUTOC_LMS_10G_SERIAL => serial,
            // 10G parallel without negotiation, KX4/KX/KR with it.
            mode => matches!(mode >> 13, 1 | 4 | 6 | 7),
        };
        mode && self.plugged && self.wire.as_ref().is_some_and(|wire| wire.carrier())
    }

    pub(crate) fn link_up(&mut self) {
        if !self.is_link_possible() {
            return;
        }
        self.set_links(true);
        self.interrupts.cause(EICR_LSC, &mut self.common);
        self.common.clock.schedule(FLAP, Event::LinkFlap);
    }

    pub(crate) fn link_flap(&mut self) {
        if self.common.faults.has(Fault::LinkFlap) && self.is_link_up() {
            self.set_links(false);
            self.interrupts.cause(EICR_LSC, &mut self.common);
            self.common.clock.schedule(FLAP_DOWN, Event::LinkUp);
        } else if self.is_link_up() {
            self.common.clock.schedule(FLAP, Event::LinkFlap);
        }
    }

    /// Updates the link to the state of the wire.
    #[inline]
    pub(crate) fn watch_link(&mut self) {
        let possible = self.is_link_possible() && !self.common.faults.has(Fault::LinkNeverUp);
        if self.is_link_up() {
            if !possible {
                self.set_links(false);
                self.interrupts.cause(EICR_LSC, &mut self.common);
            }
        } else if possible && !self.startup.in_reset() && !self.common.clock.is_scheduled(Event::LinkUp) {
            self.common.clock.schedule(TRAINING, Event::LinkUp);
        }
    }
}
