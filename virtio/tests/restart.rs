//! Reset of one queue: the others go on, and its packets are kept until the device has confirmed.

mod fake;

use std::time::Duration;

use fake::{ALL, Fake, FakeFunction, QueueReset, RING_RESET, stop};
use ixgbe::packet::Batch;
use ixgbe::port::{Down, Receive};
use ixgbe_virtio::device::{DriverOk, QueuePair};
use ixgbe_virtio::feature::{Feature, Features};
use ixgbe_virtio::{Config, Device, Error, Fault};

fake::on_both_rings! {
    a_receive_queue_is_reset_while_the_others_go_on,
    a_transmit_queue_gives_its_packets_back_when_the_device_has_confirmed,
    a_queue_that_was_lied_to_is_as_new_after_its_reset,
    packets_stay_the_devices_until_it_has_confirmed,
    a_queue_that_the_device_does_not_take_again_can_be_tried_again,
    what_cannot_be_reset_is_named,
}

type Live = Device<DriverOk, FakeFunction>;

fn config() -> Config {
    Config::new().queue_sizes(8, 8).queue_pairs(2).interrupts(true)
}

fn live(rings: u128) -> (Fake, Live) {
    let (fake, function) = Fake::with_pairs(ALL | RING_RESET | rings, 2);
    (fake, Device::new(function).unwrap().bring_up(&config()).unwrap())
}

/// Receives a frame on a pair and sends it again.
fn works(fake: &Fake, pair: u16, queues: &mut QueuePair<'_, FakeFunction>) {
    let mut batch = Batch::with_capacity(8);
    for round in 0..20 {
        assert!(fake.deliver_to(pair, &[round; 60]));
        assert_eq!(queues.rx.receive(&mut batch), Ok(1));
        assert_eq!(queues.tx.transmit(&mut batch).unwrap(), 1);
        assert_eq!(fake.sent_on(pair), [[round; 60]]);
    }
}

fn a_receive_queue_is_reset_while_the_others_go_on(rings: u128) {
    let (fake, mut device) = live(rings);
    let mut batch = Batch::with_capacity(8);
    for looks in [0, 1, 100] {
        let (mut control, mut queues) = device.split();
        // Frames wait in both queues, and one that is not complete in the first.
        assert!(fake.deliver_to(0, &[1; 60]) && fake.deliver_to(1, &[2; 60]));
        fake.state().queue_reset = QueueReset::AfterLooks(looks);
        control.restart_receive(&mut queues[0].rx).unwrap();
        // It has all of its descriptors again, and its vector.
        let queue = fake.state().queues[0].clone();
        assert!(queue.enabled && queue.size == 8 && queue.vector == 0);
        assert_eq!(queues[0].rx.receive(&mut batch), Ok(0), "what waited is lost");
        assert_eq!(queues[1].rx.receive(&mut batch), Ok(1), "the other queue has its own");
        batch.clear();
        for (pair, queues) in (0..).zip(&mut queues) {
            works(&fake, pair, queues);
        }
        queues[0].rx.enable_interrupt().unwrap();
        fake.state().raised.clear();
        assert!(fake.deliver_to(0, &[3; 60]));
        assert_eq!(fake.state().raised, [0]);
        assert_eq!(queues[0].rx.receive(&mut batch), Ok(1));
        batch.clear();
    }
    assert_eq!(fake.state().queue_resets, 3);
    stop(&fake, device);
}

fn a_transmit_queue_gives_its_packets_back_when_the_device_has_confirmed(rings: u128) {
    let (fake, mut device) = live(rings);
    let pool = device.pools()[0].clone();
    let mut batch = Batch::with_capacity(8);
    let (mut control, mut queues) = device.split();
    for _ in 0..5 {
        batch.push(pool.take_copy(&[7; 60]).unwrap()).unwrap();
    }
    let before = pool.available();
    assert_eq!(queues[1].tx.transmit(&mut batch).unwrap(), 5);
    control.restart_transmit(&mut queues[1].tx).unwrap();
    assert_eq!(pool.available(), before + 5);
    assert_eq!(fake.sent_on(1), [[0; 0]; 0]);
    for (pair, queues) in (0..).zip(&mut queues) {
        works(&fake, pair, queues);
    }
    stop(&fake, device);
}

fn a_queue_that_was_lied_to_is_as_new_after_its_reset(rings: u128) {
    let (fake, mut device) = live(rings);
    let mut batch = Batch::with_capacity(8);
    let (mut control, mut queues) = device.split();
    {
        let mut state = fake.state();
        state.push_used(2, 77, 60);
        state.publish_used(2);
    }
    assert_eq!(queues[1].rx.receive(&mut batch), Err(Fault::NoSuchId { id: 77, size: 8 }));
    works(&fake, 0, &mut queues[0]);
    control.restart_receive(&mut queues[1].rx).unwrap();
    assert_eq!(queues[1].rx.fault(), None);
    works(&fake, 1, &mut queues[1]);
    stop(&fake, device);
}

fn packets_stay_the_devices_until_it_has_confirmed(rings: u128) {
    for answer in [QueueReset::Never, QueueReset::Ignored] {
        let (fake, mut device) = live(rings);
        let pool = device.pools()[0].clone();
        let mut batch = Batch::with_capacity(8);
        let (mut control, mut queues) = device.split();
        let (had, mapped) = (pool.available(), fake.state().mappings());
        fake.state().queue_reset = answer;
        let error = control.restart_receive(&mut queues[0].rx).unwrap_err();
        assert!(matches!(error, Error::TimedOut { waited, .. } if waited >= Duration::from_secs(1)), "{error}");
        assert_eq!(error.to_string().split(" within").next().unwrap(), "the device did not end the reset of a queue");
        assert_eq!((pool.available(), fake.state().mappings()), (had, mapped), "buffers and ring are the device's");
        // It may still write there.
        assert!(fake.deliver_to(0, &[1; 60]));
        // The queue says so, and does nothing. The others go on.
        assert_eq!(queues[0].rx.receive(&mut batch), Err(Fault::NotReset));
        assert_eq!(Receive::receive(&mut queues[0].rx, &mut batch), Err(Down::Broken));
        works(&fake, 1, &mut queues[1]);
        batch.push(pool.take_copy(&[7; 60]).unwrap()).unwrap();
        let had = pool.available();
        assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 1);
        control.restart_transmit(&mut queues[0].tx).unwrap_err();
        assert_eq!(queues[0].tx.reclaim(), Err(Fault::NotReset));
        assert_eq!(pool.available(), had);
        // Later it answers: the reset that it was asked for ends, and is not asked for again.
        fake.state().queue_reset = QueueReset::AfterLooks(2);
        control.restart_receive(&mut queues[0].rx).unwrap();
        control.restart_transmit(&mut queues[0].tx).unwrap();
        assert_eq!(fake.state().queue_resets, if answer == QueueReset::Never { 2 } else { 4 });
        works(&fake, 0, &mut queues[0]);
        stop(&fake, device);
        // If it never does, the reset of the device returns all.
        let (fake, mut device) = live(rings);
        fake.state().queue_reset = answer;
        let (mut control, mut queues) = device.split();
        control.restart_receive(&mut queues[0].rx).unwrap_err();
        stop(&fake, device);
    }
}

fn a_queue_that_the_device_does_not_take_again_can_be_tried_again(rings: u128) {
    let (fake, mut device) = live(rings);
    let mut batch = Batch::with_capacity(8);
    let (mut control, mut queues) = device.split();
    fake.state().refused_vector = Some(1);
    let error = control.restart_receive(&mut queues[1].rx).unwrap_err();
    assert_eq!(error, Error::VectorRefused { queue: Some(2), vector: 1 });
    assert_eq!(queues[1].rx.receive(&mut batch), Err(Fault::NotReset));
    fake.state().refused_vector = None;
    control.restart_receive(&mut queues[1].rx).unwrap();
    assert_eq!(fake.state().queue_resets, 1, "it was reset already");
    works(&fake, 1, &mut queues[1]);
    stop(&fake, device);
}

fn what_cannot_be_reset_is_named(rings: u128) {
    // Without the feature, and without the register.
    let without = |change: fn(&mut fake::State)| {
        let (fake, function) = Fake::with_pairs(ALL | RING_RESET | rings, 2);
        change(&mut fake.state());
        let mut device = Device::new(function).unwrap().bring_up(&config()).unwrap();
        let (mut control, mut queues) = device.split();
        let error = control.restart_receive(&mut queues[0].rx).unwrap_err();
        assert_eq!(error, Error::Unsupported { feature: Features::of(Feature::RingReset) });
        works(&fake, 0, &mut queues[0]);
        stop(&fake, device);
    };
    without(|state| state.offered &= !RING_RESET);
    // The common configuration of VirtIO 1.0 has 0x38 bytes.
    without(|state| state.config_space[0x50 + 12..0x50 + 16].copy_from_slice(&[0x38, 0, 0, 0]));
    without(|state| state.config_space[0x50 + 12..0x50 + 16].copy_from_slice(&[0x3b, 0, 0, 0]));
    // A queue of another device.
    let ((fake, mut device), (other_fake, mut other)) = (live(rings), live(rings));
    let (mut control, mut queues) = device.split();
    let (_, mut others) = other.split();
    assert_eq!(control.restart_receive(&mut others[0].rx), Err(Error::OtherDevice));
    assert_eq!(control.restart_transmit(&mut others[1].tx), Err(Error::OtherDevice));
    works(&other_fake, 0, &mut others[0]);
    // A device that is gone, and one that asks for a reset.
    fake.state().gone = true;
    assert_eq!(control.restart_receive(&mut queues[0].rx), Err(Error::Removed));
    fake.state().gone = false;
    fake.state().status |= 0x40;
    assert_eq!(control.restart_receive(&mut queues[0].rx), Err(Error::NeedsReset));
    assert_eq!(fake.state().queue_resets, 0);
    stop(&fake, device);
    stop(&other_fake, other);
}
