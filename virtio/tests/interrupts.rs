//! MSI-X: which vectors the device is given, and that no packet is missed by a program that waits.

mod fake;

use fake::{ALL, EVENT_IDX, Fake, FakeFunction, NO_VECTOR, stop};
use ixgbe::packet::Batch;
use ixgbe::port::{InterruptSource, Receive};
use ixgbe_virtio::device::DriverOk;
use ixgbe_virtio::{Config, Device, Error};

fake::on_both_rings! {
    each_receive_queue_has_a_vector_and_the_configuration_the_one_behind,
    a_device_that_is_polled_has_no_vector,
    a_vector_that_the_device_does_not_take_is_an_error,
    an_interrupt_comes_once_it_was_asked_for,
    a_packet_that_comes_before_the_request_is_seen_after_it,
    no_packet_is_missed_by_a_program_that_sleeps,
    interrupts_that_never_come_do_not_stop_a_program_that_waits_with_a_limit,
}

type Live = Device<DriverOk, FakeFunction>;

fn config() -> Config {
    Config::new().queue_sizes(8, 8).interrupts(true)
}

fn live(offered: u128) -> (Fake, Live) {
    let (fake, function) = Fake::new(offered);
    let device = Device::new(function).unwrap();
    (fake, device.bring_up(&config()).unwrap())
}

/// Returns the vectors that were raised since the last call.
fn raised(fake: &Fake) -> Vec<u16> {
    std::mem::take(&mut fake.state().raised)
}

fn each_receive_queue_has_a_vector_and_the_configuration_the_one_behind(rings: u128) {
    let (fake, function) = Fake::with_pairs(ALL | rings, 3);
    let config = config().queue_pairs(3);
    assert_eq!(config.vectors(), 4);
    let mut device = Device::new(function).unwrap().bring_up(&config).unwrap();
    let vectors: Vec<_> = fake.state().queues.iter().map(|queue| queue.vector).collect();
    assert_eq!(vectors, [0, NO_VECTOR, 1, NO_VECTOR, 2, NO_VECTOR, NO_VECTOR]);
    assert_eq!(fake.state().config_vector, 3);
    let (control, queues) = device.split();
    assert_eq!(control.configuration_vector(), 3);
    assert_eq!(queues.iter().map(|pair| pair.rx.vector()).collect::<Vec<_>>(), [0, 1, 2]);
    fake.state().changed();
    assert_eq!(raised(&fake), [3]);
    stop(&fake, device);
}

fn a_device_that_is_polled_has_no_vector(rings: u128) {
    let (fake, function) = Fake::new(ALL | rings);
    let config = Config::new();
    assert_eq!(config.vectors(), 0);
    let mut device = Device::new(function).unwrap().bring_up(&config).unwrap();
    assert!(fake.state().queues.iter().all(|queue| queue.vector == NO_VECTOR));
    assert_eq!(fake.state().config_vector, NO_VECTOR);
    device.split().1[0].rx.enable_interrupt().unwrap();
    assert!(fake.deliver(&[7; 60]));
    fake.state().changed();
    assert_eq!(raised(&fake), []);
    stop(&fake, device);
}

fn a_vector_that_the_device_does_not_take_is_an_error(rings: u128) {
    let error = |vectors: u16, pairs: u16| {
        let (fake, function) = Fake::with_pairs(ALL | rings, 3);
        fake.state().vectors = vectors;
        let failed = Device::new(function).unwrap().bring_up(&config().queue_pairs(pairs)).unwrap_err();
        drop(failed.device.reset().unwrap());
        assert_eq!(fake.left(), (0, 0));
        failed.error
    };
    // The configuration's is set first, and has the highest number.
    let refused = error(0, 1);
    assert_eq!(refused, Error::VectorRefused { queue: None, vector: 1 });
    let text = "the device does not take MSI-X vector 1 for changes of its configuration: give it more vectors (QEMU: \
                `vectors=`), or poll";
    assert_eq!(refused.to_string(), text);
    assert_eq!(error(3, 3), Error::VectorRefused { queue: None, vector: 3 });
    // One without resources for a queue's alone.
    for queue in [0u16, 2, 4] {
        let (fake, function) = Fake::with_pairs(ALL | rings, 3);
        fake.state().refused_vector = Some(queue / 2);
        let error = Device::new(function).unwrap().bring_up(&config().queue_pairs(3)).unwrap_err().error;
        assert_eq!(error, Error::VectorRefused { queue: Some(queue), vector: queue / 2 });
        assert!(error.to_string().contains(&format!("vector {} for queue {queue}: ", queue / 2)), "{error}");
        assert_eq!(fake.left(), (0, 0));
    }
}

fn an_interrupt_comes_once_it_was_asked_for(rings: u128) {
    for offered in [ALL, ALL & !EVENT_IDX].map(|offered| offered | rings) {
        let (fake, mut device) = live(offered);
        let mut batch = Batch::with_capacity(8);
        let (_, mut queues) = device.split();
        let rx = &mut queues[0].rx;
        // The indices of 16 bits wrap.
        for round in 0..30_000 {
            // While the program polls, there is none.
            for _ in 0..2 {
                assert!(fake.deliver(&[7; 60]));
            }
            assert_eq!(raised(&fake), [], "{round}");
            assert_eq!(rx.receive(&mut batch), Ok(2));
            rx.enable_interrupt().unwrap();
            assert_eq!(rx.receive(&mut batch), Ok(0), "nothing is there");
            // It stays asked for when nothing came.
            rx.enable_interrupt().unwrap();
            assert!(fake.deliver(&[7; 60]));
            assert_eq!(raised(&fake), [0], "{round}");
            // With the event index, one is all: what comes before the program looks raises no other.
            if offered & EVENT_IDX != 0 {
                assert!(fake.deliver(&[7; 60]));
                assert_eq!(raised(&fake), [], "{round}");
                assert_eq!(rx.receive(&mut batch), Ok(2));
            } else {
                assert_eq!(rx.receive(&mut batch), Ok(1));
            }
            batch.clear();
        }
        stop(&fake, device);
    }
}

fn a_packet_that_comes_before_the_request_is_seen_after_it(rings: u128) {
    for offered in [ALL, ALL & !EVENT_IDX].map(|offered| offered | rings) {
        let (fake, mut device) = live(offered);
        let mut batch = Batch::with_capacity(8);
        let (_, mut queues) = device.split();
        let rx = &mut queues[0].rx;
        for _ in 0..100 {
            assert_eq!(rx.receive(&mut batch), Ok(0));
            // Between the look and the request: no interrupt comes, so the second look must find it.
            assert!(fake.deliver(&[7; 60]));
            assert_eq!(raised(&fake), []);
            rx.enable_interrupt().unwrap();
            assert_eq!(rx.receive(&mut batch), Ok(1));
            // Several packets at once raise one.
            rx.enable_interrupt().unwrap();
            {
                let mut state = fake.state();
                for _ in 0..3 {
                    state.write_frame(&[7; 60]).unwrap();
                }
                state.publish_used(0);
            }
            assert_eq!(raised(&fake), [0]);
            assert_eq!(rx.receive(&mut batch), Ok(3));
            batch.clear();
        }
        stop(&fake, device);
    }
}

// By the traits: each frame is seen by a look, or raises an interrupt, whenever it comes.
fn no_packet_is_missed_by_a_program_that_sleeps(rings: u128) {
    /// Returns `true` if the program goes to sleep. The device may deliver frames at each of three moments.
    fn sleeps(rx: &mut (impl Receive + InterruptSource), batch: &mut Batch, mut moment: impl FnMut()) -> bool {
        batch.clear();
        moment();
        if rx.receive(batch).unwrap() > 0 {
            return false;
        }
        moment();
        rx.enable_interrupt().unwrap();
        moment();
        rx.receive(batch).unwrap() == 0
    }
    for offered in [ALL, ALL & !EVENT_IDX].map(|offered| offered | rings) {
        let (fake, mut device) = live(offered);
        let (_, mut queues) = device.split();
        let rx = &mut queues[0].rx;
        let mut batch = Batch::with_capacity(8);
        let (mut delivered, mut received, mut slept) = (0usize, 0, 0);
        // Each way to deliver none, one or two frames at three moments and while it sleeps, again and again: the indices
        // of 16 bits wrap.
        for way in (0..81u32).cycle().take(81 * 500) {
            let mut ways = [way % 3, way / 3 % 3, way / 9 % 3, way / 27].into_iter();
            let mut deliver = || {
                for _ in 0..ways.next().unwrap() {
                    delivered += usize::from(fake.deliver(&[7; 60]));
                }
            };
            raised(&fake);
            if sleeps(rx, &mut batch, &mut deliver) {
                slept += 1;
                raised(&fake);
                deliver();
                // It is woken if there is anything.
                assert_eq!(raised(&fake).is_empty(), delivered == received, "{way}");
            }
            while rx.receive(&mut batch).unwrap() > 0 {}
            received += batch.len();
        }
        assert!(slept > 0 && delivered > 65_536, "{slept} sleeps, {delivered} frames");
        drop(batch);
        stop(&fake, device);
    }
}

fn interrupts_that_never_come_do_not_stop_a_program_that_waits_with_a_limit(rings: u128) {
    let (fake, mut device) = live(ALL | rings);
    let mut batch = Batch::with_capacity(8);
    fake.state().queues[0].vector = NO_VECTOR;
    let (_, mut queues) = device.split();
    queues[0].rx.enable_interrupt().unwrap();
    assert!(fake.deliver(&[7; 60]));
    assert_eq!(raised(&fake), []);
    // After the limit it looks again.
    assert_eq!(queues[0].rx.receive(&mut batch), Ok(1));
    batch.clear();
    stop(&fake, device);
}
