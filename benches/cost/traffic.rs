//! What arrives: how many frames, how long, for which output. All of it comes from a fixed seed, so counts repeat.

use crate::rows::Row;

/// The shortest frame without CRC, at which a packet costs most.
pub const SHORTEST: usize = 60;
/// The longest.
pub const LONGEST: usize = 1514;

/// Where a frame has what the work looks at (see [`work`](crate::work)).
pub mod at {
    /// The byte that forwarding changes.
    pub const TOUCHED: usize = 3;
    /// Not 0 in a frame that is to be dropped.
    pub const DROP: usize = 4;
    /// The number of the output.
    pub const OUTPUT: usize = 5;
    /// The EtherType, and what stands at these places of an IPv4 header behind it.
    pub const ETHER_TYPE: usize = 12;
    pub const VERSION: usize = 14;
    pub const LENGTH: usize = 16;
    pub const FRAGMENT: usize = 20;
    pub const TTL: usize = 22;
    pub const PROTOCOL: usize = 23;
    pub const CHECKSUM: usize = 24;
    pub const ADDRESSES: usize = 26;
    pub const TRANSPORT: usize = 34;
    /// The frame's number, which the check at the other end knows it by.
    pub const NUMBER: usize = 40;
    /// The length of a TCP header, and its checksum.
    pub const TCP_LENGTH: usize = 46;
    pub const TCP_CHECKSUM: usize = 50;
}

/// xorshift64*, from a fixed seed.
pub struct Random(u64);

impl Random {
    pub const fn new() -> Self {
        Self(0x8259_9825_9982_5998)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Returns a number of `least..=most`.
    pub fn within(&mut self, (least, most): (usize, usize)) -> usize {
        least + self.below(most - least + 1)
    }
}

/// How long frames are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lengths {
    Shortest,
    /// 60, 572 and 1514 bytes, in the proportion of 7 to 4 to 1.
    Imix,
    /// Any length, each as often as any other.
    Random,
}

/// Where the rings are when a counted call begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The first counted call begins at this index modulo 32, and the others where the call before has ended.
    At(usize),
    /// 0 to 31 packets are moved, uncounted, before each counted call.
    Random,
}

/// One frame that arrives.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    pub number: usize,
    pub len: usize,
    output: usize,
    drop: bool,
}

impl Frame {
    /// Writes the frame into `bytes`, and returns as many as it has.
    pub fn write<'b>(&self, bytes: &'b mut [u8; LONGEST]) -> &'b mut [u8] {
        let frame = &mut bytes[..self.len];
        frame[..SHORTEST].fill(0x5a);
        frame[at::TOUCHED] = self.number as u8;
        frame[at::DROP] = u8::from(self.drop);
        frame[at::OUTPUT] = self.output as u8;
        frame[at::ETHER_TYPE..][..2].copy_from_slice(&[0x08, 0x00]);
        frame[at::VERSION] = 0x45;
        frame[at::TTL] = 64;
        frame[at::ADDRESSES..][..8]
            .copy_from_slice(&(self.number as u64).wrapping_mul(0x9e37_79b9_97f4_a7c5).to_ne_bytes());
        frame[at::NUMBER..][..4].copy_from_slice(&(self.number as u32).to_ne_bytes());
        frame
    }
}

/// The frames of a row, one after the other.
pub struct Traffic<'r> {
    row: &'r Row,
    random: Random,
    number: usize,
    output: usize,
}

impl<'r> Traffic<'r> {
    pub const fn new(row: &'r Row) -> Self {
        Self { row, random: Random::new(), number: 0, output: 0 }
    }

    /// Returns how many frames are moved before the next counted call.
    pub fn before(&mut self) -> usize {
        if self.row.phase == Phase::Random { self.random.below(32) } else { 0 }
    }

    /// Returns how many frames wait when the next counted call begins.
    pub fn waiting(&mut self) -> usize {
        self.random.within(self.row.waiting)
    }

    /// Returns the next frame.
    pub fn frame(&mut self) -> Frame {
        let number = self.number;
        self.number += 1;
        let len = match self.row.lengths {
            Lengths::Shortest => SHORTEST,
            Lengths::Imix => [60, 60, 60, 60, 60, 60, 60, 572, 572, 572, 572, 1514][self.random.below(12)],
            Lengths::Random => self.random.within((SHORTEST, LONGEST)),
        };
        self.output = match self.row.run {
            0 => self.random.below(self.row.outputs),
            run => number / run % self.row.outputs,
        };
        // Asked for in every row, so that rows with and without drops see the same lengths.
        let drop = self.random.below(100) < self.row.drops;
        Frame { number, len, output: self.output, drop }
    }
}
