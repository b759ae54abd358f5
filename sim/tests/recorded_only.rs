//! A violation is recorded and changes nothing: the model does what the chip would do. Each test breaks a rule and
//! checks the result.

mod common;

use std::sync::atomic::Ordering;

use common::*;
use ixgbe_sim::Rule;

const EOP: u64 = 1 << 24;
const IFCS: u64 = 1 << 25;
const RS: u64 = 1 << 27;
const VLE: u64 = 1 << 30;
const TSE: u64 = 1 << 31;
const TXSM: u64 = 1 << 41;

/// Returns a driver that is reset and configured, on a wire that records sent frames.
fn configured() -> (Driver, Recorder) {
    let driver = Driver::new();
    let recorder = Recorder::default();
    driver.port.plug(recorder.clone());
    driver.reset();
    driver.configure();
    driver.clean();
    (driver, recorder)
}

/// Sends `packet` with a descriptor whose second word is `word`.
fn send_by(driver: &mut Driver, packet: &[u8], word: u64) {
    let offset = driver.tx[0].1.tail * 2048;
    driver.tx[0].1.buffers.write(offset, packet);
    let address = driver.tx[0].1.buffers.address(offset);
    driver.put(0, [address, word]);
    driver.ring(0);
    driver.port.run_until_idle(10);
}

#[test]
fn a_transmit_queue_enabled_too_early_works_once_transmission_is_enabled() {
    let (mut driver, wire) = configured();
    let ring = TestRing::new(&driver.port, 64, 2048);
    driver.prepare_tx(5, &ring);
    driver.tx.push((5, ring));
    driver.write(tx(5, 0x28), driver.txdctl | ENABLE);
    assert!(!driver.until(tx(5, 0x28), ENABLE, ENABLE), "not while DMATXCTL.TE is 0");
    driver.start_transmit_dma();
    assert!(driver.until(tx(5, 0x28), ENABLE, ENABLE));
    driver.wait_for_link();
    driver.send(0, &frame(MAC, 60));
    assert_eq!(wire.take(), [frame(MAC, 60)]);
    assert_eq!(driver.broken(), [Rule::QueueEnabledBeforeTransmit]);
}

#[test]
fn a_transmit_queue_disabled_before_transmission_is_enabled_stays_disabled() {
    let (driver, _) = configured();
    let ring = TestRing::new(&driver.port, 64, 2048);
    driver.prepare_tx(5, &ring);
    driver.write(tx(5, 0x28), driver.txdctl | ENABLE);
    driver.write(tx(5, 0x28), driver.txdctl);
    driver.start_transmit_dma();
    assert!(!driver.until(tx(5, 0x28), ENABLE, ENABLE));
}

#[test]
fn descriptors_given_before_a_queue_is_enabled_are_used() {
    let (mut driver, wire) = configured();
    driver.start_transmit_dma();
    let ring = TestRing::new(&driver.port, 64, 2048);
    driver.prepare_tx(0, &ring);
    driver.tx.push((0, ring));
    driver.put_packet(0, &frame(MAC, 60));
    driver.ring(0);
    driver.write(tx(0, 0x28), driver.txdctl | ENABLE);
    let ring = TestRing::new(&driver.port, 64, 2048);
    driver.prepare_rx(0, &ring);
    for n in 0..64 {
        ring.ring.word(n * 2).store(ring.buffers.address(n * 2048), Ordering::Relaxed);
    }
    driver.rx.push((0, ring));
    driver.write(rx(0, 0x18), 63);
    driver.write(rx(0, 0x28), ENABLE);
    assert!(driver.until(rx(0, 0x28), ENABLE, ENABLE));
    driver.start_receive();
    driver.wait_for_link();
    driver.port.run_until_idle(10);
    assert_eq!(wire.take(), [frame(MAC, 60)]);
    assert!(driver.is_done(0, 0));
    driver.port.deliver(&frame(MAC, 100));
    assert_eq!(driver.receive(0).map(|(bytes, _)| bytes), Some(frame(MAC, 100)));
    assert_eq!(driver.broken(), [Rule::TailBeforeEnabled, Rule::EnableWithOldTail]);
}

#[test]
fn a_tail_beyond_its_ring_reads_back_and_a_later_valid_one_works() {
    let (mut driver, wire) = Driver::recording();
    driver.write(tx(0, 0x18), 64);
    assert_eq!(driver.read(tx(0, 0x18)), 64);
    driver.send(0, &frame(MAC, 60));
    assert_eq!(wire.take(), [frame(MAC, 60)]);
    assert_eq!(driver.broken(), [Rule::TailOutOfRing]);
}

#[test]
fn a_packet_with_a_malformed_descriptor_is_sent() {
    // Changed bits of a valid descriptor, and the rule that they break.
    let changes = [
        (1 << 16, Rule::TransmitDescriptorMalformed),
        (1 << 32, Rule::TransmitDescriptorMalformed),
        (1 << 46, Rule::TransmitLengthMismatch),
        (1 << 18, Rule::NotModelled),
        (1 << 42, Rule::NotModelled),
        // A context that was not loaded.
        (VLE, Rule::TransmitDescriptorMalformed),
        (TXSM, Rule::TransmitDescriptorMalformed),
    ];
    for (change, rule) in changes {
        let (mut driver, wire) = Driver::recording();
        send_by(&mut driver, &frame(MAC, 60), (data(60) | 60 << 46) ^ change);
        assert_eq!(wire.take(), [frame(MAC, 60)], "{change:#x}");
        assert!(driver.is_done(0, 0), "{change:#x}");
        assert_eq!(driver.broken(), [rule], "{change:#x}");
        assert_eq!((driver.port.counters().transmitted, driver.port.counters().transmit_dropped), (1, 0));
    }
}

#[test]
fn a_descriptor_changed_too_late_is_sent_as_it_was() {
    let (mut driver, wire) = Driver::recording();
    driver.put_packet(0, &frame(MAC, 60));
    driver.ring(0);
    driver.tx[0].1.ring.word(0).fetch_add(64, Ordering::Relaxed);
    driver.port.run_until_idle(10);
    assert_eq!(wire.take(), [frame(MAC, 60)]);
    assert_eq!(driver.broken(), [Rule::DescriptorChanged]);
}

#[test]
fn a_context_with_reserved_bits_is_loaded() {
    let (mut driver, wire) = Driver::recording();
    driver.put(0, [7 << 16 | 14 << 9 | 20 | 1 << 48, 2 << 20 | 1 << 29]);
    send_by(&mut driver, &frame(MAC, 60), data(60) | 60 << 46 | VLE);
    let plain = frame(MAC, 60);
    assert_eq!(wire.take(), [[&plain[..12], &[0x81, 0, 0, 7], &plain[12..]].concat()]);
    assert_eq!(driver.broken(), [Rule::TransmitDescriptorMalformed]);
}

#[test]
fn a_packet_that_cannot_be_segmented_is_lost_and_the_next_is_not() {
    let (mut driver, wire) = Driver::recording();
    // MSS 0.
    driver.put(0, [14 << 9 | 20, 2 << 20 | 1 << 29 | 1 << 11 | 1 << 10 | 20 << 40]);
    send_by(&mut driver, &frame(MAC, 200), data(200) | (200 - 54) << 46 | TSE | TXSM | 1 << 40);
    assert_eq!((wire.take().len(), driver.port.counters().transmit_dropped), (0, 1));
    assert!(driver.is_done(0, 1));
    driver.send(0, &frame(MAC, 60));
    assert_eq!(wire.take(), [frame(MAC, 60)]);
    assert_eq!(driver.broken(), [Rule::TransmitDescriptorMalformed]);
}

#[test]
fn descriptors_without_bytes_are_done_and_send_nothing() {
    let (mut driver, wire) = Driver::recording();
    // Between packets such a descriptor is allowed.
    send_by(&mut driver, &[], data(0));
    assert!(driver.is_done(0, 0));
    driver.clean();
    // Within a packet it is not.
    let offset = driver.tx[0].1.tail * 2048;
    let address = driver.tx[0].1.buffers.address(offset);
    driver.tx[0].1.buffers.write(offset, &frame(MAC, 60));
    driver.put(0, [address, (data(20) | 60 << 46) & !(EOP | RS)]);
    driver.put(0, [address, data(0) & !(EOP | RS)]);
    driver.put(0, [address + 20, data(40)]);
    driver.ring(0);
    driver.port.run_until_idle(10);
    assert_eq!(wire.take(), [frame(MAC, 60)]);
    assert_eq!(driver.broken(), [Rule::TransmitDescriptorMalformed]);
}

#[test]
fn a_frame_without_ifcs_brings_its_crc_and_must_have_the_right_one() {
    let (mut driver, wire) = Driver::recording();
    let mut whole = frame(MAC, 60);
    // The CRC of these 60 bytes by IEEE 802.3.
    let step = |crc: u32, _| if crc & 1 != 0 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    let crc = !whole.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step));
    whole.extend(crc.to_le_bytes());
    send_by(&mut driver, &whole, (data(64) | 64 << 46) & !IFCS);
    assert_eq!(wire.take(), [frame(MAC, 60)]);
    whole[63] ^= 1;
    send_by(&mut driver, &whole, (data(64) | 64 << 46) & !IFCS);
    assert_eq!((wire.take().len(), driver.port.counters().transmit_dropped), (0, 1), "a link partner drops it");
    assert_eq!(driver.broken(), [Rule::TransmitDescriptorMalformed]);
}

#[test]
fn thresholds_and_dropping_change_while_queues_work() {
    let (mut driver, _) = Driver::recording();
    // No rule forbids changing WTHRESH.
    driver.write(tx(0, 0x28), driver.txdctl | ENABLE | 2 << 16);
    driver.put_packet(0, &frame(MAC, 60));
    driver.ring(0);
    driver.port.step();
    assert!(!driver.is_done(0, 0), "one is gathered");
    driver.put_packet(0, &frame(MAC, 60));
    driver.ring(0);
    driver.port.step();
    assert!(driver.is_done(0, 0) && driver.is_done(0, 1));
    driver.clean();
    // Stock drivers change SRRCTL.DROP_EN.
    driver.write(rx(0, 0x14), driver.srrctl | 1 << 28);
    assert_eq!(driver.broken(), [Rule::RingChangedWhileEnabled]);
    (0..100).for_each(|_| driver.port.deliver(&frame(MAC, 60)));
    assert_eq!(driver.port.counters().dropped_no_descriptor, 100 - 63);
}

#[test]
fn a_queue_for_split_headers_writes_advanced_descriptors() {
    let (mut driver, _) = configured();
    driver.srrctl = 2 | 4 << 8 | 2 << 25;
    driver.add_rx(0, 64);
    driver.start_receive();
    driver.port.deliver(&frame(MAC, 100));
    let (bytes, [_, high]) = driver.receive(0).expect("no frame was received");
    assert_eq!((bytes, high & 3), (frame(MAC, 100), 3));
    assert_eq!(driver.broken(), [Rule::DescriptorTypeReserved]);
}

#[test]
fn a_writable_field_of_a_read_only_register_is_written() {
    let driver = Driver::running();
    // PCS1GLSTA.AN_ERROR.
    driver.set(0x420C, 1 << 20);
    assert_eq!(driver.read(0x420C) >> 20 & 1, 1);
    driver.clean();
}
