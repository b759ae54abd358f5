//! A cable between two ports is no queue: a port that does not receive misses frames, and never stops the sender.

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::*;
use ixgbe_sim::wire::faults::Faults;
use ixgbe_sim::wire::generator::Generator;
use ixgbe_sim::wire::{Wire, cable};
use ixgbe_sim::{Fault, PortConfig, connect, connect_copper, connect_lossless};

/// Frames of 64 and of 65 to 127 bytes, runts, and frames with a wrong CRC (8.2.3.23).
const PRC64: u32 = 0x405C;
const PRC127: u32 = 0x4060;
const RUC: u32 = 0x40A4;
const CRCERRS: u32 = 0x4000;
const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// Returns two drivers, not yet brought up.
fn two() -> [Driver; 2] {
    [Driver::new(), Driver::with(PortConfig { mac: OTHER, lan_id: 1, ..PortConfig::default() })]
}

/// Sends `count` frames of `len` bytes to the other port, a few at a time. Fails if they do not all leave at once.
fn send_many(driver: &mut Driver, count: usize, len: usize) {
    for _ in 0..count.div_ceil(32) {
        (0..32).for_each(|_| driver.put_packet(0, &frame(OTHER, len)));
        driver.ring(0);
        driver.port.run_until_idle(10);
        let last = (driver.tx[0].1.tail + 63) % 64;
        assert!(driver.is_done(0, last), "the sender waits for the receiver");
    }
}

#[test]
fn a_port_that_does_not_receive_blocks_no_sender_and_gets_no_old_frames() {
    let [mut one, mut other] = two();
    connect(&one.port, &other.port);
    one.bring_up(&[0], &[0]);
    // The other port neither runs nor steps.
    send_many(&mut one, 100_000, 60);
    other.bring_up(&[0], &[0]);
    assert_eq!(other.receive(0), None);
    assert_eq!((other.port.counters().delivered, other.port.counters().missed), (0, 0));
    let lost = other.port.counters().frames_in;
    assert_eq!((lost, other.port.counters().dropped_not_receiving), (100_000, 100_000));
    // The other port steps, with RXEN off.
    other.stop_receive();
    for _ in 0..200 {
        send_many(&mut one, 32, 60);
        other.port.step();
    }
    other.start_receive();
    other.port.run_until_idle(10);
    assert_eq!((other.receive(0), other.port.counters().missed), (None, 0));
    assert_eq!(other.port.counters().dropped_not_receiving - lost, 200 * 32);
    // New frames arrive.
    send_many(&mut one, 32, 60);
    other.port.run_until_idle(10);
    assert_eq!(other.receive(0).map(|(bytes, _)| bytes), Some(frame(OTHER, 60)));
    [one, other].iter().for_each(Driver::clean);
}

#[test]
fn a_port_without_descriptors_fills_its_packet_buffer_and_misses_the_rest() {
    let [mut one, mut other] = two();
    connect(&one.port, &other.port);
    one.bring_up(&[0], &[0]);
    other.bring_up(&[0], &[0]);
    for _ in 0..100 {
        send_many(&mut one, 32, 1_000);
        other.port.step();
    }
    let counters = other.port.counters();
    assert_eq!((counters.delivered, counters.waiting), (63, 512 * 1024 / 1_000));
    assert_eq!(counters.missed, 3_200 - 63 - counters.waiting);
    assert_eq!(u64::from(other.read(0x3FA0)), counters.missed, "RXMPC");
    // With DROP_EN no frame waits, and none is missed.
    let drops = other.srrctl | 1 << 28;
    other.write(rx(0, 0x14), drops);
    other.port.clear_violations();
    send_many(&mut one, 32, 1_000);
    other.port.run_until_idle(10);
    assert_eq!(other.port.counters().missed, counters.missed);
    assert_eq!(other.port.counters().dropped_no_descriptor, counters.waiting + 32);
    assert_eq!(u64::from(other.read(0x1430)), counters.waiting + 32, "QPRDC");
    [one, other].iter().for_each(Driver::clean);
}

#[test]
fn a_reset_discards_the_packet_buffer() {
    let [mut one, mut other] = two();
    connect(&one.port, &other.port);
    one.bring_up(&[0], &[0]);
    other.bring_up(&[0], &[0]);
    for _ in 0..4 {
        send_many(&mut one, 32, 60);
    }
    other.port.run_until_idle(10);
    assert_eq!(other.port.counters().waiting, 128 - 63);
    other.stop_receive();
    other.clear(rx(0, 0x28), ENABLE);
    other.clear(tx(0, 0x28), ENABLE);
    other.wait_us(200);
    other.clean();
    other.rx.clear();
    other.tx.clear();
    other.bring_up(&[0], &[0]);
    assert_eq!(other.receive(0), None);
    let counters = other.port.counters();
    assert_eq!((counters.waiting, counters.frames_in), (0, 128));
    assert_eq!(counters.delivered + counters.dropped_not_receiving + counters.missed, 128);
    [one, other].iter().for_each(Driver::clean);
}

#[test]
fn a_pulled_cable_is_dark_at_both_ends() {
    for connect in [connect, connect_copper, connect_lossless] {
        let [mut one, mut other] = two();
        connect(&one.port, &other.port);
        one.bring_up(&[0], &[0]);
        other.bring_up(&[0], &[0]);
        for round in 0..2 {
            let (pulled, far) = if round == 0 { (&other, &one) } else { (&one, &other) };
            pulled.port.set_link(false);
            [pulled, far].iter().for_each(|driver| _ = driver.port.step());
            assert!([&one, &other].iter().all(|driver| driver.read(LINKS) & 1 << 30 == 0));
            pulled.port.set_link(true);
            [pulled, far].iter().for_each(|driver| driver.wait_for_link());
        }
        // A pulled port stays so with another cable.
        other.port.set_link(false);
        connect(&one.port, &other.port);
        [&one, &other].iter().for_each(|driver| driver.wait_us(200_000));
        assert!([&one, &other].iter().all(|driver| driver.read(LINKS) & 1 << 30 == 0));
    }
}

#[test]
fn frames_to_a_removed_card_or_one_without_link_are_lost() {
    type Act = fn(&Driver);
    let cases: [(Act, Act); 2] = [
        (|d| d.port.inject(Fault::SurpriseRemoval), |d| d.port.clear(Fault::SurpriseRemoval)),
        (|d| d.port.inject(Fault::NoLight), |d| d.port.clear(Fault::NoLight)),
    ];
    for (gone, back) in cases {
        let [mut one, mut other] = two();
        connect(&one.port, &other.port);
        one.bring_up(&[0], &[0]);
        other.bring_up(&[0], &[0]);
        gone(&other);
        send_many(&mut one, 320, 60);
        other.port.step();
        back(&other);
        other.wait_for_link();
        other.port.run_until_idle(10);
        assert_eq!(other.receive(0), None);
        assert_eq!(other.port.counters().dropped_not_receiving, 320);
    }
}

#[test]
fn a_lossless_cable_stops_the_sender_instead() {
    let [mut one, mut other] = two();
    connect_lossless(&one.port, &other.port);
    one.bring_up(&[0], &[0]);
    for _ in 0..4_096 / 32 {
        send_many(&mut one, 32, 60);
    }
    one.put_packet(0, &frame(OTHER, 60));
    one.ring(0);
    one.port.run_until_idle(10);
    assert!(!one.is_done(0, (one.tx[0].1.tail + 63) % 64), "the cable is full");
    other.bring_up(&[0], &[0]);
    let mut received = 0;
    for _ in 0..1_000 {
        one.port.step();
        other.port.step();
        while other.receive(0).is_some() {
            received += 1;
        }
        other.refill(0);
    }
    assert_eq!(received, 4_097);
    [one, other].iter().for_each(Driver::clean);
}

#[test]
fn a_generator_keeps_its_rate_and_never_exceeds_the_line_rate() {
    let line = |len: u64| 10_000_000_000 / ((len + 24) * 8);
    let plain = |len: usize| Generator::new(MAC, len);
    // A generator, and its number of frames per second of model time.
    let cases = [
        (plain(60), line(60)),
        (plain(1_514), line(1_514)),
        (plain(60).frames_per_second(1), 1),
        (plain(60).frames_per_second(777), 777),
        (plain(60).frames_per_second(1_000_000), 1_000_000),
        (plain(60).frames_per_second(u64::MAX), line(60)),
        (plain(1_226).bits_per_second(1_000_000_000), 100_000),
        (plain(60).bits_per_second(u64::MAX), line(60)),
        (plain(60).frames_per_second(10_000).count(42), 4_200),
    ];
    for (n, (generator, rate)) in cases.into_iter().enumerate() {
        let mut driver = Driver::new();
        let sent = generator.sent();
        driver.port.plug(generator);
        driver.bring_up(&[0], &[]);
        let before = sent.load(Ordering::Relaxed);
        // A hundredth of a second, or more for low rates.
        let time = if rate < 1_000 { 1_000_000 } else { 10_000 };
        driver.wait_us(time);
        let (got, expected) = (sent.load(Ordering::Relaxed) - before, rate * time / 1_000_000);
        // Frames due between two looks at the wire arrive at the second.
        let slack = 1 + rate / 1_000;
        let expected = if n == 8 { 42 - before } else { expected };
        assert!(got.abs_diff(expected) <= slack, "case {n}: {got} frames, not {expected}");
        let counters = driver.port.counters();
        assert_eq!(counters.frames_in, sent.load(Ordering::Relaxed), "case {n}");
        let lost = counters.missed + counters.dropped_not_receiving;
        assert_eq!(counters.delivered + counters.waiting + lost, counters.frames_in, "case {n}");
    }
}

#[test]
fn a_generator_does_not_make_up_for_a_port_that_did_not_step() {
    let mut driver = Driver::new();
    let generator = Generator::new(MAC, 60).frames_per_second(1_000_000);
    let sent = generator.sent();
    driver.port.plug(generator);
    driver.bring_up(&[0], &[]);
    driver.port.set_link(false);
    driver.port.wait(Duration::from_secs(5));
    let before = sent.load(Ordering::Relaxed);
    driver.port.set_link(true);
    driver.wait_for_link();
    driver.port.step();
    let made_up = sent.load(Ordering::Relaxed) - before;
    assert!((1..=2_200).contains(&made_up), "{made_up}");
}

/// A wire that reports more lost frames than are possible.
struct Boasting;

impl Wire for Boasting {
    fn receive(&mut self, _: usize, _: &mut dyn FnMut(&[u8])) {}

    fn transmit(&mut self, _: &[u8]) {}

    fn overrun(&mut self) -> u64 {
        u64::MAX
    }

    fn discard(&mut self) -> u64 {
        u64::MAX
    }
}

#[test]
fn a_wire_that_reports_too_many_losses_overflows_no_counter() {
    for receiving in [false, true] {
        let [mut driver, _] = two();
        driver.port.plug(Boasting);
        driver.bring_up(&[0], &[0]);
        if !receiving {
            driver.stop_receive();
        }
        (0..20).for_each(|_| _ = driver.port.step());
        let counters = driver.port.counters();
        assert!(counters.missed + counters.dropped_not_receiving > 0);
    }
}

#[test]
fn a_wait_beyond_the_end_of_time_does_not_overflow_the_clock() {
    let port = ixgbe_sim::Port::new(Default::default());
    port.wait(Duration::from_secs(3));
    port.wait(Duration::MAX);
    assert!(port.now() > Duration::from_secs(3));
}

/// A wire that gives frames of these lengths.
struct Lengths(Vec<usize>);

impl Wire for Lengths {
    fn receive(&mut self, _: usize, port: &mut dyn FnMut(&[u8])) {
        for len in self.0.drain(..) {
            port(&frame(MAC, 16_384)[..len]);
        }
    }

    fn transmit(&mut self, _: &[u8]) {}
}

#[test]
fn frames_from_a_wire_are_padded_or_counted() {
    let mut driver = Driver::new();
    driver.port.plug(Lengths(vec![1, 14, 59, 60, 61]));
    driver.bring_up(&[0], &[0]);
    driver.clear(rx(0, 0x28), ENABLE);
    driver.port.run_until_idle(10);
    let counters = driver.port.counters();
    // One byte is no address of this port: a MAC would send it, and the filter drops it.
    assert_eq!((counters.frames_in, counters.dropped_filter, counters.dropped_short), (5, 1, 0));
    // In bytes with CRC: the others that were short have 64 now.
    assert_eq!([PRC64, PRC127, RUC].map(|register| driver.read(register)), [3, 1, 0]);
    // Frames that no MAC sends.
    driver.port.plug(Lengths(vec![0, 16_381, 16_384, 1515]));
    driver.port.run_until_idle(10);
    let counters = driver.port.counters();
    assert_eq!((counters.frames_in, counters.dropped_unfit, counters.dropped_long), (9, 3, 1));
    assert_eq!(counters.dropped_not_receiving, 0);
}

#[test]
fn a_bad_wire_loses_what_the_chip_counts_and_no_more() {
    const SENT: usize = 4_096;
    let [mut one, mut other] = two();
    let faults = Faults { loss: 0.1, corruption: 0.1, duplication: 0.1, seed: 3, ..Faults::default() };
    let (here, there) = cable::cable();
    let there = there.with_faults(faults);
    let befell = there.counters();
    one.port.plug(here);
    other.port.plug(there);
    one.bring_up(&[0], &[0]);
    other.bring_up(&[0], &[0]);
    let mut received = 0;
    for _ in 0..SENT / 32 {
        send_many(&mut one, 32, 60);
        other.port.run_until_idle(10);
        while let Some((bytes, _)) = other.receive(0) {
            assert_eq!(bytes, frame(OTHER, 60));
            received += 1;
        }
        other.refill(0);
    }
    assert_eq!(befell.frames(), SENT as u64);
    assert!([befell.lost(), befell.corrupted(), befell.duplicated()].iter().all(|count| (300..520).contains(count)));
    assert_eq!(received, befell.frames() - befell.lost() - befell.corrupted() + befell.duplicated());
    assert_eq!(u64::from(other.read(CRCERRS)), befell.corrupted());
    let counters = other.port.counters();
    assert_eq!((counters.dropped_crc, counters.missed), (befell.corrupted(), 0));
    [one, other].iter().for_each(Driver::clean);
}
