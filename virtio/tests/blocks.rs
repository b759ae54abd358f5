//! Devices that lie in the middle of what they return at once: all before the lie is good, the error names the lie, and no
//! packet is lost.

mod fake;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use fake::{ALL, Fake, FakeFunction, RING_PACKED, State};
use ixgbe::packet::{Batch, Packet};
use ixgbe_virtio::device::DriverOk;
use ixgbe_virtio::{Config, Device, Fault};

fake::on_both_rings! {
    a_lie_about_a_received_buffer_ends_a_block,
    a_frame_of_two_buffers_is_found_in_a_block,
    frames_without_an_ethernet_header_are_dropped_from_a_block,
    nothing_is_taken_before_it_is_shown,
    a_frame_of_more_buffers_than_a_packet_can_have_is_dropped,
    a_frame_whose_first_buffer_has_no_ethernet_header_is_dropped,
    a_length_that_changes_is_one_that_was_checked,
    a_lie_about_a_sent_packet_ends_a_block,
    ids_of_the_other_segments_of_a_packet_are_faults,
    packets_of_several_segments_that_come_back_in_pieces_are_faults,
}

type Live = Device<DriverOk, FakeFunction>;

/// Descriptors of each ring.
const SIZE: u16 = 32;
/// Buffers that the device returns at once: more than two of the groups in which the driver looks at them.
const BLOCK: usize = 20;

/// Brings a device up, and moves both its rings on by `moved` buffers, so that blocks begin anywhere.
fn live(rings: u128, moved: usize) -> (Fake, Live) {
    let (fake, function) = Fake::new(ALL | rings);
    let mut device = Device::new(function).unwrap().bring_up(&Config::new().queue_sizes(SIZE, SIZE)).unwrap();
    let mut batch = Batch::with_capacity(1);
    for _ in 0..moved {
        assert!(fake.deliver(&[7; 60]));
        let (_, mut queues) = device.split();
        assert_eq!(queues[0].rx.receive(&mut batch), Ok(1));
        assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 1);
        assert_eq!(fake.sent(), [[7; 60]]);
        assert_eq!(queues[0].tx.reclaim(), Ok(0));
    }
    (fake, device)
}

/// Stops a device that has lied. All buffers are back then, and nothing was accessed that may not be.
fn recovers(fake: &Fake, device: Live, kept: Batch) {
    drop(kept);
    fake::stop(fake, device);
}

/// Pushes used buffers, each with a frame of 60 bytes with its number in it, or with what `change` makes of its number of
/// buffers, its id and its length.
fn push_block(state: &mut State, change: impl Fn(usize, &mut (u16, u32, u32))) {
    for number in 0..BLOCK {
        let (head, parts) = state.next_available(0).unwrap();
        let mut used = (1, head.into(), 72);
        change(number, &mut used);
        let (buffers, id, len) = used;
        state.write_memory(parts[0].0, &[&[0; 10][..], &buffers.to_le_bytes(), &[number as u8; 60]].concat());
        state.push_used(0, id, len);
    }
}

/// Receives until the device is found to lie. Returns the fault.
fn receive_until_fault(device: &mut Live, batch: &mut Batch) -> Fault {
    let (_, mut queues) = device.split();
    let rx = &mut queues[0].rx;
    let fault = rx.receive(batch).and_then(|_| rx.receive(batch)).unwrap_err();
    assert_eq!((rx.receive(batch), rx.fault()), (Err(fault), Some(fault)), "it stays");
    fault
}

/// Checks that a batch has the frames with these numbers.
fn assert_frames(batch: &[Packet], numbers: impl IntoIterator<Item = usize>) {
    let bytes: Vec<_> = batch.iter().map(|packet| packet.segments().collect::<Vec<_>>().concat()).collect();
    assert_eq!(bytes, numbers.into_iter().map(|number| [number as u8; 60]).collect::<Vec<_>>());
}

/// Calls `each` with the number of a buffer in a block, and how far the ring has moved before.
fn at_each_place(mut each: impl FnMut(usize, usize)) {
    for moved in [0, 3, 20] {
        (0..BLOCK).for_each(|at| each(at, moved));
    }
}

fn a_lie_about_a_received_buffer_ends_a_block(rings: u128) {
    /// What the device says of a buffer, whose true id and length are given, and whether a fault is the right one.
    type Lie = (fn(&mut (u16, u32, u32)), fn(Fault) -> bool);
    let lies: [Lie; 9] = [
        (|used| used.2 = 2049, |fault| fault == Fault::TooLong { len: 2049, max: 2048 }),
        (|used| used.2 = u32::MAX, |fault| fault == Fault::TooLong { len: u32::MAX, max: 2048 }),
        (|used| used.2 |= 0x1_0000, |fault| fault == Fault::TooLong { len: 0x1_0048, max: 2048 }),
        (|used| used.2 = 11, |fault| fault == Fault::TooShort { len: 11, min: 12 }),
        (|used| used.2 = 0, |fault| fault == Fault::TooShort { len: 0, min: 12 }),
        (|used| used.1 = SIZE.into(), |fault| fault == Fault::NoSuchId { id: SIZE.into(), size: SIZE }),
        (|used| used.1 |= 0x8000, |fault| matches!(fault, Fault::NoSuchId { id: 0x8000..0x8020, size: SIZE })),
        (|used| used.0 = 0, |fault| matches!(fault, Fault::BufferCount { count: 0, .. })),
        (|used| used.0 = 33, |fault| matches!(fault, Fault::BufferCount { count: 33, .. })),
    ];
    for (lie, expected) in lies {
        at_each_place(|at, moved| {
            let (fake, mut device) = live(rings, moved);
            push_block(&mut fake.state(), |number, used| {
                if number == at {
                    lie(used)
                }
            });
            fake.state().publish_used(0);
            let mut batch = Batch::with_capacity(64);
            let fault = receive_until_fault(&mut device, &mut batch);
            assert!(expected(fault), "{fault}");
            assert_frames(&batch, 0..at);
            recovers(&fake, device, batch);
        });
    }
    // An id that came back before, in this block: the one before, or the first.
    at_each_place(|at, moved| {
        for back in [1, at] {
            let Some(first) = at.checked_sub(back).filter(|_| back > 0) else { continue };
            let (fake, mut device) = live(rings, moved);
            let seen = std::cell::Cell::new(0);
            push_block(&mut fake.state(), |number, used| match number {
                _ if number == first => seen.set(used.1),
                _ if number == at => used.1 = seen.get(),
                _ => {}
            });
            fake.state().publish_used(0);
            let mut batch = Batch::with_capacity(64);
            let fault = receive_until_fault(&mut device, &mut batch);
            assert_eq!(fault, Fault::NotPosted { id: seen.get() as u16 });
            assert_frames(&batch, 0..at);
            recovers(&fake, device, batch);
        }
    });
}

fn a_frame_of_two_buffers_is_found_in_a_block(rings: u128) {
    at_each_place(|at, moved| {
        let (fake, mut device) = live(rings, moved);
        push_block(&mut fake.state(), |number, used| {
            if number == at {
                used.0 = 2
            }
        });
        fake.state().publish_used(0);
        let mut batch = Batch::with_capacity(64);
        assert_eq!(device.split().1[0].rx.receive(&mut batch), Ok(BLOCK - 1));
        assert_frames(&batch[..at], 0..at);
        if at + 1 < BLOCK {
            let parts: Vec<_> = batch[at].segments().map(<[u8]>::len).collect();
            assert_eq!(parts, [60, 72], "the next buffer is its second, from its first byte on");
            assert_frames(&batch[at + 1..], at + 2..BLOCK);
        }
        // If its second buffer is missing, it stays until that comes, or the device is stopped.
        recovers(&fake, device, batch);
    });
}

fn frames_without_an_ethernet_header_are_dropped_from_a_block(rings: u128) {
    at_each_place(|at, moved| {
        for len in [12, 25] {
            let (fake, mut device) = live(rings, moved);
            push_block(&mut fake.state(), |number, used| {
                if number == at {
                    used.2 = len
                }
            });
            fake.state().publish_used(0);
            let mut batch = Batch::with_capacity(64);
            assert_eq!(device.split().1[0].rx.receive(&mut batch), Ok(BLOCK - 1));
            assert_frames(&batch, (0..BLOCK).filter(|number| *number != at));
            recovers(&fake, device, batch);
        }
    });
}

fn nothing_is_taken_before_it_is_shown(rings: u128) {
    // The entries behind the index, or behind a descriptor whose flags are missing, are written already.
    at_each_place(|at, moved| {
        let (fake, mut device) = live(rings, moved);
        let mut batch = Batch::with_capacity(64);
        let shown = {
            let mut state = fake.state();
            let before = state.used_index(0);
            push_block(&mut state, |_, _| {});
            state.publish_used(0);
            let place = (before + at as u16) % SIZE;
            let shown = if rings == 0 { state.used_index(0) } else { state.flags(0, place) };
            match rings {
                0 => state.set_used_index(0, before.wrapping_add(at as u16)),
                // As it was when it was available.
                _ => state.set_flags(0, place, shown ^ fake::USED),
            }
            (place, shown)
        };
        assert_eq!(device.split().1[0].rx.receive(&mut batch), Ok(at));
        assert_eq!(device.split().1[0].rx.receive(&mut batch), Ok(0));
        match (rings, shown) {
            (0, (_, index)) => fake.state().set_used_index(0, index),
            (_, (place, flags)) => fake.state().set_flags(0, place, flags),
        }
        assert_eq!(device.split().1[0].rx.receive(&mut batch), Ok(BLOCK - at));
        assert_frames(&batch, 0..BLOCK);
        recovers(&fake, device, batch);
    });
}

#[test]
fn a_round_that_changes_in_a_block_is_a_fault() {
    at_each_place(|at, moved| {
        // The descriptor is of another round, or of none: neither available nor used.
        for change in [fake::AVAILABLE | fake::USED, fake::AVAILABLE] {
            let (fake, mut device) = live(RING_PACKED, moved);
            let (place, flags) = {
                let mut state = fake.state();
                let before = state.used_index(0);
                push_block(&mut state, |_, _| {});
                state.publish_used(0);
                let place = (before + at as u16) % SIZE;
                let flags = state.flags(0, place) ^ change;
                state.set_flags(0, place, flags);
                (place, flags)
            };
            let mut batch = Batch::with_capacity(64);
            let fault = receive_until_fault(&mut device, &mut batch);
            // Buffers are posted in eights.
            assert_eq!(fault, Fault::Flags { place, flags, posted: SIZE - (moved % 8 + at) as u16 });
            assert_frames(&batch, 0..at);
            recovers(&fake, device, batch);
        }
    });
}

fn a_length_that_changes_is_one_that_was_checked(rings: u128) {
    // Another thread writes the lengths while the driver looks at them, for some buffers more than once.
    let (mut received, mut faults) = (0, 0);
    for round in 0..100 {
        let (fake, mut device) = live(rings, round % 40);
        let before = fake.state().used_index(0);
        // The last one is bad, so that the driver looks at those before it again.
        push_block(&mut fake.state(), |number, used| {
            if number == BLOCK - 1 - round % 4 {
                used.2 = 3000
            }
        });
        fake.state().publish_used(0);
        let mut batch = Batch::with_capacity(64);
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for len in [72, 2048, 26, 2049, 25, 72, 0, 12].iter().cycle() {
                    for at in 8..16 {
                        fake.state().set_used_len(0, (before + at) % SIZE, *len);
                    }
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
            faults += usize::from(device.split().1[0].rx.receive(&mut batch).is_err());
            is_over.store(true, Ordering::Relaxed);
        });
        received += batch.len();
        for packet in &batch {
            assert!((14..=2036).contains(&packet.len()), "{}", packet.len());
        }
        recovers(&fake, device, batch);
    }
    assert!(received >= 100 * 8 && faults == 0, "{received} frames, {faults} faults");
}

/// Sends `BLOCK` packets, of one segment but for `several`, which has three. Returns the ids that the device gets.
fn send(fake: &Fake, device: &mut Live, several: Option<usize>) -> Vec<u16> {
    let pool = device.pools()[0].clone();
    let mut batch = Batch::with_capacity(BLOCK);
    for number in 0..BLOCK {
        let mut packet = pool.take_copy(&[number as u8; 60]).unwrap();
        for _ in 0..if several == Some(number) { 2 } else { 0 } {
            packet.append_segment(pool.take_copy(&[1; 60]).unwrap()).unwrap();
        }
        batch.push(packet).unwrap();
    }
    assert_eq!(device.split().1[0].tx.transmit(&mut batch).unwrap(), BLOCK);
    let mut state = fake.state();
    std::iter::from_fn(|| Some(state.next_available(1)?.0)).collect()
}

/// Returns the packets with these ids to the driver. Returns the fault.
fn return_all(fake: &Fake, device: &mut Live, ids: impl IntoIterator<Item = u16>) -> Fault {
    {
        let mut state = fake.state();
        ids.into_iter().for_each(|id| state.push_used(1, id.into(), 0));
        state.publish_used(1);
    }
    let (_, mut queues) = device.split();
    let fault = queues[0].tx.reclaim().unwrap_err();
    assert_eq!((queues[0].tx.reclaim(), queues[0].tx.fault()), (Err(fault), Some(fault)), "it stays");
    fault
}

fn a_lie_about_a_sent_packet_ends_a_block(rings: u128) {
    at_each_place(|at, moved| {
        for lie in [SIZE, 0x8000, u16::MAX] {
            let (fake, mut device) = live(rings, moved);
            let pool = device.pools()[0].clone();
            let mut ids = send(&fake, &mut device, None);
            let available = pool.available();
            ids[at] = lie;
            let fault = return_all(&fake, &mut device, ids);
            assert_eq!(fault, Fault::NoSuchId { id: lie.into(), size: SIZE });
            assert_eq!(pool.available(), available + at, "those before it are back");
            recovers(&fake, device, Batch::with_capacity(0));
        }
        for again in [0, at.saturating_sub(1)].into_iter().filter(|again| *again < at) {
            let (fake, mut device) = live(rings, moved);
            let mut ids = send(&fake, &mut device, None);
            ids[at] = ids[again];
            let fault = return_all(&fake, &mut device, ids.iter().copied());
            assert_eq!(fault, Fault::NotPosted { id: ids[again] });
            recovers(&fake, device, Batch::with_capacity(0));
        }
    });
}

fn ids_of_the_other_segments_of_a_packet_are_faults(rings: u128) {
    for several in [0, 3, 8, 19] {
        let heads = send_several(rings, several).2;
        // In a split ring, some of these are the other descriptors of the packet.
        for id in (0..SIZE).filter(|id| !heads.contains(id)) {
            let (fake, mut device, heads) = send_several(rings, several);
            let fault = return_all(&fake, &mut device, heads[..several].iter().copied().chain([id]));
            assert_eq!(fault, Fault::NotPosted { id });
            recovers(&fake, device, Batch::with_capacity(0));
        }
    }
}

/// Sends packets, one of which has three segments, over rings that begin anywhere.
fn send_several(rings: u128, several: usize) -> (Fake, Live, Vec<u16>) {
    let (fake, mut device) = live(rings, 5 * several);
    let heads = send(&fake, &mut device, Some(several));
    assert_eq!(heads.len(), BLOCK);
    (fake, device, heads)
}

fn packets_of_several_segments_that_come_back_in_pieces_are_faults(rings: u128) {
    for several in [0, 3, 8, 18] {
        let (fake, mut device, heads) = send_several(rings, several);
        let others: Vec<_> = (0..SIZE).filter(|id| !heads.contains(id)).collect();
        for id in others {
            let (fake, mut device, heads) = send_several(rings, several);
            let fault = return_all(&fake, &mut device, heads[..=several].iter().copied().chain([id]));
            assert_eq!(fault, Fault::NotPosted { id });
            recovers(&fake, device, Batch::with_capacity(0));
        }
        // The same id for each piece.
        let fault = return_all(&fake, &mut device, heads[..=several].iter().copied().chain([heads[several]]));
        assert_eq!(fault, Fault::NotPosted { id: heads[several] });
        recovers(&fake, device, Batch::with_capacity(0));
    }
}

fn a_frame_of_more_buffers_than_a_packet_can_have_is_dropped(rings: u128) {
    // A packet has 64 segments at most. What is missing of a longer frame is no frame.
    for buffers in 64..=70u16 {
        let (fake, function) = Fake::new(ALL | rings);
        let config = Config::new().queue_sizes(128, 128);
        let mut device = Device::new(function).unwrap().bring_up(&config).unwrap();
        {
            let mut state = fake.state();
            for number in 0..buffers {
                let (head, parts) = state.next_available(0).unwrap();
                let header = if number == 0 { [&[0; 10][..], &buffers.to_le_bytes()].concat() } else { vec![] };
                state.write_memory(parts[0].0, &[&header[..], &[number as u8; 60]].concat());
                state.push_used(0, head.into(), header.len() as u32 + 60);
            }
            state.publish_used(0);
        }
        let mut batch = Batch::with_capacity(4);
        let whole = usize::from(buffers == 64);
        assert_eq!(device.split().1[0].rx.receive(&mut batch), Ok(whole), "{buffers} buffers");
        assert_eq!(batch.iter().map(Packet::segment_count).sum::<usize>(), 64 * whole);
        let counters = device.split().0.counters().unwrap();
        assert_eq!(counters.rx_dropped[0], ("short", 1 - whole as u64));
        recovers(&fake, device, batch);
    }
}

fn a_frame_whose_first_buffer_has_no_ethernet_header_is_dropped(rings: u128) {
    // An Ethernet header is in one piece, as programs look for it in the first segment.
    for (first, good) in [(0, false), (13, false), (14, true)] {
        let (fake, mut device) = live(rings, 0);
        push_block(&mut fake.state(), |number, used| {
            if number == 9 {
                (used.0, used.2) = (2, 12 + first);
            }
        });
        fake.state().publish_used(0);
        let mut batch = Batch::with_capacity(64);
        assert_eq!(device.split().1[0].rx.receive(&mut batch), Ok(BLOCK - if good { 1 } else { 2 }));
        assert!(batch.iter().all(|packet| packet[..].len() >= 14));
        recovers(&fake, device, batch);
    }
}
