//! IEEE 1588: the system time, and the time stamps of received and sent packets.

mod common;

use std::time::{Duration, Instant};

use common::*;
use etherparse::PacketBuilder;
use ixgbe_sim::{Fault, PortConfig, Rule, Runner, connect};

const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 2];
const TSYNCRXCTL: u32 = 0x5188;
const RXSTMPL: u32 = 0x51E8;
const RXSTMPH: u32 = 0x51A4;
const RXSATRL: u32 = 0x51A0;
const RXSATRH: u32 = 0x51A8;
const RXMTRL: u32 = 0x5120;
const ETQF: u32 = 0x5128;
const TSYNCTXCTL: u32 = 0x8C00;
const TXSTMPL: u32 = 0x8C04;
const TXSTMPH: u32 = 0x8C08;
const SYSTIML: u32 = 0x8C0C;
const SYSTIMH: u32 = 0x8C10;
const TIMINCA: u32 = 0x8C14;
const TIMADJL: u32 = 0x8C18;
const TIMADJH: u32 = 0x8C1C;

/// TSYNCRXCTL.EN and TSYNCTXCTL.EN.
const EN: u32 = 1 << 4;
/// The time stamp flag of a write-back's second word.
const TS: u64 = 1 << 16;
/// The time stamp request of a data descriptor.
const STAMP: u64 = 1 << 19;

/// Starts the system time in tenths of a nanosecond, at 10 Gb/s: 128 for each two clocks of 6.4 ns.
fn start_time(driver: &Driver) {
    driver.write(SYSTIML, 0);
    driver.write(SYSTIMH, 0);
    driver.write(TIMINCA, 2 << 24 | 128);
}

fn read_pair(driver: &Driver, low: u32, high: u32) -> u64 {
    let low = driver.read(low);
    u64::from(driver.read(high)) << 32 | u64::from(low)
}

/// Returns the system time without an access, which takes model time.
fn peek_time(driver: &Driver) -> u64 {
    u64::from(driver.peek(SYSTIMH)) << 32 | u64::from(driver.peek(SYSTIML))
}

/// Returns a number of nanoseconds of system time in tenths, rounded down to its step.
fn tenths(nanoseconds: i128) -> u64 {
    (nanoseconds * 10).div_euclid(128) as u64 * 128
}

#[test]
fn the_system_time_advances_with_model_time_as_the_increment_says() {
    let driver = Driver::running();
    driver.wait_us(1_000);
    assert_eq!(read_pair(&driver, SYSTIML, SYSTIMH), 0, "it stands still after a reset");
    start_time(&driver);
    let start = driver.port.now();
    driver.wait_us(3_000_000);
    let passed = |driver: &Driver| (driver.port.now() - start).as_nanos() as i128;
    let low = driver.read(SYSTIML);
    let right = tenths(passed(&driver));
    assert_eq!(low, right as u32);
    driver.wait_us(10);
    assert_eq!(driver.read(SYSTIMH), (right >> 32) as u32);
    assert_eq!(peek_time(&driver), tenths(passed(&driver)));
    // Twice the amount, then none.
    driver.write(TIMINCA, 2 << 24 | 256);
    let (before, at) = (peek_time(&driver), driver.port.now());
    driver.wait_us(100);
    let doubled = 2 * tenths((driver.port.now() - at).as_nanos() as i128);
    assert_eq!(peek_time(&driver) - before, doubled);
    driver.write(TIMINCA, 0);
    let stopped = peek_time(&driver);
    driver.wait_us(100);
    assert_eq!(peek_time(&driver), stopped);
    driver.clean();
}

#[test]
fn the_low_half_latches_the_high_half() {
    let driver = Driver::running();
    start_time(&driver);
    driver.write(SYSTIMH, 7);
    driver.write(SYSTIML, 0xFFFF_FFFF);
    assert_eq!(peek_time(&driver), 0x7_FFFF_FFFF);
    driver.wait_us(10);
    assert_eq!(driver.peek(SYSTIMH), 8);
    assert!(driver.read(SYSTIML) < 1_000_000);
    driver.write(SYSTIML, 0xFFFF_FFFF);
    driver.wait_us(10);
    assert_eq!((driver.read(SYSTIMH), driver.peek(SYSTIMH)), (8, 9), "8 is still latched");
    driver.clean();
}

#[test]
fn an_adjustment_has_a_sign() {
    let driver = Driver::running();
    start_time(&driver);
    for (high, amount) in [(1, 0x1_0000_0005_i128), (1 << 31 | 1, -0x1_0000_0005)] {
        driver.write(SYSTIMH, 100);
        let before = peek_time(&driver);
        driver.write(TIMADJL, 5);
        assert_eq!(peek_time(&driver), before, "the high half brings it into effect");
        driver.write(TIMADJH, high);
        assert_eq!(i128::from(peek_time(&driver)) - i128::from(before), amount);
    }
    driver.clean();
}

#[test]
fn the_clock_follows_the_speed_of_the_link() {
    let driver = Driver::running();
    driver.port.inject(Fault::ModuleOneGigabit);
    let autoc = driver.read(AUTOC);
    driver.write(AUTOC, autoc & !(7 << 13 | 1 << 9) | 1 << 12);
    start_time(&driver);
    driver.wait_us(1_000);
    let (before, at) = (peek_time(&driver), driver.port.now());
    driver.wait_us(100);
    let elapsed = |at| (driver.port.now() - at).as_nanos() as u64 * 10;
    assert!((peek_time(&driver) - before).abs_diff(elapsed(at)) <= 128, "without a link, as at 10 Gb/s");
    assert!(driver.until(LINKS, 1 << 30 | 3 << 28, 1 << 30 | 2 << 28), "1 Gb/s");
    let (before, at) = (peek_time(&driver), driver.port.now());
    driver.wait_us(1_000);
    assert!((peek_time(&driver) - before).abs_diff(elapsed(at) / 10) <= 128, "the clock takes 64 ns");
    driver.clean();
}

#[test]
fn the_oscillator_drifts_and_jumps_on_request() {
    let driver = Driver::running();
    start_time(&driver);
    for drift in [100_000, -100_000, 0] {
        driver.port.set_drift(drift);
        let before = peek_time(&driver);
        driver.port.wait(Duration::from_secs(1));
        let gained = i128::from(peek_time(&driver) - before) - 10_000_000_000;
        assert!((gained - i128::from(drift) * 10).abs() <= 128, "{drift}: {gained}");
    }
    for jump in [1_280_000, -1_280_000] {
        let before = peek_time(&driver);
        driver.port.jump(jump);
        assert_eq!(i128::from(peek_time(&driver)) - i128::from(before), i128::from(jump) * 10);
    }
    // A reset stops the time. The drift remains.
    driver.port.set_drift(100_000);
    driver.write(rx(0, 0x28), 0);
    driver.write(tx(0, 0x28), 0);
    assert!(driver.until(rx(0, 0x28), ENABLE, 0) && driver.until(tx(0, 0x28), ENABLE, 0));
    driver.reset();
    driver.wait_us(100);
    assert_eq!((peek_time(&driver), driver.peek(TIMINCA)), (0, 0));
    start_time(&driver);
    driver.port.wait(Duration::from_secs(1));
    assert!(peek_time(&driver) > 10_000_900_000);
    driver.port.clear_violations();
}

#[test]
fn a_period_of_one_clock_is_too_short_and_works() {
    let driver = Driver::running();
    // As stock drivers have it: the time in nanoseconds, with 21 bits of fraction.
    driver.write(TIMINCA, 1 << 24 | 0xCC_CCCC);
    let at = driver.port.now();
    driver.wait_us(1_000_000);
    let passed = (driver.port.now() - at).as_nanos() as u64;
    assert!((peek_time(&driver) >> 21).abs_diff(passed) < 100, "{} {passed}", peek_time(&driver) >> 21);
    assert_eq!(driver.broken(), [Rule::TimePeriodTooShort]);
}

/// A PTP message of version 2.
fn version_2(kind: u8, sequence: u16) -> Vec<u8> {
    let mut message = vec![0; 44];
    (message[0], message[1], message[3]) = (kind, 2, 44);
    message[20..30].copy_from_slice(&[0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0, 1]);
    message[30..32].copy_from_slice(&sequence.to_be_bytes());
    message
}

/// A PTP message of version 1.
fn version_1(control: u8) -> Vec<u8> {
    let mut message = vec![0; 124];
    (message[1], message[3], message[32]) = (1, 1, control);
    message[22..28].copy_from_slice(&[0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7]);
    message[30..32].copy_from_slice(&[0x12, 0x34]);
    message
}

fn over_ethernet(message: &[u8]) -> Vec<u8> {
    let mut frame = [&MAC[..], &OTHER, &[0x88, 0xF7], message].concat();
    frame.resize(frame.len().max(60), 0);
    frame
}

fn over_udp(message: &[u8], port: u16) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(OTHER, MAC)
        .ipv4([10, 0, 0, 1], [224, 0, 1, 129], 1)
        .udp(319, port)
        .write(&mut frame, message)
        .unwrap();
    frame
}

fn tagged(frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &[0x81, 0, 0, 5], &frame[12..]].concat()
}

/// Lets the driver stamp received packets of this type.
fn stamp_received(driver: &Driver, kind: u32) {
    start_time(driver);
    driver.write(ETQF + 12, 1 << 31 | 1 << 30 | 0x88F7);
    driver.write(RXMTRL, 319 << 16);
    driver.write(TSYNCRXCTL, EN | kind << 1);
}

/// Delivers a frame. Returns `true` if it was stamped, after checking that all registers agree.
fn is_stamped(driver: &mut Driver, frame: &[u8]) -> bool {
    driver.port.deliver(frame);
    let (bytes, [_, status]) = driver.receive(0).expect("a frame");
    assert_eq!(bytes, frame);
    driver.refill(0);
    let valid = driver.read(TSYNCRXCTL) & 1 != 0;
    assert_eq!(valid, status & TS != 0, "RXTT and TS agree");
    if valid {
        driver.read(RXSTMPH);
        assert_eq!(driver.read(TSYNCRXCTL) & 1, 0, "reading the stamp frees its registers");
    }
    valid
}

#[test]
fn the_type_and_the_message_decide_what_is_stamped() {
    let mut driver = Driver::running();
    let [sync, delay, peer, follow_up] = [0, 1, 2, 8].map(|kind| version_2(kind, 1));
    let frames = [
        ("Sync over Ethernet", over_ethernet(&sync)),
        ("Delay_Req over Ethernet, tagged", tagged(&over_ethernet(&delay))),
        ("Pdelay_Req over Ethernet", over_ethernet(&peer)),
        ("Follow_Up over Ethernet", over_ethernet(&follow_up)),
        ("Sync over UDP", over_udp(&sync, 319)),
        ("Delay_Req over UDP, tagged", tagged(&over_udp(&delay, 319))),
        ("Follow_Up over UDP", over_udp(&follow_up, 319)),
        ("Sync over UDP to another port", over_udp(&sync, 320)),
        ("version 1 Sync", over_udp(&version_1(0), 319)),
        ("version 1 Delay_Req", over_udp(&version_1(1), 319)),
        ("a truncated message", over_udp(&sync[..33], 319)),
        ("another protocol", frame(MAC, 100)),
    ];
    // For each type: what RXMTRL selects, and the frames that are stamped.
    let cases: [(u32, u32, &[usize]); 6] = [
        (0, 0, &[0, 2]),
        (0, 1 << 8, &[1, 2]),
        (1, 0, &[8]),
        (1, 1, &[9]),
        (2, 1 << 8, &[1, 2, 5]),
        (5, 0, &[0, 1, 2, 4, 5]),
    ];
    for (kind, select, stamped) in cases {
        stamp_received(&driver, kind);
        driver.write(RXMTRL, 319 << 16 | select);
        for (n, (what, frame)) in frames.iter().enumerate() {
            assert_eq!(is_stamped(&mut driver, frame), stamped.contains(&n), "type {kind}, {select:#x}: {what}");
        }
    }
    // Over Ethernet a filter for the EtherType is needed.
    driver.write(ETQF + 12, 1 << 31 | 0x88F7);
    assert!(!is_stamped(&mut driver, &frames[0].1));
    assert!(is_stamped(&mut driver, &frames[4].1));
    driver.write(TSYNCRXCTL, 5 << 1);
    assert!(!is_stamped(&mut driver, &frames[4].1), "off");
    // RXMTRL has another port after a reset.
    driver.write(TSYNCRXCTL, EN | 5 << 1);
    driver.write(RXMTRL, 0x0319_0000);
    assert!(!is_stamped(&mut driver, &frames[4].1));
    assert!(is_stamped(&mut driver, &over_udp(&sync, 0x319)));
    driver.write(TSYNCRXCTL, EN | 4 << 1);
    assert!(driver.broken().contains(&Rule::NotModelled), "a reserved type");
}

#[test]
fn a_stamp_holds_the_time_and_the_sender_until_it_is_read() {
    let mut driver = Driver::running();
    stamp_received(&driver, 5);
    driver.wait_us(50);
    driver.port.deliver(&over_ethernet(&version_2(0, 0x1234)));
    let right = peek_time(&driver);
    driver.wait_us(50);
    driver.port.deliver(&over_ethernet(&version_2(1, 0x5678)));
    let flags = [driver.receive(0), driver.receive(0)].map(|frame| frame.unwrap().1[1] & TS);
    assert_eq!(flags, [TS, 0], "only the first is stamped");
    assert_eq!((driver.read(RXSATRL), driver.read(RXSATRH)), (0xA5A4_A3A2, 0x3412_A7A6));
    assert_eq!(read_pair(&driver, RXSTMPL, RXSTMPH), right);
    assert_eq!(driver.read(TSYNCRXCTL) & 1, 0);
    driver.port.deliver(&over_ethernet(&version_2(1, 0x9ABC)));
    assert_eq!((driver.receive(0).unwrap().1[1] & TS, driver.read(RXSATRH)), (TS, 0xBC9A_A7A6));
    // Version 1 has the sender at the same place.
    driver.read(RXSTMPH);
    driver.write(TSYNCRXCTL, EN | 1 << 1);
    driver.port.deliver(&over_udp(&version_1(0), 319));
    assert_eq!((driver.read(RXSATRL), driver.read(RXSATRH)), (0xB5B4_B3B2, 0x3412_B7B6));
    driver.clean();
}

#[test]
fn a_lost_frame_leaves_its_stamp_behind() {
    let driver = Driver::running();
    stamp_received(&driver, 5);
    driver.write(rx(0, 0x28), 0);
    assert!(driver.until(rx(0, 0x28), ENABLE, 0));
    driver.port.deliver(&over_ethernet(&version_2(0, 1)));
    assert_eq!(driver.port.counters().dropped_no_queue, 1);
    assert_eq!(driver.read(TSYNCRXCTL) & 1, 1);
    // A frame that the filters refuse leaves none.
    driver.read(RXSTMPH);
    let mut foreign = over_ethernet(&version_2(0, 1));
    foreign[5] = 0x77;
    driver.port.deliver(&foreign);
    assert_eq!((driver.port.counters().dropped_filter, driver.read(TSYNCRXCTL) & 1), (1, 0));
    driver.clean();
}

#[test]
fn a_frame_keeps_its_stamp_in_the_packet_buffer() {
    let mut driver = Driver::running();
    stamp_received(&driver, 5);
    // No descriptors are left after 63 frames.
    (0..65).for_each(|_| driver.port.deliver(&frame(MAC, 60)));
    driver.port.deliver(&over_ethernet(&version_2(0, 1)));
    assert_eq!(driver.read(TSYNCRXCTL) & 1, 1);
    driver.read(RXSTMPH);
    driver.port.deliver(&frame(MAC, 60));
    driver.port.deliver(&over_ethernet(&version_2(0, 2)));
    assert_eq!(driver.port.counters().waiting, 5);
    (0..63).for_each(|_| assert_eq!(driver.receive(0).unwrap().1[1] & TS, 0));
    driver.refill(0);
    driver.port.step();
    let flags: Vec<u64> = std::iter::from_fn(|| driver.receive(0)).map(|(_, words)| words[1] & TS).collect();
    assert_eq!(flags, [0, 0, TS, 0, TS]);
    driver.clean();
}

/// Sends a PTP packet of 60 bytes, and requests a stamp.
fn send_stamped(driver: &mut Driver, packet: &[u8]) {
    let (_, ring) = &driver.tx[0];
    ring.buffers.write(0, packet);
    let words = [ring.buffers.address(0), data(packet.len()) | STAMP | (packet.len() as u64) << 46];
    driver.put(0, words);
    driver.ring(0);
}

#[test]
fn one_sent_packet_at_a_time_is_stamped_on_request() {
    let (mut driver, wire) = Driver::recording();
    start_time(&driver);
    let packet = over_ethernet(&version_2(1, 1));
    send_stamped(&mut driver, &packet);
    driver.port.step();
    assert_eq!(driver.read(TSYNCTXCTL), 0, "it is off");
    driver.write(TSYNCTXCTL, EN);
    driver.send(0, &packet);
    assert_eq!(driver.read(TSYNCTXCTL) & 1, 0, "not requested");
    send_stamped(&mut driver, &packet);
    driver.port.step();
    let right = peek_time(&driver);
    assert_eq!(driver.read(TSYNCTXCTL) & 1, 1);
    send_stamped(&mut driver, &packet);
    driver.port.step();
    assert_eq!(read_pair(&driver, TXSTMPL, TXSTMPH), right, "the second packet got no stamp");
    assert_eq!(driver.read(TSYNCTXCTL) & 1, 0);
    send_stamped(&mut driver, &packet);
    driver.port.step();
    assert!(read_pair(&driver, TXSTMPL, TXSTMPH) > right);
    assert_eq!(wire.take().len(), 5);
    driver.clean();
}

/// Returns two ports on a cable that stamp packets.
fn two_stamping() -> [Driver; 2] {
    let [mut one, mut other] =
        [Driver::new(), Driver::with(PortConfig { mac: OTHER, lan_id: 1, ..PortConfig::default() })];
    connect(&one.port, &other.port);
    one.port.share_time(&other.port);
    for driver in [&mut one, &mut other] {
        driver.bring_up(&[0], &[0]);
        stamp_received(driver, 5);
        driver.write(TSYNCTXCTL, EN);
    }
    [one, other]
}

/// Sends a packet from `from` to `to`. Returns its stamps at both ends.
fn exchange(from: &mut Driver, to: &mut Driver, late: u64) -> [u64; 2] {
    let mut packet = over_ethernet(&version_2(0, 1));
    packet[..6].copy_from_slice(&OTHER);
    send_stamped(from, &packet);
    from.port.step();
    from.wait_us(late);
    let start = Instant::now();
    while to.read(TSYNCRXCTL) & 1 == 0 || from.read(TSYNCTXCTL) & 1 == 0 {
        to.port.step();
        assert!(start.elapsed() < Duration::from_secs(20), "no stamps");
    }
    [read_pair(from, TXSTMPL, TXSTMPH), read_pair(to, RXSTMPL, RXSTMPH)]
}

#[test]
fn a_frame_has_the_same_time_at_both_ends_however_late_the_receiver_steps() {
    let [mut one, mut other] = two_stamping();
    assert_eq!(one.port.now(), other.port.now(), "they share their time");
    let offset = peek_time(&one).abs_diff(peek_time(&other));
    assert!(offset > 0);
    for late in [0, 10, 3_000] {
        let [sent, received] = exchange(&mut one, &mut other, late);
        assert!(received.abs_diff(sent).abs_diff(offset) <= 2 * 128, "{late}: {sent} {received} {offset}");
    }
    // Under a runner, real time is what they share.
    let runner = Runner::start([one.port.clone(), other.port.clone()]).unwrap();
    let mut first = None;
    for _ in 0..50 {
        let [sent, received] = exchange(&mut one, &mut other, 100);
        let offset = received.wrapping_sub(sent) as i64;
        assert!(first.get_or_insert(offset).abs_diff(offset) <= 2 * 128, "{first:?} {offset}");
    }
    drop(runner);
    [one, other].iter().for_each(Driver::clean);
}
