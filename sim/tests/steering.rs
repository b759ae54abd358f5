//! Which filter chooses the queue of a packet that several match (datasheet 7.1.2, 8.2.3.21.14).

mod common;

use common::filters::*;
use common::*;
use ixgbe_sim::Decision;

#[test]
fn filters_come_in_the_order_ethertype_syn_five_tuple_syn_flow_director_rss() {
    let mut driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.reset();
    driver.configure();
    (0..6).for_each(|queue| driver.add_rx(queue, 64));
    driver.write(RXPBSIZE, (512 - 64) << 10);
    driver.write(FDIRHKEY, BUCKET_KEY);
    driver.write(FDIRCTRL, 1 | 1 << 4 | 1 << 5 | 127 << 8 | 6 << 16 | 10 << 24 | 4 << 28);
    assert!(driver.until(FDIRCTRL, 1 << 3, 1 << 3));
    (0..32).for_each(|n| driver.write(RETA + n * 4, 0x0101_0101));
    (0..10).for_each(|n| driver.write(RSSRK + n * 4, 0x1234_5678));
    driver.write(RXCSUM, 1 << 13);
    start(&driver);
    let packet = Packet { flags: 2, ..Packet::default() };
    let frame = packet.frame();
    let check = |driver: &mut Driver, expected: usize, decision: fn(Decision) -> bool| {
        let chosen = driver.port.destination(&frame).unwrap();
        assert!(decision(chosen.decision), "{chosen:?}");
        let (queue, words) = delivered(driver, &frame).unwrap();
        assert_eq!(queue, expected, "{chosen:?}");
        words
    };
    // The last comes first, and each of the others wins over those before.
    check(&mut driver, 0, |decision| decision == Decision::Default);
    driver.write(MRQC, 1 | 1 << 16);
    check(&mut driver, 1, |decision| matches!(decision, Decision::Rss(hash) if hash != 0));
    driver.write(0xEE18, u32::from_le_bytes(packet.source));
    driver.write(0xEE1C, u32::from_le_bytes(packet.destination));
    driver.write(0xEE20, 5000 | 40_000 << 16);
    driver.write(0xEE24, 0x0008 << 16);
    let fields = Fields { flexible: 0x0800, ..Fields::of(&packet) };
    let id = 0x123;
    program(&driver, fields.hash(BUCKET_KEY) | id << 16, 1 | 2 << 5 | 1 << 11 | 1 << 15 | 2 << 16);
    check(&mut driver, 2, |decision| decision == Decision::FlowDirector { id: 0x123, drop: false });
    driver.write(SYNQF, 1 | 3 << 1);
    check(&mut driver, 3, |decision| decision == Decision::Syn);
    write_five_tuple(&driver, 6, &packet, 0, 1, 4);
    let words = check(&mut driver, 4, |decision| decision == Decision::FiveTuple(6));
    // Flow Director still counts and reports its match.
    assert_eq!((words[0] & 0xF, words[0] >> 32 & 0xFFFF, words[1] & FLM), (15, id.into(), FLM));
    assert_eq!([FDIRMATCH, FDIRMISS].map(|at| driver.read(at)), [3, 2]);
    driver.write(SYNQF, 1 | 3 << 1 | 1 << 31);
    check(&mut driver, 3, |decision| decision == Decision::Syn);
    driver.write(ETQF, 1 << 31 | 0x0800);
    check(&mut driver, 0, |decision| decision == Decision::Default);
    driver.write(ETQS, 1 << 31 | 5 << 16);
    check(&mut driver, 5, |decision| decision == Decision::EtherType(0));
    driver.clean();
}

#[test]
fn a_frame_that_the_mac_refuses_has_no_destination() {
    let driver = Driver::running();
    assert!(driver.port.destination(&frame(MAC, 60)).is_some());
    assert!(driver.port.destination(&frame([0xFF; 6], 60)).is_some());
    for refused in [frame([2, 0, 0, 0, 0, 0x77], 60), frame(MAC, 59), frame(MAC, 1515), Vec::new()] {
        assert_eq!(driver.port.destination(&refused), None, "{} bytes", refused.len());
    }
    assert_eq!(driver.port.counters(), ixgbe_sim::Counters::default(), "nothing is counted");
    driver.clean();
}
