//! Several queue pairs: how many there are, which queue is which, and devices that lie about both.

mod fake;

use std::time::Duration;

use fake::{ALL, Fake, FakeFunction, MQ, stop};
use ixgbe::packet::Batch;
use ixgbe_virtio::device::DriverOk;
use ixgbe_virtio::feature::Feature;
use ixgbe_virtio::{Config, Device, Error};

fake::on_both_rings! {
    each_pair_receives_and_sends_what_is_its_own,
}

type Live = Device<DriverOk, FakeFunction>;

fn config(pairs: u16) -> Config {
    Config::new().queue_sizes(8, 8).queue_pairs(pairs)
}

/// Brings up a device that has `had` pairs with `asked` of them.
fn live(had: u16, asked: u16) -> (Fake, Live) {
    live_on(0, had, asked)
}

fn live_on(rings: u128, had: u16, asked: u16) -> (Fake, Live) {
    let (fake, function) = Fake::with_pairs(ALL | rings, had);
    (fake, Device::new(function).unwrap().bring_up(&config(asked)).unwrap())
}

fn error(change: impl Fn(&mut fake::State), had: u16, config: &Config) -> Error<std::fmt::Error> {
    let (fake, function) = Fake::with_pairs(ALL, had);
    change(&mut fake.state());
    let failed = Device::new(function).unwrap().bring_up(config).unwrap_err();
    // It can be reset, and nothing is left behind.
    drop(failed.device.reset().unwrap());
    assert_eq!(fake.left(), (0, 0));
    failed.error
}

fn each_pair_receives_and_sends_what_is_its_own(rings: u128) {
    for (had, asked) in [(2, 2), (4, 4), (8, 3), (200, 2)] {
        let (fake, mut device) = live_on(rings, had, asked);
        let terms = device.terms();
        assert_eq!((terms.queue_pairs, terms.max_queue_pairs), (asked, had));
        // The receive mode and the pairs are commands: the control queue is behind all pairs of the device.
        assert_eq!(fake.state().commands, [[4, 0, asked as u8, 0].to_vec(), vec![0, 0, 0]]);
        assert_eq!(fake.state().used_pairs, asked);
        let enabled: Vec<_> = fake.state().queues.iter().map(|queue| queue.enabled).collect();
        let expected: Vec<_> = (0..=2 * had).map(|queue| queue < 2 * asked || queue == 2 * had).collect();
        assert_eq!(enabled, expected);
        let mut batch = Batch::with_capacity(4);
        for round in 0..30 {
            for pair in 0..asked {
                assert!(fake.deliver_to(pair, &[pair as u8, round, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
            }
            let (_, mut queues) = device.split();
            assert_eq!(queues.len(), usize::from(asked));
            for pair in 0..asked {
                // What one pair received, the next one sends.
                let next = (pair + 1) % asked;
                assert_eq!(queues[usize::from(pair)].rx.receive(&mut batch), Ok(1));
                assert_eq!(batch[0][..2], [pair as u8, round]);
                assert_eq!(queues[usize::from(next)].tx.transmit(&mut batch).unwrap(), 1);
                assert_eq!(fake.sent_on(next)[0][..2], [pair as u8, round]);
            }
        }
        let counters = device.split().0.counters().unwrap();
        assert_eq!((counters.rx_packets, counters.tx_packets), (30 * u64::from(asked), 30 * u64::from(asked)));
        assert_eq!(device.pools().len(), usize::from(asked));
        stop(&fake, device);
    }
}

#[test]
fn pairs_can_be_driven_by_threads() {
    let (fake, mut device) = live(4, 4);
    let (_control, queues) = device.split();
    std::thread::scope(|scope| {
        for (pair, mut queue) in (0..4u16).zip(queues) {
            let fake = fake.clone();
            scope.spawn(move || {
                let mut batch = Batch::with_capacity(4);
                for _ in 0..100 {
                    assert!(fake.deliver_to(pair, &[pair as u8; 60]));
                    assert_eq!(queue.rx.receive(&mut batch), Ok(1));
                    assert_eq!(queue.tx.transmit(&mut batch).unwrap(), 1);
                    assert_eq!(fake.sent_on(pair), [[pair as u8; 60]]);
                }
            });
        }
    });
    stop(&fake, device);
}

#[test]
fn one_pair_is_as_without_the_feature() {
    // The device has more, but MQ is not accepted: the control queue is the third.
    let (fake, device) = live(4, 1);
    assert_eq!(fake.state().accepted & MQ, 0);
    assert!(fake.state().queues[2].enabled && !fake.state().queues[8].enabled);
    assert_eq!(fake.state().commands, [[0, 0, 0]]);
    assert_eq!((device.terms().queue_pairs, device.terms().max_queue_pairs), (1, 1));
    stop(&fake, device);
}

#[test]
fn more_pairs_than_there_are_is_an_error_that_names_both_numbers() {
    assert_eq!(error(|_| {}, 4, &config(5)), Error::QueuePairs { asked: 5, had: 4 });
    assert_eq!(error(|_| {}, 4, &config(u16::MAX)), Error::QueuePairs { asked: u16::MAX, had: 4 });
    assert_eq!(error(|_| {}, 4, &config(0)), Error::QueuePairs { asked: 0, had: 1 });
    // Without MQ, or what it needs, there is one.
    assert_eq!(error(|state| state.offered &= !MQ, 4, &config(2)), Error::QueuePairs { asked: 2, had: 1 });
    let without = error(|state| state.offered &= !fake::CTRL_VQ, 4, &config(2));
    assert_eq!(without, Error::QueuePairs { asked: 2, had: 1 });
    assert!(without.to_string().starts_with("cannot set up 2 queue pairs: the device has 1 (QEMU: `mq=on`"));
    let mut left_out = config(2).without(Feature::Mq);
    assert_eq!(error(|_| {}, 4, &left_out), Error::QueuePairs { asked: 2, had: 1 });
    left_out = left_out.require(Feature::Mq);
    assert!(matches!(error(|_| {}, 4, &left_out), Error::NotOffered { .. }));
}

#[test]
fn numbers_of_pairs_that_no_device_has_are_errors() {
    for pairs in [0, 0x8000, u16::MAX] {
        let lie = |state: &mut fake::State| state.network[8..10].copy_from_slice(&pairs.to_le_bytes());
        assert_eq!(error(lie, 4, &config(2)), Error::BadQueuePairs { pairs });
    }
    // More pairs than queues: what is missing is named.
    let lie = |state: &mut fake::State| state.network[8..10].copy_from_slice(&0x7fffu16.to_le_bytes());
    assert_eq!(error(lie, 4, &config(2)), Error::NoQueue { queue: 0xfffe });
    assert_eq!(error(lie, 4, &config(5)), Error::NoQueue { queue: 9 });
    for (left, asked, missing) in [(8, 4, 8), (7, 4, 7), (3, 2, 3), (1, 2, 1)] {
        let lie = |state: &mut fake::State| state.queues.truncate(left);
        assert_eq!(error(lie, 4, &config(asked)), Error::NoQueue { queue: missing });
    }
    // The queues are counted, but have no descriptors.
    let lie = |state: &mut fake::State| state.queues[6].max = 0;
    assert_eq!(error(lie, 4, &config(4)), Error::NoQueue { queue: 6 });
}

#[test]
fn a_device_that_does_not_take_the_pairs_is_an_error() {
    let refused = error(|state| state.answer = Some(1), 4, &config(4));
    assert_eq!(refused, Error::Refused { command: "use several queue pairs" });
    let silent = error(|state| state.answer = None, 4, &config(4));
    assert!(matches!(silent, Error::TimedOut { waited, .. } if waited >= Duration::from_secs(1)), "{silent}");
}
