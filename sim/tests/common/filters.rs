//! Packets and registers for tests of the filters that choose a queue.
#![allow(dead_code, reason = "every test uses some of it")]

use super::*;

pub const ETQF: u32 = 0x5128;
pub const ETQS: u32 = 0xEC00;
pub const SYNQF: u32 = 0xEC30;
pub const FDIRDIP4M: u32 = 0xEE3C;
pub const FDIRSIP4M: u32 = 0xEE40;
pub const FDIRTCPM: u32 = 0xEE44;
pub const FDIRUDPM: u32 = 0xEE48;
pub const FDIRIP6M: u32 = 0xEE74;
pub const FDIRM: u32 = 0xEE70;
pub const FDIRHKEY: u32 = 0xEE68;
pub const FDIRSKEY: u32 = 0xEE6C;
pub const FDIRFREE: u32 = 0xEE38;
pub const FDIRLEN: u32 = 0xEE4C;
pub const FDIRUSTAT: u32 = 0xEE50;
pub const FDIRFSTAT: u32 = 0xEE54;
pub const FDIRMATCH: u32 = 0xEE58;
pub const FDIRMISS: u32 = 0xEE5C;
/// The status of a packet that a filter of Flow Director matches.
pub const FLM: u64 = 1 << 2;
/// The keys of the stock drivers.
pub const BUCKET_KEY: u32 = 0x3DAD_14E2;
pub const SIGNATURE_KEY: u32 = 0x174D_3614;

/// The parts of a packet of IPv4 that filters compare.
#[derive(Debug, Clone, Copy)]
pub struct Packet {
    pub tag: Option<u16>,
    pub source: [u8; 4],
    pub destination: [u8; 4],
    pub protocol: u8,
    pub ports: [u16; 2],
    /// Flags and offset of a fragment.
    pub fragment: u16,
    /// Flags of TCP.
    pub flags: u8,
}

impl Default for Packet {
    fn default() -> Self {
        let (source, destination) = ([10, 0, 0, 2], [10, 0, 0, 1]);
        Self { tag: None, source, destination, protocol: 6, ports: [5000, 40_000], fragment: 0, flags: 0x10 }
    }
}

impl Packet {
    /// Returns the packet in a frame, without checksums.
    pub fn frame(&self) -> Vec<u8> {
        let mut frame = [MAC, [2; 6]].concat();
        if let Some(tag) = self.tag {
            frame.extend([0x81, 0x00]);
            frame.extend(tag.to_be_bytes());
        }
        frame.extend([0x08, 0x00, 0x45, 0, 0, 60, 0, 1]);
        frame.extend(self.fragment.to_be_bytes());
        frame.extend([64, self.protocol, 0, 0]);
        frame.extend([self.source, self.destination].concat());
        frame.extend(self.ports.map(u16::to_be_bytes).concat());
        frame.extend([0, 0, 0, 1, 0, 0, 0, 1, 5 << 4, self.flags]);
        frame.resize(frame.len() + 26, 7);
        frame
    }
}

/// Returns a packet of IPv6.
pub fn version6(source: [u8; 16], destination: [u8; 16], protocol: u8, ports: [u16; 2]) -> Vec<u8> {
    let mut frame = [MAC, [2; 6]].concat();
    frame.extend([0x86, 0xDD, 0x60, 0, 0, 0, 0, 40, protocol, 64]);
    frame.extend([source, destination].concat());
    frame.extend(ports.map(u16::to_be_bytes).concat());
    frame.extend([0, 0, 0, 1, 0, 0, 0, 1, 5 << 4, 2]);
    frame.resize(frame.len() + 26, 7);
    frame
}

/// Returns a driver with receive queues 0 to 3, before it starts reception.
pub fn with_queues() -> Driver {
    let mut driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.reset();
    driver.configure();
    (0..4).for_each(|queue| driver.add_rx(queue, 64));
    driver
}

/// Starts reception, without violations.
pub fn start(driver: &Driver) {
    driver.start_receive();
    driver.wait_for_link();
    driver.clean();
}

/// Returns the queue in which a frame arrives, and the words of its descriptor.
pub fn delivered(driver: &mut Driver, frame: &[u8]) -> Option<(usize, [u64; 2])> {
    let expected = driver.port.destination(frame);
    driver.port.deliver(frame);
    let found = (0..driver.rx.len()).find_map(|nth| Some((nth, driver.receive(nth)?.1)));
    let (nth, words) = found?;
    driver.refill(nth);
    let queue = driver.rx[nth].0 as usize;
    assert_eq!(expected.map(|expected| expected.queue), Some(queue), "the model predicts the queue");
    Some((queue, words))
}

/// Returns the queue in which a packet arrives.
pub fn queue_of(driver: &mut Driver, packet: &Packet) -> Option<usize> {
    delivered(driver, &packet.frame()).map(|(queue, _)| queue)
}

/// Writes five-tuple filter `index` for everything that `packet` is, but for the parts in `mask`.
pub fn write_five_tuple(driver: &Driver, index: u32, packet: &Packet, mask: u32, priority: u32, queue: u32) {
    let protocol = match packet.protocol {
        6 => 0,
        17 => 1,
        132 => 2,
        _ => 3,
    };
    driver.write(FTQF + index * 4, 0);
    driver.write(0xE000 + index * 4, u32::from_le_bytes(packet.source));
    driver.write(0xE200 + index * 4, u32::from_le_bytes(packet.destination));
    let [source, destination] = packet.ports.map(|port| u32::from(port.swap_bytes()));
    driver.write(0xE400 + index * 4, source | destination << 16);
    driver.write(0xE800 + index * 4, 1 << 12 | 1 << 19 | queue << 21);
    driver.write(FTQF + index * 4, protocol | priority << 2 | mask << 25 | 1 << 30 | 1 << 31);
}

/// The fields of a filter of Flow Director, as numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fields {
    /// L4TYPE and IPV6 of FDIRCMD.
    pub kind: u8,
    pub vlan: u16,
    pub source: [u32; 4],
    pub destination: [u32; 4],
    pub ports: [u16; 2],
    pub flexible: u16,
}

impl Fields {
    /// Returns the fields of a packet of IPv4, without flexible bytes.
    pub fn of(packet: &Packet) -> Self {
        let kind = match packet.protocol {
            6 => 2,
            17 => 1,
            132 => 3,
            _ => 0,
        };
        Self {
            kind,
            vlan: packet.tag.unwrap_or(0),
            source: [0, 0, 0, u32::from_be_bytes(packet.source)],
            destination: [0, 0, 0, u32::from_be_bytes(packet.destination)],
            ports: if kind == 0 { [0; 2] } else { packet.ports },
            flexible: 0,
        }
    }

    /// Returns 15 bits of the hash with `key`. All words of the input but the first are added before any bit of the key
    /// is looked at, unlike in the model.
    pub fn hash(&self, key: u32) -> u32 {
        let first = u32::from(self.kind) << 16 | u32::from(self.vlan);
        let ports = u32::from(self.ports[0]) << 16 | u32::from(self.ports[1]);
        let rest = self.source.iter().chain(&self.destination).fold(0, |sum, word| sum ^ word);
        let rest = rest ^ ports ^ u32::from(self.flexible) << 16;
        let high = rest ^ first ^ first >> 16;
        let low = rest.rotate_left(16);
        let chosen = |bit: u32, word: u32| if key >> bit & 1 != 0 { word >> (bit % 16) } else { 0 };
        let mut hash = chosen(0, low) ^ chosen(16, high);
        let low = low ^ first ^ first << 16;
        for bit in 1..16 {
            hash ^= chosen(bit, low) ^ chosen(bit + 16, high);
        }
        hash & 0x7FFF
    }
}

/// Writes FDIRHASH and FDIRCMD.
pub fn program(driver: &Driver, filter: u32, command: u32) {
    driver.write(FDIRHASH, filter);
    driver.write(FDIRCMD, command);
    assert_eq!(driver.read(FDIRCMD) & 3, 0, "the command is taken");
}

/// Empties the table of Flow Director, and initialises it with `control`.
pub fn empty(driver: &Driver, control: u32) {
    driver.write(FDIRFREE, 0);
    driver.write(FDIRCMD, 1 << 8);
    driver.write(FDIRCMD, 0);
    driver.write(FDIRHASH, 0);
    driver.write(FDIRCTRL, control);
    assert!(driver.until(FDIRCTRL, 1 << 3, 1 << 3));
}
