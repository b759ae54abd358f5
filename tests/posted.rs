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
        let (ids, bytes) = posted.post_alike::<SKIP>(&mut leaving, &attachment, (32, 1514), |number, id, _, len| {
            shown.push((number, id, len));
        });
        let expected: Vec<_> = (0..before).map(|number| (number, number, 60)).collect();
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
            _ = posted.post_alike::<SKIP>(&mut batch.leaving(), &attachment, (32, 1514), show);
        }))
        .unwrap_err();
        assert_eq!((batch.len(), pool.available()), (20, 44), "the packets are where they were");
        let (ids, _) = posted.post_alike::<SKIP>(&mut batch.leaving(), &attachment, (32, 1514), |_, _, _, _| {});
        assert_eq!(ids.len(), 20);
        catch_unwind(AssertUnwindSafe(|| posted.reclaim(32, |number, _| number != at || fail()))).unwrap_err();
        assert_eq!(pool.available(), 44);
        assert_eq!(posted.reclaim(32, |_, _| true), 20);
        assert_eq!(pool.available(), 64);

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
        // Ids that are in use for packets, and for nothing.
        let (packets, mut reserved) = (RefCell::new(Vec::<usize>::new()), Vec::<u16>::new());
        for _ in 0..3000 {
            match random(9) {
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
                    let show = |_, id, _, _| packets.borrow_mut().push(id);
                    let limits = (most, random(2048) as u16);
                    let before = packets.borrow().len();
                    let (ids, _) = posted.post_alike::<SKIP>(&mut batch.leaving(), attachment, limits, show);
                    assert!(ids.iter().map(|id| usize::from(*id)).eq(packets.borrow()[before..].iter().copied()));
                }
                5 => {
                    let pool = if random(2) == 0 { &first } else { &other };
                    if pool.available() > 3 {
                        _ = batch.push(packet(pool, 1 + random(3)));
                        if let Some(packet) = batch.pop_front() {
                            match posted.post(packet) {
                                Ok(id) => packets.borrow_mut().push(id.into()),
                                Err(packet) => _ = batch.push(packet),
                            }
                        }
                    }
                }
                6 => reserved.extend(posted.reserve()),
                7 => {
                    let id = random(usize::from(size) + 2);
                    let at = packets.borrow().iter().position(|other| *other == id);
                    assert_eq!(posted.take(id as u16).is_some(), at.is_some());
                    at.map(|at| packets.borrow_mut().swap_remove(at));
                    // Nothing else is released.
                    posted.release(id as u16);
                    reserved.retain(|other| usize::from(*other) != id);
                }
                _ => {
                    let asked = RefCell::new(vec![]);
                    let count = posted.reclaim(random(40), |number, id| {
                        let mut asked = asked.borrow_mut();
                        asked.truncate(number);
                        asked.push(id);
                        random(9) > 0
                    });
                    packets.borrow_mut().retain(|id| !asked.borrow()[..count].contains(id));
                }
            }
            let expected = format!("PostedPackets({} of {size})", packets.borrow().len() + reserved.len());
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
        let (_port, pool, attachment) = pool(4);
        let mut posted = PostedPackets::new(4);
        (0..2).for_each(|_| _ = posted.post(packet(&pool, segments)).unwrap());
        drop((pool, attachment));
        assert_eq!(posted.reclaim(4, |_, _| true), if segments == 1 { 2 } else { 0 });
        assert_eq!(posted.take(0).is_some(), segments == 2);
    }
}
