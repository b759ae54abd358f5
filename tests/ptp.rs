//! The PTP clock and its stamps: over wraps, drift, changes of the link's speed, and what gets lost on the way.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Altered, Nic, assert_clean, at, mac, peek, port, recorded, start};
use ixgbe::device::{Config, Device, Error, LinkMode, PtpCounters, PtpError, PtpMessage, PtpStamps, TransmitStamp};
use ixgbe::port::{LinkStatus, Speed};
use ixgbe_sim::wire::NoTraffic;
use ixgbe_sim::{Fault, Port};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// What a few reads take in the model. Each call makes the same reads, so intervals are exact to steps of the clock.
const READS: Duration = Duration::from_micros(20);

fn config() -> Config {
    Config::new().ptp(PtpStamps::EventsV2).link(LinkMode::TenGigabitSfi)
}

fn running() -> (Port, Nic) {
    let (port, _) = recorded(0);
    let nic = start(&port, &config());
    (port, nic)
}

fn time(nic: &mut Nic) -> Duration {
    nic.split().0.ptp().unwrap().time().unwrap()
}

fn counters(nic: &mut Nic) -> PtpCounters {
    nic.split().0.ptp().unwrap().counters()
}

/// A Delay_Req message over Ethernet, to the port's own address: the filters let no multicast pass.
fn message(source: u8, sequence: u16) -> Vec<u8> {
    let mut frame = [&mac(0)[..], &mac(9), &[0x88, 0xf7, 0x01, 0x02]].concat();
    frame.resize(60, 0);
    frame[34..44].copy_from_slice(&[source; 10]);
    frame[39] = 0xfe;
    frame[44..46].copy_from_slice(&sequence.to_be_bytes());
    frame
}

fn receive_stamp(nic: &mut Nic, frame: &[u8]) -> Option<Duration> {
    let message = PtpMessage::parse(frame).unwrap();
    nic.split().0.ptp().unwrap().receive_stamp(&message).unwrap()
}

#[test]
fn the_clock_is_off_unless_it_is_asked_for() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new());
    assert!(nic.split().0.ptp().is_none());
    for name in ["TSYNCRXCTL", "TSYNCTXCTL", "TIMINCA"] {
        assert_eq!(peek(&port, name, 0), 0, "{name}");
    }
    assert_eq!(peek(&port, "ETQF", 3), 0);
}

#[test]
fn the_clock_runs_as_the_link_does_at_each_speed() {
    for one_gigabit in [false, true] {
        let port = port(0);
        port.plug(NoTraffic);
        let config = if one_gigabit {
            port.inject(Fault::ModuleOneGigabit);
            config().link(LinkMode::OneGigabitSfi { negotiate: true })
        } else {
            config()
        };
        let mut nic = start(&port, &config);
        let speed = if one_gigabit { Speed::GBIT_1 } else { Speed::GBIT_10 };
        assert_eq!(nic.link(), LinkStatus::Up(Some(speed)));
        let (began, at) = (time(&mut nic), port.now());
        for _ in 0..20 {
            port.wait(SECOND);
            let error = (time(&mut nic) - began).abs_diff(port.now() - at);
            assert!(error < Duration::from_nanos(260), "{error:?} at {speed}");
        }
        assert_eq!(counters(&mut nic).restarts, 0);
        assert_clean(&port);
    }
}

/// Lets `time` pass, which the model would take long for.
fn pass(port: &Port, ahead: &Mutex<Duration>, time: Duration) {
    port.jump(time.as_nanos() as i64);
    *ahead.lock().unwrap() += time;
}

#[test]
fn the_time_survives_wraps() {
    let port = port(0);
    port.plug(NoTraffic);
    let platform = Altered::new(&port, |_, real| real);
    let ahead = Arc::clone(&platform.ahead);
    let mut nic = common::run(Device::new(platform).reset(&config()).unwrap());
    let (mut control, _) = nic.split();
    let mut clock = control.ptp().unwrap();
    let epoch = Duration::from_secs(1_700_000_000);
    clock.set_time(epoch).unwrap();
    let (start, mut passed, mut last) = (port.now(), Duration::ZERO, epoch);
    // SYSTIM wraps around after 4.9 hours.
    for hours in [1, 2, 3, 4, 5, 6, 12, 48, 24 * 30] {
        pass(&port, &ahead, HOUR * hours);
        passed += HOUR * hours;
        let now = clock.time().unwrap();
        assert!(now >= last, "it went back");
        let error = (now - epoch).abs_diff(port.now() - start + passed);
        assert!(error < Duration::from_micros(50), "{error:?} after another {hours} h");
        last = now;
    }
    assert_eq!(clock.counters().restarts, 0);
}

#[test]
fn the_time_is_set_and_shifted() {
    let (port, mut nic) = running();
    let epoch = Duration::from_secs(1_700_000_000);
    nic.split().0.ptp().unwrap().set_time(epoch).unwrap();
    nic.split().0.ptp().unwrap().adjust_time(-5_000_000_000).unwrap();
    let before = time(&mut nic);
    assert!(before.abs_diff(epoch - 5 * SECOND) < READS);
    nic.split().0.ptp().unwrap().adjust_time(70).unwrap();
    assert!(time(&mut nic) - before < READS);
    nic.split().0.ptp().unwrap().adjust_time(i64::MIN).unwrap();
    assert!(time(&mut nic) < READS, "it does not become less than 0");
    nic.split().0.ptp().unwrap().set_time(Duration::MAX).unwrap();
    assert!(time(&mut nic).as_secs() == u64::MAX);
    assert_clean(&port);
}

#[test]
fn the_frequency_follows_a_clock_that_drifts() {
    for drift in [0, 1_000, -37, 250_001, -99_999_999] {
        let (port, mut nic) = running();
        port.set_drift(drift);
        // A clock that runs 1 + d too fast is right if it runs 1 / (1 + d) as fast.
        let right = (1e9 / (1.0 + f64::from(drift) / 1e9) - 1e9).round() as i32;
        nic.split().0.ptp().unwrap().adjust_frequency(right).unwrap();
        assert_eq!(nic.split().0.ptp().unwrap().frequency(), right);
        let (began, at) = (time(&mut nic), port.now());
        port.wait(10 * SECOND);
        let error = (time(&mut nic) - began).abs_diff(port.now() - at);
        // One part per billion, by the rounding of the offset, and two steps of the clock.
        assert!(error < Duration::from_nanos(10 + 26), "{error:?} with {drift}");
        port.wait(90 * SECOND);
        let error = (time(&mut nic) - began).abs_diff(port.now() - at);
        assert!(error < Duration::from_nanos(100 + 26), "{error:?} with {drift}");
    }
}

#[test]
fn an_offset_that_the_device_cannot_have_is_named() {
    let (_port, mut nic) = running();
    let (mut control, _) = nic.split();
    let mut clock = control.ptp().unwrap();
    for offset in [250_000_001, -250_000_001, i32::MIN, i32::MAX] {
        let error = clock.adjust_frequency(offset).unwrap_err();
        assert_eq!(error, Error::Ptp(PtpError::Frequency { offset, limit: 250_000_000 }));
        assert!(error.to_string().contains("TIMINCA takes -250000000 to 250000000"), "{error}");
    }
    assert_eq!(clock.frequency(), 0);
    for offset in [250_000_000, -250_000_000, 0] {
        clock.adjust_frequency(offset).unwrap();
    }
}

/// Changes the speed of the link, as a program does that swaps the module.
fn change_speed(port: &Port, one_gigabit: bool) {
    let mode = if one_gigabit { 0 } else { 3 };
    if one_gigabit {
        port.inject(Fault::ModuleOneGigabit)
    } else {
        port.clear(Fault::ModuleOneGigabit)
    }
    let autoc = peek(port, "AUTOC", 0) & !(7 << 13 | 1 << 9) | mode << 13 | 1 << 12;
    // SAFETY: AUTOC has nothing to do with memory, and the driver relies on nothing in it.
    unsafe { port.write32(at("AUTOC", 0), autoc) };
    port.wait(SECOND);
    let speed = if one_gigabit { Speed::GBIT_1 } else { Speed::GBIT_10 };
    assert_eq!(port.read32(at("LINKS", 0)) >> 28 & 7, if one_gigabit { 6 } else { 7 }, "the model has {speed}");
}

#[test]
fn a_change_of_speed_costs_no_time() {
    let (port, mut nic) = running();
    nic.split().0.ptp().unwrap().set_time(HOUR).unwrap();
    let began = port.now();
    for one_gigabit in [true, false, true, false] {
        change_speed(&port, one_gigabit);
        let mut last = Duration::ZERO;
        for _ in 0..5 {
            let now = time(&mut nic);
            assert!(now >= last);
            last = now;
            let error = (now - HOUR).abs_diff(port.now() - began);
            // The platform's clock is the model's, so what is left is the time of a few reads.
            assert!(error < 5 * READS, "{error:?} after a change, 1 Gbit/s: {one_gigabit}");
            port.wait(SECOND);
        }
    }
    assert_eq!(counters(&mut nic).restarts, 4);
    assert_clean(&port);
}

/// Without a link, the device's clock runs as at 10 Gbit/s.
#[test]
fn a_link_of_one_gigabit_that_was_lost_costs_no_time() {
    let port = port(0);
    port.plug(NoTraffic);
    port.inject(Fault::ModuleOneGigabit);
    let mut nic = start(&port, &config().link(LinkMode::OneGigabitSfi { negotiate: true }));
    let (began, at) = (time(&mut nic), port.now());
    port.set_link(false);
    for linked in [false, true] {
        port.set_link(linked);
        port.wait(3 * SECOND);
        let error = (time(&mut nic) - began).abs_diff(port.now() - at);
        assert!(error < 5 * READS, "{error:?}");
    }
    assert_eq!(counters(&mut nic).restarts, 2);
}

#[test]
fn a_recovery_keeps_time_and_frequency() {
    let (port, mut nic) = running();
    nic.split().0.ptp().unwrap().set_time(HOUR).unwrap();
    nic.split().0.ptp().unwrap().adjust_frequency(100_000).unwrap();
    let began = port.now();
    let mut nic = nic.recover().unwrap();
    let now = time(&mut nic);
    let error = (now - HOUR).abs_diff(port.now() - began);
    assert!(error < Duration::from_micros(100), "{error:?}");
    assert_eq!((nic.split().0.ptp().unwrap().frequency(), counters(&mut nic).restarts), (100_000, 1));
    let at = port.now();
    port.wait(10 * SECOND);
    let error = (time(&mut nic) - now).abs_diff((port.now() - at) + Duration::from_millis(1));
    assert!(error < READS, "{error:?}");
    assert_clean(&port);
}

/// Something else resets the device: its clock stands at 0.
#[test]
fn a_clock_that_was_stopped_behind_our_back_starts_again() {
    let (port, mut nic) = running();
    port.wait(100 * SECOND);
    let before = time(&mut nic);
    for name in ["SYSTIML", "SYSTIMH"] {
        // SAFETY: SYSTIM has nothing to do with memory, and the driver expects that it may be anything.
        unsafe { port.write32(at(name, 0), 0) };
    }
    port.wait(10 * SECOND);
    let passed = time(&mut nic) - before;
    assert!(passed.abs_diff(10 * SECOND) < 2 * READS, "{passed:?}");
    assert_eq!(counters(&mut nic).restarts, 1);
}

#[test]
fn each_received_message_has_the_time_of_its_arrival() {
    let (port, mut nic) = running();
    for sequence in 0..50 {
        let frame = message(3, sequence);
        let before = time(&mut nic);
        port.wait(Duration::from_micros(777));
        port.deliver(&frame);
        port.wait(Duration::from_micros(333));
        let stamp = receive_stamp(&mut nic, &frame).expect("it has a stamp");
        let late = (stamp - before).abs_diff(Duration::from_micros(777));
        assert!(late < READS, "{late:?}");
    }
    assert_eq!(counters(&mut nic).rx_stamps, 50);
    assert_eq!(counters(&mut nic).rx_lost, 0);
    assert_clean(&port);
}

#[test]
fn a_stamp_of_another_message_is_dropped_and_counted() {
    let (port, mut nic) = running();
    for other in [message(3, 8), message(4, 7)] {
        port.deliver(&message(3, 7));
        assert_eq!(receive_stamp(&mut nic, &other), None);
        // The next one is stamped again.
        let next = message(5, 1);
        port.deliver(&next);
        assert!(receive_stamp(&mut nic, &next).is_some());
        assert_eq!(receive_stamp(&mut nic, &next), None, "once");
    }
    let PtpCounters { rx_stamps, rx_lost, .. } = counters(&mut nic);
    assert_eq!((rx_stamps, rx_lost), (2, 2));
}

#[test]
fn a_stamp_that_nobody_fetches_does_not_stay() {
    let (port, mut nic) = running();
    port.deliver(&message(3, 1));
    let lost = |nic: &mut Nic| (time(nic), counters(nic).rx_lost).1;
    assert_eq!(lost(&mut nic), 0);
    port.wait(SECOND - Duration::from_millis(1));
    assert_eq!(lost(&mut nic), 0, "there is still time");
    port.wait(Duration::from_millis(2));
    assert_eq!(lost(&mut nic), 1);
    let next = message(3, 2);
    // Who fetches it late still gets it.
    port.deliver(&next);
    assert_eq!(lost(&mut nic), 1);
    port.wait(2 * SECOND);
    assert!(receive_stamp(&mut nic, &next).is_some());
    port.deliver(&next);
    assert!(receive_stamp(&mut nic, &next).is_some());
    assert_eq!(lost(&mut nic), 1);
}

#[test]
fn a_stamp_of_the_old_speed_is_lost() {
    let (port, mut nic) = running();
    let frame = message(3, 1);
    port.deliver(&frame);
    nic.split().0.ptp().unwrap().request_transmit_stamp().unwrap();
    change_speed(&port, true);
    assert_eq!(receive_stamp(&mut nic, &frame), None);
    assert_eq!(nic.split().0.ptp().unwrap().transmit_stamp(), Ok(TransmitStamp::Lost));
    assert_eq!(nic.split().0.ptp().unwrap().transmit_stamp(), Ok(TransmitStamp::NotRequested));
    let PtpCounters { rx_lost, tx_lost, .. } = counters(&mut nic);
    assert_eq!((rx_lost, tx_lost), (1, 1));
}

/// A device that takes the stamp of a sent packet when the test says so: SYSTIM at that moment.
#[test]
fn a_sent_packet_has_one_stamp_or_none() {
    let port = port(0);
    port.plug(NoTraffic);
    let stamp: Arc<Mutex<Option<u64>>> = Arc::default();
    let taken = Arc::clone(&stamp);
    let [control, low, high] = ["TSYNCTXCTL", "TXSTMPL", "TXSTMPH"].map(|name| at(name, 0));
    let platform = Altered::new(&port, move |offset, real| {
        let mut stamp = taken.lock().unwrap();
        match offset {
            offset if offset == control => real & !1 | u32::from(stamp.is_some()),
            offset if offset == low => stamp.map_or(real, |stamp| stamp as u32),
            // Reading the high half frees the register.
            offset if offset == high => stamp.take().map_or(real, |stamp| (stamp >> 32) as u32),
            _ => real,
        }
    });
    let systim = |port: &Port| u64::from(peek(port, "SYSTIML", 0)) | u64::from(peek(port, "SYSTIMH", 0)) << 32;
    let device = Device::new(platform).reset(&config()).unwrap();
    let mut nic = common::run(device);
    let (mut control, _) = nic.split();
    let mut clock = control.ptp().unwrap();
    assert_eq!(clock.transmit_stamp(), Ok(TransmitStamp::NotRequested));

    clock.request_transmit_stamp().unwrap();
    assert_eq!(clock.transmit_stamp(), Ok(TransmitStamp::Pending));
    assert_eq!(clock.request_transmit_stamp(), Err(Error::Ptp(PtpError::StampPending)));
    let before = clock.time().unwrap();
    *stamp.lock().unwrap() = Some(systim(&port));
    port.wait(Duration::from_millis(3));
    let Ok(TransmitStamp::Taken(sent)) = clock.transmit_stamp() else { panic!("there is a stamp") };
    assert!(sent >= before && sent - before < READS, "{:?}", sent - before);
    assert_eq!(clock.transmit_stamp(), Ok(TransmitStamp::NotRequested));
    assert_eq!(*stamp.lock().unwrap(), None, "the register is free");

    // One that does not come is given up after a second, and one that comes later still is not taken for the next.
    clock.request_transmit_stamp().unwrap();
    port.wait(SECOND);
    assert_eq!(clock.transmit_stamp(), Ok(TransmitStamp::Lost));
    *stamp.lock().unwrap() = Some(systim(&port));
    clock.request_transmit_stamp().unwrap();
    assert_eq!(clock.transmit_stamp(), Ok(TransmitStamp::Pending));
    // A program that does not ask what came of it may request another after that time.
    port.wait(SECOND);
    clock.request_transmit_stamp().unwrap();
    let PtpCounters { tx_stamps, tx_lost, tx_refused, .. } = clock.counters();
    assert_eq!((tx_stamps, tx_lost, tx_refused), (1, 2, 1));
}

#[test]
fn a_card_that_was_pulled_is_named() {
    let (port, mut nic) = running();
    let before = time(&mut nic);
    port.inject(Fault::SurpriseRemoval);
    let (mut control, _) = nic.split();
    let mut clock = control.ptp().unwrap();
    assert!(matches!(clock.time(), Err(Error::Removed { .. })), "after {before:?}");
    assert!(matches!(clock.set_time(SECOND), Err(Error::Removed { .. })));
    assert!(matches!(clock.transmit_stamp(), Err(Error::Removed { .. })));
}

/// Numbers that look random, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

#[test]
fn any_sequence_of_events_keeps_the_time() {
    for seed in 0..6 {
        let (port, mut nic) = running();
        let mut numbers = Numbers(seed);
        let (mut one_gigabit, mut offset) = (false, 0_i32);
        // The time that the clock must have, in nanoseconds, and when it had it.
        let (mut right, mut at) = (time(&mut nic).as_nanos() as f64, port.now());
        for step in 0..60 {
            let before = time(&mut nic);
            // Two steps of the clock, and what the event may cost.
            let mut bound = if one_gigabit { 280.0 } else { 40.0 };
            let event = numbers.below(6);
            match event {
                0 => port.wait(Duration::from_nanos(numbers.below(2_000_000_000))),
                1 => {
                    let by = numbers.below(2_000_000) as i64 - 1_000_000;
                    nic.split().0.ptp().unwrap().adjust_time(by).unwrap();
                    right = (right + by as f64).max(0.0);
                }
                2 => {
                    right += (port.now() - at).as_nanos() as f64 * (1.0 + f64::from(offset) / 1e9);
                    at = port.now();
                    offset = numbers.below(400_000) as i32 - 200_000;
                    nic.split().0.ptp().unwrap().adjust_frequency(offset).unwrap();
                    // The reads before the change are at the old frequency.
                    bound += 20.0;
                }
                3 => {
                    one_gigabit = !one_gigabit;
                    change_speed(&port, one_gigabit);
                    // A second went by without a call, by the platform's clock, and some reads.
                    bound += f64::from(offset).abs() + READS.as_nanos() as f64;
                }
                4 => {
                    nic = nic.recover().unwrap();
                    if one_gigabit {
                        // It starts with the mode of the configuration.
                        port.clear(Fault::ModuleOneGigabit);
                        one_gigabit = false;
                    }
                    bound += f64::from(offset).abs() + 5.0 * READS.as_nanos() as f64;
                }
                _ => {
                    let frame = message(step as u8, step as u16);
                    port.deliver(&frame);
                    let arrived = time(&mut nic);
                    port.wait(Duration::from_micros(numbers.below(5_000)));
                    if let Some(stamp) = receive_stamp(&mut nic, &frame) {
                        assert!(stamp.abs_diff(arrived) < READS, "{:?}", stamp.abs_diff(arrived));
                    } else {
                        assert!(!nic.link().is_up(), "only a port without a link takes no frame");
                    }
                }
            }
            let now = time(&mut nic);
            let is_set_back = now < before;
            right += (port.now() - at).as_nanos() as f64 * (1.0 + f64::from(offset) / 1e9);
            at = port.now();
            let error = now.as_nanos() as f64 - right;
            assert!(error.abs() <= bound, "seed {seed}, step {step}, event {event}: {error} ns, at most {bound}");
            assert!(!is_set_back || before - now <= Duration::from_millis(1), "it goes back only when it is set back");
            right = now.as_nanos() as f64;
        }
        assert_clean(&port);
    }
}
