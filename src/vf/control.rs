//! Control of a running function: requests to the physical function, the link, interrupts, statistics.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::field::Value;
use crate::mmio::Index;
use crate::port::{LinkStatus, Speed};
use crate::queue::DropCounters;
use crate::queue::function::{VIRTUAL_TRANSMIT_VECTOR, virtual_vector};
use crate::register::{Driver, Exclusive};
use crate::registers::permission::Running;
use crate::registers::virtual_function::{
    Registers, VFLINKS, VTEIAC, VTEIAM, VTEIMS, VTEITR, VTIVAR, VTIVAR_MISC, vflinks,
};
use crate::value;
use crate::vf::mailbox::Channel;
use crate::vf::message::{self, multicast_hash};
use crate::vf::{Cast, Error, Initialised, MAX_MULTICASTS, MailboxError, Platform, Request, Statistics, Version};

/// The number of looks at the link, and the pause between two: VFLINKS flickers while the link comes up.
const LOOKS: usize = 5;
const LOOK: Duration = Duration::from_micros(100);
/// The interrupt vector of the mailbox, which is the last of a function's. The queues' vectors come before it.
pub const MAILBOX_VECTOR: usize = 2;

/// Something that has happened to the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The physical function says that something has changed: usually the link, which is now so.
    Link(LinkStatus),
    /// The physical function was reset, or is being reset, and has forgotten the function: only
    /// [`VirtualFunction::recover`](super::VirtualFunction::recover) or a reset of the function helps.
    HostReset,
    /// The physical function has sent a message that the protocol does not have. This is its first word.
    Unknown(u32),
}

/// What a program has set on a running function. A recovery sets it again.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    vlans: Vec<u16>,
    macs: Vec<[u8; 6]>,
    hashes: Vec<u16>,
    cast: Option<Cast>,
    /// The interval of the interrupts, if they were set up.
    interrupts: Option<Duration>,
}

/// A handle of the running function without its queues, which other threads may use meanwhile.
#[derive(Debug)]
pub struct Control<'a, H> {
    pub(super) platform: &'a H,
    pub(super) data: &'a mut Initialised,
    pub(super) statistics: &'a mut Statistics,
    pub(super) drops: &'a [Arc<DropCounters>],
    pub(super) settings: &'a mut Settings,
}

impl<'a, H: Platform> Control<'a, H> {
    /// Returns the registers, with the right to read those with read side effects.
    fn registers(&self) -> Registers<'a, H, Exclusive<Running>> {
        // SAFETY: the function runs as long as it is borrowed here. There is one `Control`, which keeps what this returns
        // to itself, and queues read no registers. `Exclusive<Running>` is no `Driver` permission.
        unsafe { Registers::assume_permission(self.platform) }
    }

    fn channel(&mut self) -> Channel<'_, H, Exclusive<Running>> {
        Channel { device: self.platform, registers: self.registers(), mailbox: &mut self.data.mailbox }
    }

    fn ask(&mut self, request: &Request<'_>) -> Result<message::Words, Error> {
        let version = self.data.agreed.version;
        self.channel().ask(request, version)
    }

    /// Returns the MAC address.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        self.data.agreed.mac
    }

    /// Returns the agreed version of the protocol.
    #[must_use]
    pub fn version(&self) -> Version {
        self.data.agreed.version
    }

    /// Returns the current link status, from VFLINKS. It takes up to half a millisecond.
    ///
    /// The link is up only if five looks agree. The physical function's administrator can disable a function whose link
    /// is up: see [`is_link_enabled`](Self::is_link_enabled).
    #[must_use]
    pub fn link(&self) -> LinkStatus {
        let mut speed = None;
        for look in 0..LOOKS {
            if look > 0 {
                self.platform.wait(LOOK);
            }
            let links = self.registers().vflinks().read();
            if links.get() == u32::MAX || !links.field(VFLINKS::LINK_UP) {
                return LinkStatus::Down;
            }
            speed = match links.field(VFLINKS::LINK_SPEED) {
                Some(vflinks::LINK_SPEED::HundredMegabit) => Some(Speed::MBIT_100),
                Some(vflinks::LINK_SPEED::OneGigabit) => Some(Speed::GBIT_1),
                Some(vflinks::LINK_SPEED::TenGigabit) => Some(Speed::GBIT_10),
                None => None,
            };
        }
        LinkStatus::Up(speed)
    }

    /// Asks the physical function whether its administrator has enabled the link of the function. Needs version 1.2.
    ///
    /// # Errors
    ///
    /// [`Error`] names the request and what is wrong.
    pub fn is_link_enabled(&mut self) -> Result<bool, Error> {
        match self.ask(&Request::LinkState)?[1] {
            state @ (0 | 1) => Ok(state == 1),
            found => Err(Error::BadAnswer { request: Request::LinkState.name(), found }),
        }
    }

    /// Sets the MAC address of the function.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the administrator has set another; else as for every request.
    pub fn set_mac(&mut self, mac: [u8; 6]) -> Result<(), Error> {
        check_unicast(mac)?;
        self.ask(&Request::SetMac(mac))?;
        self.data.agreed.mac = mac;
        Ok(())
    }

    /// Receives frames for a further address, too.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] without the administrator's trust, or without room.
    pub fn add_mac(&mut self, mac: [u8; 6]) -> Result<(), Error> {
        check_unicast(mac)?;
        if !self.settings.macs.contains(&mac) {
            self.ask(&Request::AddMac { mac, first: self.settings.macs.is_empty() })?;
            self.settings.macs.push(mac);
        }
        Ok(())
    }

    /// Receives no frames for further addresses any more.
    ///
    /// # Errors
    ///
    /// As for every request.
    pub fn clear_macs(&mut self) -> Result<(), Error> {
        self.ask(&Request::ClearMacs)?;
        self.settings.macs.clear();
        Ok(())
    }

    /// Receives frames for these multicast addresses, in place of earlier ones.
    ///
    /// The physical function gets hashes of 12 bits, so that frames for other addresses can arrive, too.
    ///
    /// # Errors
    ///
    /// [`Error::NotMulticast`]; [`Error::TooManyMulticasts`] above [`MAX_MULTICASTS`]; else as for every request.
    pub fn set_multicast(&mut self, addresses: &[[u8; 6]]) -> Result<(), Error> {
        if addresses.len() > MAX_MULTICASTS {
            return Err(Error::TooManyMulticasts { count: addresses.len() });
        }
        if let Some(mac) = addresses.iter().find(|mac| mac[0] & 1 == 0) {
            return Err(Error::NotMulticast(*mac));
        }
        let bits = self.data.agreed.hashed_bits;
        let hashes: Vec<u16> = addresses.iter().map(|mac| multicast_hash(*mac, bits)).collect();
        self.ask(&Request::SetMulticast(&hashes))?;
        self.settings.hashes = hashes;
        Ok(())
    }

    /// Receives frames of VLAN `id`, too.
    ///
    /// # Errors
    ///
    /// [`Error::NoVlan`]; [`Error::Refused`] if the administrator has set a VLAN for the function, or without room.
    pub fn add_vlan(&mut self, id: u16) -> Result<(), Error> {
        self.set_vlan(id, true)?;
        if !self.settings.vlans.contains(&id) {
            self.settings.vlans.push(id);
        }
        Ok(())
    }

    /// Receives no frames of VLAN `id` any more.
    ///
    /// # Errors
    ///
    /// As [`add_vlan`](Self::add_vlan).
    pub fn remove_vlan(&mut self, id: u16) -> Result<(), Error> {
        self.set_vlan(id, false)?;
        self.settings.vlans.retain(|other| *other != id);
        Ok(())
    }

    fn set_vlan(&mut self, id: u16, on: bool) -> Result<(), Error> {
        if id >= 4096 {
            return Err(Error::NoVlan(id));
        }
        self.ask(&Request::SetVlan { id, on }).map(|_| ())
    }

    /// Sets what the function receives besides frames for its addresses. Needs version 1.2. Returns what was granted:
    /// without the administrator's trust, less than was asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the device does not have the mode, or the physical function is not in it itself.
    pub fn set_cast(&mut self, cast: Cast) -> Result<Cast, Error> {
        let request = Request::SetCast(cast);
        let words = self.ask(&request)?;
        let granted = message::cast(&words).filter(|granted| *granted <= cast);
        let granted = granted.ok_or(Error::BadAnswer { request: request.name(), found: words[1] })?;
        self.settings.cast = Some(cast);
        Ok(granted)
    }

    /// Returns the redirection table of RSS, which all functions of the port share: for each of 128 hash values, the
    /// queue of four. Needs version 1.2.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] unless the administrator has allowed to ask.
    pub fn redirection_table(&mut self) -> Result<[u8; 128], Error> {
        self.ask(&Request::RedirectionTable).map(|words| message::redirection_table(&words))
    }

    /// Returns the key of RSS, which all functions of the port share. Needs version 1.2.
    ///
    /// # Errors
    ///
    /// As [`redirection_table`](Self::redirection_table).
    pub fn rss_key(&mut self) -> Result<[u8; 40], Error> {
        self.ask(&Request::RssKey).map(|words| message::rss_key(&words))
    }

    /// Looks whether something has happened, without waiting for it. One call takes at most one message, so that a
    /// physical function that floods the mailbox cannot hold it.
    ///
    /// # Errors
    ///
    /// [`Error::Removed`], or [`Error::Mailbox`] if a message cannot be taken.
    pub fn poll_event(&mut self) -> Result<Option<Event>, Error> {
        let unknown = self.channel().poll().map_err(|error| match error {
            MailboxError::Removed => Error::Removed { step: "looking at the mailbox" },
            error => Error::Mailbox { request: "(none)", error },
        })?;
        if self.data.mailbox.host_reset {
            return Ok(Some(Event::HostReset));
        }
        if core::mem::take(&mut self.data.mailbox.noticed) {
            return Ok(Some(Event::Link(self.link())));
        }
        Ok(unknown.map(Event::Unknown))
    }

    /// Makes receive queue 0 raise interrupt vector 0, all other queues vector 1, and the mailbox vector 2. A queue
    /// interrupts at most once per `interval`, at most 1022 us.
    ///
    /// Queues that share a vector belong on one thread, which receives from all of them when the vector is raised: of
    /// several threads that wait for one vector, an interrupt wakes one.
    ///
    /// [`enable_interrupt`](crate::port::InterruptSource::enable_interrupt) of a queue unmasks one interrupt of its
    /// vector, [`enable_interrupt`](Self::enable_interrupt) of this control one of the mailbox.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] if the interval is too long.
    pub fn set_up_interrupts(&mut self, interval: Duration) -> Result<(), Error> {
        // SAFETY: the function runs as long as it is borrowed here, and this borrows its control uniquely. Which vector a
        // cause raises reaches no memory: the table of MSI-X, which does, is the platform's.
        let registers: Registers<'_, H, Driver<Running>> = unsafe { Registers::assume_permission(self.platform) };
        let units = u64::try_from(interval.as_micros().div_ceil(2)).unwrap_or(u64::MAX);
        for index in Index::all() {
            registers.vteitr(index).modify(Value::EMPTY.try_with(VTEITR::ITR_INTERVAL, units)?);
        }
        for (n, index) in Index::all().enumerate() {
            let [even, odd] = [2 * n, 2 * n + 1].map(|queue| virtual_vector(queue) as u64);
            let vectors = Value::EMPTY.try_with(VTIVAR::INT_ALLOC_0, even)?.try_with(VTIVAR::INT_ALLOC_2, odd)?;
            let transmit = VIRTUAL_TRANSMIT_VECTOR as u64;
            let vectors = vectors.try_with(VTIVAR::INT_ALLOC_1, transmit)?.try_with(VTIVAR::INT_ALLOC_3, transmit)?;
            let valid = value!(VTIVAR {
                INT_ALLOC_VAL_0: true,
                INT_ALLOC_VAL_1: true,
                INT_ALLOC_VAL_2: true,
                INT_ALLOC_VAL_3: true
            });
            registers.vtivar(index).modify(vectors);
            registers.vtivar(index).modify(valid);
        }
        let vector = Value::EMPTY.try_with(VTIVAR_MISC::INT_ALLOC_0, MAILBOX_VECTOR as u64)?;
        registers.vtivar_misc().modify(vector.with(VTIVAR_MISC::INT_ALLOC_VAL_0, true));
        // An interrupt clears its cause and masks itself.
        registers.vteiac().modify(value!(VTEIAC { EIAC: 0b111 }));
        registers.vteiam().modify(value!(VTEIAM { EIAM: 0b111 }));
        self.settings.interrupts = Some(interval);
        Ok(())
    }

    /// Unmasks the interrupt of the mailbox for one interrupt, also for a message that is there already.
    ///
    /// Afterwards, [look](Self::poll_event) once more before you wait. A reset of the physical function masks the
    /// interrupt and forgets one that was to come, so that nothing would end the wait.
    pub fn enable_interrupt(&mut self) {
        self.registers().vteims().set_bits(value!(VTEIMS { EIMS: 1 << MAILBOX_VECTOR }));
    }

    /// Returns the counters since the function was started.
    ///
    /// # Errors
    ///
    /// [`Error::Removed`] if the device is gone.
    pub fn statistics(&mut self) -> Result<&Statistics, Error> {
        if self.registers().vfstatus().read().get() == u32::MAX {
            return Err(Error::Removed { step: "reading the counters" });
        }
        self.update_statistics();
        self.statistics.drops = self.drops.iter().map(|drops| drops.read()).collect();
        Ok(self.statistics)
    }

    pub(super) fn update_statistics(&mut self) {
        let registers = self.registers();
        self.statistics.update(registers);
    }

    /// Takes the counters of a function that was just started as 0.
    pub(super) fn begin(&mut self) {
        let registers = self.registers();
        self.statistics.begin(registers);
    }

    /// Asks the physical function again for what it had granted, and sets up interrupts again.
    pub(super) fn set_again(&mut self) -> Result<(), Error> {
        self.begin();
        let Settings { vlans, macs, hashes, cast, interrupts } = self.settings.clone();
        for id in vlans {
            self.ask(&Request::SetVlan { id, on: true })?;
        }
        for (n, mac) in macs.into_iter().enumerate() {
            self.ask(&Request::AddMac { mac, first: n == 0 })?;
        }
        if !hashes.is_empty() {
            self.ask(&Request::SetMulticast(&hashes))?;
        }
        if let Some(cast) = cast {
            self.ask(&Request::SetCast(cast))?;
        }
        interrupts.map_or(Ok(()), |interval| self.set_up_interrupts(interval))
    }
}

fn check_unicast(mac: [u8; 6]) -> Result<(), Error> {
    if mac[0] & 1 != 0 || mac == [0; 6] { Err(Error::NotUnicast(mac)) } else { Ok(()) }
}
