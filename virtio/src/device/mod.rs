//! The device: its states, and the steps from one to the next (specification 3.1).
//!
//! ```text
//! Device<Reset> --acknowledge--> Device<Acknowledged> --drive--> Device<Driving> --negotiate--> Device<FeaturesOk>
//!      ^                                                                                              | start
//!      +---------------- stop, or reset from NeedsReset ----------------- Device<DriverOk> <----------+
//! ```
//!
//! Each state is a type, and a method exists only where the specification allows it: features are accepted before queues
//! are set up, queues before the device goes live, and doorbells and commands exist only while it is live. A transition
//! consumes the device. If it fails, it returns the device in the state that is true, with the error.
//!
//! What the device may access is freed only after a reset that the device has completed. A live device that is dropped
//! is reset; if that fails, its memory leaks.

mod control;
mod control_queue;
mod live;
mod restart;
mod start;

use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use ixgbe::pci::Function;
use ixgbe::transition::TransitionError;

use crate::config::Config;
use crate::error::Error;
use crate::feature::{Feature, Features};
use crate::transport::Transport;

pub use control::Control;
pub(crate) use live::Live;
pub use live::QueuePair;
pub use start::Terms;

/// The state of a [`Device`].
pub trait State: sealed::Sealed {
    /// What a device in this state has besides its registers.
    #[doc(hidden)]
    type Data<H: Function>: Send + Sync;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident: $data:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {}

        impl sealed::Sealed for $name {}

        impl State for $name {
            type Data<H: Function> = $data;
        }
    )*};
}

states! {
    /// The device was reset, and knows nothing of the driver.
    Reset: ();
    /// The driver has found the device.
    Acknowledged: ();
    /// The driver knows the device, and which features it offers.
    Driving: Features;
    /// Driver and device agree on the features. Queues can be set up.
    FeaturesOk: Terms;
    /// The device is live: it receives and sends.
    DriverOk: Live<H>;
    /// The device must be reset before it can be used: it has met an error, or did not reset.
    NeedsReset: Option<Live<H>>;
}

/// A VirtIO network device in state `S`, behind the PCI function `H`.
pub struct Device<S: State, H: Function> {
    data: S::Data<H>,
    transport: Arc<Transport<H>>,
    timeout: Duration,
}

/// A failed transition.
pub type Failed<S, H> = TransitionError<Device<S, H>, Error<<H as Function>::Error>>;

impl<S: State, H: Function> fmt::Debug for Device<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device<{}>", core::any::type_name::<S>().rsplit("::").next().unwrap_or_default())
    }
}

impl<S: State, H: Function> Device<S, H> {
    /// Returns the PCI function.
    #[must_use]
    pub fn function(&self) -> &H {
        self.transport.function()
    }

    fn into<T: State>(self, data: impl FnOnce(S::Data<H>) -> T::Data<H>) -> Device<T, H> {
        Device { data: data(self.data), transport: self.transport, timeout: self.timeout }
    }
}

impl<H: Function> Device<Reset, H> {
    /// Finds the device behind `function`, and resets it. Only then the function may access memory.
    ///
    /// # Errors
    ///
    /// [`Error::Discovery`] if `function` is not a modern VirtIO network device, or [`Error::TimedOut`] if it does not
    /// reset within a second.
    pub fn new(function: H) -> Result<Self, Error<H::Error>> {
        Self::with_timeout(function, Config::new().timeout)
    }

    /// As [`new`](Self::new), but waits for at most `limit`.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_timeout(function: H, limit: Duration) -> Result<Self, Error<H::Error>> {
        let transport = Transport::new(function)?;
        // A process that was killed may have left queues enabled.
        transport.reset(limit)?;
        transport.function().enable_dma().map_err(Error::Platform)?;
        Ok(Self { data: (), transport: Arc::new(transport), timeout: limit })
    }

    /// Tells the device that a driver has found it.
    #[must_use]
    pub fn acknowledge(self) -> Device<Acknowledged, H> {
        self.transport.acknowledge();
        self.into(|()| ())
    }

    /// Brings the device up in one call.
    ///
    /// # Errors
    ///
    /// As [`negotiate`](Device::negotiate) and [`start`](Device::start).
    pub fn bring_up(self, config: &Config) -> Result<Device<DriverOk, H>, Failed<NeedsReset, H>> {
        self.acknowledge().drive().negotiate(config)?.start(config)
    }

    /// Returns the PCI function, if nothing else refers to the device.
    #[must_use]
    pub fn into_function(self) -> Option<H> {
        Arc::into_inner(self.transport).map(Transport::into_function)
    }
}

impl<H: Function> Device<Acknowledged, H> {
    /// Tells the device that the driver knows it, and asks for its features.
    #[must_use]
    pub fn drive(mut self) -> Device<Driving, H> {
        self.transport.drive();
        let offered = Arc::get_mut(&mut self.transport).map_or(Features::NONE, Transport::offered);
        self.into(|()| offered)
    }
}

impl<H: Function> Device<Driving, H> {
    /// Returns the features that the device offers.
    #[must_use]
    pub fn offered(&self) -> Features {
        self.data
    }

    /// Accepts each offered feature that `config` wants, if what it needs is there.
    ///
    /// # Errors
    ///
    /// - [`Error::NotModern`] and [`Error::BypassesIommu`] if the device lacks what this driver cannot do without;
    /// - [`Error::NotOffered`] and [`Error::Contradiction`] if it lacks what `config` requires;
    /// - [`Error::BadMtu`] if it has an MTU that no device can have;
    /// - [`Error::FeaturesRefused`] if it does not accept the features.
    pub fn negotiate(mut self, config: &Config) -> Result<Device<FeaturesOk, H>, Failed<NeedsReset, H>> {
        self.timeout = config.timeout;
        match self.agree(config) {
            Ok(terms) => Ok(self.into(|_| terms)),
            Err(error) => Err(self.fail(error)),
        }
    }

    fn agree(&mut self, config: &Config) -> Result<Terms, Error<H::Error>> {
        let offered = self.data;
        if !offered.has(Feature::Version1) {
            return Err(Error::NotModern);
        }
        if self.transport.function().is_translated() && !offered.has(Feature::AccessPlatform) {
            return Err(Error::BypassesIommu);
        }
        let possible = self.transport.possible(offered & config.wanted);
        let lacking = config.required - possible;
        if !lacking.is_empty() {
            return Err(Error::NotOffered { features: lacking });
        }
        let mut features = possible.closed();
        if !(config.required - features).is_empty() {
            // Some feature that is required needs another one.
            return Err(possible.check().map_or_else(Error::Contradiction, |()| Error::NotOffered { features }));
        }
        let found = self.transport.network(features)?;
        let terms = Terms::new(&mut features, &found, config, self.transport.function().now())?;
        // Sizes of buffers and queues rule some features out.
        let lacking = config.required - features;
        if !lacking.is_empty() {
            return Err(Error::NotOffered { features: lacking });
        }
        let accepted = Arc::get_mut(&mut self.transport).map_or(Ok(false), |transport| transport.accept(features))?;
        if accepted { Ok(terms) } else { Err(Error::FeaturesRefused { features }) }
    }

    fn fail(self, error: Error<H::Error>) -> Failed<NeedsReset, H> {
        self.transport.give_up();
        Failed { device: self.into(|_| None), error }
    }
}

impl<H: Function> Device<NeedsReset, H> {
    /// Resets the device. All packets that it had return to their pools.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the device does not reset in time. It keeps what was lent to it.
    pub fn reset(self) -> Result<Device<Reset, H>, Failed<NeedsReset, H>> {
        match self.transport.reset(self.timeout) {
            Ok(stopped) => Ok(self.into(|live| {
                if let Some(mut live) = live {
                    live.release(&stopped);
                }
            })),
            Err(error) => Err(Failed { device: self, error }),
        }
    }
}

impl<H: Function> Device<DriverOk, H> {
    /// Resets the device. All packets that it had return to their pools; what was not sent is not sent any more.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the device does not reset in time. It keeps what was lent to it.
    pub fn stop(self) -> Result<Device<Reset, H>, Failed<NeedsReset, H>> {
        self.into_needs_reset().reset()
    }

    /// Gives a live device up, as it is to be reset.
    #[must_use]
    pub fn into_needs_reset(self) -> Device<NeedsReset, H> {
        self.into(Some)
    }
}

#[cfg(feature = "linux")]
mod linux {
    use super::*;
    use ixgbe::linux::{self, Container, PciAddress, SysfsFunction, SysfsOptions, VfioFunction, VfioOptions};

    /// Converts an error of the platform.
    fn platform(error: linux::Error) -> Error<linux::Error> {
        Error::Platform(error)
    }

    impl Device<Reset, VfioFunction> {
        /// Opens the device at `address` through VFIO, in this process's default container.
        ///
        /// # Errors
        ///
        /// [`Error::Platform`] names what is missing, and the remedy; else as [`new`](Self::new).
        pub fn open(address: PciAddress) -> Result<Self, Error<linux::Error>> {
            let container = Container::shared().map_err(platform)?;
            Self::new(VfioOptions::new().open_function(&container, address).map_err(platform)?)
        }
    }

    impl Device<Reset, SysfsFunction> {
        /// Opens the device at `address` through sysfs.
        ///
        /// # Errors
        ///
        /// [`Error::Platform`] names what is missing, and the remedy; else as [`new`](Self::new).
        pub fn open_sysfs(options: &SysfsOptions, address: PciAddress) -> Result<Self, Error<linux::Error>> {
            Self::new(options.open_function(address).map_err(platform)?)
        }
    }
}
