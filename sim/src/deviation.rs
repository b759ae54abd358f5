//! Deviations on demand: answers that differ from the datasheet's, as a wrong model or a strange chip would give them.
//!
//! They test programs that test chips. A driver need not notice them.

use crate::fault::Faults;
use crate::frame::{CRC, SHORTEST};

/// The distance between frames that a deviation loses or doubles.
const EVERY: u64 = 50;

/// A way to differ from the datasheet. At most one is active at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deviation {
    /// Software reads these bits of a register inverted.
    RegisterReads {
        /// The register's offset in bytes.
        offset: u32,
        /// The bits.
        flip: u32,
    },
    /// A counter reads one too many, unless it is 0.
    CountsOneMore {
        /// The counter's offset in bytes.
        offset: u32,
    },
    /// The frames of receive queues 1 and 2 are exchanged.
    RxQueuesExchanged,
    /// The last descriptor of a received frame of more than 1,000 bytes has a length of one less.
    RxLengthShort,
    /// The last byte of a received frame of more than 1,518 bytes is wrong.
    RxByteWrong,
    /// Every 50th frame that arrives is lost, and counted nowhere.
    RxFramesLost,
    /// Every 50th frame is received twice.
    RxFramesTwice,
    /// A sent frame of more than 4,096 bytes loses its last byte.
    TxFramesCut,
    /// Short frames are not padded, whatever HLREG0.TXPADEN says.
    TxNotPadded,
    /// The interrupts of one vector are lost.
    InterruptLost {
        /// The vector.
        vector: u16,
    },
    /// The PCIe link has one lane.
    PcieNarrow,
}

/// What a deviation does to the frame that arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Once,
    Twice,
    Lost,
}

impl Deviation {
    /// Returns what software reads from the register at `offset`, which contains `value`.
    pub(crate) fn read(self, offset: u32, value: u32) -> u32 {
        match self {
            Self::RegisterReads { offset: at, flip } if at == offset => value ^ flip,
            Self::CountsOneMore { offset: at } if at == offset && value != 0 => value.saturating_add(1),
            _ => value,
        }
    }

    /// Returns the receive queue of a frame for queue `index`.
    pub(crate) fn queue(self, index: usize) -> usize {
        match index {
            1 | 2 if self == Self::RxQueuesExchanged => 3 - index,
            _ => index,
        }
    }

    /// Returns the length in the last descriptor of a received frame: `length` of the frame's `frame` bytes.
    pub(crate) fn rx_length(self, length: u64, frame: usize) -> u64 {
        if self == Self::RxLengthShort && frame > 1000 { length.saturating_sub(1) } else { length }
    }

    /// Returns `true` if the last byte of a received frame of `len` bytes without CRC is wrong.
    pub(crate) fn is_byte_wrong(self, len: usize) -> bool {
        self == Self::RxByteWrong && len + CRC > 1518
    }

    /// Returns what becomes of frame number `number` when it arrives.
    pub(crate) fn fate(self, number: u64) -> Fate {
        match self {
            Self::RxFramesLost if number.is_multiple_of(EVERY) => Fate::Lost,
            Self::RxFramesTwice if number.is_multiple_of(EVERY) => Fate::Twice,
            _ => Fate::Once,
        }
    }

    /// Returns the length of a sent frame of `len` bytes before it is padded, and whether it may be padded.
    pub(crate) fn sent(self, len: usize) -> (usize, bool) {
        match self {
            Self::TxFramesCut if len + CRC > 4096 => (len - 1, true),
            Self::TxNotPadded if len < SHORTEST => (len, false),
            _ => (len, true),
        }
    }
}

impl Faults {
    /// Returns the active deviation.
    #[inline]
    pub(crate) fn deviation(&self) -> Option<Deviation> {
        if self.none() { None } else { self.find_deviation() }
    }
}
