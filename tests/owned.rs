//! Owned queues: they go anywhere, and the device stops only with all rings back.

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use common::{Nic, assert_clean, batch, frame, mac, packet, pool_of, port, recorded, run, start};
use ixgbe::device::{Config, OwnedControl, RING_LENS};
use ixgbe::packet::Batch;
use ixgbe::pool::Pool;
use ixgbe::port::{AttachError, Control, Down, Receive, Transmit, TransmitError};
use ixgbe::queue::{OwnedQueuePair, OwnedReceiveQueue, OwnedTransmitQueue};
use ixgbe_sim::{PortPlatform, Runner};

const SECOND: Duration = Duration::from_secs(1);

fn small() -> Config {
    Config::new().rx_descriptors(*RING_LENS.start()).tx_descriptors(*RING_LENS.start())
}

fn split(nic: Nic) -> (OwnedControl<PortPlatform>, OwnedQueuePair<PortPlatform>) {
    let (control, mut pairs) = nic.into_split();
    assert_eq!(pairs.len(), 1);
    (control, pairs.remove(0))
}

#[track_caller]
fn assert_down(queues: &mut OwnedQueuePair<PortPlatform>, pool: &Pool, why: Down) {
    let mut packets = batch([packet(pool, &[7; 60])]);
    assert_eq!(queues.rx.receive(&mut packets).unwrap_err(), why);
    assert_eq!(queues.rx.queue().unwrap_err(), why);
    assert_eq!(queues.tx.queue().unwrap_err(), why);
    assert!(matches!(queues.tx.transmit(&mut packets), Err(TransmitError::Down(down)) if down == why));
    assert_eq!(queues.tx.attach(pool).unwrap_err(), AttachError::Down(why));
    assert_eq!((packets.len(), &packets[0][..]), (1, &[7; 60][..]), "a batch does not change");
}

/// Puts the device together again, however long its queues take: the time of the model is not that of threads.
fn reunite(mut control: OwnedControl<PortPlatform>) -> Nic {
    loop {
        match control.reunite(SECOND) {
            Ok(nic) => return nic,
            Err(failed) => control = failed.control,
        }
    }
}

fn assert_send<T: Send + 'static>(_: &T) {}

#[test]
fn owned_queues_work_in_other_threads_while_the_control_is_used() {
    let (port, recorder) = recorded(0);
    let nic = start(&port, &small());
    let pool = pool_of(&nic);
    let (mut control, mut queues) = split(nic);
    assert_send(&control);
    assert_send(&queues);
    assert_eq!((control.lent(), queues.rx.index().get(), queues.tx.index().get()), (2, 0, 0));
    for number in 0..50 {
        port.deliver(&frame(mac(0), 60 + number, number as u8));
    }
    let queues = thread::spawn(move || {
        let mut batch = Batch::with_capacity(50);
        assert_eq!(queues.rx.receive(&mut batch), Ok(50));
        assert_eq!(queues.tx.transmit(&mut batch).unwrap(), 50);
        queues
    });
    let queues = queues.join().unwrap();
    port.run_until_idle(100);
    assert_eq!(recorder.take().len(), 50);
    let counters = control.control().counters().unwrap();
    assert_eq!((counters.rx_packets, counters.tx_packets), (50, 50));
    drop(queues);
    assert_eq!(control.lent(), 0);
    control.reunite(Duration::ZERO).unwrap().stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

#[test]
fn a_device_is_not_reunited_while_a_queue_has_its_ring() {
    let (port, recorder) = recorded(0);
    let nic = start(&port, &small());
    let pool = pool_of(&nic);
    let (control, OwnedQueuePair { rx, mut tx }) = split(nic);
    drop(rx);
    let failed = control.reunite(Duration::from_millis(1)).unwrap_err();
    assert_eq!(failed.missing, 1);
    assert_eq!(failed.to_string(), "1 rings did not come back: drop the owned queues, or let each make a call");
    // The queue was asked, and then was not any more.
    assert_eq!(tx.transmit(&mut batch([packet(&pool, &[1; 60])])).unwrap(), 1);
    port.run_until_idle(10);
    assert_eq!(recorder.take(), [[1; 60]]);
    drop(tx);
    failed.control.reunite(Duration::ZERO).unwrap().stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

/// A queue that is forgotten never gives its ring back: the device does not stop under it.
#[test]
fn a_forgotten_queue_keeps_the_device_from_stopping() {
    let (port, _) = recorded(0);
    let (control, OwnedQueuePair { rx, tx }) = split(start(&port, &small()));
    std::mem::forget(rx);
    drop(tx);
    let mapped = port.mapped_bytes();
    let failed = control.reunite(Duration::from_millis(1)).unwrap_err();
    assert_eq!(failed.missing, 1);
    // Dropping the device stops it, and leaves the memory of that ring alone.
    drop(failed);
    assert!((1..mapped).contains(&port.mapped_bytes()));
    assert_clean(&port);
}

#[test]
fn owned_queues_go_on_when_the_device_was_restarted() {
    let (port, recorder) = recorded(0);
    let nic = start(&port, &small());
    let pool = pool_of(&nic);
    let (control, mut queues) = split(nic);
    // What is posted and what has arrived when the device stops goes back to the pool.
    queues.tx.transmit(&mut batch([packet(&pool, &[1; 60])])).unwrap();
    port.deliver(&frame(mac(0), 60, 1));
    let asking = thread::spawn(move || reunite(control));
    while queues.rx.receive(&mut Batch::with_capacity(0)).is_ok() | queues.tx.queue().is_ok() {
        thread::yield_now();
    }
    let nic = asking.join().unwrap();
    assert_down(&mut queues, &pool, Down::Parked);
    let stopped = nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_down(&mut queues, &pool, Down::Parked);
    let nic = run(stopped);
    assert_down(&mut queues, &pool, Down::Parked);
    let new_pool = pool_of(&nic);
    recorder.take();
    let (mut control, pairs) = nic.into_split();
    assert!(pairs.is_empty(), "the queues have an owner");
    assert_eq!(control.lent(), 2);
    assert_eq!(queues.tx.transmit(&mut batch([packet(&new_pool, &[2; 60])])).unwrap(), 1);
    port.deliver(&frame(mac(0), 61, 2));
    port.run_until_idle(10);
    let mut arrived = Batch::with_capacity(4);
    assert_eq!(queues.rx.receive(&mut arrived), Ok(1));
    assert_eq!((arrived[0].len(), recorder.take()), (61, vec![vec![2; 60]]));
    assert!(control.control().link().is_up());
    // Without a restart they go on as well, and with new owners if the first are gone.
    drop(queues.rx);
    let asking = thread::spawn(move || reunite(control));
    while queues.tx.queue().is_ok() {
        thread::yield_now();
    }
    let (control, rx, tx) = asking.join().unwrap().into_split_queues();
    assert_eq!((rx.len(), tx.len(), control.lent()), (1, 0, 2));
    assert!(queues.tx.queue().is_ok());
    drop((rx, queues.tx, arrived));
    control.reunite(Duration::ZERO).unwrap().stop().unwrap();
    assert_eq!((pool.available(), new_pool.available()), (pool.capacity(), new_pool.capacity()));
    assert_clean(&port);
}

/// A queue outlives its device: it has no more than an error for its owner, and frees what the device left to it.
#[test]
fn a_queue_learns_that_its_device_is_gone() {
    let (port, _) = recorded(0);
    let nic = start(&port, &small());
    let pool = pool_of(&nic);
    let (control, mut queues) = split(nic);
    assert_eq!(queues.rx.receive(&mut Batch::with_capacity(1)), Ok(0));
    // Nobody makes a call, so the device stops without its rings.
    drop(control);
    assert!(port.mapped_bytes() > 0 && pool.available() < pool.capacity());
    assert_down(&mut queues, &pool, Down::Closed);
    drop(queues);
    assert_eq!((pool.available(), port.mapped_bytes()), (pool.capacity(), 0));
    assert_clean(&port);
}

#[test]
fn a_queue_in_use_lets_its_device_go() {
    let (port, _) = recorded(0);
    let nic = start(&port, &small());
    let pool = pool_of(&nic);
    let (control, mut queues) = split(nic);
    let user = thread::spawn(move || {
        let mut batch = Batch::with_capacity(1);
        while queues.rx.receive(&mut batch).is_ok() | queues.tx.queue().is_ok() {
            thread::yield_now();
        }
        queues
    });
    drop(control);
    let mut queues = user.join().unwrap();
    assert_down(&mut queues, &pool, Down::Closed);
    assert_eq!((pool.available(), port.mapped_bytes()), (pool.capacity(), 0), "the rings were back in time");
    assert_clean(&port);
}

/// Two devices of two queue pairs each, with a thread for each pair, are stopped and started again and again.
#[test]
fn queues_of_two_threads_survive_fifty_restarts() {
    let ports = [port(0), port(1)];
    ixgbe_sim::connect(&ports[0], &ports[1]);
    let runner = Runner::start(ports.clone()).unwrap();
    let nic = start(&ports[0], &small().queue_pairs(2));
    let mut pools: Vec<Pool> = nic.pools().cloned().collect();
    let (mut control, pairs) = nic.into_split();
    assert_eq!(pairs.len(), 2);
    let (over, moved) = (AtomicBool::new(false), AtomicU64::new(0));
    let control = thread::scope(|scope| {
        for mut queues in pairs {
            let (over, moved) = (&over, &moved);
            scope.spawn(move || {
                let own = Pool::new(&port(9), 64, 2048).unwrap();
                let mut batch = Batch::with_capacity(32);
                while !over.load(Ordering::Relaxed) {
                    _ = queues.rx.receive(&mut batch);
                    batch.clear();
                    if let Ok(mut tx) = queues.tx.queue() {
                        tx.attach(&own).unwrap();
                        batch.push(packet(&own, &frame(mac(1), 60, 0))).unwrap();
                        moved.fetch_add(tx.transmit(&mut batch).unwrap() as u64, Ordering::Relaxed);
                        tx.reclaim();
                    }
                    batch.clear();
                    thread::yield_now();
                }
                drop(queues);
                assert_eq!(own.available(), own.capacity());
            });
        }
        for _ in 0..50 {
            let before = moved.load(Ordering::Relaxed);
            while moved.load(Ordering::Relaxed) < before + 20 {
                thread::yield_now();
            }
            let nic = run(reunite(control).stop().unwrap());
            pools.extend(nic.pools().cloned());
            let (new, pairs) = nic.into_split();
            assert!(pairs.is_empty());
            control = new;
        }
        over.store(true, Ordering::Relaxed);
        control
    });
    reunite(control).stop().unwrap();
    drop(runner);
    assert!(pools.iter().all(|pool| pool.available() == pool.capacity()));
    assert_clean(&ports[0]);
}

/// A queue keeps its index: a pair has one, whatever queues have owners.
#[test]
fn pairs_have_one_index() {
    let (port, _) = recorded(0);
    let (control, mut pairs) = start(&port, &small().queue_pairs(3)).into_split();
    let mut kept = pairs.remove(0);
    drop(kept.tx);
    drop(pairs);
    let asking = thread::spawn(move || reunite(control));
    while kept.rx.queue().is_ok() {
        thread::yield_now();
    }
    let (control, pairs) = asking.join().unwrap().into_split();
    let indices: Vec<_> = pairs.iter().map(|pair| (pair.rx.index().get(), pair.tx.index().get())).collect();
    assert_eq!((indices, control.lent()), (vec![(1, 1), (2, 2)], 5), "transmit queue 0 has no owner");
    drop((kept.rx, pairs));
    control.reunite(Duration::ZERO).unwrap().stop().unwrap();
    assert_clean(&port);
}

/// A queue that is borrowed while its device is dropped goes on with a ring that leads nowhere, until it is asked again.
#[test]
fn a_borrowed_queue_outlives_its_device_without_effect() {
    let (port, recorder) = recorded(0);
    let nic = start(&port, &small());
    let pool = pool_of(&nic);
    let (control, mut queues) = split(nic);
    let (mut rx, mut tx) = (queues.rx.queue().unwrap(), queues.tx.queue().unwrap());
    drop(control);
    assert_eq!(tx.transmit(&mut batch([packet(&pool, &[1; 60])])).unwrap(), 1);
    assert_eq!(rx.receive(&mut Batch::with_capacity(1)), 0);
    rx.enable_interrupt();
    port.run_until_idle(10);
    assert!(recorder.take().is_empty() && port.claim().is_err(), "nobody else drives the device meanwhile");
    assert_down(&mut queues, &pool, Down::Closed);
    drop(queues);
    assert_eq!((pool.available(), port.mapped_bytes()), (pool.capacity(), 0));
}

/// The handles are small: what they refer to is elsewhere.
#[test]
fn owned_queues_are_three_words() {
    assert!(size_of::<OwnedReceiveQueue<PortPlatform>>() <= 24 && size_of::<OwnedTransmitQueue<PortPlatform>>() <= 24);
}
