//! The control half of a live device: link, counters, address, receive mode and filters.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::Ordering;
use core::time::Duration;

use ixgbe::pci::Function;
use ixgbe::port::{self, Counters, LinkStatus, Speed};

use crate::device::Terms;
use crate::device::control_queue::{Command, ControlQueue};
use crate::error::Error;
use crate::feature::{Feature, Features};
use crate::queue::SharedCounts;
use crate::transport::{DoorbellBus, Transport};

/// The greatest speed that is one, in Mbit/s.
const MAX_SPEED: u32 = 0x7fff_ffff;

/// The control half of a live device.
pub struct Control<'a, H: Function> {
    pub(super) transport: &'a Transport<H>,
    pub(super) terms: Terms,
    pub(super) timeout: Duration,
    /// Receive queues raise MSI-X vectors.
    pub(super) interrupts: bool,
    pub(super) queue: Option<&'a mut ControlQueue<DoorbellBus<H>>>,
    pub(super) receive: Vec<SharedCounts>,
    pub(super) transmit: Vec<SharedCounts>,
}

impl<'a, H: Function> Control<'a, H> {
    pub(super) fn new(transport: &'a Transport<H>, terms: Terms, timeout: Duration, interrupts: bool) -> Self {
        Self { transport, terms, timeout, interrupts, queue: None, receive: Vec::new(), transmit: Vec::new() }
    }

    /// Returns what driver and device agreed on.
    #[must_use]
    pub fn terms(&self) -> Terms {
        self.terms
    }

    /// Returns an error if the device is gone, is to be removed, or asks for a reset.
    ///
    /// # Errors
    ///
    /// [`Error::Removed`], [`Error::RemovalRequested`] and [`Error::NeedsReset`].
    pub fn check(&self) -> Result<(), Error<H::Error>> {
        self.transport.check()?;
        if self.transport.function().removal_requested() { Err(Error::RemovalRequested) } else { Ok(()) }
    }

    /// Returns the MSI-X vector that changes of the configuration raise, with
    /// [`Config::interrupts`](crate::config::Config::interrupts): the next one after the queues' vectors.
    ///
    /// A device raises it if its link has changed, if it [wants an announcement](Self::wants_announcement), or if it
    /// asks for a [reset](Self::check).
    #[must_use]
    pub fn configuration_vector(&self) -> usize {
        self.terms.queue_pairs.into()
    }

    /// Returns the current link status. Without the feature STATUS the link is up.
    pub fn link(&mut self) -> LinkStatus {
        let gone = matches!(self.check(), Err(Error::Removed));
        match self.transport.network(self.terms.features) {
            Ok(config) if config.link_up && !gone => {
                let known = (1..=MAX_SPEED).contains(&config.speed);
                LinkStatus::Up(known.then(|| Speed::from_megabits(config.speed)))
            }
            _ => LinkStatus::Down,
        }
    }

    /// Returns `true` if the device asks the program to announce its addresses, as after a migration.
    ///
    /// The program sends gratuitous packets, and then calls [`announced`](Self::announced).
    ///
    /// # Errors
    ///
    /// [`Error::Unsettled`] if the configuration changes all the time.
    pub fn wants_announcement(&self) -> Result<bool, Error<H::Error>> {
        Ok(self.transport.network(self.terms.features)?.announce && self.terms.features.has(Feature::GuestAnnounce))
    }

    /// Tells the device that the program has announced its addresses.
    ///
    /// # Errors
    ///
    /// As [`set_promiscuous`](Self::set_promiscuous).
    pub fn announced(&mut self) -> Result<(), Error<H::Error>> {
        self.command(Feature::GuestAnnounce, &Command::Announced)
    }

    /// Receives all frames, whatever their destination, or those for this device alone.
    ///
    /// # Errors
    ///
    /// - [`Error::Unsupported`] if the feature for this was not agreed on;
    /// - [`Error::Refused`] if the device does not obey;
    /// - [`Error::TimedOut`] if it does not answer: then no further command is given to it;
    /// - [`Error::Fault`] if it breaks a rule.
    pub fn set_promiscuous(&mut self, on: bool) -> Result<(), Error<H::Error>> {
        self.command(Feature::CtrlRx, &Command::Promiscuous(on))
    }

    /// Receives all multicasts, or only multicasts in the table.
    ///
    /// # Errors
    ///
    /// As [`set_promiscuous`](Self::set_promiscuous).
    pub fn set_all_multicast(&mut self, on: bool) -> Result<(), Error<H::Error>> {
        self.command(Feature::CtrlRx, &Command::AllMulticast(on))
    }

    /// Sets the unicast and multicast addresses to receive frames for, besides the device's own.
    ///
    /// A device whose table is too small receives more frames than these.
    ///
    /// # Errors
    ///
    /// As [`set_promiscuous`](Self::set_promiscuous); [`Error::Refused`] also if there are more than about 680 addresses.
    pub fn set_mac_table(&mut self, unicast: &[[u8; 6]], multicast: &[[u8; 6]]) -> Result<(), Error<H::Error>> {
        self.command(Feature::CtrlRx, &Command::MacTable(unicast, multicast))
    }

    /// Sets the MAC address.
    ///
    /// # Errors
    ///
    /// As [`set_promiscuous`](Self::set_promiscuous).
    pub fn set_mac(&mut self, mac: [u8; 6]) -> Result<(), Error<H::Error>> {
        self.command(Feature::CtrlMacAddr, &Command::SetMac(mac))
    }

    /// Receives frames of VLAN `id`. Only with [`Config::vlan_filter`](crate::config::Config::vlan_filter).
    ///
    /// # Errors
    ///
    /// As [`set_promiscuous`](Self::set_promiscuous).
    pub fn add_vlan(&mut self, id: u16) -> Result<(), Error<H::Error>> {
        self.command(Feature::CtrlVlan, &Command::AddVlan(id))
    }

    /// Receives frames of VLAN `id` no more.
    ///
    /// # Errors
    ///
    /// As [`set_promiscuous`](Self::set_promiscuous).
    pub fn remove_vlan(&mut self, id: u16) -> Result<(), Error<H::Error>> {
        self.command(Feature::CtrlVlan, &Command::RemoveVlan(id))
    }

    /// Has the device use as many queue pairs as were set up.
    pub(super) fn use_queue_pairs(&mut self) -> Result<(), Error<H::Error>> {
        self.command(Feature::Mq, &Command::QueuePairs(self.terms.queue_pairs))
    }

    /// Gives the device a command of `feature`, if that was agreed on.
    fn command(&mut self, feature: Feature, command: &Command<'_>) -> Result<(), Error<H::Error>> {
        match &mut self.queue {
            Some(queue) if self.terms.features.has(feature) => {
                queue.command(self.transport.function(), self.timeout, command)
            }
            _ => Err(Error::Unsupported { feature: Features::of(feature) }),
        }
    }

    /// Returns the counters since the device was started. The driver counts them itself.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn counters(&mut self) -> Result<Counters, Error<H::Error>> {
        self.check()?;
        let sum = |queues: &[SharedCounts], count: fn(&crate::queue::Counts) -> &core::sync::atomic::AtomicU64| {
            queues.iter().map(|queue| count(queue).load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
        };
        let short = sum(&self.receive, |counts| &counts.short);
        let bad_header = sum(&self.receive, |counts| &counts.bad_header);
        Ok(Counters {
            rx_packets: sum(&self.receive, |counts| &counts.packets) + short + bad_header,
            rx_octets: sum(&self.receive, |counts| &counts.octets),
            rx_lost: Vec::new(),
            rx_dropped: vec![("short", short), ("bad header", bad_header)],
            tx_packets: sum(&self.transmit, |counts| &counts.packets),
            tx_octets: sum(&self.transmit, |counts| &counts.octets),
        })
    }
}

impl<H: Function> port::Control for Control<'_, H> {
    type Error = Error<H::Error>;

    fn mac(&self) -> [u8; 6] {
        self.terms.mac
    }

    fn link(&mut self) -> LinkStatus {
        Control::link(self)
    }

    fn counters(&mut self) -> Result<Counters, Self::Error> {
        Control::counters(self)
    }
}

impl<H: Function> fmt::Debug for Control<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("terms", &self.terms).finish_non_exhaustive()
    }
}
