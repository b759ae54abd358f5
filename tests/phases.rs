//! The data path at every phase of its rings: whatever the place in the ring where a run begins, ends or wraps, nothing is
//! lost, nothing goes twice, nothing changes places, and every buffer returns to its pool.
//!
//! Each test compares the driver with a model that knows frames only. Random numbers have fixed seeds.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use ixgbe::device::{Config, Device, Running};
use ixgbe::packet::{Batch, Packet};
use ixgbe::pool::Pool;
use ixgbe::queue::{InPlaceForwarder, LongFrames, Route, TransmitQueue, WhenFull};
use plain::{Addresses, Plain, Player};

#[path = "../benches/plain/mod.rs"]
mod plain;

type Port = (Device<Running, Plain>, Player);

/// Descriptors of a ring, and how many of them can be posted.
const RING: usize = 64;
const ROOM: usize = RING - 1;
/// The most descriptors at the front that were sent, but have no report of their own.
const UNREPORTED: usize = 31;

/// A generator of random numbers (xorshift).
struct Random(u64);

impl Random {
    fn new(seed: usize) -> Self {
        Self((seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % limit
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

fn config() -> Config {
    Config::new().rx_descriptors(RING).tx_descriptors(RING).pool_buffers(4 * RING)
}

fn addresses(phase: usize) -> Addresses {
    if phase % 4 == 3 { Addresses::Scattered } else { Addresses::Identity }
}

fn pool(port: &Port) -> Pool {
    port.0.pools().next().expect("a pool for the queue").clone()
}

/// Frame `number`, which begins with its number, and has a length of its own.
fn frame(number: usize) -> Vec<u8> {
    let mut bytes = vec![number as u8; 60 + number % 61];
    bytes[..4].copy_from_slice(&(number as u32).to_le_bytes());
    bytes
}

/// The number of a frame, which is whole.
fn number(bytes: &[u8]) -> usize {
    let number = u32::from_le_bytes(bytes[..4].try_into().expect("four bytes")) as usize;
    assert!(bytes == frame(number), "frame {number} has changed");
    number
}

/// The frames of up to `most` descriptors that the player sends.
fn sent(player: &mut Player, most: usize) -> Vec<Vec<u8>> {
    let (mut frames, mut frame) = (vec![], vec![]);
    player.send(most, |bytes, end| {
        frame.extend_from_slice(bytes);
        if end {
            frames.push(std::mem::take(&mut frame));
        }
    });
    assert!(frame.is_empty(), "a frame without an end");
    frames
}

/// Moves the rings of `port` on by `phase` descriptors, one packet at a time or all at once.
fn advance(port: &mut Port, [receive, transmit]: [usize; 2], at_once: bool) {
    let (own, player) = (pool(port), &mut port.1);
    let (_, mut rx, mut tx) = port.0.split_queues();
    let mut batch = Batch::with_capacity(2 * RING);
    let mut left = receive;
    while left > 0 {
        let count = if at_once { left.min(ROOM) } else { 1 };
        (0..count).for_each(|_| assert!(player.arrive(&frame(0))));
        assert_eq!(rx[0].receive(&mut batch), count);
        batch.clear();
        left -= count;
    }
    let mut left = transmit;
    while left > 0 {
        let count = if at_once { left.min(ROOM) } else { 1 };
        (0..count).for_each(|_| batch.push(own.take_copy(&frame(0)).unwrap()).unwrap());
        assert_eq!(tx[0].transmit(&mut batch).unwrap(), count);
        assert_eq!(sent(player, usize::MAX).len(), count);
        left -= count;
    }
}

/// Stops the ports, and makes sure that every buffer of theirs, and of `others`, is back.
fn all_home(ports: impl IntoIterator<Item = Port>, others: &[Pool]) {
    let ports: Vec<_> = ports.into_iter().collect();
    let pools: Vec<_> = ports.iter().map(pool).chain(others.iter().cloned()).collect();
    ports.into_iter().for_each(|(device, _)| drop(device.stop().unwrap()));
    assert!(pools.iter().all(|pool| pool.available() == pool.capacity()), "{pools:?}");
}

/// A call takes all that has arrived, or as much as the batch has room for, wherever the ring is, and also while the
/// pool has no buffers to refill it.
#[test]
fn receives_as_much_as_has_arrived_and_fits() {
    for (len, phase) in (0..64).map(|phase| (64, phase)).chain((0..128).map(|phase| (128, phase))) {
        let mut random = Random::new(len + phase);
        let buffers = if random.one_in(2) { len + 32 } else { 4 * len };
        let mut port = Plain::start(addresses(phase), &config().rx_descriptors(len).pool_buffers(buffers));
        advance(&mut port, [phase, 0], random.one_in(2));
        let (own, player) = (pool(&port), &mut port.1);
        let mut rx = port.0.split_queues().1;
        let (mut arrived, mut received) = (0, 0);
        let mut kept = vec![];
        for step in 0..25 {
            for _ in 0..random.below(81) {
                arrived += usize::from(player.arrive(&frame(arrived)));
            }
            let mut batch = Batch::with_capacity(random.pick(&[0, 1, 2, 3, 4, 7, 8, 31, 32, 33, 64, 200]));
            // The first call may find packets in the batch; later ones find nothing, or the rest.
            for _ in 0..2 {
                let (waiting, free) = (arrived - received, batch.capacity() - batch.len());
                let count = rx[0].receive(&mut batch);
                assert_eq!(count, waiting.min(free), "ring {len}, phase {phase}, step {step}: {waiting} had arrived");
                let before = batch.len() - count;
                for packet in batch.iter().skip(before) {
                    assert_eq!(number(packet), received, "ring {len}, phase {phase}, step {step}");
                    received += 1;
                }
                let posted = player.room() + 1 + arrived - received;
                assert!(posted > len - len.min(32.max(len / 4)) || own.available() == 0, "{posted} buffers are posted");
                if random.one_in(2) {
                    batch.truncate(batch.len() / 2);
                }
            }
            if random.one_in(3) {
                kept.clear();
            }
            kept.extend(batch.drain(..));
        }
        assert!(received > len, "the ring went round");
        assert_eq!(rx[0].drops().bad_length + rx[0].drops().long + rx[0].drops().damaged, 0);
        kept.clear();
        all_home([port], &[]);
    }
}

/// A packet of `pool` that holds frame `number`, made in one of several ways, and its bytes.
fn made(random: &mut Random, pool: &Pool, number: usize) -> (Packet, Vec<u8>) {
    let mut bytes = frame(number);
    if random.one_in(8) {
        // Two or three segments.
        bytes.resize(1025 + random.below(2000), number as u8);
    }
    let mut packet = pool.take_copy(&bytes).expect("free buffers");
    if random.one_in(6) {
        let count = 1 + random.below(40);
        packet.trim_front(count);
        bytes.drain(..count);
    }
    if random.one_in(6) {
        let header = vec![9; 1 + random.below(100)];
        packet.prepend(&header).expect("headroom");
        bytes.splice(0..0, header);
    }
    (packet, bytes)
}

/// Whatever the packets, their pools and what the device has sent so far: bytes and order on the wire are right, what has
/// no room stays in the batch, and a call that could find room does not leave empty-handed.
#[test]
fn transmits_whatever_there_is_room_for() {
    for phase in 0..RING {
        let mut random = Random::new(1000 + phase);
        let mut port = Plain::start(addresses(phase), &config().max_frame(9018).buffer_size(1024));
        let (at_once, own) = (random.one_in(2), pool(&port));
        let mut pools = vec![own.clone()];
        for _ in 0..phase % 3 {
            let other = Pool::new(port.0.platform(), 512, 1024).unwrap();
            port.0.attach(&other).unwrap();
            pools.push(other);
        }
        advance(&mut port, [0, phase], at_once);
        let player = &mut port.1;
        let mut tx = port.0.split_queues().2;
        let mut batch = Batch::with_capacity(100);
        // The bytes of each packet in the batch, and of each that the device has, and their descriptors.
        let (mut waiting, mut posted) = (VecDeque::<(Vec<u8>, usize)>::new(), VecDeque::<(Vec<u8>, usize)>::new());
        let (mut made_so_far, mut under_way, mut frames) = (0, 0, 0);
        let mut from = 0;
        for step in 0..45 {
            let new = random.pick(&[0, 1, 1, 1, 2, 3, 4, 5, 8, 9, 31, 33, 50]);
            for _ in 0..new.min(batch.capacity() - batch.len()) {
                if random.one_in(5) {
                    from = random.below(pools.len());
                }
                // Enough for the longest packet.
                if pools[from].available() < 3 {
                    break;
                }
                let (packet, bytes) = made(&mut random, &pools[from], made_so_far);
                waiting.push_back((bytes, packet.segment_count()));
                batch.push(packet).unwrap();
                made_so_far += 1;
            }
            let (before, wanted) = (batch.len(), waiting.iter().map(|(_, count)| count).sum::<usize>());
            let count = tx[0].transmit(&mut batch).unwrap();
            assert_eq!(batch.len(), before - count, "phase {phase}, step {step}");
            if under_way + wanted + UNREPORTED <= ROOM {
                assert_eq!(count, before, "phase {phase}, step {step}: there is room for {wanted} descriptors");
            }
            if under_way == 0 {
                assert!(count > 0 || before == 0, "phase {phase}, step {step}: all was sent, and nothing is");
            }
            under_way += waiting.iter().take(count).map(|(_, segments)| segments).sum::<usize>();
            assert!(under_way <= ROOM);
            posted.extend(waiting.drain(..count));
            assert!(
                batch
                    .iter()
                    .map(|packet| packet.segments().collect::<Vec<_>>().concat())
                    .eq(waiting.iter().map(|(bytes, _)| bytes.clone()))
            );
            // The device sends whole packets.
            let some = random.below(posted.len() + 1);
            let some = random.pick(&[posted.len(), some, 0]);
            let leaving: Vec<_> = posted.drain(..some).collect();
            let descriptors = leaving.iter().map(|(_, count)| count).sum();
            under_way -= descriptors;
            let out = sent(player, descriptors);
            assert!(out.iter().eq(leaving.iter().map(|(bytes, _)| bytes)), "phase {phase}, step {step}");
            frames += out.len();
        }
        while !batch.is_empty() || !posted.is_empty() {
            assert!(tx[0].transmit(&mut batch).unwrap() > 0 || batch.is_empty() || !posted.is_empty());
            posted.extend(waiting.drain(..waiting.len() - batch.len()));
            let out = sent(player, usize::MAX);
            assert!(out.iter().eq(posted.drain(..).map(|(bytes, _)| bytes).collect::<Vec<_>>().iter()));
            frames += out.len();
        }
        assert_eq!((frames, tx[0].reclaim()), (made_so_far, ROOM));
        assert_eq!(own.available(), own.capacity() - RING);
        all_home([port], &pools);
    }
}

/// What the outputs are to send, by the model.
struct Wanted {
    /// The numbers that are to be sent on each output, in order.
    numbers: Vec<VecDeque<usize>>,
    /// How many packets and copies are missing.
    missing: usize,
}

impl Wanted {
    /// Compares with what an output sends, at most so many. What it has skipped is missing.
    fn take(&mut self, output: usize, port: &mut Port, most: usize) {
        for bytes in sent(&mut port.1, most) {
            let number = number(&bytes);
            while self.numbers[output].pop_front().expect("no packet is sent that was not to be, or twice") != number {
                self.missing += 1;
            }
        }
    }
}

fn with_forwarder<T>(
    from: &mut Port,
    to: &mut [Port],
    call: impl FnOnce(&mut InPlaceForwarder<'_, '_, '_, Plain>) -> T,
) -> T {
    let mut rx = from.0.split_queues().1;
    let mut tx: Vec<TransmitQueue<'_, Plain>> = to.iter_mut().map(|(nic, _)| nic.split_queues().2.remove(0)).collect();
    call(&mut InPlaceForwarder::new(&mut rx[0], &mut tx).unwrap())
}

/// The outputs that packets with this route are for.
fn outputs_of(route: Route) -> impl Iterator<Item = usize> {
    let set = match route {
        Route::Drop => 0,
        Route::Output(output) => 1 << output,
        Route::Outputs(set) => set,
    };
    (0..64).filter(move |output| set >> output & 1 != 0)
}

fn random_route(random: &mut Random, outputs: usize) -> Route {
    match random.below(10) {
        0 => Route::Drop,
        1 => Route::Outputs(random.below(1 << outputs) as u64),
        _ => Route::Output(random.below(outputs)),
    }
}

/// Each packet is sent once on each output that it is for, in order, or counted. What has room is not dropped, and what
/// has arrived is seen.
#[test]
fn forwards_each_packet_once_or_counts_it() {
    for phase in 0..RING {
        forward_from(phase, 1 + phase % 4);
        forward_from(phase, 1 + (phase + phase / 4 + 1) % 4);
    }
}

fn forward_from(phase: usize, outputs: usize) {
    let mut random = Random::new(phase + 100 * outputs);
    let port = |buffers| Plain::start(addresses(phase / 4 + outputs), &config().pool_buffers(buffers));
    let (mut from, mut to) = (port(4 * RING), (0..outputs).map(|_| port(2 * RING)).collect::<Vec<_>>());
    let at_once = random.one_in(2);
    advance(&mut from, [phase, 0], at_once);
    to.iter_mut().for_each(|port| advance(port, [0, random.below(RING)], at_once));
    let mut held: Vec<Batch> = (0..outputs).map(|n| Batch::with_capacity([10, 1, 0, 40][n])).collect();
    let mut wanted = Wanted { numbers: vec![VecDeque::new(); outputs], missing: 0 };
    let mut stalled = vec![false; outputs];
    let (mut routes, mut seen, mut lost) = (vec![], 0, 0);
    for step in 0..25 {
        let context = format!("phase {phase}, {outputs} outputs, step {step}");
        for _ in 0..random.pick(&[0, 1, 2, 7, 8, 20, 33, 63, 80]) {
            if from.1.arrive(&frame(routes.len())) {
                routes.push(random_route(&mut random, outputs));
            }
        }
        with_forwarder(&mut from, &mut to, |forwarder| {
            // Otherwise what is held back goes on to be, although there may be room again.
            for (output, held) in forwarder.outputs().iter_mut().zip(&mut held).filter(|_| random.one_in(2)) {
                output.transmit(held).unwrap();
            }
        });
        let held_before: usize = held.iter().map(Batch::len).sum();
        // Others would overtake what is held back.
        let policy = if held_before > 0 { 3 } else { random.below(4) };
        let most = random.pick(&[1, 5, 32, usize::MAX]);
        let (before, due) = (seen, most.min(routes.len() - seen));
        let have_room = to.iter().all(|(_, player)| player.pending() + due + UNREPORTED <= ROOM);
        let counts = with_forwarder(&mut from, &mut to, |forwarder| {
            let route = |bytes: &mut [u8]| {
                assert_eq!(number(bytes), seen, "{context}");
                seen += 1;
                routes[seen - 1]
            };
            match policy {
                0 => forwarder.forward(most, route),
                1 => forwarder.forward_with(most, WhenFull::Drop, route),
                2 => forwarder.forward_with(most, WhenFull::Wait, route),
                _ => forwarder.forward_with(most, WhenFull::HoldBack(&mut held), route),
            }
        });
        let (mut dropped, mut parts) = (0, 0);
        for (number, route) in routes.iter().enumerate().take(seen).skip(before) {
            let numbers = &mut wanted.numbers;
            let count = outputs_of(*route).map(|output| numbers[output].push_back(number)).count();
            (dropped, parts) = (dropped + usize::from(count == 0), parts + count);
        }
        assert_eq!(counts.dropped, dropped, "{context}");
        assert_eq!(counts.sent + counts.no_room + counts.held + counts.no_buffer, parts, "{context}: {counts:?}");
        assert_eq!(held.iter().map(Batch::len).sum::<usize>(), held_before + counts.held, "{context}");
        lost += counts.no_room + counts.no_buffer;
        let waits = policy == 2 || policy == 0 && outputs == 1;
        assert!(
            seen - before == due || waits && !have_room,
            "{context}: {} of {due} are seen, policy {policy}",
            seen - before
        );
        if waits || have_room && held_before == 0 {
            assert_eq!((counts.no_room, counts.held), (0, 0), "{context}");
        }
        for (output, port) in to.iter_mut().enumerate() {
            stalled[output] ^= random.one_in(6);
            let most = random.pick(&[usize::MAX, 1, 20, 40]);
            wanted.take(output, port, if stalled[output] { 0 } else { most });
        }
    }
    for (output, port) in to.iter_mut().enumerate() {
        for _ in 0..2 {
            wanted.take(output, port, usize::MAX);
            port.0.split_queues().2[0].transmit(&mut held[output]).unwrap();
        }
        wanted.take(output, port, usize::MAX);
        assert!(held[output].is_empty());
        wanted.missing += wanted.numbers[output].len();
    }
    assert_eq!(wanted.missing, lost, "phase {phase}, {outputs} outputs: the counts say what is missing");
    all_home(std::iter::once(from).chain(to), &[]);
}

/// Wherever in a run the caller's code panics, nothing is lost, and nothing is sent twice.
#[test]
fn a_panic_loses_nothing_at_any_place() {
    const COUNT: usize = 40;
    // Each place begins 40 descriptors further on, so that eight phases become all.
    let kinds = [(1, false), (1, true), (2, false), (3, true)];
    for (phase, (outputs, is_mixed)) in (0..8).flat_map(|phase| kinds.map(|kind| (phase, kind))) {
        let port = || Plain::start(addresses(phase), &config());
        let (mut from, mut to) = (port(), (0..outputs).map(|_| port()).collect::<Vec<_>>());
        advance(&mut from, [phase, 0], true);
        to.iter_mut().zip([phase, 0, 61]).for_each(|(port, phase)| advance(port, [0, phase], false));
        let route = |number: usize| match number % 7 {
            // These end a run.
            3 if is_mixed => Route::Drop,
            5 if is_mixed => Route::Outputs((1 << outputs) - 1),
            _ => Route::Output(number / 5 % outputs),
        };
        let mut wanted = Wanted { numbers: vec![VecDeque::new(); outputs], missing: 0 };
        let mut arrived = 0;
        for place in 0..COUNT {
            let context = format!("phase {phase}, {outputs} outputs, place {place}");
            let mut seen = arrived;
            for _ in 0..COUNT {
                assert!(from.1.arrive(&frame(arrived)), "{context}");
                outputs_of(route(arrived)).for_each(|output| wanted.numbers[output].push_back(arrived));
                arrived += 1;
            }
            let stop = seen + place;
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                with_forwarder(&mut from, &mut to, |forwarder| {
                    forwarder.forward(COUNT, |bytes| {
                        assert_eq!(number(bytes), seen, "{context}");
                        // Not by the hook, which would print.
                        if seen == stop {
                            resume_unwind(Box::new(()));
                        }
                        seen += 1;
                        route(seen - 1)
                    })
                })
            }));
            assert!(panicked.is_err_and(|panic| panic.is::<()>()), "{context}");
            // The device may send what it has been given before the next call.
            if place % 2 == 0 {
                to.iter_mut().enumerate().for_each(|(output, port)| wanted.take(output, port, usize::MAX));
            }
            with_forwarder(&mut from, &mut to, |forwarder| {
                forwarder.forward(COUNT, |bytes| {
                    assert_eq!(number(bytes), seen, "{context}");
                    seen += 1;
                    route(seen - 1)
                })
            });
            assert_eq!(seen, arrived, "{context}");
            to.iter_mut().enumerate().for_each(|(output, port)| wanted.take(output, port, usize::MAX));
            assert!(wanted.missing == 0 && wanted.numbers.iter().all(VecDeque::is_empty), "{context}");
            // What was sent comes back with a call.
            with_forwarder(&mut from, &mut to, |forwarder| forwarder.forward(0, |_| Route::Drop));
        }
        all_home(std::iter::once(from).chain(to), &[]);
    }
}

/// Bytes of a buffer, and the most that can be forwarded in place.
const BUFFER: usize = 2048;
const LONGEST: usize = 1518;

/// A frame as the device writes it back.
struct Arrival {
    number: usize,
    /// The lengths of its segments, as the device says, and whether each is damaged.
    segments: Vec<(u16, bool)>,
}

impl Arrival {
    fn random(random: &mut Random, number: usize) -> Self {
        let count = random.pick(&[1, 1, 1, 1, 1, 1, 2, 3, 4]);
        let segments = (0..count).map(|n| {
            let len =
                if n + 1 < count { BUFFER } else { random.pick(&[1, 13, 14, 60, 61, 700, LONGEST, 1519, BUFFER]) };
            match random.below(12) {
                0 => (random.pick(&[0, BUFFER as u16 + 1, u16::MAX]), false),
                1 => (len as u16, true),
                _ => (len as u16, false),
            }
        });
        Self { number, segments: segments.collect() }
    }

    /// The bytes of segment `index`.
    fn bytes(&self, index: usize) -> Vec<u8> {
        let len = usize::from(self.segments[index].0);
        let mut bytes = vec![(7 * index + self.number) as u8; len];
        bytes.iter_mut().take(1).for_each(|first| *first = self.number as u8);
        bytes
    }

    /// Lets segment `index` arrive with descriptor `at`.
    fn arrive(&self, index: usize, player: &mut Player, at: usize) -> bool {
        let (len, is_damaged) = self.segments[index];
        let bytes = if usize::from(len) > BUFFER { vec![] } else { self.bytes(index) };
        let arrives = player.fill(&bytes, len, index + 1 == self.segments.len());
        if arrives && is_damaged {
            let [ring, _] = player.rings().0;
            // SAFETY: the ring has that descriptor, whose words are atomics.
            let word = unsafe { AtomicU64::from_ptr(ring.add(at % RING).cast::<u64>().add(1)) };
            word.fetch_or(1 << 29, Ordering::Release); // RXE
        }
        arrives
    }

    /// Returns which of the counters of long, bad and damaged frames counts it, if one does.
    fn counter(&self, long_frames: LongFrames) -> Option<usize> {
        self.segments.iter().enumerate().find_map(|(index, (len, is_damaged))| match usize::from(*len) {
            _ if *is_damaged => Some(2),
            0 => Some(1),
            len if len > BUFFER => Some(1),
            _ => (index + 1 < self.segments.len() && long_frames == LongFrames::Drop).then_some(0),
        })
    }

    /// Whether it is in one buffer, and has an Ethernet header.
    fn is_routed(&self) -> bool {
        matches!(&*self.segments, [(14.., _)])
    }

    /// Whether it is also short enough for the outputs.
    fn is_short_enough(&self) -> bool {
        self.is_routed() && usize::from(self.segments[0].0) <= LONGEST
    }
}

/// Long frames, and frames that are wrong, between good ones: received in batches and forwarded in place by turns, with
/// frames that have arrived in part.
#[test]
fn long_and_damaged_frames_do_not_disturb_others() {
    for phase in 0..RING {
        for long_frames in [LongFrames::Deliver, LongFrames::Drop] {
            damaged_from(phase, long_frames);
        }
    }
}

fn damaged_from(phase: usize, long_frames: LongFrames) {
    let mut random = Random::new(5000 + phase);
    let port = || Plain::start(addresses(phase), &config().long_frames(long_frames));
    let (mut from, mut to) = (port(), [port(), port()]);
    advance(&mut from, [phase, 0], random.one_in(2));
    advance(&mut to[0], [0, random.below(RING)], true);
    // What arrives, the segments of it that have, and those that are to be seen, without those that the queue counts.
    let (mut next, mut index, mut at) = (Arrival::random(&mut random, 0), 0, phase);
    let mut arrived: VecDeque<Arrival> = VecDeque::new();
    let mut counters = [0; 3];
    for step in 0..20 {
        let context = format!("phase {phase}, {long_frames:?}, step {step}");
        for _ in 0..random.below(50) {
            if !next.arrive(index, &mut from.1, at) {
                break;
            }
            (index, at) = (index + 1, at + 1);
            if index == next.segments.len() {
                let number = next.number + 1;
                let whole = std::mem::replace(&mut next, Arrival::random(&mut random, number));
                index = 0;
                match whole.counter(long_frames) {
                    Some(counter) => counters[counter] += 1,
                    None => arrived.push_back(whole),
                }
            }
        }
        if random.one_in(2) {
            let mut batch = Batch::with_capacity(random.pick(&[0, 1, 2, 7, 8, 33, 200]));
            let count = from.0.split_queues().1[0].receive(&mut batch);
            assert_eq!(count, arrived.len().min(batch.capacity()), "{context}");
            for (packet, frame) in batch.drain(..).zip(arrived.drain(..count)) {
                let bytes: Vec<_> = (0..frame.segments.len()).map(|index| frame.bytes(index)).collect();
                assert!(packet.segments().eq(bytes.iter().map(Vec::as_slice)), "{context}: frame {}", frame.number);
            }
            continue;
        }
        let most = random.pick(&[0, 1, 5, 32, usize::MAX]);
        let outputs = 1 + random.below(2);
        let counts =
            with_forwarder(&mut from, &mut to[..outputs], |forwarder| forwarder.forward(most, |_| Route::Output(0)));
        // Of several outputs, the route chooses one, and so sees also what is too long for it.
        let is_seen = |frame: &&Arrival| if outputs == 1 { frame.is_short_enough() } else { frame.is_routed() };
        let due = arrived.iter().filter(is_seen).take(most).filter(|frame| frame.is_short_enough()).count();
        assert_eq!((counts.sent, counts.no_room, counts.held, counts.no_buffer), (due, 0, 0, 0), "{context}");
        let frames = sent(&mut to[0].1, usize::MAX);
        let mut frames = frames.iter();
        // Behind the last that was sent, some may have been dropped already.
        for _ in 0..due + counts.dropped {
            let frame = arrived.pop_front().expect("no more packets than have arrived");
            if frame.is_short_enough() {
                assert!(frames.next() == Some(&frame.bytes(0)), "{context}: frame {}", frame.number);
            }
        }
        assert!(frames.next().is_none(), "{context}");
    }
    // A call with more room than there are frames leaves none.
    let mut batch = Batch::with_capacity(200);
    assert_eq!(from.0.split_queues().1[0].receive(&mut batch), arrived.len());
    let drops = from.0.split_queues().1[0].drops();
    // A frame that is under way may count already.
    let [long, bad, damaged] = counters;
    let early = (drops.long + drops.bad_length + drops.damaged) - (long + bad + damaged);
    assert!(early <= u64::from(index > 0), "phase {phase}: {drops:?} are not {counters:?}");
    assert!(drops.long >= long && drops.bad_length >= bad && drops.damaged >= damaged, "{drops:?}, not {counters:?}");
    assert!(bad > 0 && damaged > 0 && (long > 0) == (long_frames == LongFrames::Drop));
    batch.clear();
    all_home(std::iter::once(from).chain(to), &[]);
}
