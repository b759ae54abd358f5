//! Rate limits of transmit queues, and the registers that stand for one queue each.

mod common;

use std::time::Duration;

use common::*;
use ixgbe_sim::{Fault, Rule};

const RTTDQSEL: u32 = 0x4904;
const RTTDT1C: u32 = 0x4908;
const RTTBCNRM: u32 = 0x4980;
const RTTBCNRC: u32 = 0x4984;
const RTTBCNRD: u32 = 0x498C;
const RS_ENA: u32 = 1 << 31;

/// Limits `queue` to `rate` Mb/s of a link with `link` Mb/s.
fn limit(driver: &Driver, queue: u32, link: u32, rate: u32) {
    driver.write(RTTDQSEL, queue);
    driver.write(RTTBCNRC, RS_ENA | ((link << 14) / rate));
}

/// Returns a driver with these transmit queues.
fn with_queues(queues: &[u32]) -> (Driver, Recorder) {
    let (mut driver, wire) = (Driver::new(), Recorder::default());
    driver.port.plug(wire.clone());
    driver.bring_up(&[0], queues);
    (driver, wire)
}

/// Keeps all queues full of frames of `len` bytes for `time`. Returns their rates in Mb/s, of frames with their CRC.
fn rates(driver: &mut Driver, wire: &Recorder, len: usize, time: Duration) -> Vec<u64> {
    let end = driver.port.now() + time;
    let mut bits = vec![0; driver.tx.len()];
    wire.take();
    while driver.port.now() < end {
        for nth in 0..driver.tx.len() {
            let head = driver.peek(tx(driver.tx[nth].0, 0x10)) as usize;
            while (driver.tx[nth].1.tail + 1) % 64 != head {
                let mut packet = frame(MAC, len);
                packet[14] = nth as u8;
                driver.put_packet(nth, &packet);
            }
            driver.ring(nth);
        }
        driver.port.step();
        for frame in wire.take() {
            bits[usize::from(frame[14])] += (frame.len() as u64 + 4) * 8;
        }
    }
    bits.iter().map(|bits| bits * 1_000 / time.as_nanos() as u64).collect()
}

#[test]
fn each_queue_has_registers_of_its_own_behind_the_selection() {
    let driver = Driver::running();
    let unknown = [0, 1, 127].map(|queue| {
        driver.write(RTTDQSEL, queue);
        driver.read(RTTDT1C)
    });
    assert!(unknown[0] != unknown[1] && unknown[1] != unknown[2], "unknown values differ: {unknown:x?}");
    for queue in 0..128 {
        driver.write(RTTDQSEL, queue);
        driver.write(RTTDT1C, 1_000 + queue);
        driver.write(RTTBCNRC, queue << 7);
    }
    for queue in (0..128).rev() {
        driver.write(RTTDQSEL, queue);
        assert_eq!((driver.read(RTTDT1C), driver.read(RTTBCNRC)), (1_000 + queue, queue << 7));
    }
    driver.clean();
}

#[test]
fn a_limited_queue_sends_at_its_rate_and_others_at_theirs() {
    let (mut driver, wire) = with_queues(&[0, 5, 70]);
    for len in [60, 1_000] {
        limit(&driver, 0, 10_000, 1_000);
        limit(&driver, 70, 10_000, 100);
        let rates = rates(&mut driver, &wire, len, Duration::from_millis(20));
        assert!(rates[0].abs_diff(1_000) <= 10, "{rates:?}");
        assert!(rates[1] > 3_000, "{rates:?}");
        assert!(rates[2].abs_diff(100) <= 2, "{rates:?}");
    }
    driver.clean();
}

#[test]
fn limits_end_when_they_are_cleared() {
    let (mut driver, wire) = with_queues(&[0, 1]);
    limit(&driver, 0, 10_000, 10);
    limit(&driver, 1, 10_000, 10);
    let time = Duration::from_millis(2);
    assert!(rates(&mut driver, &wire, 1_000, time).iter().all(|rate| *rate <= 15));
    driver.write(RTTBCNRC, 0);
    let unlimited: Vec<bool> = rates(&mut driver, &wire, 1_000, time).iter().map(|rate| *rate > 3_000).collect();
    assert_eq!(unlimited, [false, true], "of queue 1 alone");
    driver.write(RTTBCNRD, 1 << 1);
    assert!(rates(&mut driver, &wire, 1_000, time).iter().all(|rate| *rate > 3_000));
    driver.write(RTTDQSEL, 0);
    assert_eq!((driver.read(RTTBCNRC), driver.read(RTTBCNRD)), (0, 0));
    driver.clean();
    driver.write(RTTBCNRD, 1 << 31);
    assert_eq!(driver.broken(), [Rule::NotModelled]);
}

#[test]
fn an_idle_queue_saves_up_no_more_than_the_window() {
    for (window, most) in [(0, 1), (4, 1 + 4)] {
        let (mut driver, wire) = with_queues(&[0]);
        driver.write(RTTBCNRM, window);
        limit(&driver, 0, 10_000, 100);
        driver.wait_us(1_000_000);
        // A frame of 1024 bytes takes 81.9 us.
        (0..20).for_each(|_| driver.put_packet(0, &frame(MAC, 1_020)));
        driver.ring(0);
        driver.port.step();
        assert_eq!(wire.take().len(), most, "{window} KB");
        driver.wait_us(820);
        assert_eq!(wire.take().len(), 10);
    }
}

#[test]
fn a_limited_segmented_packet_counts_with_all_its_frames() {
    let (mut driver, wire) = with_queues(&[0]);
    limit(&driver, 0, 10_000, 100);
    let mut packet = frame(MAC, 54 + 10_000);
    packet[12..16].copy_from_slice(&[8, 0, 0x45, 0]);
    for _ in 0..2 {
        driver.tx[0].1.buffers.write(0, &packet);
        let address = driver.tx[0].1.buffers.address(0);
        driver.put(0, [20 | 14 << 9, 1 << 10 | 1 << 11 | 2 << 20 | 1 << 29 | 20 << 40 | 1_000 << 48]);
        driver.put(0, [address, data(packet.len()) | 1 << 31 | 3 << 40 | 10_000 << 46]);
    }
    driver.ring(0);
    let at = driver.port.now();
    driver.port.step();
    assert_eq!(wire.take().len(), 10);
    driver.wait_us(2_000);
    assert_eq!(wire.take().len(), 10);
    // 10 frames of 1058 bytes take 846 us.
    let done = driver.port.now() - at;
    assert!(done > Duration::from_micros(846), "{done:?}");
    driver.clean();
}

#[test]
fn the_rate_is_relative_to_the_speed_of_the_link() {
    let (mut driver, wire) = with_queues(&[0]);
    driver.port.inject(Fault::ModuleOneGigabit);
    let autoc = driver.read(AUTOC);
    driver.write(AUTOC, autoc & !(7 << 13 | 1 << 9) | 1 << 12);
    assert!(driver.until(LINKS, 1 << 30 | 3 << 28, 1 << 30 | 2 << 28), "1 Gb/s");
    limit(&driver, 0, 10_000, 1_000);
    let rates = rates(&mut driver, &wire, 1_000, Duration::from_millis(50));
    assert!(rates[0].abs_diff(100) <= 2, "{rates:?}");
    driver.clean();
}
