//! Flow control by pause frames, in both directions.

mod common;

use std::time::{Duration, Instant};

use common::*;
use ixgbe_sim::{PortConfig, Rule, Runner, connect};

const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 2];
const GROUP: [u8; 6] = [0x01, 0x80, 0xC2, 0, 0, 0x01];
const FCTTV: u32 = 0x3200;
const FCRTL: u32 = 0x3220;
const FCRTV: u32 = 0x32A0;
const FCCFG: u32 = 0x3D00;
const TFCS: u32 = 0xCE00;
const MFLCN: u32 = 0x4294;
const PMCF: u32 = 1 << 0;
const DPF: u32 = 1 << 1;
const RFCE: u32 = 1 << 3;
const LXONTXC: u32 = 0x3F60;
const LXOFFTXC: u32 = 0x3F68;
const LXONRXCNT: u32 = 0x41A4;
const LXOFFRXCNT: u32 = 0x41A8;
const GPTC: u32 = 0x4080;
const TXDGPC: u32 = 0x87A0;

/// Returns a MAC control frame with this opcode and time.
fn control(to: [u8; 6], opcode: u16, time: u16) -> Vec<u8> {
    let mut frame = [&to[..], &OTHER, &[0x88, 0x08], &opcode.to_be_bytes(), &time.to_be_bytes()].concat();
    frame.resize(60, 0);
    frame
}

/// Returns TFCS.TC_XON, which must be all ones or all zeros.
fn may_send(driver: &Driver) -> bool {
    let classes = driver.peek(TFCS) & 0xFF;
    assert!(classes == 0 || classes == 0xFF);
    classes != 0
}

/// Posts a packet. Returns the number of packets sent in a step.
fn posts(driver: &mut Driver) -> u64 {
    driver.put_packet(0, &frame(OTHER, 60));
    driver.ring(0);
    let before = driver.port.counters().transmitted;
    driver.port.step();
    driver.port.counters().transmitted - before
}

#[test]
fn a_pause_stops_transmission_for_its_time_or_until_xon() {
    let mut driver = Driver::running();
    driver.write(MFLCN, RFCE | DPF);
    for to in [GROUP, MAC] {
        // 1000 quanta take 51.2 us.
        driver.port.deliver(&control(to, 1, 1_000));
        let at = driver.port.now();
        assert_eq!((posts(&mut driver), may_send(&driver)), (0, false));
        while driver.port.step() == 0 {}
        let paused = (driver.port.now() - at).as_nanos();
        assert!((51_200..61_200).contains(&paused), "{paused}");
        assert!(may_send(&driver));
    }
    driver.port.deliver(&control(GROUP, 1, 0xFFFF));
    assert_eq!(posts(&mut driver), 0);
    driver.port.deliver(&control(GROUP, 1, 0));
    assert_eq!((driver.port.step(), may_send(&driver)), (1, true));
    assert_eq!((driver.read(LXOFFRXCNT), driver.read(LXONRXCNT)), (3, 1));
    // Software can end a pause.
    driver.port.deliver(&control(GROUP, 1, 0xFFFF));
    assert_eq!(posts(&mut driver), 0);
    driver.write(MFLCN, 0);
    assert_eq!(driver.port.step(), 1);
    assert_eq!((driver.receive(0), driver.port.counters().frames_in), (None, 0), "the MAC keeps pause frames");
    driver.clean();
}

#[test]
fn a_pause_frame_that_is_not_obeyed_or_discarded_goes_to_the_filters() {
    let mut driver = Driver::running();
    // For each MFLCN: whether a pause is obeyed, whether it is received, and whether another control frame is.
    let cases = [
        (0, false, true, false),
        (DPF, false, true, false),
        (RFCE, true, true, false),
        (RFCE | DPF, true, false, false),
        (RFCE | DPF | PMCF, true, false, true),
        (PMCF, false, true, true),
    ];
    for (mflcn, obeyed, received, other) in cases {
        driver.write(MFLCN, mflcn);
        driver.port.deliver(&control(MAC, 1, 1_000));
        assert_eq!(driver.receive(0).is_some(), received, "{mflcn:#x}");
        assert_eq!(posts(&mut driver) == 0, obeyed, "{mflcn:#x}");
        driver.wait_us(100);
        driver.port.deliver(&control(MAC, 2, 1_000));
        assert_eq!(driver.receive(0).is_some(), other, "{mflcn:#x}");
        driver.refill(0);
    }
    let counters = driver.port.counters();
    assert_eq!((counters.frames_in, counters.delivered, counters.dropped_filter), (10, 6, 4));
    // A pause for another station is none.
    driver.write(MFLCN, RFCE | DPF);
    driver.port.deliver(&control(OTHER, 1, 1_000));
    assert_eq!(posts(&mut driver), 1);
    driver.clean();
}

/// Lets the driver send pause frames, of `timer` quanta, again after `timer - refresh`.
fn send_pauses(driver: &Driver, timer: u32, refresh: u32) {
    driver.write(FCTTV, timer);
    driver.write(FCRTV, refresh);
    driver.write(FCRTL, 8 << 10 | 1 << 31);
    driver.write(FCRTH, 480 << 10 | 1 << 31);
    driver.write(FCCFG, 1 << 3);
}

/// Delivers as many frames as the packet buffer holds up to the high threshold, beyond the 63 that the ring takes.
fn fill(driver: &Driver) {
    (0..63).for_each(|_| driver.port.deliver(&frame(MAC, 60)));
    (0..480).for_each(|_| driver.port.deliver(&frame(MAC, 1_024)));
    driver.port.step();
}

#[test]
fn xoff_is_sent_above_the_high_threshold_and_xon_below_the_low_one() {
    let (mut driver, wire) = Driver::recording();
    send_pauses(&driver, 0x8000, 0x6000);
    fill(&driver);
    assert_eq!(wire.take(), Vec::<Vec<u8>>::new(), "the fill is the threshold");
    driver.port.deliver(&frame(MAC, 60));
    driver.port.step();
    let right = |time: u16| {
        let mut frame = control(GROUP, 1, time);
        frame[6..12].copy_from_slice(&MAC);
        frame
    };
    let at = driver.port.now();
    assert_eq!(wire.take(), [right(0x8000)]);
    driver.port.deliver(&frame(MAC, 60));
    driver.port.step();
    assert_eq!(wire.take(), Vec::<Vec<u8>>::new(), "once");
    // 0x2000 quanta take 419.4 us.
    let mut again = Vec::new();
    while driver.port.now() - at < Duration::from_micros(4_000) {
        driver.port.step();
        if !wire.take().is_empty() {
            again.push((driver.port.now() - at).as_micros() as i64);
        }
    }
    assert_eq!(again.len(), 9);
    assert!(again.iter().zip(1..).all(|(time, n)| (time - n * 419).abs() < 30), "{again:?}");
    // While frames wait above the low threshold there is no XON.
    while driver.port.counters().waiting > 10 {
        while driver.receive(0).is_some() {}
        driver.refill(0);
        driver.port.step();
    }
    assert_eq!(wire.take(), [right(0)]);
    driver.wait_us(1_000);
    assert_eq!(wire.take(), Vec::<Vec<u8>>::new());
    assert_eq!((driver.read(LXOFFTXC), driver.read(LXONTXC)), (10, 1));
    assert_eq!((driver.read(GPTC), driver.read(TXDGPC), driver.port.counters().transmitted), (11, 0, 0));
    assert_eq!(driver.port.counters().missed, 0);
    driver.clean();
}

#[test]
fn without_flow_control_no_pause_frame_is_sent() {
    for (at, value) in [(FCCFG, 0), (FCRTH, 480 << 10)] {
        let (driver, wire) = Driver::recording();
        send_pauses(&driver, 0x8000, 0x6000);
        driver.write(at, value);
        fill(&driver);
        (0..100).for_each(|_| driver.port.deliver(&frame(MAC, 1_024)));
        driver.port.step();
        assert_eq!(wire.take(), Vec::<Vec<u8>>::new());
        assert!(driver.port.counters().missed > 0);
    }
}

/// Sends 4000 frames over a cable to a receiver that steps rarely and takes few frames. Returns the numbers of frames
/// missed and received, and the receiver.
fn overload(obeys: bool, asks: bool, timer: u32, refresh: u32) -> (u64, u64, [Driver; 2]) {
    let [mut one, mut other] =
        [Driver::new(), Driver::with(PortConfig { mac: OTHER, lan_id: 1, ..PortConfig::default() })];
    connect(&one.port, &other.port);
    one.bring_up(&[0], &[0]);
    other.bring_up(&[0], &[0]);
    if obeys {
        one.write(MFLCN, RFCE | DPF);
    }
    if asks {
        send_pauses(&other, timer, refresh);
    }
    let (mut posted, mut received) = (0, 0);
    for round in 0..20_000 {
        let head = one.peek(tx(0, 0x10)) as usize;
        while posted < 4_000 && (one.tx[0].1.tail + 1) % 64 != head {
            one.put_packet(0, &frame(OTHER, 1_500));
            posted += 1;
        }
        one.ring(0);
        one.port.step();
        if round % 7 == 0 {
            other.port.step();
            (0..5).for_each(|_| received += u64::from(other.receive(0).is_some()));
            other.refill(0);
        }
        if received + other.port.counters().missed == 4_000 {
            break;
        }
    }
    (other.port.counters().missed, received, [one, other])
}

#[test]
fn with_flow_control_a_slow_receiver_misses_nothing() {
    let (missed, received, [one, other]) = overload(true, true, 0xFFFF, 0x7FFF);
    assert_eq!((missed, received), (0, 4_000));
    let (off, on) = (other.read(LXOFFTXC), other.read(LXONTXC));
    assert!(off > 0 && on > 0, "{off} {on}");
    assert_eq!((one.read(LXOFFRXCNT), one.read(LXONRXCNT)), (off, on));
    one.clean();
    other.clean();
}

#[test]
fn frames_wait_for_a_receiver_that_takes_none_or_does_not_step() {
    let [mut one, mut other] =
        [Driver::new(), Driver::with(PortConfig { mac: OTHER, lan_id: 1, ..PortConfig::default() })];
    connect(&one.port, &other.port);
    one.bring_up(&[0], &[0]);
    other.bring_up(&[0], &[0]);
    one.write(MFLCN, RFCE | DPF);
    send_pauses(&other, 0xFFFF, 0x7FFF);
    other.port.step();
    // Without a step of the other port, the sender stops when the cable is full.
    for _ in 0..1_000 {
        let head = one.peek(tx(0, 0x10)) as usize;
        while (one.tx[0].1.tail + 1) % 64 != head {
            one.put_packet(0, &frame(OTHER, 1_500));
        }
        one.ring(0);
        one.port.step();
    }
    let sent = one.port.counters().transmitted;
    assert!((1_000..5_000).contains(&sent), "{sent}");
    // Its packet buffer stays full for 10 ms.
    (0..1_000).for_each(|_| _ = other.port.step());
    let in_buffer = other.port.counters().waiting;
    assert!((300..350).contains(&in_buffer), "{in_buffer}");
    let mut received = 0;
    for _ in 0..10_000 {
        received += std::iter::from_fn(|| other.receive(0)).count() as u64;
        other.refill(0);
        one.port.step();
        other.port.step();
    }
    assert_eq!((received, other.port.counters().missed), (one.port.counters().transmitted, 0));
    assert!(received > sent);
}

#[test]
fn without_flow_control_at_either_end_it_misses_frames() {
    for (obeys, asks) in [(false, false), (true, false), (false, true)] {
        let (missed, received, drivers) = overload(obeys, asks, 0xFFFF, 0x7FFF);
        assert!(missed > 100 && missed + received == 4_000, "{obeys} {asks}: {missed} {received}");
        drivers.iter().for_each(Driver::clean);
    }
    // A pause that is not renewed in time ends.
    let (missed, ..) = overload(true, true, 0x100, 0x100);
    assert!(missed > 100, "{missed}");
}

#[test]
fn with_flow_control_nothing_is_missed_under_a_runner() {
    const COUNT: u64 = 3_000;
    let [mut one, mut other] =
        [Driver::new(), Driver::with(PortConfig { mac: OTHER, lan_id: 1, ..PortConfig::default() })];
    connect(&one.port, &other.port);
    let runner = Runner::start([one.port.clone(), other.port.clone()]).unwrap();
    one.bring_up(&[0], &[0]);
    other.bring_up(&[0], &[0]);
    one.write(MFLCN, RFCE | DPF);
    send_pauses(&other, 0xFFFF, 0x7FFF);
    let (mut posted, mut received, start) = (0, 0, Instant::now());
    while received < COUNT {
        let head = one.peek(tx(0, 0x10)) as usize;
        while posted < COUNT && (one.tx[0].1.tail + 1) % 64 != head {
            one.put_packet(0, &frame(OTHER, 1_500));
            posted += 1;
        }
        one.ring(0);
        (0..5).for_each(|_| received += u64::from(other.receive(0).is_some()));
        other.refill(0);
        assert_eq!(other.port.counters().missed, 0);
        assert!(start.elapsed() < Duration::from_secs(60), "{received}");
    }
    drop(runner);
    assert!(other.read(LXOFFTXC) > 0);
}

#[test]
fn inconsistent_thresholds_and_timers_are_recorded() {
    let cases = [(RXPBSIZE, 480 << 10), (FCRTL, 1 << 31), (FCRTL, 480 << 10), (FCRTV, 0x8000)];
    for (at, value) in cases {
        let driver = Driver::running();
        send_pauses(&driver, 0x8000, 0x6000);
        driver.stop_receive();
        driver.start_receive();
        driver.clean();
        driver.stop_receive();
        driver.write(at, value);
        driver.start_receive();
        assert_eq!(driver.broken(), [Rule::FlowControlInconsistent], "{at:#x}");
    }
}
