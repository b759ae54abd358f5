//! The device in its four states, with configuration, statistics and link.
//!
//! ```text
//! Device<Unbound> --reset--> Device<Reset> --wait_for_link--> Device<LinkUp> --start--> Device<Running>
//!                                 ^                                                          |
//!                                 +--------------------------- stop -------------------------+
//! ```
//!
//! A transition consumes the device and returns it in its new state, so receiving before the device runs does not
//! compile. Each step of the datasheet's bring-up (4.6.3) is one function, which names its section. Every wait has a
//! limit. A transition that fails returns the device in its present state ([`TransitionError`]).
//!
//! `LinkUp` means that the driver saw the link up once, or that [`Device::assume_link_up`] skipped the check. The link
//! may have gone down since: [`Control::link`] returns its current status.
//!
//! The type names the state that the driver established. Only the driver writes registers that would change this
//! state. A card can still be pulled or reset from outside, and the type does not change with that:
//!
//! - A pulled card reads as all ones. Calls that need its answer return [`Error::Removed`], and the link reads as down.
//!   Nothing is received. Packets can still be posted, but are not sent.
//! - After a reset from outside, the queues stop. [`Device::recover`] starts them again.
//!
//! [`BringUp`] has what a reset read of the card, and what it found out of order and dealt with.
//!
//! Reading order: `unbound` (reset), `initialise`, `link` with `establish`, `running` (start, stop) with `receive` and
//! `transmit`, then `stop`, the only source of the proof that memory may be freed. `health` finds what goes wrong later,
//! and `recover` resets and restarts the device. `follow` sets anew what depends on the link: `flow_control`, `rate` and
//! `ptp`.

mod bring_up;
mod config;
mod control;
mod diagnosis;
mod eeprom;
mod error;
mod establish;
pub mod filter;
mod firmware;
mod flow_control;
mod follow;
mod health;
mod i2c;
mod initialise;
mod interrupts;
mod leds;
mod link;
mod loopback;
mod mac;
mod medium;
#[cfg(all(feature = "linux", target_os = "linux"))]
mod open;
mod owned;
mod pins;
mod port;
mod presence;
mod ptp;
mod ptp_message;
mod ptp_time;
mod rate;
mod receive;
mod recover;
mod requests;
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

pub use bring_up::{BringUp, Finding};
pub use config::{
    Backplane, Config, ConfigError, FRAME_SIZES, LinkMode, LinkRetry, MAX_PREFETCH, MAX_RX_QUEUES, MAX_TX_QUEUES,
    RING_LENS,
};
pub use control::Control;
pub use diagnosis::{Diagnosis, Link};
pub use eeprom::{Capabilities, Checksum, Eeprom};
pub use error::{Error, StartError, TransitionError};
pub use firmware::{Firmware, FirmwareMode};
pub use flow_control::FlowControl;
pub use health::{BusError, Remedy, Symptom};
pub use i2c::ModuleError;
pub use leds::{Identify, NoBlink};
pub use link::LinkPoll;
pub use loopback::Loopback;
pub use medium::Medium;
pub use owned::{OwnedControl, ReuniteError};
pub use ptp::{PtpClock, PtpCounters, PtpError, PtpStamps, TransmitStamp};
pub use ptp_message::PtpMessage;
pub use rate::{Rate, RateError};
pub use rss::{FlowTransport, HashFields, RSS_KEY, RSS_KEY_LEN, RSS_TABLE_LEN, Rss, toeplitz};
pub use statistics::{Counter, QueueStatistics, Statistics};

use crate::device::establish::Establish;
use crate::dma::DmaError;
use crate::platform::Platform;
use crate::pool::{Attachment, Pool};
use crate::queue::Queues;
use crate::register::Exclusive;
pub use crate::registers::permission::{LinkUp, Reset, Running, Unbound};
use crate::registers::{Registers, Windows};

/// An 82599 in state `S` on platform `H`.
///
/// See the [module](self) for the states and the transitions between them.
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
        /// The data of this state, besides the platform.
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

/// Data of an initialised device.
#[derive(Debug)]
pub struct Initialised {
    config: Config,
    mac: [u8; 6],
    bring_up: BringUp,
    /// The way to a link, and what the port is made for.
    link: Establish,
    /// Attached pools: their packets can be sent, though the device does not receive into them.
    pools: Vec<Pool>,
    queues: Queues,
}

impl Initialised {
    /// Adds `pool` to the pools whose packets the device on `platform` will send.
    fn attach(&mut self, platform: &impl Platform, pool: &Pool) -> Result<(), DmaError> {
        if !self.pools.iter().any(|attached| attached.id() == pool.id()) {
            // Mapped once for a moment: a pool that cannot be mapped fails here, not at every start.
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
    /// Returns the registers, with the permission of state `S`.
    #[must_use]
    pub fn registers(&self) -> Registers<'_, H, S> {
        // SAFETY: the device is in state `S`, as its type says. A device state is no `Driver` permission.
        unsafe { Registers::assume_permission(&self.platform) }
    }

    /// Returns the registers, with the right to read those with read side effects.
    #[must_use]
    pub fn registers_mut(&mut self) -> Registers<'_, H, Exclusive<S>> {
        // SAFETY: the device is in state `S`, as its type says, and borrowed uniquely, so nothing else uses it.
        // `Exclusive<S>` is no `Driver` permission.
        unsafe { Registers::assume_permission(&self.platform) }
    }

    /// Returns the windows: the registers that stand for what an index register selects.
    ///
    /// ```
    /// use ixgbe::device::{Device, Reset};
    /// use ixgbe::{index, platform::Platform, registers::{RTTBCNRC, TxQueue}, value};
    ///
    /// /// Removes the rate limit of queue 3.
    /// fn unlimited<H: Platform>(device: &mut Device<Reset, H>) {
    ///     let mut windows = device.windows_mut();
    ///     let queue = windows.transmit_queue.select(index!(TxQueue, 3));
    ///     queue.rttbcnrc().modify(value!(RTTBCNRC { RF_INT: 0, RF_DEC: 0, RS_ENA: false }));
    /// }
    /// ```
    #[must_use]
    pub fn windows_mut(&mut self) -> Windows<'_, H, Exclusive<S>> {
        // SAFETY: the device is in state `S`, as its type says, and borrowed uniquely, so nothing else uses it or has its
        // windows. `Exclusive<S>` is no `Driver` permission.
        unsafe { Windows::assume_permission(&self.platform) }
    }

    /// Returns the platform of the device.
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
