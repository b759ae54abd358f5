//! A port of a PTP instance of the crate `statime`: its messages over Ethernet, its time stamps and its timers.

use std::error::Error;
use std::hint::spin_loop;
use std::time::Instant;

use ixgbe::device::{PtpMessage, TransmitStamp};
use ixgbe::offload::{Received, Request};
use ixgbe::packet::Batch;
use ixgbe::platform::AnyPlatform;
use ixgbe::pool::Pool;
use ixgbe::queue::QueuePair;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use statime::PtpInstance;
use statime::config::{
    AcceptAnyMaster, ClockIdentity, DelayMechanism, InstanceConfig, PortConfig, PtpMinorVersion, SdoId,
    TimePropertiesDS, TimeSource,
};
use statime::port::{NoForwardedTLVs, Port, PortAction, PortActionIterator, Running, TimestampContext};
use statime::time::{Duration, Interval, Time};

use super::clock::{NotingFilter, Offsets, PortClock, SharedControl, time};

/// The multicast address and the EtherType of PTP over Ethernet.
const DESTINATION: [u8; 6] = [0x01, 0x1b, 0x19, 0, 0, 0];
const ETHER_TYPE: [u8; 2] = [0x88, 0xf7];
/// The length of an Ethernet header, and of the shortest frame without its CRC.
const HEADER: usize = 14;
const SHORTEST: usize = 60;
/// The time between two messages of the same kind.
const INTERVAL: Interval = Interval::from_log_2(-4);

/// The timers of a port. The last one is for the choice of the best master.
#[derive(Clone, Copy)]
enum Timer {
    Announce,
    Sync,
    DelayRequest,
    AnnounceReceipt,
    FilterUpdate,
    BestMaster,
}

/// What a port sends and waits with.
struct Link<'c, 'a> {
    control: &'c SharedControl<'a>,
    queues: QueuePair<'a, AnyPlatform>,
    pool: Pool,
    /// When each timer expires.
    due: [Option<Instant>; 6],
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
    fn perform(&mut self, actions: PortActionIterator<'_>) -> Result<Option<(TimestampContext, Time)>, Box<dyn Error>> {
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
    fn is_due(&mut self, timer: Timer) -> bool {
        self.due[timer as usize].take_if(|at| *at <= Instant::now()).is_some()
    }
}

/// A clock of the network: an instance with one port.
pub type Instance = PtpInstance<NotingFilter>;

/// Returns the instance of the port with the address `mac`: a master, or one that never becomes a master.
pub fn instance(mac: [u8; 6], is_master: bool) -> Instance {
    let config = InstanceConfig {
        clock_identity: ClockIdentity::from_mac_address(mac),
        // The crate compares a slave's priority with the master's as well: this is the lowest.
        priority_1: if is_master { 128 } else { 255 },
        priority_2: 128,
        domain_number: 0,
        sdo_id: SdoId::default(),
        slave_only: !is_master,
        path_trace: false,
    };
    Instance::new(config, TimePropertiesDS::new_arbitrary_time(false, false, TimeSource::InternalOscillator))
}

type PtpPort<'c, 'a> = Port<'c, Running, AcceptAnyMaster, SmallRng, PortClock<'c, 'a>, NotingFilter>;

/// A port of an instance.
pub struct Node<'c, 'a> {
    instance: &'c Instance,
    port: PtpPort<'c, 'a>,
    link: Link<'c, 'a>,
}

impl<'c, 'a> Node<'c, 'a> {
    /// Makes the port of `instance`. That of a master announces itself more often than the standard's default.
    pub fn new(
        instance: &'c Instance,
        control: &'c SharedControl<'a>,
        queues: QueuePair<'a, AnyPlatform>,
        pool: Pool,
        offsets: Offsets,
    ) -> Result<Self, Box<dyn Error>> {
        let is_master = !instance.default_ds().slave_only;
        let config = PortConfig {
            acceptable_master_list: AcceptAnyMaster,
            delay_mechanism: DelayMechanism::E2E { interval: INTERVAL },
            announce_interval: if is_master { INTERVAL } else { Interval::TWO_SECONDS },
            announce_receipt_timeout: 3,
            sync_interval: INTERVAL,
            master_only: is_master,
            delay_asymmetry: Duration::ZERO,
            minor_ptp_version: PtpMinorVersion::One,
        };
        let random = SmallRng::seed_from_u64(u64::from(is_master));
        let port = instance.add_port(config, offsets, PortClock(control), random);
        let mut link = Link { control, queues, pool, due: [None; 6] };
        let (port, actions) = port.end_bmca();
        link.perform(actions)?;
        link.due[Timer::BestMaster as usize] = Some(Instant::now());
        Ok(Self { instance, port, link })
    }

    /// Returns the delay of the link as it is estimated, in nanoseconds.
    pub fn delay(&self) -> i64 {
        self.port.port_current_ds_contribution().map_or(0, |estimate| estimate.mean_delay.nanos_rounded() as i64)
    }

    /// Gives the port the time stamp of the message that it sent, and does what it asks for then.
    fn follow_up(&mut self, mut sent: Option<(TimestampContext, Time)>) -> Result<(), Box<dyn Error>> {
        while let Some((context, time)) = sent {
            sent = self.link.perform(self.port.handle_send_timestamp(context, time))?;
        }
        Ok(())
    }

    /// Handles the packets that have arrived and the timers that have expired.
    pub fn poll(mut self) -> Result<Self, Box<dyn Error>> {
        let mut batch = Batch::with_capacity(32);
        self.link.queues.rx.receive_with_metadata(&mut batch);
        batch.drain(..).try_for_each(|packet| self.receive(&packet))?;
        for timer in [Timer::Announce, Timer::Sync, Timer::DelayRequest, Timer::AnnounceReceipt, Timer::FilterUpdate] {
            if self.link.is_due(timer) {
                let actions = match timer {
                    Timer::Announce => self.port.handle_announce_timer(&mut NoForwardedTLVs),
                    Timer::Sync => self.port.handle_sync_timer(),
                    Timer::DelayRequest => self.port.handle_delay_request_timer(),
                    Timer::AnnounceReceipt => self.port.handle_announce_receipt_timer(),
                    Timer::FilterUpdate | Timer::BestMaster => self.port.handle_filter_update_timer(),
                };
                let sent = self.link.perform(actions)?;
                self.follow_up(sent)?;
            }
        }
        if self.link.is_due(Timer::BestMaster) {
            let mut port = self.port.start_bmca();
            self.instance.bmca(&mut [&mut port]);
            let (port, actions) = port.end_bmca();
            self.port = port;
            self.link.perform(actions)?;
            self.link.due[Timer::BestMaster as usize] = Some(Instant::now() + self.instance.bmca_interval());
        }
        Ok(self)
    }

    fn receive(&mut self, packet: &Received) -> Result<(), Box<dyn Error>> {
        let Some((header, message)) = packet.split_at_checked(HEADER) else { return Ok(()) };
        if !header.ends_with(&ETHER_TYPE) {
            return Ok(());
        }
        let mut stamp = None;
        if let Some(event) = PtpMessage::parse(packet).filter(|_| packet.is_time_stamped()) {
            stamp = self.link.control.borrow_mut().ptp().ok_or("PTP is off")?.receive_stamp(&event)?;
        }
        let sent = self.link.perform(match stamp {
            Some(stamp) => self.port.handle_event_receive(message, time(stamp)),
            None => self.port.handle_general_receive(message),
        })?;
        self.follow_up(sent)
    }
}
