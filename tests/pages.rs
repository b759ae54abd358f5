//! Memory whose pages the device sees at addresses that have nothing to do with each other, as without an IOMMU.

mod common;

use common::pass_on::pass_on;
use common::{assert_clean, assert_works, batch, frame, mac, packet, pool_of};
use ixgbe::device::{Config, Device};
use ixgbe::dma::{Dma, DmaError, Domain, Mapping, Memory};
use ixgbe::pool::{HEADROOM, MAX_BUFFER_SIZE, Pool, PoolError};
use ixgbe_sim::{Port, PortConfig, PortPlatform};

const PAGE: usize = 4096;

/// A port that says how large its pages are.
struct Paged(PortPlatform);

pass_on!(Bus, Clock of Paged => 0);

// SAFETY: as for `Bus`; the port's pages have this size.
unsafe impl Dma for Paged {
    fn domain(&self) -> Domain {
        self.0.domain()
    }

    fn page_size(&self) -> usize {
        PAGE
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        self.0.allocate(len)
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        self.0.map(memory)
    }
}

fn scattered() -> Port {
    Port::new(PortConfig { mac: mac(0), scattered_pages: true, ..PortConfig::default() })
}

#[test]
fn no_buffer_crosses_the_border_of_two_pages() {
    let port = Paged(scattered().claim().unwrap());
    for size in [1024, 2048, 3072] {
        let pool = Pool::new(&port, 500, size).unwrap();
        assert_eq!((pool.capacity(), pool.available()), (500, 500));
        let mut packets: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(packets.len(), 500);
        packets.sort_by_key(|packet| packet.as_ptr() as usize);
        let starts: Vec<_> = packets.iter().map(|packet| packet.as_ptr() as usize - HEADROOM).collect();
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= HEADROOM + size), "buffers overlap");
        assert!(starts.iter().all(|start| start / PAGE == (start + HEADROOM + size - 1) / PAGE), "{size}");
    }
    let too_large = Pool::new(&port, 500, 4096).unwrap_err();
    assert!(matches!(too_large, PoolError::Dma(DmaError::NotMappable { .. })), "{too_large}");
    assert!(too_large.to_string().contains("larger than a page"));
}

#[test]
fn large_buffers_are_as_large_as_pages_allow() {
    let in_pages = Pool::with_large_buffers(&Paged(scattered().claim().unwrap()), 1 << 20).unwrap();
    assert_eq!((in_pages.buffer_size(), in_pages.capacity()), (3072, 341));
    let port = Port::new(PortConfig::default()).claim().unwrap();
    let in_one_piece = Pool::with_large_buffers(&port, 1 << 20).unwrap();
    assert_eq!((in_one_piece.buffer_size(), in_one_piece.capacity()), (MAX_BUFFER_SIZE, 64));
    let none = Pool::with_large_buffers(&port, MAX_BUFFER_SIZE - 1).unwrap_err();
    assert_eq!(none, PoolError::Count { count: 0 });
}

#[test]
fn traffic_goes_through_scattered_pages() {
    let port = scattered();
    let recorder = common::Recorder::default();
    port.plug(recorder.clone());
    // A ring must be in one piece: this one fills a page.
    let config = Config::new().rx_descriptors(256).tx_descriptors(256);
    let mut nic = common::run(Device::new(Paged(port.claim().unwrap())).reset(&config).unwrap());
    assert_works(&mut nic, &port, &recorder);
    // Every buffer of the pool is somewhere else, and the device finds each.
    let pool = pool_of(&nic);
    let mut frames = Vec::new();
    for round in 0..8u8 {
        let sent: Vec<_> = (0..100).map(|n| frame(mac(9), 60 + usize::from(n), n ^ round)).collect();
        let mut batch = batch(sent.iter().map(|frame| packet(&pool, frame)));
        assert_eq!(nic.split().1[0].tx.transmit(&mut batch).unwrap(), 100);
        port.run_until_idle(100);
        frames.extend(sent);
    }
    assert_eq!(recorder.take(), frames);
    // A recovery posts the same buffers again.
    (0..7).for_each(|n| port.deliver(&frame(mac(0), 60, n)));
    let mut nic = nic.recover().unwrap();
    port.wait(std::time::Duration::from_millis(50));
    (0..255).for_each(|_| assert_works(&mut nic, &port, &recorder));
    nic.stop().unwrap();
    assert_eq!((pool.available(), port.mapped_bytes()), (pool.capacity(), 0));
    assert_clean(&port);
}
