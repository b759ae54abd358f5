//! The TCP/IP stack [`smoltcp`] on the packets and queues of [`ixgbe`].
//!
//! An [`Adapter`] is smoltcp's [`Device`] on a pair of queues. Its type says who computes the checksums of IPv4, TCP
//! and UDP, and the stack is given the same answer in its [`DeviceCapabilities`]:
//!
//! | queues | checksums | large packets of TCP |
//! |---|---|---|
//! | [`Plain`], of any network device | the stack | none |
//! | [`Offloading`], of an 82599, of its virtual functions, or of a VirtIO device | the device, as far as it offers that | cut by the device, if it offers that |
//!
//! The stack writes into the packet that the device sends, and reads the packet that the device received. Nothing is
//! copied but what the stack copies for its sockets, and packets that are [larger than a buffer](Adapter::cut_up_to) or
//! were received into several.
//!
//! ```
//! use std::time::Duration;
//!
//! use ixgbe::device::{Config, Device};
//! use ixgbe_sim::{Port, PortConfig, connect};
//! use ixgbe_smoltcp::{Adapter, Offloading};
//! use smoltcp::iface::{self, Interface, SocketSet};
//! use smoltcp::socket::tcp;
//! use smoltcp::time::Instant;
//! use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::new();
//! let ports = [1, 2].map(|n| Port::new(PortConfig { mac: [2, 0, 0, 0, 0, n], ..PortConfig::default() }));
//! connect(&ports[0], &ports[1]);
//! let mut nics = Vec::new();
//! for port in &ports {
//!     let nic = Device::new(port.claim()?).reset(&config)?;
//!     nics.push(nic.wait_for_link(Duration::from_secs(10))?.start()?);
//! }
//!
//! let mut hosts = Vec::new();
//! for (n, nic) in (1..).zip(&mut nics) {
//!     let (mac, pool) = (nic.mac(), nic.pools().next().cloned().ok_or("a queue has a pool")?);
//!     let queues = nic.split().1.pop().ok_or("a device has queues")?;
//!     let mut adapter = Adapter::new(Offloading::new(queues), pool, 1518)?;
//!     let config = iface::Config::new(EthernetAddress(mac).into());
//!     let mut interface = Interface::new(config, &mut adapter, Instant::now());
//!     interface.update_ip_addrs(|all| _ = all.push(IpCidr::new(IpAddress::v4(10, 0, 0, n), 24)));
//!     let buffer = || tcp::SocketBuffer::new(vec![0; 65_536]);
//!     let mut sockets = SocketSet::new(Vec::new());
//!     let handle = sockets.add(tcp::Socket::new(buffer(), buffer()));
//!     let socket = sockets.get_mut::<tcp::Socket>(handle);
//!     match n {
//!         1 => socket.listen(80)?,
//!         _ => socket.connect(interface.context(), (IpAddress::v4(10, 0, 0, 1), 80), 50_000)?,
//!     }
//!     hosts.push((adapter, interface, sockets, handle));
//! }
//! let mut greeting = Vec::new();
//! while greeting.len() < 5 {
//!     ports.iter().for_each(|port| _ = port.step());
//!     for (adapter, interface, sockets, handle) in &mut hosts {
//!         interface.poll(Instant::now(), adapter, sockets);
//!         let socket = sockets.get_mut::<tcp::Socket>(*handle);
//!         if socket.remote_endpoint().is_some_and(|remote| remote.port == 80) && socket.send_queue() == 0 {
//!             _ = socket.send_slice(b"hello");
//!         } else if socket.can_recv() {
//!             socket.recv(|bytes| (bytes.len(), greeting.extend_from_slice(bytes)))?;
//!         }
//!     }
//! }
//! assert_eq!(greeting[..5], *b"hello");
//! assert_eq!(hosts[0].0.counters().rx_by_software, 0, "the chip checked all of them");
//! # Ok(())
//! # }
//! ```
//!
//! [`Device`]: phy::Device

#![no_std]

extern crate alloc;

mod offloading;
mod plain;

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Deref;

use ixgbe::packet::Packet;
use ixgbe::pool::Pool;
use ixgbe::port::AttachError;
use smoltcp::phy::{self, DeviceCapabilities, Medium, PacketMeta};
use smoltcp::time::Instant;

pub use crate::offloading::Offloading;
pub use crate::plain::Plain;

/// The length of the checksum that ends a frame, in bytes.
const CRC: usize = 4;
/// The number of packets that are received at once.
const BATCH: usize = 32;

/// What an [`Adapter`] counted since it was made, in packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Received IP packets of which software computed a checksum: the stack, or [`Offloading`]. Those of ICMP are among
    /// them, which no device knows. The checksum of an IPv4 header does not count on its own.
    pub rx_by_software: u64,
    /// Received packets that were dropped because a checksum was wrong. With [`Plain`] this is 0: the stack drops them
    /// and does not count.
    pub rx_bad: u64,
    /// Received packets that were dropped for another reason: see [`Offloading`].
    pub rx_dropped: u64,
    /// Sent IP packets of which the stack computed a checksum.
    pub tx_by_software: u64,
    /// Sent packets that the device cuts into frames.
    pub tx_cut: u64,
    /// Packets of the stack that the device cannot send.
    pub tx_dropped: u64,
}

/// A pair of queues that a stack can use, and what the stack must not do because the device does.
pub trait Queues: sealed::Queues {}

pub(crate) mod sealed {
    use super::{AttachError, Counters, DeviceCapabilities, Frame, Packet, Pool};

    pub trait Queues {
        /// Makes the device able to send packets of `pool`.
        fn attach(&mut self, pool: &Pool) -> Result<(), AttachError>;
        /// Says what the device does. The stack may have packets of up to `longest` bytes cut.
        fn describe(&self, longest: usize, capabilities: &mut DeviceCapabilities);
        /// Returns the next frame that arrived and is fit for the stack.
        fn receive(&mut self, counters: &mut Counters) -> Option<Frame>;
        /// Sends a packet, or keeps it until there is room. `segment` is the payload of each frame, if it is to be cut.
        fn send(&mut self, packet: Packet, segment: Option<u16>, counters: &mut Counters);
        /// Returns `true` if no packet is kept.
        fn is_clear(&self) -> bool;
        /// Sends what is kept. If nothing is, reclaims the buffers of packets that were sent.
        fn advance(&mut self, counters: &mut Counters);
    }
}

/// A frame in one piece, as the stack reads it.
#[derive(Debug)]
#[doc(hidden)]
pub enum Frame {
    /// A packet in one buffer.
    Packet(Packet),
    /// A copy of a packet in several.
    Copy(Vec<u8>),
}

impl From<Packet> for Frame {
    fn from(packet: Packet) -> Self {
        match packet.segment_count() {
            1 => Self::Packet(packet),
            _ => Self::Copy(packet.segments().flatten().copied().collect()),
        }
    }
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Packet(packet) => packet,
            Self::Copy(bytes) => bytes,
        }
    }
}

/// A pair of queues as a device of smoltcp.
#[derive(Debug)]
pub struct Adapter<Q> {
    queues: Q,
    pool: Pool,
    mtu: usize,
    longest: usize,
    /// The buffer of the packet that is sent next.
    spare: Option<Packet>,
    counters: Counters,
}

impl<Q: Queues> Adapter<Q> {
    /// Makes a device of `queues`, which sends packets of `pool`.
    ///
    /// `max_frame` is as in the [`Config`](ixgbe::device::Config::max_frame) of an 82599, in bytes with CRC: 18 more than the
    /// MTU. smoltcp needs
    /// 594 for IPv4, and 1298 for IPv6. A pool that is not the receive queue's own keeps the two directions from waiting
    /// for each other's buffers.
    ///
    /// # Errors
    ///
    /// [`AttachError`] if the pool's memory cannot be mapped for the device.
    pub fn new(mut queues: Q, pool: Pool, max_frame: usize) -> Result<Self, AttachError> {
        queues.attach(&pool)?;
        let longest = pool.buffer_size();
        let mtu = max_frame.saturating_sub(CRC).min(longest);
        Ok(Self { queues, pool, mtu, longest, spare: None, counters: Counters::default() })
    }

    /// Lets the stack make TCP packets of up to `bytes`, with headers, that the device cuts into frames.
    ///
    /// They are as long as a buffer of the pool otherwise, which costs no copy: 16 KiB in buffers of that size. A longer
    /// one is copied into several buffers. At most 64 KiB and 37 buffers. Without an effect on [`Plain`] queues.
    #[must_use]
    pub fn cut_up_to(mut self, bytes: usize) -> Self {
        self.longest = bytes.min(offloading::MOST_BUFFERS * self.pool.buffer_size()).min(65_536);
        self
    }

    /// Returns the counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Returns a token if a packet can be sent.
    fn token(&mut self) -> Option<TxToken<'_, Q>> {
        self.spare = self.spare.take().or_else(|| self.pool.take());
        if self.spare.is_none() || !self.queues.is_clear() {
            self.queues.advance(&mut self.counters);
            self.spare = self.spare.take().or_else(|| self.pool.take());
        }
        (self.spare.is_some() && self.queues.is_clear()).then_some(TxToken { adapter: self, segment: None })
    }
}

impl<Q: Queues> phy::Device for Adapter<Q> {
    type RxToken<'a>
        = RxToken
    where
        Self: 'a;
    type TxToken<'a>
        = TxToken<'a, Q>
    where
        Self: 'a;

    fn receive(&mut self, _now: Instant) -> Option<(RxToken, TxToken<'_, Q>)> {
        // A packet is left in the queue until it can be answered.
        self.token()?;
        let frame = self.queues.receive(&mut self.counters)?;
        Some((RxToken(frame), TxToken { adapter: self, segment: None }))
    }

    fn transmit(&mut self, _now: Instant) -> Option<TxToken<'_, Q>> {
        self.token()
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.mtu;
        self.queues.describe(self.longest, &mut capabilities);
        capabilities
    }
}

/// A received packet.
#[derive(Debug)]
pub struct RxToken(Frame);

impl phy::RxToken for RxToken {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

/// The right to send a packet.
#[derive(Debug)]
pub struct TxToken<'a, Q> {
    adapter: &'a mut Adapter<Q>,
    segment: Option<u16>,
}

impl<Q: Queues> phy::TxToken for TxToken<'_, Q> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let Adapter { queues, pool, spare, counters, .. } = self.adapter;
        let mut packet = spare.take();
        let (result, packet) = match packet.as_mut().map(|packet| packet.append(len)) {
            Some(Ok(bytes)) => (f(bytes), packet),
            _ => {
                let mut bytes = vec![0; len];
                let result = f(&mut bytes);
                // Its buffer may be the last.
                drop(packet);
                (result, pool.take_copy(&bytes).ok())
            }
        };
        match packet {
            Some(packet) => queues.send(packet, self.segment, counters),
            None => counters.tx_dropped += 1,
        }
        result
    }

    fn set_meta(&mut self, meta: PacketMeta) {
        self.segment = meta.segmentation_offload_size.map(Into::into);
    }
}
