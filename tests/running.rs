//! A running device on the model: traffic, statistics, filters, queues, and who owns which memory.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use common::{
    Recorder, assert_adds_up, assert_clean, assert_works, at, batch, bytes, frame, mac, packet, peek, pool_of, port,
    receive, recorded, reset, run, start, transmit,
};
use ixgbe::device::{Config, Error};
use ixgbe::dma::DmaError;
use ixgbe::packet::Batch;
use ixgbe::pool::Pool;
use ixgbe::port::{LinkStatus, Refusal, Speed};
use ixgbe::queue::LongFrames;
use ixgbe_sim::wire::generator::Generator;
use ixgbe_sim::wire::sink::Sink;
use ixgbe_sim::wire::{Duplex, NoTraffic};
use ixgbe_sim::{Fault, Port, connect};

const BROADCAST: [u8; 6] = [0xff; 6];
const MULTICAST: [u8; 6] = [0x01, 0, 0x5e, 0, 0, 0x16];
/// Somebody else.
const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 0x77];

// Traffic

#[test]
fn a_packet_crosses_a_cable() {
    let (a, b) = (port(0), port(1));
    connect(&a, &b);
    let mut one = start(&a, &Config::new());
    let mut other = start(&b, &Config::new());
    let sent = frame(mac(1), 100, 3);
    transmit(&mut one, &sent);
    for _ in 0..10 {
        a.step();
        b.step();
    }
    assert_eq!(receive(&mut other), [sent]);
    one.stop().expect("stops");
    other.stop().expect("stops");
    assert_clean(&a);
    assert_clean(&b);
}

#[test]
fn traffic_goes_both_ways_at_once() {
    let ports = [port(0), port(1)];
    connect(&ports[0], &ports[1]);
    let mut nics = [0, 1].map(|n| start(&ports[n], &Config::new().rx_descriptors(64).tx_descriptors(64)));
    let mut received = [0_usize; 2];
    for round in 0..100_u8 {
        for (n, nic) in nics.iter_mut().enumerate() {
            let pool = pool_of(nic);
            let to = mac(1 - n as u8);
            let mut batch = batch((0..20).map(|at| packet(&pool, &frame(to, 60 + usize::from(at) * 70, round ^ at))));
            assert_eq!(nic.split().1[0].tx.transmit(&mut batch).unwrap(), 20);
        }
        for _ in 0..5 {
            ports.iter().for_each(|port| _ = port.step());
        }
        for (n, nic) in nics.iter_mut().enumerate() {
            for got in receive(nic) {
                let at = (received[n] % 20) as u8;
                let sent = frame(mac(n as u8), 60 + usize::from(at) * 70, (received[n] / 20) as u8 ^ at);
                assert_eq!(got, sent, "packet {} of port {n}", received[n]);
                received[n] += 1;
            }
        }
    }
    assert_eq!(received, [2000, 2000]);
    nics.into_iter().for_each(|nic| drop(nic.stop().unwrap()));
    ports.iter().for_each(assert_clean);
}

/// What a forwarder does: all that comes in goes out by the same port, one byte changed, in order.
#[test]
fn a_forwarder_loses_nothing() {
    let port = port(0);
    let sink = Sink::new();
    let counters = sink.counters();
    port.plug(Duplex::new(Generator::new(mac(0), 60).up_to(1514).count(5_000).lossless(), sink));
    let mut nic = start(&port, &Config::new());
    let mut batch = Batch::with_capacity(32);
    {
        let (_, mut queues) = nic.split();
        while counters.frames() < 5_000 {
            port.step();
            while queues[0].rx.receive(&mut batch) > 0 {
                batch.iter_mut().for_each(|packet| packet[3] ^= 1);
                queues[0].tx.transmit(&mut batch).unwrap();
            }
        }
    }
    let bad = [counters.lost(), counters.duplicated(), counters.reordered(), counters.corrupted(), counters.foreign()];
    assert_eq!(bad, [0; 5]);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn short_packets_are_padded_to_60_bytes() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    for len in [14, 59, 60, 61, 1514] {
        let sent = frame(OTHER, len, 1);
        transmit(&mut nic, &sent);
        port.run_until_idle(10);
        let mut padded = sent;
        padded.resize(padded.len().max(60), 0);
        assert_eq!(recorder.take(), [padded]);
    }
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_packet_that_cannot_be_sent_leaves_the_batch() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new().max_frame(1000).buffer_size(2048));
    let pool = pool_of(&nic);
    let good = || packet(&pool, &frame(OTHER, 100, 0));
    let refused = |bad: usize, error: Refusal, nic: &mut common::Nic| {
        let mut batch = batch([good(), packet(&pool, &vec![7; bad]), good()]);
        let (_, mut queues) = nic.split();
        let refused = queues[0].tx.transmit(&mut batch).unwrap_err();
        assert_eq!((refused.reason, refused.sent, refused.packet.len()), (error, 1, bad));
        assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 1, "the one behind it stays in the batch");
        port.run_until_idle(10);
        assert_eq!(recorder.take().len(), 2);
    };
    refused(0, Refusal::Empty, &mut nic);
    refused(13, Refusal::TooShort { len: 13, min: 14 }, &mut nic);
    refused(1001, Refusal::TooLong { len: 1001, max: 1000 }, &mut nic);
    refused(2048, Refusal::TooLong { len: 2048, max: 1000 }, &mut nic);
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

/// The transmit unit hangs at a packet of more than 38 descriptors. All buffers of a packet but the last are full, so the
/// longest frame has 16, and a packet of 39 is too long.
#[test]
fn no_packet_has_too_many_descriptors() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new().max_frame(15_872).buffer_size(1024).pool_buffers(2048));
    let pool = pool_of(&nic);
    let long = pool.take_copy(&frame(OTHER, 15_868, 1)).unwrap();
    let too_long = pool.take_copy(&vec![7; 38 * 1024 + 1]).unwrap();
    assert_eq!((long.segment_count(), too_long.segment_count()), (16, 39));
    let (_, mut queues) = nic.split();
    let refused = queues[0].tx.transmit(&mut batch([long, too_long])).unwrap_err();
    assert_eq!(refused.reason, Refusal::TooLong { len: 38 * 1024 + 1, max: 15_872 });
    drop(refused);
    port.run_until_idle(10);
    assert_eq!(recorder.take(), [frame(OTHER, 15_868, 1)]);
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

/// MAXFRS counts the CRC and leaves out one VLAN tag: what is as long as that with tag is sent, without is not.
#[test]
fn the_longest_packet_has_a_vlan_tag() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let mut tagged = frame(OTHER, 1518, 0);
    tagged[12..14].copy_from_slice(&[0x81, 0x00]);
    transmit(&mut nic, &tagged);
    port.run_until_idle(10);
    assert_eq!(recorder.take(), [tagged.clone()]);
    tagged[..6].copy_from_slice(&mac(0));
    port.deliver(&tagged);
    assert_eq!(receive(&mut nic), [tagged]);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_full_ring_leaves_the_rest_in_the_batch() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new().tx_descriptors(64));
    let pool = pool_of(&nic);
    let mut batch = batch((0..200).map(|n| packet(&pool, &frame(OTHER, 100, n))));
    let mut sent = 0;
    {
        let (_, mut queues) = nic.split();
        assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 63, "one descriptor stays free");
        assert_eq!((batch.len(), queues[0].tx.transmit(&mut batch).unwrap()), (137, 0));
        while !batch.is_empty() {
            port.step();
            sent += queues[0].tx.transmit(&mut batch).unwrap();
        }
    }
    assert_eq!(sent, 137);
    port.run_until_idle(10);
    let all: Vec<_> = (0..200).map(|n| frame(OTHER, 100, n)).collect();
    assert_eq!(recorder.take(), all, "in order");
    nic.stop().unwrap();
    assert_clean(&port);
}

// Statistics (8.2.3.23)

#[test]
fn statistics_add_up() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new().rx_descriptors(64).buffer_size(1024).long_frames(LongFrames::Drop));
    let mut delivered = 0;
    for round in 0..20_u8 {
        // More than the ring has, so that some wait in the packet buffer and are then delivered.
        for n in 0..70_u8 {
            port.deliver(&frame(mac(0), 60 + usize::from(n), round));
        }
        port.deliver(&frame(OTHER, 100, 0)); // for somebody else
        port.deliver(&frame(mac(0), 40, 0)); // too short
        port.deliver(&frame(mac(0), 1600, 0)); // too long
        port.deliver(&frame(mac(0), 1400, 0)); // longer than a buffer
        port.deliver(&frame(BROADCAST, 60, 0));
        for _ in 0..10 {
            delivered += receive(&mut nic).len() as u64;
            port.step();
        }
        transmit(&mut nic, &frame(OTHER, 20, round));
        transmit(&mut nic, &frame(BROADCAST, 700, round));
        port.run_until_idle(10);
        delivered += receive(&mut nic).len() as u64;
        if round % 3 == 0 {
            assert_adds_up(&mut nic, &port, delivered);
        }
    }
    // Reading twice and late loses nothing.
    let once = nic.statistics().unwrap();
    assert_eq!(nic.statistics().unwrap(), once);
    assert_adds_up(&mut nic, &port, delivered);
    assert_eq!((delivered, once.rx_broadcast, once.tx_broadcast), (20 * 71, 20, 20));
    assert_eq!((once.queues[0].drops.long, once.rx_undersize, once.rx_oversize), (20, 20, 20));
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn statistics_begin_with_the_start() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    assert_works(&mut nic, &port, &recorder);
    let mut nic = run(nic.stop().unwrap());
    let statistics = nic.statistics().unwrap();
    assert_eq!((statistics.rx_packets, statistics.tx_packets, statistics.tx_octets), (0, 0, 0));
    assert_works(&mut nic, &port, &recorder);
    assert_eq!(nic.statistics().unwrap().rx_packets, 1);
    nic.stop().unwrap();
    assert_clean(&port);
}

/// Frames that pile up because nobody receives fill ring and packet buffer; what is beyond is counted as missed.
#[test]
fn an_overrun_is_counted() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new().rx_descriptors(64));
    let sent = 2_000;
    for n in 0..sent {
        port.deliver(&frame(mac(0), 1000, n as u8));
    }
    let mut delivered = 0;
    for _ in 0..1000 {
        delivered += receive(&mut nic).len() as u64;
        port.step();
    }
    // 63 descriptors and 512 KB.
    assert_eq!(delivered, 63 + 524);
    assert_eq!(nic.statistics().unwrap().rx_missed, sent - delivered);
    assert_adds_up(&mut nic, &port, delivered);
    nic.stop().unwrap();
    assert_clean(&port);
}

/// A forwarder that gets twice what it passes on, over one queue and over two: what is not passed on is missed with one, and
/// dropped by the full queue with two; no more, and no less.
#[test]
fn a_forwarder_under_twice_its_rate_counts_what_it_loses() {
    const SENT: u64 = 100_000;
    // Frames a step of 10 us; the line would carry 75 of this size.
    const RATE: usize = 32;
    for queues in [1, 2] {
        let port = port(0);
        let sink = Sink::new();
        let seen = sink.counters();
        let generator = Generator::new(mac(0), 142).flows(64).count(SENT);
        let sent = generator.sent();
        let config = Config::new().queue_pairs(queues).rx_descriptors(256).tx_descriptors(256).pool_buffers(2048);
        port.plug(NoTraffic);
        let mut nic = start(&port, &config);
        port.plug(Duplex::new(generator.frames_per_second(2 * RATE as u64 * 100_000), sink));
        let mut forwarded = 0;
        {
            let (_, mut queues) = nic.split();
            let each = RATE / queues.len();
            let mut batch = Batch::with_capacity(each);
            let mut idle = 0;
            while idle < 100 {
                port.step();
                let before = forwarded;
                for queue in &mut queues {
                    forwarded += queue.rx.receive(&mut batch) as u64;
                    queue.tx.transmit(&mut batch).unwrap();
                    assert_eq!(batch.len(), 0, "transmission keeps up");
                }
                idle = if forwarded == before { idle + 1 } else { 0 };
            }
        }
        port.run_until_idle(10);
        assert_eq!(sent.load(std::sync::atomic::Ordering::Relaxed), SENT);
        let (counters, statistics) = (port.counters(), nic.statistics().unwrap());
        let lost = counters.missed + counters.dropped_no_descriptor;
        assert_eq!((counters.frames_in, counters.waiting), (SENT, 0));
        assert_eq!(counters.delivered + lost, SENT);
        assert_eq!((forwarded, seen.frames(), seen.corrupted()), (counters.delivered, counters.delivered, 0));
        assert_eq!(statistics.rx_missed, counters.missed);
        let by_queue: u64 = statistics.queues.iter().map(|queue| queue.rx_no_descriptor).sum();
        assert_eq!((by_queue, statistics.rx_no_descriptor), (counters.dropped_no_descriptor, by_queue));
        // Half of it, or nearly: the packet buffer keeps some to the end.
        let dropped = if queues == 1 { (lost, counters.missed) } else { (lost, counters.dropped_no_descriptor) };
        assert!(dropped.1 > SENT / 3 && dropped.0 < SENT * 3 / 5, "{counters:?}");
        assert_eq!(if queues == 1 { counters.dropped_no_descriptor } else { counters.missed }, 0);
        assert_adds_up(&mut nic, &port, forwarded);
        nic.stop().unwrap();
        assert_clean(&port);
    }
}

/// With several queues a full one drops, instead of holding up the others.
#[test]
fn a_queue_that_nobody_empties_does_not_hold_up_the_others() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new().queue_pairs(2).rx_descriptors(64).pool_buffers(512));
    port.plug(Generator::new(mac(0), 100).flows(64).count(20_000));
    let mut counts = [0, 0];
    {
        let (_, mut queues) = nic.split();
        let mut batch = Batch::with_capacity(64);
        for _ in 0..300 {
            port.step();
            while queues[1].rx.receive(&mut batch) > 0 {
                counts[1] += batch.len() as u64;
                batch.clear();
            }
        }
        while queues[0].rx.receive(&mut batch) > 0 {
            counts[0] += batch.len() as u64;
            batch.clear();
        }
    }
    let statistics = nic.statistics().unwrap();
    assert_eq!(port.counters().frames_in, 20_000);
    assert_eq!(statistics.rx_missed, 0);
    assert!(statistics.queues[0].rx_no_descriptor > 5_000, "{statistics:?}");
    assert!(counts[0] < 200 && counts[1] > 5_000, "{counts:?}");
    assert_adds_up(&mut nic, &port, counts[0] + counts[1]);
    nic.stop().unwrap();
    assert_clean(&port);
}

/// Who holds all packets stops the flow, and loses nothing that is not counted.
#[test]
fn an_exhausted_pool_loses_nothing_uncounted() {
    let (port, _) = recorded(0);
    let config = Config::new().rx_descriptors(64).tx_descriptors(64).pool_buffers(128);
    let mut nic = start(&port, &config);
    let pool = pool_of(&nic);
    let mut held = Batch::with_capacity(1000);
    for n in 0..200_u8 {
        port.deliver(&frame(mac(0), 100, n));
    }
    for _ in 0..20 {
        port.step();
        nic.split().1[0].rx.receive(&mut held);
    }
    // The ring took what it found free.
    assert!(held.len() > 64 && pool.available() < 32, "{} held, {} free", held.len(), pool.available());
    assert!(nic.split().1[0].rx.drops().no_buffer > 0);
    let mut delivered: Vec<_> = held.iter().map(bytes).collect();
    held.clear();
    for _ in 0..20 {
        delivered.extend(receive(&mut nic));
        port.step();
    }
    assert_eq!(delivered, (0..200).map(|n| frame(mac(0), 100, n)).collect::<Vec<_>>());
    assert_adds_up(&mut nic, &port, 200);
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

// Filters (8.2.3.7)

/// Which of these destinations are received for.
fn received_for(nic: &mut common::Nic, port: &Port, destinations: &[[u8; 6]]) -> Vec<[u8; 6]> {
    for destination in destinations {
        port.deliver(&frame(*destination, 100, 0));
    }
    receive(nic).iter().map(|frame| frame[..6].try_into().unwrap()).collect()
}

#[test]
fn mac_address_stays_valid() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let (first, second) = (mac(0), [0x06, 1, 2, 3, 4, 5]);
    assert_eq!((nic.mac(), received_for(&mut nic, &port, &[first, second])), (first, vec![first]));
    nic.split().0.set_mac(second).unwrap();
    assert_ne!(peek(&port, "RAH", 0) >> 31, 0, "RAH.AV");
    assert_eq!((nic.mac(), received_for(&mut nic, &port, &[first, second])), (second, vec![second]));
    for bad in [[0; 6], BROADCAST, MULTICAST] {
        assert_eq!(nic.split().0.set_mac(bad), Err(Error::NotUnicast(bad)));
    }
    assert_eq!(received_for(&mut nic, &port, &[first, second, OTHER]), [second], "a refused one changes nothing");
    // A reset loads the EEPROM's again, and the device says so.
    let device = nic.stop().unwrap();
    assert_eq!(device.mac(), first);
    let mut nic = run(device);
    assert_eq!(received_for(&mut nic, &port, &[first, second]), [first]);
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn promiscuous_goes_on_and_off_while_running() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let all = [mac(0), OTHER, BROADCAST, MULTICAST];
    for _ in 0..3 {
        assert_eq!(received_for(&mut nic, &port, &all), [mac(0), BROADCAST]);
        nic.split().0.set_promiscuous(true).unwrap();
        assert_eq!(received_for(&mut nic, &port, &all), all);
        nic.split().0.set_promiscuous(false).unwrap();
    }
    nic.stop().unwrap();
    let mut nic = start(&port, &Config::new().promiscuous(true));
    assert_eq!(received_for(&mut nic, &port, &all), all);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn all_multicast_outlasts_promiscuous() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new().all_multicast(true));
    let all = [mac(0), OTHER, BROADCAST, MULTICAST];
    let wanted = [mac(0), BROADCAST, MULTICAST];
    assert_eq!(received_for(&mut nic, &port, &all), wanted);
    nic.split().0.set_promiscuous(true).unwrap();
    assert_eq!(received_for(&mut nic, &port, &all), all);
    nic.split().0.set_promiscuous(false).unwrap();
    assert_eq!(received_for(&mut nic, &port, &all), wanted);
    assert_eq!(nic.statistics().unwrap().rx_multicast, 3);
    nic.stop().unwrap();
    assert_clean(&port);
}

/// Packets that are in the ring when reception pauses are neither lost nor doubled.
#[test]
fn a_pause_keeps_what_has_arrived() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new());
    for n in 0..50 {
        port.deliver(&frame(mac(0), 100, n));
    }
    let during = nic.split().0.with_receive_paused(|_| port.deliver(&frame(mac(0), 100, 99)));
    during.unwrap();
    port.deliver(&frame(mac(0), 100, 50));
    let got = receive(&mut nic);
    assert_eq!(got, (0..=50).map(|n| frame(mac(0), 100, n)).collect::<Vec<_>>());
    assert_eq!(port.counters().dropped_not_receiving, 1);
    nic.stop().unwrap();
    assert_clean(&port);
}

// Long frames (7.1.6)

#[test]
fn long_frames_are_delivered_or_dropped() {
    let sizes = [60, 1023, 1024, 1025, 2048, 2049, 5000, 9014];
    let config = Config::new().max_frame(9018).buffer_size(1024).pool_buffers(4096);
    // Delivered, as several segments, and sent on as they are.
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &config);
    let pool = pool_of(&nic);
    for round in 0..50_u8 {
        let sent: Vec<_> = sizes.iter().map(|size| frame(mac(0), *size, round)).collect();
        sent.iter().for_each(|frame| port.deliver(frame));
        let mut batch = Batch::with_capacity(32);
        let (_, mut queues) = nic.split();
        assert_eq!(queues[0].rx.receive(&mut batch), sizes.len());
        for (packet, sent) in batch.iter().zip(&sent) {
            assert_eq!(packet.segment_count(), sent.len().div_ceil(1024));
            assert_eq!((packet.len(), bytes(packet)), (sent.len(), sent.clone()));
        }
        assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), sizes.len());
        port.run_until_idle(10);
        assert_eq!(recorder.take(), sent);
    }
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
    // Or dropped and counted.
    let mut nic = start(&port, &config.long_frames(LongFrames::Drop));
    let pool = pool_of(&nic);
    sizes.iter().for_each(|size| port.deliver(&frame(mac(0), *size, 0)));
    assert_eq!(receive(&mut nic).iter().map(Vec::len).collect::<Vec<_>>(), [60, 1023, 1024]);
    assert_eq!(nic.statistics().unwrap().queues[0].drops.long, 5);
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

/// Nothing that a wire could bring, and more, harms the driver: it is delivered whole, or dropped and counted.
#[test]
fn absurd_frames_are_dropped() {
    for config in [Config::new(), Config::new().max_frame(15_872), Config::new().max_frame(15_872).buffer_size(1024)] {
        let (port, recorder) = recorded(0);
        let mut nic = start(&port, &config.pool_buffers(4096));
        let pool = pool_of(&nic);
        for len in [0, 1, 13, 14, 59, 1514, 1515, 1518, 1519, 15_868, 15_869, 16_380, 16_384, 20_000] {
            port.deliver(&frame(mac(0), len, 0));
            for got in receive(&mut nic) {
                assert_eq!(got, frame(mac(0), len, 0));
            }
        }
        let counters = port.counters();
        assert_eq!(counters.frames_in, 14);
        assert!(counters.dropped_long >= 2 && counters.dropped_short >= 4 && counters.delivered >= 1, "{counters:?}");
        let statistics = nic.statistics().unwrap();
        assert_eq!((statistics.rx_oversize, statistics.rx_undersize), (counters.dropped_long, counters.dropped_short));
        assert_works(&mut nic, &port, &recorder);
        nic.stop().unwrap();
        assert_eq!(pool.available(), pool.capacity());
        assert_clean(&port);
    }
}

// Memory

#[test]
fn packets_of_a_foreign_pool_come_back() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let foreign = Pool::new(&port, 64, 2048).unwrap();
    let own = pool_of(&nic);
    let sent = [frame(OTHER, 100, 1), frame(OTHER, 100, 2), frame(OTHER, 100, 3)];
    let mut batch = batch([packet(&own, &sent[0]), packet(&foreign, &sent[1]), packet(&own, &sent[2])]);
    {
        let (_, mut queues) = nic.split();
        let refused = queues[0].tx.transmit(&mut batch).unwrap_err();
        assert_eq!((refused.reason, &refused.packet[..], batch.len()), (Refusal::NotAttached, &sent[1][..], 1));
        batch.push_front(refused.packet).unwrap();
    }
    nic.attach(&foreign).unwrap();
    let mapped = port.mapped_bytes();
    nic.attach(&foreign).unwrap();
    assert_eq!(port.mapped_bytes(), mapped, "attaching twice maps once");
    assert_eq!(nic.split().1[0].tx.transmit(&mut batch).unwrap(), 2);
    port.run_until_idle(10);
    assert_eq!(recorder.take(), sent);
    nic.stop().unwrap();
    assert_eq!(foreign.available(), foreign.capacity());
    assert_eq!(port.mapped_bytes(), 0);
    assert_clean(&port);
}

/// A pool is tried when it is attached, is attached once, and can be detached: no later start fails for it.
#[test]
fn a_pool_that_cannot_be_reached_is_refused_when_it_is_attached() {
    let (port, recorder) = recorded(0);
    let pool = Pool::new(&port, 64, 2048).unwrap();
    let mut device = reset(&port, &Config::new());
    port.inject(Fault::NotMappable);
    assert!(matches!(device.attach(&pool), Err(DmaError::NotMappable { .. })));
    port.clear(Fault::NotMappable);
    assert!(!device.detach(&pool), "it was not attached");
    let before = port.mapped_bytes();
    let mut nic = run(device);
    let own = port.mapped_bytes();
    assert_works(&mut nic, &port, &recorder);
    let mut device = nic.stop().unwrap();

    // Twice is once; and a clone is the same pool.
    device.attach(&pool).unwrap();
    device.attach(&pool.clone()).unwrap();
    assert_eq!(port.mapped_bytes(), before, "nothing is mapped before the start");
    let nic = run(device);
    let with_pool = port.mapped_bytes();
    assert!(with_pool > own);
    let mut device = nic.stop().unwrap();
    assert!(device.detach(&pool) && !device.detach(&pool));
    let mut link_up = device.assume_link_up();
    link_up.attach(&pool).unwrap();
    let nic = link_up.start().unwrap();
    assert_eq!(port.mapped_bytes(), with_pool, "mapped once a transmit queue");
    let mut device = nic.stop().unwrap();
    assert!(device.detach(&pool));
    port.run_until_idle(10);
    let mut nic = run(device);
    assert_eq!(port.mapped_bytes(), own);
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_eq!(pool.available(), 64);
    assert_clean(&port);
}

/// Packets that one device received leave by another, and stay alive there when the first one stops.
#[test]
fn packets_of_another_device_are_sent() {
    let (a, _) = recorded(0);
    let (b, out) = recorded(1);
    let mut one = start(&a, &Config::new());
    let pool = pool_of(&one);
    let mut device = reset(&b, &Config::new());
    device.attach(&pool).unwrap();
    let mut other = run(device);
    let sent: Vec<_> = (0..20).map(|n| frame(mac(0), 100, n)).collect();
    sent.iter().for_each(|frame| a.deliver(frame));
    let mut batch = Batch::with_capacity(32);
    assert_eq!(one.split().1[0].rx.receive(&mut batch), 20);
    assert_eq!(other.split().1[0].tx.transmit(&mut batch).unwrap(), 20);
    one.stop().unwrap();
    assert_eq!(a.mapped_bytes(), 0);
    b.run_until_idle(10);
    assert_eq!(out.take(), sent);
    assert!(pool.available() < pool.capacity(), "not taken back yet");
    other.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&a);
    assert_clean(&b);
}

#[test]
fn nothing_stays_mapped() {
    let (port, recorder) = recorded(0);
    assert_eq!(port.mapped_bytes(), 0);
    let foreign = Pool::new(&port, 64, 2048).unwrap();
    let mut nic = start(&port, &Config::new().queue_pairs(3));
    nic.attach(&foreign).unwrap();
    assert_works(&mut nic, &port, &recorder);
    // Some under way in both directions, some held.
    port.deliver(&frame(mac(0), 100, 0));
    transmit(&mut nic, &frame(OTHER, 100, 0));
    let pools: Vec<Pool> = nic.pools().cloned().collect();
    let held = packet(&pools[1], b"held");
    assert!(port.mapped_bytes() > 3 * (1 << 20));
    let device = nic.stop().unwrap();
    assert_eq!(port.mapped_bytes(), 0);
    assert_eq!(pools[1].available(), pools[1].capacity() - 1);
    drop(held);
    for pool in pools.iter().chain([&foreign]) {
        assert_eq!(pool.available(), pool.capacity());
    }
    drop(device);
    assert_clean(&port);
}

#[test]
fn dropping_a_running_device_stops_it() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new().queue_pairs(2).tx_descriptors(4096));
    let pool = pool_of(&nic);
    port.deliver(&frame(mac(0), 100, 0));
    let mut batch = batch((0..4000).map(|n| packet(&pool, &frame(OTHER, 100, n as u8))));
    assert_eq!(nic.split().1[0].tx.transmit(&mut batch).unwrap(), 4000);
    drop(nic);
    assert_eq!((port.mapped_bytes(), pool.available()), (0, pool.capacity()));
    assert_eq!(recorder.take().len(), 4000, "what was posted has left");
    for name in ["RXDCTL", "TXDCTL"] {
        assert_eq!(peek(&port, name, 0) >> 25 & 1, 0);
    }
    assert_eq!(peek(&port, "CTRL_EXT", 0) >> 28 & 1, 0, "the firmware was told that the driver has gone");
    assert_clean(&port);
    assert_works(&mut start(&port, &Config::new()), &port, &recorder);
    assert_clean(&port);
}

#[test]
fn packets_outlive_queue_and_device() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let sent: Vec<_> = (0..10).map(|n| frame(mac(0), 100, n)).collect();
    sent.iter().for_each(|frame| port.deliver(frame));
    let mut batch = Batch::with_capacity(32);
    nic.split().1[0].rx.receive(&mut batch);
    let pool = pool_of(&nic);
    drop(nic.stop().unwrap());
    drop(pool);
    assert_eq!(port.mapped_bytes(), 0);
    drop(port);
    // The pool has no handle and no device any more: its memory is there as long as its packets are.
    for (packet, sent) in batch.iter_mut().zip(&sent) {
        assert_eq!(&packet[..], &sent[..]);
        packet[5] ^= 1;
        packet.extend_from_slice(&[1; 500]).unwrap();
    }
    std::thread::spawn(move || drop(batch)).join().unwrap();
}

/// A handle that is forgotten harms nothing, because no state of the ring is in it.
#[test]
fn forgetting_queues_is_harmless() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let pool = pool_of(&nic);
    for n in 0..100 {
        let (control, mut queues) = nic.split();
        let mut batch = batch([packet(&pool, &frame(OTHER, 100, n))]);
        queues[0].tx.transmit(&mut batch).unwrap();
        port.deliver(&frame(mac(0), 100, n));
        port.run_until_idle(10);
        assert_eq!(queues[0].rx.receive(&mut batch), 1);
        assert_eq!(bytes(&batch[0]), frame(mac(0), 100, n));
        std::mem::forget((control, queues));
    }
    assert_eq!(recorder.take().len(), 100);
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

/// A batch that is forgotten is lost, and so is its pool; nothing else is.
#[test]
fn forgetting_packets_loses_them_alone() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let pool = pool_of(&nic);
    (0..5).for_each(|n| port.deliver(&frame(mac(0), 100, n)));
    let mut batch = Batch::with_capacity(32);
    assert_eq!(nic.split().1[0].rx.receive(&mut batch), 5);
    std::mem::forget(batch);
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_eq!((pool.available(), port.mapped_bytes()), (pool.capacity() - 5, 0));
    assert_clean(&port);
}

#[test]
fn forgetting_the_device_is_harmless() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let pool = pool_of(&nic);
    let mut batch = batch([packet(&pool, &frame(OTHER, 100, 0))]);
    nic.split().1[0].tx.transmit(&mut batch).unwrap();
    let mapped = port.mapped_bytes();
    std::mem::forget(nic);
    // The device goes on, in memory that stays its own.
    for n in 0..100 {
        port.deliver(&frame(mac(0), 100, n));
    }
    port.run_until_idle(10);
    drop(pool);
    assert_eq!(port.mapped_bytes(), mapped);
    assert_eq!(port.counters().delivered, 100);
    assert_clean(&port);
}

#[test]
fn a_panic_while_reception_is_paused_is_harmless() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let (mut control, _queues) = nic.split();
        control.with_receive_paused(|_| panic!("the caller's code fails")).unwrap()
    }));
    assert!(panicked.is_err());
    assert_eq!(peek(&port, "RXCTRL", 0) & 1, 1, "packets come in again");
    assert_eq!(peek(&port, "SECRXCTRL", 0) & 2, 0);
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_panic_while_packets_are_worked_on_is_harmless() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let pool = pool_of(&nic);
    let before = pool.available();
    (0..20).for_each(|n| port.deliver(&frame(mac(0), 100, n)));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let (_, mut queues) = nic.split();
        let mut batch = Batch::with_capacity(32);
        queues[0].rx.receive(&mut batch);
        batch.retain(|packet| if packet[20] == 0 { true } else { packet[5000] == 0 });
    }));
    assert!(panicked.is_err());
    // The batch was dropped on the way; the ring takes what it is short of a quarter at a time.
    assert!(before.abs_diff(pool.available()) <= 32);
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

#[test]
fn a_panic_with_a_running_device_stops_it() {
    let (port, recorder) = recorded(0);
    let panicked = catch_unwind(|| {
        let _nic = start(&port, &Config::new());
        panic!("the caller's code fails");
    });
    assert!(panicked.is_err());
    assert_eq!(port.mapped_bytes(), 0);
    assert_works(&mut start(&port, &Config::new()), &port, &recorder);
    assert_clean(&port);
}

// Life cycle

#[test]
fn start_and_stop_fifty_times() {
    let (port, recorder) = recorded(0);
    let mut device = reset(&port, &Config::new());
    for round in 0..50 {
        let mut nic = run(device);
        if round % 10 == 0 {
            assert_works(&mut nic, &port, &recorder);
        }
        device = nic.stop().unwrap();
        assert_eq!(port.mapped_bytes(), 0);
    }
    assert_clean(&port);
}

#[test]
fn stopping_lets_posted_packets_leave() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new());
    let pool = pool_of(&nic);
    let mut batch = batch((0..200).map(|n| packet(&pool, &frame(OTHER, 100, n))));
    assert_eq!(nic.split().1[0].tx.transmit(&mut batch).unwrap(), 200);
    nic.stop().unwrap();
    assert_eq!(recorder.take().len(), 200);
    assert_clean(&port);
}

#[test]
fn pools_given_by_the_caller_are_used() {
    let (port, recorder) = recorded(0);
    let pool = Pool::new(&port, 4096, 3072).unwrap();
    let device = reset(&port, &Config::new().queue_pairs(2)).wait_for_link(Duration::from_secs(1)).unwrap();
    let mut nic = device.start_with(std::slice::from_ref(&pool)).unwrap();
    assert!(nic.pools().all(|used| used.buffer_size() == 3072));
    assert_works(&mut nic, &port, &recorder);
    assert_eq!(nic.link(), LinkStatus::Up(Some(Speed::GBIT_10)));
    nic.stop().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

/// Registers that a running device lets anybody read.
#[test]
fn registers_of_a_running_device_can_be_read() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new());
    use ixgbe::registers::{RXDCTL, RxQueue};
    let queue = RxQueue::new(0).unwrap();
    assert!(nic.registers().rxdctl(queue).read().field(RXDCTL::ENABLE));
    assert_eq!(nic.split().0.registers().rxdctl(queue).read().get(), port.peek(at("RXDCTL", 0)));
    port.plug(NoTraffic);
    drop(Recorder::default());
    nic.stop().unwrap();
    assert_clean(&port);
}
