//! Filters by EtherType (datasheet 7.1.2.3, 8.2.3.7.21, 8.2.3.7.22).

mod common;

use common::filters::*;
use common::*;
use ixgbe_sim::Decision;

const ENABLE: u32 = 1 << 31;
/// The packet type of a frame that matches.
const LAYER_2: u64 = 1 << 15;

/// Returns a frame of this EtherType.
fn typed(ether_type: u16) -> Vec<u8> {
    let mut frame = frame(MAC, 80);
    frame[12..14].copy_from_slice(&ether_type.to_be_bytes());
    frame
}

fn tagged(frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &[0x81, 0x00, 0x20, 0x65], &frame[12..]].concat()
}

/// Returns queue, packet type and RSS_TYPE.
fn result(driver: &mut Driver, frame: &[u8]) -> (usize, u64) {
    let (queue, words) = delivered(driver, frame).unwrap();
    (queue, words[0] & 0x1FFFF)
}

#[test]
fn a_filter_marks_its_frames_and_sends_them_to_its_queue() {
    let mut driver = with_queues();
    driver.set(rx(0, 0x28), 1 << 30);
    driver.write(ETQF + 3 * 4, ENABLE | 0x88F7);
    driver.write(ETQS + 3 * 4, ENABLE | 2 << 16);
    driver.write(ETQF + 7 * 4, ENABLE | 0x88CC);
    start(&driver);
    assert_eq!(result(&mut driver, &typed(0x88F7)), (2, LAYER_2 | 3 << 4));
    assert_eq!(driver.port.destination(&typed(0x88F7)).unwrap().decision, Decision::EtherType(3));
    assert_eq!(result(&mut driver, &tagged(&typed(0x88F7))), (2, LAYER_2 | 3 << 4), "behind a tag");
    assert_eq!(result(&mut driver, &typed(0xF788)), (0, 0), "the bytes are swapped");
    // Without a queue, the frame is only marked.
    assert_eq!(result(&mut driver, &typed(0x88CC)), (0, LAYER_2 | 7 << 4));
    assert_eq!(driver.port.destination(&typed(0x88CC)).unwrap().decision, Decision::Default);
    // The tag is stripped all the same.
    let (_, words) = delivered(&mut driver, &tagged(&typed(0x88CC))).unwrap();
    assert_eq!((words[1] >> 48, words[1] & 1 << 3), (0x2065, 1 << 3));
    // Filters change while the device runs.
    driver.write(ETQS + 3 * 4, ENABLE | 1 << 16);
    assert_eq!(result(&mut driver, &typed(0x88F7)), (1, LAYER_2 | 3 << 4));
    driver.write(ETQF + 3 * 4, 0x88F7);
    assert_eq!(result(&mut driver, &typed(0x88F7)), (0, 0));
    driver.clean();
}

#[test]
fn of_several_filters_for_a_type_the_last_one_counts() {
    let mut driver = with_queues();
    for index in [1, 4, 2] {
        driver.write(ETQF + index * 4, ENABLE | 0x88F7);
        driver.write(ETQS + index * 4, ENABLE | (index % 4) << 16);
    }
    start(&driver);
    assert_eq!(result(&mut driver, &typed(0x88F7)), (0, LAYER_2 | 4 << 4));
    driver.write(ETQF + 4 * 4, 0);
    assert_eq!(result(&mut driver, &typed(0x88F7)), (2, LAYER_2 | 2 << 4));
    driver.clean();
}

#[test]
fn nothing_behind_layer_2_is_evaluated_for_a_frame_that_matches() {
    let mut driver = with_queues();
    driver.write(RXPBSIZE, (512 - 64) << 10);
    driver.write(FDIRCTRL, 1 | 10 << 24 | 4 << 28);
    assert!(driver.until(FDIRCTRL, 1 << 3, 1 << 3));
    (0..32).for_each(|n| driver.write(RETA + n * 4, 0x0303_0303));
    (0..10).for_each(|n| driver.write(RSSRK + n * 4, 0x1234_5678));
    driver.write(MRQC, 1 | 1 << 16);
    driver.write(RXCSUM, 1 << 13);
    let packet = Packet::default();
    write_five_tuple(&driver, 5, &packet, 0, 1, 1);
    start(&driver);
    let (queue, words) = delivered(&mut driver, &packet.frame()).unwrap();
    assert_eq!((queue, words[0] & 0x1FFFF), (1, 1 << 4 | 1 << 8 | 1));
    assert_ne!((words[0] >> 32, words[1] >> 4 & 7), (0, 0), "a hash, and checksums");
    assert_eq!([FDIRMATCH, FDIRMISS].map(|at| driver.read(at)), [0, 1]);
    // No driver sets a filter for IP.
    driver.write(ETQF, ENABLE | 0x0800);
    let (queue, words) = delivered(&mut driver, &packet.frame()).unwrap();
    assert_eq!((queue, words[0]), (0, LAYER_2));
    assert_eq!(words[1] & 0xFFFF_FFFF, 3, "DD and EOP, no checksums");
    assert_eq!([FDIRMATCH, FDIRMISS].map(|at| driver.read(at)), [0, 0]);
    driver.clean();
}
