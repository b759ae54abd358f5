//! A descriptor ring as the device sees it: the owner of each descriptor, and its contents when the device fetched it.

pub(crate) mod control;

use crate::chip::clock::Time;
use crate::iommu::Access;

/// The state of a queue, which follows the driver's request with a delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Disabled,
    Enabling,
    Enabled,
    Disabling,
}

/// The reason for rejecting a tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TailError {
    OutOfRing,
    Overrun,
}

/// One ring.
#[derive(Debug)]
pub(crate) struct Ring {
    pub(crate) state: State,
    /// `true` if software has read back that the queue is enabled.
    pub(crate) seen_enabled: bool,
    base: u64,
    count: usize,
    pub(crate) head: usize,
    pub(crate) tail: usize,
    /// End of the fetched descriptors: the tail, unless the device may not access memory.
    fetched: usize,
    /// The contents of the descriptors when they were fetched.
    shadow: Box<[[u64; 2]]>,
    /// End of the time in which a disabled queue may still access its memory.
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

    /// Enables the ring at `base` of `len` bytes, with its current head and tail. The descriptors between them are to
    /// be fetched.
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

    /// Returns `true` if the device may access the ring's memory.
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

    /// Returns the number of descriptors that the device owns.
    #[inline]
    pub(crate) fn owned(&self) -> usize {
        if self.tail >= self.head { self.tail - self.head } else { self.count - self.head + self.tail }
    }

    #[inline]
    pub(crate) fn address(&self, index: usize) -> u64 {
        self.base.wrapping_add(index as u64 * DESCRIPTOR)
    }

    /// Gives the descriptors up to `tail` to the device.
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

    /// Fetches the descriptors up to the tail and stores their contents. Returns the last that cannot be read.
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

    /// Returns `true` if all descriptors up to the tail were fetched.
    pub(crate) fn is_fetched(&self) -> bool {
        self.fetched == self.tail
    }

    /// Returns the descriptor at `index` as it is now, and as it was when fetched.
    #[inline]
    pub(crate) fn fetch(&mut self, index: usize, dma: &Access<'_>) -> Option<([u64; 2], [u64; 2])> {
        Some((dma.descriptor(self.address(index), &mut self.hint)?, self.shadow[index]))
    }

    /// Returns the contents of descriptor `index` when it was fetched.
    pub(crate) fn as_fetched(&self, index: usize) -> [u64; 2] {
        self.shadow.get(index).copied().unwrap_or_default()
    }

    /// Writes back one word of descriptor `index`.
    #[inline]
    pub(crate) fn write_back(&mut self, index: usize, word: usize, value: u64, dma: &Access<'_>) -> bool {
        dma.write_word(self.address(index) + word as u64 * 8, value, &mut self.hint)
    }

    /// Describes the part of the `len` bytes at `start` that the device may still access: the ring, or a buffer.
    /// `extent` returns a buffer's address and length.
    pub(crate) fn may_access(
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
