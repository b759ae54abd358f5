//! What is counted of the VirtIO driver, over split and packed rings.
//!
//! The device is the one of the driver's tests, in memory. Between the calls it does what QEMU's would: it asks for a
//! doorbell when it has nothing left to do. Doorbells go nowhere, so that none of its work is counted.

#[path = "../../../virtio/tests/fake/mod.rs"]
mod fake;
mod offloads;

use std::sync::atomic::{AtomicU64, Ordering};

use ixgbe::packet::Batch;
use ixgbe_virtio::device::DriverOk;
use ixgbe_virtio::queue::{ReceiveQueue, TransmitQueue};
use ixgbe_virtio::{Config, Device};

use crate::calls::Part;
use crate::drive::{Counted, SEGMENT, Wire, drive};
use crate::rows::Row;
use crate::work::{Touch, Work};
use fake::{Fake, FakeFunction, FakeRegisters};

pub use offloads::{metadata, requests};

/// What QEMU offers without being asked, but for the control queue and the offloads, which have no part in most rows.
const OFFERED: u128 = fake::VERSION_1 | fake::MAC | fake::STATUS | fake::MRG_RXBUF | fake::EVENT_IDX;

type Registers = FakeRegisters<ixgbe_virtio::registers::notify::RegisterSpace>;

/// One end of a device: frames arrive in it, or leave it, each with the same header.
struct End {
    fake: Fake,
    header: [u8; 12],
    /// The beginning of the frame that arrives.
    frame: Vec<u8>,
}

/// A device that is live, and one like it.
struct Rig {
    from: Device<DriverOk, FakeFunction>,
    to: Device<DriverOk, FakeFunction>,
    arriving: End,
    leaving: End,
}

impl Rig {
    /// Starts devices that also offer these features.
    fn start<const PACKED: bool>(row: &Row, more: u128) -> Self {
        let start = || {
            let (fake, function) = Fake::new(OFFERED | more | if PACKED { fake::RING_PACKED } else { 0 });
            fake.state().is_deaf = true;
            fake.state().queues.iter_mut().for_each(|queue| queue.max = row.ring as u16);
            let config = Config::new().queue_sizes(row.ring as u16, row.ring as u16).receive_offloads(true);
            let config = if row.segments == 1 { config } else { config.buffer_size(SEGMENT) };
            let device = Device::new(function).expect("memory resets").bring_up(&config);
            let end = End { fake, header: [0; 12], frame: Vec::new() };
            (device.map_err(|failed| failed.error).expect("memory goes live"), end)
        };
        let ((from, arriving), (to, leaving)) = (start(), start());
        Self { from, to, arriving, leaving }
    }
}

impl Wire for End {
    fn room(&self) -> usize {
        self.fake.state().available(0)
    }

    fn fill(&mut self, bytes: &[u8], len: u16, end: bool) -> bool {
        let begin = self.frame.len();
        self.frame.extend(bytes);
        self.frame.resize(begin + usize::from(len), 0);
        if !end {
            return true;
        }
        let frame = std::mem::take(&mut self.frame);
        let mut state = self.fake.state();
        // The device itself counts the buffers, behind these.
        let header = self.header.first_chunk().expect("as many bytes");
        let is_written = state.write_frame_with(header, &frame).is_some();
        state.publish_used(0);
        is_written
    }

    fn send(&mut self, mut sent: impl FnMut(&[u8], bool)) {
        for (header, frame) in self.fake.sent_with_headers() {
            assert_eq!(header, self.header, "a frame has another header");
            sent(&frame, true);
        }
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

/// Forwards with a pool, between devices that also offer these features. Returns how many packets went through counted
/// calls.
fn run<W: Work, const PACKED: bool>(row: &Row, part: Part, more: u128) -> usize {
    let Rig { mut from, mut to, arriving, leaving } = Rig::start::<PACKED>(row, more);
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
    run::<Touch, PACKED>(row, Part::All, 0)
}

pub fn receive<const PACKED: bool>(row: &Row) -> usize {
    run::<Touch, PACKED>(row, Part::Receive, 0)
}

pub fn transmit<const PACKED: bool>(row: &Row) -> usize {
    run::<Touch, PACKED>(row, Part::Transmit, 0)
}

/// Receives where the driver completes checksums. None is partial, as in frames that come from a wire.
pub fn completed<const PACKED: bool>(row: &Row) -> usize {
    run::<Touch, PACKED>(row, Part::Receive, fake::GUEST_CSUM)
}

/// Returns how often the driver rings a doorbell per packet of a row: over split rings, and over packed ones.
pub fn doorbells(row: &Row) -> [f64; 2] {
    [row.driver, row.floor].map(|run| {
        let packets = run(row);
        DOORBELLS.load(Ordering::Relaxed) as f64 / packets as f64
    })
}
