//! Several queues on the model: what goes where, by which hash, and threads that drive them.

mod common;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use common::{
    Nic, assert_adds_up, assert_clean, assert_works, batch, bytes, frame, mac, packet, peek, pool_of, port, recorded,
    start,
};
use ixgbe::device::{
    Config, ConfigError, Error, FlowTransport, HashFields, RSS_KEY, RSS_KEY_LEN, RSS_TABLE_LEN, Rss, toeplitz,
};
use ixgbe::packet::Batch;
use ixgbe_sim::wire::Duplex;
use ixgbe_sim::wire::generator::Generator;
use ixgbe_sim::wire::sink::Sink;
use ixgbe_sim::{Port, Runner};

/// Somebody else.
const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 0x77];

// The hash

/// Source, destination, hash over addresses and ports, hash over addresses: Microsoft's verification suite of RSS.
const VECTORS: [(&str, &str, u32, u32); 8] = [
    ("66.9.149.187:2794", "161.142.100.80:1766", 0x51cc_c178, 0x323e_8fc2),
    ("199.92.111.2:14230", "65.69.140.83:4739", 0xc626_b0ea, 0xd718_262a),
    ("24.19.198.95:12898", "12.22.207.184:38024", 0x5c2b_394a, 0xd2d0_a5de),
    ("38.27.205.30:48228", "209.142.163.6:2217", 0xafc7_327f, 0x8298_9176),
    ("153.39.163.191:44251", "202.188.127.2:1303", 0x10e8_28a2, 0x5d18_09c5),
    ("[3ffe:2501:200:1fff::7]:2794", "[3ffe:2501:200:3::1]:1766", 0x4020_7d3d, 0x2cc1_8cd5),
    ("[3ffe:501:8::260:97ff:fe40:efab]:14230", "[ff02::1]:4739", 0xdde5_1bbf, 0x0f0c_461c),
    ("[3ffe:1900:4545:3:200:f8ff:fe21:67cf]:44251", "[fe80::200:f8ff:fe21:67cf]:38024", 0x02d1_feef, 0x4b61_e985),
];

#[test]
fn the_published_vectors_hold() {
    let rss = Rss::new(1);
    for (source, destination, with_ports, without) in VECTORS {
        let (source, destination): (SocketAddr, SocketAddr) = (source.parse().unwrap(), destination.parse().unwrap());
        for transport in [FlowTransport::Tcp, FlowTransport::Udp] {
            assert_eq!(rss.hash(transport, source, destination), Some(with_ports), "{source}");
        }
        assert_eq!(rss.hash(FlowTransport::Other, source, destination), Some(without), "{source}");
    }
    // More input than there is key, and none.
    let longest = toeplitz(&RSS_KEY, [0xff; RSS_KEY_LEN]);
    assert_eq!((toeplitz(&RSS_KEY, [0xff; 100]), toeplitz(&RSS_KEY, [])), (longest, 0));
}

#[test]
fn only_chosen_fields_are_hashed() {
    let (source, destination, with_ports, without) = VECTORS[0];
    let (v4, v6) = ((source, destination), (VECTORS[5].0, VECTORS[5].1));
    let hash = |fields, transport, (source, destination): (&str, &str)| {
        Rss::new(1).fields(fields).hash(transport, source.parse().unwrap(), destination.parse().unwrap())
    };
    assert_eq!(hash(HashFields::TCP_IPV4, FlowTransport::Tcp, v4), Some(with_ports));
    assert_eq!(hash(HashFields::TCP_IPV4, FlowTransport::Udp, v4), None);
    assert_eq!(hash(HashFields::TCP_IPV4, FlowTransport::Other, v4), None);
    assert_eq!(hash(HashFields::IPV4, FlowTransport::Tcp, v4), Some(without));
    assert_eq!(hash(HashFields::IPV4 | HashFields::UDP_IPV4, FlowTransport::Udp, v4), Some(with_ports));
    assert_eq!(hash(HashFields::IPV4 | HashFields::UDP_IPV4, FlowTransport::Udp, v6), None);
    assert_eq!(hash(HashFields::UDP_IPV6, FlowTransport::Udp, v6), Some(VECTORS[5].2));
    assert_eq!(hash(HashFields::ALL, FlowTransport::Udp, (v4.0, v6.1)), None, "from IPv4 to IPv6 nothing goes");
    assert_eq!(format!("{:?}", HashFields::UDP_IPV6 | HashFields::IPV4), "{IPV4, UDP_IPV6}");
}

/// A packet over IP with these addresses and ports, of no interest otherwise.
fn ip_frame(source: SocketAddr, destination: SocketAddr, transport: FlowTransport) -> Vec<u8> {
    let protocol = match transport {
        FlowTransport::Tcp => 6,
        FlowTransport::Udp => 17,
        FlowTransport::Other => 47,
    };
    let mut frame = [mac(0), OTHER].concat();
    match (source, destination) {
        (SocketAddr::V4(source), SocketAddr::V4(destination)) => {
            frame.extend([0x08, 0x00, 0x45, 0, 0, 60, 0, 0, 0, 0, 64, protocol, 0, 0]);
            frame.extend(source.ip().octets().into_iter().chain(destination.ip().octets()));
        }
        (SocketAddr::V6(source), SocketAddr::V6(destination)) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 40, protocol, 64]);
            frame.extend(source.ip().octets().into_iter().chain(destination.ip().octets()));
        }
        _ => panic!("both are of one version"),
    }
    frame.extend(source.port().to_be_bytes().into_iter().chain(destination.port().to_be_bytes()));
    // A TCP header of 20 bytes, or UDP's length.
    frame.extend([0, 40, 0, 0, 0, 0, 0, 0, 0x50, 0, 0, 0, 0, 0, 0, 0]);
    frame.resize(100, 0);
    frame
}

/// The queues on which packets are found, all in all as many as were sent.
fn queues_of(nic: &mut Nic, port: &Port, frames: &[Vec<u8>]) -> Vec<usize> {
    let (_, mut rx, _) = nic.split_queues();
    let mut batch = Batch::with_capacity(32);
    let found = frames.iter().map(|frame| {
        port.deliver(frame);
        let counts: Vec<_> = rx.iter_mut().map(|rx| rx.receive(&mut batch)).collect();
        assert_eq!(batch.iter().map(bytes).collect::<Vec<_>>(), [&frame[..]]);
        batch.clear();
        counts.iter().position(|count| *count > 0).expect("one queue received it")
    });
    found.collect()
}

/// The library says which queue a flow goes to, and the model, whose hash is another one, takes it there.
#[test]
fn flows_go_where_the_library_says() {
    let key: [u8; RSS_KEY_LEN] = std::array::from_fn(|n| (n * 37 + 11) as u8);
    let table: [u8; RSS_TABLE_LEN] = std::array::from_fn(|n| (n * 7 % 5) as u8);
    let fields = HashFields::TCP_IPV4 | HashFields::UDP_IPV6 | HashFields::IPV4;
    let variants = [
        Rss::new(5),
        Rss::new(5).key(key),
        Rss::new(5).table(table),
        Rss::new(5).fields(fields),
        Rss::new(3).key(key).fields(HashFields::IPV6),
        Rss::new(1),
    ];
    let flows: Vec<(SocketAddr, SocketAddr, FlowTransport)> = VECTORS
        .iter()
        .flat_map(|vector| {
            [FlowTransport::Tcp, FlowTransport::Udp, FlowTransport::Other]
                .map(|transport| (vector.0.parse().unwrap(), vector.1.parse().unwrap(), transport))
        })
        .collect();
    let frames: Vec<_> = flows.iter().map(|(from, to, transport)| ip_frame(*from, *to, *transport)).collect();
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new().rx_queues(5).rss(variants[1]));
    let mut all = std::collections::HashSet::new();
    // Set up as at the start, then each in turn, in both orders, so that key, fields and table change alone and together.
    for rss in variants[1..2].iter().chain(&variants).chain(variants.iter().rev()) {
        nic.split().0.set_rss(*rss).unwrap();
        assert_eq!(nic.split().0.rss(), *rss);
        let expected: Vec<_> = flows.iter().map(|(from, to, kind)| rss.queue(*kind, *from, *to)).collect();
        assert_eq!(queues_of(&mut nic, &port, &frames), expected, "{rss:?}");
        all.insert(expected);
    }
    assert_eq!(all.len(), variants.len(), "each spreads in its own way");
    // What is no IP goes to queue 0.
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_clean(&port);
}

#[test]
fn a_table_that_names_a_queue_that_does_not_run_is_refused() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new().rx_queues(3).tx_queues(8));
    let before: Vec<_> = (0..32).map(|n| peek(&port, "RETA", n)).collect();
    let mut table = [0; RSS_TABLE_LEN];
    table[77] = 3;
    let (mut control, _) = nic.split();
    let bad = Rss::new(3).key([1; RSS_KEY_LEN]).table(table);
    let error = ConfigError::RssTable { entry: 77, queue: 3, queues: 3 };
    assert_eq!(control.set_rss(bad), Err(Error::Config(error)));
    assert_eq!(control.rss(), Rss::new(3));
    let after: Vec<_> = (0..32).map(|n| peek(&port, "RETA", n)).collect();
    assert_eq!((after, peek(&port, "RSSRK", 0)), (before, 0xda56_5a6d), "nothing was written");
    nic.stop().unwrap();
    assert_clean(&port);
}

/// A table that changes under traffic: each packet arrives once, on the old queue or the new one.
#[test]
fn the_table_changes_under_traffic() {
    let port = port(0);
    port.plug(Generator::new(mac(0), 80).flows(500).count(5_000).lossless());
    let mut nic = start(&port, &Config::new().rx_queues(4));
    let mut seen = vec![0; 5_000];
    {
        let (mut control, mut rx, _) = nic.split_queues();
        let mut batch = Batch::with_capacity(64);
        for round in 0..400 {
            port.step();
            if round % 3 == 0 {
                let only = (round / 3 % 4) as u8;
                control.set_rss(Rss::new(4).table([only; RSS_TABLE_LEN])).unwrap();
            }
            for rx in &mut rx {
                while rx.receive(&mut batch) > 0 {
                    for packet in &batch {
                        seen[u64::from_be_bytes(packet[46..54].try_into().unwrap()) as usize] += 1;
                    }
                    batch.clear();
                }
            }
        }
    }
    assert!(seen.iter().all(|count| *count == 1), "every packet arrives once");
    assert!(nic.statistics().unwrap().queues.iter().all(|queue| queue.rx_packets > 100));
    nic.stop().unwrap();
    // Started again, it spreads as it was configured.
    assert_clean(&port);
}

// More queues of one kind

#[test]
fn more_transmit_than_receive_queues() {
    let (port, recorder) = recorded(0);
    let config = Config::new().rx_queues(2).tx_queues(64).rx_descriptors(64).tx_descriptors(64);
    let mut nic = start(&port, &config);
    assert_eq!(nic.split().1.len(), 2, "pairs");
    let pool = pool_of(&nic);
    {
        let (_, rx, mut tx) = nic.split_queues();
        assert_eq!((rx.len(), tx.len()), (2, 64));
        for (n, tx) in tx.iter_mut().enumerate() {
            assert_eq!(tx.index().get(), n);
            let mut batch = batch([packet(&pool, &frame(OTHER, 100, n as u8))]);
            assert_eq!(tx.transmit(&mut batch).unwrap(), 1);
        }
    }
    port.run_until_idle(100);
    let mut sent = recorder.take();
    sent.sort();
    let mut expected: Vec<_> = (0..64).map(|n| frame(OTHER, 100, n)).collect();
    expected.sort();
    assert_eq!(sent, expected);
    // 16 counters for 64 queues.
    let statistics = nic.statistics().unwrap();
    assert_eq!(statistics.queues.iter().map(|queue| queue.tx_packets).collect::<Vec<_>>(), [4; 16]);
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_eq!((port.mapped_bytes(), pool.available()), (0, pool.capacity()));
    assert_clean(&port);
}

#[test]
fn more_receive_than_transmit_queues() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new().rx_queues(16).rx_descriptors(64));
    assert_eq!((nic.split().1.len(), nic.pools().count()), (1, 16));
    let frames: Vec<_> = VECTORS
        .iter()
        .map(|(from, to, ..)| ip_frame(from.parse().unwrap(), to.parse().unwrap(), FlowTransport::Tcp))
        .collect();
    // The low four bits of the published hashes.
    assert_eq!(queues_of(&mut nic, &port, &frames), [8, 10, 10, 15, 2, 13, 15, 15]);
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_clean(&port);
}

// Several queues (7.1.2.8)

#[test]
fn packets_are_spread_over_the_queues_by_their_hash() {
    for queue_pairs in [2, 4, 16] {
        let port = port(0);
        port.plug(Generator::new(mac(0), 80).flows(500).count(2_000).lossless());
        let config = Config::new().queue_pairs(queue_pairs).rx_descriptors(256).tx_descriptors(64);
        let mut nic = start(&port, &config);
        let mut seen = vec![0_u8; 2_000];
        let mut used = vec![0; queue_pairs];
        {
            let (_, mut queues) = nic.split();
            let mut batch = Batch::with_capacity(64);
            for _ in 0..200 {
                port.step();
                for (index, queue) in queues.iter_mut().enumerate() {
                    while queue.rx.receive(&mut batch) > 0 {
                        for packet in &batch {
                            let at = |at: usize| -> [u8; 4] { packet[at..at + 4].try_into().unwrap() };
                            let [from, to] = [26, 30].map(at);
                            let [a, b, c, d] = at(34);
                            let from = SocketAddr::from((from, u16::from_be_bytes([a, b])));
                            let to = SocketAddr::from((to, u16::from_be_bytes([c, d])));
                            assert_eq!(Rss::new(queue_pairs).queue(FlowTransport::Udp, from, to), index);
                            let number = u64::from_be_bytes(packet[46..54].try_into().unwrap());
                            seen[number as usize] += 1;
                            used[index] += 1;
                        }
                        batch.clear();
                    }
                }
            }
        }
        assert!(seen.iter().all(|count| *count == 1), "every packet arrives once");
        assert!(used.iter().all(|count| *count > 2_000 / queue_pairs / 3), "all queues are used: {used:?}");
        assert_adds_up(&mut nic, &port, 2_000);
        nic.stop().unwrap();
        assert_clean(&port);
    }
}

#[test]
fn every_transmit_queue_sends() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new().queue_pairs(16).rx_descriptors(64).tx_descriptors(64));
    {
        let (_, mut queues) = nic.split();
        for (n, queue) in queues.iter_mut().enumerate() {
            assert_eq!((queue.tx.index().get(), queue.rx.index().get()), (n, n));
            let mut batch = batch((0..=n as u8).map(|_| packet(queue.rx.pool(), &frame(OTHER, 100, n as u8))));
            assert_eq!(queue.tx.transmit(&mut batch).unwrap(), n + 1);
        }
    }
    port.run_until_idle(100);
    assert_eq!(recorder.take().len(), 16 * 17 / 2);
    let statistics = nic.statistics().unwrap();
    assert!(statistics.queues.iter().enumerate().all(|(n, queue)| queue.tx_packets == n as u64 + 1));
    nic.stop().unwrap();
    assert_clean(&port);
}

/// Threads drive a queue pair each, beside a control that reads counters and turns promiscuous on and off.
#[test]
fn queues_are_driven_by_threads() {
    const FRAMES: u64 = 20_000;
    let port = port(0);
    let sink = Sink::new();
    let counters = sink.counters();
    port.plug(Duplex::new(Generator::new(mac(0), 60).up_to(600).flows(64).count(FRAMES).lossless(), sink));
    let runner = Runner::start([port.clone()]).unwrap();
    let mut nic = start(&port, &Config::new().queue_pairs(4));
    let done = AtomicBool::new(false);
    let forwarded = AtomicU64::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let (mut control, queues) = nic.split();
        for mut queue in queues {
            let (done, forwarded) = (&done, &forwarded);
            scope.spawn(move || {
                let mut batch = Batch::with_capacity(32);
                while !done.load(Ordering::Relaxed) {
                    queue.rx.receive(&mut batch);
                    batch.iter_mut().for_each(|packet| packet[3] ^= 1);
                    match queue.tx.transmit(&mut batch).unwrap() {
                        0 => std::thread::yield_now(),
                        sent => _ = forwarded.fetch_add(sent as u64, Ordering::Relaxed),
                    }
                }
            });
        }
        while counters.frames() < FRAMES && began.elapsed() < Duration::from_secs(30) {
            assert!(control.link().is_up());
            control.statistics().unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!((counters.frames(), forwarded.load(Ordering::Relaxed)), (FRAMES, FRAMES));
    assert_eq!((counters.lost(), counters.duplicated(), counters.corrupted(), counters.foreign()), (0, 0, 0, 0));
    let statistics = nic.statistics().unwrap();
    assert!(statistics.queues.iter().all(|queue| queue.rx_packets > 0), "{statistics:?}");
    assert_eq!((statistics.rx_packets, statistics.tx_packets), (FRAMES, FRAMES));
    nic.stop().unwrap();
    drop(runner);
    assert_eq!(port.mapped_bytes(), 0);
    assert_clean(&port);
}

/// Packets that one thread received are dropped by another, while the first goes on.
#[test]
fn packets_change_threads() {
    let port = port(0);
    port.plug(Generator::new(mac(0), 100).count(5_000).lossless());
    let runner = Runner::start([port.clone()]).unwrap();
    let mut nic = start(&port, &Config::new().rx_descriptors(64).pool_buffers(256));
    let pool = pool_of(&nic);
    let (sender, receiver) = sync_channel::<Batch>(4);
    let counted = std::thread::scope(|scope| {
        let counter = scope.spawn(move || receiver.iter().map(|batch| batch.len()).sum::<usize>());
        let (_, mut queues) = nic.split();
        let (began, mut received) = (Instant::now(), 0);
        while received < 5_000 && began.elapsed() < Duration::from_secs(30) {
            let mut batch = Batch::with_capacity(32);
            received += queues[0].rx.receive(&mut batch);
            sender.send(batch).unwrap();
        }
        drop(sender);
        counter.join().unwrap()
    });
    assert_eq!(counted, 5_000);
    nic.stop().unwrap();
    drop(runner);
    assert_eq!(pool.available(), pool.capacity());
    assert_clean(&port);
}

/// A forwarder that receives on one thread and sends on another: batches go over by a channel, empty ones come back.
#[test]
fn receiving_and_sending_on_different_threads() {
    const FRAMES: u64 = 10_000;
    let port = port(0);
    let sink = Sink::new();
    let counters = sink.counters();
    port.plug(Duplex::new(Generator::new(mac(0), 60).up_to(1514).count(FRAMES).lossless(), sink));
    let runner = Runner::start([port.clone()]).unwrap();
    let mut nic = start(&port, &Config::new());
    let pool = pool_of(&nic);
    let began = Instant::now();
    let late = || began.elapsed() > Duration::from_secs(30);
    std::thread::scope(|scope| {
        let (_, mut rx, mut tx) = nic.split_queues();
        let (full, to_send) = sync_channel::<Batch>(8);
        let (empty, to_fill) = sync_channel::<Batch>(8);
        (0..8).for_each(|_| empty.send(Batch::with_capacity(32)).unwrap());
        scope.spawn(move || {
            let mut received = 0;
            while received < FRAMES && !late() {
                let Ok(mut batch) = to_fill.recv() else { return };
                while rx[0].receive(&mut batch) == 0 && !late() {
                    std::thread::yield_now();
                }
                batch.iter_mut().for_each(|packet| packet[3] ^= 1);
                received += batch.len() as u64;
                full.send(batch).unwrap();
            }
        });
        scope.spawn(move || {
            for mut batch in to_send {
                while !batch.is_empty() && !late() {
                    tx[0].transmit(&mut batch).unwrap();
                }
                // Who receives is done when nobody takes it.
                _ = empty.send(batch);
            }
            while tx[0].reclaim() < 511 && !late() {}
        });
    });
    while counters.frames() < FRAMES && !late() {
        std::thread::yield_now();
    }
    let bad = [counters.lost(), counters.duplicated(), counters.reordered(), counters.corrupted(), counters.foreign()];
    assert_eq!((counters.frames(), bad), (FRAMES, [0; 5]));
    nic.stop().unwrap();
    drop(runner);
    assert_eq!((port.mapped_bytes(), pool.available()), (0, pool.capacity()));
    assert_clean(&port);
}
