//! The fields of a packet that filters compare: their masks, and their hash (datasheet 7.1.2.7, 8.2.3.21.2 to .9).

use crate::frame::headers::{Headers, half, packet_type::*};
use crate::frame::vlan::{self, Types};
use crate::registers::RegisterFile;
use crate::registers::offsets::bit;

pub(super) const FDIRDIP4M: u32 = 0x0EE3C;
pub(super) const FDIRSIP4M: u32 = 0x0EE40;
pub(super) const FDIRTCPM: u32 = 0x0EE44;
pub(super) const FDIRUDPM: u32 = 0x0EE48;
pub(super) const FDIRIP6M: u32 = 0x0EE74;
pub(super) const FDIRM: u32 = 0x0EE70;
const FDIRM_VLAN_ID: u32 = bit(0);
const FDIRM_VLAN_PRIORITY: u32 = bit(1);
const FDIRM_POOL: u32 = bit(2);
const FDIRM_L4_PROTOCOL: u32 = bit(3);
const FDIRM_FLEXIBLE: u32 = bit(4);
const FDIRM_DESTINATION6: u32 = bit(5);
const FDIRSIPV6: u32 = 0x0EE0C;
const FDIRIPSA: u32 = 0x0EE18;
const FDIRIPDA: u32 = 0x0EE1C;
const FDIRPORT: u32 = 0x0EE20;
pub(super) const FDIRVLAN: u32 = 0x0EE24;
const IPAV: u32 = 0x05838;
const IPAV_V60: u32 = bit(16);
const IP6AT: u32 = 0x05880;

/// Values of [`Flow::kind`], encoded as L4TYPE and IPV6 in FDIRCMD.
const UDP_KIND: u8 = 1;
const TCP_KIND: u8 = 2;
pub(super) const SCTP_KIND: u8 = 3;
const PROTOCOL: u8 = 3;
const VERSION_6: u8 = 4;

/// Number of bytes that are hashed.
const TUPLE: usize = 42;
/// Number of bits of the hash input.
const BITS: usize = TUPLE * 8;

/// The fields of a packet, or of a filter. A field that a packet lacks is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flow {
    /// The tag without CFI, which is never compared (8.2.3.21.20).
    vlan: u16,
    /// The source address. An IPv4 address occupies the last four bytes.
    source: [u8; 16],
    /// The destination address. An IPv4 address occupies the last four bytes.
    destination: [u8; 16],
    /// Source and destination. Those of SCTP are not compared: filters have 0 there (8.2.3.21.19), and the test plans
    /// of DPDK find that an 82599 does not tell flows of SCTP apart by their ports.
    pub(super) ports: [u16; 2],
    flexible: [u8; 2],
    pool: u8,
    /// The protocol and the version of IP. Protocol 0 stands for all others, and for fragments, which have no ports:
    /// how the chip treats those was not found.
    pub(super) kind: u8,
}

impl Flow {
    /// Returns the fields of an IP packet, with the flexible bytes from offset `flexible`.
    pub(super) fn of_packet(frame: &[u8], headers: &Headers, tags: Types, flexible: usize) -> Self {
        let mut flow = Self { vlan: tags.tag(frame).unwrap_or(0) & !vlan::CFI, ..Self::default() };
        let version6 = headers.packet_type & (IPV4 | IPV6) == IPV6;
        let len = if version6 { 16 } else { 4 };
        for (nth, address) in [&mut flow.source, &mut flow.destination].into_iter().enumerate() {
            let start = headers.addresses + nth * len;
            if let Some(bytes) = frame.get(start..start + len) {
                address[16 - len..].copy_from_slice(bytes);
            }
        }
        let protocol = match headers.packet_type & (TCP | UDP | SCTP) {
            UDP => UDP_KIND,
            TCP => TCP_KIND,
            SCTP => SCTP_KIND,
            _ => 0,
        };
        if let Some(at) = headers.ports.filter(|_| protocol != SCTP_KIND) {
            flow.ports = [half(frame, at), half(frame, at + 2)].map(Option::unwrap_or_default);
        }
        flow.flexible = half(frame, flexible).unwrap_or(0).to_be_bytes();
        flow.kind = protocol | if version6 { VERSION_6 } else { 0 };
        flow
    }

    /// Returns the fields of the perfect filter in the registers, of the protocol and version of IP in `command`. Such
    /// a filter has no destination address of IPv6.
    pub(super) fn in_registers(command: u32, registers: &RegisterFile) -> Self {
        let kind = (command >> 5 & 7) as u8;
        let mut flow = Self { pool: (command >> 24 & 0x3F) as u8, kind, ..Self::default() };
        // The first byte on the wire is the lowest.
        let word = |at: u32| registers.get(at).to_le_bytes();
        flow.source[12..].copy_from_slice(&word(FDIRIPSA));
        if kind & VERSION_6 == 0 {
            flow.destination[12..].copy_from_slice(&word(FDIRIPDA));
        } else {
            for (bytes, at) in flow.source.chunks_exact_mut(4).zip((FDIRSIPV6..FDIRIPSA).step_by(4)) {
                bytes.copy_from_slice(&word(at));
            }
        }
        let ports = registers.get(FDIRPORT);
        flow.ports = [ports as u16, (ports >> 16) as u16];
        let [vlan_low, vlan_high, first, second] = word(FDIRVLAN);
        flow.vlan = u16::from_le_bytes([vlan_low, vlan_high]) & !vlan::CFI;
        flow.flexible = [first, second];
        flow
    }

    /// Stores the fields where [`in_registers`](Self::in_registers) finds them, for a query.
    pub(super) fn store(&self, registers: &mut RegisterFile) {
        let word = |bytes: &[u8; 16], nth: usize| {
            let (words, _) = bytes.as_chunks::<4>();
            words.get(nth).map_or(0, |word| u32::from_le_bytes(*word))
        };
        for (nth, at) in (FDIRSIPV6..=FDIRIPSA).step_by(4).enumerate() {
            registers.set(at, word(&self.source, nth));
        }
        registers.set(FDIRIPDA, word(&self.destination, 3));
        registers.set(FDIRPORT, u32::from(self.ports[0]) | u32::from(self.ports[1]) << 16);
        registers.set(FDIRVLAN, u32::from(self.vlan) | u32::from(u16::from_le_bytes(self.flexible)) << 16);
    }

    /// Returns `true` if the destination is the address of IPv6 in IP6AT.
    pub(super) fn is_to_own_address(&self, registers: &RegisterFile) -> bool {
        let words = self.destination.as_chunks::<4>().0.iter().zip((IP6AT..).step_by(4));
        registers.get(IPAV) & IPAV_V60 != 0
            && words.into_iter().all(|(word, at)| registers.get(at).to_le_bytes() == *word)
    }

    /// Returns the fields with 0 for everything that the masks ignore. They take part neither in a comparison nor in a
    /// hash.
    pub(super) fn masked(mut self, registers: &RegisterFile) -> Self {
        let other = registers.get(FDIRM);
        let ignored = |field: u32| other & field != 0;
        if ignored(FDIRM_VLAN_ID) {
            self.vlan &= !0x0FFF;
        }
        if ignored(FDIRM_VLAN_PRIORITY) {
            self.vlan &= !0xE000;
        }
        if ignored(FDIRM_POOL) {
            self.pool = 0;
        }
        if ignored(FDIRM_FLEXIBLE) {
            self.flexible = [0; 2];
        }
        let ports = match self.kind & PROTOCOL {
            UDP_KIND => registers.get(FDIRUDPM),
            TCP_KIND => registers.get(FDIRTCPM),
            _ => 0,
        };
        // Bit 0 of a mask is for bit 15 of the port (8.2.3.21.6).
        self.ports[0] &= !(ports as u16).reverse_bits();
        self.ports[1] &= !((ports >> 16) as u16).reverse_bits();
        if self.kind & VERSION_6 == 0 {
            ignore_bits(&mut self.source, registers.get(FDIRSIP4M));
            ignore_bits(&mut self.destination, registers.get(FDIRDIP4M));
        } else {
            let bytes = registers.get(FDIRIP6M);
            ignore_bytes(&mut self.source, bytes);
            ignore_bytes(&mut self.destination, bytes >> 16);
        }
        if ignored(FDIRM_L4_PROTOCOL) {
            self.kind &= VERSION_6;
        }
        self
    }

    /// Returns `true` if a perfect filter with the fields `filter` matches this packet. Its destination address of IPv6
    /// is only compared with IP6AT: `to_own_address` is the result that the filter wants. FDIRM.DIPv6 ignores this
    /// comparison, and no part of the hash: stock drivers set it, and add signatures of IPv6 with the destination.
    pub(super) fn is_matched_by(&self, filter: &Self, to_own_address: bool, registers: &RegisterFile) -> bool {
        let (mut packet, filter) = (self.masked(registers), filter.masked(registers));
        if self.kind & VERSION_6 != 0 {
            packet.destination = [0; 16];
            if registers.get(FDIRM) & FDIRM_DESTINATION6 == 0 && self.is_to_own_address(registers) != to_own_address {
                return false;
            }
        }
        packet == filter
    }

    /// Computes the hash with `key`.
    pub(super) fn hash(&self, key: u32) -> u16 {
        hash(&self.tuple(), key)
    }

    /// Returns the hash input, first byte first.
    fn tuple(&self) -> [u8; TUPLE] {
        let mut tuple = [0; TUPLE];
        tuple[0..2].copy_from_slice(&self.vlan.to_be_bytes());
        tuple[2..18].copy_from_slice(&self.source);
        tuple[18..34].copy_from_slice(&self.destination);
        tuple[34..36].copy_from_slice(&self.ports[0].to_be_bytes());
        tuple[36..38].copy_from_slice(&self.ports[1].to_be_bytes());
        tuple[38..40].copy_from_slice(&self.flexible);
        tuple[40] = self.pool;
        tuple[41] = self.kind;
        tuple
    }
}

/// Clears the bits of an address of IPv4 that `mask` ignores. The first byte on the wire is the mask's lowest.
fn ignore_bits(address: &mut [u8; 16], mask: u32) {
    for (byte, mask) in address[12..].iter_mut().zip(mask.to_le_bytes()) {
        *byte &= !mask;
    }
}

/// Clears the bytes of an address of IPv6 that `mask` ignores, one bit for each byte. That bit 0 is for the first byte
/// on the wire is taken from DPDK.
fn ignore_bytes(address: &mut [u8; 16], mask: u32) {
    for (n, byte) in address.iter_mut().enumerate() {
        if mask >> n & 1 != 0 {
            *byte = 0;
        }
    }
}

/// Computes the hash of a tuple. For each bit of the repeated key that is 1, it adds 16 bits of the tuple without
/// carry. The tuple is treated as a ring.
fn hash(tuple: &[u8; TUPLE], key: u32) -> u16 {
    let bit = |n: usize| {
        let n = n % BITS;
        u16::from(tuple[TUPLE - 1 - n / 8] >> (n % 8) & 1)
    };
    // The 15 bits before bit 0 are the last ones of the ring.
    let mut window = (0..15).fold(0, |window, n| window | bit(BITS - 15 + n) << n);
    let mut hash = 0;
    for step in 0..BITS + 15 {
        window |= bit(step) << 15;
        if key >> ((step + 1) % 32) & 1 != 0 {
            hash ^= window;
        }
        window >>= 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    /// The keys of the stock drivers, for bucket and signature.
    const KEYS: [u32; 2] = [0x3DAD_14E2, 0x174D_3614];

    fn version4(source: [u8; 4], destination: [u8; 4], ports: [u16; 2], flexible: u16, kind: u8) -> Flow {
        let mut flow = Flow { ports, flexible: flexible.to_be_bytes(), kind, ..Flow::default() };
        flow.source[12..].copy_from_slice(&source);
        flow.destination[12..].copy_from_slice(&destination);
        flow
    }

    /// Compares with hashes from a stock driver, which computes them in another way (folded to 32 bits).
    #[test]
    fn the_hash_is_the_one_that_drivers_expect() {
        let both = |flow: Flow| KEYS.map(|key| flow.hash(key));
        let mut flow = version4([10, 0, 0, 2], [10, 0, 0, 1], [5000, 40000], 0x0800, TCP_KIND);
        assert_eq!(both(flow), [0x8380, 0x16FC]);
        flow.vlan = 0x2065;
        flow.flexible = [0x81, 0x00];
        assert_eq!(both(flow), [0xADA2, 0x7431]);
        let flow = version4([192, 168, 7, 9], [10, 1, 2, 3], [53, 1234], 0x0800, UDP_KIND);
        assert_eq!(both(flow), [0xF779, 0xADCF]);
    }

    /// Compares with what an 82599 reported of its filters, as the test plans of DPDK record it: 13 bits of the bucket
    /// with signature filters in 64 KB, and all 15 bits of the signature.
    #[test]
    fn the_hash_is_the_one_that_silicon_reported() {
        let between = |ports, kind| version4([192, 168, 0, 1], [192, 168, 0, 2], ports, 0x0800, kind);
        let address = |last: u16| {
            let mut address = *b"\x20\x01\x0d\xb8\x85\xa3\0\0\0\0\x8a\x2e\x03\x70\0\0";
            address[14..].copy_from_slice(&last.to_be_bytes());
            address
        };
        let version6 = Flow {
            source: address(0x7000),
            destination: address(0x7338),
            ports: [1024; 2],
            flexible: [0x86, 0xDD],
            kind: UDP_KIND | VERSION_6,
            ..Flow::default()
        };
        let vectors = [
            (between([1024; 2], UDP_KIND), 0x143C, 0x6230),
            (between([1024; 2], TCP_KIND), 0x1B47, 0x3D2B),
            (between([0; 2], 0), 0x1681, 0x73ED),
            (version6, 0x04AA, 0x6A83),
        ];
        for (flow, bucket, signature) in vectors {
            assert_eq!((flow.hash(KEYS[0]) & 0x1FFF, flow.hash(KEYS[1]) & 0x7FFF), (bucket, signature), "{flow:x?}");
        }
        // 11 bits with perfect filters in 64 KB: masked addresses, ports, and protocol; flexible bytes; a VLAN tag.
        let vlan = |vlan| Flow { vlan, flexible: [0x81, 0x00], ..between([1024; 2], UDP_KIND) };
        let flexible = |bytes| Flow { flexible: bytes, ..between([0; 2], 0) };
        let vectors = [
            (version4([192, 168, 0, 0], [192, 168, 0, 0], [1024; 2], 0x0800, UDP_KIND), 0x6CF),
            (version4([10, 11, 12, 1], [10, 11, 12, 2], [0x4400, 0x4500], 0x0800, UDP_KIND), 0x41D),
            (flexible([0, 1]), 0x18B),
            (flexible([0, 0xFF]), 0x3A1),
            (flexible([0, 0]), 0x2F3),
            (vlan(0x0FFF), 0x7E9),
            (vlan(0), 0x7E8),
        ];
        for (flow, bucket) in vectors {
            assert_eq!(flow.hash(KEYS[0]) & 0x7FF, bucket, "{flow:x?}");
        }
    }

    #[test]
    fn a_filter_is_stored_where_it_is_found() {
        let mut registers = RegisterFile::new();
        for (n, at) in (FDIRSIPV6..=FDIRVLAN).step_by(4).enumerate() {
            registers.set(at, 0x0102_0304 * (n as u32 + 1));
        }
        for command in [TCP_KIND, UDP_KIND | VERSION_6].map(|kind| u32::from(kind) << 5 | 7 << 24) {
            let flow = Flow::in_registers(command, &registers);
            let mut others = RegisterFile::new();
            flow.store(&mut others);
            assert_eq!(Flow::in_registers(command, &others), flow);
            assert_ne!(flow, Flow::default());
        }
    }

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[
            ("FDIRDIP4M", FDIRDIP4M),
            ("FDIRSIP4M", FDIRSIP4M),
            ("FDIRTCPM", FDIRTCPM),
            ("FDIRUDPM", FDIRUDPM),
            ("FDIRIP6M", FDIRIP6M),
            ("FDIRM", FDIRM),
            ("FDIRSIPv6", FDIRSIPV6),
            ("FDIRIPSA", FDIRIPSA),
            ("FDIRIPDA", FDIRIPDA),
            ("FDIRPORT", FDIRPORT),
            ("FDIRVLAN", FDIRVLAN),
            ("IPAV", IPAV),
            ("IP6AT", IP6AT),
        ]);
    }
}
