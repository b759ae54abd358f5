//! Limits of the rates of transmit queues: units, ranges, the link's speed, removal.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Altered, Nic, assert_clean, at, port, recorded, start};
use ixgbe::device::{Config, Device, Error, Rate, RateError};
use ixgbe::index;
use ixgbe::packet::Batch;
use ixgbe::platform::Platform;
use ixgbe::registers::{RTTBCNRC, TxQueue};
use ixgbe_sim::wire::NoTraffic;

const FIRST: TxQueue = index!(TxQueue, 0);
const THIRD: TxQueue = index!(TxQueue, 2);

/// The limit of a queue in the device: enabled, whole part and fraction of the factor.
fn limit<H: Platform>(nic: &mut Device<ixgbe::device::Running, H>, queue: TxQueue) -> (bool, u64, u64) {
    let (mut control, _) = nic.split();
    let mut windows = control.windows_mut();
    let set = windows.transmit_queue.select(queue).rttbcnrc().read();
    (set.field(RTTBCNRC::RS_ENA), set.field(RTTBCNRC::RF_INT), set.field(RTTBCNRC::RF_DEC))
}

fn megabits(rate: u64) -> Rate {
    Rate::megabits(rate).unwrap()
}

fn running(queues: usize) -> (ixgbe_sim::Port, Nic) {
    let (port, _) = recorded(0);
    let nic = start(&port, &Config::new().tx_queues(queues));
    (port, nic)
}

#[test]
fn a_limit_is_set_for_its_queue_alone_and_removed() {
    let (port, mut nic) = running(4);
    nic.split().0.set_rate(THIRD, megabits(3_000)).unwrap();
    assert_eq!(limit(&mut nic, THIRD), (true, 3, (1 << 14) / 3));
    assert_eq!(limit(&mut nic, FIRST), (false, 0, 0));
    assert_eq!(nic.split().0.rate(THIRD), Some(megabits(3_000)));
    nic.split().0.set_rate(THIRD, megabits(10)).unwrap();
    assert_eq!(limit(&mut nic, THIRD), (true, 1_000, 0), "the lowest: 0.1 % of the link's");
    nic.split().0.set_rate(THIRD, megabits(10_000)).unwrap();
    assert_eq!(limit(&mut nic, THIRD), (false, 0, 0), "the link's speed is no limit");
    nic.split().0.set_rate(THIRD, megabits(100)).unwrap();
    nic.split().0.remove_rate(THIRD).unwrap();
    assert_eq!((limit(&mut nic, THIRD), nic.split().0.rate(THIRD)), ((false, 0, 0), None));
    nic.split().0.remove_rate(FIRST).unwrap();
    assert_clean(&port);
}

#[test]
fn what_the_device_cannot_do_is_named_and_changes_nothing() {
    let (port, mut nic) = running(4);
    nic.split().0.set_rate(THIRD, megabits(100)).unwrap();
    for rate in [Rate::bits(9_999_999).unwrap(), megabits(10_001), Rate::bits(u64::MAX).unwrap()] {
        let error = nic.split().0.set_rate(THIRD, rate).unwrap_err();
        let Error::Rate(RateError::OutOfRange { rate: named, least, most }) = error else { panic!("{error}") };
        assert_eq!((named, least, most), (rate.get(), 10_000_000, 10_000_000_000));
        assert!(error.to_string().contains("10000000 to 10000000000 bit/s"), "{error}");
    }
    assert_eq!(limit(&mut nic, THIRD), (true, 100, 0));
    let fifth = index!(TxQueue, 4);
    for failed in [nic.split().0.set_rate(fifth, megabits(100)), nic.split().0.remove_rate(fifth)] {
        assert_eq!(failed, Err(Error::Rate(RateError::NoQueue { queue: 4, queues: 4 })));
    }
    assert_eq!(limit(&mut nic, fifth), (false, 0, 0));
    assert_clean(&port);
}

#[test]
fn limits_follow_the_speed_of_the_link() {
    let port = port(0);
    port.plug(NoTraffic);
    let speed = Arc::new(Mutex::new(3));
    let (links, code) = (at("LINKS", 0), Arc::clone(&speed));
    let platform = Altered::new(&port, move |offset, real| {
        if offset == links { real & !(3 << 28) | *code.lock().unwrap() << 28 | 1 << 30 } else { real }
    });
    let config = Config::new().tx_queues(4);
    let mut nic = Device::new(platform).reset(&config).unwrap().assume_link_up().start().unwrap();
    nic.split().0.set_rate(FIRST, megabits(500)).unwrap();
    nic.split().0.set_rate(THIRD, megabits(3_000)).unwrap();
    assert_eq!(limit(&mut nic, FIRST), (true, 20, 0));
    // 1 Gbit/s: one limit is faster than the link.
    *speed.lock().unwrap() = 2;
    nic.split().0.link();
    assert_eq!((limit(&mut nic, FIRST), limit(&mut nic, THIRD)), ((true, 2, 0), (false, 0, 0)));
    let low = Rate::kilobits(5_000).unwrap();
    nic.split().0.set_rate(FIRST, low).unwrap();
    assert_eq!(limit(&mut nic, FIRST), (true, 200, 0));
    // 10 Gbit/s again: the other is too low.
    *speed.lock().unwrap() = 3;
    nic.split().0.health();
    assert_eq!((limit(&mut nic, FIRST), limit(&mut nic, THIRD)), ((true, 1_000, 0), (true, 3, (1 << 14) / 3)));
    assert_eq!(nic.split().0.rate(FIRST), Some(low), "it is still what was asked for");
}

#[test]
fn limits_survive_a_recovery_and_end_with_a_stop() {
    let (port, mut nic) = running(4);
    nic.split().0.set_rate(THIRD, megabits(1_000)).unwrap();
    let mut nic = nic.recover().unwrap();
    assert_eq!(limit(&mut nic, THIRD), (true, 10, 0));
    let nic = nic.stop().unwrap();
    let mut nic = common::run(nic);
    assert_eq!((limit(&mut nic, THIRD), nic.split().0.rate(THIRD)), ((false, 0, 0), None));
    assert_clean(&port);
}

#[test]
fn a_limited_queue_sends_as_fast_as_it_may() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new().tx_queues(2));
    nic.split().0.set_rate(FIRST, megabits(100)).unwrap();
    let pool = common::pool_of(&nic);
    let data = common::frame(common::mac(9), 1_000, 0);
    let (began, mut frames) = (port.now(), 0);
    while port.now() - began < Duration::from_millis(20) {
        let mut batch = Batch::with_capacity(8);
        while batch.len() < 8 {
            batch.push(pool.take_copy(&data).unwrap()).unwrap();
        }
        nic.split_queues().2[0].transmit(&mut batch).unwrap();
        port.step();
        port.wait(Duration::from_micros(100));
        frames += recorder.take().len();
    }
    let bits = frames as u128 * 8 * 1_004 * 1_000_000_000 / (port.now() - began).as_nanos();
    assert!((95_000_000..107_000_000).contains(&bits), "{bits} bit/s");
    assert_clean(&port);
}
