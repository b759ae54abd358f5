//! What the device does for a packet beside moving it: by type, so that who does not ask does not pay.
//!
//! - [`Received`]: a packet with the verdict on its checksums, its RSS hash, VLAN tag and more. A batch of these is
//!   filled by [`ReceiveQueue::receive_with_metadata`](crate::queue::ReceiveQueue::receive_with_metadata).
//! - [`Request`]: checksums and a VLAN tag to insert, a large packet to cut into segments, a time stamp to take.
//!   [`Request::apply`] checks it against a packet and makes it a [`Requested`]. A batch of these is sent by
//!   [`TransmitQueue::transmit_with_requests`](crate::queue::TransmitQueue::transmit_with_requests).
//!
//! Programs for any device ask for both through [`ReceiveMetadata`](crate::port::ReceiveMetadata) and
//! [`TransmitRequests`](crate::port::TransmitRequests). What a driver of another device needs is in [`drivers`].
//!
//! ```
//! use ixgbe::device::{Config, Device};
//! use ixgbe::offload::{Checksum, Request};
//! use ixgbe::packet::{Batch, Headers};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let [port, partner] = [0, 1].map(|_| ixgbe_sim::Port::new(Default::default()));
//! # ixgbe_sim::connect(&port, &partner);
//! # let start = |port: &ixgbe_sim::Port| {
//! #     let nic = Device::new(port.claim()?).reset(&Config::new().promiscuous(true))?;
//! #     Ok::<_, Box<dyn std::error::Error>>(nic.wait_for_link(std::time::Duration::from_secs(10))?.start()?)
//! # };
//! # let (mut sender, mut receiver) = (start(&port)?, start(&partner)?);
//! # let ((_, mut from), (_, mut to)) = (sender.split(), receiver.split());
//! # let mut frame = vec![];
//! # let udp = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(1, 2);
//! # udp.write(&mut frame, b"a payload of some bytes")?;
//! # frame[40..42].fill(0);
//! // A packet of UDP without checksums.
//! let packet = from[0].rx.pool().take_copy(&frame)?;
//! let headers = Headers::parse(&packet)?;
//! let request = Request::new().with_headers(headers).checksums();
//! let mut batch = Batch::with_capacity(32);
//! batch.push(request.apply(packet)?).map_err(|_| "the batch is full")?;
//! from[0].tx.transmit_with_requests(&mut batch)?;
//! # partner.run_until_idle(100); port.run_until_idle(100); partner.run_until_idle(100);
//!
//! let mut arrived = Batch::with_capacity(32);
//! assert_eq!(to[0].rx.receive_with_metadata(&mut arrived), 1);
//! assert_eq!(arrived[0].transport_checksum(), Checksum::Good);
//! # Ok(())
//! # }
//! ```

pub mod drivers;
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
