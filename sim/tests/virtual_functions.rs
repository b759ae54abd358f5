//! Virtual functions, and the model's own physical function: with a driver of a few lines, by register writes alone.

mod common;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use common::{Recorder, TestRing, data, frame};
use ixgbe::registers::virtual_function::RegisterSpace;
use ixgbe::runtime::space::Offset;
use ixgbe_sim::{Fault, HostConfig, Port, Rule, Violation, VirtualFunction};

const VFCTRL: u32 = 0x0;
const VFSTATUS: u32 = 0x8;
const VFLINKS: u32 = 0x10;
const VTEIMS: u32 = 0x108;
const VTIVAR: u32 = 0x120;
const VTIVAR_MISC: u32 = 0x140;
const MEMORY: u32 = 0x200;
const MAILBOX: u32 = 0x2FC;
const PSRTYPE: u32 = 0x300;
const ENABLE: u32 = 1 << 25;

const REQ: u32 = 1;
const ACK: u32 = 2;
const VFU: u32 = 4;
const PFSTS: u32 = 1 << 4;
const PFACK: u32 = 1 << 5;
const RSTI: u32 = 1 << 6;
const RSTD: u32 = 1 << 7;

const SUCCESS: u32 = 1 << 31;
const FAILURE: u32 = 1 << 30;
const CTS: u32 = 1 << 29;
/// CC of a data descriptor.
const CONTEXT: u64 = 1 << 39;

const MACS: [[u8; 6]; 3] =
    [[0x02, 0x82, 0x59, 0x10, 0xED, 0], [0x02, 0x82, 0x59, 0x10, 0xED, 1], [0x02, 0x82, 0x59, 0x10, 0xED, 2]];

/// A driver of a virtual function.
struct Guest {
    function: VirtualFunction,
    rx: Vec<(u32, TestRing)>,
    tx: Option<TestRing>,
    /// Events that a read of VFMAILBOX has cleared.
    seen: u32,
}

impl Guest {
    fn new(function: VirtualFunction) -> Self {
        Self { function, rx: Vec::new(), tx: None, seen: 0 }
    }

    fn port(&self) -> &Port {
        self.function.port()
    }

    fn read(&self, offset: u32) -> u32 {
        self.function.read32(Offset::<RegisterSpace>::new(offset).unwrap())
    }

    fn write(&self, offset: u32, value: u32) {
        // SAFETY: the test owns all memory that the port accesses, and reads it only when the port is done with it.
        unsafe { self.function.write32(Offset::<RegisterSpace>::new(offset).unwrap(), value) };
    }

    /// Returns `true` if an event of the mailbox happens within 10 ms.
    fn happens(&mut self, event: u32) -> bool {
        (0..1000).any(|_| {
            self.seen |= self.read(MAILBOX) & (PFSTS | PFACK | RSTD);
            self.port().wait(std::time::Duration::from_micros(10));
            self.seen & event != 0
        })
    }

    fn send(&mut self, words: &[u32]) {
        self.write(MAILBOX, VFU);
        assert_eq!(self.read(MAILBOX) & VFU, VFU);
        self.seen = 0;
        for (word, at) in words.iter().zip((MEMORY..).step_by(4)) {
            self.write(at, *word);
        }
        self.write(MAILBOX, REQ);
        assert!(self.happens(PFACK), "no acknowledgement of {words:#x?}");
    }

    fn receive(&mut self) -> Option<[u32; 16]> {
        if !self.happens(PFSTS) {
            return None;
        }
        self.seen &= !PFSTS;
        self.write(MAILBOX, VFU);
        let words = std::array::from_fn(|n| self.read(MEMORY + n as u32 * 4));
        self.write(MAILBOX, ACK);
        Some(words)
    }

    fn ask(&mut self, words: &[u32]) -> [u32; 16] {
        self.send(words);
        self.receive().expect("an answer")
    }

    /// Returns `true` if the request is granted, `false` if it is refused.
    fn is_granted(&mut self, words: &[u32]) -> bool {
        let [first, ..] = self.ask(words);
        assert_eq!(first & (CTS | 0xFF_FFFF), words[0] | CTS, "{first:#x}");
        first & SUCCESS != 0
    }

    fn reset(&mut self) -> [u32; 16] {
        self.write(VFCTRL, 1 << 26);
        self.port().wait(std::time::Duration::from_millis(10));
        self.ask(&[1])
    }

    /// Resets the function, agrees on version 1.`minor`, and asks for standard frames.
    fn started(mut self, minor: u32) -> Self {
        self.reset();
        let version = if minor == 0 { 0 } else { minor + 1 };
        assert!(self.is_granted(&[8, version]));
        assert!(self.is_granted(&[5, 1518]));
        self
    }

    fn add_rx(&mut self, queue: u32) {
        let (at, count) = (0x1000 + queue * 0x40, 16);
        let ring = TestRing::new(self.port(), count, 2048);
        let base = ring.ring.address(0);
        for (register, value) in [
            (0x00, base as u32),
            (0x04, (base >> 32) as u32),
            (0x08, count as u32 * 16),
            (0x0C, 0),
            (0x10, 0),
            (0x18, 0),
            (0x14, 2 | 4 << 8 | 1 << 25 | 1 << 28),
            (0x28, ENABLE),
        ] {
            self.write(at + register, value);
        }
        self.port().wait(std::time::Duration::from_micros(100));
        assert_eq!(self.read(at + 0x28) & ENABLE, ENABLE);
        for n in 0..count {
            ring.ring.word(n * 2).store(ring.buffers.address(n * 2048), Ordering::Relaxed);
            ring.ring.word(n * 2 + 1).store(0, Ordering::Relaxed);
        }
        self.write(at + 0x18, count as u32 - 1);
        self.rx.push((queue, ring));
    }

    fn add_tx(&mut self) {
        let count = 16;
        let ring = TestRing::new(self.port(), count, 2048);
        let base = ring.ring.address(0);
        for (register, value) in [
            (0x00, base as u32),
            (0x04, (base >> 32) as u32),
            (0x08, count as u32 * 16),
            (0x10, 0),
            (0x18, 0),
            (0x28, ENABLE),
        ] {
            self.write(0x2000 + register, value);
        }
        self.port().wait(std::time::Duration::from_micros(100));
        assert_eq!(self.read(0x2028) & ENABLE, ENABLE);
        self.tx = Some(ring);
        // A context with the length of an Ethernet header.
        self.put([14 << 9, 1 << 29 | 2 << 20]);
    }

    fn put(&mut self, words: [u64; 2]) {
        let ring = self.tx.as_mut().unwrap();
        ring.ring.word(ring.tail * 2).store(words[0], Ordering::Relaxed);
        ring.ring.word(ring.tail * 2 + 1).store(words[1], Ordering::Relaxed);
        ring.tail = (ring.tail + 1) % ring.count;
    }

    fn transmit(&mut self, packet: &[u8], bits: u64) {
        let ring = self.tx.as_ref().unwrap();
        let offset = ring.tail * ring.buffer;
        ring.buffers.write(offset, packet);
        let words = [ring.buffers.address(offset), data(packet.len()) | (packet.len() as u64) << 46 | bits];
        self.put(words);
        let tail = self.tx.as_ref().unwrap().tail as u32;
        self.write(0x2018, tail);
        self.port().run_until_idle(100);
    }

    /// Returns the next frame of the nth receive ring, with the second word of its descriptor.
    fn next(&mut self, nth: usize) -> Option<(Vec<u8>, u64)> {
        let ring = &mut self.rx[nth].1;
        let word = ring.ring.word(ring.next * 2 + 1).load(Ordering::Acquire);
        if word & 1 == 0 {
            return None;
        }
        let frame = ring.buffers.read(ring.next * ring.buffer, (word >> 32 & 0xFFFF) as usize);
        ring.ring.word(ring.next * 2 + 1).store(0, Ordering::Relaxed);
        ring.next = (ring.next + 1) % ring.count;
        Some((frame, word))
    }

    /// Returns `true` if a frame was received in the first ring.
    fn has_received(&mut self) -> bool {
        self.next(0).is_some()
    }
}

fn functions(config: HostConfig) -> (Port, Vec<Guest>, Recorder) {
    let port = Port::new(Default::default());
    let recorder = Recorder::default();
    port.plug(recorder.clone());
    let functions = port.host(config).unwrap();
    port.wait(std::time::Duration::from_millis(50));
    (port, functions.into_iter().map(Guest::new).collect(), recorder)
}

fn one(config: HostConfig) -> Guest {
    functions(config).1.remove(0)
}

/// Three functions with a receive ring and a transmit ring each.
fn three(config: HostConfig) -> (Port, Vec<Guest>, Recorder) {
    let (port, guests, recorder) = functions(HostConfig { functions: 3, ..config });
    let started = guests.into_iter().map(|guest| {
        let mut guest = guest.started(3);
        guest.add_rx(0);
        guest.add_tx();
        guest
    });
    (port, started.collect(), recorder)
}

#[track_caller]
fn clean(port: &Port) {
    assert_eq!(port.violations(), []);
}

fn from(mut frame: Vec<u8>, source: [u8; 6]) -> Vec<u8> {
    frame[6..12].copy_from_slice(&source);
    frame
}

#[test]
fn a_port_has_one_owner() {
    let port = Port::new(Default::default());
    let platform = port.claim().unwrap();
    assert!(port.host(HostConfig::default()).is_err());
    drop(platform);
    let functions = port.host(HostConfig { functions: 2, ..Default::default() }).unwrap();
    assert_eq!(functions.len(), 2);
    assert!(port.claim().is_err() && port.host(HostConfig::default()).is_err());
    let platform = functions[0].claim().unwrap();
    assert!(functions[0].claim().is_err() && functions[1].claim().is_ok());
    drop(platform);
    assert!(functions[0].claim().is_ok());
}

#[test]
fn the_reset_is_answered_with_the_address_that_the_administrator_has_set() {
    let mut guest = one(HostConfig::default());
    assert_eq!(guest.read(MAILBOX) & (RSTI | RSTD), RSTD, "the physical function lives");
    assert_eq!(guest.read(MAILBOX) & (RSTI | RSTD), 0, "a read clears it");
    assert_eq!(guest.reset()[..4], [SUCCESS | 1, 0x1059_8202, 0x00ED, 0]);
    let mut guest = one(HostConfig { mac: None, ..Default::default() });
    assert_eq!(guest.reset()[..4], [FAILURE | 1, 0, 0, 0]);
    assert!(guest.is_granted(&[2, 0x0000_1102, 0x4433]));
    clean(guest.port());
}

#[test]
fn nothing_is_granted_before_the_reset() {
    let mut guest = one(HostConfig::default());
    assert_eq!(guest.ask(&[5, 1518])[0], FAILURE | 5);
    assert_eq!(guest.receive().map(|words| words[0]), Some(FAILURE), "whoever reads an answer is told to reset, too");
    let mut guest = one(HostConfig::default()).started(3);
    guest.send(&[SUCCESS | 5]);
    assert_eq!(guest.receive(), None, "a word with this bit is no request");
    clean(guest.port());
}

/// Every request of every version: whether it is granted.
#[test]
fn requests_are_granted_by_version() {
    for minor in 0..=3 {
        let mut guest = one(HostConfig::default()).started(minor);
        let multicast = 2 << 16 | 3;
        for (since, words) in [
            (0, &[2, 0x1059_8202, 0x00ED][..]),
            (0, &[multicast, 0x0123_0456]),
            (0, &[1 << 16 | 4, 7]),
            (0, &[4, 7]),
            (0, &[6, 0, 0]),
            (0, &[8, 0]),
            (1, &[9, 0, 0, 0, 0]),
            (2, &[0xA]),
            (2, &[0xB]),
            (2, &[0xC, 1]),
            (2, &[0x10, 0]),
            (9, &[0xD]),
            (9, &[0x11, 0, 0]),
            (9, &[0x7F]),
        ] {
            let version = if minor == 0 { 0 } else { minor + 1 };
            assert!(guest.is_granted(&[8, version]));
            assert_eq!(guest.is_granted(words), minor >= since, "version 1.{minor}: {words:#x?}");
        }
        clean(guest.port());
    }
}

#[test]
fn versions_above_the_newest_and_the_other_protocol_are_refused() {
    for newest_version in 0..=3 {
        let mut guest = one(HostConfig { newest_version, ..Default::default() });
        guest.reset();
        let granted: Vec<u32> = (0..10).filter(|version| guest.is_granted(&[8, *version])).collect();
        assert_eq!(granted, [0, 2, 3, 4][..=usize::from(newest_version)]);
    }
}

#[test]
fn what_is_not_allowed_is_refused() {
    let mut guest = one(HostConfig::default()).started(3);
    for refused in [
        // Another address than the administrator's, one of a group, none.
        &[2, 0x0000_1102, 0x4433][..],
        &[2, 0x0000_0001, 0],
        &[2, 0, 0],
        &[1 << 16 | 6, 0x0000_1102, 0x4433],
        // A VLAN that does not exist, a jumbo frame.
        &[1 << 16 | 4, 4096],
        &[5, 9018],
        &[0xC, 7],
    ] {
        assert!(!guest.is_granted(refused), "{refused:#x?}");
    }
    // Without trust, more than multicast is lowered to that.
    assert_eq!(guest.ask(&[0xC, 2])[..2], [SUCCESS | CTS | 0xC, 1]);
    assert!((0..16).all(|vlan| guest.is_granted(&[1 << 16 | 4, vlan])));
    assert!(!guest.is_granted(&[1 << 16 | 4, 16]), "there are no more entries");
    let mut guest = one(HostConfig { trusted: true, tells_rss: false, ..Default::default() }).started(3);
    assert!(guest.is_granted(&[2, 0x0000_1102, 0x4433]));
    assert!(guest.is_granted(&[1 << 16 | 6, 0x0000_1102, 0x5533]));
    assert_eq!(guest.ask(&[0xC, 2])[..2], [SUCCESS | CTS | 0xC, 2]);
    assert!(!guest.is_granted(&[0xC, 3]), "the chip has no promiscuous pools");
    assert!(!guest.is_granted(&[0xA]) && !guest.is_granted(&[0xB]));
    clean(guest.port());
}

#[test]
fn queues_table_and_key_are_told() {
    for queues in [2, 4] {
        let mut guest = one(HostConfig { queues, ..Default::default() }).started(2);
        let count = u32::from(queues);
        assert_eq!(guest.ask(&[9, 0, 0, 0, 0])[..5], [SUCCESS | CTS | 9, count, count, 0, 0]);
        let table = if queues == 4 { 0xE4E4_E4E4 } else { 0x4444_4444 };
        assert_eq!(guest.ask(&[0xA])[1..9], [table; 8]);
        assert_ne!(guest.ask(&[0xB])[1..11], [0; 10]);
    }
}

#[test]
fn jumbo_frames_need_a_physical_function_with_jumbo_frames_and_a_newer_version() {
    let (port, mut guests, _) = functions(HostConfig { max_frame: 9728, ..Default::default() });
    let mut guest = guests.remove(0);
    guest.reset();
    assert!(!guest.is_granted(&[5, 1518]), "version 1.0 cannot say that it expects them");
    assert!(guest.is_granted(&[8, 2]) && guest.is_granted(&[5, 9018]));
    assert!(!guest.is_granted(&[5, 9729]));
    guest.add_rx(0);
    port.deliver(&frame(MACS[0], 1_900));
    assert_eq!(guest.next(0).unwrap().0, frame(MACS[0], 1_900));
    clean(&port);
}

#[test]
fn frames_go_to_the_pools_that_they_belong_to() {
    let (port, mut guests, recorder) = three(HostConfig::default());
    for (n, mac) in MACS.into_iter().enumerate() {
        port.deliver(&frame(mac, 60));
        let received: Vec<bool> = guests.iter_mut().map(Guest::has_received).collect();
        assert_eq!(received, [0, 1, 2].map(|other| other == n));
    }
    port.deliver(&frame([0xFF; 6], 60));
    assert!(guests.iter_mut().all(Guest::has_received), "all want broadcasts");
    port.deliver(&frame([0x02, 0, 0, 0, 0, 0x77], 60));
    assert!(!guests.iter_mut().any(Guest::has_received), "nobody has this address");
    // Bits 47:36 of 01:00:5e:01:02:03 are 0x030.
    assert!(guests[1].is_granted(&[1 << 16 | 3, 0x030]));
    port.deliver(&frame([0x01, 0, 0x5E, 0x01, 0x02, 0x03], 60));
    assert_eq!(guests.iter_mut().map(Guest::has_received).collect::<Vec<_>>(), [false, true, false]);
    // To a neighbour, to the wire, to all.
    for (to, out, local) in [
        (MACS[2], 0, [false, false, true]),
        ([0x02, 0, 0, 0, 0, 0x77], 1, [false; 3]),
        ([0xFF; 6], 1, [false, true, true]),
    ] {
        guests[0].transmit(&from(frame(to, 60), MACS[0]), CONTEXT);
        assert_eq!(recorder.take().len(), out, "{to:x?}");
        let received: Vec<bool> = guests.iter_mut().map(Guest::has_received).collect();
        assert_eq!(received, local, "{to:x?}");
    }
    guests[2].transmit(&from(frame(MACS[0], 60), MACS[2]), CONTEXT);
    assert_eq!(guests[0].next(0).unwrap().1 >> 18 & 1, 1, "the descriptor tells that it was looped back");
    // Only from its own address.
    guests[0].transmit(&from(frame([0xFF; 6], 60), MACS[1]), CONTEXT);
    assert_eq!((recorder.take().len(), port.counters().transmit_dropped), (0, 1));
    assert!(!guests.iter_mut().any(Guest::has_received));
    clean(&port);
    let counters = [0x101C, 0x1020, 0x1034, 0x201C, 0x2020].map(|at| [guests[0].read(at), guests[0].read(at)]);
    assert_eq!(counters, [[3; 2], [3 * 64; 2], [0; 2], [3; 2], [3 * 64; 2]], "a read does not clear them");
    assert_eq!(guests[1].read(0x1034), 1, "one multicast");
}

#[test]
fn tagged_frames_need_their_vlan() {
    let (port, mut guests, _) = three(HostConfig::default());
    let mut tagged = frame(MACS[0], 64);
    tagged[12..16].copy_from_slice(&[0x81, 0, 0, 7]);
    port.deliver(&tagged);
    assert!(!guests[0].has_received());
    assert!(guests[0].is_granted(&[1 << 16 | 4, 7]) && guests[1].is_granted(&[1 << 16 | 4, 8]));
    port.deliver(&tagged);
    assert!(guests[0].has_received());
    tagged[..6].copy_from_slice(&[0xFF; 6]);
    port.deliver(&tagged);
    assert_eq!(guests.iter_mut().map(Guest::has_received).collect::<Vec<_>>(), [true, false, false]);
    assert!(guests[0].is_granted(&[4, 7]));
    port.deliver(&tagged);
    assert!(!guests[0].has_received());
    clean(&port);
}

#[test]
fn the_hash_selects_a_queue_of_the_pool() {
    let (port, mut guests, _) = functions(HostConfig { functions: 2, ..Default::default() });
    let mut guest = guests.remove(1).started(3);
    (0..4).for_each(|queue| guest.add_rx(queue));
    let builder = |port| {
        let builder =
            etherparse::PacketBuilder::ethernet2([2; 6], MACS[1]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 7).udp(port, 9);
        let mut frame = Vec::new();
        builder.write(&mut frame, &[0; 32]).unwrap();
        frame
    };
    for (bits, expected) in [(0, 1), (1, 2), (2, 4)] {
        guest.write(PSRTYPE, bits << 29);
        (1..40).for_each(|number| port.deliver(&builder(number)));
        let used = (0..4).filter(|nth| std::iter::from_fn(|| guest.next(*nth)).count() > 0).count();
        assert_eq!(used, expected, "RQPL is {bits}");
        guest.rx.iter_mut().for_each(|(_, ring)| ring.next = 0);
        let function = guest.function.clone();
        guest = Guest::new(function).started(3);
        (0..4).for_each(|queue| {
            guest.write(0x1028 + queue * 0x40, 0);
            port.wait(std::time::Duration::from_millis(1));
            guest.add_rx(queue);
        });
    }
}

#[test]
fn a_reset_of_the_physical_function_is_seen_and_forgets_all() {
    let (port, mut guests, _) = functions(HostConfig::default());
    let mut guest = guests.remove(0).started(3);
    let raised = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&raised);
    guest.function.on_interrupt(move |vector| seen.lock().unwrap().push(vector));
    guest.write(VTIVAR_MISC, 0x81);
    guest.write(VTEIMS, 2);
    guest.add_rx(0);
    guest.read(MAILBOX);
    port.reset_host();
    assert_eq!(*raised.lock().unwrap(), [1], "it was notified");
    let state = guest.read(MAILBOX);
    assert_eq!(state & (RSTI | RSTD | PFSTS), RSTI | PFSTS, "{state:#x}");
    assert_eq!((guest.read(MEMORY), guest.read(MAILBOX) & RSTI), (0x100, RSTI), "without CTS");
    port.wait(std::time::Duration::from_millis(30));
    assert_eq!(guest.read(MAILBOX) & (RSTI | RSTD), RSTD);
    assert_eq!(guest.ask(&[5, 1518])[0], FAILURE | 5, "it does not know the function");
    port.deliver(&frame(MACS[0], 60));
    assert!(!guest.has_received());
    let mut guest = Guest::new(guest.function.clone()).started(3);
    guest.add_rx(0);
    port.deliver(&frame(MACS[0], 60));
    assert!(guest.has_received());
    clean(&port);
}

#[test]
fn the_link_is_told_and_mirrored() {
    let (port, mut guests, _) = functions(HostConfig::default());
    let mut guest = guests.remove(0).started(3);
    while guest.receive().is_some() {}
    assert_eq!(guest.read(VFLINKS) >> 28, 7, "up, at 10 Gb/s");
    assert_eq!(guest.read(VFSTATUS), 1 << 18 | 1 << 19 | 1 << 10 | 1 << 7);
    for up in [false, true] {
        port.set_link(up);
        port.wait(std::time::Duration::from_millis(50));
        assert_eq!(guest.receive().map(|words| words[0]), Some(0x100 | CTS));
        assert_eq!(guest.read(VFLINKS) >> 30 & 1, u32::from(up));
    }
    clean(&port);
}

#[test]
fn a_function_level_reset_closes_the_pool_and_keeps_the_rings() {
    for through_pci in [true, false] {
        let (port, mut guests, _) = functions(HostConfig::default());
        let mut guest = guests.remove(0).started(3);
        guest.add_rx(0);
        guest.add_tx();
        guest.write(VTIVAR, 0x80);
        if through_pci {
            guest.function.reset_function()
        } else {
            guest.write(VFCTRL, 1 << 26)
        };
        assert_eq!([0x1008, 0x1018, VTIVAR].map(|at| guest.read(at)), [256, 15, 0]);
        assert_eq!(guest.read(0x1028) & ENABLE, ENABLE);
        port.deliver(&frame(MACS[0], 60));
        assert!(!guest.has_received());
        assert_eq!(guest.ask(&[5, 1518])[0], FAILURE | 5);
        clean(&port);
    }
}

#[test]
fn without_bus_mastering_nothing_is_accessed() {
    let (port, mut guests, recorder) = functions(HostConfig::default());
    let mut guest = guests.remove(0).started(3);
    guest.add_rx(0);
    guest.add_tx();
    guest.function.set_bus_master(false);
    port.deliver(&frame(MACS[0], 60));
    guest.transmit(&from(frame([0xFF; 6], 60), MACS[0]), CONTEXT);
    assert!(!guest.has_received() && recorder.take().is_empty());
    // So its memory may be unmapped, although its queues are enabled.
    assert_eq!([0x1028, 0x2028].map(|at| guest.read(at) & ENABLE), [ENABLE; 2]);
    guest.rx.clear();
    guest.tx = None;
    clean(&port);
    for queue in ["RDBAL", "TDBAL"] {
        let (port, mut guests, _) = three(HostConfig::default());
        match queue {
            "RDBAL" => guests[0].rx.clear(),
            _ => guests[0].tx = None,
        }
        let violations = port.violations();
        let is_expected = |violation: &&Violation| violation.rule == Rule::UnmappedWhileOwned;
        assert!(
            violations.iter().find(is_expected).is_some_and(|violation| violation.register == queue),
            "{violations:?}"
        );
    }
}

#[test]
fn the_rules_of_mailbox_queues_and_switch_are_checked() {
    let broken = |act: &dyn Fn(&mut Guest)| {
        let (port, mut guests, _) = functions(HostConfig::default());
        act(&mut guests[0]);
        port.violations().iter().map(|violation| violation.rule).collect::<Vec<_>>()
    };
    assert_eq!(broken(&|guest| guest.write(MEMORY, 1)), [Rule::MailboxNotOwned]);
    assert_eq!(broken(&|guest| guest.write(MAILBOX, REQ)), [Rule::MailboxNotOwned]);
    assert!(broken(&|guest| guest.write(0x1028, ENABLE)).contains(&Rule::VirtualQueueTooEarly));
    assert_eq!(broken(&|guest| _ = guest.read(0x240)), [Rule::UnknownRegister]);
    assert_eq!(broken(&|guest| guest.write(VFLINKS, 1)), [Rule::ReadOnlyWritten]);
    assert_eq!(broken(&|guest| _ = guest.read(VFCTRL)), [Rule::WriteOnlyRead]);
    let (port, mut guests, _) = three(HostConfig::default());
    guests[0].transmit(&from(frame([0xFF; 6], 60), MACS[0]), 0);
    assert_eq!(
        port.violations().iter().map(|violation| violation.rule).collect::<Vec<_>>(),
        [Rule::SwitchContextMissing]
    );
}

#[test]
fn faults_of_the_physical_function() {
    let (port, mut guests, _) = functions(HostConfig::default());
    let mut guest = guests.remove(0).started(3);
    port.inject(Fault::HostRefuses);
    assert_eq!(guest.ask(&[5, 1518])[0], FAILURE | 5);
    port.clear(Fault::HostRefuses);
    port.inject(Fault::HostAnswers(0xDEAD, 0xBEEF));
    assert_eq!(guest.ask(&[5, 1518])[..2], [0xDEAD, 0xBEEF]);
    port.clear(Fault::HostAnswers(0, 0));
    port.inject(Fault::HostSilent);
    guest.seen = 0;
    guest.write(MAILBOX, VFU);
    guest.write(MEMORY, 5);
    guest.write(MAILBOX, REQ);
    assert!(!guest.happens(PFACK));
    port.clear(Fault::HostSilent);
    assert!(guest.happens(PFACK));
    // A function that died with the buffer does not stop the physical function for ever.
    guest.write(MAILBOX, VFU);
    port.set_link(false);
    assert!(guest.happens(PFSTS));
    port.inject(Fault::HostResetNeverEnds);
    port.reset_host();
    port.wait(std::time::Duration::from_secs(1));
    assert_eq!(guest.read(MAILBOX) & (RSTI | RSTD), RSTI);
    assert!(guest.port().violations().is_empty());
}
