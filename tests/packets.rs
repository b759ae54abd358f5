//! Packets and pools: whose bytes are whose, what does not fit, and when memory is freed.

mod common;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Recorder, assert_clean, batch, bytes, frame, mac, packet, pool_of, port, recorded, reset, start};
use ixgbe::device::{
    Config, ConfigError, Device, Error, FRAME_SIZES, MAX_RX_QUEUES, MAX_TX_QUEUES, QueueStatistics, RING_LENS, Rss,
    StartError, Statistics,
};
use ixgbe::dma::{Dma, DmaError, Domain, Mapping, Memory};
use ixgbe::packet::{Batch, CopyError, NoRoom, Packet};
use ixgbe::pool::{BUFFER_SIZE_STEP, HEADROOM, MAX_BUFFER_SIZE, Pool, PoolError};
use ixgbe_sim::{Port, Wire};
use proptest::prelude::*;

/// A port whose memory is counted.
struct Counted {
    port: Port,
    allocated: Arc<AtomicUsize>,
    /// What is left out of each piece of memory.
    short: usize,
    /// The largest piece of memory that there is.
    most: usize,
}

impl Counted {
    fn new() -> Self {
        Self { port: port(0), allocated: Arc::default(), short: 0, most: usize::MAX }
    }

    fn bytes(&self) -> usize {
        self.allocated.load(Ordering::Relaxed)
    }
}

/// Memory that is taken off the count when it is freed.
struct Release {
    _memory: Memory,
    len: usize,
    allocated: Arc<AtomicUsize>,
}

impl Drop for Release {
    fn drop(&mut self) {
        self.allocated.fetch_sub(self.len, Ordering::Relaxed);
    }
}

// SAFETY: memory is the port's own, and lives as long as what it is handed on in.
unsafe impl Dma for Counted {
    fn domain(&self) -> Domain {
        self.port.domain()
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        if len > self.most {
            return Err(DmaError::OutOfMemory { len });
        }
        let memory = self.port.allocate(len)?;
        let (base, len) = (memory.base(), memory.len() - self.short);
        self.allocated.fetch_add(len, Ordering::Relaxed);
        let release = Release { _memory: memory, len, allocated: Arc::clone(&self.allocated) };
        // SAFETY: the port's memory is freed with `release`.
        Ok(unsafe { Memory::new(base, len, Box::new(release)) })
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        self.port.map(memory)
    }
}

/// All of the buffer that a packet's first segment lies in.
fn buffer(packet: &Packet) -> Range<usize> {
    let data = packet.as_ptr() as usize;
    let tailroom = if packet.segment_count() == 1 { packet.tailroom() } else { 0 };
    data - packet.headroom()..data + packet[..].len() + tailroom
}

#[track_caller]
fn assert_disjoint(mut buffers: Vec<Range<usize>>) {
    buffers.sort_by_key(|buffer| buffer.start);
    for pair in buffers.windows(2) {
        assert!(pair[0].end <= pair[1].start, "two packets share memory");
    }
}

// Packets

#[test]
fn headroom_is_the_packets_own() {
    let pool = Pool::new(&port(0), 50, 1024).unwrap();
    let mut packets: Vec<Packet> = (0..50).map(|_| pool.take().unwrap()).collect();
    assert!(pool.take().is_none());
    assert_disjoint(packets.iter().map(buffer).collect());
    for (n, packet) in (0..).zip(&mut packets) {
        assert_eq!((packet.headroom(), packet.tailroom(), packet.len()), (HEADROOM, 1024, 0));
        packet.extend_from_slice(&[n; 1024]).unwrap();
        packet.prepend(&[n ^ 0x80; HEADROOM]).unwrap();
        assert_eq!((packet.headroom(), packet.tailroom()), (0, 0));
    }
    for (n, packet) in (0..).zip(&packets) {
        assert!(packet[..HEADROOM].iter().all(|byte| *byte == n ^ 0x80), "the headroom of packet {n}");
        assert!(packet[HEADROOM..].iter().all(|byte| *byte == n), "packet {n}");
    }
}

#[test]
fn a_packet_does_not_grow_out_of_its_buffer() {
    let pool = Pool::new(&port(0), 4, 1024).unwrap();
    let mut packet = packet(&pool, b"middle");
    assert_eq!(packet.prepend(&[0; HEADROOM + 1]), Err(NoRoom { wanted: HEADROOM + 1, room: HEADROOM }));
    assert_eq!(packet.extend_from_slice(&[0; 1019]), Err(NoRoom { wanted: 1019, room: 1018 }));
    assert_eq!(packet.prepend(&vec![0; 1 << 17]), Err(NoRoom { wanted: 1 << 17, room: HEADROOM }));
    assert_eq!(packet.extend_from_slice(&vec![0; 1 << 17]), Err(NoRoom { wanted: 1 << 17, room: 1018 }));
    assert_eq!(&packet[..], b"middle", "what is refused changes nothing");
    packet.prepend(b"front, ").unwrap();
    packet.extend_from_slice(b", back").unwrap();
    packet.prepend(b"").unwrap();
    assert_eq!(&packet[..], b"front, middle, back");
    packet.trim_front(7);
    packet.truncate(6);
    assert_eq!(&packet[..], b"middle");
    packet.truncate(100);
    assert_eq!(&packet[..], b"middle");
    packet.trim_front(100);
    assert_eq!((packet.len(), packet.headroom(), packet.tailroom()), (0, HEADROOM + 6, 1018));
    // All of the buffer, from the front.
    packet.extend_from_slice(&[1; 1018]).unwrap();
    packet.trim_front(1018);
    packet.prepend(&[2; HEADROOM + 1024]).unwrap();
    assert_eq!((packet.len(), packet.headroom(), packet.tailroom()), (HEADROOM + 1024, 0, 0));
    drop(packet);
    let packet = pool.take().unwrap();
    assert_eq!((packet.len(), packet.headroom()), (0, HEADROOM), "what comes home is as new");
}

#[test]
fn the_largest_buffer_can_be_filled() {
    let pool = Pool::new(&port(0), 2, MAX_BUFFER_SIZE).unwrap();
    let mut packet = packet(&pool, &vec![1; MAX_BUFFER_SIZE]);
    packet.prepend(&[2; HEADROOM]).unwrap();
    assert_eq!(packet.len(), MAX_BUFFER_SIZE + HEADROOM);
    packet.trim_front(MAX_BUFFER_SIZE + HEADROOM);
    packet.prepend(&vec![3; MAX_BUFFER_SIZE + HEADROOM]).unwrap();
    assert_eq!((packet.headroom(), packet.tailroom()), (0, 0));
}

/// A packet of several segments, as it is received.
fn long(port: &Port, nic: &mut common::Nic, len: usize) -> (Packet, Vec<u8>) {
    let sent = frame(nic.mac(), len, 5);
    port.deliver(&sent);
    let mut batch = Batch::with_capacity(1);
    assert_eq!(nic.split().1[0].rx.receive(&mut batch), 1);
    (batch.drain(..).next().unwrap(), sent)
}

#[test]
fn a_packet_of_several_segments_is_cut_where_it_should() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new().max_frame(9018).buffer_size(1024).pool_buffers(2048));
    let pool = pool_of(&nic);
    drop(long(&port, &mut nic, 60));
    let before = pool.available();
    for len in [0, 1, 1023, 1024, 1025, 2047, 2048, 2049, 3071, 3072, 3999, 4000, 4001, 100_000] {
        let (mut packet, sent) = long(&port, &mut nic, 4000);
        assert_eq!(packet.segment_count(), 4);
        packet.truncate(len);
        let left = len.min(4000);
        assert_eq!(packet.len(), left, "cut to {len}");
        assert!(bytes(&packet) == sent[..left], "cut to {len}");
        assert_eq!(packet.segment_count(), left.div_ceil(1024).max(1));
        if left > 60 {
            assert_eq!(nic.split().1[0].tx.transmit(&mut batch([packet])).unwrap(), 1);
            port.run_until_idle(10);
            assert_eq!(recorder.take(), [&sent[..left]]);
            nic.split().1[0].tx.reclaim();
        }
    }
    // The receive queue takes buffers out of the pool a quarter of its 512 at a time.
    assert!(before.abs_diff(pool.available()) <= 512 / 4, "all segments went home");
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

#[test]
fn headers_can_be_put_before_a_packet_of_several_segments() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new().max_frame(9018).buffer_size(1024).pool_buffers(2048));
    let (mut packet, sent) = long(&port, &mut nic, 4000);
    packet.prepend(&[9; 50]).unwrap();
    packet.trim_front(20);
    let wanted = [&[9; 30], &sent[..]].concat();
    assert_eq!(bytes(&packet), wanted);
    assert_eq!(nic.split().1[0].tx.transmit(&mut batch([packet])).unwrap(), 1);
    port.run_until_idle(10);
    assert_eq!(recorder.take(), [wanted]);
    // What is put at the end goes into the last of the four segments, which has 928 bytes.
    let (mut packet, sent) = long(&port, &mut nic, 4000);
    assert_eq!(packet.extend_from_slice(&[0; 97]), Err(NoRoom { wanted: 97, room: 96 }));
    packet.extend_from_slice(&[7; 90]).unwrap();
    packet.append(6).unwrap().fill(8);
    assert_eq!((packet.tailroom(), packet.segment_count()), (0, 4));
    let wanted = [&sent[..], &[7; 90], &[8; 6]].concat();
    assert_eq!((bytes(&packet), packet.len()), (wanted.clone(), 4096));
    assert_eq!(nic.split().1[0].tx.transmit(&mut batch([packet])).unwrap(), 1);
    port.run_until_idle(10);
    assert_eq!(recorder.take(), [wanted]);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn the_length_of_a_packet_counts_all_its_segments() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new().max_frame(9018).buffer_size(1024).pool_buffers(2048));
    let (mut packet, sent) = long(&port, &mut nic, 4000);
    assert_eq!((packet.len(), packet[..].len(), packet.is_empty()), (4000, 1024, false));
    packet.trim_front(1024);
    assert_eq!((packet.len(), packet[..].len(), packet.is_empty()), (2976, 0, false));
    let mut wanted = sent[1024..].to_vec();
    wanted.iter_mut().for_each(|byte| *byte ^= 0xa5);
    packet.for_each_segment_mut(|segment| segment.iter_mut().for_each(|byte| *byte ^= 0xa5));
    assert_eq!(bytes(&packet), wanted);
    packet.truncate(0);
    assert!(packet.is_empty() && packet.segment_count() == 1);
    drop(packet);
    nic.stop().unwrap();
}

#[test]
fn a_packet_is_resized_within_its_buffer() {
    let pool = Pool::new(&port(0), 4, 1024).unwrap();
    let mut packet = packet(&pool, b"four");
    packet.resize(6, b'x').unwrap();
    assert_eq!(&packet[..], b"fourxx");
    packet.resize(2, b'y').unwrap();
    assert_eq!(&packet[..], b"fo");
    packet.resize(4, 0).unwrap();
    assert_eq!(&packet[..], b"fo\0\0", "what was cut off does not come back");
    assert_eq!(packet.resize(1025, 0), Err(NoRoom { wanted: 1021, room: 1020 }));
    assert_eq!(packet.len(), 4, "what is refused changes nothing");
    packet.resize(1024, 9).unwrap();
    assert_eq!((packet.len(), packet.tailroom()), (1024, 0));
}

#[test]
fn copies_lie_in_as_few_buffers_as_hold_them() {
    let (small, large) = (Pool::new(&port(0), 70, 1024).unwrap(), Pool::new(&port(0), 2, 16 * 1024).unwrap());
    for (len, segments) in [(0, 1), (1, 1), (1024, 1), (1025, 2), (2048, 2), (16_384, 16)] {
        let data: Vec<u8> = (0..len).map(|index: usize| (index * 7) as u8).collect();
        let mut packet = small.take_copy(&data).unwrap();
        assert_eq!((packet.len(), packet.segment_count()), (len, segments));
        let copy = packet.try_clone_into(&large).unwrap();
        assert_eq!((copy.segment_count(), bytes(&copy)), (1, data.clone()));
        packet.for_each_segment_mut(|segment| segment.fill(0));
        assert_eq!(bytes(&copy), data, "a copy has bytes of its own");
        let back = copy.try_clone_into(&small).unwrap();
        assert_eq!((back.segment_count(), bytes(&back)), (segments, data));
    }
    // What a copy had taken when it failed goes back.
    let (packet, _second) = (large.take_copy(&[1; 16_000]).unwrap(), large.take().unwrap());
    let held: Vec<Packet> = std::iter::from_fn(|| (small.available() > 10).then(|| small.take().unwrap())).collect();
    assert_eq!(packet.try_clone_into(&small).unwrap_err(), CopyError::NoBuffer);
    assert_eq!(small.available(), 10);
    assert_eq!(large.take_copy(&[]).unwrap_err(), CopyError::NoBuffer);
    drop(held);
    assert_eq!(small.take_copy(&vec![0; 64 * 1024 + 1]).unwrap_err(), CopyError::TooManySegments);
    assert_eq!(small.take_copy(&vec![0; 64 * 1024]).unwrap().segment_count(), 64);
    assert_eq!(small.available(), 70);
}

#[test]
fn batches_give_and_take_at_both_ends() {
    let pool = Pool::new(&port(0), 12, 1024).unwrap();
    let new = |numbers: &[u8], capacity| {
        let mut batch = Batch::with_capacity(capacity);
        numbers.iter().for_each(|number| batch.push(packet(&pool, &[*number])).unwrap());
        batch
    };
    let numbers = |batch: &Batch| batch.iter().map(|packet| packet[0]).collect::<Vec<_>>();
    let number = |packet: Option<Packet>| packet.map(|packet| packet[0]);
    let mut batch = new(&[1, 2, 3, 4, 5], 6);
    assert_eq!((number(batch.pop()), number(batch.pop_front())), (Some(5), Some(1)));
    batch.push_front(packet(&pool, &[9])).unwrap();
    assert_eq!(numbers(&batch), [9, 2, 3, 4]);
    batch.swap(0, 2);
    assert_eq!(numbers(&batch), [3, 2, 9, 4]);
    assert_eq!((number(batch.remove(1)), number(batch.swap_remove(0))), (Some(2), Some(3)));
    assert_eq!((numbers(&batch), number(batch.remove(2)), number(batch.swap_remove(2))), (vec![4, 9], None, None));
    // Into what has room for two more.
    let mut other = new(&[5, 6, 7], 3);
    batch.push(packet(&pool, &[8])).unwrap();
    batch.push(packet(&pool, &[8])).unwrap();
    assert_eq!((batch.append(&mut other), numbers(&batch), numbers(&other)), (2, vec![4, 9, 8, 8, 5, 6], vec![7]));
    assert!(batch.is_full() && batch.push_front(packet(&pool, &[0])).is_err());
    let tail = batch.split_off(4);
    assert_eq!((numbers(&batch), numbers(&tail), tail.capacity()), (vec![4, 9, 8, 8], vec![5, 6], 6));
    assert!(batch.split_off(4).is_empty() && batch.split_off(100).is_empty());
    assert_eq!(batch.drain(1..=1).map(|packet| packet[0]).collect::<Vec<_>>(), [9]);
    assert_eq!(batch.drain(2..100).count() + batch.drain(3..).count() + batch.drain(50..60).count(), 1);
    #[expect(clippy::reversed_empty_ranges, reason = "a caller may give any")]
    let backwards = batch.drain(1..0).count();
    assert_eq!((backwards, numbers(&batch)), (0, vec![4, 8]));
    batch.truncate(1);
    batch.truncate(7);
    assert_eq!(numbers(&batch), [4]);
    assert_eq!(tail.into_iter().map(|packet| packet[0]).collect::<Vec<_>>(), [5, 6]);
    let mut empty: Batch = Batch::with_capacity(0);
    assert!(empty.pop().is_none() && empty.pop_front().is_none() && empty.append(&mut batch) == 0);
    drop((batch, other));
    assert_eq!(pool.available(), 12);
}

#[test]
fn a_batch_takes_no_more_than_it_has_room_for() {
    let pool = Pool::new(&port(0), 8, 1024).unwrap();
    let mut batch = batch([packet(&pool, b"1"), packet(&pool, b"2"), packet(&pool, b"3")]);
    let refused = batch.push(packet(&pool, b"4")).expect_err("three is all");
    assert_eq!((&refused[..], batch.len()), (&b"4"[..], 3));
    batch.retain(|packet| packet[0] != b'2');
    assert_eq!((batch.len(), pool.available()), (2, 5));
    batch.push(refused).unwrap();
    assert_eq!(batch.iter().map(|packet| packet[0]).collect::<Vec<_>>(), b"134");
    // Who drains only in part drops the rest.
    let first = batch.drain(..).next().unwrap();
    assert_eq!((&first[..], batch.len(), pool.available()), (&b"1"[..], 0, 7));
    let mut none = Batch::with_capacity(0);
    assert!(none.push(first).is_err());
    assert_eq!(pool.available(), 8);
}

// Pools

#[test]
fn absurd_pools_are_refused() {
    let dma = Counted::new();
    for size in
        [0, 1, 64, 1023, 1025, 2047, MAX_BUFFER_SIZE + 1, MAX_BUFFER_SIZE + BUFFER_SIZE_STEP, 1 << 40, usize::MAX]
    {
        assert_eq!(Pool::new(&dma, 16, size).unwrap_err(), PoolError::BufferSize { size });
    }
    for count in [0, (1 << 24) + 1, usize::MAX] {
        assert_eq!(Pool::new(&dma, count, 1024).unwrap_err(), PoolError::Count { count });
    }
    assert_eq!(dma.bytes(), 0);
    // No memory, and less than was asked for.
    let len = 100 * (HEADROOM + 2048);
    let poor = Counted { most: len - 1, ..Counted::new() };
    assert_eq!(Pool::new(&poor, 100, 2048).unwrap_err(), PoolError::Dma(DmaError::OutOfMemory { len }));
    let short = Counted { short: 4096, ..Counted::new() };
    assert_eq!(Pool::new(&short, 100, 2048).unwrap_err(), PoolError::Dma(DmaError::OutOfMemory { len }));
    assert_eq!((poor.bytes(), short.bytes()), (0, 0));
}

#[test]
fn a_pool_is_freed_with_its_last_packet() {
    let dma = Counted::new();
    let pool = Pool::new(&dma, 64, 2048).unwrap();
    assert!(dma.bytes() >= 64 * 2048);
    let (one, other, handle) = (pool.take().unwrap(), pool.take().unwrap(), pool.clone());
    drop((pool, one));
    assert_ne!(dma.bytes(), 0, "a handle and a packet are left");
    drop(handle);
    assert_ne!(dma.bytes(), 0, "a packet is left");
    drop(other);
    assert_eq!(dma.bytes(), 0);
    // And with its last handle, when all packets are home.
    let pool = Pool::new(&dma, 64, 2048).unwrap();
    drop(pool.take());
    assert_ne!(dma.bytes(), 0);
    drop(pool);
    assert_eq!(dma.bytes(), 0);
}

#[test]
fn a_pool_is_freed_once_whichever_thread_is_last() {
    for _ in 0..50 {
        let dma = Counted::new();
        let pool = Pool::new(&dma, 64, 1024).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let pool = pool.clone();
                scope.spawn(move || {
                    let held = batch((0..16).map(|_| pool.take().unwrap()));
                    drop(pool);
                    drop(held);
                });
            }
            drop(pool);
        });
        assert_eq!(dma.bytes(), 0);
    }
}

#[test]
fn a_pool_outlives_the_device_that_it_was_made_for() {
    let dma = Counted::new();
    let pool = Pool::new(&dma, 2048, 2048).unwrap();
    let other = port(1);
    other.plug(ixgbe_sim::wire::NoTraffic);
    let device = reset(&other, &Config::new()).assume_link_up();
    let nic = device.start_with(std::slice::from_ref(&pool)).unwrap();
    drop(pool);
    drop(nic.stop().unwrap());
    assert_eq!((dma.bytes(), other.mapped_bytes()), (0, 0));
    assert_clean(&other);
}

// Configurations

#[test]
fn absurd_sizes_and_counters_are_no_panic() {
    for capacity in [usize::MAX, usize::MAX / 16, Batch::MAX_CAPACITY + 1] {
        assert_eq!(Batch::<Packet>::with_capacity(capacity).capacity(), Batch::MAX_CAPACITY);
    }
    let mut statistics = Statistics::default();
    (statistics.rx_missed, statistics.rx_no_descriptor) = (u64::MAX, 1);
    assert_eq!(statistics.rx_dropped(), u64::MAX);
    statistics.rx_missed = 2;
    statistics.queues = vec![QueueStatistics::default(); 3];
    statistics.queues[0].drops.long = 4;
    statistics.queues[1].drops.damaged = 8;
    assert_eq!(statistics.rx_dropped(), 15);
    statistics.queues[2].drops.bad_length = u64::MAX;
    assert_eq!(statistics.rx_dropped(), u64::MAX);
}

#[test]
fn absurd_configurations_are_refused() {
    let mut bad = Vec::new();
    for count in [0, MAX_RX_QUEUES + 1, usize::MAX] {
        bad.push((Config::new().queue_pairs(count), ConfigError::RxQueues { count }));
        bad.push((Config::new().rx_queues(count), ConfigError::RxQueues { count }));
    }
    for count in [0, MAX_TX_QUEUES + 1, usize::MAX] {
        bad.push((Config::new().tx_queues(count), ConfigError::TxQueues { count }));
    }
    for (queues, table) in [(1, Rss::new(2)), (4, Rss::new(16)), (16, Rss::new(17))] {
        let (entry, queue) = (queues, queues as u8);
        bad.push((Config::new().rx_queues(queues).rss(table), ConfigError::RssTable { entry, queue, queues }));
    }
    for (fewer_than, at_least) in [(128, 8), (36, 128), (255, 255), (1, 0)] {
        let error = ConfigError::TxPrefetch { fewer_than, at_least };
        bad.push((Config::new().tx_prefetch(fewer_than, at_least), error));
    }
    for len in [0, 1, 8, 16, 32, 63, 100, 513, RING_LENS.end() * 2, usize::MAX] {
        bad.push((Config::new().rx_descriptors(len).pool_buffers(1 << 20), ConfigError::RingLen { len }));
        bad.push((Config::new().tx_descriptors(len).pool_buffers(1 << 20), ConfigError::RingLen { len }));
    }
    for bytes in [0, 63, FRAME_SIZES.end() + 1, 1 << 16, usize::MAX] {
        bad.push((Config::new().max_frame(bytes), ConfigError::MaxFrame { bytes }));
    }
    for bytes in [0, 1, 1023, 1500, 2047, MAX_BUFFER_SIZE + BUFFER_SIZE_STEP, usize::MAX] {
        bad.push((Config::new().buffer_size(bytes), ConfigError::BufferSize { bytes }));
    }
    for len in [0, 512, 543] {
        bad.push((Config::new().pool_buffers(len), ConfigError::PoolLen { len, needed: 544 }));
    }
    let port = port(0);
    let mut device = Device::new(port.claim().unwrap());
    for (config, error) in bad {
        let failed = device.reset(&config).expect_err("the configuration is impossible");
        assert_eq!(failed.error, Error::Config(error), "{config:?}");
        device = failed.device;
    }
    // It was not even looked at: that would have taken time.
    assert_eq!((port.now(), port.mapped_bytes()), (Duration::ZERO, 0));
    device.reset(&Config::new()).unwrap();
    assert_clean(&port);
}

#[test]
fn extreme_configurations_work() {
    let extremes = [
        Config::new().rx_descriptors(64).tx_descriptors(64).pool_buffers(96),
        Config::new().rx_descriptors(4096).tx_descriptors(4096),
        Config::new().max_frame(64),
        Config::new().max_frame(15_872),
        Config::new().max_frame(15_872).buffer_size(1024),
        Config::new().buffer_size(MAX_BUFFER_SIZE).rx_descriptors(64),
        Config::new().queue_pairs(16).rx_descriptors(64).tx_descriptors(64),
        Config::new().rx_queues(16).tx_queues(64).rx_descriptors(64).tx_descriptors(64),
        Config::new().tx_prefetch(0, 0),
        Config::new().tx_prefetch(127, 127),
    ];
    for config in extremes {
        let (port, recorder) = recorded(0);
        let mut nic = start(&port, &config);
        let (out, into) = (frame(mac(9), 60, 1), frame(mac(0), 60, 2));
        common::transmit(&mut nic, &out);
        port.deliver(&into);
        port.run_until_idle(10);
        assert_eq!((recorder.take(), common::receive(&mut nic)), (vec![out], vec![into]), "{config:?}");
        nic.stop().unwrap();
        assert_clean(&port);
    }
}

#[test]
fn pools_that_cannot_fill_the_rings_are_refused() {
    let (port, _) = recorded(0);
    let mut device = reset(&port, &Config::new());
    let small = Pool::new(&port, 300, 2048).unwrap();
    let none: &[Pool] = &[];
    let cases = [
        (none, Error::Config(ConfigError::NoPool)),
        (std::slice::from_ref(&small), Error::Pool(PoolError::Exhausted { needed: 512, available: 300 })),
    ];
    for (pools, error) in cases {
        let Err(StartError::RolledBack(failed)) = device.assume_link_up().start_with(pools) else { panic!("refused") };
        assert_eq!(failed.error, error);
        assert_eq!((small.available(), port.mapped_bytes()), (300, 0));
        device = failed.device;
    }
    drop(device);
    assert_clean(&port);
}

#[test]
fn messages_name_what_was_asked_for_and_what_is_possible() {
    let errors: [(Error, &str); 9] = [
        (ConfigError::RxQueues { count: 17 }.into(), "invalid number of receive queues 17: it must be 1 to 16"),
        (ConfigError::TxQueues { count: 65 }.into(), "invalid number of transmit queues 65: it must be 1 to 64"),
        (
            ConfigError::RssTable { entry: 3, queue: 9, queues: 4 }.into(),
            "invalid RSS table: entry 3 names receive queue 9, which does not run; the device has 4 receive queues, counted \
             from 0",
        ),
        (
            ConfigError::TxPrefetch { fewer_than: 36, at_least: 0 }.into(),
            "invalid prefetch thresholds PTHRESH 36, HTHRESH 0: each must be 0 to 127, HTHRESH not 0 unless PTHRESH is",
        ),
        (
            ConfigError::RingLen { len: 100 }.into(),
            "invalid ring length 100: it must be a power of two from 64 to 4096",
        ),
        (ConfigError::MaxFrame { bytes: 9 }.into(), "invalid largest frame of 9 bytes: it must be 64 to 15872"),
        (
            ConfigError::BufferSize { bytes: 1500 }.into(),
            "invalid buffer size 1500: it must be a multiple of 1024 up to 16384",
        ),
        (
            ConfigError::PoolLen { len: 5, needed: 544 }.into(),
            "a pool of 5 buffers is too small: the receive ring needs 544",
        ),
        (PoolError::Exhausted { needed: 512, available: 3 }.into(), "the pool has 3 free buffers, the ring needs 512"),
    ];
    for (error, message) in errors {
        assert_eq!(error.to_string(), message);
    }
}

// Ownership

/// What a user of packets does.
#[derive(Debug, Clone)]
enum Action {
    Take {
        len: usize,
    },
    Drop {
        which: usize,
    },
    Resize {
        which: usize,
        len: usize,
    },
    Copy {
        which: usize,
    },
    Grow {
        which: usize,
        front: usize,
        back: usize,
    },
    CloneHandle,
    DropHandle,
    IntoBatch {
        which: usize,
    },
    ClearBatch,
    Transmit,
    Arrive {
        count: usize,
        len: usize,
    },
    Receive,
    /// One packet leaves.
    Trickle,
    Step,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let which = 0..1000_usize;
    let action = prop_oneof![
        4 => (60..1024_usize).prop_map(|len| Action::Take { len }),
        2 => which.clone().prop_map(|which| Action::Drop { which }),
        2 => (which.clone(), 0..200_usize, 0..200_usize).prop_map(|(which, front, back)| Action::Grow { which, front, back }),
        1 => (which.clone(), 60..1100_usize).prop_map(|(which, len)| Action::Resize { which, len }),
        1 => which.clone().prop_map(|which| Action::Copy { which }),
        1 => Just(Action::CloneHandle),
        1 => Just(Action::DropHandle),
        4 => which.prop_map(|which| Action::IntoBatch { which }),
        1 => Just(Action::ClearBatch),
        3 => Just(Action::Transmit),
        4 => (1..40_usize, 60..4000_usize).prop_map(|(count, len)| Action::Arrive { count, len }),
        4 => Just(Action::Receive),
        6 => Just(Action::Trickle),
        1 => Just(Action::Step),
    ];
    proptest::collection::vec(action, 1..80)
}

/// A wire that takes one frame a step, so that some packets of a call have left and others have not.
struct Narrow(Recorder);

impl Wire for Narrow {
    fn receive(&mut self, _room: usize, _port: &mut dyn FnMut(&[u8])) {}

    fn room(&mut self) -> usize {
        1
    }

    fn transmit(&mut self, frame: &[u8]) {
        self.0.transmit(frame);
    }
}

/// What is reported as sent comes back, and nothing that is behind it.
#[test]
fn packets_under_way_are_not_taken_back() {
    let (port, recorder) = recorded(0);
    port.plug(Narrow(recorder.clone()));
    let mut nic = start(&port, &Config::new().tx_descriptors(64));
    let pool = pool_of(&nic);
    let full = pool.available();
    for n in [3, 1, 4] {
        let (_, mut queues) = nic.split();
        assert_eq!(
            queues[0].tx.transmit(&mut batch((0..n).map(|_| packet(&pool, &frame(mac(9), 100, n))))).unwrap(),
            n.into()
        );
    }
    // A call's packets are reported with its last. When they come home is the driver's affair, but not before.
    for (sent, reported) in [(0, 0), (1, 0), (2, 0), (3, 3), (4, 4), (5, 4), (6, 4), (7, 4), (8, 8)] {
        assert_eq!(recorder.0.lock().unwrap().len(), sent);
        let home = nic.split().1[0].tx.reclaim() - (63 - 8);
        assert_eq!(pool.available(), full - 8 + home);
        assert!(home <= reported && (home == 8) == (sent == 8), "{home} came home when {sent} were sent");
        port.step();
    }
    nic.stop().unwrap();
    assert_clean(&port);
}

/// Packets of several segments come home whole, wherever in the ring they lie, and not before they have left.
#[test]
fn long_packets_come_home_from_anywhere_in_the_ring() {
    let (port, recorder) = recorded(0);
    port.plug(Narrow(recorder.clone()));
    let config = Config::new().max_frame(9018).buffer_size(1024).pool_buffers(1024).tx_descriptors(64);
    let mut nic = start(&port, &config);
    let pool = pool_of(&nic);
    for round in 0..60_u8 {
        let (packet_of_four, sent) = long(&port, &mut nic, 4000);
        let singles = usize::from(round % 37);
        let mut packets: Vec<_> = (0..singles).map(|_| packet(&pool, &frame(mac(9), 100, round))).collect();
        packets.push(packet_of_four);
        let free = pool.available();
        assert_eq!(nic.split().1[0].tx.transmit(&mut batch(packets)).unwrap(), singles + 1);
        for left in (0..=singles).rev() {
            port.step();
            nic.split().1[0].tx.reclaim();
            let (home, under_way) = (pool.available() - free, if left == 0 { 0 } else { left + 3 });
            assert!(home + under_way <= singles + 4, "round {round}: {home} home, {under_way} under way");
        }
        assert_eq!(pool.available() - free, singles + 4, "round {round}: all home");
        assert!(recorder.take().pop().as_ref() == Some(&sent), "round {round}: sent whole");
    }
    nic.stop().unwrap();
    assert_clean(&port);
}

/// A call with many packets is reported on the way, so that the first come home before the last has left.
#[test]
fn long_calls_are_reported_on_the_way() {
    let (port, recorder) = recorded(0);
    port.plug(Narrow(recorder));
    let mut nic = start(&port, &Config::new().tx_descriptors(64));
    let pool = pool_of(&nic);
    let mut batch = batch((0..40).map(|n| packet(&pool, &frame(mac(9), 100, n))));
    assert_eq!(nic.split().1[0].tx.transmit(&mut batch).unwrap(), 40);
    for (steps, free) in [(31, 23), (1, 23 + 32), (7, 23 + 32), (1, 63)] {
        (0..steps).for_each(|_| _ = port.step());
        assert_eq!(nic.split().1[0].tx.reclaim(), free);
    }
    nic.stop().unwrap();
    assert_clean(&port);
}

/// Packets and what is in them, by somebody else's count.
#[derive(Default)]
struct Held {
    packets: Vec<(Packet, Vec<u8>)>,
    handles: Vec<Pool>,
    /// What is in the batch, what was given to be sent, and what came in.
    batch: VecDeque<Vec<u8>>,
    sent: Vec<Vec<u8>>,
    arrived: VecDeque<Vec<u8>>,
    serial: u8,
}

impl Held {
    fn pick(&mut self, which: usize) -> Option<usize> {
        (!self.packets.is_empty()).then(|| which % self.packets.len())
    }

    /// The contents are as they were left, and no buffer is in two places.
    fn check(&self, pool: &Pool, batch: &Batch, under_way: usize, all_reported: bool) {
        let held = || self.packets.iter().map(|(packet, _)| packet).chain(batch);
        assert!(self.packets.iter().all(|(packet, wanted)| bytes(packet) == *wanted));
        assert!(batch.iter().zip(&self.batch).all(|(packet, wanted)| bytes(packet) == *wanted));
        let segment = |bytes: &[u8]| bytes.as_ptr() as usize..bytes.as_ptr() as usize + bytes.len();
        let later = held().flat_map(|packet| packet.segments().skip(1).map(segment));
        assert_disjoint(held().map(buffer).chain(later).collect());
        let buffers: usize = held().map(Packet::segment_count).sum();
        let elsewhere = pool.capacity() - pool.available() - buffers;
        // What has not left yet, and the receive ring, of which a block may wait for free buffers.
        assert!(elsewhere >= under_way, "{elsewhere} elsewhere, {under_way} under way");
        if under_way == 0 && all_reported {
            // The full ring and a frame that is not complete.
            assert!(elsewhere <= 64 + 16, "{elsewhere} elsewhere");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn buffers_are_never_in_two_places(actions in actions()) {
        let (port, recorder) = recorded(0);
        port.plug(Narrow(recorder.clone()));
        let config = Config::new().rx_descriptors(64).tx_descriptors(64).max_frame(9018).buffer_size(1024);
        let mut nic = start(&port, &config.pool_buffers(200));
        let pool = pool_of(&nic);
        let mut held = Held::default();
        let mut batch = Batch::with_capacity(40);
        let mut under_way: VecDeque<usize> = VecDeque::new();
        for action in actions {
            let all_reported = matches!(action, Action::Step);
            held.serial = held.serial.wrapping_add(1);
            match action {
                Action::Take { len } => {
                    let bytes = frame(mac(9), len, held.serial);
                    let handle = held.handles.last().unwrap_or(&pool);
                    if let Some(mut packet) = handle.take() {
                        packet.extend_from_slice(&bytes).unwrap();
                        held.packets.push((packet, bytes));
                    }
                }
                Action::Drop { which } => if let Some(at) = held.pick(which) {
                    held.packets.swap_remove(at);
                },
                Action::Grow { which, front, back } => if let Some(at) = held.pick(which) {
                    let (packet, bytes) = &mut held.packets[at];
                    if packet.prepend(&vec![1; front]).is_ok() {
                        bytes.splice(0..0, vec![1; front]);
                    }
                    if packet.extend_from_slice(&vec![2; back]).is_ok() {
                        bytes.extend(vec![2; back]);
                    }
                },
                Action::Resize { which, len } => if let Some(at) = held.pick(which) {
                    let (packet, bytes) = &mut held.packets[at];
                    if packet.resize(len, 3).is_ok() {
                        bytes.resize(len, 3);
                    }
                },
                Action::Copy { which } => if let Some(at) = held.pick(which) {
                    let (packet, bytes) = &held.packets[at];
                    if let Ok(copy) = packet.try_clone_into(&pool) {
                        let bytes = bytes.clone();
                        held.packets.push((copy, bytes));
                    }
                },
                Action::CloneHandle => held.handles.push(pool.clone()),
                Action::DropHandle => drop(held.handles.pop()),
                Action::IntoBatch { which } => if let Some(at) = held.pick(which) {
                    let (packet, bytes) = held.packets.swap_remove(at);
                    match batch.push(packet) {
                        Ok(()) => held.batch.push_back(bytes),
                        Err(packet) => held.packets.push((packet, bytes)),
                    }
                },
                Action::ClearBatch => {
                    batch.clear();
                    held.batch.clear();
                }
                Action::Transmit => {
                    let (_, mut queues) = nic.split();
                    let segments: Vec<usize> = batch.iter().map(Packet::segment_count).collect();
                    let sent = queues[0].tx.transmit(&mut batch).unwrap();
                    held.sent.extend(held.batch.drain(..sent));
                    under_way.extend(&segments[..sent]);
                }
                Action::Arrive { count, len } => for n in 0..count.min(60_usize.saturating_sub(held.arrived.len())) {
                    let bytes = frame(mac(0), len, held.serial ^ n as u8);
                    port.deliver(&bytes);
                    held.arrived.push_back(bytes);
                },
                Action::Receive => {
                    let (_, mut queues) = nic.split();
                    let before = batch.len();
                    queues[0].rx.receive(&mut batch);
                    for packet in &batch[before..] {
                        let bytes = bytes(packet);
                        prop_assert_eq!(Some(&bytes), held.arrived.front());
                        held.arrived.pop_front();
                        held.batch.push_back(bytes);
                    }
                }
                Action::Trickle => {
                    port.step();
                    let out = recorder.take();
                    let sent: Vec<_> = held.sent.drain(..out.len()).collect();
                    prop_assert!(out == sent, "something else was sent");
                    under_way.drain(..out.len());
                    nic.split().1[0].tx.reclaim();
                }
                Action::Step => {
                    port.run_until_idle(200);
                    let (_, mut queues) = nic.split();
                    queues[0].tx.reclaim();
                    prop_assert!(queues[0].tx.is_drained());
                    under_way.clear();
                    prop_assert!(recorder.take() == std::mem::take(&mut held.sent), "something else was sent");
                }
            }
            held.check(&pool, &batch, under_way.iter().sum(), all_reported);
        }
        prop_assert_eq!(port.counters().missed, 0);
        nic.stop().unwrap();
        held.packets.clear();
        batch.clear();
        prop_assert_eq!((pool.available(), port.mapped_bytes()), (pool.capacity(), 0));
        assert_clean(&port);
    }
}

#[test]
fn a_packet_becomes_what_a_device_has_written() {
    let pool = Pool::new(&port(0), 4, 2048).unwrap();
    let mut packet = pool.take().unwrap();
    packet.append(100).unwrap().copy_from_slice(&std::array::from_fn::<u8, 100, _>(|at| at as u8));
    packet.trim_front(50);
    for len in [60u16, 5, 0, 2048, 1, 13, 14] {
        packet.received(len).unwrap();
        let expected = usize::from(len).min(100);
        assert!(packet.iter().take(expected).enumerate().all(|(at, byte)| usize::from(*byte) == at));
        assert_eq!((packet.len(), packet.headroom(), packet.tailroom()), (len.into(), HEADROOM, 2048 - packet.len()));
    }
    let before = (packet.len(), packet.headroom());
    for len in [2049, u16::MAX] {
        assert_eq!(packet.received(len), Err(NoRoom { wanted: len.into(), room: 2048 }));
        assert_eq!((packet.len(), packet.headroom()), before);
    }
    // What it says of a short packet holds: it grows again, and is copied.
    packet.received(3).unwrap();
    packet.extend_from_slice(&[7; 57]).unwrap();
    assert_eq!((packet.len(), packet[2], packet[3]), (60, 2, 7));
    drop(packet);
    assert_eq!(pool.available(), 4);
}

#[test]
fn packets_leave_a_batch_at_the_front() {
    let pool = Pool::new(&port(0), 8, 2048).unwrap();
    let mut batch = Batch::with_capacity(5);
    (1..=5).for_each(|number| batch.push(pool.take_copy(&[number; 20]).unwrap()).unwrap());
    let mut leaving = batch.leaving();
    assert_eq!((leaving.left(), leaving.first().map(|packet| packet[0])), (5, Some(1)));
    let gone: Vec<_> = std::iter::from_fn(|| leaving.take()).take(2).collect();
    assert_eq!((leaving.left(), gone[1][0]), (3, 2));
    drop(leaving);
    assert_eq!(batch.iter().map(|packet| packet[0]).collect::<Vec<_>>(), [3, 4, 5]);
    drop(gone);
    assert_eq!(pool.available(), 5);
    batch.clear();
    let mut leaving = batch.leaving();
    assert!(leaving.first().is_none() && leaving.take().is_none() && leaving.left() == 0);
    assert_eq!(pool.available(), 8);
}
