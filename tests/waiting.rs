//! Threads that wait for packets, for room and for the link, by interrupts of the model.
#![cfg(all(feature = "linux", target_os = "linux"))]

mod common;

use std::hint::spin_loop;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::{assert_clean, batch, frame, mac, packet, pool_of, port, recorded, start};
use ixgbe::device::Config;
use ixgbe::linux::Interrupts;
use ixgbe::packet::Batch;
use ixgbe::wait::Patience;
use ixgbe_sim::{Port, connect};

/// The time after which a wake-up is lost.
const LOST: Duration = Duration::from_secs(10);

fn interrupts(port: &Port, count: u32) -> Interrupts {
    Interrupts::in_process(count, |raise| port.on_interrupt(raise)).expect("the system has eventfds")
}

/// Numbers that are the same in every run (xorshift64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// Waits for up to some ten microseconds: as long as going to sleep takes.
    fn delay(&mut self) {
        (0..self.below(20_000)).for_each(|_| spin_loop());
    }
}

/// Each packet comes only after the one before it was received: no other packet wakes a thread whose wake-up is lost.
#[test]
fn no_packet_is_slept_through() {
    const PACKETS: usize = 5_000;
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let interrupts = interrupts(&port, 2);
    nic.split().0.set_up_interrupts(Duration::ZERO).unwrap();
    let (ask, asked) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut chance, frame) = (Chance(82_599), frame(mac(0), 60, 1));
            for () in asked {
                chance.delay();
                port.deliver(&frame);
            }
        });
        // It ends with this closure, and with it the thread.
        let (ask, (_, mut queues)) = (ask, nic.split());
        let (mut batch, mut chance) = (Batch::with_capacity(32), Chance(10));
        for number in 0..PACKETS {
            ask.send(()).unwrap();
            chance.delay();
            let patience = Patience { spin: Duration::from_micros(chance.below(2) * chance.below(20)), sleep: LOST };
            let count = interrupts.receive(&mut queues[0].rx, &mut batch, patience).unwrap();
            assert_eq!(count, 1, "packet {number} was slept through");
            batch.clear();
        }
    });
    nic.stop().unwrap();
    assert_clean(&port);
}

/// The device sends only after the thread has found the ring full.
#[test]
fn no_room_is_slept_through() {
    const ROUNDS: usize = 2_000;
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new().tx_descriptors(64));
    let interrupts = interrupts(&port, 3);
    nic.split().0.set_up_interrupts(Duration::ZERO).unwrap();
    let pool = pool_of(&nic);
    let (ask, asked) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut chance = Chance(82_599);
            for () in asked {
                chance.delay();
                port.run_until_idle(100);
            }
        });
        let (ask, (_, mut queues)) = (ask, nic.split());
        let (tx, mut chance) = (&mut queues[0].tx, Chance(10));
        let frame = frame(mac(1), 60, 1);
        for round in 0..ROUNDS {
            let mut batch = batch((0..64).map(|_| packet(&pool, &frame)));
            while tx.transmit(&mut batch).unwrap() > 0 {}
            assert!(!batch.is_empty(), "the ring is full");
            ask.send(()).unwrap();
            chance.delay();
            let sent = interrupts.transmit(tx, &mut batch, LOST).unwrap();
            assert!(sent > 0, "room in round {round} was slept through");
        }
        while !tx.is_drained() {
            port.step();
        }
    });
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_wait_in_vain_ends_in_time_and_takes_nothing() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new().tx_descriptors(64));
    let interrupts = interrupts(&port, 3);
    let pool = pool_of(&nic);
    let (mut control, mut queues) = nic.split();
    control.set_up_interrupts(Duration::ZERO).unwrap();
    let (spin, sleep) = (Duration::from_millis(5), Duration::from_millis(20));
    let mut received = Batch::with_capacity(1);
    let begin = Instant::now();
    assert_eq!(interrupts.receive(&mut queues[0].rx, &mut received, Patience { spin, sleep }).unwrap(), 0);
    assert!(begin.elapsed() >= spin + sleep && begin.elapsed() < LOST);
    // Packets that came before the interrupt was enabled are no reason to sleep, and a full batch is none either.
    port.deliver(&frame(mac(0), 60, 1));
    port.deliver(&frame(mac(0), 60, 2));
    for expected in [1, 0] {
        let begin = Instant::now();
        assert_eq!(interrupts.receive(&mut queues[0].rx, &mut received, LOST).unwrap(), expected);
        assert!(begin.elapsed() < LOST / 2);
    }
    received.clear();
    assert_eq!(interrupts.receive(&mut queues[0].rx, &mut received, LOST).unwrap(), 1);
    assert_eq!(interrupts.transmit(&mut queues[0].tx, &mut Batch::with_capacity(1), LOST).unwrap(), 0);
    // No room, and nobody makes some.
    let mut waiting = batch((0..65).map(|_| packet(&pool, &frame(mac(1), 60, 1))));
    let room = queues[0].tx.transmit(&mut waiting).unwrap();
    assert_eq!(interrupts.transmit(&mut queues[0].tx, &mut waiting, sleep).unwrap(), 0);
    assert_eq!(waiting.len(), 65 - room);
    port.run_until_idle(100);
    assert_eq!(interrupts.transmit(&mut queues[0].tx, &mut waiting, LOST).unwrap(), 65 - room);
    drop((received, waiting));
    nic.stop().unwrap();
    assert_clean(&port);
}

/// Interrupts of other queues and of the link wake nobody else.
#[test]
fn each_queue_and_the_link_have_a_vector() {
    let (a, b) = (port(0), port(1));
    connect(&a, &b);
    let mut nic = start(&a, &Config::new().queue_pairs(3));
    let pool = pool_of(&nic);
    let interrupts = interrupts(&a, 7);
    let raised =
        || -> Vec<usize> { (0..7).filter(|vector| interrupts.vector(*vector).unwrap().take().unwrap()).collect() };
    let (mut control, mut queues) = nic.split();
    control.set_up_interrupts(Duration::ZERO).unwrap();
    assert_eq!((control.link_vector(), raised()), (3, vec![3]));
    control.acknowledge_link_interrupt();
    for (index, queue) in queues.iter_mut().enumerate() {
        assert_eq!((queue.rx.vector(), queue.tx.vector()), (index, 4 + index));
        let mut batch = batch([packet(&pool, &frame(mac(1), 60, 1))]);
        queue.tx.transmit(&mut batch).unwrap();
        a.run_until_idle(10);
        assert_eq!(raised(), [], "nobody asked for the interrupt");
        queue.tx.enable_interrupt();
        assert_eq!(raised(), [4 + index], "also for a packet that was sent before");
        queue.tx.enable_interrupt();
        assert_eq!(raised(), [], "once");
        batch.push(packet(&pool, &frame(mac(1), 60, 2))).unwrap();
        queue.tx.transmit(&mut batch).unwrap();
        a.run_until_idle(10);
        assert_eq!(raised(), [4 + index]);
    }
    queues[0].rx.enable_interrupt();
    a.deliver(&frame(mac(0), 60, 3));
    assert_eq!(raised(), [0]);
    for up in [false, true] {
        a.set_link(up);
        a.wait(Duration::from_millis(50));
        assert!(interrupts.wait(control.link_vector(), LOST).unwrap());
        assert_eq!(control.acknowledge_link_interrupt().is_up(), up);
    }
    assert_eq!(raised(), []);
    let missing =
        Interrupts::in_process(1, |_| {}).unwrap().receive(&mut queues[1].rx, &mut Batch::with_capacity(1), LOST);
    assert_eq!(
        missing.unwrap_err().to_string(),
        "cannot wait for the queue's interrupt: there is no vector 1: 1 were asked for: ask for 2"
    );
    nic.stop().unwrap();
    assert_clean(&a);
}
