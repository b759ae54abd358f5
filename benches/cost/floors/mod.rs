//! The hand-written baselines: the same work with raw pointers, for one case each.
//!
//! They check what the driver checks of a write-back, and trust the device for nothing more. They request status, notify
//! the device, reclaim and refill as rarely as the driver.

mod in_place;
mod offloads;
mod outputs;
mod pool;
mod pools;
mod segments;

use crate::plain::Player;
use crate::traffic::LONGEST;

pub use in_place::{InPlaceFloor, in_place, measured_in_place_floor};
pub use offloads::{metadata, requests};
pub use outputs::{in_place_or_drop, in_place_outputs, in_place_runs, pool_outputs};
pub use pool::{PoolFloor, measured_pool_floor, pool, pool_receive, pool_transmit};
pub use pools::{pools_forward, pools_transmit, queues_transmit};
pub use segments::segments;

/// How many buffers change hands at once.
const BLOCK: usize = 32;
/// DD in a transmit descriptor, and RS, which requests it.
const DONE: u64 = 1 << 32;
const REPORT: u64 = 1 << 27;
/// EOP and IFCS of a legacy descriptor.
const EOP: u64 = 1 << 24;
const IFCS: u64 = 1 << 25;
const SEND: u64 = EOP | IFCS;
/// DD and EOP of what was received; and these with RXE and all bits of the length.
const RECEIVED: u64 = 3;
const LOOKED_AT: u64 = 3 | 1 << 29 | 0xffff << 32;
/// The shortest frame that the driver passes on in place.
const HEADER: u64 = 14;

/// From one buffer to the next: as far as the driver's are.
const STRIDE: usize = 2048 + 128;
/// Where the data begin in a buffer.
const HEADROOM: usize = 128;

/// How a buffer's address becomes the device's.
pub trait Mapping {
    /// # Safety
    ///
    /// `buffer` must be of the [`Memory`] that made this.
    unsafe fn address(&self, buffer: u64) -> u64;
}

/// A device that sees what the CPU sees, as with an IOMMU.
pub struct Identity;

impl Mapping for Identity {
    #[inline(always)]
    unsafe fn address(&self, buffer: u64) -> u64 {
        buffer
    }
}

const PAGE_SHIFT: u32 = 21;

/// A device that sees each page at another place.
pub struct Pages {
    /// What is added to an address, by page of the memory.
    _offsets: Vec<u64>,
    /// Where the offset of page 0 of all memory would be.
    origin: *const u64,
}

impl Mapping for Pages {
    #[inline(always)]
    unsafe fn address(&self, buffer: u64) -> u64 {
        let page = (buffer >> PAGE_SHIFT) as usize;
        // SAFETY: the buffer is of this memory, for each of whose pages there is an offset.
        buffer + unsafe { *self.origin.wrapping_add(page) }
    }
}

/// Buffers, which are never freed.
pub struct Memory {
    /// The first of its pages.
    page: usize,
    pages: usize,
    free: Vec<u64>,
}

impl Memory {
    pub fn new(buffers: usize) -> Self {
        const PAGE: usize = 1 << PAGE_SHIFT;
        let memory = Vec::leak(vec![0_u8; buffers * STRIDE + PAGE]);
        let start = memory.as_ptr().expose_provenance().next_multiple_of(PAGE);
        let free = (0..buffers).map(|buffer| (start + buffer * STRIDE + HEADROOM) as u64).collect();
        Self { page: start >> PAGE_SHIFT, pages: (buffers * STRIDE).div_ceil(PAGE), free }
    }

    /// The mapping in which page n is `n << 48` further on, which is how the player finds it.
    fn pages(&self) -> Pages {
        let offsets: Vec<u64> = (0..self.pages as u64).map(|page| page << 48).collect();
        let origin = offsets.as_ptr().wrapping_sub(self.page);
        Pages { _offsets: offsets, origin }
    }
}

/// A ring that the driver has set up and does not use any more, and the buffers that were posted with its descriptors.
struct Ring {
    words: *mut [u64; 2],
    buffers: Vec<u64>,
    tail: *mut u32,
    mask: usize,
    /// The first descriptor that was posted, and the next to be.
    first: usize,
    end: usize,
}

impl Ring {
    /// A receive ring, full of buffers of `memory`.
    fn received_by(player: &Player, len: usize, memory: &mut Memory, mapping: &impl Mapping) -> Self {
        let (([words, _], _), [tail, _]) = (player.rings(), player.tails());
        let buffers = memory.free.split_off(memory.free.len() - len);
        for (index, buffer) in buffers.iter().enumerate() {
            // SAFETY: the ring has that many descriptors, and the device has used none yet.
            unsafe { words.add(index).write([mapping.address(*buffer), 0]) }
        }
        Self { words, buffers, tail, mask: len - 1, first: 0, end: len }
    }

    fn sent_by(player: &Player, len: usize) -> Self {
        let (([_, words], _), [_, tail]) = (player.rings(), player.tails());
        Self { words, buffers: vec![0; len], tail, mask: len - 1, first: 0, end: 0 }
    }

    const fn len(&self) -> usize {
        self.mask + 1
    }

    /// Where descriptor `index` and its buffer are.
    #[inline(always)]
    fn at(&mut self, index: usize) -> (*mut [u64; 2], *mut u64) {
        let index = index & self.mask;
        (self.words.wrapping_add(index), self.buffers.as_mut_ptr().wrapping_add(index))
    }

    /// How many descriptors there are from `index` to the end of the ring.
    #[inline(always)]
    const fn to_end(&self, index: usize) -> usize {
        self.len() - (index & self.mask)
    }

    /// How many descriptors can be posted.
    #[inline(always)]
    const fn room(&self) -> usize {
        self.mask - (self.end - self.first)
    }

    /// Whether the first block is complete, and was sent.
    ///
    /// # Safety
    ///
    /// The ring must be there still.
    #[inline(always)]
    unsafe fn is_block_sent(&mut self) -> bool {
        let (words, _) = self.at(self.first + BLOCK - 1);
        // SAFETY: as the caller says.
        self.first + BLOCK <= self.end && unsafe { (*words)[1] } & DONE != 0
    }

    /// Requests status of the last descriptor.
    ///
    /// # Safety
    ///
    /// As for [`is_block_sent`](Self::is_block_sent).
    #[inline(always)]
    unsafe fn report_last(&mut self) {
        let (words, _) = self.at(self.end - 1);
        // SAFETY: as the caller says.
        unsafe { (*words)[1] |= REPORT }
    }

    /// Notifies the device of all but the last `kept`.
    ///
    /// # Safety
    ///
    /// As for [`is_block_sent`](Self::is_block_sent).
    #[inline(always)]
    unsafe fn notify(&mut self, kept: usize) {
        // SAFETY: the registers are there as long as the ring.
        unsafe { self.tail.write_volatile(((self.end - kept) & self.mask) as u32) }
    }

    /// Posts a block of buffers from `buffers` to a receive ring.
    ///
    /// # Safety
    ///
    /// `buffers` must be that many, of the memory of `mapping`; the ring must have room for a block.
    #[inline(always)]
    unsafe fn post_block(&mut self, buffers: *const u64, mapping: &impl Mapping) {
        let (words, slots) = self.at(self.end);
        // SAFETY: receive rings are filled by the block, so a block lies together.
        unsafe {
            for n in 0..BLOCK {
                let buffer = *buffers.add(n);
                *slots.add(n) = buffer;
                words.add(n).write([mapping.address(buffer), 0]);
            }
        }
        self.end += BLOCK;
    }
}

/// By how much what was received into the descriptor at `words` is longer than `LEAST`, if it is good.
///
/// # Safety
///
/// It must be a descriptor.
#[inline(always)]
unsafe fn good<const LEAST: u64>(words: *const [u64; 2]) -> Option<u64> {
    // SAFETY: as the caller says.
    let word = unsafe { words.cast::<u64>().add(1).read_volatile() };
    let more = (word.wrapping_sub(RECEIVED | LEAST << 32) & LOOKED_AT).rotate_left(32);
    (more <= LONGEST as u64 - LEAST).then_some(more)
}

/// Whether something was received into the descriptor at `words`.
///
/// # Safety
///
/// It must be a descriptor.
#[inline(always)]
unsafe fn is_received(words: *const [u64; 2]) -> bool {
    // SAFETY: as the caller says.
    unsafe { words.cast::<u64>().add(1).read_volatile() & 1 != 0 }
}

/// # Safety
///
/// `buffer` must be the address of `len` bytes that nothing else uses meanwhile.
#[inline(always)]
unsafe fn frame<'a>(buffer: u64, len: u64) -> &'a mut [u8] {
    // SAFETY: as the caller says.
    unsafe { std::slice::from_raw_parts_mut(std::ptr::with_exposed_provenance_mut(buffer as usize), len as usize) }
}

/// Calls `each` with the numbers below `count`, eight at a time, until it returns `false`. Returns with how many it did
/// not.
#[inline(always)]
fn by_eights(count: usize, mut each: impl FnMut(usize) -> bool) -> usize {
    let mut number = 0;
    while number + 8 <= count {
        for more in 0..8 {
            if !each(number + more) {
                return number + more;
            }
        }
        number += 8;
    }
    // Said so that the compiler sees that seven are left at most.
    for _ in 0..count & 7 {
        if !each(number) {
            break;
        }
        number += 1;
    }
    number
}
