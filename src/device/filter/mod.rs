//! Rules for received frames: which the device accepts, and what happens to each.
//!
//! A [`Rule`] says what it matches and what happens. [`Filters::add`] gives it to a running device and returns a
//! [`RuleHandle`]; dropping the handle takes exactly this rule away. Rules survive a
//! [recovery](crate::device::Device::recover) and end when the device stops.
//!
//! ```
//! use ixgbe::device::filter::{Accept, Action, EtherType, FiveTuple, Layer4, Ports};
//! use ixgbe::device::{Config, Device};
//! use ixgbe::{constant, index, registers::RxQueue};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let port = ixgbe_sim::Port::new(Default::default());
//! # port.plug(ixgbe_sim::wire::NoTraffic);
//! let nic = Device::new(port.claim()?).reset(&Config::new().queue_pairs(2))?;
//! let mut nic = nic.assume_link_up().start()?;
//! let (mut control, _queues) = nic.split();
//! let mut filters = control.filters();
//! let group = filters.add(Accept::Multicast([0x01, 0, 0x5e, 0, 0, 0xfb]))?;
//! let lldp = filters.add(constant!(EtherType, 0x88cc).to(index!(RxQueue, 1)))?;
//! let dns = FiveTuple::new().layer4(Layer4::Udp(Ports::ANY.destination(53))).to(index!(RxQueue, 1));
//! filters.add(dns)?.keep();
//!
//! let mut frame = [0; 60];
//! frame[..6].copy_from_slice(&[0x01, 0, 0x5e, 0, 0, 0xfb]);
//! frame[12..14].copy_from_slice(&[0x88, 0xcc]);
//! assert_eq!(filters.explain(&frame).action, Action::Queue(index!(RxQueue, 1)));
//! drop(group);
//! assert_eq!(filters.explain(&frame).action, Action::Drop);
//! lldp.remove()?;
//! # Ok(())
//! # }
//! ```
//!
//! # What decides
//!
//! 1. The MAC drops frames that are too short or too long.
//! 2. The device drops frames that nothing [accepts](Accept): neither its own address, nor broadcast, nor a rule.
//! 3. Of the rules that match, that with the greatest [`Precedence`] decides: EtherType filters before five-tuple
//!    filters, by priority, before flows of Flow Director.
//! 4. If none matches, [`Rss`] chooses the queue, and else it is queue 0.
//!
//! [`Filters::explain`] computes this for a frame, and names the rule. `docs/filters.md` has the limits of each table.
//!
//! Reading order: `rule` with `accept`, `ether_type`, `five_tuple` and `flow` is the vocabulary. `table` places rules
//! and `explain` reads them, both without a register. `registers` and `flow_commands` write them. `shared` and `handle`
//! join the two under a lock.

mod accept;
mod error;
mod ether_type;
mod explain;
mod five_tuple;
mod flow;
mod flow_commands;
mod flow_director;
mod frame;
mod handle;
mod registers;
mod rule;
mod shared;
mod table;
mod tuple;

use alloc::sync::Arc;

pub use accept::{Accept, VlanId};
pub use error::{FilterError, Table};
pub use ether_type::EtherType;
pub use explain::{Acceptance, Decision, Explanation};
pub use five_tuple::{FiveTuple, Layer4, Ports, Priority};
pub use flow::{Flow, FlowFields, Kind};
pub(crate) use flow_director::Settings as FlowSettings;
pub use flow_director::{
    FlexibleBytes, FlowDirector, FlowKind, FlowMemory, Layer4Fields, Perfect, PortBits, Signature, VlanFields,
};
pub use handle::RuleHandle;
pub use rule::{Action, IntoRule, Precedence, Rule};
pub(crate) use shared::Shared;

use crate::device::{Config, Error, Rss};
use crate::platform::Platform;

/// The number of unicast and exact multicast addresses besides the device's own (RAL and RAH, 8.2.3.7.8).
pub const ADDRESSES: usize = 127;
/// The number of EtherType filters. One of the device's eight belongs to the driver, for PTP (8.2.3.7.21).
pub const ETHER_TYPES: usize = 7;
/// The number of five-tuple filters (8.2.3.7.19).
pub const FIVE_TUPLES: usize = 128;

/// Makes a constant that a rule needs, checked by the compiler: a [`VlanId`], an [`EtherType`], a [`Priority`] or
/// [`FlexibleBytes`].
///
/// ```
/// use ixgbe::constant;
/// use ixgbe::device::filter::VlanId;
/// assert_eq!(VlanId::new(100), Ok(constant!(VlanId, 100)));
/// ```
///
/// ```compile_fail
/// # use ixgbe::constant;
/// # use ixgbe::device::filter::VlanId;
/// constant!(VlanId, 4095); // a VLAN id is 1 to 4094
/// ```
#[macro_export]
macro_rules! constant {
    ($type:ty, $value:expr) => {{
        // An item, because `cargo check` evaluates it.
        const __IXGBE_CONSTANT: $type = <$type>::constant($value);
        __IXGBE_CONSTANT
    }};
}

/// The rules of a running device: see [`Control::filters`](crate::device::Control::filters).
#[derive(Debug)]
pub struct Filters<'c, H> {
    shared: &'c Arc<Shared<H>>,
    settings: explain::Settings<'c>,
}

/// Counters of Flow Director since the device was started (8.2.3.21.10 to .15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FlowStatistics {
    /// Filters that were added (FDIRUSTAT.ADD).
    pub added: u64,
    /// Filters that were removed (FDIRUSTAT.REMOVE).
    pub removed: u64,
    /// Commands that added no filter, because it was there or the table was full (FDIRFSTAT.FADD).
    pub add_failures: u64,
    /// Commands that found no filter to remove (FDIRFSTAT.FREMOVE).
    pub remove_failures: u64,
    /// Packets that matched a filter. They count even if a five-tuple filter decided (FDIRMATCH).
    pub matched: u64,
    /// Packets that matched no filter (FDIRMISS).
    pub missed: u64,
    /// The length of the longest list of filters with one hash, less one (FDIRLEN.MAXLEN).
    pub longest_list: u64,
    /// The number of filters for which there is room (FDIRFREE.FREE).
    pub free: u64,
}

impl<'c, H: Platform> Filters<'c, H> {
    pub(crate) fn new(shared: &'c Arc<Shared<H>>, config: &Config, mac: [u8; 6], rss: &'c Rss) -> Self {
        let Config { max_frame, rx_queues: queues, .. } = *config;
        Self { shared, settings: explain::Settings { mac, max_frame, queues, rss } }
    }

    /// Adds a rule. It holds from the return of this function on, until the handle is dropped or the device stops.
    ///
    /// Adding [`Accept::AllUnicast`] or [`Accept::AllMulticast`] pauses reception for some microseconds, and frames
    /// that arrive meanwhile are counted as missed. Other rules change while packets arrive.
    ///
    /// # Errors
    ///
    /// [`Error::Filter`] names the field that is wrong, or the table that is full. [`Error::TimedOut`] if the receive
    /// data path does not become idle, or Flow Director does not complete a command within 100 µs. The rule is then not
    /// added.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Filters.add.md")))]
    pub fn add(&mut self, rule: impl IntoRule) -> Result<RuleHandle, Error> {
        self.shared.add(rule.into_rule())
    }

    /// Empties the table of Flow Director and adds all flows again, while reception is paused.
    ///
    /// The device marks packets whose list of flows is too long, and by erratum 2 goes on after flows were removed.
    /// This ends it. The pause takes some milliseconds and more with many flows; the device counts frames that it
    /// misses. Without Flow Director this does nothing.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the receive data path does not become idle, or Flow Director does not answer. Some flows
    /// may then be missing in the device, until this succeeds or the device [recovers](crate::device::Device::recover).
    pub fn rebuild_flows(&mut self) -> Result<(), Error> {
        self.shared.rebuild_flows()
    }

    /// Explains what the device does with `frame`, which has no CRC.
    ///
    /// This is computed from the rules, the MAC address, the largest frame and RSS alone. It does not know full rings,
    /// and not what a program wrote to registers itself. Where the datasheet does not say what the device does, this
    /// is a guess: `docs/filters.md` lists these cases.
    #[must_use]
    pub fn explain(&self, frame: &[u8]) -> Explanation {
        self.shared.explain(&self.settings, frame)
    }

    /// Returns the counters of Flow Director since the device was started: zeros without Flow Director.
    ///
    /// The device's counters of filters have 16 and 8 bits and stop when they are full, so call this often if many
    /// flows come and go.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Filters.flow_statistics.md")))]
    pub fn flow_statistics(&mut self) -> FlowStatistics {
        self.shared.statistics()
    }
}
