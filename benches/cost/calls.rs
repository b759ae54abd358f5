//! What is counted of the driver: calls of a user of the crate, in functions named `measured_*` that are never inlined.
//!
//! Calls that do not count have closures of their own, so that they share no code with those that do.

use ixgbe::device::{Config, Control, Device};
use ixgbe::offload::{Received, Request, Requested, VlanTag};
use ixgbe::packet::{Batch, Headers, Network, Packet};
use ixgbe::pool::Pool;
use ixgbe::port::{Receive, Transmit};
use ixgbe::queue::{InPlaceForwarder, OwnedReceiveQueue, OwnedTransmitQueue, ReceiveQueue, Route, TransmitQueue};
use ixgbe::registers::{EITR, InterruptVector};
use ixgbe::{index, value};

use crate::drive::{Counted, Rig, drive};
use crate::plain::{Addresses, Plain};
use crate::rows::Row;
use crate::work::{Byte, Ipv4, Touch, Work};

#[inline(never)]
pub fn measured_receive(rx: &mut ReceiveQueue<'_, Plain>, batch: &mut Batch) -> usize {
    rx.receive(batch)
}

#[inline(never)]
pub fn measured_transmit(tx: &mut TransmitQueue<'_, Plain>, batch: &mut Batch) -> usize {
    tx.transmit(batch).unwrap_or(0)
}

#[inline(never)]
fn measured_metadata(rx: &mut ReceiveQueue<'_, Plain>, batch: &mut Batch<Received>) -> usize {
    rx.receive_with_metadata(batch)
}

#[inline(never)]
fn measured_requests(tx: &mut TransmitQueue<'_, Plain>, batch: &mut Batch<Requested>) -> usize {
    tx.transmit_with_requests(batch).unwrap_or(0)
}

#[inline(never)]
pub fn measured_forward<W: Work>(
    rx: &mut ReceiveQueue<'_, Plain>,
    tx: &mut TransmitQueue<'_, Plain>,
    batch: &mut Batch,
) -> usize {
    rx.receive(batch);
    W::on_batch(batch);
    tx.transmit(batch).unwrap_or(0)
}

#[inline(never)]
fn measured_outputs(
    rx: &mut ReceiveQueue<'_, Plain>,
    tx: &mut [TransmitQueue<'_, Plain>],
    batch: &mut Batch,
    outgoing: &mut [Batch],
) {
    rx.receive(batch);
    for mut packet in batch.drain(..) {
        if let Route::Output(output) = Byte::decide(&mut packet)
            && let Some(batch) = outgoing.get_mut(output)
        {
            // Dropped if there is no room, and there is.
            _ = batch.push(packet);
        }
    }
    for (tx, batch) in tx.iter_mut().zip(outgoing) {
        if !batch.is_empty() {
            _ = tx.transmit(batch);
        }
    }
}

#[inline(never)]
pub fn measured_in_place<W: Work>(forwarder: &mut InPlaceForwarder<'_, '_, '_, Plain>, most: usize) -> usize {
    forwarder.forward(most, |packet| W::decide(packet)).sent
}

#[inline(never)]
fn measured_owned(rx: &mut OwnedReceiveQueue<Plain>, tx: &mut OwnedTransmitQueue<Plain>, batch: &mut Batch) -> usize {
    if rx.receive(batch).is_err() {
        return 0;
    }
    Touch::on_batch(batch);
    tx.transmit(batch).unwrap_or(0)
}

/// Which part of forwarding with a pool is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    All,
    Receive,
    Transmit,
}

/// Forwards with a pool: each of `row.queues` by turns to the first output.
fn pool_part<W: Work>(row: &Row, part: Part) -> usize {
    let Rig { mut from, mut to, mut arriving, mut leaving } = Rig::start(row);
    from.pools().try_for_each(|pool| to.attach(pool)).expect("plain memory can be mapped");
    let ((_, mut rx, _), (_, _, mut tx)) = (from.split_queues(), to.split_queues());
    let tx = &mut tx[0];
    let mut batch = Batch::with_capacity(row.most);
    drive::<W>(row, &mut arriving, &mut leaving, |queue, counted| {
        let rx = &mut rx[queue];
        match part {
            Part::All if counted == Counted::Yes => {
                measured_forward::<W>(rx, tx, &mut batch);
            }
            Part::Receive if counted == Counted::Yes => {
                measured_receive(rx, &mut batch);
                W::on_batch(&mut batch);
                tx.transmit(&mut batch).expect("all can be sent");
            }
            _ => {
                rx.receive(&mut batch);
                W::on_batch(&mut batch);
                match counted {
                    Counted::Yes => measured_transmit(tx, &mut batch),
                    Counted::No => tx.transmit(&mut batch).expect("all can be sent"),
                };
            }
        }
        assert!(batch.is_empty(), "packets were left");
    })
}

pub fn pool<W: Work>(row: &Row) -> usize {
    pool_part::<W>(row, Part::All)
}

pub fn pool_receive(row: &Row) -> usize {
    pool_part::<Touch>(row, Part::Receive)
}

pub fn pool_transmit(row: &Row) -> usize {
    pool_part::<Touch>(row, Part::Transmit)
}

/// Receives with metadata.
pub fn metadata(row: &Row) -> usize {
    let Rig { mut from, mut to, mut arriving, mut leaving } = Rig::start(row);
    from.pools().try_for_each(|pool| to.attach(pool)).expect("plain memory can be mapped");
    let ((_, mut rx, _), (_, _, mut tx)) = (from.split_queues(), to.split_queues());
    let (mut received, mut batch) = (Batch::with_capacity(row.most), Batch::with_capacity(row.most));
    drive::<Touch>(row, &mut arriving, &mut leaving, |queue, counted| {
        match counted {
            Counted::Yes => measured_metadata(&mut rx[queue], &mut received),
            Counted::No => rx[queue].receive_with_metadata(&mut received),
        };
        batch.append(&mut received);
        Touch::on_batch(&mut batch);
        tx[0].transmit(&mut batch).expect("all can be sent");
        assert!(batch.is_empty(), "packets were left");
    })
}

/// Transmits with a request for the checksum of each IPv4 header, and a tag that is one of `row.pools` by turns.
pub fn requests(row: &Row) -> usize {
    let Rig { mut from, mut to, mut arriving, mut leaving } = Rig::start(row);
    from.pools().try_for_each(|pool| to.attach(pool)).expect("plain memory can be mapped");
    let ((_, mut rx, _), (_, _, mut tx)) = (from.split_queues(), to.split_queues());
    let (mut received, mut batch) = (Batch::with_capacity(row.most), Batch::with_capacity(row.most));
    let headers = Headers::new(14, Network::Ipv4, 20, None, 0).expect("lengths that there are");
    let mut choice = row.choice();
    drive::<Ipv4>(row, &mut arriving, &mut leaving, |queue, counted| {
        rx[queue].receive(&mut received);
        Ipv4::on_batch(&mut received);
        for packet in received.drain(..) {
            let request = Request::new().vlan(VlanTag::from_bits(choice() as u16)).with_headers(headers).ip_checksum();
            batch.push(request.apply(packet).expect("an IPv4 header")).expect("there is room");
        }
        match counted {
            Counted::Yes => measured_requests(&mut tx[0], &mut batch),
            Counted::No => tx[0].transmit_with_requests(&mut batch).expect("all can be sent"),
        };
        assert!(batch.is_empty(), "packets were left");
    })
}

/// With a batch per output.
pub fn pool_outputs(row: &Row) -> usize {
    let Rig { mut from, mut to, mut arriving, mut leaving } = Rig::start(row);
    from.pools().try_for_each(|pool| to.attach(pool)).expect("plain memory can be mapped");
    let ((_, mut rx, _), (_, _, mut tx)) = (from.split_queues(), to.split_queues());
    let mut batch = Batch::with_capacity(row.most);
    let mut outgoing: Vec<_> = (0..row.outputs).map(|_| Batch::with_capacity(row.most)).collect();
    drive::<Byte>(row, &mut arriving, &mut leaving, |queue, counted| {
        let rx = &mut rx[queue];
        if counted == Counted::Yes {
            measured_outputs(rx, &mut tx, &mut batch, &mut outgoing);
        } else {
            rx.receive(&mut batch);
            while let Some(mut packet) = batch.pop_front() {
                if let Route::Output(output) = Byte::decide(&mut packet) {
                    outgoing[output].push(packet).expect("room in the batch");
                }
            }
            for (tx, batch) in tx.iter_mut().zip(&mut outgoing) {
                tx.transmit(batch).expect("all can be sent");
            }
        }
        assert!(outgoing.iter().all(|batch| batch.is_empty()), "packets were left");
    })
}

/// With packets of `row.pools` pools: before they are transmitted, those that are not of the first are replaced,
/// uncounted.
fn pools(row: &Row, receive_counts: bool) -> usize {
    let Rig { mut from, mut to, mut arriving, mut leaving } = Rig::start(row);
    let others: Vec<_> = (1..row.pools).map(|_| Plain::new(row.addresses).0).collect();
    let mut pools: Vec<Pool> = from.pools().cloned().collect();
    pools.extend(others.iter().map(|other| Pool::new(other, 2 * row.ring, 2048).expect("memory for a pool")));
    pools.iter().try_for_each(|pool| to.attach(pool)).expect("plain memory can be mapped");
    let ((_, mut rx, _), (_, _, mut tx)) = (from.split_queues(), to.split_queues());
    let (rx, tx) = (&mut rx[0], &mut tx[0]);
    let mut batch = Batch::with_capacity(row.most);
    let mut choice = row.choice();
    drive::<Touch>(row, &mut arriving, &mut leaving, |_, counted| {
        match counted {
            Counted::Yes if receive_counts => measured_receive(rx, &mut batch),
            _ => rx.receive(&mut batch),
        };
        for packet in &mut batch {
            Touch::decide(packet);
            match choice() {
                0 => {}
                other => *packet = copy(packet, &pools[other]),
            }
        }
        match counted {
            Counted::Yes => measured_transmit(tx, &mut batch),
            Counted::No => tx.transmit(&mut batch).expect("all can be sent"),
        };
        assert!(batch.is_empty(), "packets were left");
    })
}

pub fn pools_forward(row: &Row) -> usize {
    pools(row, true)
}

pub fn pools_transmit(row: &Row) -> usize {
    pools(row, false)
}

/// A packet of `pool` with the bytes of `packet`.
fn copy(packet: &Packet, pool: &Pool) -> Packet {
    let mut copy = pool.take().expect("a free buffer");
    copy.extend_from_slice(packet).expect("room for a frame");
    copy
}

/// Forwards in place, to any number of outputs.
pub fn in_place<W: Work>(row: &Row) -> usize {
    let Rig { mut from, mut to, mut arriving, mut leaving } = Rig::start(row);
    let ((_, mut rx, _), (_, _, mut tx)) = (from.split_queues(), to.split_queues());
    let mut forwarder = InPlaceForwarder::new(&mut rx[0], &mut tx).expect("plain memory can be mapped");
    drive::<W>(row, &mut arriving, &mut leaving, |_, counted| {
        match counted {
            Counted::Yes => measured_in_place::<W>(&mut forwarder, row.most),
            Counted::No => {
                let decide: &mut dyn FnMut(&mut [u8]) -> Route = &mut W::decide;
                forwarder.forward(row.most, decide).sent
            }
        };
    })
}

/// Forwards with owned queues.
pub fn owned(row: &Row) -> usize {
    let Rig { from, mut to, mut arriving, mut leaving } = Rig::start(row);
    from.pools().try_for_each(|pool| to.attach(pool)).expect("plain memory can be mapped");
    let [(_from, mut from), (_to, mut to)] = [from, to].map(Device::into_split);
    let mut batch = Batch::with_capacity(row.most);
    drive::<Touch>(row, &mut arriving, &mut leaving, |_, counted| {
        if counted == Counted::Yes {
            measured_owned(&mut from[0].rx, &mut to[0].tx, &mut batch);
        } else {
            from[0].rx.receive(&mut batch).expect("the device runs");
            Touch::on_batch(&mut batch);
            to[0].tx.transmit(&mut batch).expect("all can be sent");
        }
    })
}

/// How often a register is accessed to count what an access costs.
const ACCESSES: usize = 1000;

#[inline(never)]
fn measured_typed(control: &Control<'_, Plain>, vector: InterruptVector, times: usize) -> u32 {
    let registers = control.registers();
    let mut sum = 0;
    for _ in 0..times {
        sum ^= registers.status().read().get();
        registers.eitr(vector).modify(value!(EITR { ITR_INTERVAL: 5 }));
    }
    sum
}

#[inline(never)]
fn measured_raw(bar: *mut u8, vector: usize, times: usize) -> u32 {
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

/// Reads a register and modifies another. Returns how often.
pub fn typed_accesses(_: &Row) -> usize {
    let (mut nic, _player) = Plain::start(Addresses::Identity, &Config::new());
    let (control, _) = nic.split();
    assert_eq!(measured_typed(&control, index!(InterruptVector, 3), ACCESSES), 0, "an even number of times the same");
    ACCESSES
}

/// Reads a register and modifies another by hand. Returns how often.
pub fn raw_accesses(_: &Row) -> usize {
    let (_nic, player) = Plain::start(Addresses::Identity, &Config::new());
    assert_eq!(measured_raw(player.rings().1, 3, ACCESSES), 0, "an even number of times the same");
    ACCESSES
}
