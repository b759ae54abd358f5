//! Filters by EtherType: they mark frames, and may send them to a queue (datasheet 7.1.2.3, 8.2.3.7.21, 8.2.3.7.22).

use crate::frame::headers::half;
use crate::frame::vlan::Types;
use crate::registers::RegisterFile;
use crate::registers::offsets::bit;

pub(crate) const ETQF: u32 = 0x05128;
pub(crate) const ETQF_FILTER_ENABLE: u32 = bit(31);
pub(crate) const ETQS: u32 = 0x0EC00;
const ETQS_QUEUE_ENABLE: u32 = bit(31);
/// Number of filters.
pub(crate) const COUNT: u32 = 8;

/// The filters that are on, the highest index first.
#[derive(Default)]
pub(crate) struct EtherTypeFilters {
    on: Vec<EtherTypeFilter>,
}

/// One filter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EtherTypeFilter {
    pub(crate) index: u8,
    ether_type: u16,
    /// The queue of the filter's frames, if the filter selects one.
    pub(crate) queue: Option<usize>,
}

impl EtherTypeFilters {
    /// Rereads the registers.
    pub(crate) fn update(&mut self, registers: &RegisterFile) {
        let filter = |index: u32| {
            let (filter, select) = (registers.get(ETQF + index * 4), registers.get(ETQS + index * 4));
            let queue = (select & ETQS_QUEUE_ENABLE != 0).then_some((select >> 16 & 0x7F) as usize);
            (filter & ETQF_FILTER_ENABLE != 0).then_some(EtherTypeFilter {
                index: index as u8,
                ether_type: filter as u16,
                queue,
            })
        };
        self.on.clear();
        self.on.extend((0..COUNT).rev().filter_map(filter));
    }

    /// Returns `true` if no filter is on.
    pub(crate) fn is_empty(&self) -> bool {
        self.on.is_empty()
    }

    /// Returns the filter that matches a frame. The type is the one behind VLAN tags. If several filters match, the
    /// last one counts: so the I210 does it, and the 82599's text on it was not available.
    pub(crate) fn find(&self, frame: &[u8], tags: Types) -> Option<EtherTypeFilter> {
        let ether_type = half(frame, tags.ether_type_at(frame))?;
        self.on.iter().find(|filter| filter.ether_type == ether_type).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[("ETQF", ETQF), ("ETQS", ETQS)]);
    }
}
