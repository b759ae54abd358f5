//! The fate of frames: filters, lengths, queues, descriptors, statistics.

mod common;

use std::sync::atomic::Ordering;

use common::*;
use ixgbe_sim::wire::generator::Generator;

/// Clears RXEN for a moment to change FCTRL.
fn set_filter(driver: &Driver, control: u32) {
    driver.stop_receive();
    driver.write(FCTRL, control);
    driver.start_receive();
}

fn is_received(driver: &mut Driver, frame: &[u8]) -> bool {
    driver.port.deliver(frame);
    let received = driver.receive(0).map(|(received, _)| received);
    driver.refill(0);
    assert!(received.is_none() || received.as_deref() == Some(frame));
    received.is_some()
}

#[test]
fn addresses_are_filtered() {
    let mut driver = Driver::running();
    let (other, multicast, broadcast) = ([2, 0, 0, 0, 0, 0x77], [0x01, 0, 0x5E, 0x12, 0x34, 0x56], [0xFF; 6]);
    let accepts =
        |driver: &mut Driver| [MAC, other, multicast, broadcast].map(|to| is_received(driver, &frame(to, 60)));
    assert_eq!(accepts(&mut driver), [true, false, false, true]);
    set_filter(&driver, 0);
    assert_eq!(accepts(&mut driver), [true, false, false, false]);
    set_filter(&driver, 1 << 9);
    assert_eq!(accepts(&mut driver), [true, true, false, false]);
    set_filter(&driver, 1 << 8);
    assert_eq!(accepts(&mut driver), [true, false, true, true], "MPE passes broadcasts, too");
    set_filter(&driver, 0);
    // A second address, without a first one.
    driver.write(RAL + 5 * 8, u32::from_le_bytes([2, 0, 0, 0]));
    driver.write(RAH + 5 * 8, 0x7700 | 1 << 31);
    driver.clear(RAH, 1 << 31);
    assert_eq!(accepts(&mut driver), [false, true, false, false]);
    assert_eq!(driver.port.counters().dropped_filter, 11);
    driver.clean();
}

#[test]
fn multicasts_are_filtered_by_the_selected_bits() {
    let mut driver = Driver::running();
    let address = [0x01, 0, 0x5E, 0x12, 0x34, 0x56];
    // Bits 47:36, 46:35, 45:34 and 43:32 of an address whose last bytes are 0x34 (39:32) and 0x56 (47:40).
    for (offset, vector) in [(0, 0x563_u32), (1, 0xAC6), (2, 0x58D), (3, 0xB1A)] {
        driver.write(MCSTCTRL, 1 << 2 | offset);
        assert!(!is_received(&mut driver, &frame(address, 60)));
        driver.write(MTA + (vector >> 5) * 4, 1 << (vector & 31));
        assert!(is_received(&mut driver, &frame(address, 60)), "offset {offset}");
        driver.write(MTA + (vector >> 5) * 4, 0);
    }
    driver.clean();
}

#[test]
fn vlans_are_filtered() {
    let mut driver = Driver::running();
    driver.set(VLNCTRL, 1 << 30);
    let mut tagged = frame(MAC, 64);
    tagged[12..16].copy_from_slice(&[0x81, 0x00, 0x20, 0x65]); // Priority 1, VLAN 0x65.
    assert!(is_received(&mut driver, &frame(MAC, 60)));
    assert!(!is_received(&mut driver, &tagged));
    driver.write(VFTA + 0x65 / 32 * 4, 1 << (0x65 % 32));
    assert!(is_received(&mut driver, &tagged));
    driver.clean();
}

#[test]
fn vlan_tags_are_stripped_on_request() {
    let mut driver = Driver::running();
    let mut tagged = frame(MAC, 1518);
    tagged[12..16].copy_from_slice(&[0x81, 0x00, 0x20, 0x65]);
    assert!(is_received(&mut driver, &tagged), "with a tag a frame may be longer");
    driver.set(rx(0, 0x28), 1 << 30);
    driver.port.deliver(&tagged);
    let (received, words) = driver.receive(0).unwrap();
    assert_eq!(received, [&tagged[..12], &tagged[16..]].concat());
    assert_eq!(words[1], 0x2065 << 48 | 1514 << 32 | 1 << 3 | 3, "VP and the tag");
    driver.port.deliver(&frame(MAC, 60));
    assert_eq!(driver.receive(0).unwrap().1[1], 60 << 32 | 3);
    assert_eq!(driver.read(0x1034), 1518 + 1518 + 60, "QBRC");
    driver.clean();
}

#[test]
fn lengths_are_limited() {
    let mut driver = Driver::running();
    assert!(!is_received(&mut driver, &frame(MAC, 59)));
    assert!(is_received(&mut driver, &frame(MAC, 60)));
    assert!(is_received(&mut driver, &frame(MAC, 1514)));
    assert!(!is_received(&mut driver, &frame(MAC, 1515)));
    assert_eq!((driver.read(0x40A4), driver.read(0x40AC)), (1, 1), "RUC, ROC");
    driver.set(HLREG0, 1 << 2);
    driver.write(MAXFRS, 9_000 << 16);
    // Five buffers of 2 KB.
    assert!(is_received(&mut driver, &frame(MAC, 8_996)));
    assert_eq!(driver.read(rx(0, 0x10)), 7);
    assert!(is_received(&mut driver, &frame(MAC, 4_096)));
    assert_eq!(driver.read(rx(0, 0x10)), 9, "a frame that fills its buffers exactly needs no more");
    assert!(!is_received(&mut driver, &frame(MAC, 8_997)));
    driver.send(0, &frame(MAC, 60));
    driver.clean();
}

#[test]
fn the_crc_is_kept_on_request() {
    let mut driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.reset();
    driver.configure();
    driver.clear(HLREG0, 1 << 1);
    driver.clear(RDRXCTL, 1 << 1);
    driver.add_rx(0, 64);
    driver.start_receive();
    driver.wait_for_link();
    driver.port.deliver(&frame(MAC, 2044));
    assert_eq!(driver.receive(0), None, "too long");
    driver.port.deliver(&frame(MAC, 100));
    let (received, _) = driver.receive(0).unwrap();
    assert_eq!(received.len(), 104);
    assert_eq!(received[..100], frame(MAC, 100));
    driver.clean();
}

#[test]
fn without_descriptors_frames_wait_or_are_dropped() {
    // Frames wait in the packet buffer, which has 512 KB.
    let mut driver = Driver::running();
    (0..63).for_each(|_| driver.port.deliver(&frame(MAC, 1024)));
    (0..600).for_each(|_| driver.port.deliver(&frame(MAC, 1024)));
    let counters = driver.port.counters();
    assert_eq!((counters.delivered, counters.waiting, counters.missed), (63, 512, 88));
    assert_eq!(driver.read(0x3FA0), 88, "RXMPC");
    assert_eq!(driver.read(EICR) & 1 << 17, 1 << 17, "Rx Miss");
    let mut received = 0;
    loop {
        while driver.receive(0).is_some() {
            received += 1;
        }
        driver.refill(0);
        if driver.port.run_until_idle(10) == 0 {
            break;
        }
    }
    assert_eq!(received, 63 + 512);
    driver.clean();

    let mut driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.srrctl |= 1 << 28;
    driver.bring_up(&[5], &[]);
    driver.write(0x2304, 0x0000_0300); // RQSMR: queue 5 counts in set 3.
    // Without RSS all frames go to queue 0.
    driver.port.deliver(&frame(MAC, 60));
    assert_eq!(driver.port.counters().dropped_no_queue, 1);
    driver.add_rx(0, 64);
    driver.write(0x2300, 0x0000_0002);
    (0..100).for_each(|_| driver.port.deliver(&frame(MAC, 60)));
    assert_eq!(driver.port.counters().dropped_no_descriptor, 37);
    assert_eq!(driver.read(0x1430 + 2 * 0x40), 37, "QPRDC");
    assert_eq!(driver.read(0x1030 + 2 * 0x40), 63, "QPRC");
    assert_eq!(driver.read(0x1030 + 2 * 0x40), 0, "reading clears");
    assert_eq!(driver.read(0x1034 + 2 * 0x40), 63 * 60, "QBRC");
    driver.clean();
}

#[test]
fn statistics_count_and_clear_when_read() {
    let mut driver = Driver::running();
    driver.write(0x8600, 0x0000_0001); // TQSM: queue 0 counts in set 1.
    driver.port.deliver(&frame(MAC, 60));
    driver.port.deliver(&frame([0xFF; 6], 200));
    driver.port.deliver(&frame([9, 0, 0, 0, 0, 9], 60));
    driver.send(0, &frame([0xFF; 6], 60));
    driver.send(0, &frame([1, 0, 0x5E, 0, 0, 1], 1514));
    let expected = [
        (0x40D0, 3, "TPR"),
        (0x40C0, 64 + 204 + 64, "TORL"),
        (0x40C4, 0, "TORH"),
        (0x405C, 1, "PRC64"),
        (0x4064, 1, "PRC255"),
        (0x4074, 2, "GPRC"),
        (0x4078, 1, "BPRC"),
        (0x407C, 0, "MPRC"),
        (0x4088, 64 + 204, "GORCL"),
        (0x408C, 0, "GORCH"),
        (0x4080, 2, "GPTC"),
        (0x4090, 64 + 1518, "GOTCL"),
        (0x40D4, 2, "TPT"),
        (0x40D8, 1, "PTC64"),
        (0x40EC, 1, "PTC1522"),
        (0x40F0, 1, "MPTC"),
        (0x40F4, 1, "BPTC"),
        (0x8684, 2, "QPTC"),
        (0x8708, 60 + 1514, "QBTC"),
        (0x1030, 2, "QPRC"),
    ];
    for (at, value, name) in expected {
        assert_eq!(driver.read(at), value, "{name}");
        assert_eq!(driver.read(at), 0, "{name} clears");
    }
    driver.clean();
}

#[test]
fn packets_are_sent_over_several_descriptors_and_padded() {
    let mut driver = Driver::new();
    let sink = ixgbe_sim::wire::sink::Sink::new();
    let seen = sink.counters();
    driver.port.plug(sink);
    driver.bring_up(&[], &[0]);
    driver.port.clear_violations(); // RXEN without a queue.
    let mut frames: Vec<Vec<u8>> = Vec::new();
    let mut generator = Generator::new(MAC, 300).count(1).lossless();
    ixgbe_sim::Wire::receive(&mut generator, 1, &mut |frame| frames.push(frame.to_vec()));
    driver.tx[0].1.buffers.write(0, &frames[0]);
    let address = driver.tx[0].1.buffers.address(0);
    let part = |len: u64| data(len as usize) & !(1 << 24 | 1 << 27);
    driver.put(0, [address, part(100) | 300 << 46]);
    driver.put(0, [address + 100, part(1)]);
    driver.put(0, [address + 101, data(199)]);
    driver.ring(0);
    driver.port.run_until_idle(10);
    assert_eq!((seen.frames(), seen.corrupted()), (1, 0));
    assert_eq!([0, 1, 2].map(|n| driver.is_done(0, n)), [false, false, true], "only RS is written back");
    assert_eq!(driver.tx[0].1.ring.word(4).load(Ordering::Relaxed), 0, "the address is gone");
    // A short frame, in a legacy descriptor.
    let before = seen.bytes();
    driver.put(0, [address, 20 | 1 << 24 | 1 << 25 | 1 << 27]);
    driver.ring(0);
    driver.port.run_until_idle(10);
    assert_eq!((seen.bytes() - before, driver.is_done(0, 3)), (60, true));
    // A context descriptor alone.
    driver.put(0, [14 << 9 | 20, 2 << 20 | 1 << 29]);
    driver.put_packet(0, &frames[0]);
    driver.ring(0);
    driver.port.run_until_idle(10);
    assert_eq!((driver.is_done(0, 5), driver.read(tx(0, 0x10))), (true, 6));
    driver.clean();
}

#[test]
fn heads_are_written_back_on_request_and_thresholds_gather() {
    let mut driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.reset();
    driver.configure();
    driver.start_transmit_dma();
    let place = Region::new(&driver.port, 4096);
    let address = place.address(64);
    driver.write(tx(0, 0x38), address as u32 | 1);
    driver.write(tx(0, 0x3C), (address >> 32) as u32);
    driver.clear(tx(0, 0x0C), 1 << 11);
    driver.add_tx(0, 64);
    driver.txdctl |= 4 << 16;
    driver.add_tx(1, 64);
    driver.wait_for_link();
    driver.send(0, &frame(MAC, 60));
    driver.send(0, &frame(MAC, 60));
    assert_eq!(place.word(8).load(Ordering::Acquire), 2);
    assert!(!driver.is_done(0, 1));
    (0..6).for_each(|_| driver.put_packet(1, &frame(MAC, 60)));
    driver.ring(1);
    driver.port.step();
    assert_eq!([3, 4].map(|n| driver.is_done(1, n)), [true, false]);
    driver.port.step();
    assert!(driver.is_done(1, 5), "an idle queue writes back the rest");
    driver.clean();
}

#[test]
fn legacy_descriptors_are_written_back_as_such() {
    let mut driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.srrctl = 2 | 4 << 8;
    driver.bring_up(&[70], &[]);
    driver.add_rx(0, 64);
    driver.port.deliver(&frame(MAC, 100));
    let ring = &driver.rx[1].1;
    let words = [0, 1].map(|n| ring.ring.word(n).load(Ordering::Acquire));
    assert_eq!(words, [ring.buffers.address(0), 100 | 3 << 32]);
    driver.clean();
}

#[test]
fn interrupt_causes_are_set_as_mapped() {
    let mut driver = Driver::running();
    driver.write(IVAR, 0x8382);
    driver.read(EICR);
    driver.port.deliver(&frame(MAC, 60));
    assert_eq!(driver.read(EICR), 1 << 2);
    assert_eq!(driver.read(EICR), 0, "reading clears");
    driver.send(0, &frame(MAC, 60));
    driver.write(EICS, 1 << 9);
    driver.write(EICR, 1 << 9);
    assert_eq!(driver.peek(EICR), 1 << 3, "writing ones clears");
    driver.write(GPIE, 1 << 5);
    driver.write(EICS, 1 << 20 | 1 << 16);
    assert_eq!(driver.read(EICR), 1 << 3 | 1 << 20 | 1 << 16);
    assert_eq!(driver.read(EICR), 1 << 3, "with OCD only bits 29:16 clear");
    driver.write(EIMS, 0xF);
    driver.write(EIMS, 0xF0);
    driver.write(EIMC, 0x3);
    assert_eq!(driver.read(EIMS), 0xFC);
    driver.clean();
}

#[test]
fn loopback_goes_from_tx_to_rx() {
    let mut driver = Driver::running();
    driver.set(HLREG0, 1 << 15);
    driver.send(0, &frame(MAC, 77));
    assert_eq!(driver.receive(0).unwrap().0, frame(MAC, 77));
    driver.clean();
}

#[test]
fn a_generator_at_line_rate_overruns_a_port_that_is_not_drained() {
    let mut driver = Driver::new();
    let generator = Generator::new(MAC, 1000).count(2_000);
    driver.port.plug(generator);
    driver.bring_up(&[0], &[0]);
    // 1,024 bytes on the wire are 8,192 bits: 12 frames per step.
    for _ in 0..200 {
        driver.port.step();
    }
    let counters = driver.port.counters();
    assert_eq!(counters.frames_in, 2_000);
    assert!(counters.missed > 0, "{counters:?}");
    let accounted = counters.delivered + counters.waiting + counters.missed + counters.dropped_not_receiving;
    assert_eq!(accounted, 2_000);
    driver.clean();
}
