//! Filters of Flow Director: a flow, and what happens to its packets (datasheet 8.2.3.21).

use core::marker::PhantomData;
use core::net::{IpAddr, Ipv4Addr};

use crate::device::filter::flow_director::{FlowKind, Layer4Fields, Perfect, PortBits, Settings, Signature};
use crate::device::filter::tuple::{Protocol, Tuple};
use crate::device::filter::{Action, FilterError, Rule, VlanId};
use crate::registers::RxQueue;

/// A flow of a device whose [`FlowDirector`](crate::device::filter::FlowDirector) has filters of kind `K`.
///
/// A flow gives the fields that the configuration compares, and no other. If it compares the VLAN tag, a flow without
/// one is a flow of packets without a tag. Packets with fragments or other protocols than TCP, UDP and SCTP belong to
/// flows of [`ip`](Self::ip).
///
/// ```
/// use ixgbe::device::filter::{Flow, Perfect};
/// use ixgbe::{index, registers::RxQueue};
///
/// let flow = Flow::<Perfect>::tcp().source([192, 0, 2, 1].into()).destination([192, 0, 2, 2].into());
/// let web = flow.source_port(1024).destination_port(80).to(index!(RxQueue, 1));
/// let telnet = flow.source_port(1024).destination_port(23).drop();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Flow<K> {
    fields: FlowFields,
    kind: PhantomData<K>,
}

/// A [`Flow`] without its kind in the type, as a [`Rule`] has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowFields {
    kind: FlowKind,
    protocol: Protocol,
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    source_port: Option<u16>,
    destination_port: Option<u16>,
    vlan: Option<VlanId>,
    vlan_priority: Option<u8>,
    flexible: Option<[u8; 2]>,
}

/// A kind of filters: [`Perfect`] or [`Signature`].
pub trait Kind: Copy + sealed::Kind {}

impl<K: Copy + sealed::Kind> Kind for K {}

mod sealed {
    use super::{FlowKind, Perfect, Signature};

    pub trait Kind {
        const KIND: FlowKind;
    }

    impl Kind for Perfect {
        const KIND: FlowKind = FlowKind::Perfect;
    }

    impl Kind for Signature {
        const KIND: FlowKind = FlowKind::Signature;
    }
}

impl<K: Kind> Flow<K> {
    const fn new(protocol: Protocol) -> Self {
        let fields = FlowFields {
            kind: K::KIND,
            protocol,
            source: None,
            destination: None,
            source_port: None,
            destination_port: None,
            vlan: None,
            vlan_priority: None,
            flexible: None,
        };
        Self { fields, kind: PhantomData }
    }

    /// Begins a flow of TCP.
    pub const fn tcp() -> Self {
        Self::new(Protocol::Tcp)
    }

    /// Begins a flow of UDP.
    pub const fn udp() -> Self {
        Self::new(Protocol::Udp)
    }

    /// Begins a flow of SCTP. It has no ports.
    pub const fn sctp() -> Self {
        Self::new(Protocol::Sctp)
    }

    /// Begins a flow of any other protocol, or of any protocol if protocols are not compared. It has no ports.
    pub const fn ip() -> Self {
        Self::new(Protocol::Other)
    }

    /// Sets the source port.
    pub const fn source_port(mut self, port: u16) -> Self {
        self.fields.source_port = Some(port);
        self
    }

    /// Sets the destination port.
    pub const fn destination_port(mut self, port: u16) -> Self {
        self.fields.destination_port = Some(port);
        self
    }

    /// Sets the VLAN id.
    pub const fn vlan(mut self, id: VlanId) -> Self {
        self.fields.vlan = Some(id);
        self
    }

    /// Sets the priority in the VLAN tag, 0 to 7.
    pub const fn vlan_priority(mut self, priority: u8) -> Self {
        self.fields.vlan_priority = Some(priority);
        self
    }

    /// Sets the flexible bytes, in the order of the frame.
    pub const fn flexible_bytes(mut self, bytes: [u8; 2]) -> Self {
        self.fields.flexible = Some(bytes);
        self
    }

    /// Returns the rule that sends packets of the flow to `queue`.
    #[must_use]
    pub const fn to(self, queue: RxQueue) -> Rule {
        Rule::Flow(self.fields, Action::Queue(queue))
    }
}

impl Flow<Perfect> {
    /// Sets the source address.
    pub const fn source(mut self, address: Ipv4Addr) -> Self {
        self.fields.source = Some(IpAddr::V4(address));
        self
    }

    /// Sets the destination address.
    pub const fn destination(mut self, address: Ipv4Addr) -> Self {
        self.fields.destination = Some(IpAddr::V4(address));
        self
    }

    /// Returns the rule that drops packets of the flow.
    #[must_use]
    pub const fn drop(self) -> Rule {
        Rule::Flow(self.fields, Action::Drop)
    }
}

impl Flow<Signature> {
    /// Sets the source address.
    pub const fn source(mut self, address: IpAddr) -> Self {
        self.fields.source = Some(address);
        self
    }

    /// Sets the destination address, of the same version of IP.
    pub const fn destination(mut self, address: IpAddr) -> Self {
        self.fields.destination = Some(address);
        self
    }
}

impl FlowFields {
    /// Returns the kind of filters that the flow is for.
    #[must_use]
    pub const fn kind(&self) -> FlowKind {
        self.kind
    }

    /// Returns what the device compares with packets of the flow.
    ///
    /// # Errors
    ///
    /// Those that name a field which is missing, or which `settings` do not compare.
    pub(super) fn tuple(&self, settings: &Settings) -> Result<Tuple, FilterError> {
        if self.kind != settings.kind {
            return Err(FilterError::FlowKind { configured: settings.kind });
        }
        let protocol = self.protocol(settings)?;
        let source = address("source address", self.source, settings.source, settings.kind)?;
        let destination = address("destination address", self.destination, settings.destination, settings.kind)?;
        if source.is_ipv4() != destination.is_ipv4() {
            return Err(FilterError::IpVersions);
        }
        let ports = match protocol {
            Protocol::Tcp => settings.tcp_ports(),
            Protocol::Udp => settings.udp_ports(),
            Protocol::Sctp | Protocol::Other => PortBits::NONE,
        };
        let source_port = field("source port", self.source_port, ports.source)?;
        let destination_port = field("destination port", self.destination_port, ports.destination)?;
        let tag = self.tag(settings)?;
        let flexible = match (settings.flexible, self.flexible) {
            (Some(_), Some(bytes)) => bytes,
            (None, None) => [0; 2],
            (Some(_), None) => return Err(FilterError::FieldMissing { field: "flexible bytes" }),
            (None, Some(_)) => return Err(FilterError::FieldNotCompared { field: "flexible bytes" }),
        };
        Ok(Tuple { protocol, source, destination, ports: (source_port, destination_port), tag, flexible })
    }

    /// Checks the protocol.
    fn protocol(&self, settings: &Settings) -> Result<Protocol, FilterError> {
        match self.protocol {
            Protocol::Other => {}
            _ if settings.layer4 == Layer4Fields::Ignored => {
                return Err(FilterError::FieldNotCompared { field: "protocol" });
            }
            _ => {}
        }
        Ok(self.protocol)
    }

    /// Returns the VLAN tag: 0 for packets without one.
    fn tag(&self, settings: &Settings) -> Result<u16, FilterError> {
        let bits = settings.tag_bits();
        if self.vlan.is_some() && bits & 0x0fff == 0 {
            return Err(FilterError::FieldNotCompared { field: "VLAN id" });
        }
        let priority = match self.vlan_priority {
            Some(_) if bits & 0xe000 == 0 => return Err(FilterError::FieldNotCompared { field: "VLAN priority" }),
            Some(priority @ 8..) => return Err(FilterError::VlanPriority { priority }),
            priority => u16::from(priority.unwrap_or(0)),
        };
        Ok(priority << 13 | self.vlan.map_or(0, VlanId::get))
    }
}

/// Returns an address of a flow, of which the configuration compares `bits` if it is of IPv4.
fn address(
    field: &'static str,
    address: Option<IpAddr>,
    bits: Ipv4Addr,
    kind: FlowKind,
) -> Result<IpAddr, FilterError> {
    match address {
        Some(IpAddr::V4(given)) if given & !bits != Ipv4Addr::UNSPECIFIED || bits == Ipv4Addr::UNSPECIFIED => {
            Err(FilterError::FieldNotCompared { field })
        }
        None if bits != Ipv4Addr::UNSPECIFIED => Err(FilterError::FieldMissing { field }),
        Some(given @ IpAddr::V6(_)) if kind == FlowKind::Signature => Ok(given),
        Some(given @ IpAddr::V4(_)) => Ok(given),
        // A perfect flow takes no address of IPv6.
        _ => Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
    }
}

/// Returns a field of a flow of which the configuration compares `bits`.
fn field(field: &'static str, value: Option<u16>, bits: u16) -> Result<u16, FilterError> {
    match value {
        Some(value) if value & !bits != 0 || bits == 0 => Err(FilterError::FieldNotCompared { field }),
        Some(value) => Ok(value),
        None if bits == 0 => Ok(0),
        None => Err(FilterError::FieldMissing { field }),
    }
}
