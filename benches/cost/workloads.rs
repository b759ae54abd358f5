//! What is counted: the calls of a user of the crate, in functions that are never inlined and so have names.

use ixgbe::device::{Config, Control, Device};
use ixgbe::packet::{Batch, Packet};
use ixgbe::pool::Pool;
use ixgbe::port::{Receive, Transmit};
use ixgbe::queue::{InPlaceForwarder, OwnedReceiveQueue, OwnedTransmitQueue, ReceiveQueue, Route, TransmitQueue};
use ixgbe::registers::{EITR, InterruptVector};
use ixgbe::{index, value};

use crate::floor::{InPlaceFloor, PoolFloor, RING};
use crate::plain::{Addresses, Plain, Player};
use crate::{FRAME, PACKETS, TOUCHED};

#[inline(never)]
pub fn measured_rx(rx: &mut ReceiveQueue<'_, Plain>, batch: &mut Batch) -> usize {
    rx.receive(batch)
}

#[inline(never)]
pub fn measured_tx(tx: &mut TransmitQueue<'_, Plain>, batch: &mut Batch) -> usize {
    tx.transmit(batch).unwrap_or(0)
}

#[inline(never)]
pub fn measured_forward(
    rx: &mut ReceiveQueue<'_, Plain>,
    tx: &mut TransmitQueue<'_, Plain>,
    batch: &mut Batch,
) -> usize {
    rx.receive(batch);
    for packet in &mut *batch {
        packet[TOUCHED] ^= 1;
    }
    tx.transmit(batch).unwrap_or(0)
}

#[inline(never)]
pub fn measured_in_place(ports: &mut InPlaceForwarder<'_, '_, '_, Plain>, batch: usize) -> usize {
    let forwarded = ports.forward(batch, |packet| {
        packet[TOUCHED] ^= 1;
        Route::Output(0)
    });
    forwarded.sent
}

/// A frame that differs from its neighbours.
pub fn frame(number: usize) -> [u8; FRAME] {
    let mut frame = [0x5a; FRAME];
    frame[TOUCHED] = number as u8;
    frame
}

/// Lets `batch` packets after `first` arrive.
pub fn arrive(player: &mut Player, first: usize, batch: usize) {
    for number in first..first + batch {
        assert!(player.arrive(&frame(number)), "no buffer for packet {number}");
    }
}

/// Sends everything, which must be `batch` packets after `first`, with `changed` in the touched byte.
pub fn sent(player: &mut Player, first: usize, batch: usize, changed: u8) {
    let mut number = first;
    player.send(usize::MAX, |bytes, end| {
        assert!(end && bytes.len() == FRAME && bytes[TOUCHED] == number as u8 ^ changed, "packet {number} is wrong");
        number += 1;
    });
    assert_eq!(number - first, batch, "packets were lost");
}

/// What may be switched on, or be different, when packets are forwarded by batches: the name here, and in words.
pub const FEATURES: [(&str, &str); 7] = [
    ("plain", "nothing"),
    ("rss", "RSS over two queues, each called for half of the packets"),
    ("interrupt", "the interrupt of the queue enabled anew after each call"),
    ("scattered", "memory in pages that lie apart for the device (huge pages without an IOMMU)"),
    ("pools", "packets of two pools by turns"),
    ("moved", "a header of 4 bytes put in front of each packet"),
    ("segments", "frames of three buffers each, for one frame"),
];

/// Forwards with `feature`, `batch_len` packets a call: what callgrind sees.
pub fn run_feature(feature: &str, batch_len: usize) {
    let addresses = if feature == "scattered" { Addresses::Scattered } else { Addresses::Identity };
    let config = match feature {
        "rss" => Config::new().queue_pairs(2),
        "segments" => Config::new().max_frame(9018).buffer_size(1024).pool_buffers(4096),
        _ => Config::new(),
    };
    let (mut a, wire_a) = Plain::start(addresses, &config);
    let (mut b, wire_b) = Plain::start(addresses, &config);
    let pools: Vec<Pool> = a.pools().chain(b.pools()).cloned().collect();
    pools.iter().try_for_each(|pool| b.attach(pool)).expect("plain memory can be mapped");
    let (mut control, mut pairs_a) = a.split();
    let (_, mut pairs_b) = b.split();
    if feature == "interrupt" {
        control.set_up_interrupts(std::time::Duration::from_micros(100)).expect("the values fit");
    }
    let queues = pairs_a.len();
    let mut wires: Vec<_> = (0..queues).map(|queue| (wire_a.of_queue(queue), wire_b.of_queue(queue))).collect();
    let mut batch = Batch::with_capacity(batch_len);
    for (turn, first) in (0..PACKETS).step_by(batch_len).enumerate() {
        let queue = turn % queues;
        let (rx, tx) = (&mut pairs_a[queue].rx, &mut pairs_b[queue].tx);
        let (wire_a, wire_b) = &mut wires[queue];
        if feature == "segments" {
            for number in first..first + batch_len {
                let bytes = [number as u8; 1024];
                assert!(wire_a.fill(&bytes, 1024, false) && wire_a.fill(&bytes, 1024, false), "no buffer");
                assert!(wire_a.arrive(&frame(number)), "no buffer for packet {number}");
            }
        } else {
            arrive(wire_a, first, batch_len);
        }
        if feature == "pools" {
            // Every other packet is replaced by one of the other pool, beside the count.
            measured_rx(rx, &mut batch);
            batch.iter_mut().skip(1).step_by(2).for_each(|packet| *packet = copy(packet, &pools[1]));
            measured_touch_and_send(tx, &mut batch);
        } else if feature == "moved" {
            measured_push(rx, tx, &mut batch);
        } else {
            measured_forward(rx, tx, &mut batch);
            if feature == "interrupt" {
                measured_interrupt(rx);
            }
        }
        assert_eq!(batch.len(), 0, "packets were left");
        let mut count = 0;
        wire_b.send(usize::MAX, |_, end| count += usize::from(end));
        assert_eq!(count, batch_len, "packets were lost");
    }
}

/// A packet of `pool` with the bytes of `packet`.
fn copy(packet: &Packet, pool: &Pool) -> Packet {
    let mut copy = pool.take().expect("a free buffer");
    copy.extend_from_slice(packet).expect("room for a frame");
    copy
}

#[inline(never)]
pub fn measured_touch_and_send(tx: &mut TransmitQueue<'_, Plain>, batch: &mut Batch) -> usize {
    for packet in &mut *batch {
        packet[TOUCHED] ^= 1;
    }
    tx.transmit(batch).unwrap_or(0)
}

#[inline(never)]
pub fn measured_push(rx: &mut ReceiveQueue<'_, Plain>, tx: &mut TransmitQueue<'_, Plain>, batch: &mut Batch) -> usize {
    rx.receive(batch);
    for packet in &mut *batch {
        // There is room: nothing was put there before.
        _ = packet.prepend(&[0x81, 0, 0, 1]);
    }
    tx.transmit(batch).unwrap_or(0)
}

#[inline(never)]
pub fn measured_interrupt(rx: &mut ReceiveQueue<'_, Plain>) {
    rx.enable_interrupt();
}

/// How often a register is accessed to count what an access costs.
pub const ACCESSES: usize = 1000;

#[inline(never)]
pub fn measured_typed(control: &Control<'_, Plain>, vector: InterruptVector, times: usize) -> u32 {
    let registers = control.registers();
    let mut sum = 0;
    for _ in 0..times {
        sum ^= registers.status().read().get();
        registers.eitr(vector).modify(value!(EITR { ITR_INTERVAL: 5 }));
    }
    sum
}

#[inline(never)]
pub fn measured_raw(bar: *mut u8, vector: usize, times: usize) -> u32 {
    let mut sum = 0;
    for _ in 0..times {
        // SAFETY: the BAR is plain memory, longer than these offsets: of STATUS, and of the first EITRs.
        unsafe {
            sum ^= bar.add(0x8).cast::<u32>().read_volatile();
            let eitr = bar.add(0x820 + vector * 4).cast::<u32>();
            // As the typed access does: what is reserved is kept.
            eitr.write_volatile(eitr.read_volatile() & !0xff8 | 5 << 3);
        }
    }
    sum
}

#[inline(never)]
pub fn measured_owned(
    rx: &mut OwnedReceiveQueue<Plain>,
    tx: &mut OwnedTransmitQueue<Plain>,
    batch: &mut Batch,
) -> usize {
    if rx.receive(batch).is_err() {
        return 0;
    }
    for packet in &mut *batch {
        packet[TOUCHED] ^= 1;
    }
    tx.transmit(batch).unwrap_or(0)
}

/// Forwards with owned queues: what callgrind sees.
pub fn run_owned(batch_len: usize) {
    let (a, mut wire_a) = Plain::start(Addresses::Identity, &Config::new());
    let (mut b, mut wire_b) = Plain::start(Addresses::Identity, &Config::new());
    let pool = a.pools().next().expect("a pool for the queue").clone();
    b.attach(&pool).expect("plain memory can be mapped");
    let [(_a, mut from), (_b, mut to)] = [a, b].map(Device::into_split);
    let mut batch = Batch::with_capacity(batch_len);
    for first in (0..PACKETS).step_by(batch_len) {
        arrive(&mut wire_a, first, batch_len);
        let moved = measured_owned(&mut from[0].rx, &mut to[0].tx, &mut batch);
        sent(&mut wire_b, first, batch_len, 1);
        assert_eq!(moved, batch_len, "packets were left");
    }
}

/// Reads a register and modifies another, typed or raw: what callgrind sees.
pub fn run_accesses(how: &str) {
    let (mut nic, player) = Plain::start(Addresses::Identity, &Config::new());
    let vector = index!(InterruptVector, 3);
    let (control, _) = nic.split();
    let result = match how {
        "typed" => measured_typed(&control, vector, ACCESSES),
        _ => measured_raw(player.rings().1, vector.get(), ACCESSES),
    };
    assert_eq!(result, 0, "an even number of times the same");
}

/// Forwards by hand, as the floor of `shape` does: what callgrind sees.
pub fn run_floor(shape: &str, batch_len: usize) {
    let config = Config::new().rx_descriptors(RING).tx_descriptors(RING);
    let [(_a, mut wire_a), (_b, mut wire_b)] = [(); 2].map(|()| Plain::start(Addresses::Identity, &config));
    let mut pool = PoolFloor::new(&wire_a, &wire_b);
    let mut in_place = InPlaceFloor::new(&wire_a, &wire_b);
    for first in (0..PACKETS).step_by(batch_len) {
        arrive(&mut wire_a, first, batch_len);
        let moved = match shape {
            "pool" => measured_pool_floor(&mut pool, batch_len),
            _ => measured_in_place_floor(&mut in_place, batch_len),
        };
        sent(&mut wire_b, first, batch_len, 1);
        assert_eq!(moved, batch_len, "packets were left");
    }
}

#[inline(never)]
fn measured_pool_floor(floor: &mut PoolFloor, batch_len: usize) -> usize {
    floor.forward(batch_len)
}

#[inline(never)]
fn measured_in_place_floor(floor: &mut InPlaceFloor, batch_len: usize) -> usize {
    floor.forward(batch_len)
}

/// Runs one workload: what callgrind sees.
pub fn run(call: &str, batch_len: usize) {
    let (mut a, mut wire_a) = Plain::start(Addresses::Identity, &Config::new());
    let (mut b, mut wire_b) = Plain::start(Addresses::Identity, &Config::new());
    let pool = a.pools().next().expect("a pool for the queue").clone();
    b.attach(&pool).expect("plain memory can be mapped");
    let (_, mut pairs_a) = a.split();
    let (_, mut pairs_b) = b.split();
    let (rx, tx) = (&mut pairs_a[0].rx, &mut pairs_b[0].tx);
    let mut batch = Batch::with_capacity(batch_len);
    for first in (0..PACKETS).step_by(batch_len) {
        let moved = match call {
            "rx" => {
                arrive(&mut wire_a, first, batch_len);
                let moved = measured_rx(rx, &mut batch);
                for (number, packet) in (first..).zip(&batch) {
                    assert!(**packet == frame(number), "packet {number} is wrong");
                }
                batch.clear();
                moved
            }
            "tx" => {
                for number in first..first + batch_len {
                    let mut packet = pool.take().expect("a free buffer");
                    packet.extend_from_slice(&frame(number)).expect("room for a frame");
                    batch.push(packet).expect("room in the batch");
                }
                let moved = measured_tx(tx, &mut batch);
                sent(&mut wire_b, first, batch_len, 0);
                moved
            }
            "forward" => {
                arrive(&mut wire_a, first, batch_len);
                let moved = measured_forward(rx, tx, &mut batch);
                sent(&mut wire_b, first, batch_len, 1);
                moved
            }
            "in_place" => {
                arrive(&mut wire_a, first, batch_len);
                let mut ports =
                    InPlaceForwarder::new(rx, std::slice::from_mut(tx)).expect("plain memory can be mapped");
                let moved = measured_in_place(&mut ports, batch_len);
                sent(&mut wire_b, first, batch_len, 1);
                moved
            }
            other => panic!("there is no call {other}"),
        };
        assert_eq!((moved, batch.len()), (batch_len, 0), "packets were left");
    }
}
