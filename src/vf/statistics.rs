//! Counters of a virtual function. A read does not clear them, and they wrap: so the driver adds up differences.

use alloc::vec::Vec;

use crate::queue::ReceiveCounters;
use crate::registers::virtual_function::{
    Registers, VFGORC_LSB, VFGORC_MSB, VFGOTC_LSB, VFGOTC_MSB, VFGPRC, VFGPTC, VFMPRC,
};
use crate::vf::Bus;

/// Counters since the function was started. A [recovery](super::VirtualFunction::recover) does not clear them.
///
/// At 10 Gbit/s, a counter of octets wraps after 55 seconds, one of packets after 288: read them more often.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Statistics {
    /// Packets received, with those that found no descriptor.
    pub rx_packets: u64,
    /// Octets of these packets, with the CRC.
    pub rx_octets_with_crc: u64,
    /// Multicasts among these packets.
    pub rx_multicasts: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Octets of these packets, with the CRC.
    pub tx_octets_with_crc: u64,
    /// Packets that were received, and that nobody had fetched when the function was recovered.
    pub rx_discarded: u64,
    /// Packets that were posted, and not reported as sent when the function was recovered.
    pub tx_discarded: u64,
    /// Recoveries of the function.
    pub recoveries: u64,
    /// Packets that the driver dropped, for each receive queue.
    pub drops: Vec<ReceiveCounters>,
    /// The counters as they were read last.
    last: Raw,
}

/// The counters as the device has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Raw {
    packets: [u64; 3],
    octets: [u64; 2],
}

/// Counters of packets wrap at 32 bits, counters of octets at 36.
const PACKETS: u64 = u32::MAX as u64;
const OCTETS: u64 = (1 << 36) - 1;

impl Raw {
    /// Reads the counters. Those of octets are in two registers: the low one is read again if the high one has changed.
    fn read<H: Bus, P>(registers: Registers<'_, H, P>) -> Self {
        let received = || registers.vfgorc_msb().read().field(VFGORC_MSB::CNT_H);
        let sent = || registers.vfgotc_msb().read().field(VFGOTC_MSB::CNT_H);
        let received_low = || registers.vfgorc_lsb().read().field(VFGORC_LSB::CNT_L);
        let sent_low = || registers.vfgotc_lsb().read().field(VFGOTC_LSB::CNT_L);
        Self {
            packets: [
                registers.vfgprc().read().field(VFGPRC::GPRC),
                registers.vfmprc().read().field(VFMPRC::MPRC),
                registers.vfgptc().read().field(VFGPTC::GPTC),
            ],
            octets: [wide(received, received_low), wide(sent, sent_low)],
        }
    }
}

/// Returns the counter of two registers, of which the low one may wrap between the reads.
fn wide(high: impl Fn() -> u64, low: impl Fn() -> u64) -> u64 {
    let (before, first, after) = (high(), low(), high());
    let value = if before == after { before << 32 | first } else { after << 32 | low() };
    value & OCTETS
}

impl Statistics {
    /// Takes the counters as they are now for 0.
    pub(super) fn begin<H: Bus, P>(&mut self, registers: Registers<'_, H, P>) {
        self.last = Raw::read(registers);
    }

    /// Notes that the function was reset. The next [`begin`](Self::begin) takes a new base.
    pub(super) fn was_reset(&mut self) {
        self.last = Raw::default();
    }

    /// Adds what was counted since the last update.
    pub(super) fn update<H: Bus, P>(&mut self, registers: Registers<'_, H, P>) {
        let (now, last) = (Raw::read(registers), self.last);
        let packets = |n: usize| now.packets[n].wrapping_sub(last.packets[n]) & PACKETS;
        let octets = |n: usize| now.octets[n].wrapping_sub(last.octets[n]) & OCTETS;
        self.rx_packets += packets(0);
        self.rx_multicasts += packets(1);
        self.tx_packets += packets(2);
        self.rx_octets_with_crc += octets(0);
        self.tx_octets_with_crc += octets(1);
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    #[test]
    fn a_wide_counter_that_carries_between_the_reads_is_read_again() {
        let reads = Cell::new(0);
        let high = || {
            reads.set(reads.get() + 1);
            if reads.get() > 1 { 2 } else { 1 }
        };
        assert_eq!(wide(high, || if reads.get() > 1 { 3 } else { 0xffff_fff0 }), 2 << 32 | 3);
        assert_eq!(wide(|| 0xff, || 1), 0xf << 32 | 1, "four bits are the counter's");
    }
}
