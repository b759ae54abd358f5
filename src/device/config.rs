//! What a device is to be set up as.

use core::fmt;

use crate::pool::{BUFFER_STEP, LARGEST_BUFFER};
use crate::queue::LongFrames;

/// The smallest and the largest number of descriptors of a ring. Between them, powers of two are possible.
pub const RING_LEN: core::ops::RangeInclusive<usize> = 64..=4096;

/// The most queue pairs: RETA, which spreads packets over receive queues, has 4 bits an entry (8.2.3.7.15).
pub const MOST_QUEUE_PAIRS: usize = 16;

/// The smallest and the largest frame, in bytes with CRC, that [`Config::max_frame`] takes.
pub const MAX_FRAME: core::ops::RangeInclusive<usize> = 64..=15_872;

/// What a device is to be set up as: builder methods over defaults that forward ordinary Ethernet.
///
/// ```
/// use ixgbe::device::Config;
/// let config = Config::new().queue_pairs(2).max_frame(9018).promiscuous(true);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Config {
    pub(crate) queue_pairs: usize,
    pub(crate) rx_len: usize,
    pub(crate) tx_len: usize,
    pub(crate) max_frame: usize,
    pub(crate) buffer_size: Option<usize>,
    pub(crate) pool_len: Option<usize>,
    pub(crate) promiscuous: bool,
    pub(crate) multicast: bool,
    pub(crate) long_frames: LongFrames,
    pub(crate) rss_key: [u8; 40],
    pub(crate) link: Link,
}

/// How the link is set up (datasheet 4.6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Link {
    /// As the board's EEPROM says; negotiation is only started anew.
    #[default]
    Eeprom,
    /// 10 Gbit/s over SFI, as for SFP+ modules, without negotiation.
    TenGigabitSfi,
}

/// A configuration that the device cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigError {
    /// Queue pairs: 1 to [`MOST_QUEUE_PAIRS`].
    QueuePairs {
        /// The number asked for.
        count: usize,
    },
    /// Descriptors of a ring: a power of two within [`RING_LEN`].
    RingLen {
        /// The number asked for.
        len: usize,
    },
    /// Largest frame: within [`MAX_FRAME`].
    MaxFrame {
        /// The number of bytes asked for.
        bytes: usize,
    },
    /// Buffers: a multiple of [`BUFFER_STEP`] up to [`LARGEST_BUFFER`].
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
            Self::QueuePairs { count } => {
                write!(f, "{count} queue pairs are not possible: 1 to {MOST_QUEUE_PAIRS} are")
            }
            Self::RingLen { len } => write!(
                f,
                "a ring cannot have {len} descriptors: a power of two from {} to {} is needed",
                RING_LEN.start(),
                RING_LEN.end()
            ),
            Self::MaxFrame { bytes } => write!(
                f,
                "the largest frame cannot be {bytes} bytes: {} to {} are possible",
                MAX_FRAME.start(),
                MAX_FRAME.end()
            ),
            Self::BufferSize { bytes } => write!(
                f,
                "buffers cannot have {bytes} bytes: a multiple of {BUFFER_STEP} up to {LARGEST_BUFFER} is needed"
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
            queue_pairs: 1,
            rx_len: 512,
            tx_len: 512,
            max_frame: 1518,
            buffer_size: None,
            pool_len: None,
            promiscuous: false,
            multicast: false,
            long_frames: LongFrames::Deliver,
            rss_key: RSS_KEY,
            link: Link::Eeprom,
        }
    }

    /// How many receive and transmit queues: 1 to [`MOST_QUEUE_PAIRS`]. RSS spreads packets over them.
    pub const fn queue_pairs(mut self, count: usize) -> Self {
        self.queue_pairs = count;
        self
    }

    /// Descriptors of each receive ring: a power of two within [`RING_LEN`].
    pub const fn rx_descriptors(mut self, len: usize) -> Self {
        self.rx_len = len;
        self
    }

    /// Descriptors of each transmit ring: a power of two within [`RING_LEN`].
    pub const fn tx_descriptors(mut self, len: usize) -> Self {
        self.tx_len = len;
        self
    }

    /// The largest frame to receive and send, within [`MAX_FRAME`]: in bytes with CRC, but without a VLAN tag, as
    /// MAXFRS counts (8.2.3.22.13). Less than 1518 limits only what is sent: the device receives standard frames always.
    pub const fn max_frame(mut self, bytes: usize) -> Self {
        self.max_frame = bytes;
        self
    }

    /// The size of receive buffers in bytes: a multiple of [`BUFFER_STEP`]. By default the largest frame fits.
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

    /// The key of the RSS hash, in the order in which it is published as bytes.
    pub const fn rss_key(mut self, key: [u8; 40]) -> Self {
        self.rss_key = key;
        self
    }

    /// How the link is set up.
    pub const fn link(mut self, link: Link) -> Self {
        self.link = link;
        self
    }

    /// Bytes of a receive buffer.
    pub(crate) fn buffer_bytes(&self) -> usize {
        // Neither more nor less than the frame: the CRC is stripped, but there may be a VLAN tag of
        // the same length.
        self.buffer_size.unwrap_or_else(|| self.max_frame.next_multiple_of(BUFFER_STEP).max(2 * BUFFER_STEP))
    }

    /// Buffers of a receive queue's pool.
    pub(crate) fn pool_count(&self) -> usize {
        self.pool_len.unwrap_or(2 * (self.rx_len + self.tx_len))
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !(1..=MOST_QUEUE_PAIRS).contains(&self.queue_pairs) {
            return Err(ConfigError::QueuePairs { count: self.queue_pairs });
        }
        for len in [self.rx_len, self.tx_len] {
            if !RING_LEN.contains(&len) || !len.is_power_of_two() {
                return Err(ConfigError::RingLen { len });
            }
        }
        if !MAX_FRAME.contains(&self.max_frame) {
            return Err(ConfigError::MaxFrame { bytes: self.max_frame });
        }
        let bytes = self.buffer_bytes();
        if bytes == 0 || bytes > LARGEST_BUFFER || !bytes.is_multiple_of(BUFFER_STEP) {
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

/// The key with which the RSS hash's test vectors are published.
pub const RSS_KEY: [u8; 40] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b,
    0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac,
    0x01, 0xfa,
];
