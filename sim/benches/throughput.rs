//! Packets per second that the model forwards on one core: generated, received, sent back and checked.

#[path = "../tests/common/mod.rs"]
mod common;

use std::sync::atomic::Ordering;
use std::time::Instant;

use common::*;
use ixgbe_sim::wire::Duplex;
use ixgbe_sim::wire::generator::Generator;
use ixgbe_sim::wire::sink::Sink;

const RING: usize = 512;

fn main() {
    // `cargo test` runs benches as well, and does not need results.
    let count = if std::env::args().any(|argument| argument == "--bench") { 5_000_000 } else { 10_000 };
    for size in [60, 508, 1514] {
        let seconds = forward(size, count);
        println!("{size:>5} bytes: {:.2} million packets per second forwarded", count as f64 / seconds / 1e6);
    }
}

/// Forwards `count` frames in place, and returns the duration in seconds.
fn forward(size: usize, count: u64) -> f64 {
    let mut driver = Driver::new();
    let generator = Generator::new(MAC, size).count(count).lossless();
    let sink = Sink::new();
    let seen = sink.counters();
    driver.port.plug(Duplex::new(generator, sink));
    driver.reset();
    driver.configure();
    driver.add_rx(0, RING);
    driver.start_receive();
    driver.start_transmit_dma();
    driver.add_tx(0, RING);
    driver.wait_for_link();
    let (_, rx_ring) = &driver.rx[0];
    let (_, tx_ring) = &driver.tx[0];
    let base = rx_ring.buffers.address(0);
    let (mut next, mut sent) = (0, 0_u64);
    let start = Instant::now();
    while seen.frames() < count {
        driver.port.step();
        let (first, before) = (next, sent);
        while sent - before < 256 {
            let high = rx_ring.ring.word(next * 2 + 1);
            let done = high.load(Ordering::Acquire);
            if done & 1 == 0 {
                break;
            }
            high.store(0, Ordering::Relaxed);
            let buffer = base + (next * rx_ring.buffer) as u64;
            let len = (done >> 32 & 0xFFFF) as usize;
            let slot = sent as usize % RING;
            tx_ring.ring.word(slot * 2).store(buffer, Ordering::Relaxed);
            let report = if (sent + 1).is_multiple_of(32) { 0 } else { 1 << 27 };
            tx_ring.ring.word(slot * 2 + 1).store(data(len) & !report | (len as u64) << 46, Ordering::Relaxed);
            sent += 1;
            next = (next + 1) % RING;
        }
        if next != first {
            driver.write(tx(0, 0x18), (sent % RING as u64) as u32);
            // The buffers of this round leave with the next step, before they receive again.
            for at in 0..(sent - before) as usize {
                let slot = (first + RING - 1 + at) % RING;
                rx_ring.ring.word(slot * 2).store(base + (slot * rx_ring.buffer) as u64, Ordering::Relaxed);
            }
            driver.write(rx(0, 0x18), ((next + RING - 1) % RING) as u32);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    driver.clean();
    assert_eq!((seen.lost(), seen.corrupted(), seen.duplicated(), seen.reordered()), (0, 0, 0, 0));
    seconds
}
