//! A device that keeps to the rules: bring-up, packets both ways, commands, and what is left behind.

mod fake;

use std::time::Duration;

use fake::{ALL, Fake, FakeFunction, stop};
use ixgbe::packet::{Batch, Packet};
use ixgbe::pool::Pool;
use ixgbe::port::{LinkStatus, Port, Receive, Refusal, Speed, Transmit, TransmitError};
use ixgbe_virtio::device::DriverOk;
use ixgbe_virtio::feature::{Feature, Features};
use ixgbe_virtio::queue::Failure;
use ixgbe_virtio::{Config, Device, Error};

fake::on_both_rings! {
    a_ring_that_few_packets_fill_finds_room_again,
    a_device_is_brought_up_in_the_order_of_the_specification,
    frames_arrive_as_they_were_sent_round_after_round,
    packets_are_sent_with_a_header_in_their_headroom,
    a_frame_that_was_received_is_sent_again_from_its_buffer,
    packets_without_room_stay_in_the_batch,
    packets_of_several_segments_and_without_headroom_are_sent,
    a_packet_can_fill_the_ring,
    what_cannot_be_sent_comes_back_and_the_rest_goes_on,
    frames_of_several_buffers_are_one_packet,
    buffers_may_come_back_in_any_order,
    frames_without_an_ethernet_header_are_counted_and_dropped,
    a_doorbell_is_rung_only_if_the_device_asks_for_it,
    commands_reach_the_device_if_their_feature_was_agreed_on,
    without_a_control_queue_there_are_no_commands,
    the_link_is_what_the_device_says,
    traffic_through_the_traits_is_the_same,
    packets_outlive_their_device,
}

type Live = Device<DriverOk, FakeFunction>;

/// Brings a device up. Its queues have 8 descriptors, so that they wrap soon.
fn live(offered: u128) -> (Fake, Live) {
    let (fake, function) = Fake::new(offered);
    let device = Device::new(function).unwrap();
    (fake, device.bring_up(&Config::new().queue_sizes(8, 8)).unwrap())
}

/// Returns how many packets it takes until a ring has wrapped often, with the indices of 16 bits that a split one has.
fn packets(rings: u128) -> usize {
    if rings == 0 { 70_000 } else { 7_000 }
}

/// Returns a frame that `number` tells from others.
fn frame(number: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + number * 13) as u8).collect()
}

fn bytes(packet: &Packet) -> Vec<u8> {
    packet.segments().collect::<Vec<_>>().concat()
}

fn a_device_is_brought_up_in_the_order_of_the_specification(rings: u128) {
    let (fake, function) = Fake::new(ALL | rings | fake::CTRL_VLAN | fake::GUEST_CSUM | 1 << 30);
    let device = Device::new(function).unwrap();
    let device = device.acknowledge().drive();
    assert!(device.offered().has(Feature::CtrlVlan) && device.offered().has(Feature::GuestCsum));
    let device = device.negotiate(&Config::new()).unwrap();
    assert_eq!(fake.state().accepted, ALL | rings, "what the driver makes use of, and nothing else");
    assert_eq!(device.terms().mac, [0x52, 0x54, 0, 0x12, 0x34, 0x56]);
    let device = device.start(&Config::new().promiscuous(true)).unwrap();
    assert_eq!(fake.state().statuses, [0, 1, 3, 0xb, 0xf]);
    assert_eq!(fake.state().commands, [[0, 0, 1]], "the receive mode is set, whatever it was");
    assert!(fake.state().doorbells.contains(&0), "the device was notified of the buffers");
    let sizes: Vec<_> = fake.state().queues.iter().map(|queue| (queue.size, queue.enabled)).collect();
    assert_eq!(sizes, [(256, true), (256, true), (4, true)]);
    stop(&fake, device);
}

fn frames_arrive_as_they_were_sent_round_after_round(rings: u128) {
    for offered in [ALL, ALL & !fake::EVENT_IDX, fake::VERSION_1] {
        let (fake, mut device) = live(offered | rings);
        let mut batch = Batch::with_capacity(5);
        let mut number = 0;
        while number < packets(rings) {
            let count = 1 + number % 7;
            let sent: Vec<_> = (0..count).map(|more| frame(number + more, 14 + (number + more) % 300)).collect();
            sent.iter().for_each(|frame| assert!(fake.deliver(frame)));
            let mut received = vec![];
            let (_, mut queues) = device.split();
            loop {
                if queues[0].rx.receive(&mut batch).unwrap() == 0 {
                    break;
                }
                received.extend(batch.iter().map(bytes));
                batch.clear();
            }
            assert_eq!(received, sent);
            number += count;
        }
        let counters = device.split().0.counters().unwrap();
        assert_eq!(counters.rx_packets, number as u64);
        stop(&fake, device);
    }
}

fn packets_are_sent_with_a_header_in_their_headroom(rings: u128) {
    for offered in [ALL, ALL & !fake::EVENT_IDX] {
        let (fake, mut device) = live(offered | rings);
        let pool = device.pools()[0].clone();
        let mut batch = Batch::with_capacity(8);
        let mut number = 0;
        while number < packets(rings) {
            let sent: Vec<_> =
                (0..1 + number % 8).map(|more| frame(number + more, 14 + (number + more) % 300)).collect();
            for frame in &sent {
                batch.push(pool.take_copy(frame).unwrap()).unwrap();
            }
            let (_, mut queues) = device.split();
            assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), sent.len());
            assert_eq!(fake.sent(), sent);
            number += sent.len();
        }
        // What is sent comes back when the queue looks.
        let (_, mut queues) = device.split();
        assert_eq!(queues[0].tx.reclaim(), Ok(0));
        stop(&fake, device);
    }
}

fn a_frame_that_was_received_is_sent_again_from_its_buffer(rings: u128) {
    let (fake, mut device) = live(ALL | rings);
    let mut batch = Batch::with_capacity(32);
    for number in 0..100 {
        assert!(fake.deliver(&frame(number, 60 + number)));
        let (_, mut queues) = device.split();
        assert_eq!(queues[0].rx.receive(&mut batch), Ok(1));
        let address = batch[0].as_ptr();
        assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 1);
        assert_eq!(fake.sent(), [frame(number, 60 + number)]);
        _ = address;
    }
    stop(&fake, device);
}

fn packets_without_room_stay_in_the_batch(rings: u128) {
    let (fake, mut device) = live(ALL | rings);
    let pool = device.pools()[0].clone();
    let mut batch = Batch::with_capacity(20);
    for number in 0..10 {
        batch.push(pool.take_copy(&frame(number, 60)).unwrap()).unwrap();
    }
    let (_, mut queues) = device.split();
    assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 8);
    assert_eq!(batch.len(), 2);
    assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 0);
    assert_eq!(fake.sent().len(), 8);
    // Sent packets make room, before the room is looked at.
    assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 2);
    assert_eq!(fake.sent(), [frame(8, 60), frame(9, 60)]);
    stop(&fake, device);
}

fn packets_of_several_segments_and_without_headroom_are_sent(rings: u128) {
    let (fake, mut device) = live(ALL | rings);
    let pool = device.pools()[0].clone();
    let mut batch = Batch::with_capacity(20);
    let mut joined = pool.take_copy(&frame(1, 700)).unwrap();
    joined.append_segment(pool.take_copy(&frame(2, 600)).unwrap()).unwrap();
    let expected = [frame(1, 700), frame(2, 600)].concat();
    let mut full = pool.take_copy(&frame(3, 100)).unwrap();
    let room = full.headroom();
    full.prepend(&frame(4, room - 3)).unwrap();
    let moved = bytes(&full);
    for packet in [pool.take_copy(&frame(0, 60)).unwrap(), joined, full, pool.take_copy(&frame(5, 60)).unwrap()] {
        batch.push(packet).unwrap();
    }
    let (_, mut queues) = device.split();
    assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 4);
    assert_eq!(fake.sent(), [frame(0, 60), expected, moved, frame(5, 60)]);
    stop(&fake, device);
}

fn a_packet_can_fill_the_ring(rings: u128) {
    for size in [1, 2, 8] {
        let (fake, function) = Fake::new(ALL | rings);
        fake.state().queues[1].max = size;
        let mut device = Device::new(function).unwrap().bring_up(&Config::new()).unwrap();
        let pools = [device.pools()[0].clone(), Pool::new(device.function(), 16, 2048).unwrap()];
        let (_, mut queues) = device.split();
        queues[0].tx.attach(&pools[1]).unwrap();
        for pool in [0, 1, 1, 0].map(|pool| &pools[pool]) {
            for apart in [0, 1] {
                // A header that has no room in the packet takes a descriptor.
                let mut packet = pool.take_copy(&frame(1, 60)).unwrap();
                packet.prepend(&vec![7; apart * 128]).unwrap();
                for _ in 1..size {
                    packet.append_segment(pool.take_copy(&frame(2, 60)).unwrap()).unwrap();
                }
                let (expected, mut batch) = (bytes(&packet), Batch::with_capacity(1));
                batch.push(packet).unwrap();
                match (queues[0].tx.transmit(&mut batch), apart) {
                    (Ok(1), 0) => assert_eq!(fake.sent(), [expected]),
                    (Err(Failure::Refused(refused)), 1) => {
                        let max = usize::from(size) - 1;
                        assert_eq!(refused.reason, Refusal::TooManySegments { count: max + 1, max });
                    }
                    (other, _) => panic!("{size} descriptors: {other:?}"),
                }
            }
        }
        stop(&fake, device);
        assert_eq!(pools[1].available(), 16);
    }
}

fn what_cannot_be_sent_comes_back_and_the_rest_goes_on(rings: u128) {
    let (fake, mut device) = live(ALL | rings);
    let pool = device.pools()[0].clone();
    let dma = Fake::new(ALL).1;
    let foreign = Pool::new(&dma, 4, 2048).unwrap();
    let mut batch = Batch::with_capacity(20);
    let empty = pool.take().unwrap();
    let long = pool.take_copy(&frame(0, 1519)).unwrap();
    let mut many = pool.take_copy(&frame(0, 60)).unwrap();
    for _ in 0..8 {
        many.append_segment(pool.take_copy(&[1]).unwrap()).unwrap();
    }
    let cases = [
        (empty, Refusal::Empty),
        (pool.take_copy(&[1; 13]).unwrap(), Refusal::TooShort { len: 13, min: 14 }),
        (long, Refusal::TooLong { len: 1519, max: 1518 }),
        (many, Refusal::TooManySegments { count: 9, max: 8 }),
        (foreign.take_copy(&frame(0, 60)).unwrap(), Refusal::NotAttached),
    ];
    for (packet, expected) in cases {
        for packet in [pool.take_copy(&frame(1, 60)).unwrap(), packet, pool.take_copy(&frame(2, 60)).unwrap()] {
            batch.push(packet).unwrap();
        }
        let (_, mut queues) = device.split();
        let refused = match Transmit::transmit(&mut queues[0].tx, &mut batch) {
            Err(TransmitError::Refused(refused)) => refused,
            other => panic!("{other:?}"),
        };
        assert_eq!((refused.reason, refused.sent, batch.len()), (expected, 1, 1));
        assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 1);
        assert_eq!(fake.sent(), [frame(1, 60), frame(2, 60)]);
    }
    let (_, mut queues) = device.split();
    queues[0].tx.attach(&foreign).unwrap();
    // The other device's memory is this one's, too, from now on.
    batch.push(foreign.take_copy(&frame(3, 60)).unwrap()).unwrap();
    assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 1);
    assert_eq!(fake.sent(), [frame(3, 60)]);
    stop(&fake, device);
    assert_eq!(foreign.available(), 4);
}

fn frames_of_several_buffers_are_one_packet(rings: u128) {
    let (fake, function) = Fake::new(ALL | rings | fake::MTU);
    fake.state().network[10..12].copy_from_slice(&9000u16.to_le_bytes());
    let mut device = Device::new(function).unwrap().bring_up(&Config::new().queue_sizes(16, 16)).unwrap();
    assert_eq!((device.terms().mtu, device.terms().buffer_size), (9000, 2048));
    let mut batch = Batch::with_capacity(32);
    for (number, len) in [60, 2036, 2037, 4084, 4085, 9014].into_iter().cycle().take(300).enumerate() {
        assert!(fake.deliver(&frame(number, len)));
        let (_, mut queues) = device.split();
        assert_eq!(queues[0].rx.receive(&mut batch), Ok(1));
        assert_eq!(batch[0].segment_count(), (len + 12).div_ceil(2048));
        assert_eq!(bytes(&batch[0]), frame(number, len));
        assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 1);
        assert_eq!(fake.sent(), [frame(number, len)]);
    }
    // The buffers of a frame become visible one after the other.
    let count = fake.state().write_frame(&frame(7, 9014)).unwrap();
    let (_, mut queues) = device.split();
    for _ in 1..count {
        fake.state().publish_some(0, 1);
        assert_eq!(queues[0].rx.receive(&mut batch), Ok(0));
    }
    fake.state().publish_some(0, 1);
    assert_eq!(queues[0].rx.receive(&mut batch), Ok(1));
    assert_eq!(bytes(&batch[0]), frame(7, 9014));
    batch.clear();
    stop(&fake, device);
}

fn buffers_may_come_back_in_any_order(rings: u128) {
    let (fake, mut device) = live(ALL | rings);
    let mut batch = Batch::with_capacity(32);
    for round in 0..1000 {
        {
            let mut state = fake.state();
            let mut taken: Vec<_> = std::iter::from_fn(|| state.next_available(0)).collect();
            let shift = round % taken.len().max(1);
            taken.rotate_left(shift);
            taken.reverse();
            for (head, parts) in taken {
                state.write_memory(parts[0].0, &[&[0u8; 10][..], &[1, 0], &frame(round, 60)].concat());
                state.push_used(0, head.into(), 72);
            }
            state.publish_used(0);
        }
        let (_, mut queues) = device.split();
        let received = queues[0].rx.receive(&mut batch).unwrap();
        assert!(received > 0 && batch.iter().all(|packet| bytes(packet) == frame(round, 60)));
        batch.clear();
    }
    stop(&fake, device);
}

fn frames_without_an_ethernet_header_are_counted_and_dropped(rings: u128) {
    let (fake, mut device) = live(ALL | rings);
    let mut batch = Batch::with_capacity(32);
    assert!(fake.deliver(&[]) && fake.deliver(&frame(0, 13)) && fake.deliver(&frame(1, 14)));
    let (_, mut queues) = device.split();
    assert_eq!(queues[0].rx.receive(&mut batch), Ok(1));
    assert_eq!(bytes(&batch[0]), frame(1, 14));
    batch.clear();
    let counters = device.split().0.counters().unwrap();
    assert_eq!((counters.rx_packets, &counters.rx_dropped[..]), (3, &[("short", 2), ("bad header", 0)][..]));
    stop(&fake, device);
}

fn a_doorbell_is_rung_only_if_the_device_asks_for_it(rings: u128) {
    let (fake, mut device) = live(ALL | rings);
    let pool = device.pools()[0].clone();
    let mut batch = Batch::with_capacity(8);
    let mut send = |device: &mut Live| {
        batch.push(pool.take_copy(&frame(0, 60)).unwrap()).unwrap();
        let (_, mut queues) = device.split();
        assert_eq!(queues[0].tx.transmit(&mut batch).unwrap(), 1);
        queues[0].tx.doorbells()
    };
    assert_eq!(send(&mut device), 1);
    // The device has not looked yet, so it needs no second doorbell.
    assert_eq!(send(&mut device), 1);
    assert_eq!(fake.sent().len(), 2);
    assert_eq!(send(&mut device), 2);
    stop(&fake, device);
}

fn commands_reach_the_device_if_their_feature_was_agreed_on(rings: u128) {
    let (fake, function) = Fake::new(ALL | rings | fake::CTRL_VLAN);
    let mac = [2, 0, 0, 0, 0, 9];
    let config = Config::new().vlan_filter(true).mac(mac);
    let mut device = Device::new(function).unwrap().bring_up(&config).unwrap();
    fake.state().commands.clear();
    let (mut control, _) = device.split();
    control.set_promiscuous(false).unwrap();
    control.set_all_multicast(true).unwrap();
    control.add_vlan(5).unwrap();
    control.remove_vlan(5).unwrap();
    control.set_mac_table(&[[2; 6]], &[]).unwrap();
    let unsupported = control.announced().unwrap_err();
    assert_eq!(unsupported, Error::Unsupported { feature: Features::of(Feature::GuestAnnounce) });
    let table = vec![1, 0, 1, 0, 0, 0, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0];
    let expected = [vec![0, 0, 0], vec![0, 1, 1], vec![2, 0, 5, 0], vec![2, 1, 5, 0], table];
    assert_eq!(fake.state().commands, expected);
    // A device that refuses, and one that does not answer.
    fake.state().answer = Some(1);
    assert_eq!(control.add_vlan(6), Err(Error::Refused { command: "receive a VLAN" }));
    fake.state().answer = None;
    assert!(matches!(control.add_vlan(7), Err(Error::TimedOut { waited, .. }) if waited >= Duration::from_secs(1)));
    let before = fake.state().commands.len();
    assert!(matches!(control.add_vlan(8), Err(Error::TimedOut { .. })));
    assert_eq!(fake.state().commands.len(), before, "the memory of the first is still the device's");
    stop(&fake, device);
}

fn without_a_control_queue_there_are_no_commands(rings: u128) {
    // QEMU offers CTRL_RX without the queue that it needs.
    let (fake, mut device) = live(fake::VERSION_1 | rings | fake::CTRL_RX | fake::CTRL_MAC_ADDR);
    assert_eq!(fake.state().accepted, fake::VERSION_1 | rings);
    let error = device.split().0.set_promiscuous(true).unwrap_err();
    assert_eq!(error.to_string(), "this needs the feature CTRL_RX, which was not agreed on");
    let mac = device.terms().mac;
    assert_eq!(mac[0] & 3, 2, "a device without an address has a local one: {mac:02x?}");
    stop(&fake, device);
}

fn the_link_is_what_the_device_says(rings: u128) {
    let (fake, mut device) = live(ALL | rings);
    let mut link = || device.split().0.link();
    assert_eq!(link(), LinkStatus::Up(Some(Speed::GBIT_10)));
    fake.state().network[12..16].fill(0xff);
    assert_eq!(link(), LinkStatus::Up(None));
    fake.state().network[6] = 0;
    assert_eq!(link(), LinkStatus::Down);
    fake.state().network[6] = 1;
    fake.state().generation_runs = true;
    assert_eq!(link(), LinkStatus::Down, "a configuration that changes all the time says nothing");
    fake.state().generation_runs = false;
    fake.state().gone = true;
    assert_eq!(link(), LinkStatus::Down);
    assert_eq!(device.split().0.counters().unwrap_err(), Error::Removed);
    fake.state().gone = false;
    stop(&fake, device);
    let (_fake, mut device) = live(fake::VERSION_1 | rings);
    assert_eq!(device.split().0.link(), LinkStatus::Up(None), "without STATUS the link is up");
}

fn traffic_through_the_traits_is_the_same(rings: u128) {
    fn forward(port: &mut impl Port, batch: &mut Batch) -> usize {
        let (_, mut queues) = port.split();
        let pair = &mut queues[0];
        pair.rx.receive(batch).unwrap();
        pair.tx.transmit(batch).unwrap()
    }
    let (fake, mut device) = live(ALL | rings);
    assert!(fake.deliver(&frame(3, 99)));
    assert_eq!(forward(&mut device, &mut Batch::with_capacity(4)), 1);
    assert_eq!(fake.sent(), [frame(3, 99)]);
    stop(&fake, device);
}

fn packets_outlive_their_device(rings: u128) {
    let (fake, mut device) = live(ALL | rings);
    let mut batch = Batch::with_capacity(4);
    assert!(fake.deliver(&frame(3, 99)));
    device.split().1[0].rx.receive(&mut batch).unwrap();
    let pool = device.pools().remove(0);
    drop(device);
    assert_eq!(fake.state().statuses.last(), Some(&0), "a device that is dropped is reset");
    assert_eq!(bytes(&batch[0]), frame(3, 99));
    assert_eq!(pool.available(), pool.capacity() - 1);
    batch.clear();
    assert_eq!(pool.available(), pool.capacity());
    assert_eq!(fake.state().violations, [""; 0]);
}

// Three packets fill the ring but for one descriptor. They are too few to be looked for, and so is the one that waits.
fn a_ring_that_few_packets_fill_finds_room_again(rings: u128) {
    let (fake, function) = Fake::new(ALL | rings);
    let config = Config::new().queue_sizes(16, 16);
    let mut device = Device::new(function).unwrap().bring_up(&config).map_err(|failed| failed.error).unwrap();
    let pool = device.pools()[0].clone();
    let packet = || {
        let mut packet = pool.take_copy(&[7; 60]).unwrap();
        (0..4).for_each(|_| packet.append_segment(pool.take_copy(&[8; 60]).unwrap()).unwrap());
        packet
    };
    let mut batch = ixgbe::packet::Batch::with_capacity(4);
    (0..4).for_each(|_| batch.push(packet()).unwrap());
    {
        let (_, mut queues) = device.split();
        let tx = &mut queues[0].tx;
        assert_eq!(tx.transmit(&mut batch).unwrap(), 3);
        assert_eq!(tx.transmit(&mut batch).unwrap(), 0);
        assert_eq!(fake.sent().len(), 3);
        let sent: usize = (0..3).map(|_| tx.transmit(&mut batch).unwrap()).sum();
        assert_eq!(sent, 1);
        assert_eq!(fake.sent().len(), 1);
    }
    drop(device.stop().unwrap());
    assert_eq!(fake.state().violations, [""; 0]);
}
