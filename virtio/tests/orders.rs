//! A device returns buffers in the order in which it got them, in another, or in both by turns. Nothing depends on it.

mod fake;

use std::collections::VecDeque;

use fake::{ALL, Fake, State};
use ixgbe::packet::{Batch, Packet};
use ixgbe::pool::Pool;
use ixgbe_virtio::{Config, Device};
use proptest::prelude::*;

/// What happens in one round.
#[derive(Debug, Clone)]
struct Round {
    /// How many buffers the device returns, in each direction, and which of those that it has is the next each time: the
    /// oldest if all numbers are 0.
    received: Vec<usize>,
    sent: Vec<usize>,
    /// The segments of the packets that the program makes, and the pool of each packet.
    made: Vec<(usize, bool)>,
    /// How many packets the program takes at most.
    capacity: usize,
}

fn order() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![2 => prop::collection::vec(Just(0), 0..12), 1 => prop::collection::vec(0..8usize, 0..12)]
}

fn round() -> impl Strategy<Value = Round> {
    let made = prop::collection::vec((prop_oneof![4 => Just(1), 1 => 2..4usize], any::<bool>()), 0..6);
    (order(), order(), made, 1..12usize).prop_map(|(received, sent, made, capacity)| Round {
        received,
        sent,
        made,
        capacity,
    })
}

/// Buffers that the device has: the id of each, and where it is.
type Held = Vec<(u16, Vec<(u64, u32, bool)>)>;

/// Takes all buffers that a queue has for the device.
fn take_all(state: &mut State, queue: usize, held: &mut Held) {
    held.extend(std::iter::from_fn(|| state.next_available(queue)));
}

/// Returns a frame with a number.
fn frame(number: u32) -> Vec<u8> {
    [&[0xee; 14][..], &number.to_le_bytes(), &vec![number as u8; 42 + number as usize % 100]].concat()
}

fn bytes(packet: &Packet) -> Vec<u8> {
    packet.segments().flatten().copied().collect()
}

/// Makes a packet of some segments, with the number in the first.
fn make(pool: &Pool, segments: usize, number: u32) -> Option<Packet> {
    let mut packet = pool.take_copy(&frame(number)).ok()?;
    for _ in 1..segments {
        packet.append_segment(pool.take_copy(&[number as u8; 30]).ok()?).ok()?;
    }
    Some(packet)
}

fn run(rings: u128, rounds: &[Round]) {
    let (fake, function) = Fake::new(ALL | rings);
    let device = Device::new(function).unwrap();
    let mut device = device.bring_up(&Config::new().queue_sizes(8, 8)).unwrap();
    let (pool, other) = (device.pools()[0].clone(), Pool::new(device.function(), 32, 2048).unwrap());
    let (mut receiving, mut sending) = (vec![], vec![]);
    let (mut arriving, mut leaving) = (VecDeque::new(), VecDeque::new());
    let mut number = 0;
    let (mut batch, mut waiting) = (Batch::with_capacity(0), Batch::with_capacity(64));
    for round in rounds {
        {
            let mut state = fake.state();
            take_all(&mut state, 0, &mut receiving);
            for at in &round.received {
                if receiving.is_empty() {
                    break;
                }
                let (id, parts) = receiving.remove(at % receiving.len());
                let frame = frame(number);
                number += 1;
                state.write_memory(parts[0].0, &[&[0; 10][..], &[1, 0], &frame].concat());
                state.push_used(0, id.into(), 12 + frame.len() as u32);
                arriving.push_back(frame);
            }
            state.publish_used(0);
        }
        let (_, mut queues) = device.split();
        queues[0].tx.attach(&other).unwrap();
        batch = Batch::with_capacity(round.capacity);
        let count = queues[0].rx.receive(&mut batch).unwrap();
        assert_eq!(count, round.capacity.min(arriving.len()));
        for packet in &batch {
            assert_eq!(bytes(packet), arriving.pop_front().unwrap());
        }
        // What was received is sent on, among packets of two pools and of several segments.
        waiting.append(&mut batch);
        for (segments, is_other) in &round.made {
            number += 1;
            if let Some(packet) = make(if *is_other { &other } else { &pool }, *segments, number) {
                _ = waiting.push(packet);
            }
        }
        let before: Vec<_> = waiting.iter().map(bytes).collect();
        let sent = queues[0].tx.transmit(&mut waiting).unwrap();
        leaving.extend(before.into_iter().take(sent));
        {
            let mut state = fake.state();
            let known = sending.len();
            take_all(&mut state, 1, &mut sending);
            for (_, parts) in &sending[known..] {
                let all = parts.iter().map(|(address, len, _)| state.read_memory(*address, *len as usize));
                let all = all.collect::<Vec<_>>().concat();
                assert_eq!(all[..12], [0; 12]);
                assert_eq!(all[12..], leaving.pop_front().unwrap());
            }
            for at in &round.sent {
                if sending.is_empty() {
                    break;
                }
                let (id, _) = sending.remove(at % sending.len());
                state.push_used(1, id.into(), 0);
            }
            state.publish_used(1);
        }
        assert!(leaving.is_empty(), "the device has seen all that was sent");
        assert_eq!(queues[0].tx.reclaim(), Ok(sending.len()));
    }
    assert_eq!(fake.state().violations, [""; 0]);
    drop(batch);
    drop(waiting);
    drop(device.stop().unwrap());
    assert_eq!((pool.available(), other.available()), (pool.capacity(), other.capacity()), "no buffer is lost");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 60 } else { 500 }))]

    #[test]
    fn split_rings_return_buffers_in_any_order(rounds in prop::collection::vec(round(), 1..60)) {
        run(0, &rounds);
    }

    #[test]
    fn packed_rings_return_buffers_in_any_order(rounds in prop::collection::vec(round(), 1..60)) {
        run(fake::RING_PACKED, &rounds);
    }
}
