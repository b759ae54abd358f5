//! A virtual function of an 82599: the share of a port that a virtual machine or a container gets.
//!
//! ```text
//!      reset          start
//! Unbound ------> Reset ------> Running
//!                   ^              |
//!                   +---- stop ----+
//! ```
//!
//! Its states have the types of the [physical function's](crate::device), and work alike: a transition consumes the device, each wait has a
//! limit, and memory is freed only once the queues have stopped. Queues, packets, offloads and the traits of
//! [`port`](crate::port) are the same.
//!
//! ```
//! use ixgbe::packet::Batch;
//! use ixgbe::vf::{Config, VirtualFunction};
//! # use ixgbe_sim::{HostConfig, Port};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let port = Port::new(Default::default());
//! # port.plug(ixgbe_sim::wire::NoTraffic);
//! # let function = port.host(HostConfig::default())?.remove(0);
//! let nic = VirtualFunction::new(function.claim()?).reset(&Config::new())?;   // agrees with the physical function
//! println!("{:02x?}, protocol {}, {} queue pairs", nic.mac(), nic.version(), nic.available_queues());
//! let mut nic = nic.start()?;
//! let (mut control, mut queues) = nic.split();
//! let mut batch = Batch::with_capacity(32);
//! queues[0].rx.receive(&mut batch);
//! queues[0].tx.transmit(&mut batch)?;
//! if let Some(event) = control.poll_event()? {
//!     println!("{event:?}");   // the link has changed, or the physical function was reset: recover
//! }
//! # drop(queues);
//! let nic = nic.stop()?;
//! # drop(nic);
//! # Ok(())
//! # }
//! ```
//!
//! # The physical function
//!
//! A virtual function has no rights over the chip. It asks the driver of its physical function over a
//! [mailbox](Request): for its address, VLANs, multicasts, and the size of frames. That driver is trusted with packets,
//! as a switch is, but not with memory: what it answers is checked, and it cannot keep a call waiting for ever. It can
//! refuse a [request](Refusal), and it can be reset at any time. [`Control::poll_event`] reports that;
//! [`VirtualFunction::recover`] asks for everything again.
//!
//! CRC stripping, the hash of RSS with its key and table, and the largest frame of all belong to the physical function.
//!
//! Reading order: `message` (the protocol), `mailbox` (how a message travels), `reset`, `running` with `queues`, `control`.

mod config;
mod control;
mod error;
mod mailbox;
mod message;
mod owned;
mod platform;
mod port;
mod queues;
mod reset;
mod running;
mod statistics;

use alloc::sync::Arc;
use core::fmt;

pub use config::{Config, ConfigError, FRAME_SIZES, MAX_QUEUES};
pub use control::{Control, Event, MAILBOX_VECTOR};
pub use error::{Error, MailboxError, StartError, TransitionError};
pub use message::{Cast, MAX_MULTICASTS, Refusal, Request, UnknownVersion, Version};
pub use owned::{OwnedControl, ReuniteError};
pub use platform::{Bus, Platform};
pub use statistics::Statistics;

use crate::queue::{self, ReceiveQueue, TransmitQueue, Virtual};
use crate::registers::permission::{Reset, Running, Unbound};
use crate::vf::mailbox::Mailbox;

/// A receive queue and a transmit queue, borrowed from their running device.
pub type QueuePair<'a, H> = crate::port::QueuePair<ReceiveQueue<'a, H, Virtual>, TransmitQueue<'a, H, Virtual>>;

/// A receive queue and a transmit queue that borrow nothing.
pub type OwnedQueuePair<H> = queue::OwnedQueuePair<H, Virtual>;

/// A virtual function in state `S` on platform `H`.
///
/// See the [module](self) for the states and the transitions between them.
pub struct VirtualFunction<S: State, H: Platform> {
    platform: Arc<H>,
    data: S::Data<H>,
}

/// A state of a virtual function.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a state of a virtual function",
    label = "not a state",
    note = "the states are `Unbound`, `Reset` and `Running`"
)]
pub trait State: sealed::State {}

#[diagnostic::do_not_recommend]
impl<S: sealed::State> State for S {}

mod sealed {
    use super::{Initialised, Platform, Reset, Running, Unbound};
    use crate::queue::{Queues, Virtual};
    use crate::vf::running::RunningData;

    pub trait State {
        /// The data of this state, besides the platform.
        type Data<H: Platform>;
    }

    impl State for Unbound {
        type Data<H: Platform> = Queues<Virtual>;
    }

    impl State for Reset {
        type Data<H: Platform> = (Initialised, Queues<Virtual>);
    }

    impl State for Running {
        type Data<H: Platform> = RunningData<H>;
    }
}

/// Data of a function that has agreed with its physical function.
#[derive(Debug, Clone)]
pub struct Initialised {
    config: Config,
    mailbox: Mailbox,
    agreed: Agreed,
}

/// What the physical function has told.
#[derive(Debug, Clone, Copy)]
struct Agreed {
    mac: [u8; 6],
    version: Version,
    /// The number of queue pairs that the function has.
    queues: usize,
    /// Which bits of a multicast address the physical function hashes: MCSTCTRL.MO.
    hashed_bits: u8,
}

impl<S: State, H: Platform> VirtualFunction<S, H> {
    /// Returns the platform of the device.
    #[must_use]
    pub fn platform(&self) -> &H {
        &self.platform
    }
}

impl<S: State, H: Platform> fmt::Debug for VirtualFunction<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = core::any::type_name::<S>();
        write!(f, "vf::VirtualFunction<{}>", state.rsplit("::").next().unwrap_or(state))
    }
}
