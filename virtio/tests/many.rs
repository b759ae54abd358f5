//! Frames in great numbers: each arrives once, in its order and with its bytes, and no buffer is lost.
//!
//! `FRAMES` in the environment says how many go through: 20,000 by default, which takes a moment. For ten millions:
//! `FRAMES=10000000 cargo test --release -p ixgbe-virtio --test many`.

mod fake;

use fake::{Fake, FakeFunction};
use ixgbe::packet::Batch;
use ixgbe_virtio::device::DriverOk;
use ixgbe_virtio::{Config, Device};

fake::on_both_rings! {
    frames_in_great_numbers_are_forwarded_and_accounted_for,
}

/// Descriptors of each ring.
const SIZE: u16 = 256;
/// The most frames that arrive before the forwarder is called.
const MOST: u64 = 64;

fn live(rings: u128) -> (Fake, Device<DriverOk, FakeFunction>) {
    let (fake, function) = Fake::new(fake::VERSION_1 | fake::MRG_RXBUF | fake::EVENT_IDX | rings);
    // Doorbells go nowhere: the test looks when it is its turn.
    fake.state().is_deaf = true;
    let device = Device::new(function).unwrap();
    (fake, device.bring_up(&Config::new().queue_sizes(SIZE, SIZE)).unwrap())
}

/// Returns frame `number`: of 60 to 187 bytes, with the number in it and bytes that follow from it.
fn frame(number: u64) -> Vec<u8> {
    let mut frame = vec![number as u8 ^ 0x5a; 60 + (number % 128) as usize];
    frame[14..22].copy_from_slice(&number.to_le_bytes());
    frame
}

fn frames_in_great_numbers_are_forwarded_and_accounted_for(rings: u128) {
    let frames = std::env::var("FRAMES").map_or(20_000, |frames| frames.parse().expect("FRAMES is a number"));
    let ((arriving, mut from), (leaving, mut to)) = (live(rings), live(rings));
    let pool = from.pools()[0].clone();
    let mut batch = Batch::with_capacity(MOST as usize);
    let (mut arrived, mut sent) = (0, 0);
    {
        let ((_, mut from), (_, mut to)) = (from.split(), to.split());
        let (rx, tx) = (&mut from[0].rx, &mut to[0].tx);
        tx.attach(&pool).unwrap();
        while sent < frames {
            // From 1 to `MOST`, without a pattern that the rings share.
            for _ in 0..(arrived * 7919 % MOST + 1).min(frames - arrived) {
                assert!(arriving.deliver(&frame(arrived)), "the receive ring has room");
                arrived += 1;
            }
            rx.receive(&mut batch).unwrap();
            for packet in &mut batch {
                packet[0] ^= 1;
            }
            tx.transmit(&mut batch).unwrap();
            for bytes in leaving.sent() {
                let mut expected = frame(sent);
                expected[0] ^= 1;
                assert_eq!(bytes, expected, "frame {sent}");
                sent += 1;
            }
        }
        assert_eq!((arrived, sent, batch.len()), (frames, frames, 0));
        assert_eq!(tx.reclaim(), Ok(0));
    }
    for (fake, device) in [(&arriving, from), (&leaving, to)] {
        let counters = device.stop().unwrap();
        assert_eq!(fake.state().violations, [""; 0]);
        drop(counters);
    }
    assert_eq!(pool.available(), pool.capacity(), "no buffer is lost");
}
