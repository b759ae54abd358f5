//! The switch between the wire and the pools: which pools a frame belongs to, by the registers of the physical function
//! (datasheet 7.10.3, 8.2.3.27).

use crate::frame::address::{Cast, address, cast};
use crate::frame::vlan::Types;
use crate::receive::vlan_filter::tag_types;
use crate::registers::RegisterFile;
use crate::registers::offsets::*;

pub(crate) const PFVTCTL: u32 = 0x051B0;
pub(crate) const PFVTCTL_VT_ENA: u32 = bit(0);
pub(crate) const PFVTCTL_DIS_DEF_POOL: u32 = bit(29);
pub(crate) const PFVTCTL_RPL_EN: u32 = bit(30);
pub(crate) const PFVFRE: u32 = 0x051E0;
pub(crate) const PFVFTE: u32 = 0x08110;
pub(crate) const PFVFSPOOF: u32 = 0x08200;
pub(crate) const PFDTXGSWC: u32 = 0x08220;
pub(crate) const PFDTXGSWC_LBE: u32 = bit(0);
pub(crate) const PFVML2FLT: u32 = 0x0F000;
pub(crate) const PFVML2FLT_AUPE: u32 = bit(24);
pub(crate) const PFVML2FLT_ROMPE: u32 = bit(25);
pub(crate) const PFVML2FLT_BAM: u32 = bit(27);
pub(crate) const PFVML2FLT_MPE: u32 = bit(28);
pub(crate) const PFVLVF_VI_EN: u32 = bit(31);
pub(crate) const PSRTYPE: u32 = 0x0EA00;
/// Number of MAC addresses, of VLANs, and of pools.
const ADDRESSES: u32 = 128;
const VLANS: u32 = 64;
const POOLS: u32 = 64;

/// Returns the two registers from `at` on as one set of pools.
fn set(registers: &RegisterFile, at: u32) -> u64 {
    u64::from(registers.get(at + 4)) << 32 | u64::from(registers.get(at))
}

/// The pools of the port, read from the registers once for many frames.
pub(crate) struct Pools {
    /// Number of queues of a pool.
    pub(crate) size: usize,
    /// The pools that may receive, and those that may send.
    receiving: u64,
    sending: u64,
    /// MAC addresses with their pools.
    addresses: Vec<(u64, u64)>,
    broadcast: u64,
    all_multicast: u64,
    hashed_multicast: u64,
    untagged: u64,
    /// VLANs with their pools, if VLANs are filtered.
    vlans: Option<Vec<(u16, u64)>>,
    tags: Types,
    /// The pool for frames that match no other.
    default: u64,
    replicates: bool,
    /// The pools whose source address is checked.
    checked: u64,
    /// `true` if frames pass from pool to pool.
    loops_back: bool,
    /// For each pool, the bits of the RSS index that select its queue.
    index_bits: Vec<u8>,
}

impl Pools {
    /// Reads the registers. Returns `None` if there are no pools.
    pub(crate) fn new(registers: &RegisterFile) -> Option<Self> {
        let control = registers.get(PFVTCTL);
        if control & PFVTCTL_VT_ENA == 0 {
            return None;
        }
        let with = |bit: u32| {
            (0..POOLS)
                .filter(|pool| registers.get(PFVML2FLT + pool * 4) & bit != 0)
                .fold(0, |set, pool| set | 1 << pool)
        };
        let entry = |entry: u32| {
            let high = registers.get(RAH + entry * 8);
            let address = u64::from(registers.get(RAL + entry * 8)) | u64::from(high & 0xFFFF) << 32;
            (high & RAH_AV != 0).then(|| (address, set(registers, MPSAR + entry * 8)))
        };
        let vlan = |entry: u32| {
            let vlan = registers.get(PFVLVF + entry * 4);
            (vlan & PFVLVF_VI_EN != 0).then(|| (vlan as u16 & 0xFFF, set(registers, PFVLVFB + entry * 8)))
        };
        let vlan_control = registers.get(VLNCTRL);
        let has_default = control & PFVTCTL_DIS_DEF_POOL == 0;
        Some(Self {
            size: if registers.get(MRQC) & 0xF == MRQC_POOLS_OF_4 { 4 } else { 2 },
            receiving: set(registers, PFVFRE),
            sending: set(registers, PFVFTE),
            addresses: (0..ADDRESSES).filter_map(entry).collect(),
            broadcast: with(PFVML2FLT_BAM),
            all_multicast: with(PFVML2FLT_MPE),
            hashed_multicast: with(PFVML2FLT_ROMPE),
            untagged: with(PFVML2FLT_AUPE),
            vlans: (vlan_control & VLNCTRL_VFE != 0).then(|| (0..VLANS).filter_map(vlan).collect()),
            tags: tag_types(registers),
            default: if has_default { 1 << (control >> 7 & 0x3F) } else { 0 },
            replicates: control & PFVTCTL_RPL_EN != 0,
            checked: (0..8).fold(0, |pools, n| pools | u64::from(registers.get(PFVFSPOOF + n * 4) & 0xFF) << (n * 8)),
            loops_back: registers.get(PFDTXGSWC) & PFDTXGSWC_LBE != 0,
            index_bits: (0..POOLS).map(|pool| (registers.get(PSRTYPE + pool * 4) >> 29) as u8).collect(),
        })
    }

    /// Returns the pools that a frame belongs to and that may receive.
    pub(crate) fn of(&self, frame: &[u8], registers: &RegisterFile) -> u64 {
        let to = address(frame);
        let exact = self.addresses.iter().filter(|(address, _)| *address == to).fold(0, |all, (_, pools)| all | pools);
        let by_address = match cast(frame) {
            Cast::Unicast => exact,
            Cast::Broadcast => self.broadcast,
            Cast::Multicast if self.is_hashed(to, registers) => exact | self.all_multicast | self.hashed_multicast,
            Cast::Multicast => exact | self.all_multicast,
        };
        let by_address = if by_address == 0 { self.default } else { by_address };
        // First by address, then by VLAN.
        let pools = by_address & self.of_vlan(frame) & self.receiving;
        // Without replication, a frame has one pool.
        if self.replicates { pools } else { pools & pools.wrapping_neg() }
    }

    fn is_hashed(&self, address: u64, registers: &RegisterFile) -> bool {
        let control = registers.get(MCSTCTRL);
        let vector = (address >> (36 - (control & 3)) & 0xFFF) as u32;
        control & MCSTCTRL_MFE != 0 && registers.get(MTA + (vector >> 5) * 4) & 1 << (vector & 31) != 0
    }

    fn of_vlan(&self, frame: &[u8]) -> u64 {
        let Some(tag) = self.tags.tag(frame) else { return self.untagged };
        let Some(vlans) = &self.vlans else { return u64::MAX };
        vlans.iter().filter(|(vlan, _)| *vlan == tag & 0xFFF).fold(0, |all, (_, pools)| all | pools)
    }

    /// Returns the queue of a frame in `pool`, if its hash selects `index` of the redirection table's.
    pub(crate) fn queue(&self, pool: usize, index: usize) -> usize {
        let bits = self.index_bits.get(pool).copied().unwrap_or(0);
        pool * self.size + (index & ((1 << bits) - 1)) % self.size
    }

    /// Returns `true` if the pool of `queue` may send.
    pub(crate) fn may_send(&self, queue: usize) -> bool {
        self.sending >> (queue / self.size % 64) & 1 != 0
    }

    /// Returns `true` if `pool` may not send a frame with this source address.
    pub(crate) fn is_spoofed(&self, pool: usize, frame: &[u8]) -> bool {
        let from = address(frame.get(6..).unwrap_or_default());
        let is_own = |(address, pools): &(u64, u64)| *address == from && pools >> pool & 1 != 0;
        self.checked >> pool & 1 != 0 && !self.addresses.iter().any(is_own)
    }

    /// Returns the other pools that a frame of `pool` goes to, and `true` if it goes to the wire.
    pub(crate) fn route(&self, pool: usize, frame: &[u8], registers: &RegisterFile) -> (u64, bool) {
        if !self.loops_back {
            return (0, true);
        }
        let known = self.addresses.iter().any(|(known, pools)| *known == address(frame) && *pools != 0);
        let local = match cast(frame) {
            // Unicast for nobody here belongs to the wire, not to the default pool.
            Cast::Unicast if !known => 0,
            _ => self.of(frame, registers) & !(1 << pool),
        };
        (local, cast(frame) != Cast::Unicast || !known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[
            ("PFVTCTL", PFVTCTL),
            ("PFVFRE", PFVFRE),
            ("PFVFTE", PFVFTE),
            ("PFVFSPOOF", PFVFSPOOF),
            ("PFDTXGSWC", PFDTXGSWC),
            ("PFVML2FLT", PFVML2FLT),
            ("PSRTYPE", PSRTYPE),
        ]);
    }
}
