//! Device configuration.

use core::fmt;
use core::time::Duration;

use crate::device::filter::{FlowDirector, FlowSettings, Kind};
use crate::device::mac::{MacAddress, is_unicast};
use crate::device::{FlowControl, Loopback, Medium, PtpStamps, Rss};
use crate::pool::{BUFFER_SIZE_STEP, MAX_BUFFER_SIZE};
use crate::queue::LongFrames;

/// The range of ring lengths, in descriptors. A length must also be a power of two.
pub const RING_LENS: core::ops::RangeInclusive<usize> = 64..=4096;

/// The maximum number of receive queues. RETA, which spreads packets over them, has 4 bits per entry (8.2.3.7.15).
pub const MAX_RX_QUEUES: usize = 16;

/// The maximum number of transmit queues without traffic classes and VM pools (8.2.3.9.15).
pub const MAX_TX_QUEUES: usize = 64;

/// The largest threshold of [`Config::tx_prefetch`]: PTHRESH and HTHRESH have 7 bits (8.2.3.9.10).
pub const MAX_PREFETCH: u8 = 127;

/// The range of [`Config::max_frame`], in bytes with CRC.
pub const FRAME_SIZES: core::ops::RangeInclusive<usize> = 64..=15_872;

/// Device configuration: a builder whose defaults suit ordinary Ethernet.
///
/// ```
/// use ixgbe::device::Config;
/// let config = Config::new().queue_pairs(2).max_frame(9018).promiscuous(true);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Config {
    pub(crate) rx_queues: usize,
    pub(crate) tx_queues: usize,
    pub(crate) rx_len: usize,
    pub(crate) tx_len: usize,
    pub(crate) max_frame: usize,
    pub(crate) buffer_size: Option<usize>,
    pub(crate) pool_len: Option<usize>,
    pub(crate) promiscuous: bool,
    pub(crate) multicast: bool,
    pub(crate) long_frames: LongFrames,
    pub(crate) strip_vlan: bool,
    pub(crate) rss: Option<Rss>,
    pub(crate) flow_director: Option<FlowSettings>,
    pub(crate) tx_prefetch: (u8, u8),
    pub(crate) link: LinkMode,
    pub(crate) medium: Option<Medium>,
    pub(crate) link_retry: LinkRetry,
    pub(crate) link_settles: Duration,
    pub(crate) mac: Option<[u8; 6]>,
    pub(crate) loopback: Option<Loopback>,
    pub(crate) flow_control: FlowControl,
    pub(crate) ptp: Option<PtpStamps>,
}

/// The mode of the link (datasheet 4.6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LinkMode {
    /// What suits the port's [`Medium`]. In a cage: 10 Gbit/s over SFI, and if no link comes up, the speeds that the
    /// module has. Elsewhere: the settings of the EEPROM.
    #[default]
    Auto,
    /// The settings of the board's EEPROM. The driver only restarts the link.
    Eeprom,
    /// 10 Gbit/s over SFI, as for SFP+ modules, without negotiation.
    TenGigabitSfi,
    /// 1 Gbit/s over SFI, as for SFP modules (1000BASE-X).
    OneGigabitSfi {
        /// `true` to negotiate as clause 37 of the standard has it. Both ends must do the same.
        negotiate: bool,
    },
    /// Both speeds of a multispeed module in turn, 10 Gbit/s first; 1 Gbit/s with negotiation and without.
    TenThenOneGigabitSfi,
    /// As [`TenThenOneGigabitSfi`](Self::TenThenOneGigabitSfi), 1 Gbit/s first.
    OneThenTenGigabitSfi,
    /// Negotiation over a backplane, with these modes on offer.
    Backplane(Backplane),
}

/// The modes that are offered to the partner on a backplane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backplane {
    /// 10GBASE-KR: 10 Gbit/s on one lane.
    pub kr: bool,
    /// 10GBASE-KX4: 10 Gbit/s on four lanes.
    pub kx4: bool,
    /// 1000BASE-KX: 1 Gbit/s on one lane.
    pub kx: bool,
}

/// What to try when no link comes up, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkRetry {
    /// The time that an attempt gets before the next. On a backplane, an attempt gets at least 5 s.
    pub attempt: Duration,
    /// The number of restarts (AUTOC.RESTART_AN).
    pub restarts: u8,
    /// The number of pipeline resets, which also restart the serial data path. They follow the restarts.
    pub pipeline_resets: u8,
    /// The number of resets of the whole device that
    /// [`Device::reset_until_link`](crate::device::Device::reset_until_link) adds to the first.
    pub resets: u8,
}

impl LinkRetry {
    /// Never tries anything again: the caller decides.
    pub const NONE: Self = Self { attempt: Duration::MAX, restarts: 0, pipeline_resets: 0, resets: 0 };
}

impl Default for LinkRetry {
    /// Attempts of 2 s: one restart, one pipeline reset, and four resets of the device.
    fn default() -> Self {
        Self { attempt: Duration::from_secs(2), restarts: 1, pipeline_resets: 1, resets: 4 }
    }
}

/// An invalid configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigError {
    /// The number of receive queues is not 1 to [`MAX_RX_QUEUES`].
    RxQueues {
        /// The number requested.
        count: usize,
    },
    /// The number of transmit queues is not 1 to [`MAX_TX_QUEUES`].
    TxQueues {
        /// The number requested.
        count: usize,
    },
    /// The RSS table names a queue that does not run.
    RssTable {
        /// The first such entry of the table.
        entry: usize,
        /// The queue in that entry.
        queue: u8,
        /// The number of receive queues.
        queues: usize,
    },
    /// A threshold of [`Config::tx_prefetch`] is above [`MAX_PREFETCH`], or `at_least` is 0 while `fewer_than` is not.
    TxPrefetch {
        /// The requested PTHRESH.
        fewer_than: u8,
        /// The requested HTHRESH.
        at_least: u8,
    },
    /// The length of a ring is not a power of two within [`RING_LENS`].
    RingLen {
        /// The number of descriptors requested.
        len: usize,
    },
    /// The largest frame is not within [`FRAME_SIZES`].
    MaxFrame {
        /// The number of bytes requested.
        bytes: usize,
    },
    /// The buffer size is not a multiple of [`BUFFER_SIZE_STEP`] up to [`MAX_BUFFER_SIZE`].
    BufferSize {
        /// The number of bytes requested.
        bytes: usize,
    },
    /// The pool is too small: it must fill the receive ring and have 32 more buffers.
    PoolLen {
        /// The number of buffers requested.
        len: usize,
        /// The number needed.
        needed: usize,
    },
    /// [`start_with`](crate::device::Device::start_with) got no pool.
    NoPool,
    /// The address of [`Config::mac`] is a group address or zero.
    Mac {
        /// The address requested.
        address: [u8; 6],
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RxQueues { count } => {
                write!(f, "invalid number of receive queues {count}: it must be 1 to {MAX_RX_QUEUES}")
            }
            Self::TxQueues { count } => {
                write!(f, "invalid number of transmit queues {count}: it must be 1 to {MAX_TX_QUEUES}")
            }
            Self::RssTable { entry, queue, queues } => {
                write!(
                    f,
                    "invalid RSS table: entry {entry} names receive queue {queue}, which does not run; the device has \
                     {queues} receive queues, counted from 0"
                )
            }
            Self::TxPrefetch { fewer_than, at_least } => write!(
                f,
                "invalid prefetch thresholds PTHRESH {fewer_than}, HTHRESH {at_least}: each must be 0 to \
                 {MAX_PREFETCH}, HTHRESH not 0 unless PTHRESH is"
            ),
            Self::RingLen { len } => write!(
                f,
                "invalid ring length {len}: it must be a power of two from {} to {}",
                RING_LENS.start(),
                RING_LENS.end()
            ),
            Self::MaxFrame { bytes } => write!(
                f,
                "invalid largest frame of {bytes} bytes: it must be {} to {}",
                FRAME_SIZES.start(),
                FRAME_SIZES.end()
            ),
            Self::BufferSize { bytes } => write!(
                f,
                "invalid buffer size {bytes}: it must be a multiple of {BUFFER_SIZE_STEP} up to {MAX_BUFFER_SIZE}"
            ),
            Self::PoolLen { len, needed } => {
                write!(f, "a pool of {len} buffers is too small: the receive ring needs {needed}")
            }
            Self::NoPool => f.write_str("no buffer pool: Device::start_with needs at least one"),
            Self::Mac { address } => {
                write!(f, "invalid MAC address {}: it must be a unicast address other than zero", MacAddress(address))
            }
        }
    }
}

impl core::error::Error for ConfigError {}

impl Config {
    /// Returns the defaults: one queue pair, rings of 512 descriptors, frames of up to 1518 bytes with CRC.
    ///
    /// The device receives broadcasts and frames for its own MAC address. The link is [`LinkMode::Auto`].
    pub const fn new() -> Self {
        Self {
            rx_queues: 1,
            tx_queues: 1,
            rx_len: 512,
            tx_len: 512,
            max_frame: 1518,
            buffer_size: None,
            pool_len: None,
            promiscuous: false,
            multicast: false,
            long_frames: LongFrames::Deliver,
            strip_vlan: false,
            rss: None,
            flow_director: None,
            tx_prefetch: (36, 8),
            link: LinkMode::Auto,
            medium: None,
            link_retry: LinkRetry { attempt: Duration::from_secs(2), restarts: 1, pipeline_resets: 1, resets: 4 },
            link_settles: Duration::ZERO,
            mac: None,
            loopback: None,
            flow_control: FlowControl::Off,
            ptp: None,
        }
    }

    /// Sets the number of queue pairs: 1 to [`MAX_RX_QUEUES`]. [RSS](Self::rss) spreads packets over them.
    pub const fn queue_pairs(self, count: usize) -> Self {
        self.rx_queues(count).tx_queues(count)
    }

    /// Sets the number of receive queues: 1 to [`MAX_RX_QUEUES`].
    ///
    /// [`Device::split_queues`](crate::device::Device::split_queues) returns queues that are not in pairs.
    pub const fn rx_queues(mut self, count: usize) -> Self {
        self.rx_queues = count;
        self
    }

    /// Sets the number of transmit queues: 1 to [`MAX_TX_QUEUES`].
    pub const fn tx_queues(mut self, count: usize) -> Self {
        self.tx_queues = count;
        self
    }

    /// Sets the number of descriptors of each receive ring: a power of two within [`RING_LENS`].
    pub const fn rx_descriptors(mut self, len: usize) -> Self {
        self.rx_len = len;
        self
    }

    /// Sets the number of descriptors of each transmit ring: a power of two within [`RING_LENS`].
    pub const fn tx_descriptors(mut self, len: usize) -> Self {
        self.tx_len = len;
        self
    }

    /// Sets the largest frame to receive and send, within [`FRAME_SIZES`].
    ///
    /// As in MAXFRS (8.2.3.22.13), the bytes include the CRC but not a VLAN tag. Less than 1518 limits only what is
    /// sent, because the device always receives standard frames.
    ///
    /// ```
    /// use ixgbe::device::{Config, Device};
    /// use ixgbe::packet::Batch;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let port = ixgbe_sim::Port::new(Default::default());
    /// # port.plug(ixgbe_sim::wire::NoTraffic);
    /// // Frames of 9,000 bytes, in one buffer each, or in several of 2 KiB.
    /// for (config, segments) in [(Config::new(), 1), (Config::new().buffer_size(2048), 5)] {
    ///     let config = config.max_frame(9018).promiscuous(true);
    ///     let mut nic = Device::new(port.claim()?).reset(&config)?.assume_link_up().start()?;
    ///     let (_, mut queues) = nic.split();
    ///     let mut batch = Batch::with_capacity(32);
    /// #     port.deliver(&[7; 9_000]);
    ///     queues[0].rx.receive(&mut batch);
    ///     assert_eq!((batch[0].segment_count(), batch[0].segments().map(<[u8]>::len).sum()), (segments, 9_000));
    /// #     batch.clear();
    /// #     nic.stop()?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub const fn max_frame(mut self, bytes: usize) -> Self {
        self.max_frame = bytes;
        self
    }

    /// Sets the size of receive buffers in bytes: a multiple of [`BUFFER_SIZE_STEP`]. By default the largest frame
    /// fits.
    pub const fn buffer_size(mut self, bytes: usize) -> Self {
        self.buffer_size = Some(bytes);
        self
    }

    /// Sets the number of buffers of each receive queue's pool. The default is twice what both rings hold.
    pub const fn pool_buffers(mut self, len: usize) -> Self {
        self.pool_len = Some(len);
        self
    }

    /// Sets whether to receive all unicast and multicast frames, whatever their destination.
    pub const fn promiscuous(mut self, on: bool) -> Self {
        self.promiscuous = on;
        self
    }

    /// Sets whether to receive all multicast frames.
    pub const fn all_multicast(mut self, on: bool) -> Self {
        self.multicast = on;
        self
    }

    /// Sets what to do with frames larger than a buffer.
    pub const fn long_frames(mut self, how: LongFrames) -> Self {
        self.long_frames = how;
        self
    }

    /// Sets whether the device takes the VLAN tag out of received packets (RXDCTL.VME, 8.2.3.8.6). By default it does
    /// not. [`Received::vlan`](crate::offload::Received::vlan) returns the tag in either case.
    ///
    /// ```
    /// use ixgbe::device::{Config, Device};
    /// use ixgbe::packet::Batch;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let port = ixgbe_sim::Port::new(Default::default());
    /// # port.plug(ixgbe_sim::wire::NoTraffic);
    /// let config = Config::new().strip_vlan(true).promiscuous(true);
    /// let mut nic = Device::new(port.claim()?).reset(&config)?.assume_link_up().start()?;
    /// let (_, mut queues) = nic.split();
    /// // A frame of 64 bytes with a tag of VLAN 100 arrives.
    /// # let mut frame = [0; 64];
    /// # frame[12..16].copy_from_slice(&[0x81, 0, 0, 100]);
    /// # port.deliver(&frame);
    /// let mut batch = Batch::with_capacity(32);
    /// queues[0].rx.receive_with_metadata(&mut batch);
    /// let received = batch.iter().next().ok_or("nothing arrived")?;
    /// assert_eq!((received.len(), received.vlan().map(|tag| tag.id())), (60, Some(100)));
    /// # Ok(())
    /// # }
    /// ```
    pub const fn strip_vlan(mut self, on: bool) -> Self {
        self.strip_vlan = on;
        self
    }

    /// Sets how packets are spread over several receive queues; by default evenly. It has no effect on a single queue.
    pub const fn rss(mut self, rss: Rss) -> Self {
        self.rss = Some(rss);
        self
    }

    /// Gives Flow Director a part of the receive packet buffer, and sets what its filters compare.
    ///
    /// Without this, a running device takes no rules for [flows](crate::device::filter::Flow). The memory is missing for
    /// frames that wait: of 512 KiB, 448, 384 or 256 remain.
    ///
    /// ```
    /// use ixgbe::device::filter::{Flow, FlowDirector, FlowMemory, Perfect};
    /// use ixgbe::device::{Config, Device};
    /// use ixgbe::{index, registers::RxQueue};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let port = ixgbe_sim::Port::new(Default::default());
    /// # port.plug(ixgbe_sim::wire::NoTraffic);
    /// let config = Config::new().queue_pairs(2).flow_director(FlowDirector::perfect(FlowMemory::Kib64));
    /// let mut nic = Device::new(port.claim()?).reset(&config)?.assume_link_up().start()?;
    /// let flow = Flow::<Perfect>::tcp().source([192, 0, 2, 1].into()).destination([192, 0, 2, 2].into());
    /// let rule = flow.source_port(1024).destination_port(80).to(index!(RxQueue, 1));
    /// let (mut control, _queues) = nic.split();
    /// let handle = control.filters().add(rule)?;
    /// assert_eq!(handle.flow_index(), Some(0));
    /// # Ok(())
    /// # }
    /// ```
    pub const fn flow_director<K: Kind>(mut self, flow_director: FlowDirector<K>) -> Self {
        self.flow_director = Some(flow_director.settings);
        self
    }

    /// Sets the thresholds for the prefetch of transmit descriptors (8.2.3.9.10): 36 and 8 by default.
    ///
    /// The device prefetches when fewer than `fewer_than` descriptors (PTHRESH) are on chip and at least `at_least`
    /// (HTHRESH) wait in memory. Each is at most [`MAX_PREFETCH`].
    pub const fn tx_prefetch(mut self, fewer_than: u8, at_least: u8) -> Self {
        self.tx_prefetch = (fewer_than, at_least);
        self
    }

    /// Sets the mode of the link: speed and kind of connection.
    pub const fn link(mut self, link: LinkMode) -> Self {
        self.link = link;
        self
    }

    /// Sets the MAC address, in place of the EEPROM's: for a card whose EEPROM has none, or to choose another.
    pub const fn mac(mut self, address: [u8; 6]) -> Self {
        self.mac = Some(address);
        self
    }

    /// Makes the port receive what it sends, to test it without a cable. The link configuration has no effect then.
    ///
    /// A frame comes back only if the port accepts it: send to its own address, or set
    /// [`promiscuous`](Self::promiscuous). [`wait_for_link`](crate::device::Device::wait_for_link) waits for nothing,
    /// and `start` forces a link without a signal. Stopping or dropping the running device ends the loopback, by a
    /// reset of device and link. [`Device::reset`](crate::device::Device::reset) refuses it on a port that the firmware
    /// uses.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use ixgbe::device::{Config, Device, Loopback};
    /// use ixgbe::packet::Batch;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let port = ixgbe_sim::Port::new(Default::default());
    /// let config = Config::new().loopback(Loopback::Mac).promiscuous(true);
    /// let nic = Device::new(port.claim()?).reset(&config)?;
    /// let mut nic = nic.wait_for_link(Duration::from_millis(100))?.start()?;
    /// let mut batch = Batch::with_capacity(1);
    /// let pool = nic.pools().next().ok_or("a queue has a pool")?;
    /// batch.push(pool.take_copy(&[0; 60])?).map_err(|_| "the batch is full")?;
    /// let (_, mut queues) = nic.split();
    /// queues[0].tx.transmit(&mut batch)?;
    /// # port.run_until_idle(10);
    /// while queues[0].rx.receive(&mut batch) == 0 {}
    /// assert_eq!(batch[0].len(), 60);
    /// # Ok(())
    /// # }
    /// ```
    pub const fn loopback(mut self, loopback: Loopback) -> Self {
        self.loopback = Some(loopback);
        self
    }

    /// Sets which pause frames the port sends and obeys: none by default.
    ///
    /// Where the link negotiates, at 1 Gbit/s with [`LinkMode::OneGigabitSfi`] and on a backplane, this is what the port
    /// offers; [`Control::flow_control`](crate::device::Control::flow_control) returns what the partner agreed to.
    /// Elsewhere, both ends must be set to the same.
    ///
    /// A port that sends pause frames loses no packets for want of descriptors. So a receive queue that nobody drains
    /// stops all others, and in the end the partner.
    ///
    /// ```
    /// use ixgbe::device::{Config, Device, FlowControl};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let port = ixgbe_sim::Port::new(Default::default());
    /// # port.plug(ixgbe_sim::wire::NoTraffic);
    /// let config = Config::new().flow_control(FlowControl::Both);
    /// let mut nic = Device::new(port.claim()?).reset(&config)?.assume_link_up().start()?;
    /// let (mut control, _queues) = nic.split();
    /// assert_eq!(control.flow_control(), FlowControl::Both);
    /// // A pause frame of the partner arrives.
    /// # let mut pause = [0; 60];
    /// # pause[..6].copy_from_slice(&[0x01, 0x80, 0xc2, 0, 0, 1]);
    /// # pause[12..18].copy_from_slice(&[0x88, 0x08, 0, 1, 0, 9]);
    /// # port.deliver(&pause);
    /// assert_eq!(control.statistics()?.rx_xoff, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub const fn flow_control(mut self, mode: FlowControl) -> Self {
        self.flow_control = mode;
        self
    }

    /// Switches the [PTP clock](crate::device::Control::ptp) on, and the time stamps of these packets.
    pub const fn ptp(mut self, stamps: PtpStamps) -> Self {
        self.ptp = Some(stamps);
        self
    }

    /// Sets what the port is made for. By default, the PCI device id says it, if the platform knows that.
    ///
    /// With [`Medium::FixedFiber`], the driver leaves the board's pins alone: for boards that use SDP3 or SDP5 as
    /// outputs for something else than laser and rate.
    pub const fn medium(mut self, medium: Medium) -> Self {
        self.medium = Some(medium);
        self
    }

    /// Sets what to try when no link comes up.
    pub const fn link_retry(mut self, retry: LinkRetry) -> Self {
        self.link_retry = retry;
        self
    }

    /// Sets the time for which the link must be up before it counts: none by default.
    ///
    /// Some cards report a link before packets pass. The link must still be up when the time is over.
    pub const fn link_settles(mut self, time: Duration) -> Self {
        self.link_settles = time;
        self
    }

    /// Returns the size of a receive buffer in bytes.
    pub(crate) fn buffer_bytes(&self) -> usize {
        // The CRC is stripped, but there may be a VLAN tag of the same length: so the frame's length is enough.
        self.buffer_size.unwrap_or_else(|| self.max_frame.next_multiple_of(BUFFER_SIZE_STEP).max(2 * BUFFER_SIZE_STEP))
    }

    /// Returns the number of buffers of a receive queue's pool.
    pub(crate) fn pool_count(&self) -> usize {
        self.pool_len.unwrap_or(2 * (self.rx_len + self.tx_len))
    }

    /// Returns how packets are spread when the device starts.
    pub(crate) fn initial_rss(&self) -> Rss {
        self.rss.unwrap_or(Rss::new(self.rx_queues))
    }

    /// Checks that all queues that `rss` names run.
    pub(crate) fn check_rss(&self, rss: &Rss) -> Result<(), ConfigError> {
        let queues = self.rx_queues;
        match (0..).zip(rss.table).find(|(_, queue)| usize::from(*queue) >= queues) {
            Some((entry, queue)) => Err(ConfigError::RssTable { entry, queue, queues }),
            None => Ok(()),
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !(1..=MAX_RX_QUEUES).contains(&self.rx_queues) {
            return Err(ConfigError::RxQueues { count: self.rx_queues });
        }
        if !(1..=MAX_TX_QUEUES).contains(&self.tx_queues) {
            return Err(ConfigError::TxQueues { count: self.tx_queues });
        }
        self.check_rss(&self.initial_rss())?;
        let (fewer_than, at_least) = self.tx_prefetch;
        if fewer_than.max(at_least) > MAX_PREFETCH || (fewer_than > 0 && at_least == 0) {
            return Err(ConfigError::TxPrefetch { fewer_than, at_least });
        }
        if let Some(address) = self.mac.filter(|address| !is_unicast(*address)) {
            return Err(ConfigError::Mac { address });
        }
        for len in [self.rx_len, self.tx_len] {
            if !RING_LENS.contains(&len) || !len.is_power_of_two() {
                return Err(ConfigError::RingLen { len });
            }
        }
        if !FRAME_SIZES.contains(&self.max_frame) {
            return Err(ConfigError::MaxFrame { bytes: self.max_frame });
        }
        let bytes = self.buffer_bytes();
        if bytes == 0 || bytes > MAX_BUFFER_SIZE || !bytes.is_multiple_of(BUFFER_SIZE_STEP) {
            return Err(ConfigError::BufferSize { bytes });
        }
        let needed = self.rx_len + crate::pool::SPARE_BUFFERS;
        if self.pool_count() < needed {
            return Err(ConfigError::PoolLen { len: self.pool_count(), needed });
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
