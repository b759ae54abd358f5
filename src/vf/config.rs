//! Configuration of a virtual function.

use core::fmt;

use crate::pool::{BUFFER_SIZE_STEP, MAX_BUFFER_SIZE, SPARE_BUFFERS};
use crate::queue::LongFrames;
use crate::vf::Version;

/// The maximum number of queue pairs. A function usually has fewer: 2, 4 or 8.
pub const MAX_QUEUES: usize = 8;

/// The range of [`Config::max_frame`], in bytes with CRC.
pub const FRAME_SIZES: core::ops::RangeInclusive<usize> = 64..=9728;

/// The range of ring lengths, in descriptors.
const RING_LENS: core::ops::RangeInclusive<usize> = 64..=4096;

/// Configuration of a virtual function: a builder whose defaults suit ordinary Ethernet.
///
/// ```
/// use ixgbe::vf::Config;
/// let config = Config::new().queue_pairs(2).max_frame(9018);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Config {
    pub(super) queues: usize,
    pub(super) rx_len: usize,
    pub(super) tx_len: usize,
    pub(super) max_frame: usize,
    pub(super) buffer_size: Option<usize>,
    pub(super) pool_len: Option<usize>,
    pub(super) long_frames: LongFrames,
    pub(super) strip_vlan: bool,
    pub(super) mac: Option<[u8; 6]>,
    pub(super) newest: Version,
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// Returns the defaults: one queue pair, rings of 512 descriptors, frames of up to 1518 bytes.
    pub const fn new() -> Self {
        Self {
            queues: 1,
            rx_len: 512,
            tx_len: 512,
            max_frame: 1518,
            buffer_size: None,
            pool_len: None,
            long_frames: LongFrames::Deliver,
            strip_vlan: false,
            mac: None,
            newest: Version::V1_3,
        }
    }

    /// Sets the number of queue pairs. Received packets are spread over 1, 2 or 4 of them by RSS, if the physical function
    /// has it enabled; with another number, over the next smaller one.
    pub const fn queue_pairs(mut self, count: usize) -> Self {
        self.queues = count;
        self
    }

    /// Sets the length of each receive ring: a power of two from 64 to 4096.
    pub const fn rx_descriptors(mut self, count: usize) -> Self {
        self.rx_len = count;
        self
    }

    /// Sets the length of each transmit ring: a power of two from 64 to 4096.
    pub const fn tx_descriptors(mut self, count: usize) -> Self {
        self.tx_len = count;
        self
    }

    /// Sets the largest frame, in bytes with CRC and without VLAN tag. Above 1518, the physical function must have jumbo
    /// frames itself.
    pub const fn max_frame(mut self, bytes: usize) -> Self {
        self.max_frame = bytes;
        self
    }

    /// Sets the size of receive buffers, in bytes. By default, 2048.
    pub const fn buffer_size(mut self, bytes: usize) -> Self {
        self.buffer_size = Some(bytes);
        self
    }

    /// Sets the number of buffers of each receive queue's pool. By default, there are enough for both of its rings.
    pub const fn pool_buffers(mut self, buffers: usize) -> Self {
        self.pool_len = Some(buffers);
        self
    }

    /// Sets what happens to frames larger than a buffer.
    pub const fn long_frames(mut self, how: LongFrames) -> Self {
        self.long_frames = how;
        self
    }

    /// Sets whether the device takes the VLAN tag out of received packets.
    pub const fn strip_vlan(mut self, on: bool) -> Self {
        self.strip_vlan = on;
        self
    }

    /// Sets the MAC address, in place of the physical function's. It refuses the address if the administrator has set
    /// another.
    pub const fn mac(mut self, address: [u8; 6]) -> Self {
        self.mac = Some(address);
        self
    }

    /// Sets the newest version of the mailbox's protocol to agree on.
    pub const fn newest_version(mut self, version: Version) -> Self {
        self.newest = version;
        self
    }

    /// Returns the number of buffers of a pool.
    pub(super) fn pool_count(&self) -> usize {
        self.pool_len.unwrap_or(self.rx_len + self.tx_len + SPARE_BUFFERS)
    }

    /// Returns the size of a buffer in bytes.
    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer_size.unwrap_or(2048)
    }

    /// Checks the configuration.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(1..=MAX_QUEUES).contains(&self.queues) {
            return Err(ConfigError::Queues { count: self.queues });
        }
        for len in [self.rx_len, self.tx_len] {
            if !RING_LENS.contains(&len) || !len.is_power_of_two() {
                return Err(ConfigError::RingLength { len });
            }
        }
        if !FRAME_SIZES.contains(&self.max_frame) {
            return Err(ConfigError::FrameSize { size: self.max_frame });
        }
        let size = self.buffer_bytes();
        if size == 0 || size > MAX_BUFFER_SIZE || !size.is_multiple_of(BUFFER_SIZE_STEP) {
            return Err(ConfigError::BufferSize { size });
        }
        Ok(())
    }
}

/// An invalid configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The number of queue pairs is not 1 to 8.
    Queues {
        /// The number.
        count: usize,
    },
    /// A ring's length is not a power of two from 64 to 4096.
    RingLength {
        /// The length.
        len: usize,
    },
    /// The largest frame is outside [`FRAME_SIZES`].
    FrameSize {
        /// The size.
        size: usize,
    },
    /// The buffer size is not a multiple of 1 KiB up to 16 KiB.
    BufferSize {
        /// The size.
        size: usize,
    },
    /// There is no pool to fill the receive rings from.
    NoPool,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queues { count } => write!(f, "invalid number of queue pairs {count}: it must be 1 to {MAX_QUEUES}"),
            Self::RingLength { len } => {
                write!(f, "invalid ring length {len}: it must be a power of two from 64 to 4096")
            }
            Self::FrameSize { size } => {
                write!(f, "invalid largest frame {size}: it must be {} to {}", FRAME_SIZES.start(), FRAME_SIZES.end())
            }
            Self::BufferSize { size } => {
                write!(f, "invalid buffer size {size}: it must be a multiple of 1024 up to {MAX_BUFFER_SIZE}")
            }
            Self::NoPool => f.write_str("no pool was given to fill the receive rings from"),
        }
    }
}

impl core::error::Error for ConfigError {}
