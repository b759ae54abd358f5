//! Packets that a device has, where what drivers say of them is wrong: no buffer is lost or is in two places.

mod common;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::port;
use ixgbe::packet::{Batch, Packet, PostedBuffers, PostedPackets};
use ixgbe::pool::{Attachment, Pool};
use ixgbe_sim::Port;

/// Bytes that a device writes in front of a frame.
const SKIP: usize = 12;
/// Bytes that a device reads in front of a frame.
const HEADER: [u8; SKIP] = [3; SKIP];

fn pool(count: usize) -> (Port, Pool, Attachment) {
    let port = port(0);
    let pool = Pool::new(&port, count, 2048).unwrap();
    let attachment = Attachment::new(&port, &pool).unwrap();
    (port, pool, attachment)
}

/// Makes a packet of some segments.
fn packet(pool: &Pool, segments: usize) -> Packet {
    let mut packet = pool.take_copy(&[7; 60]).unwrap();
    for _ in 1..segments {
        packet.append_segment(pool.take_copy(&[8; 60]).unwrap()).unwrap();
    }
    packet
}

/// Panics, without a message, as a closure of a driver that has an error.
fn fail() -> ! {
    std::panic::resume_unwind(Box::new("the closure fails"))
}

/// A device that polls takes what it is shown at once, and writes over it when it is done. So nothing is shown again.
#[test]
fn each_packet_is_shown_once_and_in_order() {
    let (_port, pool, attachment) = pool(64);
    for before in 0..32 {
        let mut posted = PostedPackets::new(32);
        let mut batch = Batch::with_capacity(32);
        for number in 0..32 {
            // One of two segments is unlike the others.
            batch.push(packet(&pool, if number == before { 2 } else { 1 })).unwrap();
        }
        let mut shown = vec![];
        let mut leaving = batch.leaving();
        let show = |number, id, _, len| shown.push((number, id, len));
        let (ids, bytes) = posted.post_alike(&mut leaving, &attachment, (32, 1514), &HEADER, show);
        let expected: Vec<_> = (0..before).map(|number| (number, number, 72)).collect();
        assert_eq!((ids.len(), bytes), (before, 60 * before as u64));
        assert_eq!(shown, expected);
        drop(leaving);
        assert_eq!(batch.len(), 32 - before);
    }
    assert_eq!(pool.available(), 64);
    let mut buffers = PostedBuffers::new(attachment, 31);
    let mut shown = vec![];
    assert_eq!(buffers.post(30, |number, id, _| shown.push((number, id))).len(), 30);
    assert_eq!(shown, (0..30).map(|number| (number, number)).collect::<Vec<_>>());
}

#[test]
fn closures_that_panic_lose_nothing() {
    for at in 0..20 {
        let (_port, pool, attachment) = pool(64);
        let mut posted = PostedPackets::new(32);
        let mut batch = Batch::with_capacity(32);
        (0..20).for_each(|_| batch.push(packet(&pool, 1)).unwrap());
        catch_unwind(AssertUnwindSafe(|| {
            let show = |number, _, _, _| {
                if number == at {
                    fail()
                }
            };
            _ = posted.post_alike(&mut batch.leaving(), &attachment, (32, 1514), &HEADER, show);
        }))
        .unwrap_err();
        assert_eq!((batch.len(), pool.available()), (20, 44), "the packets are where they were");
        let (ids, _) = posted.post_alike(&mut batch.leaving(), &attachment, (32, 1514), &HEADER, |_, _, _, _| {});
        assert_eq!(ids.len(), 20);
        catch_unwind(AssertUnwindSafe(|| posted.reclaim((32, 32), |number, _, _| number != at || fail()))).unwrap_err();
        assert_eq!(pool.available(), 44);
        assert_eq!(posted.reclaim((32, 32), |_, _, _| true), (20, 20));
        assert_eq!(pool.available(), 64);

        let several = packet(&pool, 20);
        let show = |id, _, _| {
            if usize::from(id) == at {
                fail()
            }
        };
        let mut posted = PostedPackets::new(20);
        catch_unwind(AssertUnwindSafe(|| posted.post(several, &attachment, None, show))).unwrap_err();
        assert_eq!((format!("{posted:?}").as_str(), pool.available()), ("PostedPackets(0 of 20)", 64));

        let mut buffers = PostedBuffers::new(attachment, 32);
        let show = |number, _, _| {
            if number == at {
                fail()
            }
        };
        catch_unwind(AssertUnwindSafe(|| buffers.post(20, show).len())).unwrap_err();
        assert_eq!(pool.available(), 44);
        let look = |number, _| if number == at { fail() } else { Some(72) };
        // SAFETY: 72 bytes are a header and a frame, and `Ok` has the packet.
        let received = || unsafe { buffers.receive(&mut batch, 32, look, |packet, _: &[u8; SKIP]| Ok(packet)) };
        catch_unwind(AssertUnwindSafe(received)).unwrap_err();
        assert_eq!((batch.len(), pool.available()), (0, 44), "the buffers are where they were");
        // SAFETY: as above.
        let received = unsafe { buffers.receive(&mut batch, 32, |_, _| Some(72), |packet, _: &[u8; SKIP]| Ok(packet)) };
        assert_eq!(received, (20, 20 * 60));
        drop((batch, buffers));
        assert_eq!(pool.available(), 64);
    }
}

/// The answers change from call to call, also about the same buffer.
#[test]
fn answers_that_change_lose_nothing() {
    let seed = Cell::new(3u64);
    let random = |below: usize| {
        seed.set(seed.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
        (seed.get() >> 33) as usize % below
    };
    for size in [0, 1, 3, 8, 33, 65535] {
        let (port, first, attachment) = pool(48);
        let other = Pool::new(&port, 48, 2048).unwrap();
        let others = Attachment::new(&port, &other).unwrap();
        let mut buffers = PostedBuffers::new(Attachment::new(&port, &first).unwrap(), size);
        let mut posted = PostedPackets::new(size);
        let mut batch = Batch::with_capacity(40);
        // The ids of each packet.
        let packets = RefCell::new(Vec::<Vec<usize>>::new());
        for _ in 0..3000 {
            match random(10) {
                0 => _ = buffers.post(random(40), |_, _, _| {}),
                1 => {
                    let look = |_, _| (random(9) > 0).then(|| 26 + random(2048 - 25) as u64);
                    let before = batch.len();
                    let enter = |packet, _: &[u8; SKIP]| if random(9) > 0 { Ok(packet) } else { Err(packet) };
                    // SAFETY: these are 26 to 2048 bytes, and `enter` returns the packet.
                    let (count, bytes) = unsafe { buffers.receive(&mut batch, random(40), look, enter) };
                    assert_eq!(batch.len(), before + count);
                    assert_eq!(bytes, batch[before..].iter().map(|packet| packet.len() as u64).sum());
                }
                2 => {
                    if let Some(packet) = buffers.take(random(usize::from(size) + 2) as u16) {
                        assert_eq!((packet.len(), packet.headroom()), (0, 128));
                    }
                }
                3 | 4 => {
                    let (attachment, most) = (if random(2) == 0 { &attachment } else { &others }, random(40));
                    let show = |_, id, _, _| packets.borrow_mut().push(vec![id]);
                    let limits = (most, random(2048) as u16);
                    let before = packets.borrow().len();
                    let (ids, _) = posted.post_alike(&mut batch.leaving(), attachment, limits, &HEADER, show);
                    assert!(ids.iter().map(|id| vec![usize::from(*id)]).eq(packets.borrow()[before..].iter().cloned()));
                }
                5 => {
                    let (pool, attachment) = if random(2) == 0 { (&first, &attachment) } else { (&other, &others) };
                    if pool.available() > 3 {
                        let packet = packet(pool, 1 + random(3));
                        let segments = packet.segment_count();
                        let header = (random(3) == 0).then(|| (attachment.address_of(&packet).unwrap(), 12));
                        let (expected, mut ids) = (segments + usize::from(header.is_some()), vec![]);
                        let show = |id, _, len| {
                            assert_eq!(len, if header.is_some() && ids.is_empty() { 12 } else { 60 });
                            ids.push(usize::from(id));
                        };
                        match posted.post(packet, attachment, header, show) {
                            Ok(()) => {
                                assert_eq!(ids.len(), expected);
                                packets.borrow_mut().push(ids);
                            }
                            Err(packet) => {
                                assert_eq!((packet.segment_count(), ids.len()), (segments, 0));
                                _ = batch.push(packet);
                            }
                        }
                    }
                }
                6 => _ = batch.pop_front(),
                7 => {
                    let id = random(usize::from(size) + 2);
                    let at = packets.borrow().iter().position(|ids| ids[0] == id);
                    let expected = at.map(|at| packets.borrow_mut().swap_remove(at).len());
                    assert_eq!(posted.take(id as u16), expected);
                }
                8 => {
                    let (most, wanted) = (random(40), random(5));
                    let look = |number, _| {
                        assert!(number < most);
                        (random(9) > 0).then(|| 1 + random(2048) as u64)
                    };
                    // SAFETY: these are 1 to 2048 bytes.
                    if let Some((packet, _, len)) = unsafe { buffers.join(most, look, |_: &[u8; SKIP]| wanted) } {
                        assert!((2..=most).contains(&wanted));
                        assert_eq!((packet.segment_count(), packet.len() as u64), (wanted, len));
                        assert_eq!((packet.headroom(), packet.segments().count()), (128 + SKIP, wanted));
                        _ = batch.push(packet);
                    }
                }
                _ => {
                    let asked = RefCell::new(vec![]);
                    let most = (random(40), random(40));
                    let (count, all) = posted.reclaim(most, |number, before, id| {
                        let mut asked = asked.borrow_mut();
                        asked.truncate(number);
                        let ids = packets.borrow().iter().find(|ids| ids[0] == id).map(Vec::len);
                        assert!(number < most.0 && before < most.1 && number <= before);
                        assert_eq!(asked.iter().map(|(_, count)| count).sum::<usize>(), before);
                        asked.push((id, ids.expect("it is of a packet")));
                        random(9) > 0
                    });
                    let asked = &asked.borrow()[..count];
                    assert!(all <= most.1 && all == asked.iter().map(|(_, count)| count).sum());
                    packets.borrow_mut().retain(|ids| asked.iter().all(|(id, _)| ids[0] != *id));
                }
            }
            let expected = format!("PostedPackets({} of {size})", packets.borrow().iter().flatten().count());
            assert_eq!(format!("{posted:?}"), expected);
        }
        drop((batch, buffers, posted));
        assert_eq!((first.available(), other.available()), (48, 48), "size {size}");
    }
}

/// Packets keep their pool, whose handles are gone.
#[test]
fn packets_come_back_to_a_pool_that_nobody_has() {
    for segments in [1, 2] {
        for in_order in [true, false] {
            let (_port, pool, attachment) = self::pool(4);
            let mut posted = PostedPackets::new(4);
            (0..2).for_each(|_| posted.post(packet(&pool, segments), &attachment, None, |_, _, _| {}).unwrap());
            drop((pool, attachment));
            match in_order {
                true => assert_eq!(posted.reclaim((4, 4), |_, _, _| true), (2, 2 * segments)),
                false => assert_eq!([posted.take(segments as u16), posted.take(0)], [Some(segments); 2]),
            }
        }
    }
}
