//! IEEE 1588: the system time, and the time stamps of received and sent packets (datasheet 8.2.3.26).

mod ptp;
pub(crate) mod reception;
mod system;

use crate::chip::clock::Time;
use crate::chip::common::Common;
use crate::registers::RegisterFile;
use crate::registers::offsets::bit;
use crate::time::ptp::Filter;
use crate::time::system::SystemTime;
use crate::violation::Rule;

const TSYNCRXCTL: u32 = 0x05188;
const TSYNCTXCTL: u32 = 0x08C00;
/// TSYNCRXCTL.RXTT and TSYNCTXCTL.TXTT: the stamp's registers hold one.
const STAMPED: u32 = bit(0);
const ENABLE: u32 = bit(4);
const RXSTMPL: u32 = 0x051E8;
const RXSTMPH: u32 = 0x051A4;
const RXSATRL: u32 = 0x051A0;
const RXSATRH: u32 = 0x051A8;
const RXMTRL: u32 = 0x05120;
const ETQF: u32 = 0x05128;
const TXSTMPL: u32 = 0x08C04;
const TXSTMPH: u32 = 0x08C08;
const SYSTIML: u32 = 0x08C0C;
const SYSTIMH: u32 = 0x08C10;
const TIMINCA: u32 = 0x08C14;
const TIMADJL: u32 = 0x08C18;
const TIMADJH: u32 = 0x08C1C;
const TSAUXC: u32 = 0x08C20;

/// The time of a port: its system time, and whether it stamps sent packets. The stamps themselves are in their
/// registers.
#[derive(Debug, Default)]
pub(crate) struct TimeSync {
    pub(crate) system: SystemTime,
    /// TSYNCTXCTL.EN.
    stamps_sent: bool,
}

impl TimeSync {
    /// Stops the system time at 0, as a reset does. The oscillator keeps its drift.
    pub(crate) fn reset(&mut self, now: Time) {
        self.stamps_sent = false;
        self.system.reset(now);
    }
}

/// Returns what software reads at `at`, where `value` is stored, and performs the effects of the read.
#[inline]
pub(crate) fn read(at: u32, value: u32, common: &mut Common) -> u32 {
    match at {
        SYSTIML => {
            // Reading the low half latches the high one. Only the order of reads is known, from drivers.
            let time = common.time.system.at(common.clock.now());
            common.registers.set(SYSTIMH, (time >> 32) as u32);
            time as u32
        }
        RXSTMPH => free(TSYNCRXCTL, value, &mut common.registers),
        TXSTMPH => free(TSYNCTXCTL, value, &mut common.registers),
        _ => value,
    }
}

/// Frees the registers of a stamp for the next one, and returns `value`.
fn free(control: u32, value: u32, registers: &mut RegisterFile) -> u32 {
    registers.set_bits(control, STAMPED, false);
    value
}

/// Returns the value of a register of the system time, without the side effects of a read.
pub(crate) fn peek(at: u32, common: &Common) -> Option<u32> {
    let time = common.time.system.at(common.clock.now());
    match at {
        SYSTIML => Some(time as u32),
        SYSTIMH => Some((time >> 32) as u32),
        _ => None,
    }
}

/// Performs the effects of a write of `value` at `at`. Returns `false` if the register belongs to another part.
#[inline]
pub(crate) fn written(at: u32, value: u32, common: &mut Common) -> bool {
    let (now, system) = (common.clock.now(), &mut common.time.system);
    match at {
        SYSTIML => system.set(now, system.at(now) & 0xFFFF_FFFF << 32 | u64::from(value)),
        SYSTIMH => system.set(now, system.at(now) & 0xFFFF_FFFF | u64::from(value) << 32),
        TIMINCA => increment(value, common),
        // The datasheet does not say when an adjustment takes effect. The sign is written last, so the model takes that.
        TIMADJH => {
            let amount = u64::from(value & !bit(31)) << 32 | u64::from(common.registers.get(TIMADJL));
            let time = system.at(now);
            let adjusted = if value & bit(31) == 0 { time.wrapping_add(amount) } else { time.wrapping_sub(amount) };
            system.set(now, adjusted);
        }
        TSYNCTXCTL => common.time.stamps_sent = value & ENABLE != 0,
        TSYNCRXCTL => {
            if value & ENABLE != 0 && Filter::is_reserved(value >> 1 & 7) {
                common.violation(Rule::NotModelled, at, || format!("a reserved type of packets ({value:#x})"));
            }
            return false;
        }
        TSAUXC if value != 0 => {
            common.violation(Rule::NotModelled, at, || "target times and auxiliary time stamps".to_owned());
        }
        _ => return false,
    }
    true
}

/// Sets the amount and the period by which the system time advances.
fn increment(value: u32, common: &mut Common) {
    let (amount, period) = (value & 0xFF_FFFF, value >> 24);
    if amount != 0 && period < 2 {
        common.violation(Rule::TimePeriodTooShort, TIMINCA, || format!("IP is {period}"));
    }
    common.time.system.configure(common.clock.now(), amount, period);
}

/// Stamps a frame that leaves now, if it asks for it and no earlier stamp waits to be read.
#[cold]
pub(crate) fn stamp_sent(common: &mut Common) {
    if common.time.stamps_sent && common.registers.get(TSYNCTXCTL) & STAMPED == 0 {
        let time = common.time.system.at(common.clock.now());
        common.registers.set(TXSTMPL, time as u32);
        common.registers.set(TXSTMPH, (time >> 32) as u32);
        common.registers.set_bits(TSYNCTXCTL, STAMPED, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[
            ("TSYNCRXCTL", TSYNCRXCTL),
            ("TSYNCTXCTL", TSYNCTXCTL),
            ("RXSTMPL", RXSTMPL),
            ("RXSTMPH", RXSTMPH),
            ("RXSATRL", RXSATRL),
            ("RXSATRH", RXSATRH),
            ("RXMTRL", RXMTRL),
            ("ETQF", ETQF),
            ("TXSTMPL", TXSTMPL),
            ("TXSTMPH", TXSTMPH),
            ("SYSTIML", SYSTIML),
            ("SYSTIMH", SYSTIMH),
            ("TIMINCA", TIMINCA),
            ("TIMADJL", TIMADJL),
            ("TIMADJH", TIMADJH),
            ("TSAUXC", TSAUXC),
        ]);
    }
}
