//! What is counted of the VirtIO driver, over split and packed rings.
//!
//! The device is the one of the driver's tests, in memory. Between the calls it does what QEMU's would: it asks for a
//! doorbell when it has nothing left to do. Doorbells go nowhere, so that none of its work is counted.

#[path = "../../../virtio/tests/fake/mod.rs"]
mod fake;

use std::sync::atomic::{AtomicU64, Ordering};

use ixgbe::packet::Batch;
use ixgbe_virtio::device::DriverOk;
use ixgbe_virtio::queue::{ReceiveQueue, TransmitQueue};
use ixgbe_virtio::{Config, Device};

use crate::calls::Part;
use crate::drive::{Counted, Wire, drive};
use crate::rows::Row;
use crate::work::{Touch, Work};
use fake::{Fake, FakeFunction, FakeRegisters};

/// What QEMU offers without being asked, but for the control queue, which has no part in this.
const OFFERED: u128 = fake::VERSION_1 | fake::MAC | fake::STATUS | fake::MRG_RXBUF | fake::EVENT_IDX;

type Registers = FakeRegisters<ixgbe_virtio::registers::notify::RegisterSpace>;

/// A device that is live, and one like it.
struct Rig {
    from: Device<DriverOk, FakeFunction>,
    to: Device<DriverOk, FakeFunction>,
    arriving: Fake,
    leaving: Fake,
}

impl Rig {
    fn start<const PACKED: bool>(row: &Row) -> Self {
        let start = || {
            let (fake, function) = Fake::new(OFFERED | if PACKED { fake::RING_PACKED } else { 0 });
            fake.state().is_deaf = true;
            fake.state().queues.iter_mut().for_each(|queue| queue.max = row.ring as u16);
            let config = Config::new().queue_sizes(row.ring as u16, row.ring as u16);
            let device = Device::new(function).expect("memory resets").bring_up(&config);
            (device.map_err(|failed| failed.error).expect("memory goes live"), fake)
        };
        let ((from, arriving), (to, leaving)) = (start(), start());
        Self { from, to, arriving, leaving }
    }
}

impl Wire for Fake {
    fn room(&self) -> usize {
        self.state().available(0)
    }

    fn fill(&mut self, bytes: &[u8], _len: u16, _end: bool) -> bool {
        self.deliver(bytes)
    }

    fn send(&mut self, mut sent: impl FnMut(&[u8], bool)) {
        self.sent().iter().for_each(|frame| sent(frame, true));
    }
}

#[inline(never)]
fn measured_virtio_receive(rx: &mut ReceiveQueue<'_, Registers>, batch: &mut Batch) -> usize {
    rx.receive(batch).unwrap_or(0)
}

#[inline(never)]
fn measured_virtio_transmit(tx: &mut TransmitQueue<'_, Registers, FakeFunction>, batch: &mut Batch) -> usize {
    tx.transmit(batch).unwrap_or(0)
}

#[inline(never)]
fn measured_virtio_forward<W: Work>(
    rx: &mut ReceiveQueue<'_, Registers>,
    tx: &mut TransmitQueue<'_, Registers, FakeFunction>,
    batch: &mut Batch,
) -> usize {
    _ = rx.receive(batch);
    W::on_batch(batch);
    tx.transmit(batch).unwrap_or(0)
}

/// How often a doorbell was rung in the counted calls of the last run.
static DOORBELLS: AtomicU64 = AtomicU64::new(0);

/// Forwards with a pool. Returns how many packets went through counted calls.
fn run<W: Work, const PACKED: bool>(row: &Row, part: Part) -> usize {
    let Rig { mut from, mut to, arriving, leaving } = Rig::start::<PACKED>(row);
    let pools = from.pools();
    let ((_, mut from), (_, mut to)) = (from.split(), to.split());
    let (rx, tx) = (&mut from[0].rx, &mut to[0].tx);
    pools.iter().try_for_each(|pool| tx.attach(pool)).expect("memory can be mapped");
    let mut batch = Batch::with_capacity(row.most);
    let mut doorbells = 0;
    let packets = drive::<W>(row, &mut [arriving], &mut [leaving], |_, counted| {
        let rung = |rx: &ReceiveQueue<'_, _>, tx: &TransmitQueue<'_, _, _>| match part {
            Part::All => rx.doorbells() + tx.doorbells(),
            Part::Receive => rx.doorbells(),
            Part::Transmit => tx.doorbells(),
        };
        let before = rung(rx, tx);
        match (counted, part) {
            (Counted::Yes, Part::All) => {
                measured_virtio_forward::<W>(rx, tx, &mut batch);
            }
            (Counted::Yes, Part::Receive) => {
                measured_virtio_receive(rx, &mut batch);
                W::on_batch(&mut batch);
                tx.transmit(&mut batch).expect("all can be sent");
            }
            _ => {
                rx.receive(&mut batch).expect("the device keeps to the rules");
                W::on_batch(&mut batch);
                match counted {
                    Counted::Yes => measured_virtio_transmit(tx, &mut batch),
                    Counted::No => tx.transmit(&mut batch).expect("all can be sent"),
                };
            }
        }
        assert!(batch.is_empty(), "packets were left");
        if counted == Counted::Yes {
            doorbells += rung(rx, tx) - before;
        }
    });
    DOORBELLS.store(doorbells, Ordering::Relaxed);
    packets
}

pub fn forward<const PACKED: bool>(row: &Row) -> usize {
    run::<Touch, PACKED>(row, Part::All)
}

pub fn receive<const PACKED: bool>(row: &Row) -> usize {
    run::<Touch, PACKED>(row, Part::Receive)
}

pub fn transmit<const PACKED: bool>(row: &Row) -> usize {
    run::<Touch, PACKED>(row, Part::Transmit)
}

/// Returns how often the driver rings a doorbell per packet of a row: over split rings, and over packed ones.
pub fn doorbells(row: &Row) -> [f64; 2] {
    [row.driver, row.floor].map(|run| {
        let packets = run(row);
        DOORBELLS.load(Ordering::Relaxed) as f64 / packets as f64
    })
}
