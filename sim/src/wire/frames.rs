//! A queue of frames in one allocation, which it reuses.

/// A first-in, first-out queue of frames.
#[derive(Debug, Default)]
pub(crate) struct FrameQueue {
    bytes: Vec<u8>,
    /// The end of each frame in `bytes`.
    ends: Vec<usize>,
    /// The index of the first remaining frame, and its start in `bytes`.
    first: usize,
    start: usize,
}

/// Maximum number of unused bytes at the front before the frames behind them are moved.
const WASTE: usize = 1 << 20;

impl FrameQueue {
    pub(crate) fn is_empty(&self) -> bool {
        self.first == self.ends.len()
    }

    /// Returns the number of frames.
    pub(crate) fn len(&self) -> usize {
        self.ends.len() - self.first
    }

    /// Returns the total number of bytes of the frames.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len() - self.start
    }

    #[inline]
    pub(crate) fn push(&mut self, frame: &[u8]) {
        if self.start > WASTE && self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.ends.drain(..self.first);
            self.ends.iter_mut().for_each(|end| *end -= self.start);
            (self.first, self.start) = (0, 0);
        }
        self.bytes.extend_from_slice(frame);
        self.ends.push(self.bytes.len());
    }

    #[inline]
    pub(crate) fn front(&self) -> Option<&[u8]> {
        self.bytes.get(self.start..*self.ends.get(self.first)?)
    }

    #[inline]
    pub(crate) fn pop(&mut self) {
        if let Some(end) = self.ends.get(self.first) {
            self.start = *end;
            self.first += 1;
            if self.is_empty() {
                self.clear();
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        (self.first, self.start) = (0, 0);
    }

    /// Moves all frames of `other` to the end of this queue.
    pub(crate) fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            self.clear();
            std::mem::swap(self, other);
        } else {
            while let Some(frame) = other.front() {
                self.push(frame);
                other.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in() {
        let mut queue = FrameQueue::default();
        let mut next = 0_u32;
        for n in 0_u32..100_000 {
            queue.push(&[n as u8; 100][..(n % 100) as usize]);
            if n % 3 != 0 {
                assert_eq!(queue.front().unwrap(), &[next as u8; 100][..(next % 100) as usize]);
                queue.pop();
                next += 1;
            }
        }
        assert_eq!(queue.len(), 100_000 - next as usize);
        assert!(queue.bytes() < 100_000 * 50);
        while !queue.is_empty() {
            queue.pop();
        }
        assert_eq!((queue.len(), queue.bytes(), queue.front()), (0, 0, None));
    }
}
