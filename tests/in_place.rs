//! The in-place forwarder's choices: what happens when an output is full, and frames to several outputs.

use ixgbe::device::{Config, Device, Running};
use ixgbe::packet::Batch;
use ixgbe::pool::Pool;
use ixgbe::queue::{ForwardCounts, InPlaceForwarder, ReceiveQueue, Route, TransmitQueue, WhenFull};
use plain::{Addresses, Plain, Player};
use proptest::prelude::*;

#[path = "../benches/plain/mod.rs"]
mod plain;

/// Descriptors of a ring, and how many of them can be posted.
const RING: usize = 64;
const ROOM: usize = RING - 1;

/// A port that receives, and ports that send.
struct Ports {
    from: (Device<Running, Plain>, Player),
    to: Vec<(Device<Running, Plain>, Player)>,
    arrived: usize,
}

impl Ports {
    fn new(outputs: usize) -> Self {
        let config = Config::new().rx_descriptors(RING).tx_descriptors(RING).pool_buffers(512);
        let port = || Plain::start(Addresses::Identity, &config);
        Self { from: port(), to: (0..outputs).map(|_| port()).collect(), arrived: 0 }
    }

    fn pool(&self) -> Pool {
        self.from.0.pools().next().unwrap().clone()
    }

    /// Lets a packet arrive for these outputs, if there is a descriptor for it: its first byte is the set of outputs,
    /// its second a number.
    fn arrives(&mut self, set: u8) -> bool {
        let mut bytes = [set; 60];
        bytes[1] = self.arrived as u8;
        let arrives = self.from.1.arrive(&bytes);
        self.arrived += usize::from(arrives);
        arrives
    }

    fn arrive(&mut self, sets: impl IntoIterator<Item = u8>) {
        assert!(sets.into_iter().all(|set| self.arrives(set)));
    }

    fn with<T>(&mut self, call: impl FnOnce(&mut InPlaceForwarder<'_, '_, '_, Plain>) -> T) -> T {
        let mut rx: Vec<ReceiveQueue<'_, Plain>> = self.from.0.split_queues().1;
        let mut tx: Vec<TransmitQueue<'_, Plain>> =
            self.to.iter_mut().map(|(nic, _)| nic.split_queues().2.remove(0)).collect();
        call(&mut InPlaceForwarder::new(&mut rx[0], &mut tx).unwrap())
    }

    /// The sets and numbers of what an output sends, at most so many.
    fn sent(&mut self, output: usize, most: usize) -> Vec<(u8, u8)> {
        let mut sent = vec![];
        self.to[output].1.send(most, |bytes, end| {
            assert!(end && bytes.len() == 60 && bytes[2..].iter().all(|byte| *byte == bytes[0]));
            sent.push((bytes[0], bytes[1]));
        });
        sent
    }

    fn finish(self) {
        let pool = self.pool();
        for (nic, _) in self.to {
            nic.stop().unwrap();
        }
        self.from.0.stop().unwrap();
        assert_eq!(pool.available(), pool.capacity());
    }
}

fn by_set(bytes: &mut [u8]) -> Route {
    match bytes[0] {
        0 => Route::Drop,
        set if set.is_power_of_two() => Route::Output(set.trailing_zeros() as usize),
        set => Route::Outputs(set.into()),
    }
}

/// Fills output 1 of two, by three calls, and lets packets arrive for both by turns.
fn stalled(arriving: usize) -> Ports {
    let mut ports = Ports::new(2);
    for _ in 0..3 {
        ports.arrive([2; 21]);
        let counts = ports.with(|forwarder| forwarder.forward(100, by_set));
        assert_eq!(counts, ForwardCounts { sent: 21, ..ForwardCounts::default() });
    }
    ports.arrive([1, 2].into_iter().cycle().take(arriving));
    ports
}

#[test]
fn packets_for_a_full_output_are_dropped() {
    let mut ports = stalled(20);
    let counts = ports.with(|forwarder| forwarder.forward_with(100, WhenFull::Drop, by_set));
    assert_eq!(counts, ForwardCounts { sent: 10, no_room: 10, ..ForwardCounts::default() });
    assert_eq!((ports.sent(0, 100).len(), ports.sent(1, 100).len()), (10, ROOM));
    ports.finish();
}

#[test]
fn packets_wait_for_a_full_output_unseen() {
    let mut ports = stalled(20);
    let mut seen = 0;
    let mut wait = |ports: &mut Ports| {
        ports.with(|forwarder| {
            forwarder.forward_with(100, WhenFull::Wait, |bytes| {
                seen += 1;
                by_set(bytes)
            })
        })
    };
    assert_eq!(wait(&mut ports), ForwardCounts::default());
    assert_eq!(ports.sent(0, 100), []);
    // A block of packets is sent, and so there is room for 32: every other one is for that output.
    assert_eq!(ports.sent(1, 32).len(), 32);
    for (arriving, sent) in [(0, 20), (20, 20), (20, 20), (20, 4)] {
        ports.arrive([1, 2].into_iter().cycle().take(arriving));
        assert_eq!(wait(&mut ports).sent, sent);
    }
    assert_eq!((ports.sent(0, 100).len(), ports.sent(1, 100).len()), (32, ROOM));
    assert_eq!(wait(&mut ports).sent, 16);
    assert_eq!(seen, 80, "each was seen once");
    assert_eq!((ports.sent(0, 100).len(), ports.sent(1, 100).len()), (8, 8));
    ports.finish();
}

#[test]
fn packets_for_a_full_output_are_held_back_in_order() {
    let mut ports = stalled(20);
    let mut held = [Batch::with_capacity(0), Batch::with_capacity(8)];
    let hold = |ports: &mut Ports, held: &mut [Batch]| {
        ports.with(|forwarder| forwarder.forward_with(100, WhenFull::HoldBack(held), by_set))
    };
    let counts = hold(&mut ports, &mut held);
    assert_eq!(counts, ForwardCounts { sent: 10, held: 8, no_room: 2, ..ForwardCounts::default() });
    assert_eq!(ports.sent(0, 100).len(), 10);
    // There is room again, but those that were held back come first.
    let before: Vec<u8> = ports.sent(1, 100).iter().map(|(_, number)| *number).collect();
    assert_eq!(before, (0..ROOM as u8).collect::<Vec<_>>());
    held[1].truncate(7);
    ports.arrive([2, 1]);
    let counts = hold(&mut ports, &mut held);
    assert_eq!(counts, ForwardCounts { sent: 1, held: 1, ..ForwardCounts::default() });
    let sent = ports.with(|forwarder| forwarder.outputs()[1].transmit(&mut held[1])).unwrap();
    assert_eq!((sent, held[1].len()), (8, 0));
    ports.arrive([2]);
    assert_eq!(hold(&mut ports, &mut held).sent, 1);
    let numbers: Vec<u8> = ports.sent(1, 100).iter().map(|(_, number)| *number).collect();
    // Packets 63, 65, ... for output 0 lie between them.
    let wanted: Vec<u8> = (0..7).map(|index| 64 + 2 * index).chain([83, 85]).collect();
    assert_eq!(numbers, wanted);
    ports.finish();
}

/// Also if there is no other output that they keep from going on.
#[test]
fn packets_for_the_only_output_do_not_wait_if_they_are_not_to() {
    let mut ports = Ports::new(1);
    let mut held = [Batch::with_capacity(100)];
    let (mut sent, mut held_back, mut no_room) = (0, 0, 0);
    for round in 0..10 {
        ports.arrive([1; 20]);
        let counts = ports.with(|forwarder| match round {
            0..5 => forwarder.forward_with(100, WhenFull::Drop, by_set),
            _ => forwarder.forward_with(100, WhenFull::HoldBack(&mut held), by_set),
        });
        assert_eq!(counts.sent + counts.held + counts.no_room, 20, "round {round}");
        (sent, held_back, no_room) = (sent + counts.sent, held_back + counts.held, no_room + counts.no_room);
    }
    assert_eq!((sent, held_back, no_room), (ROOM, 100, 100 - ROOM));
    held[0].clear();
    ports.finish();
}

/// A packet that leaves the ring on its own does not keep the next from being received.
#[test]
fn receives_what_was_not_forwarded() {
    let mut ports = Ports::new(2);
    ports.arrive([1, 3, 1, 2]);
    let counts = ports.with(|forwarder| forwarder.forward(2, by_set));
    assert_eq!(counts, ForwardCounts { sent: 3, ..ForwardCounts::default() });
    let mut batch = Batch::with_capacity(8);
    assert_eq!(ports.from.0.split_queues().1[0].receive(&mut batch), 2);
    batch.clear();
    ports.finish();
}

#[test]
fn a_frame_goes_to_several_outputs() {
    let mut ports = Ports::new(3);
    let pool = ports.pool();
    // In between go some to one output, some to none, and some to outputs that do not exist.
    ports.arrive([1, 7, 2, 6, 0, 5, 4, 8 | 2, 8 | 16, 4]);
    let counts = ports.with(|forwarder| forwarder.forward(100, by_set));
    assert_eq!(counts, ForwardCounts { sent: 4 + 3 + 2 + 2 + 1, dropped: 2, ..ForwardCounts::default() });
    assert_eq!(ports.sent(0, 100), [(1, 0), (7, 1), (5, 5)]);
    assert_eq!(ports.sent(1, 100), [(7, 1), (2, 2), (6, 3), (10, 7)]);
    assert_eq!(ports.sent(2, 100), [(7, 1), (6, 3), (5, 5), (4, 6), (4, 9)]);
    // Without buffers for copies, the lowest output gets its packet.
    ports.with(|forwarder| forwarder.outputs().iter_mut().for_each(|output| _ = output.reclaim()));
    let mut all: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
    ports.arrive([7]);
    let counts = ports.with(|forwarder| forwarder.forward(100, by_set));
    assert_eq!(counts, ForwardCounts { sent: 1, no_buffer: 2, ..ForwardCounts::default() });
    assert_eq!((ports.sent(0, 100).len(), ports.sent(1, 100).len()), (1, 0));
    all.clear();
    ports.finish();
}

#[test]
fn the_only_output_gets_what_a_set_says() {
    let mut ports = Ports::new(1);
    ports.arrive([1, 3, 2, 0, 6]);
    let counts = ports.with(|forwarder| forwarder.forward(100, |bytes| Route::Outputs(bytes[0].into())));
    assert_eq!(counts, ForwardCounts { sent: 2, dropped: 3, ..ForwardCounts::default() });
    assert_eq!(ports.sent(0, 100), [(1, 0), (3, 1)]);
    ports.finish();
}

/// What becomes of a packet does not depend on the packet before it, which may have gone to an output for shorter frames.
#[test]
fn a_packet_goes_to_an_output_that_is_configured_for_it() {
    let mut ports = Ports::new(1);
    let long = Config::new().rx_descriptors(RING).tx_descriptors(RING).max_frame(2000);
    ports.to.push(Plain::start(Addresses::Identity, &long));
    for sets in [[1, 2, 1, 2], [2, 1, 2, 2], [1, 1, 2, 3]] {
        for set in sets {
            let mut bytes = vec![set; if set == 1 { 60 } else { 1900 }];
            bytes[1] = 0;
            assert!(ports.from.1.arrive(&bytes));
        }
        for_each_policy(&mut ports, sets);
    }
    ports.finish();
}

#[test]
fn a_set_of_no_outputs_drops_a_frame_however_many_there_are() {
    let mut ports = Ports::new(66);
    ports.arrive([1; 3]);
    let counts = ports.with(|forwarder| forwarder.forward(100, |_| Route::Outputs(0)));
    assert_eq!(counts, ForwardCounts { dropped: 3, ..ForwardCounts::default() });
    ports.finish();
}

/// The buffers would return to the pool of that queue, and the device could not reach them.
#[test]
fn nothing_goes_to_a_queue_that_cannot_send_it() {
    for outputs in 1..=2 {
        let (mut ports, mut other) = (Ports::new(outputs), Ports::new(1));
        ports.arrive([1; 8]);
        let pool = ports.pool();
        {
            let mut rx = ports.from.0.split_queues().1;
            let mut tx: Vec<_> = ports.to.iter_mut().map(|(nic, _)| nic.split_queues().2.remove(0)).collect();
            let mut forwarder = InPlaceForwarder::new(&mut rx[0], &mut tx).unwrap();
            forwarder.outputs()[0] = other.to[0].0.split_queues().2.remove(0);
            for when_full in [WhenFull::Drop, WhenFull::Wait, WhenFull::HoldBack(&mut [])] {
                let counts = forwarder.forward_with(100, when_full, |_| Route::Output(0));
                assert_eq!(counts, ForwardCounts::default());
            }
            assert_eq!(forwarder.forward(100, |_| Route::Output(0)), ForwardCounts::default());
            forwarder.outputs()[0].attach(&pool).unwrap();
            assert_eq!(forwarder.forward(100, |_| Route::Output(0)).sent, 8);
        }
        assert_eq!(other.sent(0, 100).len(), 8);
        other.finish();
        ports.finish();
    }
}

fn for_each_policy(ports: &mut Ports, sets: [u8; 4]) {
    let counts = ports.with(|forwarder| forwarder.forward(100, by_set));
    // The last of the third round is for both: the first output refuses it.
    let [short, long] = [1, 2].map(|bit| sets.iter().filter(|set| **set & bit != 0).count());
    let refused = sets.iter().filter(|set| **set == 3).count();
    assert_eq!(counts, ForwardCounts { sent: short + long - refused, dropped: refused, ..ForwardCounts::default() });
    for (output, count) in [(0, short - refused), (1, long)] {
        let mut sent = 0;
        ports.to[output].1.send(100, |_, _| sent += 1);
        assert_eq!(sent, count, "of output {output}, for {sets:?}");
    }
}

/// A device that writes back as fast as packets are forwarded holds no call, whatever happens to a full output.
#[test]
fn a_call_ends_although_packets_keep_arriving() {
    for policy in 0..3 {
        let mut ports = Ports::new(2);
        let config = Config::new().rx_descriptors(4 * RING).tx_descriptors(RING).pool_buffers(1024);
        ports.from = Plain::start(Addresses::Identity, &config);
        let mut held = [Batch::with_capacity(8), Batch::with_capacity(8)];
        (0..4 * RING - 1).for_each(|_| assert!(ports.arrives(1)));
        let Ports { from: (nic, player), to, .. } = &mut ports;
        let mut rx = nic.split_queues().1;
        let (mut tx, mut senders): (Vec<_>, Vec<_>) =
            to.iter_mut().map(|(nic, player)| (nic.split_queues().2.remove(0), player)).unzip();
        let mut seen = 0;
        let when_full = match policy {
            0 => WhenFull::Drop,
            1 => WhenFull::Wait,
            _ => WhenFull::HoldBack(&mut held),
        };
        let mut forwarder = InPlaceForwarder::new(&mut rx[0], &mut tx).unwrap();
        forwarder.forward_with(usize::MAX, when_full, |_| {
            seen += 1;
            assert!(seen <= 4 * RING, "the call goes on and on");
            _ = player.arrive(&[1; 60]);
            senders.iter_mut().for_each(|player| _ = player.send(usize::MAX, |_, _| ()));
            Route::Output(seen % 2)
        });
        assert!(seen >= ROOM);
    }
}

/// What a route passed on before it panicked is sent by any call of its output.
#[test]
fn packets_that_were_passed_on_before_a_panic_are_sent() {
    let calls: [fn(&mut TransmitQueue<'_, Plain>); 3] = [
        |output| _ = output.transmit(&mut Batch::with_capacity(1)).unwrap(),
        |output| _ = output.reclaim(),
        |output| _ = output.drain(std::time::Duration::ZERO),
    ];
    for call in calls {
        for outputs in [1, 2] {
            let mut ports = Ports::new(outputs);
            ports.arrive([1; 8]);
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let mut seen = 0;
                ports.with(|forwarder| {
                    forwarder.forward(100, |bytes| {
                        seen += 1;
                        // Not by the hook, which would print.
                        if seen == 6 {
                            std::panic::resume_unwind(Box::new(()));
                        }
                        by_set(bytes)
                    })
                })
            }));
            assert!(panicked.is_err());
            assert_eq!(ports.sent(0, 100).len(), 0);
            ports.with(|forwarder| call(&mut forwarder.outputs()[0]));
            assert_eq!(ports.sent(0, 100).len(), 5);
            assert_eq!(ports.with(|forwarder| forwarder.forward(100, by_set)).sent, 3);
            assert_eq!(ports.sent(0, 100).len(), 3);
            ports.finish();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the sets, the calls and the speed of the outputs: each output sends what is for it, in order, each once,
    /// and the counts say how many are missing.
    #[test]
    fn each_output_sends_what_is_for_it(
        rounds in proptest::collection::vec(
            (proptest::collection::vec(0..16_u8, 0..40), 0..3_u8, [0..50_usize, 0..50, 0..50], 0..50_usize), 1..20),
    ) {
        let mut ports = Ports::new(3);
        let mut sets = vec![];
        let mut sent: [Vec<u8>; 3] = Default::default();
        let mut lost = 0;
        let mut held: Vec<Batch> = (0..3).map(|_| Batch::with_capacity(10)).collect();
        for (arriving, policy, speeds, most) in rounds {
            sets.extend(arriving.into_iter().filter(|set| ports.arrives(*set)).map(|set| (set, false)));
            let counts = ports.with(|forwarder| {
                for (output, held) in held.iter_mut().enumerate() {
                    forwarder.outputs()[output].transmit(held).unwrap();
                }
                let mut seen = sets.iter().filter(|(_, done)| *done).count();
                let counts = forwarder.forward_with(
                    most,
                    match policy {
                        0 => WhenFull::Drop,
                        1 => WhenFull::Wait,
                        _ => WhenFull::HoldBack(&mut held),
                    },
                    |bytes| {
                        sets[seen].1 = true;
                        seen += 1;
                        by_set(bytes)
                    },
                );
                if policy == 1 {
                    assert_eq!((counts.no_room, counts.held), (0, 0));
                }
                counts
            });
            lost += counts.no_room + counts.no_buffer;
            for (output, most) in speeds.into_iter().enumerate() {
                sent[output].extend(ports.sent(output, most).iter().map(|(_, number)| *number));
            }
        }
        for output in 0..3 {
            while !held[output].is_empty() {
                ports.with(|forwarder| forwarder.outputs()[output].transmit(&mut held[output]).unwrap());
                sent[output].extend(ports.sent(output, RING).iter().map(|(_, number)| *number));
            }
            sent[output].extend(ports.sent(output, RING).iter().map(|(_, number)| *number));
            let seen = sets.iter().enumerate().filter(|(_, (_, done))| *done);
            let wanted: Vec<u8> =
                seen.filter(|(_, (set, _))| set >> output & 1 != 0).map(|(number, _)| number as u8).collect();
            let mut rest = wanted.iter();
            prop_assert!(sent[output].iter().all(|number| rest.any(|other| other == number)), "out of order");
            lost -= wanted.len() - sent[output].len();
        }
        prop_assert_eq!(lost, 0, "the counts say what is missing");
        ports.finish();
    }
}
