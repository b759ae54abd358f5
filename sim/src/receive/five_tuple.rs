//! Filters by the five-tuple of a packet of IPv4: addresses, ports, protocol (datasheet 7.1.2.4, 8.2.3.7.16 to .19).

use crate::chip::common::Common;
use crate::frame::headers::{Headers, packet_type::*};
use crate::registers::RegisterFile;
use crate::registers::offsets::{FTQF, FTQF_QUEUE_ENABLE, bit};
use crate::violation::Rule;

const SAQF: u32 = 0x0E000;
const DAQF: u32 = 0x0E200;
const SDPQF: u32 = 0x0E400;
pub(crate) const L34TIMIR: u32 = 0x0E800;
pub(crate) const L34TIMIR_END: u32 = L34TIMIR + COUNT * 4;
pub(crate) const L34TIMIR_LLI: u32 = bit(20);
/// Reserved bits of L34TIMIR that are 1000000b (8.2.3.5.13).
pub(crate) const L34TIMIR_PRESCRIBED: u32 = 0x7F << 13;
const L34TIMIR_PRESCRIBED_VALUE: u32 = bit(19);
const FTQF_POOL: u32 = 0x3F << 8;
const FTQF_POOL_MASK: u32 = bit(30);
/// Bits of FTQF.Mask for the parts that are not compared.
const NO_SOURCE: u32 = bit(25);
const NO_DESTINATION: u32 = bit(26);
const NO_SOURCE_PORT: u32 = bit(27);
const NO_DESTINATION_PORT: u32 = bit(28);
const NO_PROTOCOL: u32 = bit(29);
/// Number of filters.
const COUNT: u32 = 128;

/// The filters that are on, in the order of their precedence.
#[derive(Default)]
pub(crate) struct FiveTupleFilters {
    on: Vec<FiveTupleFilter>,
}

/// One filter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FiveTupleFilter {
    pub(crate) index: u8,
    pub(crate) queue: usize,
    /// FTQF.
    control: u32,
    /// Source and destination as on the wire.
    addresses: [[u8; 4]; 2],
    /// Source and destination as on the wire.
    ports: [[u8; 2]; 2],
}

impl FiveTupleFilters {
    /// Rereads the registers. A filter that was never written has no effect, although its registers are undefined:
    /// stock drivers rely on it.
    pub(crate) fn update(&mut self, registers: &RegisterFile) {
        self.on.clear();
        let on = |index: &u32| {
            let at = FTQF + index * 4;
            registers.get(at) & FTQF_QUEUE_ENABLE != 0 && registers.is_written(at)
        };
        self.on.extend((0..COUNT).filter(on).map(|index| FiveTupleFilter::new(index, registers)));
        // The sort is stable: of filters with the same priority, the first one counts. The datasheet does not say so.
        self.on.sort_by_key(|filter| std::cmp::Reverse(filter.control >> 2 & 7));
    }

    /// Returns `true` if no filter is on.
    pub(crate) fn is_empty(&self) -> bool {
        self.on.is_empty()
    }

    /// Returns the filter that matches a packet. No register holds addresses of IPv6, so no filter matches IPv6.
    pub(crate) fn find(&self, frame: &[u8], headers: &Headers) -> Option<FiveTupleFilter> {
        if headers.packet_type & IPV4 == 0 {
            return None;
        }
        let addresses = frame.get(headers.addresses..)?.first_chunk::<8>()?;
        let ports = headers.ports.and_then(|at| frame.get(at..)?.first_chunk::<4>());
        self.on.iter().find(|filter| filter.matches(headers.packet_type, addresses, ports)).copied()
    }
}

impl FiveTupleFilter {
    fn new(index: u32, registers: &RegisterFile) -> Self {
        let word = |register: u32| registers.get(register + index * 4);
        // The first byte on the wire is the lowest.
        let addresses = [SAQF, DAQF].map(|register| word(register).to_le_bytes());
        let [a, b, c, d] = word(SDPQF).to_le_bytes();
        let queue = (word(L34TIMIR) >> 21 & 0x7F) as usize;
        Self { index: index as u8, queue, control: word(FTQF), addresses, ports: [[a, b], [c, d]] }
    }

    /// Returns `true` if the filter matches a packet of this type with these addresses and ports. A fragment has no
    /// ports, and no protocol of its own.
    fn matches(&self, packet_type: u32, addresses: &[u8; 8], ports: Option<&[u8; 4]>) -> bool {
        let protocol = match packet_type & (TCP | UDP | SCTP) {
            TCP => 0,
            UDP => 1,
            SCTP => 2,
            _ => 3,
        };
        let port = |range: std::ops::Range<usize>| ports.and_then(|ports| ports.get(range));
        let parts = [
            (NO_SOURCE, addresses[..4] == self.addresses[0]),
            (NO_DESTINATION, addresses[4..] == self.addresses[1]),
            (NO_SOURCE_PORT, port(0..2) == Some(&self.ports[0])),
            (NO_DESTINATION_PORT, port(2..4) == Some(&self.ports[1])),
            (NO_PROTOCOL, protocol == self.control & 3),
            // Without virtualisation, all packets are in pool 0.
            (FTQF_POOL_MASK, self.control & FTQF_POOL == 0),
        ];
        parts.iter().all(|(ignored, equal)| self.control & ignored != 0 || *equal)
    }
}

/// Checks a filter when its FTQF, at `at`, is written as `value`.
pub(crate) fn check(at: u32, value: u32, common: &mut Common) {
    if !(FTQF..FTQF + COUNT * 4).contains(&at) || value & FTQF_QUEUE_ENABLE == 0 {
        return;
    }
    let action = at - FTQF + L34TIMIR;
    let prescribed = common.registers.get(action) & L34TIMIR_PRESCRIBED == L34TIMIR_PRESCRIBED_VALUE;
    let wrong = if value >> 2 & 7 == 0 {
        "its priority is 0"
    } else if value & FTQF_POOL_MASK == 0 {
        "it compares pools, and there are none"
    } else if !prescribed || !common.registers.is_written(action) {
        "L34TIMIR lacks 1000000b in bits 19:13"
    } else {
        return;
    };
    common.violation(Rule::FiveTupleFilterInvalid, at, || format!("filter {}: {wrong}", (at - FTQF) / 4));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[("SAQF", SAQF), ("DAQF", DAQF), ("SDPQF", SDPQF), ("L34TIMIR", L34TIMIR)]);
    }
}
