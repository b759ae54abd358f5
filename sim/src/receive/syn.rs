//! The filter for packets of TCP that open a connection (datasheet 7.1.2.5, 8.2.3.7.20).

use crate::frame::headers::{Headers, packet_type::TCP};
use crate::registers::RegisterFile;
use crate::registers::offsets::bit;

const SYNQF: u32 = 0x0EC30;
const SYNQF_QUEUE_ENABLE: u32 = bit(0);
const SYNQF_FIRST: u32 = bit(31);
/// Offset of the flags in a header of TCP.
const FLAGS: usize = 13;
const SYN: u8 = 2;

/// The filter, if it is on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SynFilter {
    pub(crate) queue: usize,
    /// `true` if the filter comes before five-tuple filters, `false` if behind.
    pub(crate) first: bool,
}

impl SynFilter {
    /// Returns the filter, if it is on.
    pub(crate) fn new(registers: &RegisterFile) -> Option<Self> {
        let control = registers.get(SYNQF);
        let filter = Self { queue: (control >> 1 & 0x7F) as usize, first: control & SYNQF_FIRST != 0 };
        (control & SYNQF_QUEUE_ENABLE != 0).then_some(filter)
    }

    /// Returns `true` if the filter matches a packet, of either version of IP. Whether ACK matters is not documented:
    /// here it does not.
    pub(crate) fn matches(frame: &[u8], headers: &Headers) -> bool {
        let flags = headers.ports.and_then(|at| frame.get(at + FLAGS));
        headers.packet_type & TCP != 0 && flags.is_some_and(|flags| flags & SYN != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[("SYNQF", SYNQF)]);
    }
}
