//! Flow control by pause frames (IEEE 802.3x), in both directions (datasheet 8.2.3.3 and 8.2.3.22.34).

use crate::chip::clock::{Event, Time};
use crate::chip::common::Common;
use crate::counters::Counters;
use crate::frame::SHORTEST;
use crate::frame::address::address;
use crate::frame::headers::half;
use crate::frame::vlan::ETHERTYPE;
use crate::link::{self, Link};
use crate::registers::RegisterFile;
use crate::registers::offsets::*;
use crate::statistics;
use crate::violation::Rule;

const FCRTL: u32 = 0x03220;
/// FCRTL.XONE, FCRTH.FCEN.
const ENABLE: u32 = bit(31);
/// The thresholds in bytes: bits 18:5.
const THRESHOLD: u32 = 0x3FFF << 5;
const FCCFG_TFCE: u32 = 3 << 3;
const FCCFG_TFCE_LINK: u32 = 1 << 3;
const FCCFG_TFCE_PRIORITY: u32 = 2 << 3;
/// TFCS.TC_XON: all traffic classes may send.
const TFCS: u32 = 0x0CE00;
const TFCS_TC_XON: u32 = 0xFF;
const MFLCN_PMCF: u32 = bit(0);
const MFLCN_DPF: u32 = bit(1);
const MFLCN_RPFCE: u32 = bit(2);

/// The EtherType of MAC control frames, the address of link pause frames, and their opcode.
const MAC_CONTROL: u16 = 0x8808;
const PAUSE_ADDRESS: [u8; 6] = [0x01, 0x80, 0xC2, 0, 0, 0x01];
const PAUSE: u16 = 1;

/// Bits in a unit of a pause's time.
const QUANTUM: Time = 512;

/// The pause that [`Fault::PartnerPauses`](crate::Fault::PartnerPauses) asks for in each step, in quanta.
pub(crate) const FAULT: u16 = 15_000;

/// The state of flow control.
#[derive(Debug)]
pub(crate) struct Pause {
    /// Time until which the link partner's XOFF stops transmission.
    silent_until: Time,
    /// Fill of the packet buffer, in bytes, above which XOFF is sent, and below which XON is. Without flow control, no
    /// fill is above.
    high: usize,
    low: usize,
    /// `true` from XOFF until the fill is below the low threshold.
    above: bool,
    /// Time until which the last XOFF stops the link partner.
    asked_until: Time,
    /// The time of the pause frame to send next, in quanta: 0 for XON.
    to_send: Option<u16>,
}

impl Default for Pause {
    fn default() -> Self {
        Self { silent_until: 0, high: usize::MAX, low: 0, above: false, asked_until: 0, to_send: None }
    }
}

impl Pause {
    /// Returns `true` if the link partner's XOFF stops transmission now.
    #[inline]
    pub(crate) fn is_silent(&self, now: Time) -> bool {
        self.silent_until > now
    }

    /// Returns `true` if the link partner must not send now.
    #[inline]
    pub(crate) fn is_partner_asked(&self, now: Time) -> bool {
        self.asked_until > now
    }

    /// Returns `true` if the packet buffer holds more than the high threshold.
    #[inline]
    pub(crate) fn is_above(&self, fill: usize) -> bool {
        fill > self.high
    }

    /// Returns `true` if the packet buffer has drained below the low threshold, after XOFF.
    #[inline]
    pub(crate) fn is_drained(&self, fill: usize) -> bool {
        self.above && fill < self.low
    }
}

/// Returns `true` if the port stops when its link partner asks for it (MFLCN.RFCE).
pub(crate) fn obeys(registers: &RegisterFile) -> bool {
    registers.get(MFLCN) & MFLCN_RFCE != 0
}

/// Returns `true` if the port asks its link partner to stop (FCCFG.TFCE and FCRTH.FCEN).
pub(crate) fn asks(registers: &RegisterFile) -> bool {
    registers.get(FCCFG) & FCCFG_TFCE == FCCFG_TFCE_LINK && registers.get(FCRTH) & ENABLE != 0
}

/// Follows a write of `value` at `at`, which may belong to flow control.
#[inline]
pub(crate) fn written(at: u32, value: u32, common: &mut Common) {
    match at {
        MFLCN => {
            if value & MFLCN_RPFCE != 0 {
                common.violation(Rule::NotModelled, at, || "priority flow control".to_owned());
            }
            if value & MFLCN_RFCE == 0 {
                silence(0, common);
            }
        }
        FCCFG | FCRTH | FCRTL => {
            if at == FCCFG && value & FCCFG_TFCE == FCCFG_TFCE_PRIORITY {
                common.violation(Rule::NotModelled, at, || "priority flow control".to_owned());
            }
            let threshold = |at| (common.registers.get(at) & THRESHOLD) as usize;
            common.pause.high = if asks(&common.registers) { threshold(FCRTH) } else { usize::MAX };
            common.pause.low = threshold(FCRTL);
        }
        _ => {}
    }
}

/// Checks the registers of flow control when reception is enabled.
pub(crate) fn check(common: &mut Common) {
    let registers = &common.registers;
    let [high, low, timer, refresh] = [FCRTH, FCRTL, FCTTV, FCRTV].map(|at| registers.get(at));
    let buffer = (registers.get(RXPBSIZE) >> 10 & 0x3FF) * 1024;
    if !asks(registers) {
        return;
    }
    let [high, low, timer, refresh] = [high & THRESHOLD, low & THRESHOLD, timer & 0xFFFF, refresh & 0xFFFF];
    if high + 8 > buffer || low >= high || low == 0 || refresh >= timer {
        common.violation(Rule::FlowControlInconsistent, FCRTH, || {
            format!("FCRTH {high}, FCRTL {low} of {buffer} bytes; FCTTV {timer}, FCRTV {refresh}")
        });
    }
}

/// Returns `true` if `frame` is a MAC control frame.
#[inline]
pub(crate) fn is_control(frame: &[u8]) -> bool {
    half(frame, ETHERTYPE) == Some(MAC_CONTROL)
}

/// Receives a MAC control frame. Returns `true` if it goes no further.
#[cold]
pub(crate) fn receive(frame: &[u8], common: &mut Common) -> bool {
    let control = common.registers.get(MFLCN);
    let [group, own] = [address(&PAUSE_ADDRESS), own_address(&common.registers)];
    let opcode = half(frame, ETHERTYPE + 2);
    let time = half(frame, ETHERTYPE + 4).filter(|_| opcode == Some(PAUSE));
    let Some(time) = time.filter(|_| [group, own].contains(&address(frame))) else {
        if control & MFLCN_PMCF == 0 {
            let Counters { frames_in, dropped_filter, .. } = &mut common.counters;
            (*frames_in, *dropped_filter) = (*frames_in + 1, *dropped_filter + 1);
        }
        return control & MFLCN_PMCF == 0;
    };
    ask_for(time, common);
    // Without flow control, the filters decide (8.2.3.22.34).
    control & (MFLCN_RFCE | MFLCN_RPFCE) != 0 && control & MFLCN_DPF != 0
}

/// Counts a pause frame of the link partner, and obeys it if MFLCN.RFCE is set.
pub(crate) fn ask_for(time: u16, common: &mut Common) {
    statistics::count_pause(&mut common.registers, time == 0);
    if obeys(&common.registers) {
        silence(time, common);
    }
}

/// Stops transmission for `quanta` from now on, or lets it go on.
fn silence(quanta: u16, common: &mut Common) {
    let duration = duration(quanta, common);
    if duration > 0 || common.pause.silent_until > 0 {
        common.pause.silent_until = if duration > 0 { common.clock.after(duration) } else { 0 };
        common.registers.set_bits(TFCS, TFCS_TC_XON, duration == 0);
        common.clock.cancel(|event| event == Event::PauseEnds);
        if duration > 0 {
            common.clock.schedule(duration, Event::PauseEnds);
        }
    }
}

/// Ends the pause that the link partner asked for.
pub(crate) fn end(common: &mut Common) {
    silence(0, common);
}

/// Returns the duration of a pause of `quanta`.
fn duration(quanta: u16, common: &Common) -> Time {
    Time::from(quanta) * QUANTUM / link::bits_per_nanosecond(&common.registers)
}

fn own_address(registers: &RegisterFile) -> u64 {
    u64::from(registers.get(RAL)) | u64::from(registers.get(RAH) & 0xFFFF) << 32
}

/// Asks the link partner to stop, because the packet buffer holds more than the high threshold.
#[cold]
pub(crate) fn fill_is_above(common: &mut Common) {
    if !std::mem::replace(&mut common.pause.above, true) {
        ask(common);
    }
}

/// Sends XOFF, and again before its time is over.
fn ask(common: &mut Common) {
    let [timer, refresh] = [FCTTV, FCRTV].map(|at| common.registers.get(at) as u16);
    common.pause.to_send = Some(timer);
    common.pause.asked_until = common.clock.after(duration(timer, common));
    common.clock.cancel(|event| event == Event::PauseRefresh);
    if timer > refresh {
        common.clock.schedule(duration(timer - refresh, common), Event::PauseRefresh);
    }
}

/// Sends XOFF again, if the packet buffer has not drained.
pub(crate) fn refresh(link: &mut Link, common: &mut Common) {
    if common.pause.above {
        ask(common);
        send(link, common);
    }
}

/// Lets the link partner send again, because the packet buffer has drained below the low threshold.
#[cold]
pub(crate) fn drained(common: &mut Common) {
    common.pause.above = false;
    common.clock.cancel(|event| event == Event::PauseRefresh);
    let unsent = common.pause.to_send.take().is_some();
    // Without XON the pause ends with its time.
    if unsent || common.registers.get(FCRTL) & ENABLE != 0 {
        common.pause.asked_until = 0;
        common.pause.to_send = (!unsent).then_some(0);
    }
}

/// Sends the pause frame that is due, if any. It does not wait for the rings, nor for the link partner's pause.
#[inline]
pub(crate) fn send(link: &mut Link, common: &mut Common) {
    if let Some(time) = common.pause.to_send.take() {
        send_frame(time, link, common);
    }
}

#[cold]
fn send_frame(time: u16, link: &mut Link, common: &mut Common) {
    let loopback = common.registers.get(HLREG0) & HLREG0_LPBK != 0;
    if !link.is_up() || loopback {
        return;
    }
    let Some(wire) = link.wire() else { return };
    let mut frame = [0; SHORTEST];
    let own = own_address(&common.registers).to_le_bytes();
    let numbers = [MAC_CONTROL, PAUSE, time].map(u16::to_be_bytes);
    let header = [&PAUSE_ADDRESS, &own[..6], numbers.as_flattened()].concat();
    frame[..header.len()].copy_from_slice(&header);
    statistics::count_sent_pause(&mut common.registers, time == 0);
    wire.transmit_control(&frame);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[("FCRTL", FCRTL), ("TFCS", TFCS)]);
    }
}
