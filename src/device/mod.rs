//! The device, in one of four states.
//!
//! ```text
//! Device<Unbound> --reset--> Device<Reset> --wait_for_link--> Device<LinkUp> --start--> Device<Running>
//!                                 ^                                                          |
//!                                 +--------------------------- stop -------------------------+
//! ```
//!
//! A transition takes the device and gives it back in its new state: receiving before the device runs does not compile.
//! Each step of the datasheet's bring-up (4.6.3) is a function of its own, named by its section, and every wait has a
//! limit. A transition that fails gives the device back in the state that it is in ([`TransitionError`]).
//!
//! The type names the state that the driver established. The registers that would change this state are the driver's
//! alone. A card can still be pulled or reset from outside, and the type does not follow:
//!
//! - A pulled card reads as all ones. Calls that need its answer return [`Error::Removed`], and the link is down.
//!   Nothing is received; packets can still be posted, and are not sent.
//! - After a reset from outside the queues stand still. [`Device::stop`] initialises the device again.
//!
//! Reading order: [`unbound`](self) (reset), `initialise`, `link`, `running` (start, stop) with
//! `receive` and `transmit`, then `stop`, which everything that frees memory stands on.

mod config;
mod control;
mod error;
mod initialise;
mod interrupts;
mod link;
mod receive;
mod rss;
mod running;
mod semaphore;
mod statistics;
mod stop;
mod transmit;
mod unbound;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

pub use config::{Config, ConfigError, FRAME_SIZES, LinkMode, MAX_PREFETCH, MAX_RX_QUEUES, MAX_TX_QUEUES, RING_LENS};
pub use control::Control;
pub use error::{Error, TransitionError};
pub(crate) use interrupts::QUEUE_VECTORS;
pub use link::{LinkStatus, Speed};
pub use rss::{HashFields, RSS_KEY, RSS_KEY_LEN, RSS_TABLE_LEN, Rss, Transport, toeplitz};
pub use running::StartError;
pub use statistics::{QueueStatistics, Statistics};

use crate::dma::DmaError;
use crate::platform::Platform;
use crate::pool::{Attachment, Pool};
use crate::register::Exclusive;
use crate::registers::Registers;
pub use crate::registers::permission::{LinkUp, Reset, Running, Unbound};

/// An 82599 in state `S` on platform `H`.
///
/// See the [module](self) for the states and what leads from one to the next.
pub struct Device<S: State, H: Platform> {
    platform: Arc<H>,
    data: S::Data<H>,
}

/// A state of the device.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a state of the device",
    label = "not a state",
    note = "the states are `Unbound`, `Reset`, `LinkUp` and `Running`"
)]
pub trait State: sealed::State {}

#[diagnostic::do_not_recommend]
impl<S: sealed::State> State for S {}

mod sealed {
    use super::{Initialised, LinkUp, Platform, Reset, Running, Unbound};
    use crate::device::running::RunningData;
    use crate::device::unbound::RetainedRings;

    pub trait State {
        /// What there is in this state beside the platform.
        type Data<H: Platform>;
    }

    impl State for Unbound {
        type Data<H: Platform> = RetainedRings;
    }

    impl State for Reset {
        type Data<H: Platform> = Initialised;
    }

    impl State for LinkUp {
        type Data<H: Platform> = Initialised;
    }

    impl State for Running {
        type Data<H: Platform> = RunningData<H>;
    }
}

/// What is known of a device that was initialised.
#[derive(Debug, Clone)]
pub struct Initialised {
    config: Config,
    mac: [u8; 6],
    /// Pools of others whose packets this device is to send.
    pools: Vec<Pool>,
}

impl Initialised {
    /// Adds `pool` to those that the device on `platform` will send packets of.
    fn attach(&mut self, platform: &impl Platform, pool: &Pool) -> Result<(), DmaError> {
        if !self.pools.iter().any(|attached| attached.id() == pool.id()) {
            // Mapped for a moment, so that what is not possible shows now and not at every start.
            Attachment::new(platform, pool)?;
            self.pools.push(pool.clone());
        }
        Ok(())
    }

    fn detach(&mut self, pool: &Pool) -> bool {
        let before = self.pools.len();
        self.pools.retain(|attached| attached.id() != pool.id());
        self.pools.len() < before
    }
}

impl<S: State, H: Platform> Device<S, H> {
    /// The registers, with what state `S` permits.
    #[must_use]
    pub fn registers(&self) -> Registers<'_, H, S> {
        // SAFETY: the device is in state `S`, as its type says. A state alone is no `Driver` permission.
        unsafe { Registers::assume_permission(&self.platform) }
    }

    /// The registers, also those that reading changes.
    #[must_use]
    pub fn registers_mut(&mut self) -> Registers<'_, H, Exclusive<S>> {
        // SAFETY: the device is in state `S`, as its type says, and borrowed whole, so nobody else uses it. It is no `Driver`
        // permission.
        unsafe { Registers::assume_permission(&self.platform) }
    }

    /// The platform that the device is on.
    #[must_use]
    pub fn platform(&self) -> &H {
        &self.platform
    }
}

impl<S: State, H: Platform> fmt::Debug for Device<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = core::any::type_name::<S>();
        write!(f, "Device<{}>", state.rsplit("::").next().unwrap_or(state))
    }
}
