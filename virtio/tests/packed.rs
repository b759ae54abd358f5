//! What only packed rings have: sizes that are no power of two, rounds, event structures, and lies about them.

mod fake;

use fake::{ALL, AVAILABLE, EVENT_IDX, Fake, FakeFunction, RING_PACKED, State, USED};
use ixgbe::packet::Batch;
use ixgbe_virtio::device::DriverOk;
use ixgbe_virtio::feature::Feature;
use ixgbe_virtio::{Config, Device, Error, Fault};

type Live = Device<DriverOk, FakeFunction>;

/// Brings a device up whose queues have `size` descriptors.
fn live(offered: u128, size: u16) -> (Fake, Live) {
    let (fake, function) = Fake::new(offered | RING_PACKED);
    let device = Device::new(function).unwrap();
    (fake, device.bring_up(&Config::new().queue_sizes(size, size)).unwrap())
}

/// Stops the device. Every buffer is back.
fn stop(device: Live) {
    let pools = device.pools();
    drop(device.stop().unwrap());
    pools.iter().for_each(|pool| assert_eq!(pool.available(), pool.capacity()));
}

/// Sends `count` packets.
fn send(device: &mut Live, count: usize) {
    let pool = device.pools()[0].clone();
    let mut batch = Batch::with_capacity(count.max(1));
    (0..count).for_each(|number| batch.push(pool.take_copy(&[number as u8; 60]).unwrap()).unwrap());
    assert_eq!(device.split().1[0].tx.transmit(&mut batch).unwrap(), count);
}

/// Receives a frame.
fn receive(fake: &Fake, device: &mut Live, frame: &[u8]) {
    let mut batch = Batch::with_capacity(1);
    assert!(fake.deliver(frame));
    assert_eq!(device.split().1[0].rx.receive(&mut batch), Ok(1));
    assert_eq!(batch[0].segments().collect::<Vec<_>>().concat(), frame);
}

#[test]
fn a_program_can_do_without_packed_rings_or_require_them() {
    for (offered, config, packed) in [
        (RING_PACKED, Config::new(), Some(true)),
        (RING_PACKED, Config::new().without(Feature::RingPacked), Some(false)),
        (RING_PACKED, Config::new().require(Feature::RingPacked), Some(true)),
        (0, Config::new(), Some(false)),
        (0, Config::new().require(Feature::RingPacked), None),
    ] {
        let (fake, function) = Fake::new(ALL | offered);
        let device = Device::new(function).unwrap().bring_up(&config);
        let found = device.as_ref().ok().map(|device| device.terms().features.has(Feature::RingPacked));
        assert_eq!((found, fake.state().accepted & RING_PACKED != 0), (packed, packed == Some(true)));
        if let Err(failed) = device {
            assert!(matches!(failed.error, Error::NotOffered { .. }), "{}", failed.error);
        }
    }
}

#[test]
fn queues_may_have_any_size() {
    for size in [2, 3, 5, 7, 100, 255] {
        let (fake, mut device) = live(ALL, size);
        assert_eq!(fake.state().queues[0].size, size);
        let rounds = 5 * usize::from(size);
        for number in 0..rounds {
            receive(&fake, &mut device, &[number as u8; 77]);
            send(&mut device, 1);
            assert_eq!(fake.sent(), [[0; 60]]);
        }
        assert_eq!(fake.state().violations, [""; 0]);
        stop(device);
    }
    // The device has fewer than the program wants.
    let (fake, function) = Fake::new(ALL | RING_PACKED);
    fake.state().queues[1].max = 100;
    let device = Device::new(function).unwrap().bring_up(&Config::new()).unwrap();
    let sizes: Vec<_> = fake.state().queues.iter().map(|queue| queue.size).collect();
    assert_eq!(sizes, [256, 100, 4]);
    stop(device);
}

#[test]
fn chains_of_any_length_come_back_in_any_order() {
    let (fake, mut device) = live(ALL, 7);
    let pool = device.pools()[0].clone();
    let mut batch = Batch::with_capacity(4);
    for round in 0..300 {
        // Packets of 1 and 2 and 3 segments, in 6 of 7 descriptors.
        for segments in 1..4 {
            let mut packet = pool.take_copy(&[round as u8; 30]).unwrap();
            for _ in 1..segments {
                packet.append_segment(pool.take_copy(&[segments as u8; 30]).unwrap()).unwrap();
            }
            batch.push(packet).unwrap();
        }
        let (_, mut queues) = device.split();
        assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 3);
        {
            let mut state = fake.state();
            let mut taken: Vec<_> = std::iter::from_fn(|| state.next_available(1)).collect();
            assert_eq!(taken.iter().map(|(_, parts)| parts.len()).collect::<Vec<_>>(), [1, 2, 3]);
            taken.rotate_left(round % 3);
            if round % 2 == 0 {
                taken.swap(0, 1);
            }
            for (left, (id, _)) in taken.into_iter().enumerate() {
                state.push_used(1, id.into(), 0);
                state.publish_used(1);
                drop(state);
                assert_eq!(queues[0].tx.reclaim(), Ok(2 - left));
                state = fake.state();
            }
        }
    }
    assert_eq!(fake.state().violations, [""; 0]);
    stop(device);
}

/// Lets the device lie to the receive queue, at each place of both rounds. Returns the fault at the last one.
fn lie(lie: impl Fn(&mut State, u16)) -> Fault {
    let mut last = None;
    for before in 0..10 {
        let (fake, mut device) = live(ALL, 5);
        (0..before).for_each(|number| receive(&fake, &mut device, &[number; 60]));
        let place = fake.state().used_index(0);
        lie(&mut fake.state(), place);
        let mut batch = Batch::with_capacity(4);
        let (_, mut queues) = device.split();
        let fault = queues[0].rx.receive(&mut batch).unwrap_err();
        assert!(batch.is_empty());
        assert_eq!(queues[0].rx.receive(&mut batch), Err(fault), "the queue does not go on");
        last = Some(fault);
        stop(device);
    }
    last.unwrap()
}

#[test]
fn flags_that_the_device_cannot_give_are_faults() {
    // Flipped, of the next round, and of the round before.
    for flip in [AVAILABLE, AVAILABLE | USED] {
        let fault = lie(|state, place| {
            let flags = state.flags(0, place);
            state.set_flags(0, place, flags ^ flip);
        });
        assert!(matches!(fault, Fault::Flags { place: 4, posted: 5, .. }), "{fault}");
    }
    let fault = lie(|state, place| {
        let (id, _) = state.next_available(0).unwrap();
        state.push_used(0, id.into(), 72);
        state.publish_used(0);
        let flags = state.flags(0, place);
        state.set_flags(0, place, flags ^ (AVAILABLE | USED));
    });
    let text = "the device broke a rule: descriptor 4 of its ring has the flags 0x8082, and it has 5 buffers";
    assert_eq!(fault.to_string(), text);
}

#[test]
fn a_descriptor_that_is_marked_used_and_no_more_is_a_buffer_of_zeros() {
    let (fake, mut device) = live(ALL, 5);
    {
        // Id and length are what the driver wrote.
        let mut state = fake.state();
        let flags = state.flags(0, 0);
        state.set_flags(0, 0, flags ^ USED);
    }
    let fault = device.split().1[0].rx.receive(&mut Batch::with_capacity(1)).unwrap_err();
    assert_eq!(fault, Fault::BufferCount { count: 0, posted: 4 });
    stop(device);
}

#[test]
fn what_is_used_without_buffers_is_a_fault() {
    for before in 0..14 {
        let (fake, mut device) = live(ALL, 7);
        for _ in 0..before {
            send(&mut device, 1);
            assert_eq!(fake.sent().len(), 1);
        }
        assert_eq!(device.split().1[0].tx.reclaim(), Ok(0));
        // The last buffer once more.
        fake.state().push_used(1, 0, 0);
        fake.state().publish_used(1);
        let fault = device.split().1[0].tx.reclaim().unwrap_err();
        assert!(matches!(fault, Fault::Flags { posted: 0, place, .. } if place == before % 7), "{fault}");
        stop(device);
    }
}

#[test]
fn used_descriptors_behind_their_place_are_not_looked_at() {
    let (fake, mut device) = live(ALL, 7);
    send(&mut device, 3);
    {
        // The second place, before the first.
        let mut state = fake.state();
        let flags = state.flags(1, 1);
        state.set_flags(1, 1, flags ^ USED);
    }
    assert_eq!(device.split().1[0].tx.reclaim(), Ok(3));
    // Once the first is there, the second one is as good as any.
    {
        let mut state = fake.state();
        let flags = state.flags(1, 0);
        state.set_flags(1, 0, flags ^ USED);
    }
    assert_eq!(device.split().1[0].tx.reclaim(), Ok(1));
    stop(device);
}

#[test]
fn doorbells_are_rung_if_the_place_was_passed() {
    for size in [2u16, 5, 8] {
        let (fake, mut device) = live(ALL, size);
        let doorbells = |device: &mut Live| device.split().1[0].tx.doorbells();
        let (mut posted, mut seed) = (0u32, 1u32);
        for _ in 0..2000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (ahead, count) = (seed >> 24, seed >> 16 & 0xff);
            // The device wants a doorbell for one of the next descriptors, or wanted one for one that is posted.
            let asked = (posted + ahead % u32::from(size)).saturating_sub(seed >> 8 & 1);
            let count = 1 + count % u32::from(size);
            let wrap = 1 - (asked / u32::from(size)) as u16 % 2;
            fake.state().want_doorbell(1, (asked % u32::from(size)) as u16 | wrap << 15, 2);
            let before = doorbells(&mut device);
            send(&mut device, count as usize);
            let expected = (posted..posted + count).contains(&asked);
            assert_eq!(doorbells(&mut device) - before, u64::from(expected), "{size} {posted} {count} {asked}");
            posted += count;
            assert_eq!(fake.sent().len(), count as usize);
            assert_eq!(device.split().1[0].tx.reclaim(), Ok(0));
        }
        stop(device);
    }
}

#[test]
fn a_device_that_asks_for_nonsense_gets_each_doorbell() {
    // Place, flags, features, and whether a doorbell is due.
    for (place, flags, offered, due) in [
        (0, 0, ALL, true),
        (0, 1, ALL, false),
        // No such place, and no such flag.
        (5, 2, ALL, true),
        (0x7fff, 2, ALL, true),
        (0, 3, ALL, true),
        (0, 0xfff3, ALL, true),
        // Places are for those who agreed on them.
        (3, 2, ALL & !EVENT_IDX, true),
        (3, 1, ALL & !EVENT_IDX, false),
        (3, 0, ALL & !EVENT_IDX, true),
    ] {
        let (fake, mut device) = live(offered, 5);
        fake.state().want_doorbell(1, place, flags);
        send(&mut device, 1);
        assert_eq!(device.split().1[0].tx.doorbells(), u64::from(due), "{place} {flags}");
        stop(device);
    }
}

#[test]
fn a_driver_that_polls_asks_for_no_interrupt() {
    for offered in [ALL, ALL & !EVENT_IDX] {
        let (fake, mut device) = live(offered, 5);
        receive(&fake, &mut device, &[7; 60]);
        for queue in 0..3 {
            assert_eq!(fake.state().wanted_interrupt(queue).1, 1, "queue {queue}");
        }
        stop(device);
    }
}
