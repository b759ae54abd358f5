//! What moves packets from one port to another.

use std::error::Error;

use ixgbe::offload::{Checksum, Received, Request, RequestRefusal, Requested};
use ixgbe::packet::{Batch, Headers};
use ixgbe::port::{ReceiveMetadata, TransmitError, TransmitRequests};

/// Packets on their way in one direction.
pub enum Way {
    /// As they are.
    Plain(Batch),
    /// Between metadata and requests.
    Offloads(Batch<Received>, Batch<Requested>),
}

impl Way {
    /// Makes batches of this many packets.
    pub fn new(batch: u16, offloads: bool) -> Self {
        let capacity = batch.into();
        match offloads {
            false => Self::Plain(Batch::with_capacity(capacity)),
            true => Self::Offloads(Batch::with_capacity(capacity), Batch::with_capacity(capacity)),
        }
    }

    /// Moves a batch from one queue to another, whatever their devices are. Returns `true` if any packet moved.
    pub fn forward(
        &mut self,
        from: &mut impl ReceiveMetadata,
        to: &mut impl TransmitRequests,
    ) -> Result<bool, Box<dyn Error>> {
        let mut received = 0;
        let sent = match self {
            Self::Plain(batch) => {
                received = from.receive(batch)?;
                sent(to.transmit(batch))?
            }
            Self::Offloads(arrived, leaving) => {
                if leaving.is_empty() {
                    received = from.receive_with_metadata(arrived)?;
                }
                for packet in arrived.drain(..) {
                    match requested(packet) {
                        // There is as much room as in the other batch.
                        Ok(packet) => _ = leaving.push(packet),
                        Err(reason) => eprintln!("note: {reason}"),
                    }
                }
                sent(to.transmit_with_requests(leaving))?
            }
        };
        Ok(received + sent > 0)
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
