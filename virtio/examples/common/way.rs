//! What moves packets from one port to another.

use std::error::Error;

use ixgbe::offload::{Checksum, Received, Request, RequestRefusal, Requested};
use ixgbe::packet::{Batch, Headers};
use ixgbe::port::{Receive, ReceiveMetadata, Transmit, TransmitError, TransmitRequests};

/// Packets on their way in one direction: as they are, or between metadata and requests.
pub struct Way {
    plain: Batch,
    arrived: Batch<Received>,
    leaving: Batch<Requested>,
}

impl Way {
    /// Makes batches of this many packets.
    pub fn new(batch: u16) -> Self {
        let capacity = batch.into();
        let (arrived, leaving) = (Batch::with_capacity(capacity), Batch::with_capacity(capacity));
        Self { plain: Batch::with_capacity(capacity), arrived, leaving }
    }

    /// Moves a batch from one port to another, whatever devices they are. Returns `true` if any packet moved.
    pub fn forward(&mut self, from: &mut impl Receive, to: &mut impl Transmit) -> Result<bool, Box<dyn Error>> {
        let received = from.receive(&mut self.plain)?;
        Ok(received + sent(to.transmit(&mut self.plain))? > 0)
    }

    /// As [`forward`](Self::forward), with what was left of checksums and segments.
    pub fn forward_offloads(
        &mut self,
        from: &mut impl ReceiveMetadata,
        to: &mut impl TransmitRequests,
    ) -> Result<bool, Box<dyn Error>> {
        let mut received = 0;
        if self.leaving.is_empty() {
            received = from.receive_with_metadata(&mut self.arrived)?;
        }
        for packet in self.arrived.drain(..) {
            match requested(packet) {
                // There is as much room as in the other batch.
                Ok(packet) => _ = self.leaving.push(packet),
                Err(reason) => eprintln!("note: {reason}"),
            }
        }
        Ok(received + sent(to.transmit_with_requests(&mut self.leaving))? > 0)
    }
}

/// Returns the number of packets that were sent or refused. A refused one has left the batch, and is dropped here.
fn sent(result: Result<usize, TransmitError>) -> Result<usize, TransmitError> {
    match result {
        Err(TransmitError::Refused(refused)) => {
            eprintln!("note: {refused}");
            Ok(refused.sent + 1)
        }
        other => other,
    }
}

/// Requests for a packet what was left of its checksums and segments.
fn requested(received: Received) -> Result<Requested, RequestRefusal> {
    let segment = received.segment_size();
    if segment.is_none() && received.transport_checksum() != Checksum::Partial {
        return Ok(received.into_packet().into());
    }
    let request = Request::new().with_headers(Headers::parse(&received)?);
    let request = match segment {
        Some(size) => request.segments(size.get()),
        None => request.transport_checksum(),
    };
    request.apply(received.into_packet()).map_err(|refused| refused.reason)
}
