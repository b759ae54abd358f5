//! Queues of any network device.

use ixgbe::packet::{Batch, Packet};
use ixgbe::pool::Pool;
use ixgbe::port::{AttachError, Receive, Transmit, TransmitError};
use smoltcp::phy::DeviceCapabilities;
use smoltcp::wire::{EthernetFrame, EthernetProtocol};

use crate::{BATCH, Counters, Frame, Queues, sealed};

/// Queues of any network device. The stack computes all checksums.
#[derive(Debug)]
pub struct Plain<R, T> {
    rx: R,
    tx: T,
    /// In reverse order.
    arrived: Batch,
    kept: Batch,
}

impl<R: Receive, T: Transmit> Plain<R, T> {
    /// Uses these queues.
    pub fn new(rx: R, tx: T) -> Self {
        Self { rx, tx, arrived: Batch::with_capacity(BATCH), kept: Batch::with_capacity(1) }
    }
}

/// Returns 1 for an IP packet, of which the stack computes at least one checksum.
fn is_ip(frame: &[u8]) -> u64 {
    let kind = EthernetFrame::new_checked(frame).map(|frame| frame.ethertype());
    u64::from(matches!(kind, Ok(EthernetProtocol::Ipv4 | EthernetProtocol::Ipv6)))
}

impl<R: Receive, T: Transmit> Queues for Plain<R, T> {}

impl<R: Receive, T: Transmit> sealed::Queues for Plain<R, T> {
    fn attach(&mut self, pool: &Pool) -> Result<(), AttachError> {
        self.tx.attach(pool)
    }

    fn describe(&self, _longest: usize, _capabilities: &mut DeviceCapabilities) {}

    fn receive(&mut self, counters: &mut Counters) -> Option<Frame> {
        // A ring that is its device's has no packets now.
        if self.arrived.is_empty() && self.rx.receive(&mut self.arrived).is_ok() {
            self.arrived.reverse();
        }
        let packet = self.arrived.pop()?;
        counters.rx_by_software += is_ip(&packet);
        Some(packet.into())
    }

    fn send(&mut self, packet: Packet, _segment: Option<u16>, counters: &mut Counters) {
        counters.tx_by_software += is_ip(&packet);
        counters.tx_dropped += u64::from(self.kept.push(packet).is_err());
        self.advance(counters);
    }

    fn is_clear(&self) -> bool {
        self.kept.is_empty()
    }

    fn advance(&mut self, counters: &mut Counters) {
        let refused = matches!(self.tx.transmit(&mut self.kept), Err(TransmitError::Refused(_)));
        counters.tx_dropped += u64::from(refused);
    }
}
