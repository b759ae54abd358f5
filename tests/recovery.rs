//! Recovery: a device that hangs goes on as it was, and every packet is accounted for.

mod common;

use std::cell::Cell;
use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::pass_on::pass_on;
use common::{
    Nic, Recorder, assert_clean, assert_clean_but, assert_works, batch, frame, mac, packet, peek, pool_of, port,
    receive, recorded, run, start, transmit,
};
use ixgbe::clock::Clock;
use ixgbe::device::{Config, Device, Error, OwnedControl, RING_LENS, Remedy, Rss, Running, Symptom};
use ixgbe::packet::Batch;
use ixgbe::platform::Platform;
use ixgbe::pool::Pool;
use ixgbe::port::Receive;
use ixgbe::queue::OwnedQueuePair;
use ixgbe::trace::{RegisterAccess, Traced};
use ixgbe_sim::{Fault, Port, PortPlatform, Rule, Wire};

const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 0x77];

fn small() -> Config {
    Config::new().rx_descriptors(*RING_LENS.start()).tx_descriptors(*RING_LENS.start())
}

/// Waits for the link.
fn wait_for_link<H: Platform>(nic: &mut Device<Running, H>, port: &Port) {
    for _ in 0..100 {
        if nic.link().is_up() {
            return;
        }
        port.wait(Duration::from_millis(1));
    }
    panic!("no link");
}

/// The packets discarded on the way in and out, on all queues.
fn discarded(nic: &mut Nic) -> (u64, u64) {
    let queues = nic.statistics().unwrap().queues;
    (queues.iter().map(|queue| queue.rx_discarded).sum(), queues.iter().map(|queue| queue.tx_discarded).sum())
}

#[test]
fn what_hangs_goes_on_wherever_the_rings_are() {
    type Injection = fn(&Port);
    let faults: [Injection; 4] = [
        |_| (),
        |port| port.inject(Fault::TxQueueHangs(0)),
        |port| port.inject(Fault::RxQueueHangs(0)),
        |port| {
            port.inject(Fault::TxQueueHangs(0));
            port.inject(Fault::RxQueueHangs(0));
        },
    ];
    for (case, inject) in faults.into_iter().enumerate() {
        let (port, recorder) = recorded(0);
        let mut nic = start(&port, &small());
        let (pool, mapped) = (pool_of(&nic), port.mapped_bytes());
        // Each round begins at another descriptor.
        let (mut lost_in, mut lost_out) = (0, 0);
        for round in 0..40_u8 {
            for n in 0..round % 13 {
                assert_works(&mut nic, &port, &recorder);
                port.deliver(&frame(mac(0), 60, n));
                receive(&mut nic);
            }
            (0..round % 5).for_each(|n| port.deliver(&frame(mac(0), 100, n)));
            inject(&port);
            (0..round % 7).for_each(|n| transmit(&mut nic, &frame(OTHER, 100, n)));
            nic = nic.recover().unwrap();
            lost_in += u64::from(round % 5);
            lost_out += if case % 2 == 1 { u64::from(round % 7) } else { 0 };
            assert_eq!(discarded(&mut nic), (lost_in, lost_out), "round {round}, case {case}");
            assert_eq!(pool.available(), pool.capacity() - 64);
            assert_eq!(port.mapped_bytes(), mapped, "nothing is mapped anew");
            wait_for_link(&mut nic, &port);
            assert!(receive(&mut nic).is_empty(), "what was received before is gone");
            assert_works(&mut nic, &port, &recorder);
        }
        let statistics = nic.statistics().unwrap();
        assert_eq!(statistics.recoveries, 40);
        assert_eq!(statistics.rx_dropped(), lost_in);
        let counters = port.counters();
        assert_eq!((statistics.rx_packets, statistics.tx_packets), (counters.delivered, counters.transmitted));
        nic.stop().unwrap();
        assert_eq!((pool.available(), port.mapped_bytes()), (pool.capacity(), 0));
        assert_clean(&port);
    }
}

#[test]
fn a_device_keeps_what_was_set_while_it_ran() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &small().queue_pairs(2).promiscuous(false));
    let others = [Pool::new(&port, 64, 2048).unwrap(), Pool::new(&port, 64, 4096).unwrap()];
    others.iter().for_each(|pool| nic.attach(pool).unwrap());
    let mut control = nic.split().0;
    control.set_mac(mac(5)).unwrap();
    control.set_promiscuous(true).unwrap();
    control.set_rss(Rss::new(2).key([7; 40])).unwrap();
    control.set_up_interrupts(Duration::from_micros(100)).unwrap();
    let kept = [
        ("FCTRL", 0, u32::MAX),
        ("MRQC", 0, u32::MAX),
        ("RSSRK", 9, u32::MAX),
        ("RETA", 31, u32::MAX),
        ("RAL", 0, u32::MAX),
        ("RAH", 0, u32::MAX),
        ("EITR", 1, u32::MAX),
        ("GPIE", 0, u32::MAX),
        // The rest is of transmit queues, and of the timer, and undefined after a reset.
        ("IVAR", 0, 0x00ff_00ff),
        ("IVAR_MISC", 0, 0xff00),
    ];
    let values = |port: &Port| kept.map(|(name, index, mask)| peek(port, name, index) & mask);
    let before = values(&port);
    let mut nic = nic.recover().unwrap();
    assert_eq!(values(&port), before, "{kept:?}");
    assert_eq!((nic.mac(), nic.split().0.rss()), (mac(5), Rss::new(2).key([7; 40])));
    wait_for_link(&mut nic, &port);
    for pool in &others {
        for queue in 0..2 {
            let mut packets = batch([packet(pool, &frame(OTHER, 70, 1))]);
            assert_eq!(nic.split().1[queue].tx.transmit(&mut packets).unwrap(), 1);
        }
    }
    port.run_until_idle(10);
    assert_eq!(recorder.take().len(), 4);
    assert_works(&mut nic, &port, &recorder);
    // Switched off again, it stays off.
    nic.split().0.set_promiscuous(false).unwrap();
    let mut nic = nic.recover().unwrap();
    wait_for_link(&mut nic, &port);
    port.deliver(&frame(mac(0), 60, 1));
    assert!(receive(&mut nic).is_empty(), "the address from the EEPROM is not its own");
    // A stop ends all of that.
    let mut nic = run(nic.stop().unwrap());
    assert_eq!(nic.mac(), mac(0));
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert!(others.iter().all(|pool| pool.available() == pool.capacity()));
    assert_clean(&port);
}

#[test]
fn a_queue_that_does_not_hang_sends_what_it_has() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &small().queue_pairs(2));
    port.inject(Fault::TxQueueHangs(1));
    for queue in [0, 1] {
        let pool = pool_of(&nic);
        let mut packets = batch((0..20).map(|n| packet(&pool, &frame(OTHER, 60, n))));
        assert_eq!(nic.split().1[queue].tx.transmit(&mut packets).unwrap(), 20);
    }
    let mut nic = nic.recover().unwrap();
    assert_eq!((recorder.take().len(), discarded(&mut nic)), (20, (0, 20)));
    assert_eq!(nic.statistics().unwrap().queues[1].tx_discarded, 20);
    nic.stop().unwrap();
    assert_clean(&port);
}

/// Packets of several segments count as one, on both ways.
#[test]
fn long_packets_count_once() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &small().max_frame(9018).buffer_size(1024));
    let pool = pool_of(&nic);
    port.inject(Fault::TxQueueHangs(0));
    let mut packets = batch((0..3).map(|n| pool.take_copy(&frame(OTHER, 5000, n)).unwrap()));
    assert_eq!(nic.split().1[0].tx.transmit(&mut packets).unwrap(), 3);
    (0..4).for_each(|n| port.deliver(&frame(mac(0), 9000, n)));
    let mut nic = nic.recover().unwrap();
    assert_eq!(discarded(&mut nic), (4, 3));
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

/// A program that keeps all packets leaves one buffer in the ring, which the device must not reach. That is no reason not
/// to recover.
#[test]
fn a_ring_without_buffers_recovers() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &small().pool_buffers(96));
    let pool = pool_of(&nic);
    let mut packets: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
    let mut received = Batch::with_capacity(64);
    (0..63).for_each(|_| port.deliver(&frame(mac(0), 60, 1)));
    nic.split().1[0].rx.receive(&mut received);
    packets.extend(received.drain(..));
    assert_eq!((packets.len(), pool.available()), (95, 0));
    let mut nic = nic.recover().unwrap();
    wait_for_link(&mut nic, &port);
    port.deliver(&frame(mac(0), 60, 1));
    assert!(receive(&mut nic).is_empty(), "the device has no descriptor");
    packets.clear();
    assert!(receive(&mut nic).is_empty());
    port.step();
    assert_eq!(receive(&mut nic).len(), 1, "it waited in the packet buffer");
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

/// Wherever the ring was, and however much of it was vacant.
#[test]
fn every_buffer_is_in_one_place_afterwards() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &small());
    let pool = pool_of(&nic);
    let (mut batch, mut kept) = (Batch::with_capacity(64), Batch::with_capacity(64));
    for round in 0..70 {
        (0..round % 31).for_each(|n| port.deliver(&frame(mac(0), 60, n)));
        nic.split().1[0].rx.receive(&mut batch);
        // Some are kept, and return to the pool later.
        kept.clear();
        kept.append(&mut batch.split_off(batch.len() / 2));
        batch.clear();
        nic = nic.recover().unwrap();
        (0..63).for_each(|n| port.deliver(&frame(mac(0), 60, n)));
        assert_eq!(nic.split().1[0].rx.receive(&mut batch), 63);
        assert!(batch.iter().zip(0..).all(|(packet, n)| packet[..] == frame(mac(0), 60, n)), "round {round}");
        let free: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
        let buffers = batch.iter().chain(&free).chain(&kept).map(|packet| packet.as_ptr());
        let all: HashSet<_> = buffers.collect();
        assert_eq!(all.len(), batch.len() + free.len() + kept.len(), "round {round}: a buffer is in two places");
        drop(free);
        batch.clear();
        for _ in 0..round % 5 {
            nic.split().1[0].rx.receive(&mut batch);
            port.deliver(&frame(mac(0), 60, 0));
        }
        batch.clear();
    }
    drop(kept);
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

/// A link partner that takes one frame in a step of the model.
struct Slow(Recorder);

impl Wire for Slow {
    fn receive(&mut self, _room: usize, _port: &mut dyn FnMut(&[u8])) {}

    fn room(&mut self) -> usize {
        1
    }

    fn transmit(&mut self, frame: &[u8]) {
        self.0.transmit(frame);
    }
}

#[test]
fn a_slow_queue_gets_time() {
    let (port, recorder) = (port(0), Recorder::default());
    port.plug(Slow(recorder.clone()));
    let mut nic = start(&port, &Config::new());
    (0..500).for_each(|n| transmit(&mut nic, &frame(OTHER, 60, n as u8)));
    let mut nic = nic.recover().unwrap();
    assert_eq!((recorder.take().len(), discarded(&mut nic)), (500, (0, 0)));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_reset_from_outside_is_recovered_from() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &small());
    assert_works(&mut nic, &port, &recorder);
    (0..5).for_each(|n| transmit(&mut nic, &frame(OTHER, 60, n)));
    port.reset_function();
    port.wait(Duration::from_millis(10));
    let mut nic = nic.recover().unwrap();
    assert_eq!(discarded(&mut nic), (0, 5));
    wait_for_link(&mut nic, &port);
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_link_that_wedges_comes_back() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &small());
    port.inject(Fault::LinkLossStopsTransmit);
    for round in 1..=5 {
        nic.split().0.health();
        port.inject(Fault::TxStalls);
        transmit(&mut nic, &frame(OTHER, 60, 1));
        port.step();
        port.inject(Fault::LinkWedges);
        port.clear(Fault::TxStalls);
        port.wait(Duration::from_secs(1));
        assert_eq!(nic.split().0.health(), [Symptom::LinkLost { queues: 1 }]);
        nic = nic.recover().unwrap();
        wait_for_link(&mut nic, &port);
        assert_works(&mut nic, &port, &recorder);
        assert_eq!(discarded(&mut nic), (0, round));
    }
    nic.stop().unwrap();
    assert_clean(&port);
}

/// A card may need more than one reset.
#[test]
fn a_bring_up_that_fails_is_tried_again() {
    for failures in [1, 2, 3] {
        let (port, recorder) = recorded(0);
        let (handle, resets) = (port.clone(), Arc::new(AtomicU64::new(u64::MAX)));
        let counted = Arc::clone(&resets);
        // Reception does not become idle in this many bring-ups.
        let platform = Traced::new(port.claim().unwrap(), move |access: RegisterAccess| {
            let is_write = format!("{access}").starts_with("write");
            if is_write && access.register().is_some_and(|(register, _)| register.name == "RDRXCTL") {
                let left = counted.load(Ordering::Relaxed);
                if left < u64::MAX {
                    counted.store(left.saturating_sub(1), Ordering::Relaxed);
                    if left == 0 { handle.clear(Fault::SecRxNeverReady) } else { handle.inject(Fault::SecRxNeverReady) }
                }
            }
        });
        let mut nic = run(Device::new(platform).reset(&small()).unwrap());
        let pool = pool_of(&nic);
        assert_works(&mut nic, &port, &recorder);
        resets.store(failures, Ordering::Relaxed);
        let began = port.now();
        let recovered = nic.recover();
        assert!(port.now() - began < Duration::from_secs(2));
        match recovered {
            Ok(mut nic) if failures < 3 => {
                wait_for_link(&mut nic, &port);
                assert_works(&mut nic, &port, &recorder);
                assert_eq!(nic.statistics().unwrap().recoveries, 1);
                nic.stop().unwrap();
            }
            Err(failed) if failures == 3 => {
                assert!(matches!(failed.error, Error::TimedOut { .. }), "{}", failed.error);
                assert!(port.mapped_bytes() > 0, "its memory waits for the proof that it has stopped");
                resets.store(u64::MAX, Ordering::Relaxed);
                port.clear(Fault::SecRxNeverReady);
                let mut nic = run(failed.device.reset(&small()).unwrap());
                assert_works(&mut nic, &port, &recorder);
                nic.stop().unwrap();
            }
            other => panic!("after {failures} failures: {:?}", other.err()),
        }
        assert_eq!((pool.available(), port.mapped_bytes()), (pool.capacity(), 0));
    }
}

#[test]
fn a_device_that_is_gone_is_not_recovered() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &small());
    let (pool, mapped) = (pool_of(&nic), port.mapped_bytes());
    transmit(&mut nic, &frame(OTHER, 60, 1));
    port.inject(Fault::SurpriseRemoval);
    let began = port.now();
    let failed = nic.recover().unwrap_err();
    assert!(matches!(failed.error, Error::Removed { .. }), "{}", failed.error);
    assert!(port.now() - began < Duration::from_millis(200));
    assert_eq!(port.mapped_bytes(), mapped);
    port.clear(Fault::SurpriseRemoval);
    let mut nic = run(failed.device.reset(&small()).unwrap());
    assert_eq!(pool.available(), pool.capacity());
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_clean(&port);
}

// Under load

/// A port for a test with threads: while one waits for others, model time passes no faster than theirs.
struct Patient(PortPlatform);

thread_local! {
    /// `true` while this thread waits for others.
    static WAITS: Cell<bool> = const { Cell::new(false) };
}

pass_on!(Bus, Dma of Patient => 0);

// SAFETY: as for `Bus`.
// SAFETY: as for `Bus`.
unsafe impl Clock for Patient {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn wait(&self, time: Duration) {
        if WAITS.get() {
            thread::sleep(time);
        }
        self.0.wait(time);
    }
}

/// A link partner that sends frames of many flows, and remembers what it gets.
#[derive(Clone, Default)]
struct Partner {
    sent: Arc<AtomicU64>,
    /// The numbers of the packets from each queue.
    got: Arc<[Mutex<Vec<u64>>; 2]>,
    flow: u16,
    calls: u16,
}

impl Wire for Partner {
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
        // Model time passes faster while nothing moves.
        self.calls = self.calls.wrapping_add(1);
        for _ in 0..if self.calls.is_multiple_of(2) { room.min(4) } else { 0 } {
            self.flow = self.flow.wrapping_add(1);
            self.sent.fetch_add(1, Ordering::Relaxed);
            port(&udp(self.flow));
        }
    }

    fn transmit(&mut self, frame: &[u8]) {
        let number = u64::from_le_bytes(frame[15..23].try_into().unwrap());
        self.got[usize::from(frame[14])].lock().unwrap().push(number);
    }
}

/// A UDP packet from port `from`.
fn udp(from: u16) -> Vec<u8> {
    let mut frame = [mac(0), OTHER].concat();
    frame.extend([0x08, 0x00, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0]);
    frame.extend([Ipv4Addr::new(10, 0, 0, 1).octets(), Ipv4Addr::new(10, 0, 0, 2).octets()].concat());
    frame.extend([from.to_be_bytes(), 9_u16.to_be_bytes(), 26_u16.to_be_bytes(), [0, 0]].concat());
    frame.resize(60, 0);
    frame
}

/// What a thread did with its queue pair.
#[derive(Debug, Default)]
struct Work {
    received: AtomicU64,
    posted: AtomicU64,
}

/// Receives and sends until `over`, also while the device recovers. Queue 0 sends packets one by one, queue 1 many.
/// Returns the pool that it sends from.
fn work(mut queues: OwnedQueuePair<Patient>, work: &Work, over: &AtomicBool) -> Pool {
    let queue = queues.rx.index().get() as u8;
    let own = Pool::new(&port(9), 128, 2048).unwrap();
    let (mut batch, mut next) = (Batch::with_capacity(32), 0_u64);
    while !over.load(Ordering::Relaxed) {
        if let Ok(count) = queues.rx.receive(&mut batch) {
            work.received.fetch_add(count as u64, Ordering::Relaxed);
        }
        batch.clear();
        if let Ok(mut tx) = queues.tx.queue() {
            tx.attach(&own).unwrap();
            let size = if queue == 0 { 1 } else { 1 + next % 32 };
            for number in next..next + size {
                let Some(mut packet) = own.take() else { break };
                packet.extend_from_slice(&frame(OTHER, 14, 0)).unwrap();
                packet.extend_from_slice(&[queue]).unwrap();
                packet.extend_from_slice(&number.to_le_bytes()).unwrap();
                batch.push(packet).unwrap();
            }
            let sent = tx.transmit(&mut batch).unwrap() as u64;
            next += sent;
            work.posted.fetch_add(sent, Ordering::Relaxed);
            tx.reclaim();
            batch.clear();
        }
        thread::yield_now();
    }
    own
}

/// Puts the device together again, however long its threads take: the time of the model is not theirs.
fn reunite(mut control: OwnedControl<Patient>) -> Device<Running, Patient> {
    WAITS.set(true);
    loop {
        match control.reunite(Duration::from_millis(100)) {
            Ok(nic) => {
                WAITS.set(false);
                return nic;
            }
            Err(failed) => control = failed.control,
        }
    }
}

/// Ends the work of threads when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Hangs, lost links and resets under load, with two queue pairs on two threads.
fn recover_under_load(rounds: usize) {
    let port = port(0);
    let partner = Partner::default();
    port.plug(partner.clone());
    let device = Device::new(Patient(port.claim().unwrap())).reset(&small().queue_pairs(2)).unwrap();
    let nic = run(device);
    let mut pools: Vec<Pool> = nic.pools().cloned().collect();
    let (mut control, pairs) = nic.into_split();
    let (works, over) = ([Work::default(), Work::default()], AtomicBool::new(false));
    let nic = thread::scope(|scope| {
        // Also if this panics, so that the threads end.
        let end = Over(&over);
        let threads = pairs.into_iter().zip(&works).map(|(queues, mine)| {
            let over = &over;
            scope.spawn(move || work(queues, mine, over))
        });
        let threads: Vec<_> = threads.collect();
        let moved = || {
            let received = works.each_ref().map(|work| work.received.load(Ordering::Relaxed));
            let arrived = partner.got.each_ref().map(|got| got.lock().unwrap().len() as u64);
            [received, arrived].concat()
        };
        // Goes on until packets pass both queues in both directions.
        let flow = |port: &Port| {
            let (start, before) = (port.now(), moved());
            while moved().iter().zip(&before).any(|(now, before)| *now < before + 5) {
                assert!(port.now() - start < Duration::from_secs(5), "traffic stays away: {before:?}, {:?}", moved());
                port.step();
                thread::yield_now();
            }
        };
        flow(&port);
        for round in 0..rounds {
            assert_eq!(control.control().health(), []);
            let began = port.now();
            // Goes on until a transmit queue has packets that it does not send.
            let fill = |queue: usize| {
                while peek(&port, "TDH", queue) == peek(&port, "TDT", queue) {
                    port.step();
                    thread::yield_now();
                }
            };
            let queue = round / 6 % 2;
            match round % 6 {
                0 | 1 => {
                    port.inject(Fault::TxQueueHangs(queue as u8));
                    fill(queue);
                }
                2 => port.inject(Fault::RxQueueHangs(queue as u8)),
                3 => {
                    port.inject(Fault::LinkLossStopsTransmit);
                    port.inject(Fault::TxStalls);
                    fill(queue);
                    port.set_link(false);
                    port.step();
                    port.set_link(true);
                    port.clear(Fault::TxStalls);
                    port.clear(Fault::LinkLossStopsTransmit);
                }
                4 => port.inject(Fault::LinkWedges),
                _ => port.reset_function(),
            }
            // Hangs are found by looking, as a program does it. A reset from outside is known to who made it.
            if matches!(round % 6, 0 | 1 | 3) {
                for look in 0.. {
                    port.wait(Duration::from_millis(130));
                    let symptoms = control.control().health();
                    if symptoms.iter().any(|symptom| symptom.remedy() == Remedy::Recover) {
                        break;
                    }
                    assert!(look < 6, "round {round}: no symptom but {symptoms:?}");
                }
            }
            let nic = reunite(control);
            if round % 6 == 5 {
                // The threads could not know of that reset when they wrote the tails of their queues.
                assert_clean_but(&port, &[Rule::TailBeforeEnabled]);
                port.clear_violations();
            }
            let nic = nic.recover().unwrap();
            let (new, pairs) = nic.into_split();
            assert!(pairs.is_empty(), "the threads have all queues");
            control = new;
            flow(&port);
            let took = port.now() - began;
            assert!(took < Duration::from_secs(2), "round {round}: traffic came back after {took:?}");
        }
        let nic = reunite(control);
        drop(end);
        pools.extend(threads.into_iter().map(|thread| thread.join().expect("a thread that does not panic")));
        nic
    });
    port.run_until_idle(100);
    finish(nic, &port, &partner, &works, &pools, rounds as u64);
}

/// Accounts for every packet.
fn finish(
    mut nic: Device<Running, Patient>,
    port: &Port,
    partner: &Partner,
    works: &[Work; 2],
    pools: &[Pool],
    rounds: u64,
) {
    let statistics = nic.statistics().unwrap();
    let counters = port.counters();
    assert_eq!(statistics.recoveries, rounds);
    assert_eq!((statistics.tx_packets, statistics.rx_packets), (counters.transmitted, counters.delivered));
    for (index, work) in works.iter().enumerate() {
        let counts = &statistics.queues[index];
        let numbers = partner.got[index].lock().unwrap();
        assert!(numbers.is_sorted_by(|a, b| a < b), "in order, and none twice");
        let (posted, arrived) = (work.posted.load(Ordering::Relaxed), numbers.len() as u64);
        assert_eq!(counts.tx_packets, arrived);
        // Those that were not reported may have been sent. Single packets are reported one by one.
        assert!(arrived <= posted && posted <= arrived + counts.tx_discarded, "{posted}, {arrived}, {counts:?}");
        assert!(index == 1 || posted == arrived + counts.tx_discarded, "{posted}, {arrived}, {counts:?}");
        assert!(counts.tx_discarded > 0, "no packet was in a queue that hangs");
    }
    let fetched: u64 = works.iter().map(|work| work.received.load(Ordering::Relaxed)).sum();
    let waiting = receive_all(&mut nic);
    let discarded: u64 = statistics.queues.iter().map(|queue| queue.rx_discarded).sum();
    assert_eq!(statistics.rx_packets, fetched + waiting + discarded);
    assert_eq!(counters.frames_in, partner.sent.load(Ordering::Relaxed));
    let lost =
        counters.dropped_not_receiving + counters.missed + counters.dropped_no_descriptor + counters.dropped_no_queue;
    assert_eq!(counters.frames_in, counters.delivered + lost + counters.waiting, "{counters:?}");
    nic.stop().unwrap();
    assert!(pools.iter().all(|pool| pool.available() == pool.capacity()));
    assert_eq!(port.mapped_bytes(), 0);
    assert_clean(port);
}

/// What was received and not fetched, on all queues.
fn receive_all(nic: &mut Device<Running, Patient>) -> u64 {
    let mut batch = Batch::with_capacity(512);
    let (_, mut rx, _) = nic.split_queues();
    rx.iter_mut().map(|rx| rx.receive(&mut batch) as u64).sum()
}

#[test]
fn fifty_recoveries_under_load() {
    let rounds = std::env::var("IXGBE_RECOVERIES").map_or(50, |rounds| rounds.parse().expect("a number of rounds"));
    recover_under_load(rounds);
}
