//! What a device is to be set up as.

use core::fmt;

use crate::device::Rss;
use crate::pool::{BUFFER_SIZE_STEP, MAX_BUFFER_SIZE};
use crate::queue::LongFrames;

/// The smallest and the largest number of descriptors of a ring. Between them, powers of two are possible.
pub const RING_LENS: core::ops::RangeInclusive<usize> = 64..=4096;

/// The most receive queues: RETA, which spreads packets over them, has 4 bits an entry (8.2.3.7.15).
pub const MAX_RX_QUEUES: usize = 16;

/// The most transmit queues without traffic classes and pools (8.2.3.9.15).
pub const MAX_TX_QUEUES: usize = 64;

/// The largest threshold of [`Config::tx_prefetch`]: PTHRESH and HTHRESH have 7 bits (8.2.3.9.10).
pub const MAX_PREFETCH: u8 = 127;

/// The smallest and the largest frame, in bytes with CRC, that [`Config::max_frame`] takes.
pub const FRAME_SIZES: core::ops::RangeInclusive<usize> = 64..=15_872;

/// What a device is to be set up as: builder methods over defaults that forward ordinary Ethernet.
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
    pub(crate) rss: Option<Rss>,
    pub(crate) tx_prefetch: (u8, u8),
    pub(crate) link: LinkMode,
}

/// How the link is set up (datasheet 4.6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkMode {
    /// As the board's EEPROM says; negotiation is only started anew.
    #[default]
    Eeprom,
    /// 10 Gbit/s over SFI, as for SFP+ modules, without negotiation.
    TenGigabitSfi,
}

/// A configuration that the device cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigError {
    /// Receive queues: 1 to [`MAX_RX_QUEUES`].
    RxQueues {
        /// The number asked for.
        count: usize,
    },
    /// Transmit queues: 1 to [`MAX_TX_QUEUES`].
    TxQueues {
        /// The number asked for.
        count: usize,
    },
    /// RSS would send packets to a queue that does not run.
    RssTable {
        /// The first such entry of the table.
        entry: usize,
        /// The queue that it names.
        queue: u8,
        /// How many receive queues there are.
        queues: usize,
    },
    /// The thresholds of [`Config::tx_prefetch`]: up to [`MAX_PREFETCH`], the second not 0 when the first is not.
    TxPrefetch {
        /// PTHRESH as asked for.
        fewer_than: u8,
        /// HTHRESH as asked for.
        at_least: u8,
    },
    /// Descriptors of a ring: a power of two within [`RING_LENS`].
    RingLen {
        /// The number asked for.
        len: usize,
    },
    /// Largest frame: within [`FRAME_SIZES`].
    MaxFrame {
        /// The number of bytes asked for.
        bytes: usize,
    },
    /// Buffers: a multiple of [`BUFFER_SIZE_STEP`] up to [`MAX_BUFFER_SIZE`].
    BufferSize {
        /// The number of bytes asked for.
        bytes: usize,
    },
    /// A pool must at least fill the receive ring and leave a block over.
    PoolLen {
        /// The number of buffers asked for.
        len: usize,
        /// The number needed.
        needed: usize,
    },
    /// No pool was given to receive into.
    NoPool,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RxQueues { count } => {
                write!(f, "{count} receive queues are not possible: 1 to {MAX_RX_QUEUES} are")
            }
            Self::TxQueues { count } => {
                write!(f, "{count} transmit queues are not possible: 1 to {MAX_TX_QUEUES} are")
            }
            Self::RssTable { entry, queue, queues } => {
                write!(f, "entry {entry} of the RSS table names receive queue {queue}, and {queues} run, from 0 on")
            }
            Self::TxPrefetch { fewer_than, at_least } => write!(
                f,
                "descriptors cannot be fetched {at_least} at a time when fewer than {fewer_than} are left: both are at \
                 most {MAX_PREFETCH}, and 0 at a time is possible only with 0 left"
            ),
            Self::RingLen { len } => write!(
                f,
                "a ring cannot have {len} descriptors: a power of two from {} to {} is needed",
                RING_LENS.start(),
                RING_LENS.end()
            ),
            Self::MaxFrame { bytes } => write!(
                f,
                "the largest frame cannot be {bytes} bytes: {} to {} are possible",
                FRAME_SIZES.start(),
                FRAME_SIZES.end()
            ),
            Self::BufferSize { bytes } => write!(
                f,
                "buffers cannot have {bytes} bytes: a multiple of {BUFFER_SIZE_STEP} up to {MAX_BUFFER_SIZE} is needed"
            ),
            Self::PoolLen { len, needed } => {
                write!(f, "a pool of {len} buffers is too small: the receive ring needs {needed}")
            }
            Self::NoPool => f.write_str("no pool was given to receive into"),
        }
    }
}

impl core::error::Error for ConfigError {}

impl Config {
    /// One queue pair, rings of 512 descriptors, frames of up to 1518 bytes with CRC, addressed to us or
    /// broadcast; the link as the EEPROM has it.
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
            rss: None,
            tx_prefetch: (36, 8),
            link: LinkMode::Eeprom,
        }
    }

    /// As many receive as transmit queues: 1 to [`MAX_RX_QUEUES`]. [RSS](Self::rss) spreads packets over them.
    pub const fn queue_pairs(self, count: usize) -> Self {
        self.rx_queues(count).tx_queues(count)
    }

    /// How many receive queues: 1 to [`MAX_RX_QUEUES`]. See [`Device::split_queues`](crate::device::Device::split_queues)
    /// for what is not in pairs.
    pub const fn rx_queues(mut self, count: usize) -> Self {
        self.rx_queues = count;
        self
    }

    /// How many transmit queues: 1 to [`MAX_TX_QUEUES`].
    pub const fn tx_queues(mut self, count: usize) -> Self {
        self.tx_queues = count;
        self
    }

    /// Descriptors of each receive ring: a power of two within [`RING_LENS`].
    pub const fn rx_descriptors(mut self, len: usize) -> Self {
        self.rx_len = len;
        self
    }

    /// Descriptors of each transmit ring: a power of two within [`RING_LENS`].
    pub const fn tx_descriptors(mut self, len: usize) -> Self {
        self.tx_len = len;
        self
    }

    /// The largest frame to receive and send, within [`FRAME_SIZES`]: in bytes with CRC, but without a VLAN tag, as
    /// MAXFRS counts (8.2.3.22.13). Less than 1518 limits only what is sent: the device receives standard frames always.
    pub const fn max_frame(mut self, bytes: usize) -> Self {
        self.max_frame = bytes;
        self
    }

    /// The size of receive buffers in bytes: a multiple of [`BUFFER_SIZE_STEP`]. By default the largest frame fits.
    pub const fn buffer_size(mut self, bytes: usize) -> Self {
        self.buffer_size = Some(bytes);
        self
    }

    /// The number of buffers of each receive queue's pool. By default twice what both rings hold.
    pub const fn pool_buffers(mut self, len: usize) -> Self {
        self.pool_len = Some(len);
        self
    }

    /// Whether to receive all unicast and multicast frames, whoever they are for.
    pub const fn promiscuous(mut self, on: bool) -> Self {
        self.promiscuous = on;
        self
    }

    /// Whether to receive all multicast frames.
    pub const fn all_multicast(mut self, on: bool) -> Self {
        self.multicast = on;
        self
    }

    /// What to do with frames longer than a buffer.
    pub const fn long_frames(mut self, how: LongFrames) -> Self {
        self.long_frames = how;
        self
    }

    /// How packets are spread over several receive queues; by default evenly. With one queue there is nothing to spread.
    pub const fn rss(mut self, rss: Rss) -> Self {
        self.rss = Some(rss);
        self
    }

    /// When the device fetches transmit descriptors: once it has `fewer_than` (PTHRESH), and `at_least` (HTHRESH) are to
    /// be had (8.2.3.9.10). Each is up to [`MAX_PREFETCH`]; 36 and 8 by default.
    pub const fn tx_prefetch(mut self, fewer_than: u8, at_least: u8) -> Self {
        self.tx_prefetch = (fewer_than, at_least);
        self
    }

    /// How the link is set up.
    pub const fn link(mut self, link: LinkMode) -> Self {
        self.link = link;
        self
    }

    /// Bytes of a receive buffer.
    pub(crate) fn buffer_bytes(&self) -> usize {
        // Neither more nor less than the frame: the CRC is stripped, but there may be a VLAN tag of
        // the same length.
        self.buffer_size.unwrap_or_else(|| self.max_frame.next_multiple_of(BUFFER_SIZE_STEP).max(2 * BUFFER_SIZE_STEP))
    }

    /// Buffers of a receive queue's pool.
    pub(crate) fn pool_count(&self) -> usize {
        self.pool_len.unwrap_or(2 * (self.rx_len + self.tx_len))
    }

    /// How packets are spread when the device starts.
    pub(crate) fn initial_rss(&self) -> Rss {
        self.rss.unwrap_or(Rss::new(self.rx_queues))
    }

    /// Whether all queues that `rss` names run.
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
        let needed = self.rx_len + crate::pool::BLOCK;
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
