//! One device with several queue pairs: on one thread, on a thread each, and with packets that change threads.
//!
//! Rings are filled before the clock runs, and emptied after it: what is compared is what the threads do. Times are medians of
//! single calls, so that what else the machine does falls out.

use std::sync::Barrier;
use std::sync::mpsc::sync_channel;

use ixgbe::device::Config;
use ixgbe::packet::Batch;
use ixgbe::queue::{InPlaceForwarder, QueuePair};

use crate::calls::{measured_forward, measured_in_place};
use crate::cycles::{arrive, median, now, pin, sent, timed};
use crate::drive::Nic;
use crate::plain::{Addresses, Plain, Player};
use crate::traffic::at;
use crate::work::Touch;

/// Packets per call.
const BATCH: usize = 32;
/// Calls for which there are packets in the rings.
const CALLS: usize = 24;
/// How often they are filled.
const ROUNDS: usize = 400;

/// Which way packets are forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Pool,
    InPlaceForwarder,
}

fn start(queue_pairs: usize) -> (Nic, Vec<Player>) {
    let config = Config::new().queue_pairs(queue_pairs).rx_descriptors(1024).tx_descriptors(1024);
    let (nic, player) = Plain::start(Addresses::Identity, &config);
    (nic, (0..queue_pairs).map(|queue| player.of_queue(queue)).collect())
}

/// Forwards what is in the rings of a queue pair; the cycles of each call.
fn forward(pair: &mut QueuePair<'_, Plain>, shape: Shape, batch: &mut Batch, times: &mut Vec<u64>) {
    match shape {
        Shape::Pool => times.push(timed(BATCH, || measured_forward::<Touch>(&mut pair.rx, &mut pair.tx, batch))),
        Shape::InPlaceForwarder => {
            let mut ports =
                InPlaceForwarder::new(&mut pair.rx, std::slice::from_mut(&mut pair.tx)).expect("can be mapped");
            times.push(timed(BATCH, || measured_in_place::<Touch>(&mut ports, BATCH)));
        }
    }
}

/// Brings buffers that were sent back to the receive ring, as the next call would.
fn come_home(pair: &mut QueuePair<'_, Plain>) {
    let mut ports = InPlaceForwarder::new(&mut pair.rx, std::slice::from_mut(&mut pair.tx)).expect("can be mapped");
    assert_eq!(measured_in_place::<Touch>(&mut ports, BATCH), 0, "nothing has arrived");
}

/// How many times as much two threads forward as one, on one device with a queue pair each. They take turns round by
/// round: the first alone, the second alone, both.
pub fn two_threads(shape: Shape) -> f64 {
    let (mut nic, mut players) = start(2);
    let (_, mut pairs) = nic.split();
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        let running: Vec<_> = pairs
            .iter_mut()
            .zip(&mut players)
            .enumerate()
            .map(|(core, (pair, player))| {
                let barrier = &barrier;
                scope.spawn(move || {
                    pin(core);
                    let (mut batch, mut alone, mut together) = (Batch::with_capacity(BATCH), Vec::new(), Vec::new());
                    for round in 0..3 * ROUNDS {
                        come_home(pair);
                        arrive(player, 0, BATCH * CALLS);
                        barrier.wait();
                        let turn = round % 3;
                        let times = if turn == 2 { &mut together } else { &mut alone };
                        if turn == 2 || turn == core {
                            (0..CALLS).for_each(|_| forward(pair, shape, &mut batch, times));
                        }
                        barrier.wait();
                        if turn != 2 && turn != core {
                            // What arrived goes out all the same, untimed.
                            (0..CALLS).for_each(|_| forward(pair, shape, &mut batch, &mut Vec::new()));
                        }
                        sent(player, 0, BATCH * CALLS);
                    }
                    median(&alone) / median(&together)
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("all packets go through")).sum()
    })
}

/// Median cycles of a call on one thread that drives so many queue pairs by turns.
pub fn on_one_thread(queue_pairs: &[usize], shape: Shape) -> Vec<f64> {
    let mut devices: Vec<_> = queue_pairs.iter().map(|count| start(*count)).collect();
    let mut rigs: Vec<_> = devices.iter_mut().map(|(nic, players)| (nic.split().1, players, Vec::new())).collect();
    let mut batch = Batch::with_capacity(BATCH);
    for _ in 0..ROUNDS * CALLS / 16 {
        for (pairs, players, times) in &mut rigs {
            players.iter_mut().for_each(|player| arrive(player, 0, BATCH));
            pairs.iter_mut().for_each(|pair| forward(pair, shape, &mut batch, times));
            players.iter_mut().for_each(|player| sent(player, 0, BATCH));
        }
    }
    rigs.into_iter().map(|rig| median(&rig.2)).collect()
}

/// Cycles per packet of a thread that receives and hands batches to another, which sends them, as a multiple of those of one
/// thread that does both. Full batches go over one channel and empty ones come back over another.
pub fn changing_threads() -> f64 {
    let (mut nic, mut players) = start(1);
    let (_, mut pairs) = nic.split();
    let (pair, player) = (&mut pairs[0], &mut players[0]);
    let (mut batch, mut alone, mut together) = (Batch::with_capacity(BATCH), Vec::new(), Vec::new());
    let QueuePair { rx, tx } = pair;
    // The sender's queue is lent to it for a round, and comes back for one without it.
    let tx = std::sync::Mutex::new(tx);
    std::thread::scope(|scope| {
        let (full, to_send) = sync_channel::<Batch>(CALLS);
        let (empty, to_fill) = sync_channel::<Batch>(CALLS);
        let sender = &tx;
        scope.spawn(move || {
            pin(1);
            for mut batch in to_send {
                let mut tx = sender.lock().expect("nobody panics");
                while !batch.is_empty() {
                    tx.transmit(&mut batch).expect("all can be sent");
                }
                drop(tx);
                if empty.send(batch).is_err() {
                    return;
                }
            }
        });
        pin(0);
        let mut batches: Vec<_> = (0..CALLS).map(|_| Batch::with_capacity(BATCH)).collect();
        for _ in 0..ROUNDS {
            arrive(player, 0, BATCH * CALLS);
            {
                let mut tx = tx.lock().expect("nobody panics");
                let start = now();
                (0..CALLS).for_each(|_| _ = measured_forward::<Touch>(rx, &mut tx, &mut batch));
                alone.push(now() - start);
            }
            sent(player, 0, BATCH * CALLS);
            arrive(player, 0, BATCH * CALLS);
            let start = now();
            for mut batch in batches.drain(..) {
                rx.receive(&mut batch);
                batch.iter_mut().for_each(|packet| packet[at::TOUCHED] ^= 1);
                full.send(batch).expect("the sender waits");
            }
            batches.extend(to_fill.iter().take(CALLS));
            together.push(now() - start);
            sent(player, 0, BATCH * CALLS);
        }
        drop(full);
    });
    median(&together) / median(&alone)
}
