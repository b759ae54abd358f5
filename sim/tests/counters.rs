//! Statistics counters, and the datasheet's other rules about frames.

mod common;

use common::*;

const CRCERRS: u32 = 0x4000;
const MSPDC: u32 = 0x4010;
const PRC64: u32 = 0x405C;
const GPRC: u32 = 0x4074;
const BPRC: u32 = 0x4078;
const GPTC: u32 = 0x4080;
const GOTC: u32 = 0x4090;
const RUC: u32 = 0x40A4;
const ROC: u32 = 0x40AC;
const TPR: u32 = 0x40D0;
const TPT: u32 = 0x40D4;
const PTC64: u32 = 0x40D8;
const BPTC: u32 = 0x40F4;
const XEC: u32 = 0x4120;
const RXNFGPC: u32 = 0x41B0;
const RXDGPC: u32 = 0x2F50;
const RXDGBC: u32 = 0x2F54;
const QPRC: u32 = 0x1030;
const QBRC: u32 = 0x1034;
const QPRDC: u32 = 0x1430;
const TXDGPC: u32 = 0x87A0;
const STRIP_TAG: u32 = 1 << 30;

fn read<const N: usize>(driver: &Driver, registers: [u32; N]) -> [u32; N] {
    registers.map(|register| driver.read(register))
}

#[test]
fn frames_are_counted_by_size_behind_the_filters_of_layer_2() {
    let driver = Driver::running();
    driver.port.deliver(&frame(MAC, 60));
    driver.port.deliver(&frame([2, 0, 0, 0, 0, 0x77], 60));
    assert_eq!(read(&driver, [TPR, RXNFGPC, PRC64, GPRC]), [2, 2, 1, 1]);
    driver.clean();
}

#[test]
fn octets_are_counted_with_the_tag_that_is_stripped() {
    let driver = Driver::running();
    driver.set(rx(0, 0x28), STRIP_TAG);
    let mut tagged = frame(MAC, 100);
    tagged[12..16].copy_from_slice(&[0x81, 0x00, 0x20, 0x65]);
    driver.port.deliver(&tagged);
    assert_eq!(read(&driver, [QPRC, QBRC, RXDGPC, RXDGBC]), [1, 100, 1, 100]);
    driver.clean();
}

#[test]
fn drops_of_a_disabled_queue_are_counted() {
    let driver = Driver::running();
    driver.clear(rx(0, 0x28), ENABLE);
    assert!(driver.until(rx(0, 0x28), ENABLE, 0));
    driver.port.deliver(&frame(MAC, 60));
    assert_eq!(driver.port.counters().dropped_no_queue, 1);
    assert_eq!(read(&driver, [QPRC, QPRDC]), [0, 1]);
}

#[test]
fn wrong_checksums_and_short_frames_are_counted() {
    let driver = Driver::running();
    let mut packet = Vec::new();
    let ip = etherparse::PacketBuilder::ethernet2([2; 6], MAC).ipv4([10, 0, 0, 2], [10, 0, 0, 1], 64);
    ip.tcp(5000, 40_000, 1, 1).write(&mut packet, &[7; 40]).unwrap();
    driver.port.deliver(&packet);
    assert_eq!(read(&driver, [XEC]), [0]);
    // The byte is part of both sums, but the frame counts once.
    packet[30] ^= 1;
    driver.port.deliver(&packet);
    assert_eq!(read(&driver, [XEC]), [1]);
    packet[50] ^= 1;
    driver.port.deliver(&packet);
    assert_eq!(read(&driver, [XEC, MSPDC]), [1, 0]);
    driver.port.deliver(&frame(MAC, 59));
    assert_eq!(read(&driver, [MSPDC, RUC]), [1, 1]);
    driver.clean();
}

#[test]
fn the_mac_counts_while_reception_is_off() {
    let driver = Driver::running();
    driver.stop_receive();
    driver.port.deliver(&frame(MAC, 60));
    driver.port.deliver(&frame([2, 0, 0, 0, 0, 0x77], 60));
    driver.port.deliver(&frame([0xFF; 6], 60));
    driver.port.deliver(&frame(MAC, 59));
    driver.port.deliver(&frame(MAC, 1515));
    driver.port.inject(ixgbe_sim::Fault::RxCrcErrors);
    driver.port.deliver(&frame(MAC, 60));
    let counters = driver.port.counters();
    assert_eq!((counters.dropped_not_receiving, counters.delivered), (6, 0), "and nothing is received");
    let registers = [TPR, RXNFGPC, PRC64, GPRC, BPRC, RUC, ROC, CRCERRS];
    assert_eq!(read(&driver, registers), [6, 3, 2, 2, 1, 1, 1, 1]);
    assert_eq!(read(&driver, [QPRC, RXDGPC, QPRDC]), [0; 3]);
    driver.clean();
}

#[test]
fn frames_sent_too_short_are_not_good_ones() {
    let (mut driver, wire) = Driver::recording();
    driver.send(0, &frame([0xFF; 6], 60));
    let all = [TPT, GPTC, GOTC, PTC64, BPTC, TXDGPC];
    assert_eq!(read(&driver, all), [1, 1, 64, 1, 1, 1]);
    driver.clear(HLREG0, 1 << 10);
    driver.send(0, &frame([0xFF; 6], 59));
    assert_eq!(wire.take().len(), 2, "both are sent");
    assert_eq!(read(&driver, all), [1, 0, 0, 0, 0, 1]);
    assert_eq!(driver.broken(), [ixgbe_sim::Rule::TransmitTooShort]);
}
