//! Ports that a runner advances, with a driver that only polls memory.

mod common;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::*;
use ixgbe_sim::wire::Duplex;
use ixgbe_sim::wire::generator::Generator;
use ixgbe_sim::wire::sink::Sink;
use ixgbe_sim::{Port, PortConfig, Runner, connect_lossless};

#[test]
fn a_chain_of_ports_loses_nothing() {
    const COUNT: u64 = 20_000;
    let mut first = Driver::new();
    let mut second = Driver::new();
    let mut third = Driver::new();
    first.port.plug(Generator::new(MAC, 60).up_to(1_000).count(COUNT).lossless());
    let sink = Sink::new();
    let seen = sink.counters();
    connect_lossless(&second.port, &third.port);
    let last = Driver::new();
    last.port.plug(Duplex::new(ixgbe_sim::wire::NoTraffic, sink));
    let mut last = last;
    let ports = [&first, &second, &third, &last].map(|driver| driver.port.clone());
    let runner = Runner::start(ports).unwrap();
    for driver in [&mut first, &mut second, &mut third, &mut last] {
        driver.bring_up(&[0], &[0]);
    }
    let start = Instant::now();
    let forward = |from: &mut Driver, to: &mut Driver| {
        let mut any = false;
        while to.tx[0].1.tail.wrapping_sub(to.tx[0].1.next) % 64 < 60 {
            let Some((packet, _)) = from.receive(0) else { break };
            to.put_packet(0, &packet);
            any = true;
        }
        if any {
            to.ring(0);
            from.refill(0);
        }
        while to.tx[0].1.next != to.tx[0].1.tail && to.is_done(0, to.tx[0].1.next) {
            to.tx[0].1.next = (to.tx[0].1.next + 1) % 64;
        }
    };
    while seen.frames() < COUNT {
        forward(&mut first, &mut second);
        forward(&mut third, &mut last);
        assert!(start.elapsed() < Duration::from_secs(60), "{seen:?}");
    }
    drop(runner);
    assert_eq!((seen.lost(), seen.duplicated(), seen.reordered(), seen.corrupted()), (0, 0, 0, 0));
    [&first, &second, &third, &last].into_iter().for_each(Driver::clean);
}

#[test]
fn time_is_real_under_a_runner_and_never_goes_back() {
    let port = Port::new(PortConfig::default());
    port.wait(Duration::from_secs(1_000));
    let before = port.now();
    assert!(before >= Duration::from_secs(1_000));
    let runner = Runner::start([port.clone()]).unwrap();
    let start = Instant::now();
    port.wait(Duration::from_millis(20));
    assert!(start.elapsed() >= Duration::from_millis(20));
    let during = port.now();
    assert!(during >= before + Duration::from_millis(20) && during < before + Duration::from_secs(60));
    drop(runner);
    assert!(port.now() >= during);
}

#[test]
fn memory_may_be_unmapped_while_the_model_runs() {
    let driver = Driver::running();
    let runner = Runner::start([driver.port.clone()]).unwrap();
    for _ in 0..1_000 {
        let region = Region::new(&driver.port, 8_192);
        region.word(3).store(1, Ordering::Relaxed);
        drop(region);
    }
    drop(runner);
    driver.clean();
}
