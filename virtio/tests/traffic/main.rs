//! Random traffic both ways, over rings of any size and kind, against a model of what must arrive.
//!
//! Frames fill one buffer or several, and packets have any number of segments, any headroom, several pools and requests by
//! turns. The device returns buffers in the order in which it got them, in another, or in both by turns, and shows some of
//! them late. Queues are reset in between. A device that lies gets no more than faults.

#[path = "../fake/mod.rs"]
mod fake;
mod steps;

use std::collections::VecDeque;
use std::ops::Range;

use etherparse::PacketBuilder;
use fake::host::{self, DATA_VALID, Header, NEEDS_CSUM};
use fake::{Fake, FakeFunction, Part, State};
use ixgbe::offload::{Checksum, Received, Request, Requested};
use ixgbe::packet::{Batch, Headers, Packet};
use ixgbe::pool::Pool;
use ixgbe_virtio::device::DriverOk;
use ixgbe_virtio::queue::Failure;
use ixgbe_virtio::{Config, Device};
use proptest::prelude::*;
use steps::{Asked, Made, Order, Setup, Step, setup, step};

/// The longest frame that is sent, in bytes, with a tag.
const LONGEST: usize = 1518;

/// Returns a whole frame of TCP or UDP with a number.
fn frame(made: &Made, number: u8) -> Vec<u8> {
    let link = PacketBuilder::ethernet2([2; 6], [4; 6]);
    let ip = match made.is_ipv6 {
        true => link.ipv6([0xfd; 16], [number; 16], 64),
        false => link.ipv4([10, 1, 2, 3], [192, 168, 0, number], 64),
    };
    let payload: Vec<_> = (0..made.payload).map(|at| at as u8 ^ number).collect();
    let mut frame = vec![];
    match made.is_tcp {
        true => ip.tcp(5, 6, number.into(), 7).write(&mut frame, &payload).unwrap(),
        false => ip.udp(5, 6).write(&mut frame, &payload).unwrap(),
    }
    frame
}

fn bytes(packet: &Packet) -> Vec<u8> {
    packet.segments().flatten().copied().collect()
}

/// Makes a packet of `bytes` with this headroom, or a little more if it is too short for that.
fn packet_of(pool: &Pool, bytes: &[u8], headroom: usize) -> Option<Packet> {
    let more = headroom.saturating_sub(128);
    let mut packet = pool.take_copy(&vec![0xdd; more]).ok()?;
    packet.trim_front(more);
    let (front, rest) = bytes.split_at(bytes.len().min(128_usize.saturating_sub(headroom)));
    packet.prepend(front).ok()?;
    packet.extend_from_slice(rest).ok()?;
    Some(packet)
}

/// A frame that arrives: the header in front of it, and its bytes.
type Frame = (Header, Vec<u8>);

/// A packet that waits to be sent: the whole frame, what is asked for, and whether the device cannot send it.
#[derive(Debug)]
struct Expected {
    frame: Vec<u8>,
    asked: Asked,
    is_refused: bool,
}

/// What the program has, and what must become of it.
struct World {
    fake: Fake,
    device: Device<DriverOk, FakeFunction>,
    pools: [Pool; 3],
    sizes: [u16; 2],
    mergeable: bool,
    completes: bool,
    number: u8,
    /// Buffers that the device has: the id of each, and where it is.
    held: [Vec<(u16, Vec<Part>)>; 2],
    /// Frames that were written: how many buffers they have, and their header and bytes, unless they are to be dropped.
    arriving: VecDeque<(usize, Option<Frame>)>,
    /// Used receive buffers that were shown, and belong to frames that were not received.
    shown: usize,
    hidden: usize,
    received: Vec<Batch>,
    packets: Batch,
    requested: Batch<Requested>,
    expected: [VecDeque<Expected>; 2],
    leaving: VecDeque<Expected>,
    /// Queues about which the device has lied since their last reset, and whether it ever did. Then it may have written what
    /// is another packet by now.
    has_lied: [bool; 2],
    is_tainted: bool,
}

impl World {
    fn new(setup: &Setup, rings: u128) -> Self {
        let (fake, function) = Fake::new(setup.features | rings);
        for (queue, size) in setup.sizes.into_iter().enumerate() {
            fake.state().queues[queue].max = if rings == 0 { 1 << size.ilog2() } else { size };
        }
        let sizes = [0, 1].map(|queue| fake.state().queues[queue].max);
        let config = Config::new().queue_sizes(512, 512).receive_offloads(true).buffer_size(2048);
        let mut device = Device::new(function).unwrap().bring_up(&config).unwrap();
        let [other, foreign] = [0, 1].map(|_| Pool::new(device.function(), 300, 2048).unwrap());
        let pools = [device.pools()[0].clone(), other, foreign];
        device.split().1[0].tx.attach(&pools[1]).unwrap();
        let accepted = fake.state().accepted;
        Self {
            fake,
            device,
            pools,
            sizes,
            mergeable: accepted & fake::MRG_RXBUF != 0,
            completes: accepted & fake::GUEST_CSUM != 0,
            number: 0,
            held: [vec![], vec![]],
            arriving: VecDeque::new(),
            shown: 0,
            hidden: 0,
            received: vec![],
            packets: Batch::with_capacity(64),
            requested: Batch::with_capacity(64),
            expected: [VecDeque::new(), VecDeque::new()],
            leaving: VecDeque::new(),
            has_lied: [false; 2],
            is_tainted: false,
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Arrive { frames, order } => self.arrive(frames, order),
            Step::Show { queue, count } => self.show(*queue, *count),
            Step::Receive { capacity, with_metadata } => self.receive(*capacity, *with_metadata),
            Step::Forward => self.forward(),
            Step::Make(packets) => packets.iter().for_each(|made| self.make(made)),
            Step::Send { with_requests } => _ = self.send(*with_requests),
            Step::Return { order } => self.give_back(order),
            Step::Restart { queue } => self.restart(*queue),
            Step::Lie { queue, id, len, buffers } => self.lie(*queue, *id, *len, *buffers),
        }
        self.look();
        self.check_owners();
    }

    /// Has the device take what there is, and look at what is sent.
    fn look(&mut self) {
        let mut state = self.fake.state();
        for queue in [0, 1] {
            while let Some((id, parts)) = state.next_available(queue) {
                if queue == 1 && !self.has_lied[1] {
                    let expected = self.leaving.pop_front().expect("a packet was sent");
                    if !self.is_tainted {
                        assert_sent(&mut state, &parts, &expected);
                    }
                }
                self.held[queue].push((id, parts));
            }
        }
        assert!(self.has_lied[1] || self.leaving.is_empty(), "the device has seen all that was sent");
    }

    fn arrive(&mut self, frames: &[(Vec<usize>, u8)], order: &Order) {
        let mut state = self.fake.state();
        let mut order = order.iter().copied().chain(std::iter::repeat(0));
        for (lens, flags) in frames {
            let lens = &lens[..if self.mergeable { lens.len() } else { 1 }];
            if lens.len() > self.held[0].len() {
                break;
            }
            self.number = self.number.wrapping_add(1);
            let mut all: Vec<u8> = (0..lens.iter().sum()).map(|at| at as u8 ^ self.number).collect();
            if self.number.is_multiple_of(2) {
                // Each buffer begins like the header of a frame of one.
                let starts = lens.iter().scan(0, |start, len| Some(std::mem::replace(start, *start + len)));
                starts.for_each(|at| {
                    all.iter_mut().skip(at).zip([0; 10].iter().chain(&[1, 0])).for_each(|(to, byte)| *to = *byte)
                });
            }
            let mut header = Header { flags: *flags, ..Header::default() };
            if *flags == NEEDS_CSUM {
                (header.csum_start, header.csum_offset) = (self.number.into(), 3);
            }
            // The driver completes a checksum that is left open if its field is in the first segment, behind an Ethernet header.
            let (start, at) = (usize::from(header.csum_start), usize::from(header.csum_start + header.csum_offset));
            let is_possible = !self.completes || *flags != NEEDS_CSUM || start >= 14 && at + 2 <= lens[0];
            let is_whole = is_possible && lens[0] >= 14 && lens.len() <= 64;
            self.arriving.push_back((lens.len(), is_whole.then(|| (header, all.clone()))));
            self.hidden += lens.len();
            for (at, len) in lens.iter().enumerate() {
                let (id, parts) = self.held[0].remove(order.next().unwrap() % self.held[0].len());
                let rest = all.split_off(*len);
                let front = if at == 0 { [&header.bytes()[..], &[lens.len() as u8, 0]].concat() } else { vec![] };
                state.write_memory(parts[0].0, &[front, all].concat());
                state.push_used(0, id.into(), (if at == 0 { 12 } else { 0 } + len) as u32);
                all = rest;
            }
        }
    }

    fn show(&mut self, queue: usize, count: usize) {
        self.fake.state().publish_some(queue, count);
        if queue == 0 {
            let count = count.min(self.hidden);
            (self.shown, self.hidden) = (self.shown + count, self.hidden - count);
        }
    }

    /// Returns the next whole frames, at most `most`.
    fn next_frames(&mut self, most: usize) -> Vec<Frame> {
        let mut frames = vec![];
        while frames.len() < most
            && let Some((count, _)) = self.arriving.front()
            && *count <= self.shown
        {
            self.shown -= count;
            frames.extend(self.arriving.pop_front().and_then(|(_, frame)| frame));
        }
        frames
    }

    fn receive(&mut self, capacity: usize, with_metadata: bool) {
        let (_, mut queues) = self.device.split();
        let (rx, mut batch) = (&mut queues[0].rx, Batch::with_capacity(capacity));
        let (result, checksums) = match with_metadata {
            false => (rx.receive(&mut batch), None),
            true => {
                let mut received = Batch::<Received>::with_capacity(capacity);
                let result = rx.receive_with_metadata(&mut received);
                let checksums: Vec<_> = received.iter().map(Received::transport_checksum).collect();
                batch.append(&mut received);
                (result, Some(checksums))
            }
        };
        let mut expected = self.next_frames(capacity);
        if !self.has_lied[0] {
            assert_eq!((result, batch.len()), (Ok(expected.len()), expected.len()));
        }
        if !self.is_tainted {
            if let Some(checksums) = checksums {
                let expected = expected.iter().map(|(header, _)| match header.flags {
                    NEEDS_CSUM if self.completes => Checksum::Partial,
                    DATA_VALID if self.completes => Checksum::Good,
                    _ => Checksum::NotChecked,
                });
                assert_eq!(checksums, expected.collect::<Vec<_>>());
            } else if self.completes {
                let open = expected.iter_mut().filter(|(header, _)| header.flags == NEEDS_CSUM);
                open.for_each(|(header, bytes)| host::complete(header, bytes));
            }
            let frames = expected.into_iter().map(|(_, bytes)| bytes);
            assert!(batch.iter().map(bytes).eq(frames), "other bytes have arrived");
        }
        self.received.push(batch);
        self.received.drain(..self.received.len().saturating_sub(3));
    }

    fn forward(&mut self) {
        for packet in self.received.drain(..).flatten() {
            let frame = bytes(&packet);
            let is_refused = frame.len() > LONGEST || packet.segment_count() > self.sizes[1].into();
            if self.packets.push(packet).is_ok() {
                self.expected[0].push_back(Expected { frame, asked: Asked::Nothing, is_refused });
            }
        }
    }

    fn make(&mut self, made: &Made) {
        let (number, pool) = (self.number.wrapping_add(1), &self.pools[made.pool]);
        let whole = frame(made, number);
        let (first, mut rest) = whole.split_at(made.first.min(whole.len()));
        let Some(mut packet) = packet_of(pool, first, made.headroom) else { return };
        let headroom = packet.headroom();
        while !rest.is_empty() {
            let Some(part) = pool.take_copy(&rest[..rest.len().min(made.others)]).ok() else { return };
            rest = &rest[part.len()..];
            if packet.append_segment(part).is_err() {
                return;
            }
            if made.others == 0 {
                // One empty segment, and the rest in one.
                let Some(part) = pool.take_copy(rest).ok() else { return };
                rest = &[];
                _ = packet.append_segment(part);
            }
        }
        self.number = number;
        let (lens, count) = (packet.segment_lens().collect::<Vec<_>>(), packet.segment_count());
        // A header apart takes a descriptor.
        let descriptors = count + usize::from(headroom < 12);
        let mut is_refused = lens.contains(&0) || made.pool == 2 || descriptors > self.sizes[1].into();
        let headers = Headers::parse(&whole).unwrap();
        let request = Request::new().with_headers(headers);
        let requested = match made.asked {
            Asked::Nothing => Ok(Requested::from(packet)),
            Asked::IpChecksum => request.ip_checksum().apply(packet),
            Asked::Checksums => request.checksums().apply(packet),
            Asked::Segments(size) => request.segments(size).apply(packet),
            Asked::TimeStamp => request.time_stamp().apply(packet),
        };
        // Some are refused at once: headers that are not in the first segment, or too many segments.
        let Ok(requested) = requested else { return };
        is_refused |= match made.asked {
            Asked::Nothing | Asked::IpChecksum => false,
            Asked::Checksums | Asked::Segments(_) => headroom < 12,
            Asked::TimeStamp => true,
        };
        let expected = |asked| Expected { frame: whole.clone(), asked, is_refused };
        // A packet without a request can be in either batch.
        if matches!(made.asked, Asked::Nothing) && self.number.is_multiple_of(2) {
            if self.packets.push(requested.into_packet()).is_ok() {
                self.expected[0].push_back(expected(Asked::Nothing));
            }
        } else if self.requested.push(requested).is_ok() {
            self.expected[1].push_back(expected(made.asked));
        }
    }

    /// Sends what is waiting. Returns the number of packets that left.
    fn send(&mut self, with_requests: bool) -> usize {
        let (_, mut queues) = self.device.split();
        let tx = &mut queues[0].tx;
        let (result, left) = match with_requests {
            false => (tx.transmit(&mut self.packets), self.packets.len()),
            true => (tx.transmit_with_requests(&mut self.requested), self.requested.len()),
        };
        let expected = &mut self.expected[usize::from(with_requests)];
        let (sent, refused) = match result {
            Ok(sent) => (sent, None),
            Err(Failure::Refused(refused)) => (refused.sent, Some(refused)),
            Err(Failure::Fault(fault)) => {
                assert!(self.has_lied[1], "{fault}");
                assert_eq!(tx.fault(), Some(fault));
                return 0;
            }
        };
        for sent in expected.drain(..sent) {
            assert!(!sent.is_refused, "{sent:?} was sent");
            self.leaving.push_back(sent);
        }
        if let Some(refused) = &refused {
            assert!(expected.pop_front().is_some_and(|expected| expected.is_refused), "{refused:?}");
        }
        assert_eq!(expected.len(), left);
        sent + usize::from(refused.is_some())
    }

    fn give_back(&mut self, order: &Order) {
        {
            let mut state = self.fake.state();
            for at in order {
                if self.held[1].is_empty() {
                    break;
                }
                let (id, _) = self.held[1].remove(at % self.held[1].len());
                state.push_used(1, id.into(), 0);
            }
        }
        let left = self.fake.state().unreturned(1);
        let reclaimed = self.device.split().1[0].tx.reclaim();
        assert!(self.has_lied[1] || reclaimed == Ok(left), "{reclaimed:?}, {left}");
    }

    fn restart(&mut self, queue: usize) {
        let (mut control, mut queues) = self.device.split();
        match queue {
            0 => {
                control.restart_receive(&mut queues[0].rx).unwrap();
                self.arriving.clear();
                (self.shown, self.hidden) = (0, 0);
            }
            _ => {
                control.restart_transmit(&mut queues[0].tx).unwrap();
                self.leaving.clear();
            }
        }
        self.held[queue].clear();
        self.has_lied[queue] = false;
    }

    fn lie(&mut self, queue: usize, id: u16, len: u32, buffers: Option<u16>) {
        (self.has_lied[queue], self.is_tainted) = (true, true);
        let mut state = self.fake.state();
        if let (0, Some(buffers), Some((_, parts))) = (queue, buffers, self.held[0].first()) {
            state.write_memory(parts[0].0 + 10, &buffers.to_le_bytes());
        }
        let id = if buffers.is_some() { self.held[queue].first().map_or(id, |(id, _)| *id) } else { id };
        state.push_used(queue, id.into(), len);
        state.publish_used(queue);
    }

    /// Checks that no byte of the program is the device's, or in two packets.
    fn check_owners(&self) {
        let packets = self.received.iter().flatten().chain(&self.packets);
        let packets = packets.chain(self.requested.iter().map(Requested::packet));
        let mut all: Vec<Range<u64>> = packets
            .flat_map(Packet::segments)
            .map(<[u8]>::as_ptr_range)
            .map(|range| range.start as u64..range.end as u64)
            .filter(|range| !range.is_empty())
            .collect();
        all.sort_by_key(|range| range.start);
        assert!(all.windows(2).all(|pair| pair[0].end <= pair[1].start), "a buffer is in two packets");
        let state = self.fake.state();
        if !self.is_tainted {
            assert!(all.iter().all(|range| !state.has_any(range.start, range.end - range.start)), "the device has it");
            assert_eq!(state.violations, [""; 0]);
        }
    }

    /// Sends all that waits, as the device returns all. No packet waits for ever.
    fn drain(&mut self) {
        while !self.packets.is_empty() || !self.requested.is_empty() {
            let sent = self.send(false) + self.send(true);
            self.look();
            self.check_owners();
            self.give_back(&vec![0; 200]);
            self.show(1, usize::MAX);
            // The first call may find the room for the next alone.
            let again = (0..2).map(|_| self.send(false) + self.send(true)).sum::<usize>();
            self.look();
            assert!(sent + again > 0, "a packet waits for ever: {:?}", self.expected);
        }
    }

    fn end(mut self) {
        for queue in [0, 1] {
            if self.has_lied[queue] {
                self.restart(queue);
            }
        }
        self.look();
        self.drain();
        let Self { device, pools, received, packets, requested, .. } = self;
        drop((received, packets, requested));
        drop(device.stop().unwrap());
        for pool in pools {
            assert_eq!(pool.available(), pool.capacity(), "no buffer is lost");
        }
    }
}

/// Checks that the device has the packet that was expected, with the header for what is asked for.
fn assert_sent(state: &mut State, parts: &[Part], expected: &Expected) {
    let all = parts.iter().map(|(address, len, _)| state.read_memory(*address, *len as usize));
    let all = all.collect::<Vec<_>>().concat();
    let (header, sent) = all.split_at(12);
    let header = Header::read(header);
    match expected.asked {
        Asked::Checksums => {
            assert_eq!((header.flags, header.gso_type), (NEEDS_CSUM, 0));
            assert_eq!(host::carry_out(&header, sent.to_vec()), [&expected.frame[..]]);
        }
        Asked::Segments(size) => {
            let mut open = expected.frame.clone();
            let opened = host::leave_open(&mut open);
            assert_eq!((sent, opened.csum_start, header.flags), (&open[..], header.csum_start, NEEDS_CSUM));
            let payload = sent.len() - usize::from(header.csum_start) - if header.csum_offset == 16 { 20 } else { 8 };
            let is_cut = payload > size.into();
            assert_eq!(header.gso_size, if is_cut { size } else { 0 });
            let frames = host::carry_out(&header, sent.to_vec());
            assert_eq!(frames.len(), if is_cut { payload.div_ceil(size.into()) } else { 1 });
        }
        _ => assert_eq!((header, sent), (Header::default(), &expected.frame[..])),
    }
}

fn run(rings: u128, setup: &Setup, steps: &[Step]) {
    let mut world = World::new(setup, rings);
    steps.iter().for_each(|step| world.step(step));
    world.end();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 120 } else { 500 }))]

    #[test]
    fn split_rings_carry_any_traffic(setup in setup(), steps in prop::collection::vec(step(0), 1..150)) {
        run(0, &setup, &steps);
    }

    #[test]
    fn packed_rings_carry_any_traffic(setup in setup(), steps in prop::collection::vec(step(0), 1..150)) {
        run(fake::RING_PACKED, &setup, &steps);
    }

    #[test]
    fn split_rings_survive_any_lies(setup in setup(), steps in prop::collection::vec(step(2), 1..150)) {
        run(0, &setup, &steps);
    }

    #[test]
    fn packed_rings_survive_any_lies(setup in setup(), steps in prop::collection::vec(step(2), 1..150)) {
        run(fake::RING_PACKED, &setup, &steps);
    }
}
