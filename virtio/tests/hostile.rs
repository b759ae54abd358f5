//! Devices that lie, and devices that do not answer: each is an error that names the lie, and no packet is lost.

mod fake;

use std::time::Duration;

use fake::{ALL, Fake, FakeFunction};
use ixgbe::packet::Batch;
use ixgbe::port::{Down, Receive, Transmit, TransmitError};
use ixgbe_virtio::device::DriverOk;
use ixgbe_virtio::feature::Feature;
use ixgbe_virtio::{Config, Device, Error, Fault};

fake::on_both_rings! {
    ids_that_no_descriptor_has_are_faults,
    buffers_that_come_back_twice_are_faults,
    lengths_that_the_buffer_does_not_have_are_faults,
    counts_of_buffers_that_the_device_does_not_have_are_faults,
    without_mergeable_buffers_the_count_is_not_looked_at,
    lies_about_sent_packets_are_faults,
    absurd_lengths_of_sent_packets_do_not_matter,
    random_lies_never_panic_and_lose_nothing,
    queue_sizes_that_no_queue_has_are_errors,
    doorbells_outside_of_their_range_are_errors,
    features_that_contradict_are_refused_or_left_out,
    a_device_that_asks_for_a_reset_is_not_used,
    a_device_that_does_not_reset_keeps_its_memory,
    a_device_that_is_to_be_removed_is_an_error,
    a_device_that_is_gone_is_an_error,
}

type Live = Device<DriverOk, FakeFunction>;

fn live(offered: u128) -> (Fake, Live) {
    let (fake, function) = Fake::new(offered);
    let device = Device::new(function).unwrap();
    (fake, device.bring_up(&Config::new().queue_sizes(8, 8)).unwrap())
}

/// Resets a device that has lied. All buffers are back then, and the device works.
fn recovers(fake: &Fake, device: Live, kept: Batch) {
    let pools = device.pools();
    drop(kept);
    let device = device.into_needs_reset().reset().unwrap();
    for pool in &pools {
        assert_eq!(pool.available(), pool.capacity(), "no buffer is lost");
    }
    let mut device = device.bring_up(&Config::new().queue_sizes(8, 8)).unwrap();
    assert!(fake.deliver(&[7; 60]));
    let mut batch = Batch::with_capacity(4);
    assert_eq!(device.split().1[0].rx.receive(&mut batch), Ok(1));
    assert_eq!(fake.state().violations, [""; 0]);
}

/// Lets the device lie to the receive queue, in the first round of the ring and in the second. Two good frames may come
/// before.
fn lie(rings: u128, lie: impl Fn(&mut fake::State)) -> Fault {
    let mut faults = vec![];
    for (round, before) in [(0, 0), (0, 2), (1, 0), (1, 2)] {
        let (fake, mut device) = live(ALL | rings);
        for _ in 0..9 * round {
            assert!(fake.deliver(&[7; 60]));
            assert_eq!(device.split().1[0].rx.receive(&mut Batch::with_capacity(1)), Ok(1));
        }
        (0..before).for_each(|_| assert!(fake.deliver(&[7; 60])));
        lie(&mut fake.state());
        let mut batch = Batch::with_capacity(8);
        let (_, mut queues) = device.split();
        let rx = &mut queues[0].rx;
        let mut result = rx.receive(&mut batch);
        if result.is_ok() {
            // What arrived before the lie is good.
            result = rx.receive(&mut batch);
        }
        let fault = result.unwrap_err();
        // It stays, and the trait has it too.
        assert_eq!((rx.receive(&mut batch), rx.fault()), (Err(fault), Some(fault)));
        assert_eq!(Receive::receive(rx, &mut batch), Err(Down::Broken));
        assert!(batch.iter().all(|packet| packet[..] == [7; 60]));
        faults.push(fault);
        recovers(&fake, device, batch);
    }
    faults[0]
}

/// Shows one used element of the receive queue.
fn used(state: &mut fake::State, id: u32, len: u32) {
    state.push_used(0, id, len);
    state.publish_used(0);
}

fn ids_that_no_descriptor_has_are_faults(rings: u128) {
    let ids = [8, 9, 0x8000, 0xffff, 0x1_0000, u32::MAX];
    // Those of a packed ring have 16 bits.
    for id in ids.into_iter().filter(|id| rings == 0 || *id <= 0xffff) {
        assert_eq!(lie(rings, |state| used(state, id, 72)), Fault::NoSuchId { id, size: 8 });
    }
}

fn buffers_that_come_back_twice_are_faults(rings: u128) {
    let fault = lie(rings, |state| {
        let (head, parts) = state.next_available(0).unwrap();
        state.write_memory(parts[0].0, &[&[0u8; 10][..], &[1, 0], &[7; 60]].concat());
        state.push_used(0, head.into(), 72);
        used(state, head.into(), 72);
    });
    assert!(matches!(fault, Fault::NotPosted { .. }), "{fault}");
}

fn lengths_that_the_buffer_does_not_have_are_faults(rings: u128) {
    for len in [2049, 2060, 0x1_0000, u32::MAX] {
        let fault = lie(rings, |state| {
            let (head, _) = state.next_available(0).unwrap();
            used(state, head.into(), len);
        });
        assert_eq!(fault, Fault::TooLong { len, max: 2048 });
    }
    for len in [0, 11] {
        let fault = lie(rings, |state| {
            let (head, _) = state.next_available(0).unwrap();
            used(state, head.into(), len);
        });
        assert_eq!(fault, Fault::TooShort { len, min: 12 });
    }
}

#[test]
fn an_index_that_jumps_is_a_fault() {
    let rings = 0;
    for jump in [9, 0x100, 0x8000, 0xfffd] {
        let fault = lie(rings, |state| {
            let index = state.used_index(0).wrapping_add(jump);
            state.set_used_index(0, index);
        });
        assert!(matches!(fault, Fault::IndexJump { posted: 8, .. }), "{fault}");
    }
}

fn counts_of_buffers_that_the_device_does_not_have_are_faults(rings: u128) {
    for count in [0u16, 9, 100, u16::MAX] {
        let fault = lie(rings, |state| {
            let (head, parts) = state.next_available(0).unwrap();
            state.write_memory(parts[0].0 + 10, &count.to_le_bytes());
            used(state, head.into(), 2048);
        });
        assert!(matches!(fault, Fault::BufferCount { count: found, .. } if found == count), "{fault}");
    }
    // A later buffer of a frame that is longer than it can be, or of another kind, is no better.
    let fault = lie(rings, |state| {
        let (head, parts) = state.next_available(0).unwrap();
        state.write_memory(parts[0].0 + 10, &2u16.to_le_bytes());
        state.push_used(0, head.into(), 2048);
        let (head, _) = state.next_available(0).unwrap();
        used(state, head.into(), 0);
    });
    assert_eq!(fault, Fault::TooShort { len: 0, min: 1 });
}

fn without_mergeable_buffers_the_count_is_not_looked_at(rings: u128) {
    let (fake, mut device) = live(rings | ALL & !fake::MRG_RXBUF);
    let mut batch = Batch::with_capacity(4);
    {
        let mut state = fake.state();
        let (head, parts) = state.next_available(0).unwrap();
        state.write_memory(parts[0].0, &[0xff; 72]);
        used(&mut state, head.into(), 72);
    }
    assert_eq!(device.split().1[0].rx.receive(&mut batch), Ok(1));
    assert_eq!(batch[0][..], [0xff; 60]);
}

fn lies_about_sent_packets_are_faults(rings: u128) {
    /// A lie about a packet whose first descriptor is given, and whether a fault is the right one.
    type Lie = (fn(&mut fake::State, u16), fn(Fault) -> bool);
    let lies: [Lie; 4] = [
        (|state, _| state.push_used(1, 77, 0), |fault| fault == Fault::NoSuchId { id: 77, size: 8 }),
        (
            |state, head| (0..2).for_each(|_| state.push_used(1, head.into(), 0)),
            |fault| matches!(fault, Fault::NotPosted { .. }),
        ),
        (|state, head| state.push_used(1, u32::from(head) ^ 4, 0), |fault| matches!(fault, Fault::NotPosted { .. })),
        (
            |state, head| (0..3).for_each(|_| state.push_used(1, head.into(), 0)),
            // A packed ring has no index.
            |fault| matches!(fault, Fault::IndexJump { posted: 2, .. } | Fault::NotPosted { .. }),
        ),
    ];
    for (lie, expected) in lies {
        let (fake, mut device) = live(ALL | rings);
        let pool = device.pools()[0].clone();
        let mut batch = Batch::with_capacity(8);
        for _ in 0..2 {
            batch.push(pool.take_copy(&[7; 60]).unwrap()).unwrap();
        }
        let (_, mut queues) = device.split();
        let tx = &mut queues[0].tx;
        assert_eq!(tx.transmit(&mut batch).unwrap(), 2);
        {
            let mut state = fake.state();
            let (head, _) = state.next_available(1).unwrap();
            lie(&mut state, head);
            state.publish_used(1);
        }
        let fault = tx.reclaim().unwrap_err();
        assert!(expected(fault), "{fault}");
        batch.push(pool.take_copy(&[7; 60]).unwrap()).unwrap();
        assert!(matches!(Transmit::transmit(tx, &mut batch), Err(TransmitError::Down(Down::Broken))));
        assert_eq!((batch.len(), tx.fault()), (1, Some(fault)), "the batch is as it was");
        recovers(&fake, device, batch);
    }
}

fn absurd_lengths_of_sent_packets_do_not_matter(rings: u128) {
    let (fake, mut device) = live(ALL | rings);
    let pool = device.pools()[0].clone();
    let mut batch = Batch::with_capacity(8);
    batch.push(pool.take_copy(&[7; 60]).unwrap()).unwrap();
    let (_, mut queues) = device.split();
    assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 1);
    {
        let mut state = fake.state();
        let (head, _) = state.next_available(1).unwrap();
        state.push_used(1, head.into(), u32::MAX);
        state.publish_used(1);
    }
    assert_eq!(queues[0].tx.reclaim(), Ok(0));
}

fn random_lies_never_panic_and_lose_nothing(rings: u128) {
    let mut seed = 7u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as u32
    };
    let mut faults = 0;
    for _ in 0..400 {
        let (fake, mut device) = live(ALL | rings);
        let pool = device.pools()[0].clone();
        let mut batch = Batch::with_capacity(8);
        for _ in 0..20 {
            let queue = (random() % 2) as usize;
            {
                let mut state = fake.state();
                for _ in 0..random() % 3 {
                    if let Some((head, parts)) = state.next_available(queue) {
                        if queue == 0 {
                            let lie = [1u16, 1, 1, 2, 0, 500][random() as usize % 6];
                            state.write_memory(parts[0].0 + 10, &lie.to_le_bytes());
                        }
                        let id = [head.into(), head.into(), head.into(), random() % 10][random() as usize % 4];
                        let len = [72, 2048, 14, random() % 3000][random() as usize % 4];
                        state.push_used(queue, id, len);
                    }
                }
                match random() % 20 {
                    0 if rings == 0 => state.set_used_index(queue, random() as u16),
                    0 => state.set_flags(queue, random() as u16 % 8, random() as u16),
                    _ => state.publish_used(queue),
                }
                if rings != 0 {
                    state.want_doorbell(queue, random() as u16, random() as u16);
                }
            }
            let (_, mut queues) = device.split();
            faults += u32::from(queues[0].rx.receive(&mut batch).is_err());
            // What a device delivers can be anything, but lies in buffers.
            batch.iter().for_each(|packet| assert!(packet.len() <= 8 * 2048));
            _ = batch.push(pool.take_copy(&[7; 60]).unwrap());
            _ = queues[0].tx.transmit(&mut batch);
            batch.clear();
        }
        drop(batch);
        _ = device.stop().unwrap();
        assert_eq!(pool.available(), pool.capacity());
    }
    assert!(faults > 100, "{faults}");
}

fn queue_sizes_that_no_queue_has_are_errors(rings: u128) {
    for queue in [0u16, 1, 2] {
        let failed = |max: u16| {
            let (fake, function) = Fake::new(ALL | rings | rings);
            fake.state().queues[usize::from(queue)].max = max;
            let failed = Device::new(function).unwrap().bring_up(&Config::new()).unwrap_err();
            assert_eq!(*fake.state().statuses.last().unwrap(), 0x8b, "the driver has given up");
            // It is whole: it can be reset.
            drop(failed.device.reset().unwrap());
            assert_eq!(fake.left(), (0, 0));
            failed.error
        };
        assert_eq!(failed(0), Error::NoQueue { queue });
        if rings == 0 {
            assert_eq!(failed(3), Error::QueueSize { queue, size: 3 });
        }
        assert_eq!(failed(65535), Error::QueueSize { queue, size: 65535 });
    }
    let (fake, function) = Fake::new(ALL | rings | rings);
    fake.state().queues.truncate(2);
    let error = Device::new(function).unwrap().bring_up(&Config::new()).unwrap_err().error;
    assert_eq!(error, Error::NoQueue { queue: 2 });
    // The largest and the smallest that there are.
    for size in [1, 0x8000] {
        let (fake, function) = Fake::new(ALL | rings | rings);
        fake.state().queues.iter_mut().for_each(|queue| queue.max = size);
        let device = Device::new(function).unwrap().bring_up(&Config::new()).map_err(|failed| failed.error);
        // A command has two descriptors.
        assert_eq!(device.is_ok(), size > 1, "{size}");
    }
}

fn doorbells_outside_of_their_range_are_errors(rings: u128) {
    for (notify_off, good) in [(0x3ff, true), (0x400, false), (0xffff, false)] {
        let (fake, function) = Fake::new(ALL | rings | rings);
        fake.state().queues[1].notify_off = notify_off;
        match Device::new(function).unwrap().bring_up(&Config::new()).map_err(|failed| failed.error) {
            Ok(_) => assert!(good, "{notify_off:#x}"),
            Err(error) => {
                let expected = Error::DoorbellOutside { queue: 1, notify_off, multiplier: 4, length: 0x1000 };
                assert_eq!((error, good), (expected, false));
            }
        }
    }
}

fn features_that_contradict_are_refused_or_left_out(rings: u128) {
    let error = |offered: u128, config: &Config, change: fn(&mut fake::State)| {
        let (fake, function) = Fake::new(offered | rings);
        change(&mut fake.state());
        Device::new(function).unwrap().bring_up(config).unwrap_err().error
    };
    assert_eq!(error(ALL & !fake::VERSION_1, &Config::new(), |_| {}), Error::NotModern);
    let bypass = error(ALL, &Config::new(), |state| state.translated = true);
    assert_eq!(bypass, Error::BypassesIommu);
    assert!(bypass.to_string().contains("`iommu_platform=on`"));
    let refused = error(ALL, &Config::new(), |state| state.refuses_features = true);
    assert!(refused.to_string().starts_with("the device refuses these features: MAC, MRG_RXBUF"), "{refused}");
    // Neither can be had: one is not offered, and the other not of use to this driver.
    let required = Config::new().require(Feature::Mtu).require(Feature::GuestEcn);
    let lacking = error(ALL | 1 << 9, &required, |_| {});
    assert_eq!(lacking.to_string(), "the device or this driver does not have MTU, GUEST_ECN");
    let contradiction = error(ALL & !fake::CTRL_VQ, &Config::new().require(Feature::CtrlRx), |_| {});
    assert_eq!(
        contradiction.to_string(),
        "feature CTRL_RX needs CTRL_VQ, which the device or this driver does not have"
    );
    let offered = ALL | fake::MTU;
    assert_eq!(error(offered, &Config::new(), |state| state.network[10..12].fill(0)), Error::BadMtu { mtu: 0 });
    let small = Config::new().without(Feature::MrgRxbuf).buffer_size(1024);
    assert_eq!(error(offered, &small, |_| {}), Error::BufferSize { size: 1024, needed: 1530 });
    // Behind an IOMMU, a device that uses it is accepted.
    let (fake, function) = Fake::new(ALL | rings | fake::ACCESS_PLATFORM);
    fake.state().translated = true;
    let device = Device::new(function).unwrap().bring_up(&Config::new()).unwrap();
    assert!(device.terms().features.has(Feature::AccessPlatform));
    assert_ne!(fake.state().accepted & fake::ACCESS_PLATFORM, 0);
}

fn a_device_that_asks_for_a_reset_is_not_used(rings: u128) {
    let (fake, function) = Fake::new(ALL | rings | rings);
    fake.state().needs_reset_when_live = true;
    let failed = Device::new(function).unwrap().bring_up(&Config::new()).unwrap_err();
    assert_eq!(failed.error, Error::NeedsReset);
    fake.state().needs_reset_when_live = false;
    let mut device = failed.device.reset().unwrap().bring_up(&Config::new()).unwrap();
    fake.state().status |= 0x40;
    assert_eq!(device.split().0.check(), Err(Error::NeedsReset));
    assert_eq!(device.split().0.counters().unwrap_err(), Error::NeedsReset);
    drop(device);
    assert_eq!(fake.state().mappings(), 0);
}

fn a_device_that_does_not_reset_keeps_its_memory(rings: u128) {
    let (fake, function) = Fake::new(ALL | rings | rings);
    fake.state().never_resets = true;
    let limit = Duration::from_millis(50);
    let error = Device::with_timeout(function, limit).unwrap_err();
    assert!(matches!(error, Error::TimedOut { waited, .. } if waited >= limit), "{error}");
    assert!(!fake.state().dma_enabled, "it gets no access to memory");

    let (fake, device) = live(ALL | rings);
    fake.state().never_resets = true;
    let pool = device.pools()[0].clone();
    let failed = device.stop().unwrap_err();
    assert!(matches!(failed.error, Error::TimedOut { .. }));
    assert!(pool.available() < pool.capacity() && fake.state().mappings() > 0);
    // It may do so later.
    fake.state().never_resets = false;
    let device = failed.device.reset().unwrap();
    assert_eq!(pool.available(), pool.capacity());
    drop((device, pool));
    assert_eq!(fake.left(), (0, 0));

    // A device that is dropped, and does not reset, has its memory for ever.
    let (fake, device) = live(ALL | rings);
    fake.state().never_resets = true;
    drop(device);
    assert!(fake.state().mappings() > 0);
    assert!(fake.deliver(&[7; 60]), "what it writes goes where it may");
    assert_eq!(fake.state().violations, [""; 0]);
}

fn a_device_that_is_to_be_removed_is_an_error(rings: u128) {
    let (fake, mut device) = live(ALL | rings);
    device.split().0.check().unwrap();
    fake.state().wanted_back = true;
    let error = device.split().0.check().unwrap_err();
    assert_eq!(error, Error::RemovalRequested);
    assert_eq!(device.split().0.counters().unwrap_err(), error);
    // Until then it does what it did.
    assert!(fake.deliver(&[7; 60]));
    assert_eq!(device.split().1[0].rx.receive(&mut Batch::with_capacity(4)), Ok(1));
    drop(device.stop().unwrap());
    assert_eq!(fake.left(), (0, 0));
}

fn a_device_that_is_gone_is_an_error(rings: u128) {
    let (fake, function) = Fake::new(ALL | rings);
    fake.state().gone = true;
    assert_eq!(Device::new(function).unwrap_err(), Error::Removed);
    let (fake, device) = live(ALL | rings);
    fake.state().gone = true;
    let failed = device.stop().unwrap_err();
    assert_eq!(failed.error, Error::Removed);
}
