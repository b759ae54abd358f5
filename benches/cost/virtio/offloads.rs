//! What is counted of the VirtIO driver with offloads.

use std::sync::atomic::Ordering;

use ixgbe::offload::{Checksum, Received, Request, Requested};
use ixgbe::packet::{Batch, Headers, Network, Transport};
use ixgbe_virtio::queue::{ReceiveQueue, TransmitQueue};

use super::fake::{CSUM, FakeFunction, GUEST_CSUM};
use super::{DOORBELLS, Registers, Rig};
use crate::drive::{Counted, drive};
use crate::rows::Row;
use crate::traffic::at;
use crate::work::{Tcp, Touch, Work};

/// Flags of a header.
const NEEDS_CSUM: u8 = 1;
const DATA_VALID: u8 = 2;
/// Where a header has CSUM_START and CSUM_OFFSET, of which only the lower bytes are not 0 here.
const CSUM_START: usize = 6;
const CSUM_OFFSET: usize = 8;

#[inline(never)]
fn measured_virtio_metadata(rx: &mut ReceiveQueue<'_, Registers>, batch: &mut Batch<Received>) -> usize {
    rx.receive_with_metadata(batch).unwrap_or(0)
}

#[inline(never)]
fn measured_virtio_requests(
    tx: &mut TransmitQueue<'_, Registers, FakeFunction>,
    batch: &mut Batch<Requested>,
) -> usize {
    tx.transmit_with_requests(batch).unwrap_or(0)
}

/// Receives packets of which the device says that their checksum is right.
pub fn metadata<const PACKED: bool>(row: &Row) -> usize {
    let Rig { mut from, mut to, mut arriving, leaving } = Rig::start::<PACKED>(row, GUEST_CSUM);
    arriving.header[0] = DATA_VALID;
    let pools = from.pools();
    let ((_, mut from), (_, mut to)) = (from.split(), to.split());
    let (rx, tx) = (&mut from[0].rx, &mut to[0].tx);
    pools.iter().try_for_each(|pool| tx.attach(pool)).expect("memory can be mapped");
    let (mut received, mut batch) = (Batch::with_capacity(row.most), Batch::with_capacity(row.most));
    let mut doorbells = 0;
    let packets = drive::<Touch>(row, &mut [arriving], &mut [leaving], |_, counted| {
        let before = rx.doorbells();
        match counted {
            Counted::Yes => measured_virtio_metadata(rx, &mut received),
            Counted::No => rx.receive_with_metadata(&mut received).expect("the device keeps to the rules"),
        };
        if counted == Counted::Yes {
            doorbells += rx.doorbells() - before;
        }
        assert!(received.iter().all(|packet| packet.transport_checksum() == Checksum::Good), "metadata are wrong");
        batch.append(&mut received);
        Touch::on_batch(&mut batch);
        tx.transmit(&mut batch).expect("all can be sent");
        assert!(batch.is_empty(), "packets were left");
    });
    DOORBELLS.store(doorbells, Ordering::Relaxed);
    packets
}

/// Transmits packets of TCP with a request for the checksum of each.
pub fn requests<const PACKED: bool>(row: &Row) -> usize {
    let Rig { mut from, mut to, arriving, mut leaving } = Rig::start::<PACKED>(row, CSUM);
    leaving.header[0] = NEEDS_CSUM;
    leaving.header[CSUM_START] = at::TRANSPORT as u8;
    leaving.header[CSUM_OFFSET] = (at::TCP_CHECKSUM - at::TRANSPORT) as u8;
    let pools = from.pools();
    let ((_, mut from), (_, mut to)) = (from.split(), to.split());
    let (rx, tx) = (&mut from[0].rx, &mut to[0].tx);
    pools.iter().try_for_each(|pool| tx.attach(pool)).expect("memory can be mapped");
    let (mut received, mut batch) = (Batch::with_capacity(row.most), Batch::with_capacity(row.most));
    let headers = Headers::new(14, Network::Ipv4, 20, Some(Transport::Tcp), 20).expect("lengths that there are");
    let request = Request::new().with_headers(headers).transport_checksum();
    let mut doorbells = 0;
    let packets = drive::<Tcp>(row, &mut [arriving], &mut [leaving], |_, counted| {
        rx.receive(&mut received).expect("the device keeps to the rules");
        Tcp::on_batch(&mut received);
        for packet in received.drain(..) {
            batch.push(request.apply(packet).expect("headers of TCP")).expect("there is room");
        }
        let before = tx.doorbells();
        match counted {
            Counted::Yes => measured_virtio_requests(tx, &mut batch),
            Counted::No => tx.transmit_with_requests(&mut batch).expect("all can be sent"),
        };
        if counted == Counted::Yes {
            doorbells += tx.doorbells() - before;
        }
        assert!(batch.is_empty(), "packets were left");
    });
    DOORBELLS.store(doorbells, Ordering::Relaxed);
    packets
}
