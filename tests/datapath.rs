//! The data path over rings in plain memory: what comes in goes out, every buffer comes home, and what the device says is
//! not trusted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ixgbe::device::{Config, Device, Running};
use ixgbe::packet::{Batch, Packet};
use ixgbe::pool::Pool;
use ixgbe::port::Refusal;
use ixgbe::queue::{ForwardCounts, InPlaceForwarder, LongFrames, QueuePair, Route, WhenFull};
use ixgbe_sim::wire::generator::Generator;
use ixgbe_sim::wire::sink::Sink;
use ixgbe_sim::wire::{Duplex, NoTraffic};
use ixgbe_sim::{Port as Model, PortConfig};
use plain::{Addresses, Plain, Player};

#[path = "../benches/plain/mod.rs"]
mod plain;

const BOTH: [Addresses; 2] = [Addresses::Identity, Addresses::Scattered];
/// Bytes of a buffer.
const BUFFER: usize = 2048;

type Port = (Device<Running, Plain>, Player);

/// The smallest rings there are.
fn small() -> Config {
    Config::new().rx_descriptors(64).tx_descriptors(64).pool_buffers(256)
}

fn pool(port: &Port) -> Pool {
    port.0.pools().next().expect("a pool for the queue").clone()
}

fn pair(port: &mut Port) -> (QueuePair<'_, Plain>, &mut Player) {
    (port.0.split().1.remove(0), &mut port.1)
}

/// Frame `number`: of a length and with contents of its own.
fn frame(number: usize) -> Vec<u8> {
    (0..60 + number % 1400).map(|byte| (byte ^ number) as u8).collect()
}

fn packet(pool: &Pool, bytes: &[u8]) -> Packet {
    let mut packet = pool.take().expect("a free buffer");
    packet.extend_from_slice(bytes).expect("room in the buffer");
    packet
}

/// All frames that the player sends, at most so many descriptors.
fn sent(player: &mut Player, most: usize) -> Vec<Vec<u8>> {
    let (mut frames, mut frame) = (vec![], vec![]);
    player.send(most, |bytes, end| {
        frame.extend_from_slice(bytes);
        if end {
            frames.push(std::mem::take(&mut frame));
        }
    });
    assert!(frame.is_empty(), "a frame without an end");
    frames
}

#[test]
fn forwards_around_the_rings_with_batches_of_every_size() {
    for addresses in BOTH {
        let mut a = Plain::start(addresses, &small());
        let mut b = Plain::start(addresses, &small());
        let pool = pool(&a);
        b.0.attach(&pool).unwrap();
        let (mut arrived, mut received, mut expected) = (0, 0, 0);
        for size in (1..=70).chain([3, 1, 64, 2, 33, 31, 32]) {
            let ((mut from, player_a), (mut to, player_b)) = (pair(&mut a), pair(&mut b));
            while arrived < received + size && player_a.arrive(&frame(arrived)) {
                arrived += 1;
            }
            let mut batch = Batch::with_capacity(size);
            received += from.rx.receive(&mut batch);
            assert!(!batch.is_empty());
            while !batch.is_empty() {
                to.tx.transmit(&mut batch).unwrap();
                for bytes in sent(player_b, usize::MAX) {
                    assert!(bytes == frame(expected), "frame {expected} has changed");
                    expected += 1;
                }
            }
            assert_eq!(expected, received);
        }
        assert!(expected > 20 * 64);
        let ((from, _), (mut to, _)) = (pair(&mut a), pair(&mut b));
        assert_eq!(to.tx.reclaim(), 63);
        assert_eq!(from.rx.drops(), Default::default());
        drop(b.0.stop().unwrap());
        drop(a.0.stop().unwrap());
        assert_eq!(pool.available(), pool.capacity());
    }
}

#[test]
fn receives_what_the_pool_has_and_goes_on_when_buffers_come_home() {
    let mut a = Plain::start(Addresses::Identity, &small().pool_buffers(96));
    let pool = pool(&a);
    let (mut from, player) = pair(&mut a);
    let mut held = Batch::with_capacity(256);
    let mut arrived = 0;
    for _ in 0..10 {
        while player.arrive(&frame(arrived)) {
            arrived += 1;
        }
        from.rx.receive(&mut held);
    }
    // The device never gets the last buffer that is posted.
    assert_eq!((held.len(), pool.available()), (95, 0));
    assert!(from.rx.drops().no_buffer > 0);
    for (number, packet) in held.iter().enumerate() {
        assert!(**packet == frame(number), "packet {number} has changed");
    }
    held.clear();
    from.rx.receive(&mut held);
    assert!(player.arrive(b"again") && from.rx.receive(&mut held) == 1);
    assert_eq!(&*held[0], b"again");
}

/// What was sent is not kept back for so long that nothing is left to receive into.
#[test]
fn the_smallest_pool_lasts_with_the_largest_output() {
    for size in [1, 7, 31, 32, 33, 96] {
        let mut a = Plain::start(Addresses::Identity, &small().pool_buffers(96));
        let mut b = Plain::start(Addresses::Identity, &small().tx_descriptors(4096).pool_buffers(8192));
        b.0.attach(&pool(&a)).unwrap();
        let ((mut from, player_a), (mut to, player_b)) = (pair(&mut a), pair(&mut b));
        let mut batch = Batch::with_capacity(size);
        let mut idle = 0;
        for round in 0..1000 {
            (0..size).take_while(|_| player_a.arrive(b"a frame")).for_each(drop);
            if from.rx.receive(&mut batch) > 0 {
                idle = 0;
                to.tx.transmit(&mut batch).unwrap();
                sent(player_b, usize::MAX);
            } else {
                // Never a call with nothing to send; what comes home is received into in the next call.
                idle += 1;
                assert!(idle < 2, "nothing more comes in after {round} calls for {size}");
            }
        }
    }
}

#[test]
fn sends_what_there_is_room_for() {
    for addresses in BOTH {
        let mut a = Plain::start(addresses, &small());
        let pool = pool(&a);
        let (mut to, player) = pair(&mut a);
        let mut batch = Batch::with_capacity(100);
        (0..100).for_each(|number| batch.push(packet(&pool, &frame(number))).unwrap());
        assert_eq!(to.tx.transmit(&mut batch).unwrap(), 63);
        assert_eq!((batch.len(), &*batch[0]), (37, &*frame(63)));
        assert_eq!(to.tx.transmit(&mut batch).unwrap(), 0);
        // The device reports the 32nd.
        let mut frames = sent(player, 40);
        assert_eq!(to.tx.transmit(&mut batch).unwrap(), 32);
        frames.extend(sent(player, usize::MAX));
        assert_eq!(to.tx.transmit(&mut batch).unwrap(), 5);
        frames.extend(sent(player, usize::MAX));
        assert!(frames.iter().cloned().eq((0..100).map(frame)));
        assert!(batch.is_empty() && to.tx.is_drained());
        assert_eq!(pool.available(), pool.capacity() - 64);
    }
}

#[test]
fn takes_buffers_back_when_called_with_nothing_to_send() {
    let mut a = Plain::start(Addresses::Identity, &small());
    let pool = pool(&a);
    let (mut to, player) = pair(&mut a);
    let mut batch = Batch::with_capacity(5);
    (0..5).for_each(|number| batch.push(packet(&pool, &frame(number))).unwrap());
    assert_eq!(to.tx.transmit(&mut batch).unwrap(), 5);
    assert_eq!(to.tx.transmit(&mut batch).unwrap(), 0);
    assert_eq!(pool.available(), 256 - 64 - 5);
    assert_eq!(sent(player, usize::MAX).len(), 5);
    assert_eq!(to.tx.transmit(&mut batch).unwrap(), 0);
    assert_eq!(pool.available(), 256 - 64);
}

/// Also if it is longer than the descriptors that are left, and what was sent before is not taken back yet.
#[test]
fn a_long_packet_finds_room_once_all_was_sent() {
    let mut a = Plain::start(Addresses::Identity, &small().max_frame(9018).buffer_size(1024));
    let pool = pool(&a);
    let (mut to, player) = pair(&mut a);
    let mut batch = Batch::with_capacity(64);
    // The second call finds nothing to take back, the third need not look.
    for count in [55, 1, 5] {
        (0..count).for_each(|number| batch.push(packet(&pool, &frame(number)[..60])).unwrap());
        assert_eq!(to.tx.transmit(&mut batch).unwrap(), count);
    }
    sent(player, usize::MAX);
    batch.push(pool.take_copy(&[7; 3000]).unwrap()).unwrap();
    assert_eq!(to.tx.transmit(&mut batch).unwrap(), 1);
    assert_eq!(sent(player, usize::MAX), [[7; 3000]]);
}

/// Software may request a report only of a packet's last descriptor.
#[test]
fn no_report_is_in_the_midst_of_a_packet() {
    const FLAGS: [u64; 2] = [1 << 24, 1 << 27];
    for before in 0..64 {
        let mut a = Plain::start(Addresses::Identity, &small().tx_descriptors(256).max_frame(9018).buffer_size(1024));
        let pool = pool(&a);
        let (mut to, player) = pair(&mut a);
        let mut batch = Batch::with_capacity(128);
        (0..before).for_each(|number| batch.push(packet(&pool, &frame(number)[..60])).unwrap());
        (0..3).for_each(|_| batch.push(pool.take_copy(&[7; 3000]).unwrap()).unwrap());
        assert_eq!(to.tx.transmit(&mut batch).unwrap(), before + 3);
        let [_, ring] = player.rings().0;
        let words: Vec<_> = (0..before + 9)
            // SAFETY: the ring has more descriptors, whose words are atomics.
            .map(|index| unsafe { AtomicU64::from_ptr(ring.add(index).cast::<u64>().add(1)) }.load(Ordering::Relaxed))
            .collect();
        let has = |flag: usize, index: usize| words[index] & FLAGS[flag] != 0;
        assert!((0..before + 9).all(|index| has(0, index) || !has(1, index)), "{before}: RS without EOP");
        let reports: Vec<_> = (0..before + 9).filter(|index| has(1, *index)).collect();
        assert!(reports.windows(2).all(|pair| pair[1] - pair[0] <= 35) && reports.last() == Some(&(before + 8)));
    }
}

#[test]
fn hands_back_a_packet_that_cannot_be_sent() {
    let mut a = Plain::start(Addresses::Identity, &small());
    let own = pool(&a);
    let foreign = Pool::new(a.0.platform(), 40, 4 * BUFFER).unwrap();
    let (mut to, player) = pair(&mut a);
    let wrong: [(&Pool, usize, Refusal); 5] = [
        (&foreign, 60, Refusal::NotAttached),
        (&own, 0, Refusal::Empty),
        (&own, 1, Refusal::TooShort { len: 1, min: 14 }),
        (&own, 13, Refusal::TooShort { len: 13, min: 14 }),
        (&own, 1519, Refusal::TooLong { len: 1519, max: 1518 }),
    ];
    for (pool, len, error) in wrong {
        for before in [0, 1, 8, 21] {
            let mut batch = Batch::with_capacity(64);
            (0..before).for_each(|number| batch.push(packet(&own, &frame(number))).unwrap());
            batch.push(packet(pool, &vec![7; len])).unwrap();
            batch.push(packet(&own, &frame(99))).unwrap();
            let refused = to.tx.transmit(&mut batch).unwrap_err();
            assert_eq!((refused.reason, refused.sent, batch.len()), (error, before, 1));
            assert_eq!(&*refused.packet, &*vec![7; len]);
            assert!(sent(player, usize::MAX).into_iter().eq((0..before).map(frame)));
        }
    }
    assert_eq!(foreign.available(), 40);
    to.tx.reclaim();
    assert_eq!(own.available(), 256 - 64);
}

/// Among others whose lengths hide it, and however it has become so short.
#[test]
fn sends_no_packet_without_an_ethernet_header() {
    let mut a = Plain::start(Addresses::Identity, &small());
    let pool = pool(&a);
    let (mut to, player) = pair(&mut a);
    type Way = (usize, fn(&mut Packet));
    let ways: [Way; 9] = [
        (60, |packet| packet.truncate(0)),
        (60, |packet| packet.truncate(13)),
        (60, |packet| packet.trim_front(60)),
        (60, |packet| packet.trim_front(47)),
        (0, |packet| packet.prepend(&[]).unwrap()),
        (0, |packet| packet.prepend(&[7; 13]).unwrap()),
        (6, |packet| packet.prepend(&[7; 7]).unwrap()),
        (6, |packet| packet.append(7).unwrap().fill(7)),
        (14, |packet| packet.trim_front(1)),
    ];
    for (len, way) in ways {
        for before in [0, 3, 8, 15, 31] {
            let mut batch = Batch::with_capacity(32);
            (0..32).for_each(|number| batch.push(packet(&pool, &frame(number))).unwrap());
            batch[before] = packet(&pool, &vec![7; len]);
            way(&mut batch[before]);
            let mut refused = to.tx.transmit(&mut batch).unwrap_err();
            let short = refused.packet.len();
            let reason = if short == 0 { Refusal::Empty } else { Refusal::TooShort { len: short, min: 14 } };
            assert_eq!((refused.reason, refused.sent, batch.len()), (reason, before, 31 - before));
            // With 14 bytes, however it gets them, it is one like any other.
            match before % 2 {
                0 => refused.packet.append(14 - short).unwrap().fill(7),
                _ => refused.packet.prepend(&vec![7; 14 - short]).unwrap(),
            }
            batch.push_front(refused.packet).unwrap();
            assert_eq!(to.tx.transmit(&mut batch).unwrap(), 32 - before);
            assert!(sent(player, usize::MAX).into_iter().eq((0..32).map(|number| match number {
                _ if number == before => vec![7; 14],
                _ => frame(number),
            })));
        }
    }
}

#[test]
fn gives_each_buffer_back_to_its_own_pool() {
    for addresses in BOTH {
        let mut a = Plain::start(addresses, &small());
        let (own, other) = (pool(&a), Pool::new(a.0.platform(), 100, BUFFER).unwrap());
        a.0.attach(&other).unwrap();
        let (mut to, player) = pair(&mut a);
        for round in 0..20 {
            let mut batch = Batch::with_capacity(50);
            for number in 0..50 {
                let pool = if (number / (round + 1)) % 2 == 0 { &own } else { &other };
                batch.push(packet(pool, &frame(number))).unwrap();
            }
            assert_eq!(to.tx.transmit(&mut batch).unwrap(), 50);
            assert!(sent(player, usize::MAX).into_iter().eq((0..50).map(frame)));
            assert_eq!(to.tx.reclaim(), 63);
            assert_eq!((own.available(), other.available()), (256 - 64, 100));
        }
    }
}

/// Each packet is sent and its buffer reclaimed before the pool changes: what a ring notes of such pools must not pile up.
#[test]
fn gives_each_buffer_back_to_its_own_pool_after_many_changes() {
    let mut a = Plain::start(Addresses::Identity, &small());
    let pools = [pool(&a), Pool::new(a.0.platform(), 64, BUFFER).unwrap()];
    a.0.attach(&pools[1]).unwrap();
    let free = pools.each_ref().map(Pool::available);
    let (mut to, player) = pair(&mut a);
    let mut batch = Batch::with_capacity(8);
    for number in 0..3 * 64 {
        batch.push(packet(&pools[number % 2], &frame(number))).unwrap();
        assert_eq!(to.tx.transmit(&mut batch).unwrap(), 1);
        assert_eq!(sent(player, usize::MAX), [frame(number)]);
        to.tx.reclaim();
        assert_eq!(pools.each_ref().map(Pool::available), free);
    }
    for round in 0..3 {
        for number in 0..8 {
            batch.push(packet(&pools[number % 2], &frame(number))).unwrap();
        }
        assert_eq!(to.tx.transmit(&mut batch).unwrap(), 8);
        assert!(sent(player, usize::MAX).into_iter().eq((0..8).map(frame)));
        to.tx.reclaim();
        assert_eq!(pools.each_ref().map(Pool::available), free, "round {round}");
    }
    // Each free buffer is there once.
    for (pool, free) in pools.iter().zip(free) {
        let mut packets: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(packets.len(), free);
        packets.iter_mut().enumerate().for_each(|(n, packet)| packet.extend_from_slice(&[n as u8; 60]).unwrap());
        assert!(packets.iter().enumerate().all(|(n, packet)| packet.iter().all(|byte| *byte == n as u8)));
    }
}

#[test]
fn does_not_trust_lengths() {
    let mut a = Plain::start(Addresses::Identity, &small());
    let pool = pool(&a);
    let (mut from, player) = pair(&mut a);
    let mut batch = Batch::with_capacity(64);
    for wrong in [0, BUFFER as u16 + 1, u16::MAX] {
        for before in [0, 3, 8, 20] {
            (0..before).for_each(|number| assert!(player.arrive(&frame(number))));
            assert!(player.fill(&[], wrong, true) && player.fill(&[], wrong, false) && player.arrive(&frame(1)));
            (0..9).for_each(|number| assert!(player.arrive(&frame(number))));
            assert_eq!(from.rx.receive(&mut batch), before + 9);
            assert!(batch.iter().map(|packet| packet.to_vec()).eq((0..before).chain(0..9).map(frame)));
            batch.clear();
        }
    }
    assert!(player.fill(&[3; BUFFER], BUFFER as u16, true));
    assert_eq!((from.rx.receive(&mut batch), batch[0].len()), (1, BUFFER));
    batch.clear();
    let drops = from.rx.drops();
    assert_eq!((drops.bad_length, drops.long, drops.no_buffer), (24, 0, 0));
    drop(a.0.stop().unwrap());
    assert_eq!(pool.available(), pool.capacity());
}

#[test]
fn forwards_frames_of_several_segments() {
    for addresses in BOTH {
        let config = small().max_frame(9018).buffer_size(BUFFER);
        let mut a = Plain::start(addresses, &config);
        let mut b = Plain::start(addresses, &config);
        let pool = pool(&a);
        b.0.attach(&pool).unwrap();
        for round in 0..50 {
            let ((mut from, player_a), (mut to, player_b)) = (pair(&mut a), pair(&mut b));
            let mut batch = Batch::with_capacity(64);
            let long = [vec![1; BUFFER], vec![2; BUFFER], vec![3; round + 1]];
            assert!(player_a.arrive(&frame(round)));
            for segment in &long[..2] {
                assert!(player_a.fill(segment, BUFFER as u16, false));
                assert_eq!(from.rx.receive(&mut batch), usize::from(batch.len() == 1 && segment[0] == 1));
            }
            assert!(player_a.arrive(&long[2]) && player_a.arrive(&frame(round + 1)));
            assert_eq!(from.rx.receive(&mut batch), 2);
            assert!(batch[1].segments().eq(long.iter().map(Vec::as_slice)));
            assert_eq!((batch[1].segment_count(), batch[1].len()), (3, 2 * BUFFER + round + 1));
            assert_eq!(to.tx.transmit(&mut batch).unwrap(), 3);
            assert_eq!(sent(player_b, usize::MAX), [frame(round), long.concat(), frame(round + 1)]);
        }
        assert_eq!(pair(&mut b).0.tx.reclaim(), 63);
        drop(a.0.stop().unwrap());
        drop(b.0.stop().unwrap());
        assert_eq!(pool.available(), pool.capacity());
    }
}

/// The bits of transmit descriptors for the end of a packet, and for a report.
const EOP: u64 = 1 << 24;
const RS: u64 = 1 << 27;

/// The second word of a transmit descriptor.
fn commands(player: &Player, index: usize) -> u64 {
    let [_, ring] = player.rings().0;
    // SAFETY: the ring has more descriptors, whose words are atomics.
    unsafe { AtomicU64::from_ptr(ring.add(index).cast::<u64>().add(1)) }.load(Ordering::Relaxed)
}

#[test]
fn requests_no_report_in_the_midst_of_a_packet() {
    for before in 0..70 {
        for size in [1, 70] {
            let config = small().max_frame(9018).buffer_size(BUFFER).tx_descriptors(256);
            let mut a = Plain::start(Addresses::Identity, &config);
            let pool = pool(&a);
            let (mut queue, player) = pair(&mut a);
            let mut batch = Batch::with_capacity(size);
            for number in 0..before {
                batch.push(packet(&pool, &frame(number))).unwrap();
                if batch.is_full() {
                    queue.tx.transmit(&mut batch).unwrap();
                }
            }
            batch.push(pool.take_copy(&[1; 4 * BUFFER]).unwrap()).unwrap();
            queue.tx.transmit(&mut batch).unwrap();
            let mut run = 0;
            for index in 0..before + 4 {
                let word = commands(player, index);
                assert!(word & RS == 0 || word & EOP != 0, "a report at {index} of {before} and 4");
                run = if word & RS == 0 { run + 1 } else { 0 };
                assert!(run < 40, "{run} without a report");
            }
            assert_eq!((sent(player, usize::MAX).len(), queue.tx.reclaim()), (before + 1, 255));
        }
    }
}

/// A packet of two segments waits for a ring with room for one, which goes on when the device has sent.
#[test]
fn a_packet_of_several_segments_finds_the_room_that_there_is() {
    let mut a = Plain::start(Addresses::Identity, &small().max_frame(9018).buffer_size(BUFFER));
    let pool = pool(&a);
    let (mut queue, player) = pair(&mut a);
    let mut batch = Batch::with_capacity(1);
    for number in 0..62 {
        batch.push(packet(&pool, &frame(number))).unwrap();
        assert_eq!(queue.tx.transmit(&mut batch).unwrap(), 1);
    }
    batch.push(pool.take_copy(&[1; 2 * BUFFER]).unwrap()).unwrap();
    for _ in 0..3 {
        assert_eq!(queue.tx.transmit(&mut batch).unwrap(), 0);
    }
    assert_eq!(sent(player, usize::MAX).len(), 62);
    assert_eq!(queue.tx.transmit(&mut batch).unwrap(), 1);
    assert_eq!(sent(player, usize::MAX), [[1; 2 * BUFFER]]);
}

#[test]
fn drops_long_frames_where_they_are_not_wanted() {
    let mut a = Plain::start(Addresses::Identity, &small().long_frames(LongFrames::Drop));
    let (mut from, player) = pair(&mut a);
    let mut batch = Batch::with_capacity(64);
    for _ in 0..40 {
        assert!(
            player.fill(&[1; BUFFER], BUFFER as u16, false) && player.arrive(&frame(1)) && player.arrive(&frame(2))
        );
        assert_eq!((from.rx.receive(&mut batch), &*batch[0]), (1, &*frame(2)));
        batch.clear();
    }
    assert_eq!(from.rx.drops().long, 40);
    // No frame has 17 segments; what follows is received again.
    for end in [false; 17].into_iter().chain([true, true]) {
        assert!(player.fill(&[1; 100], 100, end));
    }
    assert_eq!((from.rx.receive(&mut batch), batch[0].len()), (1, 100));
}

#[test]
fn packets_outlive_the_device_and_the_handles_of_their_pool() {
    let mut a = Plain::start(Addresses::Identity, &small());
    let (mut from, player) = pair(&mut a);
    let mut batch = Batch::with_capacity(4);
    (0..4).for_each(|number| assert!(player.arrive(&frame(number))));
    assert_eq!(from.rx.receive(&mut batch), 4);
    drop(a);
    let packets: Vec<_> = batch.drain(..).collect();
    for (number, packet) in packets.into_iter().enumerate() {
        assert!(*packet == *frame(number));
    }
}

/// Two ports, and a third whose output is used too.
fn three(addresses: Addresses) -> [Port; 3] {
    [(); 3].map(|()| Plain::start(addresses, &small()))
}

/// Stops all, and makes sure that every buffer has come home.
fn all_home(ports: impl IntoIterator<Item = Port>) {
    let ports: Vec<_> = ports.into_iter().collect();
    let pools: Vec<_> = ports.iter().map(pool).collect();
    ports.into_iter().for_each(|(device, _)| drop(device.stop().unwrap()));
    for pool in pools {
        assert_eq!(pool.available(), pool.capacity());
    }
}

#[test]
fn forwards_in_place_with_batches_of_every_size() {
    for addresses in BOTH {
        let [mut a, mut b, _] = three(addresses);
        let (mut arrived, mut seen, mut expected) = (0, 0, 0);
        for size in (1..=70).chain([3, 1, 64, 2, 33, 31, 32]) {
            let ((mut from, player_a), (mut to, player_b)) = (pair(&mut a), pair(&mut b));
            while arrived < seen + size && player_a.arrive(&frame(arrived)) {
                arrived += 1;
            }
            let mut ports = InPlaceForwarder::new(&mut from.rx, std::slice::from_mut(&mut to.tx)).unwrap();
            let before = seen;
            let ForwardCounts { sent: out, dropped, .. } = ports.forward(size, |packet| {
                assert!(*packet == frame(seen), "packet {seen} has changed");
                packet[3] ^= 1;
                seen += 1;
                if seen % 5 == 0 { Route::Drop } else { Route::Output(0) }
            });
            assert!(seen > before && seen - before <= size && out + dropped == seen - before);
            for bytes in sent(player_b, usize::MAX) {
                expected += usize::from(expected % 5 == 4);
                let mut changed = frame(expected);
                changed[3] ^= 1;
                assert!(bytes == changed, "frame {expected} is wrong");
                expected += 1;
            }
        }
        assert!(seen > 15 * 64 && expected + 1 >= seen);
        assert_eq!(pair(&mut a).0.rx.drops().bad_length, 0);
        all_home([a, b]);
    }
}

#[test]
fn forwards_in_place_to_several_outputs() {
    for addresses in BOTH {
        let [mut a, mut b, mut c] = three(addresses);
        let (mut arrived, mut seen, mut out, mut dropped) = (0, 0, [vec![], vec![]], 0);
        for round in 0..200 {
            let (mut from, player_a) = pair(&mut a);
            let ((to_b, player_b), (to_c, player_c)) = (pair(&mut b), pair(&mut c));
            for _ in 0..round % 40 {
                arrived += usize::from(player_a.arrive(&frame(arrived)));
            }
            let mut outputs = [to_b.tx, to_c.tx];
            let forwarded = InPlaceForwarder::new(&mut from.rx, &mut outputs).unwrap().forward(32, |packet| {
                assert!(*packet == frame(seen), "packet {seen} has changed, or was seen twice");
                seen += 1;
                // Long runs and short ones, and an output that there is not.
                Route::Output(if seen % 50 < 20 { 0 } else { seen % 3 })
            });
            dropped += forwarded.dropped;
            out[0].extend(sent(player_b, usize::MAX));
            out[1].extend(sent(player_c, usize::MAX));
        }
        let route = |seen: usize| if (seen + 1) % 50 < 20 { 0 } else { (seen + 1) % 3 };
        for (output, frames) in out.iter().enumerate() {
            assert!((0..seen).filter(|seen| route(*seen) == output).map(frame).eq(frames.iter().cloned()));
        }
        assert!(seen > 2000 && dropped == (0..seen).filter(|seen| route(*seen) == 2).count());
        all_home([a, b, c]);
    }
}

/// An output that stands still, as that of a pulled cable does, costs the others nothing.
#[test]
fn in_place_an_output_without_room_does_not_stop_the_others() {
    for addresses in BOTH {
        for still in 0..2 {
            let [mut a, mut b, mut c] = three(addresses);
            let (mut arrived, mut seen, mut out) = (0, 0, vec![]);
            let mut all = ForwardCounts::default();
            for round in 0..300 {
                let (mut from, player_a) = pair(&mut a);
                let ((to_b, player_b), (to_c, player_c)) = (pair(&mut b), pair(&mut c));
                for _ in 0..1 + round % 40 {
                    arrived += usize::from(player_a.arrive(&frame(arrived)));
                }
                let mut outputs = [to_b.tx, to_c.tx];
                let forwarded = InPlaceForwarder::new(&mut from.rx, &mut outputs).unwrap().forward(64, |packet| {
                    assert!(*packet == frame(seen), "packet {seen} has changed, or was seen twice");
                    seen += 1;
                    Route::Output(match seen % 10 {
                        0..4 => still,
                        9 => 7,
                        _ => 1 - still,
                    })
                });
                all.sent += forwarded.sent;
                all.dropped += forwarded.dropped;
                all.no_room += forwarded.no_room;
                out.extend(sent([player_b, player_c][1 - still], usize::MAX));
            }
            let to = |digits: std::ops::Range<usize>| move |seen: &usize| digits.contains(&((seen + 1) % 10));
            assert_eq!((seen, seen > 5000), (arrived, true), "nothing is left waiting");
            let others: Vec<_> = (0..seen).filter(to(4..9)).collect();
            assert!(others.iter().map(|seen| frame(*seen)).eq(out.iter().cloned()), "output {}", 1 - still);
            // The ring of the one that stands still is full; what found no room there is counted.
            let for_still = (0..seen).filter(to(0..4)).count();
            assert_eq!((all.sent, all.no_room), (others.len() + 63, for_still - 63));
            assert_eq!(all.dropped, (0..seen).filter(to(9..10)).count());
            // It goes on as soon as there is room.
            let ((mut from, player_a), (to_b, player_b), (to_c, player_c)) = (pair(&mut a), pair(&mut b), pair(&mut c));
            assert_eq!(sent([player_b, player_c][still], usize::MAX).len(), 63);
            assert!(player_a.arrive(&frame(arrived)));
            let mut outputs = [to_b.tx, to_c.tx];
            let forwarded =
                InPlaceForwarder::new(&mut from.rx, &mut outputs).unwrap().forward(64, |_| Route::Output(still));
            assert_eq!(forwarded, ForwardCounts { sent: 1, dropped: 0, ..ForwardCounts::default() });
            all_home([a, b, c]);
        }
    }
}

#[test]
fn without_an_output_all_packets_are_dropped() {
    let [mut a, b, c] = three(BOTH[0]);
    let mut seen = 0;
    {
        let (mut from, player) = pair(&mut a);
        for number in 0..200 {
            assert!(player.arrive(&frame(number)));
            let forwarded = InPlaceForwarder::new(&mut from.rx, &mut []).unwrap().forward(64, |packet| {
                assert!(*packet == frame(seen));
                seen += 1;
                [Route::Output(0), Route::Drop][number % 2]
            });
            assert_eq!(forwarded, ForwardCounts { sent: 0, dropped: 1, ..ForwardCounts::default() });
        }
    }
    assert_eq!(seen, 200);
    all_home([a, b, c]);
}

#[test]
fn in_place_does_not_trust_what_was_written_back() {
    let [mut a, mut b, _] = three(Addresses::Identity);
    for wrong in [0, BUFFER as u16 + 1, u16::MAX] {
        for before in [0, 3, 8, 20] {
            let ((mut from, player_a), (mut to, player_b)) = (pair(&mut a), pair(&mut b));
            // What was sent before comes back with a call.
            let mut ports = InPlaceForwarder::new(&mut from.rx, std::slice::from_mut(&mut to.tx)).unwrap();
            assert_eq!(ports.forward(0, |_| Route::Drop), ForwardCounts::default());
            (0..before).for_each(|number| assert!(player_a.arrive(&frame(number))));
            assert!(player_a.fill(&[], wrong, true) && player_a.fill(&[], wrong, false) && player_a.arrive(&frame(1)));
            // Good in itself, but longer than the output's frames; and a frame of two buffers.
            assert!(player_a.fill(&[1; BUFFER], BUFFER as u16, true));
            assert!(player_a.fill(&[1; BUFFER], BUFFER as u16, false) && player_a.fill(&[2; 9], 9, true));
            (0..9).for_each(|number| assert!(player_a.arrive(&frame(number))));
            let mut ports = InPlaceForwarder::new(&mut from.rx, std::slice::from_mut(&mut to.tx)).unwrap();
            let forwarded = ports.forward(usize::MAX, |_| Route::Output(0));
            assert_eq!(forwarded, ForwardCounts { sent: before + 9, dropped: 2, ..ForwardCounts::default() });
            assert!(sent(player_b, usize::MAX).into_iter().eq((0..before).chain(0..9).map(frame)));
        }
    }
    assert_eq!(pair(&mut a).0.rx.drops().bad_length, 24);
    all_home([a, b]);
}

/// What a block that came in whole and had a whole one to go to becomes when one of its packets does not go there.
#[test]
fn blocks_that_are_passed_on_end_early() {
    const COUNT: usize = 40;
    for (addresses, odd) in BOTH.into_iter().flat_map(|addresses| (0..COUNT).map(move |odd| (addresses, odd))) {
        let (left, right) = ((0..odd).map(frame), (odd + 1..COUNT).map(frame));
        for what in ["dropped", "sent elsewhere", "wrong", "not there"] {
            let [mut a, mut b, mut c] = three(addresses);
            let (mut from, player_a) = pair(&mut a);
            let ((to_b, player_b), (to_c, player_c)) = (pair(&mut b), pair(&mut c));
            let mut outputs = [to_b.tx, to_c.tx];
            let outputs = if what == "sent elsewhere" { &mut outputs[..] } else { &mut outputs[..1] };
            for number in 0..COUNT {
                match what {
                    "wrong" if number == odd => assert!(player_a.fill(&[0; 13], 13, true)),
                    "not there" if number == odd => break,
                    _ => assert!(player_a.arrive(&frame(number))),
                }
            }
            let mut seen = 0;
            let mut ports = InPlaceForwarder::new(&mut from.rx, outputs).unwrap();
            let forwarded = ports.forward(COUNT, |packet| {
                seen += 1;
                match packet == frame(odd) {
                    true if what == "dropped" => Route::Drop,
                    is_odd => Route::Output(usize::from(is_odd && what == "sent elsewhere")),
                }
            });
            let (all, after) = match what {
                "dropped" | "sent elsewhere" => (COUNT, COUNT),
                "wrong" => (COUNT - 1, COUNT),
                _ => (odd, odd),
            };
            assert_eq!((seen, forwarded.sent + forwarded.dropped), (all, after), "{odd} is {what}");
            let to_c: Vec<_> = (what == "sent elsewhere").then(|| frame(odd)).into_iter().collect();
            assert!(sent(player_c, usize::MAX) == to_c, "{odd} is {what}");
            let expected = left.clone().chain(right.clone().take(if what == "not there" { 0 } else { COUNT }));
            assert!(sent(player_b, usize::MAX).into_iter().eq(expected), "{odd} is {what}");
            all_home([a, b, c]);
        }
    }
}

#[test]
fn a_packet_whose_routing_panics_is_seen_again() {
    // 32 are a whole block.
    for count in [20, 32] {
        routing_panics(count);
    }
}

/// Else a long packet behind it could make more descriptors without RS than the device takes.
#[test]
fn what_a_panic_left_is_reported_before_more_is_sent() {
    for left in [1, 8, 31] {
        let [mut a, mut b, _] = three(Addresses::Identity);
        let own = pool(&b);
        let ((mut from, player_a), (mut to, player_b)) = (pair(&mut a), pair(&mut b));
        (0..=left).for_each(|number| assert!(player_a.arrive(&frame(number))));
        let mut ports = InPlaceForwarder::new(&mut from.rx, std::slice::from_mut(&mut to.tx)).unwrap();
        let mut seen = 0;
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            ports.forward(left + 1, |_| {
                if seen == left {
                    std::panic::resume_unwind(Box::new(()));
                }
                seen += 1;
                Route::Output(0)
            })
        }));
        assert!(panicked.is_err());
        let mut batch = Batch::with_capacity(2);
        (0..2).for_each(|number| batch.push(packet(&own, &frame(number))).unwrap());
        assert_eq!(to.tx.transmit(&mut batch).unwrap(), 2);
        assert!(commands(player_b, left - 1) & RS != 0, "the last of {left} that a panic left");
        assert_eq!(sent(player_b, usize::MAX).len(), left + 2);
        all_home([a, b]);
    }
}

/// Also if the next packet is sent on its own, where the device would stop: at 40 descriptors without RS.
#[test]
fn what_a_panic_left_is_reported_in_runs() {
    let mut a = Plain::start(Addresses::Identity, &small());
    let mut b = Plain::start(Addresses::Identity, &small().tx_descriptors(1024).pool_buffers(2048));
    let home = pool(&a);
    let ((mut from, player_a), (mut to, player_b)) = (pair(&mut a), pair(&mut b));
    (0..50).for_each(|number| assert!(player_a.arrive(&frame(number))));
    let mut ports = InPlaceForwarder::new(&mut from.rx, std::slice::from_mut(&mut to.tx)).unwrap();
    let mut seen = 0;
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        ports.forward_with(50, WhenFull::Drop, |_| {
            if seen == 45 {
                std::panic::resume_unwind(Box::new(()));
            }
            seen += 1;
            Route::Output(0)
        })
    }));
    assert!(panicked.is_err());
    let mut batch = Batch::with_capacity(1);
    batch.push(packet(&home, &frame(45))).unwrap();
    assert_eq!(to.tx.transmit(&mut batch).unwrap(), 1);
    let reported: Vec<usize> = (0..46).filter(|index| commands(player_b, *index) & RS != 0).collect();
    assert_eq!(reported, [31, 45]);
    assert!(sent(player_b, usize::MAX).into_iter().eq((0..46).map(frame)));
    all_home([a, b]);
}

/// The device learns of the buffers that came home in a call that a panic ended, whatever is called next.
#[test]
fn what_came_home_before_a_panic_is_announced() {
    for outputs in 1..=2 {
        let [_, mut b, mut c] = three(Addresses::Identity);
        let mut a = Plain::start(Addresses::Identity, &small().pool_buffers(96));
        let home = pool(&a);
        let ((mut from, player_a), (to, player_b)) = (pair(&mut a), pair(&mut b));
        let mut tx = [to.tx, pair(&mut c).0.tx];
        let held: Vec<Packet> = std::iter::from_fn(|| home.take()).collect();
        // The short one is skipped, so that the next call looks for buffers before it shows the last.
        (0..63).for_each(|number| assert!(player_a.fill(&frame(0), if number == 61 { 5 } else { 60 }, true)));
        let mut ports = InPlaceForwarder::new(&mut from.rx, &mut tx[..outputs]).unwrap();
        assert_eq!(ports.forward(61, |_| Route::Output(0)).sent, 61);
        assert_eq!((sent(player_b, usize::MAX).len(), player_a.room()), (61, 0));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            ports.forward(62, |_| std::panic::resume_unwind(Box::new(())))
        }));
        assert!(panicked.is_err());
        let mut batch = Batch::with_capacity(64);
        assert_eq!(from.rx.receive(&mut batch), 1);
        assert!(player_a.room() > 32, "the device has {} buffers", player_a.room());
        drop((held, batch));
        all_home([a, b, c]);
    }
}

fn routing_panics(count: usize) {
    let [mut a, mut b, _] = three(Addresses::Identity);
    for round in 0..100 {
        let ((mut from, player_a), (mut to, player_b)) = (pair(&mut a), pair(&mut b));
        (0..count).for_each(|number| assert!(player_a.arrive(&frame(number))));
        let mut ports = InPlaceForwarder::new(&mut from.rx, std::slice::from_mut(&mut to.tx)).unwrap();
        let mut seen = 0;
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            ports.forward(count, |packet| {
                assert!(*packet == frame(seen));
                // Not by the hook, which would print.
                if seen == round % count {
                    std::panic::resume_unwind(Box::new(()));
                }
                seen += 1;
                Route::Output(0)
            })
        }));
        assert!(panicked.is_err());
        // What was passed on before has not been told of; nor is it lost, or sent twice.
        assert_eq!(sent(player_b, usize::MAX).len(), 0);
        std::mem::forget(ports);
        let mut ports = InPlaceForwarder::new(&mut from.rx, std::slice::from_mut(&mut to.tx)).unwrap();
        let forwarded = ports.forward(count, |_| Route::Output(0));
        assert_eq!(forwarded.sent, count - round % count);
        assert!(sent(player_b, usize::MAX).into_iter().eq((0..count).map(frame)));
    }
    all_home([a, b]);
}

/// What one call skips last leaves nothing behind that stops a queue which then receives.
#[test]
fn receives_after_a_packet_was_skipped_in_place() {
    for (skipped, route) in [(vec![1; 5], Route::Output(0)), (frame(0), Route::Outputs(1))] {
        let [mut a, mut b, mut c] = three(Addresses::Identity);
        let ((mut from, player_a), (to_b, _), (to_c, _)) = (pair(&mut a), pair(&mut b), pair(&mut c));
        assert!(player_a.arrive(&skipped));
        let mut tx = [to_b.tx, to_c.tx];
        let forwarded = InPlaceForwarder::new(&mut from.rx, &mut tx).unwrap().forward(1, |_| route);
        assert_eq!(forwarded.sent + forwarded.dropped, 1);
        (0..5).for_each(|number| assert!(player_a.arrive(&frame(number))));
        let mut batch = Batch::with_capacity(8);
        assert_eq!(from.rx.receive(&mut batch), 5);
        assert!(batch.iter().enumerate().all(|(number, packet)| **packet == frame(number)));
    }
}

/// Also where a whole block could go.
#[test]
fn in_place_passes_on_no_more_than_was_asked_for() {
    for outputs in 1..=2 {
        for most in 0..40 {
            let [mut a, mut b, mut c] = three(Addresses::Identity);
            let (mut from, player_a) = pair(&mut a);
            let ((to_b, player_b), (to_c, _)) = (pair(&mut b), pair(&mut c));
            (0..40).for_each(|number| assert!(player_a.arrive(&frame(number))));
            let mut tx = [to_b.tx, to_c.tx];
            let forwarded =
                InPlaceForwarder::new(&mut from.rx, &mut tx[..outputs]).unwrap().forward(most, |_| Route::Output(0));
            assert_eq!(forwarded, ForwardCounts { sent: most, dropped: 0, ..ForwardCounts::default() }, "to {outputs}");
            assert!(sent(player_b, usize::MAX).into_iter().eq((0..most).map(frame)));
        }
    }
}

#[test]
fn in_place_waits_for_room() {
    let [mut a, mut b, _] = three(Addresses::Identity);
    let ((mut from, player_a), (mut to, player_b)) = (pair(&mut a), pair(&mut b));
    let mut ports = InPlaceForwarder::new(&mut from.rx, std::slice::from_mut(&mut to.tx)).unwrap();
    let (mut arrived, mut out) = (0, vec![]);
    for _ in 0..5 {
        while player_a.arrive(&frame(arrived)) {
            arrived += 1;
        }
        ports.forward(1000, |_| Route::Output(0));
    }
    assert_eq!(ports.forward(1000, |_| Route::Output(0)), ForwardCounts::default());
    assert!(arrived > 63);
    for _ in 0..10 {
        out.extend(sent(player_b, 40));
        ports.forward(1000, |_| Route::Output(0));
    }
    assert!(out.into_iter().eq((0..arrived).map(frame)));
    // What was sent is taken back when it is needed, or asked for.
    assert_eq!(to.tx.reclaim(), 63);
    let mut ports = InPlaceForwarder::new(&mut from.rx, std::slice::from_mut(&mut to.tx)).unwrap();
    // What the other port sends still is alive when this one is stopped.
    (0..30).for_each(|number| assert!(player_a.arrive(&frame(number))));
    assert_eq!(ports.forward(1000, |_| Route::Output(0)).sent, 30);
    let home = pool(&a);
    drop(a.0.stop().unwrap());
    assert_eq!(home.available(), home.capacity() - 30);
    assert!(sent(&mut b.1, usize::MAX).into_iter().eq((0..30).map(frame)));
    drop(b.0.stop().unwrap());
    assert_eq!(home.available(), home.capacity());
}

#[test]
fn forwarding_in_place_breaks_no_rule_of_the_model() {
    let ports = [0, 1].map(|lan_id| Model::new(PortConfig { lan_id, ..PortConfig::default() }));
    let (generator, sink) = (Generator::new([2; 6], 60).count(3000).lossless(), Sink::new());
    let received = sink.counters();
    ports[0].plug(Duplex::new(generator, NoTraffic));
    ports[1].plug(Duplex::new(NoTraffic, sink));
    let config = small().promiscuous(true);
    let [mut a, mut b] = [0, 1].map(|n: usize| {
        let nic = Device::new(ports[n].claim().unwrap()).reset(&config).unwrap();
        nic.wait_for_link(Duration::from_secs(1)).unwrap().start().unwrap()
    });
    let (mut seen, mut sent) = (0, 0);
    for round in 0..100_000 {
        ports.iter().for_each(|port| _ = port.step());
        let (mut from, mut to) = (a.split().1.remove(0), b.split().1.remove(0));
        let mut forwarder = InPlaceForwarder::new(&mut from.rx, std::slice::from_mut(&mut to.tx)).unwrap();
        sent += forwarder
            .forward(round % 40, |_| {
                seen += 1;
                if seen % 7 == 0 { Route::Drop } else { Route::Output(0) }
            })
            .sent;
        if seen == 3000 {
            break;
        }
    }
    assert_eq!((seen, sent), (3000, 3000 - 3000 / 7));
    ports.iter().for_each(|port| _ = port.run_until_idle(10_000));
    let pools: Vec<Pool> = a.pools().chain(b.pools()).cloned().collect();
    a.stop().unwrap();
    b.stop().unwrap();
    assert!(pools.iter().all(|pool| pool.available() == pool.capacity()));
    assert_eq!(received.frames(), sent as u64);
    assert!(ports.iter().all(|port| port.violations().is_empty()), "{:?}", ports.each_ref().map(Model::violations));
}
