//! The filters of layer 2 that accept received frames for the host (datasheet 7.1.1).

use crate::frame::address::{Cast, address};
use crate::receive::vlan_filter::VlanFilter;
use crate::registers::RegisterFile;
use crate::registers::offsets::*;
use crate::virtualisation::switch::Pools;

/// The filters, read from the registers once for many frames.
#[derive(Default)]
pub(crate) struct Filter {
    unicast: Vec<u64>,
    accept_unicast: bool,
    accept_multicast: bool,
    accept_broadcast: bool,
    /// MCSTCTRL.MO, if the multicast table is used.
    multicast_table: Option<u32>,
    pub(crate) vlan: VlanFilter,
    /// The pools, which have filters of their own.
    pub(crate) pools: Option<Pools>,
}

impl Filter {
    /// Rereads the registers.
    pub(crate) fn update(&mut self, registers: &RegisterFile) {
        let control = registers.get(FCTRL);
        self.accept_unicast = control & FCTRL_UPE != 0;
        self.accept_multicast = control & FCTRL_MPE != 0;
        self.accept_broadcast = control & FCTRL_BAM != 0;
        let multicast = registers.get(MCSTCTRL);
        self.multicast_table = (multicast & MCSTCTRL_MFE != 0).then_some(multicast & 3);
        self.vlan = VlanFilter::new(registers);
        self.pools = Pools::new(registers);
        self.unicast.clear();
        for entry in 0..128 {
            let high = registers.get(RAH + entry * 8);
            if high & RAH_AV != 0 {
                self.unicast.push(u64::from(registers.get(RAL + entry * 8)) | u64::from(high & 0xFFFF) << 32);
            }
        }
    }

    /// Returns `true` if `frame` passes the filters of layer 2.
    #[inline(always)]
    pub(crate) fn accepts(&self, frame: &[u8], cast: Cast, registers: &RegisterFile) -> bool {
        if let Some(pools) = &self.pools {
            return self.vlan.accepts(frame, registers) && pools.of(frame, registers) != 0;
        }
        let accepted = match cast {
            // MPE also passes broadcasts (8.2.3.7.1).
            Cast::Broadcast => self.accept_broadcast || self.accept_multicast,
            Cast::Multicast => self.accept_multicast || self.is_in_table(frame, registers),
            Cast::Unicast => self.accept_unicast || self.unicast.contains(&address(frame)),
        };
        accepted && self.vlan.accepts(frame, registers)
    }

    fn is_in_table(&self, frame: &[u8], registers: &RegisterFile) -> bool {
        let Some(offset) = self.multicast_table else { return self.unicast.contains(&address(frame)) };
        // MO = 0 takes bits 47:36 of the address, 1 bits 46:35, and so on (8.2.3.7.3).
        let vector = (address(frame) >> (36 - offset) & 0xFFF) as u32;
        registers.get(MTA + (vector >> 5) * 4) & 1 << (vector & 31) != 0 || self.unicast.contains(&address(frame))
    }
}
