//! A descriptor ring as the device sees it: who owns which descriptor, and what it was when handed over.

use crate::chip::Time;
use crate::iommu::Access;

/// Whether a queue works, which follows what software asks for with a delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Disabled,
    Enabling,
    Enabled,
    Disabling,
}

/// Why a tail was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TailError {
    OutOfRing,
    Overrun,
}

/// One ring.
#[derive(Debug)]
pub(crate) struct Ring {
    pub(crate) state: State,
    /// Whether software has read back that the queue is enabled.
    pub(crate) seen_enabled: bool,
    base: u64,
    count: usize,
    pub(crate) head: usize,
    pub(crate) tail: usize,
    /// Up to where the descriptors were fetched: all up to the tail, unless the device may not reach memory.
    fetched: usize,
    /// What the descriptors were when they were fetched.
    shadow: Box<[[u64; 2]]>,
    /// Until when a queue that was disabled may still reach its memory.
    pub(crate) settled: Time,
    hint: usize,
}

/// Size of a descriptor in bytes.
const DESCRIPTOR: u64 = 16;

impl Ring {
    pub(crate) fn new() -> Self {
        let shadow = Box::default();
        let state = State::Disabled;
        Self {
            state,
            seen_enabled: false,
            base: 0,
            count: 0,
            head: 0,
            tail: 0,
            fetched: 0,
            shadow,
            settled: 0,
            hint: 0,
        }
    }

    /// Takes the ring at `base` of `len` bytes, and head and tail as they are. What lies between them is to be fetched.
    pub(crate) fn enable(&mut self, base: u64, len: u32, head: u32, tail: u32) {
        self.base = base;
        self.count = len as usize / DESCRIPTOR as usize;
        self.shadow = vec![[0; 2]; self.count].into_boxed_slice();
        let place = |index: u32| if (index as usize) < self.count { index as usize } else { 0 };
        (self.head, self.tail) = (place(head), place(tail));
        self.fetched = self.head;
        self.state = State::Enabled;
        self.seen_enabled = false;
    }

    /// Whether the device may write or read its memory.
    #[inline]
    pub(crate) fn works(&self) -> bool {
        matches!(self.state, State::Enabled | State::Disabling)
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    #[inline]
    pub(crate) fn next(&self, index: usize) -> usize {
        if index + 1 == self.count { 0 } else { index + 1 }
    }

    /// How many descriptors the device owns.
    #[inline]
    pub(crate) fn owned(&self) -> usize {
        if self.tail >= self.head { self.tail - self.head } else { self.count - self.head + self.tail }
    }

    #[inline]
    pub(crate) fn address(&self, index: usize) -> u64 {
        self.base.wrapping_add(index as u64 * DESCRIPTOR)
    }

    /// Hands over the descriptors up to `tail`.
    pub(crate) fn advance(&mut self, tail: u32) -> Result<(), TailError> {
        let tail = tail as usize;
        if tail >= self.count {
            return Err(TailError::OutOfRing);
        }
        let more = if tail >= self.tail { tail - self.tail } else { self.count - self.tail + tail };
        let overrun = self.owned() + more >= self.count;
        self.tail = tail;
        if overrun { Err(TailError::Overrun) } else { Ok(()) }
    }

    /// Fetches the descriptors up to the tail and notes what they are. Returns the last that cannot be read.
    pub(crate) fn fetch_new(&mut self, dma: &Access<'_>) -> Option<usize> {
        let mut not_mapped = None;
        while self.fetched != self.tail {
            match dma.descriptor(self.address(self.fetched), &mut self.hint) {
                Some(words) => self.shadow[self.fetched] = words,
                None => not_mapped = Some(self.fetched),
            }
            self.fetched = self.next(self.fetched);
        }
        not_mapped
    }

    /// Whether all descriptors up to the tail were fetched.
    pub(crate) fn is_fetched(&self) -> bool {
        self.fetched == self.tail
    }

    /// The descriptor at `index` as it is now, and as it was when handed over.
    #[inline]
    pub(crate) fn fetch(&mut self, index: usize, dma: &Access<'_>) -> Option<([u64; 2], [u64; 2])> {
        Some((dma.descriptor(self.address(index), &mut self.hint)?, self.shadow[index]))
    }

    /// What descriptor `index` was when handed over.
    pub(crate) fn handed_over(&self, index: usize) -> [u64; 2] {
        self.shadow.get(index).copied().unwrap_or_default()
    }

    /// Writes back one word of descriptor `index`.
    #[inline]
    pub(crate) fn write_back(&mut self, index: usize, word: usize, value: u64, dma: &Access<'_>) -> bool {
        dma.write_word(self.address(index) + word as u64 * 8, value, &mut self.hint)
    }

    /// What of the `len` bytes at `start` the device may still reach: the ring, or a buffer, whose
    /// address and length `extent` tells.
    pub(crate) fn reaches(
        &self,
        now: Time,
        start: u64,
        len: u64,
        extent: impl Fn([u64; 2]) -> (u64, u64),
    ) -> Option<String> {
        if !self.works() && now >= self.settled {
            return None;
        }
        let overlaps = |at: u64, size: u64| size > 0 && at < start + len && start < at.saturating_add(size);
        if overlaps(self.base, self.count as u64 * DESCRIPTOR) {
            return Some(format!("its ring at {:#x}", self.base));
        }
        let mut index = self.head;
        while index != self.fetched {
            let (at, size) = extent(self.shadow[index]);
            if overlaps(at, size) {
                return Some(format!("the buffer at {at:#x} of descriptor {index}"));
            }
            index = self.next(index);
        }
        None
    }
}
