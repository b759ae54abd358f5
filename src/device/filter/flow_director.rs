//! Configuration of Flow Director: its memory, the kind of its filters, and what they compare (datasheet 8.2.3.21).

use core::marker::PhantomData;
use core::net::Ipv4Addr;

use crate::device::filter::FilterError;

/// Configuration of Flow Director: see [`Config::flow_director`](crate::device::Config::flow_director).
///
/// All filters compare the same fields. By default these are the addresses, the protocol, and the ports of TCP and UDP.
/// Setters choose others; each offers only what the device can do. Filters in a running device keep the fields that
/// were configured before its start.
///
/// ```
/// use ixgbe::device::Config;
/// use ixgbe::device::filter::{FlowDirector, FlowMemory, Layer4Fields, PortBits, VlanFields};
///
/// // One filter for each /24 network and VLAN: 8190 of them.
/// let networks = FlowDirector::perfect(FlowMemory::Kib256)
///     .source_bits([255, 255, 255, 0].into())
///     .destination_bits([0, 0, 0, 0].into())
///     .layer4(Layer4Fields::Ignored)
///     .vlan(VlanFields::Id);
/// assert_eq!(networks.capacity(), 8190);
/// let config = Config::new().queue_pairs(4).flow_director(networks);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct FlowDirector<K> {
    pub(crate) settings: Settings,
    kind: PhantomData<K>,
}

/// Perfect filters: they compare all fields, so no packet of another flow matches. IPv4 only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Perfect {}

/// Signature filters: they compare two hashes of the fields. There are four times as many as perfect ones, and they
/// know IPv6. A packet of another flow matches if both its hashes are the same, 30 bits at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {}

/// The kind of all filters of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowKind {
    /// [`Perfect`].
    Perfect,
    /// [`Signature`].
    Signature,
}

/// The part of the receive packet buffer of 512 KiB that holds the filters (FDIRCTRL.PBALLOC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowMemory {
    /// 64 KiB: 2046 perfect or 8190 signature filters.
    Kib64,
    /// 128 KiB: 4094 perfect or 16,382 signature filters.
    Kib128,
    /// 256 KiB: 8190 perfect or 32,766 signature filters.
    Kib256,
}

/// What is compared of the VLAN tag. A packet without a tag compares as tag 0. CFI is never compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VlanFields {
    /// Nothing.
    Ignored,
    /// The VLAN id.
    Id,
    /// The priority.
    Priority,
    /// Both.
    IdAndPriority,
}

/// What is compared above IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer4Fields {
    /// Nothing. A flow is then [`Flow::ip`](crate::device::filter::Flow::ip).
    Ignored,
    /// The protocol: TCP, UDP, SCTP or another.
    Protocol,
    /// The protocol, and these bits of the ports. The device never compares ports of SCTP.
    Ports {
        /// For TCP.
        tcp: PortBits,
        /// For UDP.
        udp: PortBits,
    },
}

/// The bits of both ports that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortBits {
    /// Of the source port.
    pub source: u16,
    /// Of the destination port.
    pub destination: u16,
}

impl PortBits {
    /// All bits.
    pub const ALL: Self = Self { source: u16::MAX, destination: u16::MAX };
    /// No bit.
    pub const NONE: Self = Self { source: 0, destination: 0 };
}

/// The place of two bytes in a frame that filters compare: an even number of bytes from the start of the frame, 0 to
/// 62.
///
/// A VLAN tag counts. Bytes 12 and 13 are the EtherType, or the type of the tag.
///
/// ```compile_fail
/// # use ixgbe::{constant, device::filter::FlexibleBytes};
/// constant!(FlexibleBytes, 15); // an offset is even
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlexibleBytes {
    words: u8,
}

impl FlexibleBytes {
    /// Makes the place of [`constant!`](crate::constant).
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn constant(offset: usize) -> Self {
        assert!(offset <= 62 && offset.is_multiple_of(2), "an offset is even, 0 to 62");
        Self { words: (offset / 2) as u8 }
    }

    /// Returns the place at `offset` bytes.
    ///
    /// # Errors
    ///
    /// [`FilterError::FlexibleBytes`] if it is odd or above 62.
    pub const fn new(offset: usize) -> Result<Self, FilterError> {
        if offset <= 62 && offset.is_multiple_of(2) {
            Ok(Self { words: (offset / 2) as u8 })
        } else {
            Err(FilterError::FlexibleBytes { offset })
        }
    }

    /// Returns the offset in bytes.
    #[must_use]
    pub const fn offset(self) -> usize {
        self.words as usize * 2
    }

    /// Returns the offset in units of FDIRCTRL.FLEX_OFFSET.
    pub(super) const fn words(self) -> u64 {
        self.words as u64
    }
}

/// A configuration without its kind in the type. Bits that are 1 are compared; the device's masks are the opposite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) kind: FlowKind,
    pub(crate) memory: FlowMemory,
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    pub(super) layer4: Layer4Fields,
    pub(super) vlan: VlanFields,
    pub(super) flexible: Option<FlexibleBytes>,
}

impl FlowDirector<Perfect> {
    /// Configures perfect filters.
    pub const fn perfect(memory: FlowMemory) -> Self {
        Self { settings: Settings::new(FlowKind::Perfect, memory), kind: PhantomData }
    }

    /// Sets which bits of the source address are compared, as in a netmask.
    pub const fn source_bits(mut self, bits: Ipv4Addr) -> Self {
        self.settings.source = bits;
        self
    }

    /// Sets which bits of the destination address are compared, as in a netmask.
    pub const fn destination_bits(mut self, bits: Ipv4Addr) -> Self {
        self.settings.destination = bits;
        self
    }
}

impl FlowDirector<Signature> {
    /// Configures signature filters, which always compare whole addresses.
    ///
    /// ```
    /// use ixgbe::device::filter::{Action, Flow, FlowDirector, FlowMemory, Signature};
    /// use ixgbe::device::{Config, Device};
    /// use ixgbe::{index, registers::RxQueue};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let port = ixgbe_sim::Port::new(Default::default());
    /// # port.plug(ixgbe_sim::wire::NoTraffic);
    /// let config = Config::new().queue_pairs(2).flow_director(FlowDirector::signature(FlowMemory::Kib64));
    /// let mut nic = Device::new(port.claim()?).reset(&config)?.assume_link_up().start()?;
    /// let (mut control, _queues) = nic.split();
    /// let [source, destination]: [std::net::Ipv6Addr; 2] = ["2001:db8::1".parse()?, "2001:db8::2".parse()?];
    /// let flow = Flow::<Signature>::udp().source(source.into()).destination(destination.into());
    /// let rule = flow.source_port(1024).destination_port(53).to(index!(RxQueue, 1));
    /// let rule = control.filters().add(rule)?;
    ///
    /// # let mut frame = vec![];
    /// # let ethernet = etherparse::PacketBuilder::ethernet2([2; 6], control.mac());
    /// # let ip = ethernet.ipv6(source.octets(), destination.octets(), 64);
    /// # ip.udp(1024, 53).write(&mut frame, &[7; 30])?;
    /// // A frame of this flow:
    /// assert_eq!(control.filters().explain(&frame).action, Action::Queue(index!(RxQueue, 1)));
    /// rule.remove()?;
    /// # Ok(())
    /// # }
    /// ```
    pub const fn signature(memory: FlowMemory) -> Self {
        Self { settings: Settings::new(FlowKind::Signature, memory), kind: PhantomData }
    }
}

impl<K> FlowDirector<K> {
    /// Sets what is compared above IP.
    pub const fn layer4(mut self, fields: Layer4Fields) -> Self {
        self.settings.layer4 = fields;
        self
    }

    /// Sets what is compared of the VLAN tag: nothing by default.
    pub const fn vlan(mut self, fields: VlanFields) -> Self {
        self.settings.vlan = fields;
        self
    }

    /// Compares two bytes at this place too.
    pub const fn flexible_bytes(mut self, place: FlexibleBytes) -> Self {
        self.settings.flexible = Some(place);
        self
    }

    /// Returns the number of filters that the memory holds.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.settings.capacity()
    }
}

impl Settings {
    const fn new(kind: FlowKind, memory: FlowMemory) -> Self {
        Self {
            kind,
            memory,
            source: Ipv4Addr::BROADCAST,
            destination: Ipv4Addr::BROADCAST,
            layer4: Layer4Fields::Ports { tcp: PortBits::ALL, udp: PortBits::ALL },
            vlan: VlanFields::Ignored,
            flexible: None,
        }
    }

    /// Returns the part of the packet buffer that the filters take, in KiB.
    pub(crate) const fn kibibytes(&self) -> u64 {
        match self.memory {
            FlowMemory::Kib64 => 64,
            FlowMemory::Kib128 => 128,
            FlowMemory::Kib256 => 256,
        }
    }

    /// Returns the number of hash buckets, a power of two.
    pub(super) const fn buckets(&self) -> usize {
        self.kibibytes() as usize
            * match self.kind {
                FlowKind::Perfect => 32,
                FlowKind::Signature => 128,
            }
    }

    /// Returns the number of filters that fit: the device needs two entries itself.
    pub(super) const fn capacity(&self) -> usize {
        self.buckets() - 2
    }

    /// Returns the compared bits of the ports of TCP.
    pub(super) const fn tcp_ports(&self) -> PortBits {
        match self.layer4 {
            Layer4Fields::Ports { tcp, .. } => tcp,
            _ => PortBits::NONE,
        }
    }

    /// Returns the compared bits of the ports of UDP.
    pub(super) const fn udp_ports(&self) -> PortBits {
        match self.layer4 {
            Layer4Fields::Ports { udp, .. } => udp,
            _ => PortBits::NONE,
        }
    }

    /// Returns the compared bits of the VLAN tag.
    pub(super) const fn tag_bits(&self) -> u16 {
        match self.vlan {
            VlanFields::Ignored => 0,
            VlanFields::Id => 0x0fff,
            VlanFields::Priority => 0xe000,
            VlanFields::IdAndPriority => 0xefff,
        }
    }
}
