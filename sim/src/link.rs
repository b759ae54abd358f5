//! The link, derived from the wire and AUTOC (datasheet 4.6.4 and 8.2.3.22).

use std::time::Duration;

use crate::board::cage;
use crate::chip::clock::{Event, MICROSECOND, MILLISECOND, Time};
use crate::chip::common::Common;
use crate::counters::Counters;
use crate::fault::{Fault, Faults};
use crate::frame::SHORTEST;
use crate::interrupts::{EICR_LSC, Interrupts};
use crate::pause;
use crate::registers::RegisterFile;
use crate::registers::offsets::{STATUS, bit};
use crate::wire::{NoTraffic, Passage, Wire};

const STATUS_LINK_UP: u32 = bit(7);
const AUTOC: u32 = 0x042A0;
/// AUTOC.FLU: the link is up whatever the wire does.
const AUTOC_FLU: u32 = bit(0);
const AUTOC_RESTART_AN: u32 = bit(12);
/// 1 Gbit/s over a backplane instead of SFI.
const AUTOC_1G_KX: u32 = bit(9);
const AUTOC_LMS: u32 = 7 << 13;
const AUTOC_LMS_10G_PARALLEL: u32 = 1 << 13;
const AUTOC_LMS_10G_SERIAL: u32 = 3 << 13;
const AUTOC2: u32 = 0x042A8;
const AUTOC2_SERIAL_SFI: u32 = 2 << 16;
/// Bits of AUTOC2 that keep the link down, as drivers proven on silicon know them.
const AUTOC2_LINK_DISABLE: u32 = 7 << 28;
const LINKS: u32 = 0x042A4;
const ANLP1: u32 = 0x042B0;
const LINKS2: u32 = 0x04324;
/// LINKS2 bit 6: the partner negotiates over a backplane.
const LINKS2_PARTNER: u32 = bit(6);
const MLFC: u32 = 0x04034;
const MRFC: u32 = 0x04038;
/// ANLP1.ANAS: the state of the negotiation's state machine.
const ANLP1_STATE: u32 = 0xF << 16;

/// Time the link takes to come up.
const TRAINING: Time = 20 * MILLISECOND;
/// Time a link takes to come up that AUTOC.FLU forces. Drivers proven on silicon wait 10 to 50 ms.
const FORCING: Time = 10 * MILLISECOND;
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
const LINKS_SPEED: u32 = 3 << 28;
const LINKS_SPEED_1G: u32 = 2 << 28;
/// LINKS of a 10 Gb/s serial link: speed, mode, serial PCS enabled and locked.
const LINKS_10G: u32 = 3 << 28 | 2 << 26 | bit(24) | bit(12) | bit(7) | bit(4);
/// LINKS of a link that is forced up: speed, mode and PCS, but no signal and no lock. Parallel, and serial.
const LINKS_FORCED_PARALLEL: u32 = 3 << 28 | 1 << 26 | bit(22) | bit(7);
const LINKS_FORCED_SERIAL: u32 = 3 << 28 | 2 << 26 | bit(24) | bit(7);

/// LINKS of a 1 Gb/s link: speed, PCS enabled, synchronised, and a signal on its lane.
const LINKS_1G: u32 = 2 << 28 | bit(21) | bit(18) | bit(7) | bit(0);
/// LINKS while the link is down: a signal and its lock at 10 Gb/s serial, at 1 Gb/s.
const SIGNAL_10G: u32 = bit(24) | bit(12);
const LOCK_10G: u32 = bit(4);
const SIGNAL_1G: u32 = bit(21) | bit(0);
const LOCK_1G: u32 = bit(18);
/// Time for which a link that is up too early loses all frames.
const EARLY: Time = 500 * MILLISECOND;

/// The link and its wire.
pub(crate) struct Link {
    up: bool,
    /// `true` if AUTOC.FLU forces the link up.
    forced: bool,
    /// `true` if the link stays down until a reset.
    wedged: bool,
    /// The mode at the last restart, and whether it changed since the last reset.
    mode: u32,
    mode_changed: bool,
    /// Time from which on frames pass, and whether they do not pass yet.
    passes_from: Time,
    deaf: bool,
    /// What the wire knows of the laser.
    shines: Option<bool>,
    /// What the wire knows of flow control: whether the port obeys and sends pause frames.
    pauses: Option<(bool, bool)>,
    wire: Option<Box<dyn Wire>>,
    nowhere: NoTraffic,
    /// `true` while the test leaves the cable plugged in.
    connected: bool,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            up: false,
            forced: false,
            wedged: false,
            mode: AUTOC_LMS_10G_SERIAL,
            mode_changed: false,
            passes_from: 0,
            deaf: false,
            shines: None,
            pauses: None,
            wire: None,
            nowhere: NoTraffic,
            connected: true,
        }
    }
}

impl Link {
    /// Returns `true` if the link is up.
    #[inline]
    pub(crate) fn is_up(&self) -> bool {
        self.up
    }

    /// Returns `true` if the link is up only because AUTOC.FLU forces it.
    #[inline]
    pub(crate) fn is_forced(&self) -> bool {
        self.forced && self.up
    }

    /// Returns the wire, if there is one.
    pub(crate) fn wire(&mut self) -> Option<&mut (dyn Wire + 'static)> {
        match self.deaf {
            true => Some(&mut self.nowhere),
            false => self.wire.as_deref_mut(),
        }
    }

    /// Returns `true` if the wire may bring frames.
    pub(crate) fn is_wired(&self) -> bool {
        self.wire.is_some() && self.up
    }

    /// Replaces the wire, and returns the previous one.
    pub(crate) fn plug(&mut self, wire: Option<Box<dyn Wire>>) -> Option<Box<dyn Wire>> {
        (self.shines, self.pauses) = (None, None);
        let previous = std::mem::replace(&mut self.wire, wire);
        self.connect(self.connected);
        previous
    }

    /// Plugs the cable in, or pulls it.
    pub(crate) fn connect(&mut self, connected: bool) {
        self.connected = connected;
        if let Some(wire) = self.wire.as_mut() {
            wire.plug(connected);
        }
    }

    /// Sets the registers after their reset. The link goes down, unless it was up and `keep` is `true`.
    pub(crate) fn reset(&mut self, keep: bool, registers: &mut RegisterFile) {
        self.wedged = false;
        self.mode_changed = false;
        // AUTOC.FLU is 0 again.
        let keep = keep && !self.forced;
        self.forced = false;
        self.set(self.up && keep, false, registers);
    }

    /// Takes the link down until a reset.
    pub(crate) fn wedge(&mut self, common: &mut Common, interrupts: &mut Interrupts) {
        self.wedged = true;
        if self.up {
            self.change(false, common, interrupts);
        }
    }

    fn set(&mut self, up: bool, one_gigabit: bool, registers: &mut RegisterFile) {
        self.up = up;
        let how = match self.forced {
            false if one_gigabit => LINKS_1G,
            false => LINKS_10G,
            true if registers.get(AUTOC) & AUTOC_LMS == AUTOC_LMS_10G_PARALLEL => LINKS_FORCED_PARALLEL,
            true => LINKS_FORCED_SERIAL,
        };
        registers.set(LINKS, if up { LINK_UP | how } else { 2 << 26 });
        registers.set_bits(STATUS, STATUS_LINK_UP, up);
    }

    fn change(&mut self, up: bool, common: &mut Common, interrupts: &mut Interrupts) {
        let one_gigabit = is_one_gigabit(&common.registers);
        self.set(up, one_gigabit, &mut common.registers);
        common.time.system.follow_link(common.clock.now(), bits_per_nanosecond(&common.registers));
        self.passes_from = common.clock.now() + EARLY;
        interrupts.cause(EICR_LSC, common);
    }

    /// Restarts link training.
    pub(crate) fn train(&mut self, common: &mut Common, interrupts: &mut Interrupts) {
        if self.up {
            self.change(false, common, interrupts);
        }
        common.clock.cancel(|event| matches!(event, Event::LinkUp | Event::LinkFlap));
        common.clock.schedule(self.delay(), Event::LinkUp);
    }

    /// Returns the time that the link takes to come up.
    fn delay(&self) -> Time {
        if self.forced { FORCING } else { TRAINING }
    }

    /// Performs the effects of a write of `value` at `at`. Returns `false` if the register belongs to another part.
    #[inline]
    pub(crate) fn written(&mut self, at: u32, value: u32, common: &mut Common, interrupts: &mut Interrupts) -> bool {
        if at != AUTOC {
            return false;
        }
        self.forced = value & AUTOC_FLU != 0;
        if value & AUTOC_RESTART_AN != 0 {
            self.mode_changed |= (value ^ self.mode) & AUTOC_LMS != 0;
            self.mode = value & AUTOC_LMS;
            common.registers.set_bits(ANLP1, ANLP1_STATE, false);
            common.clock.schedule(RESTART, Event::NegotiationRestarted);
            self.train(common, interrupts);
        }
        true
    }

    /// Returns what software reads at `at`, where `value` is stored: LINKS shows a signal that is no link.
    #[inline]
    pub(crate) fn read(&self, at: u32, value: u32, common: &Common) -> u32 {
        match at {
            LINKS if common.faults.has(Fault::Crosstalk) => LINK_UP | LINKS_10G,
            LINKS if !self.up => value | self.signal(common),
            LINKS2 if common.faults.has(Fault::PartnerDoesNotNegotiate) => value & !LINKS2_PARTNER,
            LINKS2 if self.is_light(common) => value | LINKS2_PARTNER,
            _ => value,
        }
    }

    /// Returns `true` if a signal arrives.
    fn is_light(&self, common: &Common) -> bool {
        let dark = common.faults.has(Fault::NoLight) || cage::is_empty(&common.faults);
        !dark && self.connected && self.wire.as_ref().is_some_and(|wire| wire.carrier())
    }

    /// Returns LINKS' bits of a signal that is no link.
    fn signal(&self, common: &Common) -> u32 {
        let faults = &common.faults;
        if !self.is_light(common) {
            return 0;
        }
        let one_gigabit = is_one_gigabit(&common.registers);
        let (signal, lock) = if one_gigabit { (SIGNAL_1G, LOCK_1G) } else { (SIGNAL_10G, LOCK_10G) };
        signal | if one_gigabit == sends_one_gigabit(faults) { lock } else { 0 }
    }

    /// Returns `true` if there is light and AUTOC's mode is one of the link partner, or if AUTOC forces the link.
    fn is_possible(&self, common: &Common) -> bool {
        if self.forced {
            return !self.wedged;
        }
        let (registers, faults) = (&common.registers, &common.faults);
        let serial = registers.get(AUTOC2) & 3 << 16 == AUTOC2_SERIAL_SFI;
        let mode = registers.get(AUTOC) & AUTOC_LMS;
        let negotiates = matches!(mode >> 13, 2 | 4 | 6 | 7);
        let fits = match mode {
            _ if sends_one_gigabit(faults) => is_one_gigabit(registers),
            AUTOC_LMS_10G_SERIAL => serial,
            // 10G parallel without negotiation, KX4/KX/KR with it.
            mode => matches!(mode >> 13, 1 | 4 | 6 | 7),
        };
        let enabled = registers.get(AUTOC2) & AUTOC2_LINK_DISABLE == 0;
        // A module of two rates must have the one of its partner, and others have no second rate.
        let wrong_rate = faults.has(Fault::ModuleMultispeed) && !cage::is_slow(registers);
        let broken = [Fault::PartnerAtOneGigabit, Fault::LocalFaults, Fault::RemoteFaults];
        let hindered = !faults.none()
            && (wrong_rate
                || broken.iter().any(|fault| faults.has(*fault))
                || faults.has(Fault::PartnerDoesNotNegotiate) && negotiates
                || faults.has(Fault::LinkNeedsPipelineReset) && !self.mode_changed);
        fits && enabled && !hindered && !self.wedged && self.is_light(common)
    }

    /// Ends link training.
    pub(crate) fn trained(&mut self, common: &mut Common, interrupts: &mut Interrupts) {
        if self.is_possible(common) {
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
        let lit = cage::is_lit(&common.registers, &common.faults);
        if self.shines != Some(lit) {
            self.shines = Some(lit);
            if let Some(wire) = self.wire.as_mut() {
                wire.shine(lit);
            }
        }
        let pauses = (pause::obeys(&common.registers), pause::asks(&common.registers));
        if self.pauses != Some(pauses) {
            self.pauses = Some(pauses);
            if let Some(wire) = self.wire.as_mut() {
                wire.flow_control(pauses.0, pauses.1);
            }
        }
        if !common.faults.none() {
            self.count_faults(common);
        }
        self.deaf = common.faults.has(Fault::LinkUpTooEarly) && common.clock.now() < self.passes_from;
        let possible = self.is_possible(common) && !common.faults.has(Fault::LinkNeverUp);
        if self.up {
            if !possible {
                self.change(false, common, interrupts);
            }
        } else if possible && !in_reset && !common.clock.is_scheduled(Event::LinkUp) {
            common.clock.schedule(self.delay(), Event::LinkUp);
        }
    }

    /// Counts the faults that the MAC sees now.
    fn count_faults(&self, common: &mut Common) {
        for (fault, counter) in [(Fault::LocalFaults, MLFC), (Fault::RemoteFaults, MRFC)] {
            if common.faults.has(fault) && self.is_light(common) {
                let count = common.registers.get(counter).saturating_add(1);
                common.registers.set(counter, count);
            }
        }
    }

    /// Discards and counts the frames on the wire to a port that cannot take them.
    pub(crate) fn discard_arrivals(&mut self, counters: &mut Counters) {
        let lost = self.wire.as_mut().map_or(0, |wire| wire.discard().min(MOST_LOST));
        counters.frames_in += lost;
        counters.dropped_not_receiving += lost;
    }

    /// Returns `true` if the link partner's frames wait on the wire while it is asked to pause.
    pub(crate) fn holds(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.holds())
    }

    /// Takes the pause frames from the wire.
    pub(crate) fn take_control(&mut self, arrive: &mut dyn FnMut(&[u8])) {
        if let Some(wire) = self.wire.as_mut().filter(|_| !self.deaf) {
            wire.receive_control(arrive);
        }
    }

    /// Takes at least `room` frames from the wire, if it brings them and `arrive` returns `true`, and pads them as their
    /// sender should have. Returns the number of frames that the wire lost.
    pub(crate) fn take_arrivals(
        &mut self,
        now: Time,
        room: usize,
        arrive: &mut dyn FnMut(&[u8], Passage) -> bool,
    ) -> u64 {
        let Some(wire) = self.wire.as_mut() else { return 0 };
        wire.tick(Duration::from_nanos(now));
        if self.deaf {
            return wire.discard().min(MOST_LOST);
        }
        let mut padded = [0; SHORTEST];
        wire.receive_sent(room, &mut |frame, passage| arrive(as_sent(frame, &mut padded), passage));
        wire.overrun().min(MOST_LOST)
    }
}

/// Pads a frame into `padded`, as a sending MAC does, and returns it. One that no MAC sends stays as it is.
fn as_sent<'a>(frame: &'a [u8], padded: &'a mut [u8; SHORTEST]) -> &'a [u8] {
    if frame.is_empty() || frame.len() >= SHORTEST {
        return frame;
    }
    padded[..frame.len()].copy_from_slice(frame);
    padded[frame.len()..].fill(0);
    padded
}

/// Returns the speed of the link. Without a link the chip's clocks run as with the fastest.
pub(crate) fn bits_per_nanosecond(registers: &RegisterFile) -> u64 {
    let links = registers.get(LINKS);
    if links & (LINK_UP | LINKS_SPEED) == LINK_UP | LINKS_SPEED_1G { 1 } else { 10 }
}

/// Returns `true` if AUTOC selects 1 Gbit/s over SFI.
fn is_one_gigabit(registers: &RegisterFile) -> bool {
    let autoc = registers.get(AUTOC);
    matches!((autoc & AUTOC_LMS) >> 13, 0 | 2) && autoc & AUTOC_1G_KX == 0
}

/// Returns `true` if the partner sends at 1 Gbit/s.
fn sends_one_gigabit(faults: &Faults) -> bool {
    !faults.none()
        && [Fault::ModuleOneGigabit, Fault::ModuleMultispeed, Fault::PartnerAtOneGigabit]
            .iter()
            .any(|fault| faults.has(*fault))
}

/// Sets the mode of a card with an SFP+ cage, as its EEPROM does. `disabled` is `true` if the EEPROM disables the link.
pub(crate) fn load_mode(disabled: bool, registers: &mut RegisterFile) {
    let autoc = registers.get(AUTOC) & !AUTOC_LMS;
    registers.set(AUTOC, autoc | AUTOC_LMS_10G_SERIAL);
    registers.set(AUTOC2, AUTOC2_SERIAL_SFI | if disabled { AUTOC2_LINK_DISABLE } else { 0 });
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
        assert_in_table(&[
            ("AUTOC", AUTOC),
            ("AUTOC2", AUTOC2),
            ("LINKS", LINKS),
            ("ANLP1", ANLP1),
            ("LINKS2", LINKS2),
            ("MLFC", MLFC),
            ("MRFC", MRFC),
        ]);
    }
}
