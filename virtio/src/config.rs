//! What a program wants of a device.

use core::time::Duration;

use crate::feature::{Feature, Features};

/// The options of a device.
#[derive(Debug, Clone)]
#[must_use]
pub struct Config {
    pub(crate) wanted: Features,
    pub(crate) required: Features,
    pub(crate) queue_pairs: u16,
    pub(crate) receive_size: u16,
    pub(crate) transmit_size: u16,
    pub(crate) mtu: Option<u16>,
    pub(crate) buffer_size: Option<usize>,
    pub(crate) mac: Option<[u8; 6]>,
    pub(crate) promiscuous: bool,
    pub(crate) interrupts: bool,
    pub(crate) timeout: Duration,
}

/// What this driver makes use of, if the device offers it.
const USED: &[Feature] = &[
    Feature::Mac,
    Feature::Status,
    Feature::Mtu,
    Feature::SpeedDuplex,
    Feature::MrgRxbuf,
    Feature::Csum,
    Feature::HostTso4,
    Feature::HostTso6,
    Feature::HostUso,
    Feature::GuestHdrlen,
    Feature::CtrlVq,
    Feature::CtrlRx,
    Feature::CtrlMacAddr,
    Feature::GuestAnnounce,
    Feature::EventIdx,
    Feature::Version1,
    Feature::AccessPlatform,
    Feature::RingPacked,
    Feature::RingReset,
    // Barriers between processors are barriers for devices, too.
    #[cfg(target_arch = "x86_64")]
    Feature::OrderPlatform,
];

/// What lets the device leave checksums to the driver, and hand on packets of several segments.
const RECEIVE_OFFLOADS: &[Feature] =
    &[Feature::GuestCsum, Feature::GuestTso4, Feature::GuestTso6, Feature::GuestUso4, Feature::GuestUso6];

impl Default for Config {
    fn default() -> Self {
        Self {
            wanted: Features::all(USED),
            required: Features::NONE,
            queue_pairs: 1,
            receive_size: 512,
            transmit_size: 512,
            mtu: None,
            buffer_size: None,
            mac: None,
            promiscuous: false,
            interrupts: false,
            timeout: Duration::from_secs(1),
        }
    }
}

impl Config {
    /// Returns the defaults: all features that this driver makes use of, but VLAN filters, offloads of reception and
    /// several queue pairs. Queues have 512 descriptors,
    /// if the device has that many.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does without `features`, also if the device offers them. VERSION_1 and ACCESS_PLATFORM cannot be left out.
    ///
    /// Without RING_PACKED, queues are split.
    pub fn without(mut self, features: impl Into<Features>) -> Self {
        let needed = Features::all(&[Feature::Version1, Feature::AccessPlatform]);
        self.wanted = self.wanted - (features.into() - needed);
        self
    }

    /// Makes it an error if the device does not offer `features`, or if this driver makes no use of them.
    pub fn require(mut self, features: impl Into<Features>) -> Self {
        self.required = self.required | features.into();
        self
    }

    /// Drops received frames with a VLAN tag, but for the VLANs that
    /// [`Control::add_vlan`](crate::device::Control::add_vlan) adds. By default, all VLANs are received.
    pub fn vlan_filter(mut self, on: bool) -> Self {
        let vlan = Features::of(Feature::CtrlVlan);
        self.wanted = if on { self.wanted | vlan } else { self.wanted - vlan };
        self
    }

    /// Sets the number of queue pairs: 1 by default. The device can have up to 32767, and says how many it has.
    ///
    /// The device chooses the receive queue of a frame: a flow arrives on the queue of the pair on which the program last
    /// sent frames of that flow (specification 5.1.6.5.6). So a program that answers on the pair on which it received
    /// keeps each flow on one pair. The features RSS and HASH_REPORT, by which a driver chooses itself, are not used.
    pub fn queue_pairs(mut self, count: u16) -> Self {
        let several = Features::of(Feature::Mq);
        self.wanted = if count > 1 { self.wanted | several } else { self.wanted - several };
        self.queue_pairs = count;
        self
    }

    /// Accepts what the device knows of checksums, and packets that are longer than a frame: GUEST_CSUM, GUEST_TSO4,
    /// GUEST_TSO6, GUEST_USO4 and GUEST_USO6. By default they are not accepted, and the device hands on frames with whole
    /// checksums.
    ///
    /// [`ReceiveQueue::receive_with_metadata`](crate::queue::ReceiveQueue::receive_with_metadata) says what is known of each
    /// packet. A packet from another virtual machine often has a [partial](ixgbe::offload::Checksum::Partial) checksum, and up
    /// to 64 KiB, in several buffers. Such long ones are accepted only with MRG_RXBUF, and if buffers and
    /// [queue](Self::queue_sizes) have room for them.
    pub fn receive_offloads(mut self, on: bool) -> Self {
        let offloads = Features::all(RECEIVE_OFFLOADS);
        self.wanted = if on { self.wanted | offloads } else { self.wanted - offloads };
        self
    }

    /// Sets the largest number of descriptors of a receive queue and of a transmit queue. Queues have at
    /// most what the device has, and a power of two unless they are packed.
    pub fn queue_sizes(mut self, receive: u16, transmit: u16) -> Self {
        (self.receive_size, self.transmit_size) = (receive, transmit);
        self
    }

    /// Sets the MTU: the longest packet behind an Ethernet header. By default it is the device's, or 1500.
    pub fn mtu(mut self, mtu: u16) -> Self {
        self.mtu = Some(mtu);
        self
    }

    /// Sets the size of a receive buffer: a multiple of 1024 bytes. By default, a buffer holds a frame of the MTU, or 2048
    /// bytes if a frame can fill several.
    pub fn buffer_size(mut self, bytes: usize) -> Self {
        self.buffer_size = Some(bytes);
        self
    }

    /// Sets the MAC address. Without it the address is the device's. A device that has none gets a random one.
    pub fn mac(mut self, mac: [u8; 6]) -> Self {
        self.mac = Some(mac);
        self
    }

    /// Receives all frames, whatever their destination.
    pub fn promiscuous(mut self, on: bool) -> Self {
        self.promiscuous = on;
        self
    }

    /// Lets receive queue n raise MSI-X vector n, and changes of the configuration, such as the link's, the next vector. By
    /// default the device raises none.
    ///
    /// The platform delivers interrupts. It must have switched on as many vectors as [`vectors`](Self::vectors) says
    /// before the device is started:
    ///
    /// ```no_run
    /// # #[cfg(feature = "linux")]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use ixgbe::packet::Batch;
    /// use ixgbe_virtio::{Config, Device};
    /// use std::time::Duration;
    ///
    /// let config = Config::new().interrupts(true);
    /// let device = Device::open("0000:01:00.0".parse()?)?;
    /// let interrupts = device.function().interrupts(config.vectors())?;
    /// let mut device = device.bring_up(&config).map_err(|failed| failed.error)?;
    /// let (mut control, mut queues) = device.split();
    /// let mut batch = Batch::with_capacity(32);
    /// interrupts.receive(&mut queues[0].rx, &mut batch, Duration::from_secs(1))?;
    /// if interrupts.wait(control.configuration_vector(), Duration::ZERO)? {
    ///     control.check()?;
    ///     println!("link {}", control.link());
    /// }
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "linux"))]
    /// # fn main() {}
    /// ```
    ///
    /// A queue raises an interrupt only after
    /// [`ReceiveQueue::enable_interrupt`](crate::queue::ReceiveQueue::enable_interrupt), and then one.
    pub fn interrupts(mut self, on: bool) -> Self {
        self.interrupts = on;
        self
    }

    /// Returns the number of MSI-X vectors that a device with this configuration raises.
    #[must_use]
    pub fn vectors(&self) -> u32 {
        if self.interrupts { u32::from(self.queue_pairs) + 1 } else { 0 }
    }

    /// Sets the longest wait for the device: for a reset, and for each command of the control queue. 1 s by default.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }
}
