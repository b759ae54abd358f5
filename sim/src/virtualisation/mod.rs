//! Virtual functions: their registers, their mailboxes, the switch between pools, and a physical function that serves
//! them (datasheet 7.10, 8.2.3.27 and 8.3).
//!
//! The chapters on virtualisation were not available in full. What a virtual function sees comes from public drivers
//! and from a public transcription of an older datasheet.

mod guest;
mod handle;
mod host;
pub(crate) mod mailbox;
pub(crate) mod switch;
mod vectors;
mod window;

pub use handle::{VirtualFunction, VirtualPlatform};
pub use host::HostConfig;
pub(crate) use host::raise;

use crate::frame::CRC;
use crate::frame::address::Cast;
use crate::virtualisation::guest::Guest;
use crate::virtualisation::host::Host;
use crate::virtualisation::mailbox::Mailbox;
use crate::virtualisation::vectors::Vectors;

/// One virtual function: pool number n of the port.
pub(crate) struct Function {
    pub(crate) mailbox: Mailbox,
    pub(crate) vectors: Vectors,
    pub(crate) counters: Counters,
    /// What the physical function knows of it.
    guest: Guest,
    /// How often the physical function found the buffer taken.
    waited: u32,
}

/// The counters of a virtual function. A read does not clear them, and they wrap: at 32 bits, octets at 36.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counters {
    pub(crate) received: u64,
    pub(crate) received_octets: u64,
    pub(crate) received_multicast: u64,
    pub(crate) sent: u64,
    pub(crate) sent_octets: u64,
}

impl Counters {
    /// Counts a frame of `len` bytes without its CRC.
    pub(crate) fn count_received(&mut self, len: usize, cast: Cast) {
        self.received += 1;
        self.received_octets += (len + CRC) as u64;
        self.received_multicast += u64::from(cast == Cast::Multicast);
    }

    /// Counts a frame of `len` bytes without its CRC.
    pub(crate) fn count_sent(&mut self, len: usize) {
        self.sent += 1;
        self.sent_octets += (len + CRC) as u64;
    }
}

/// The virtual functions of a port: none, unless the model's own physical function has the port.
#[derive(Default)]
pub(crate) struct Functions {
    pub(crate) all: Vec<Function>,
    host: Host,
}

impl Functions {
    /// Returns the virtual function that has queue `queue`, if one has it.
    #[inline]
    pub(crate) fn of_queue(&mut self, queue: usize) -> Option<&mut Function> {
        if self.all.is_empty() { None } else { self.all.get_mut(queue / self.host.pool_size()) }
    }

    /// Sets the interrupt cause of a queue. Returns `false` if it is no virtual function's.
    #[inline]
    pub(crate) fn queue_cause(&mut self, queue: usize, transmit: bool) -> bool {
        let size = self.host.pool_size();
        self.of_queue(queue).map(|function| function.vectors.queue_cause(queue % size, transmit)).is_some()
    }

    /// Returns `true` if the PCI function that has queue `queue` may access memory.
    #[inline]
    pub(crate) fn is_master(&self, queue: usize) -> bool {
        self.all.is_empty()
            || self.all.get(queue / self.host.pool_size()).is_some_and(|function| function.vectors.is_master)
    }
}
