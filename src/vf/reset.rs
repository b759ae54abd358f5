//! The reset of a virtual function, and what it agrees on with its physical function.

use alloc::sync::Arc;
use core::time::Duration;

use crate::clock::{self, Clock};
use crate::queue::{Queues, recognised_headers};
use crate::register::Driver;
use crate::registers::permission::{Reset, Unbound};
use crate::registers::virtual_function::{Registers, VFCTRL, VFPSRTYPE};
use crate::value;
use crate::vf::mailbox::{Channel, Mailbox};
use crate::vf::message;
use crate::vf::queues;
use crate::vf::{
    Agreed, Bus, Cast, Config, Error, Initialised, MAX_QUEUES, Platform, Refusal, Request, TransitionError, Version,
    VirtualFunction,
};

/// The time that a reset takes, as drivers proven on silicon wait.
const RESET: Duration = Duration::from_millis(50);
/// Time limit for a sign of life of the physical function, and for the end of its own reset.
const HOST: Duration = Duration::from_secs(1);
/// The pause between two looks for it.
const LOOK: Duration = Duration::from_millis(1);

impl<H: Platform> VirtualFunction<Unbound, H> {
    /// Makes the device on `platform`, without any access to it.
    #[must_use]
    pub fn new(platform: H) -> Self {
        Self { platform: Arc::new(platform), data: Queues::default() }
    }

    /// Stops the function, resets it, and agrees with its physical function on a version of their protocol, the MAC
    /// address, the largest frame, and the number of queues.
    ///
    /// # Errors
    ///
    /// For [`Error::Config`] nothing was done. Other errors name the failed step. The device can be reset again.
    pub fn reset(mut self, config: &Config) -> Result<VirtualFunction<Reset, H>, TransitionError<Self>> {
        match self.try_reset(config) {
            Ok(data) => Ok(VirtualFunction { platform: self.platform, data: (data, self.data) }),
            Err(error) => Err(TransitionError { device: self, error }),
        }
    }

    fn try_reset(&mut self, config: &Config) -> Result<Initialised, Error> {
        config.check()?;
        let proof = queues::quiesce(&*self.platform)?;
        self.data.release(&proof);
        agree(&*self.platform, config, config.mac)
    }
}

impl<H: Platform> VirtualFunction<Reset, H> {
    /// Returns the MAC address.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        self.data.0.agreed.mac
    }

    /// Returns the agreed version of the protocol.
    #[must_use]
    pub fn version(&self) -> Version {
        self.data.0.agreed.version
    }

    /// Returns the number of queue pairs that the function has.
    #[must_use]
    pub fn available_queues(&self) -> usize {
        self.data.0.agreed.queues
    }
}

/// Resets the function, whose queues have stopped, and agrees with the physical function.
pub(super) fn agree<H: Bus + Clock>(device: &H, config: &Config, mac: Option<[u8; 6]>) -> Result<Initialised, Error> {
    // SAFETY: the caller has exclusive access to a device whose queues are disabled.
    let unbound: Registers<'_, H, Driver<Unbound>> = unsafe { Registers::assume_permission(device) };
    unbound.vfctrl().write_full(value!(VFCTRL { RST: true }).full()?);
    device.wait(RESET);
    // SAFETY: the function was just reset, and its queues are disabled.
    let registers: Registers<'_, H, Driver<Reset>> = unsafe { Registers::assume_permission(device) };
    let mut mailbox = Mailbox::default();
    let mut channel = Channel { device, registers, mailbox: &mut mailbox };
    await_host(&mut channel)?;
    channel.mailbox.host_reset = false;
    let (given, hashed_bits) = hello(&mut channel)?;
    let version = negotiate(&mut channel, config.newest)?;
    let mac = match (mac, given) {
        (None, Some(mac)) => mac,
        (Some(mac), given) if given == Some(mac) => mac,
        (Some(mac), _) => {
            channel.ask(&Request::SetMac(mac), version)?;
            mac
        }
        (None, None) => return Err(Error::NoMacAddress),
    };
    let max_frame = u16::try_from(config.max_frame).unwrap_or(u16::MAX);
    channel.ask(&Request::SetMaxFrame(max_frame), version)?;
    let queues = count_queues(&mut channel, version)?;
    if queues < config.queues {
        return Err(Error::TooFewQueues { needed: config.queues, had: queues });
    }
    if version >= Version::V1_2 {
        let asked = Request::SetCast(Cast::Multicast);
        match channel.try_ask(&asked) {
            // Older drivers of physical functions refuse it, and have this mode anyway.
            Ok(_) => {}
            Err(error) => return Err(Error::Mailbox { request: asked.name(), error }),
        }
    }
    // It is unknown after a reset.
    registers.vfpsrtype().write_full(recognised_headers!(VFPSRTYPE, config.queues)?.full()?);
    Ok(Initialised { config: *config, mailbox, agreed: Agreed { mac, version, queues, hashed_bits } })
}

/// Waits for a sign of life of the physical function, and for the end of its reset.
fn await_host<D: Bus + Clock>(channel: &mut Channel<'_, D, Driver<Reset>>) -> Result<(), Error> {
    let device = channel.device;
    let gone = |_| Error::Removed { step: "looking for the physical function" };
    let mut failed = Ok(());
    let lives = clock::poll(device, HOST, LOOK, || {
        match channel.host_lives() {
            Ok(lives) => lives,
            Err(error) => {
                failed = Err(gone(error));
                true
            }
        }
        .then_some(())
    });
    failed?;
    lives.map_err(|waited| Error::NoHost { waited })?;
    let mut failed = Ok(());
    let ended = clock::poll(device, HOST, LOOK, || match channel.host_resets() {
        Ok(resets) => (!resets).then_some(()),
        Err(error) => {
            failed = Err(gone(error));
            Some(())
        }
    });
    failed?;
    ended.map_err(|waited| Error::NoHost { waited })
}

/// Tells the physical function that the function was reset. Returns the MAC address that it gives, and which bits of
/// multicast addresses it hashes.
fn hello<D: Bus + Clock>(channel: &mut Channel<'_, D, Driver<Reset>>) -> Result<(Option<[u8; 6]>, u8), Error> {
    let request = Request::FunctionReset;
    let answer = channel.try_ask(&request);
    let (has_address, words) = answer.map_err(|error| Error::Mailbox { request: request.name(), error })?;
    let hashed_bits = match words[3] {
        bits @ 0..=3 => bits as u8,
        found => return Err(Error::BadAnswer { request: request.name(), found }),
    };
    // Without an address from the administrator, the function chooses one. That is no refusal.
    if !has_address {
        return Ok((None, hashed_bits));
    }
    let mac = message::mac(&words);
    if mac[0] & 1 != 0 || mac == [0; 6] {
        return Err(Error::BadAnswer { request: request.name(), found: words[1] });
    }
    Ok((Some(mac), hashed_bits))
}

/// Agrees on the newest version that both have.
fn negotiate<D: Bus + Clock>(channel: &mut Channel<'_, D, Driver<Reset>>, newest: Version) -> Result<Version, Error> {
    for version in Version::ALL.into_iter().filter(|version| *version <= newest) {
        let request = Request::Negotiate(version);
        match channel.try_ask(&request) {
            Ok((true, _)) => return Ok(version),
            Ok((false, _)) => {}
            Err(error) => return Err(Error::Mailbox { request: request.name(), error }),
        }
    }
    Err(Refusal::from(&Request::Negotiate(Version::V1_0)).into())
}

/// Returns the number of queue pairs of the function.
fn count_queues<D: Bus + Clock>(channel: &mut Channel<'_, D, Driver<Reset>>, version: Version) -> Result<usize, Error> {
    if version < Request::Queues.since() {
        return Ok(1);
    }
    let words = channel.ask(&Request::Queues, version)?;
    for found in [words[1], words[2]] {
        if !(1..=MAX_QUEUES as u32).contains(&found) {
            return Err(Error::BadAnswer { request: Request::Queues.name(), found });
        }
    }
    Ok(words[1].min(words[2]) as usize)
}
