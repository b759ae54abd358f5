//! What the device does for a packet beside moving it: by type, so that who does not ask does not pay.
//!
//! - [`Received`]: a packet with the verdict on its checksums, its RSS hash, VLAN tag and more. A batch of these is
//!   filled by [`ReceiveQueue::receive_with_metadata`](crate::queue::ReceiveQueue::receive_with_metadata).
//! - [`Request`]: checksums and a VLAN tag to insert, a large packet to cut into segments, a time stamp to take.
//!   [`Request::apply`] checks it against a packet and makes it a [`Requested`]. A batch of these is sent by
//!   [`TransmitQueue::transmit_with_requests`](crate::queue::TransmitQueue::transmit_with_requests).
//!
//! ```
//! use ixgbe::offload::{Request, Requested};
//! use ixgbe::packet::{Batch, Headers, Packet};
//!
//! /// Adds `packet` to `batch`. The device is to insert the checksums of IP and TCP or UDP.
//! fn add(packet: Packet, batch: &mut Batch<Requested>) -> Result<(), Box<dyn std::error::Error>> {
//!     let headers = Headers::parse(&packet)?;
//!     let requested = Request::new().with_headers(headers).checksums().apply(packet)?;
//!     batch.push(requested).map_err(|_| "the batch is full".into())
//! }
//! ```

mod received;
mod request;
mod requested;
mod vlan;

pub(crate) use received::Arrival;
pub use received::{Checksum, FlowDirectorReport, Hashed, PacketType, Received, RssHash};
pub use request::{Request, RequestRefusal, RequestRefused};
pub(crate) use requested::PackedContext;
pub use requested::Requested;
pub use vlan::VlanTag;
