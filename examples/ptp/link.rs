//! What a port of a PTP instance sends and waits with.

use std::error::Error;
use std::hint::spin_loop;
use std::time::Instant;

use ixgbe::device::TransmitStamp;
use ixgbe::offload::Request;
use ixgbe::packet::Batch;
use ixgbe::platform::AnyPlatform;
use ixgbe::pool::Pool;
use ixgbe::queue::QueuePair;
use statime::port::{PortAction, PortActionIterator, TimestampContext};
use statime::time::Time;

use super::clock::{SharedControl, time};

/// The multicast address and the EtherType of PTP over Ethernet.
const DESTINATION: [u8; 6] = [0x01, 0x1b, 0x19, 0, 0, 0];
pub const ETHER_TYPE: [u8; 2] = [0x88, 0xf7];
/// The length of an Ethernet header, and of the shortest frame without its CRC.
pub const HEADER: usize = 14;
const SHORTEST: usize = 60;

/// The timers of a port. The last one is for the choice of the best master.
#[derive(Clone, Copy)]
pub enum Timer {
    Announce,
    Sync,
    DelayRequest,
    AnnounceReceipt,
    FilterUpdate,
    BestMaster,
}

/// What a port sends and waits with.
pub struct Link<'c, 'a> {
    pub control: &'c SharedControl<'a>,
    pub queues: QueuePair<'a, AnyPlatform>,
    pub pool: Pool,
    /// When each timer expires.
    pub due: [Option<Instant>; 6],
}

impl Link<'_, '_> {
    /// Sends a message. Returns the time at which it left, if it is to have a stamp and the device took one.
    fn send(&mut self, message: &[u8], stamped: bool) -> Result<Option<Time>, Box<dyn Error>> {
        let mut control = self.control.borrow_mut();
        let mut packet = self.pool.take_copy(&[&DESTINATION[..], &control.mac(), &ETHER_TYPE, message].concat())?;
        packet.resize(packet.len().max(SHORTEST), 0)?;
        let (mut clock, mut request) = (control.ptp().ok_or("PTP is off")?, Request::new());
        if stamped {
            clock.request_transmit_stamp()?;
            request = request.time_stamp();
        }
        let mut batch = Batch::with_capacity(1);
        batch.push(request.apply(packet)?).map_err(|_| "the batch is full")?;
        self.queues.tx.transmit_with_requests(&mut batch)?;
        loop {
            match clock.transmit_stamp()? {
                TransmitStamp::Pending => spin_loop(),
                TransmitStamp::Taken(sent) => return Ok(Some(time(sent))),
                TransmitStamp::NotRequested | TransmitStamp::Lost => return Ok(None),
            }
        }
    }

    /// Does what the port asks for. Returns the time stamp of the message that it sent, if there is one.
    pub fn perform(
        &mut self,
        actions: PortActionIterator<'_>,
    ) -> Result<Option<(TimestampContext, Time)>, Box<dyn Error>> {
        let mut sent = None;
        for action in actions {
            let (timer, duration) = match action {
                PortAction::SendEvent { context, data, .. } => {
                    sent = self.send(data, true)?.map(|time| (context, time));
                    continue;
                }
                PortAction::SendGeneral { data, .. } => {
                    self.send(data, false)?;
                    continue;
                }
                PortAction::ResetAnnounceTimer { duration } => (Timer::Announce, duration),
                PortAction::ResetSyncTimer { duration } => (Timer::Sync, duration),
                PortAction::ResetDelayRequestTimer { duration } => (Timer::DelayRequest, duration),
                PortAction::ResetAnnounceReceiptTimer { duration } => (Timer::AnnounceReceipt, duration),
                PortAction::ResetFilterUpdateTimer { duration } => (Timer::FilterUpdate, duration),
                PortAction::ForwardTLV { .. } => continue,
            };
            self.due[timer as usize] = Some(Instant::now() + duration);
        }
        Ok(sent)
    }

    /// Returns `true` if the timer has expired, and stops it.
    pub fn is_due(&mut self, timer: Timer) -> bool {
        self.due[timer as usize].take_if(|at| *at <= Instant::now()).is_some()
    }
}
