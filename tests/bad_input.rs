//! Sizes at their ends, and a device that does not keep to the order of things. What is impossible is refused before the
//! device is touched: `absurd_configurations_are_refused` in `packets.rs`.

mod common;
#[path = "../benches/plain/mod.rs"]
mod plain;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::{assert_adds_up, assert_clean, batch, bytes, frame, mac, packet, pool_of, port, recorded, start};
use ixgbe::device::Config;
use ixgbe::packet::Batch;
use ixgbe::queue::{ForwardCounts, InPlaceForwarder, QueuePair, Route};
use ixgbe_sim::Wire;
use plain::{Addresses, Plain, Player};

/// The smallest rings there are.
fn small() -> Config {
    Config::new().rx_descriptors(64).tx_descriptors(64)
}

/// Frame `number`.
fn numbered(number: usize) -> Vec<u8> {
    frame(mac(0), 60 + number % 1000, number as u8)
}

#[test]
fn a_batch_without_room_moves_nothing() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &small());
    port.deliver(&numbered(0));
    {
        let (_, mut queues) = nic.split();
        let mut none = Batch::with_capacity(0);
        for _ in 0..3 {
            assert_eq!((queues[0].rx.receive(&mut none), queues[0].tx.transmit(&mut none).unwrap()), (0, 0));
        }
        let pair = &mut queues[0];
        let mut ports = InPlaceForwarder::new(&mut pair.rx, std::slice::from_mut(&mut pair.tx)).unwrap();
        let forwarded = ports.forward(0, |_| panic!("no packet may be seen"));
        assert_eq!(forwarded, ForwardCounts::default());
    }
    // It is still there, whole.
    assert_eq!(common::receive(&mut nic), [numbered(0)]);
    port.run_until_idle(10);
    assert!(recorder.take().is_empty());
    nic.stop().unwrap();
    assert_clean(&port);
}

/// Batches larger than the rings, which are the smallest and the largest: all goes through, in order.
#[test]
fn a_batch_may_be_larger_than_the_ring() {
    for len in [64, 4096] {
        let most = 3 * len;
        let (port, recorder) = recorded(0);
        let config = Config::new().rx_descriptors(len).tx_descriptors(len).pool_buffers(16 * len);
        let mut nic = start(&port, &config);
        let pool = pool_of(&nic);
        let (mut arrived, mut got) = (0, 0);
        for in_place in [false, true] {
            let before = arrived;
            // As many as the ring has for the device.
            (0..len - 1).for_each(|n| port.deliver(&numbered(before + n)));
            arrived += len - 1;
            let (_, mut queues) = nic.split();
            let pair = &mut queues[0];
            if in_place {
                let mut ports = InPlaceForwarder::new(&mut pair.rx, std::slice::from_mut(&mut pair.tx)).unwrap();
                // The output has room for some at first, and for all once those have left.
                let some = ports.forward(most, |_| Route::Output(0));
                port.step();
                let rest = ports.forward(most, |_| Route::Output(0));
                assert_eq!((some.sent + rest.sent, some.dropped + rest.dropped), (len - 1, 0));
            } else {
                let mut batch = Batch::with_capacity(most);
                assert_eq!(pair.rx.receive(&mut batch), len - 1);
                while batch.push(packet(&pool, &numbered(arrived))).is_ok() {
                    arrived += 1;
                }
                while !batch.is_empty() {
                    assert!(pair.tx.transmit(&mut batch).unwrap() < len, "a ring is never full to the last");
                    port.step();
                }
            }
            port.run_until_idle(100);
            for bytes in recorder.take() {
                assert!(bytes == numbered(got), "packet {got} is wrong");
                got += 1;
            }
            assert_eq!(got, arrived);
        }
        nic.stop().unwrap();
        assert_eq!(pool.available(), pool.capacity());
        assert_clean(&port);
    }
}

/// The application holds every buffer: the device counts what it misses, nothing hangs, and traffic resumes.
#[test]
fn holding_all_buffers_stops_nothing_for_good() {
    let port = port(0);
    // What leaves is of no interest.
    struct Sent(std::sync::Arc<AtomicU64>);
    impl Wire for Sent {
        fn receive(&mut self, _room: usize, _port: &mut dyn FnMut(&[u8])) {}

        fn transmit(&mut self, _frame: &[u8]) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let sent = std::sync::Arc::new(AtomicU64::new(0));
    port.plug(Sent(std::sync::Arc::clone(&sent)));
    let mut nic = start(&port, &small().pool_buffers(96));
    let pool = pool_of(&nic);
    let (mut delivered, mut missed) = (0, 0);
    for round in 0..3 {
        let mut held = Batch::with_capacity(1000);
        for n in 0..2_000_u32 {
            port.deliver(&frame(mac(0), 1000, n as u8));
            if n % 50 == 0 {
                nic.split().1[0].rx.receive(&mut held);
                port.step();
            }
        }
        // The ring has one that the device must not reach.
        assert!(held.len() + pool.available() + 1 >= 95, "{} held, {} free", held.len(), pool.available());
        let statistics = nic.statistics().unwrap();
        assert!(statistics.rx_missed > missed, "what found no room is counted: {statistics:?}");
        missed = statistics.rx_missed;
        assert!(statistics.queues[0].drops.no_buffer > 0);
        delivered += held.len() as u64;
        // Sent instead of dropped, every other round.
        if round % 2 == 0 {
            while !held.is_empty() {
                nic.split().1[0].tx.transmit(&mut held).unwrap();
                port.step();
            }
            assert_eq!(nic.split().1[0].tx.reclaim(), 63);
        }
        drop(held);
        for _ in 0..2_000 {
            delivered += common::receive(&mut nic).len() as u64;
            port.step();
        }
        port.deliver(&numbered(round));
        assert_eq!(common::receive(&mut nic), [numbered(round)], "traffic has resumed");
        delivered += 1;
    }
    assert_eq!(nic.statistics().unwrap().rx_missed + delivered, 3 * 2_001);
    assert_adds_up(&mut nic, &port, delivered);
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

// A device that writes back as it likes

/// Writes word 1 of a descriptor of ring 0, for receiving, or 1.
fn write_back(player: &Player, ring: usize, index: usize, status: u64) {
    let rings = player.rings().0;
    // SAFETY: the ring has so many descriptors, whose words are atomics.
    unsafe { AtomicU64::from_ptr(rings[ring].add(index).cast::<u64>().add(1)) }.store(status, Ordering::Release);
}

/// DD, EOP and a length of 60.
const DONE: u64 = 60 << 32 | 3;

#[test]
fn receive_descriptors_done_out_of_order_wait_for_their_turn() {
    for order in [[3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1]] {
        let (mut nic, player) = Plain::start(Addresses::Identity, &small());
        let pool = nic.pools().next().unwrap().clone();
        let mut batch = Batch::with_capacity(64);
        let mut next = 0;
        for _ in 0..40 {
            let mut done = [false; 4];
            for index in order {
                write_back(&player, 0, (next + index) % 64, DONE);
                done[index] = true;
                // Only what has no gap before it is received.
                let whole = done.iter().take_while(|done| **done).count();
                nic.split().1[0].rx.receive(&mut batch);
                assert_eq!(batch.len(), whole);
            }
            batch.clear();
            next += 4;
        }
        nic.stop().unwrap();
        assert_eq!(pool.available(), pool.capacity());
    }
}

#[test]
fn transmit_blocks_reported_out_of_order_wait_for_their_turn() {
    let (mut nic, player) = Plain::start(Addresses::Identity, &Config::new().rx_descriptors(64).tx_descriptors(128));
    let pool = nic.pools().next().unwrap().clone();
    let free = pool.available();
    for round in 0..20 {
        // Two blocks of 32, each reported by its last.
        let mut batch = batch((0..64).map(|n| packet(&pool, &numbered(n))));
        assert_eq!(nic.split().1[0].tx.transmit(&mut batch).unwrap(), 64);
        assert_eq!(nic.split().1[0].tx.reclaim(), 63);
        write_back(&player, 1, (64 * round + 63) % 128, 1 << 32);
        assert_eq!((nic.split().1[0].tx.reclaim(), pool.available()), (63, free - 64), "the first one is not reported");
        write_back(&player, 1, (64 * round + 31) % 128, 1 << 32);
        assert_eq!((nic.split().1[0].tx.reclaim(), pool.available()), (127, free));
    }
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
}

/// What a call takes is bounded by the ring, however fast the device is.
#[test]
fn a_device_that_never_stops_writing_back_holds_no_call() {
    const LEN: usize = 1024;
    // Empty descriptors, which are no packets: DD and EOP, and no length.
    const EMPTY: u64 = 3;
    let (mut nic, player) = Plain::start(Addresses::Identity, &Config::new().rx_descriptors(LEN).tx_descriptors(64));
    let is_over = AtomicBool::new(false);
    let taken = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                (0..LEN).for_each(|index| write_back(&player, 0, index, EMPTY));
            }
        });
        let (_, mut queues) = nic.split();
        let QueuePair { rx, tx } = &mut queues[0];
        let mut batch = Batch::with_capacity(4 * LEN);
        let mut calls = Vec::new();
        // Until each way has taken what the ring has many times over.
        for call in 0..3_000_000 {
            if calls.iter().sum::<u64>() >= 300 * LEN as u64 {
                break;
            }
            let before = rx.drops().bad_length;
            match call % 3 {
                0 => assert_eq!(rx.receive(&mut batch), 0),
                1 => {
                    let mut ports = InPlaceForwarder::new(rx, std::slice::from_mut(tx)).unwrap();
                    ports.forward(4 * LEN, |_| unreachable!("no packet is there"));
                }
                _ => {
                    let mut ports = InPlaceForwarder::new(rx, &mut []).unwrap();
                    ports.forward(4 * LEN, |_| unreachable!("no packet is there"));
                }
            }
            match rx.drops().bad_length - before {
                0 => std::thread::yield_now(),
                taken => calls.push(taken),
            }
        }
        is_over.store(true, Ordering::Relaxed);
        calls
    });
    let most = taken.iter().copied().max().unwrap_or(0);
    assert!(most <= LEN as u64, "a call took {most} descriptors of a ring of {LEN}");
    assert!(taken.iter().sum::<u64>() >= 300 * LEN as u64, "the device wrote back too little");
}

/// Every single bit of a write-back, and some of everything: no packet is longer than its buffer, every buffer comes home.
#[test]
fn absurd_write_backs_are_survived() {
    let mut state = 0x8259_9000_0000_0001_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let statuses: Vec<u64> =
        (0..64).flat_map(|bit| [1 << bit, DONE ^ 1 << bit, !(1 << bit)]).chain([0, u64::MAX, DONE, 1, 3]).collect();
    let wild = (0..9_000).map(|n| match n % 3 {
        0 => random(),
        1 => random() | 3,
        _ => random() & 0x7ff << 32 | 3,
    });
    let statuses: Vec<u64> = statuses.into_iter().chain(wild).collect();
    for in_place in [false, true] {
        let (mut a, player) = Plain::start(Addresses::Identity, &small());
        let (mut b, mut wire) = Plain::start(Addresses::Identity, &small());
        let pools: Vec<_> = a.pools().chain(b.pools()).cloned().collect();
        b.attach(&pools[0]).unwrap();
        let (mut batch, mut next, mut seen) = (Batch::with_capacity(7), 0, 0);
        for status in &statuses {
            write_back(&player, 0, next % 64, *status);
            let ((_, mut from), (_, mut to)) = (a.split(), b.split());
            if in_place {
                let mut ports = InPlaceForwarder::new(&mut from[0].rx, std::slice::from_mut(&mut to[0].tx)).unwrap();
                ports.forward(7, |bytes| {
                    assert!((1..=2048).contains(&bytes.len()), "a packet of {} bytes", bytes.len());
                    seen += 1;
                    Route::Output(0)
                });
            } else {
                from[0].rx.receive(&mut batch);
                seen += batch.len();
                for packet in &batch {
                    assert!(packet.segments().all(|segment| (1..=2048).contains(&segment.len())));
                    assert!(bytes(packet).len() <= 16 << 11);
                }
                // What is too long to be sent is dropped.
                while !batch.is_empty() && to[0].tx.transmit(&mut batch).is_err() {
                    let mut first = true;
                    batch.retain(|_| !std::mem::take(&mut first));
                }
            }
            wire.send(usize::MAX, |bytes, _| assert!(bytes.len() <= 2048));
            // A descriptor is used up if DD is there.
            next += usize::from(status & 1 != 0);
        }
        assert!(seen > 1_000, "{seen} packets are good by chance");
        batch.clear();
        a.stop().unwrap();
        b.stop().unwrap();
        assert!(pools.iter().all(|pool| pool.available() == pool.capacity()), "{pools:?}");
    }
}
