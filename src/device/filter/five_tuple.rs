//! Filters over addresses, ports and protocol of IPv4 packets (datasheet 8.2.3.7.16 to .19).

use core::net::Ipv4Addr;

use crate::device::filter::frame::Packet;
use crate::device::filter::{FilterError, Rule};
use crate::device::rss::FlowTransport;
use crate::registers::RxQueue;

/// What a five-tuple filter compares. Fields that are not set are not compared.
///
/// The device compares packets of IPv4 only, up to the first header of layer 4. A fragment has neither ports nor a
/// protocol that the device knows: it counts as [`Other`](Layer4::Other).
///
/// ```
/// use ixgbe::device::filter::{FiveTuple, Layer4, Ports, Priority};
/// use ixgbe::{index, registers::RxQueue};
///
/// let dns = FiveTuple::new().layer4(Layer4::Udp(Ports::ANY.destination(53))).to(index!(RxQueue, 1));
/// let ours = FiveTuple::new().destination([192, 0, 2, 1].into()).priority(Priority::HIGHEST).to(index!(RxQueue, 0));
/// assert!(dns.precedence() < ours.precedence());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct FiveTuple {
    pub(super) source: Option<Ipv4Addr>,
    pub(super) destination: Option<Ipv4Addr>,
    pub(super) layer4: Layer4,
    pub(super) priority: Priority,
}

/// The part of a [`FiveTuple`] above IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer4 {
    /// Any protocol, if no port is compared; otherwise TCP, UDP or SCTP with these ports.
    Any(Ports),
    /// TCP with these ports.
    Tcp(Ports),
    /// UDP with these ports.
    Udp(Ports),
    /// SCTP with these ports.
    Sctp(Ports),
    /// Any protocol but TCP, UDP and SCTP: the device cannot tell these apart.
    Other,
}

/// The ports that a [`FiveTuple`] compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Ports {
    pub(super) source: Option<u16>,
    pub(super) destination: Option<u16>,
}

impl Ports {
    /// Compares no port.
    pub const ANY: Self = Self { source: None, destination: None };

    /// Compares the source port with `port`.
    pub const fn source(mut self, port: u16) -> Self {
        self.source = Some(port);
        self
    }

    /// Compares the destination port with `port`.
    pub const fn destination(mut self, port: u16) -> Self {
        self.destination = Some(port);
        self
    }

    fn is_any(self) -> bool {
        self == Self::ANY
    }
}

/// The priority of a [`FiveTuple`] among those that match a packet: 1 to 7, the highest wins.
///
/// ```compile_fail
/// # use ixgbe::{constant, device::filter::Priority};
/// constant!(Priority, 8); // a priority is 1 to 7
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

impl Priority {
    /// Priority 1, which filters have by default.
    pub const LOWEST: Self = Self(1);
    /// Priority 7.
    pub const HIGHEST: Self = Self(7);

    /// Makes the priority of [`constant!`](crate::constant).
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn constant(priority: u8) -> Self {
        assert!(priority >= 1 && priority <= 7, "a priority is 1 to 7");
        Self(priority)
    }

    /// Returns the priority `priority`.
    ///
    /// # Errors
    ///
    /// [`FilterError::Priority`] if it is not 1 to 7.
    pub const fn new(priority: u8) -> Result<Self, FilterError> {
        if priority >= 1 && priority <= 7 { Ok(Self(priority)) } else { Err(FilterError::Priority { priority }) }
    }

    /// Returns the priority as a number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl FiveTuple {
    /// Returns the filter that compares nothing: it matches all packets of IPv4.
    pub const fn new() -> Self {
        Self { source: None, destination: None, layer4: Layer4::Any(Ports::ANY), priority: Priority::LOWEST }
    }

    /// Compares the source address with `address`.
    pub const fn source(mut self, address: Ipv4Addr) -> Self {
        self.source = Some(address);
        self
    }

    /// Compares the destination address with `address`.
    pub const fn destination(mut self, address: Ipv4Addr) -> Self {
        self.destination = Some(address);
        self
    }

    /// Compares protocol and ports with `layer4`.
    pub const fn layer4(mut self, layer4: Layer4) -> Self {
        self.layer4 = layer4;
        self
    }

    /// Sets the priority: [`LOWEST`](Priority::LOWEST) by default.
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Returns the rule that sends packets that match to `queue`.
    #[must_use]
    pub const fn to(self, queue: RxQueue) -> Rule {
        Rule::FiveTuple(self, queue)
    }

    /// Returns the ports that are compared.
    pub(super) fn ports(self) -> Ports {
        match self.layer4 {
            Layer4::Any(ports) | Layer4::Tcp(ports) | Layer4::Udp(ports) | Layer4::Sctp(ports) => ports,
            Layer4::Other => Ports::ANY,
        }
    }

    /// Returns `true` if the device's filter matches `packet`.
    pub(super) fn matches(self, packet: &Packet) -> bool {
        let (Some(source), Some(destination)) = (packet.source_v4(), packet.destination_v4()) else { return false };
        let Ports { source: source_port, destination: destination_port } = self.ports();
        let protocol = match self.layer4 {
            Layer4::Any(ports) => ports.is_any() || packet.ports.is_some(),
            Layer4::Tcp(_) => packet.transport() == FlowTransport::Tcp,
            Layer4::Udp(_) => packet.transport() == FlowTransport::Udp,
            Layer4::Sctp(_) => packet.is_sctp(),
            Layer4::Other => packet.ports.is_none(),
        };
        protocol
            && self.source.is_none_or(|address| address == source)
            && self.destination.is_none_or(|address| address == destination)
            && source_port.is_none_or(|port| packet.ports.is_some_and(|(source, _)| source == port))
            && destination_port.is_none_or(|port| packet.ports.is_some_and(|(_, destination)| destination == port))
    }

    /// Returns `true` if some packet matches both filters.
    pub(super) fn overlaps(self, other: Self) -> bool {
        let [ours, theirs] = [self.ports(), other.ports()];
        can_agree(self.source, other.source)
            && can_agree(self.destination, other.destination)
            && can_agree(ours.source, theirs.source)
            && can_agree(ours.destination, theirs.destination)
            && match (self.layer4, other.layer4) {
                (Layer4::Any(ports), Layer4::Other) | (Layer4::Other, Layer4::Any(ports)) => ports.is_any(),
                (Layer4::Any(_), _) | (_, Layer4::Any(_)) => true,
                (ours, theirs) => core::mem::discriminant(&ours) == core::mem::discriminant(&theirs),
            }
    }
}

/// Returns `true` if one value can meet both conditions.
fn can_agree<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

impl Default for FiveTuple {
    fn default() -> Self {
        Self::new()
    }
}
