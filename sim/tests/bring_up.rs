//! Bring-up, reception and transmission by registers alone.

mod common;

use common::*;
use ixgbe_sim::wire::Duplex;
use ixgbe_sim::wire::generator::Generator;
use ixgbe_sim::wire::sink::Sink;
use ixgbe_sim::{PortConfig, connect};

#[test]
fn a_correct_driver_breaks_no_rule() {
    let mut driver = Driver::running();
    driver.port.deliver(&frame(MAC, 100));
    assert_eq!(driver.receive(0).unwrap().0, frame(MAC, 100));
    driver.refill(0);
    driver.send(0, &frame([2, 0, 0, 0, 0, 2], 100));
    assert!(driver.is_done(0, 0));
    driver.stop_receive();
    driver.clear(rx(0, 0x28), ENABLE);
    assert!(driver.until(rx(0, 0x28), ENABLE, 0));
    driver.wait_us(100);
    driver.clear(tx(0, 0x28), ENABLE);
    assert!(driver.until(tx(0, 0x28), ENABLE, 0));
    driver.rx.clear();
    driver.tx.clear();
    assert_eq!(driver.port.mapped_bytes(), 0);
    driver.reset();
    driver.clean();
}

#[test]
fn the_reset_restores_values_and_the_address() {
    let driver = Driver::running();
    driver.write(RAL, 0);
    driver.write(HLREG0, driver.read(HLREG0) | 1 << 2);
    driver.clear(rx(0, 0x28), ENABLE);
    driver.clear(tx(0, 0x28), ENABLE);
    driver.wait_us(200);
    driver.reset();
    assert_eq!(driver.read(HLREG0), 0x0801_2C0B);
    assert_eq!(driver.read(rx(0, 0x14)), 0x402);
    assert_eq!(driver.read(0x2100), 0x402, "SRRCTL has an alias");
    assert_eq!(driver.read(RAL), 0x0000_0002);
    assert_eq!(driver.read(RAH), 0x8000_0100);
    assert_eq!(driver.read(0x5404), 0x8000_0100, "RAH has an alias");
    driver.clean();
}

/// Stock ixgbe looks at FWSM in a thread of its own, also during a reset, and takes 0 for an error of the firmware.
#[test]
fn the_firmware_goes_on_while_a_port_is_reset() {
    let driver = Driver::running();
    driver.write(EIMC, 0x7FFF_FFFF);
    driver.clear(rx(0, 0x28), ENABLE);
    driver.clear(tx(0, 0x28), ENABLE);
    driver.wait_us(200);
    assert!(driver.master_disable());
    driver.set(CTRL, 1 << 26);
    // The device may be accessed again, and has not read its EEPROM yet.
    driver.wait_us(2000);
    assert_eq!(driver.read(EEC) & 1 << 9, 0);
    assert_eq!(driver.read(FWSM) & 1 << 15, 1 << 15);
    driver.clean();
}

#[test]
fn status_registers_follow_the_device() {
    let driver = Driver::running();
    assert_eq!(driver.read(LINKS) >> 28 & 3, 3, "10 Gb/s");
    assert_eq!(driver.read(STATUS) & 1 << 19, 1 << 19);
    assert!(driver.master_disable());
    driver.clear(CTRL, 1 << 2);
    assert_eq!(driver.read(STATUS) & 1 << 19, 1 << 19);
    driver.set(SECRXCTRL, 2);
    assert!(driver.until(SECRXSTAT, 1, 1));
    driver.clear(SECRXCTRL, 2);
    assert_eq!(driver.read(SECRXSTAT) & 1, 0, "not halted any more");
    driver.set(AUTOC, 1 << 12);
    assert!(driver.until(AUTOC, 1 << 12, 0), "Restart_AN clears itself");
    assert_eq!(driver.read(LINKS) >> 30 & 1, 0);
    driver.wait_for_link();
    // In a mode that the link partner does not support, there is no link.
    driver.clear(AUTOC, 7 << 13);
    driver.port.step();
    assert_eq!(driver.read(LINKS) >> 30 & 1, 0);
    driver.clean();
}

#[test]
fn two_ports_on_a_cable() {
    let mut a = Driver::new();
    let mut b = Driver::with(PortConfig { mac: [2, 0, 0, 0, 0, 2], lan_id: 1, ..PortConfig::default() });
    connect(&a.port, &b.port);
    a.bring_up(&[0], &[0]);
    b.bring_up(&[100], &[127]);
    // Without RSS all frames go to queue 0, which port b does not have.
    for n in 0..10 {
        a.put_packet(0, &frame([2, 0, 0, 0, 0, 2], 60 + n));
    }
    a.ring(0);
    a.port.run_until_idle(100);
    b.port.run_until_idle(100);
    assert_eq!(b.port.counters().dropped_no_queue, 10);
    for n in 0..10 {
        b.put_packet(0, &frame(MAC, 60 + n));
    }
    b.ring(0);
    b.port.run_until_idle(100);
    a.port.run_until_idle(100);
    for n in 0..10 {
        assert_eq!(a.receive(0).unwrap().0, frame(MAC, 60 + n));
    }
    assert_eq!(a.receive(0), None);
    assert_eq!((a.read(STATUS) >> 2 & 3, b.read(STATUS) >> 2 & 3), (0, 1));
    a.clean();
    b.clean();
    // When one end is unplugged, the other loses the link.
    drop(a.port.unplug());
    b.port.step();
    assert_eq!(b.read(LINKS) >> 30 & 1, 0);
}

#[test]
fn a_forwarder_loses_nothing() {
    let mut driver = Driver::new();
    let generator = Generator::new(MAC, 60).up_to(1514).count(5_000).lossless();
    let (sink, sent) = (Sink::new(), generator.sent());
    let seen = sink.counters();
    driver.port.plug(Duplex::new(generator, sink));
    driver.bring_up(&[0], &[0]);
    let mut clean = 0;
    while seen.frames() < 5_000 {
        driver.port.step();
        while let Some((packet, _)) = driver.receive(0) {
            driver.put_packet(0, &packet);
        }
        driver.ring(0);
        driver.refill(0);
        clean += 1;
        assert!(clean < 10_000, "{seen:?} {:?}", driver.port.counters());
    }
    assert_eq!((seen.lost(), seen.duplicated(), seen.reordered(), seen.corrupted(), seen.foreign()), (0, 0, 0, 0, 0));
    assert_eq!(sent.load(std::sync::atomic::Ordering::Relaxed), 5_000);
    driver.clean();
}

#[test]
fn pages_may_be_scattered() {
    let mut driver = Driver::with(PortConfig { mac: MAC, scattered_pages: true, ..PortConfig::default() });
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.bring_up(&[0], &[0]);
    driver.port.deliver(&frame(MAC, 100));
    assert_eq!(driver.receive(0).unwrap().0, frame(MAC, 100));
    driver.clean();
}
