//! Frames of up to 15.5 KiB pass, in one buffer and in several, and are counted to the byte.

mod common;

use common::{assert_adds_up, assert_clean, bytes, frame, mac, port, start};
use ixgbe::device::{Config, FRAME_SIZES};
use ixgbe::packet::Batch;
use ixgbe_sim::connect;

/// Frames without CRC, the longest of the device among them.
const LENS: [usize; 6] = [60, 1514, 1515, 9_014, 12_345, 15_868];

/// Sends the frames from one port to the other and back, with buffers of these sizes.
fn pass(one_size: usize, other_size: usize, segments: [usize; LENS.len()]) {
    let (one, other) = (port(0), port(1));
    connect(&one, &other);
    let config = Config::new().max_frame(*FRAME_SIZES.end());
    let mut nics = [(&one, one_size), (&other, other_size)].map(|(port, size)| start(port, &config.buffer_size(size)));
    let octets: u64 = LENS.iter().map(|len| *len as u64).sum();
    for (from, to) in [(0, 1), (1, 0)] {
        let frames = LENS.map(|len| frame(mac(to as u8), len, from as u8));
        let pool = nics[from].pools().next().unwrap().clone();
        let mut batch = Batch::with_capacity(LENS.len());
        for frame in &frames {
            batch.push(pool.take_copy(frame).unwrap()).unwrap();
        }
        assert_eq!(nics[from].split().1[0].tx.transmit(&mut batch).unwrap(), LENS.len());
        for _ in 0..100 {
            one.step();
            other.step();
        }
        let mut received = Batch::with_capacity(LENS.len());
        assert_eq!(nics[to].split().1[0].rx.receive(&mut received), LENS.len());
        for ((packet, frame), segments) in received.iter().zip(&frames).zip(segments) {
            assert_eq!(bytes(packet), *frame);
            if to == 1 {
                assert_eq!(packet.segments().count(), segments, "{} bytes in buffers of {other_size}", frame.len());
            }
        }
    }
    for (nic, port) in nics.iter_mut().zip([&one, &other]) {
        let statistics = nic.statistics().unwrap();
        let (rx, tx) = ((statistics.rx_packets, statistics.rx_octets), (statistics.tx_packets, statistics.tx_octets));
        assert_eq!((rx, tx), ((6, octets), (6, octets)));
        assert_eq!(statistics.rx_good_octets_with_crc, octets + 4 * 6);
        assert_eq!(statistics.tx_good_octets_with_crc, octets + 4 * 6);
        assert_eq!((statistics.rx_size_1024_and_more, statistics.tx_size_1024_and_more), (5, 5));
        assert_eq!((statistics.rx_oversize, statistics.rx_dropped()), (0, 0));
        assert_adds_up(nic, port, 6);
        assert_clean(port);
    }
}

#[test]
fn jumbo_frames_pass_in_one_buffer_each() {
    pass(16 * 1024, 16 * 1024, [1; LENS.len()]);
}

#[test]
fn jumbo_frames_pass_in_several_buffers() {
    pass(2 * 1024, 2 * 1024, [1, 1, 1, 5, 7, 8]);
}

#[test]
fn jumbo_frames_pass_from_one_kind_of_buffers_to_the_other() {
    pass(3 * 1024, 16 * 1024, [1; LENS.len()]);
    pass(16 * 1024, 1024, [1, 2, 2, 9, 13, 16]);
}

#[test]
fn a_byte_more_is_refused_and_counted_as_oversize() {
    let port = port(0);
    port.plug(ixgbe_sim::wire::NoTraffic);
    let mut nic = start(&port, &Config::new().max_frame(*FRAME_SIZES.end()));
    let longest = *FRAME_SIZES.end() - 4;
    port.deliver(&frame(mac(0), longest, 0));
    port.deliver(&frame(mac(0), longest + 1, 0));
    let statistics = nic.statistics().unwrap();
    assert_eq!((statistics.rx_packets, statistics.rx_octets), (1, longest as u64));
    assert_eq!(statistics.rx_oversize, 1);
    assert_eq!(common::receive(&mut nic).len(), 1);
}
