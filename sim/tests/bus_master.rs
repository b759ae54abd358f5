//! Without PCI bus mastering the device does no DMA and sends no interrupt, and there is no violation.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::*;

#[test]
fn a_function_that_is_no_bus_master_accesses_no_memory() {
    let (mut driver, wire) = Driver::recording();
    driver.port.set_bus_master(false);
    driver.put_packet(0, &frame(MAC, 60));
    driver.ring(0);
    driver.port.run_until_idle(10);
    assert_eq!((wire.take().len(), driver.is_done(0, 0)), (0, false), "nothing is fetched");
    driver.port.deliver(&frame(MAC, 100));
    driver.port.step();
    assert_eq!(driver.receive(0), None, "nothing is written");
    assert_eq!(driver.port.counters().waiting, 1);
    // The descriptors are fetched only now, with their current contents.
    driver.tx[0].1.buffers.write(0, &frame(MAC, 60)[..14]);
    driver.tx[0].1.ring.word(0).store(driver.tx[0].1.buffers.address(2048), Ordering::Relaxed);
    driver.tx[0].1.buffers.write(2048, &frame([7; 6], 60));
    driver.port.set_bus_master(true);
    driver.port.run_until_idle(10);
    assert_eq!(wire.take(), [frame([7; 6], 60)]);
    assert!(driver.is_done(0, 0));
    assert_eq!(driver.receive(0).map(|(bytes, _)| bytes), Some(frame(MAC, 100)));
    driver.clean();
}

#[test]
fn without_bus_mastering_frames_fill_the_packet_buffer_and_are_then_missed() {
    let driver = Driver::running();
    driver.port.set_bus_master(false);
    for _ in 0..1_000 {
        driver.port.deliver(&frame(MAC, 1_000));
    }
    let counters = driver.port.counters();
    assert_eq!((counters.delivered, counters.waiting), (0, 512 * 1024 / 1_000));
    assert_eq!(counters.missed, 1_000 - counters.waiting);
    assert_eq!(u64::from(driver.read(0x3FA0)), counters.missed, "RXMPC");
    driver.clean();
}

#[test]
fn messages_wait_for_bus_mastering() {
    let driver = Driver::running();
    let raised = Arc::new(AtomicU64::new(0));
    let sink = Arc::clone(&raised);
    driver.port.on_interrupt(move |_| _ = sink.fetch_add(1, Ordering::Relaxed));
    driver.port.set_bus_master(false);
    driver.write(EIMS, 1);
    driver.write(EICS, 1);
    driver.wait_us(1_000);
    assert_eq!((raised.load(Ordering::Relaxed), driver.peek(EICR) & 1), (0, 1));
    driver.port.set_bus_master(true);
    assert_eq!(raised.load(Ordering::Relaxed), 1);
    driver.clean();
}

#[test]
fn with_master_disable_the_device_still_receives_into_its_packet_buffer() {
    let mut driver = Driver::running();
    assert!(driver.master_disable());
    driver.port.deliver(&frame(MAC, 100));
    assert_eq!((driver.receive(0), driver.port.counters().waiting), (None, 1));
    driver.clear(CTRL, 1 << 2);
    driver.port.step();
    assert_eq!(driver.receive(0).map(|(bytes, _)| bytes), Some(frame(MAC, 100)));
    driver.clean();
}
