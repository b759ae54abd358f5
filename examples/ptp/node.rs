//! A port of a PTP instance of the crate `statime`: what comes from its link and its timers.

use std::error::Error;
use std::time::Instant;

use ixgbe::device::PtpMessage;
use ixgbe::offload::Received;
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
use statime::port::{NoForwardedTLVs, Port, Running, TimestampContext};
use statime::time::{Duration, Interval, Time};

use super::clock::{NotingFilter, PortClock, SharedControl, time};
use super::link::{ETHER_TYPE, HEADER, Link, Timer};
use super::record::Offsets;

/// The time between two messages of the same kind.
const INTERVAL: Interval = Interval::from_log_2(-4);

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
