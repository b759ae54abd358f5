//! A ring of descriptors with the buffers that were posted with them, and how long its memory must live.
//!
//! All of the data path's `unsafe` on rings is here: [`Ring::receive`] and [`Ring::post`] move packets in bulk between a
//! ring and a [`Batch`], [`Ring::refill`] and [`Ring::give_back`] move buffers in bulk between a pool and a ring.

use alloc::boxed::Box;
use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;

use crate::descriptors::{AdvancedReceiveWriteBack, AllDone, Descriptor, Words};
use crate::dma::{Dma, DmaAddr, DmaError, Domain, Mapping, Memory};
use crate::field::Value;
use crate::packet::{Batch, Outgoing, Packet};
use crate::pool::{BLOCK, Buffer, Pool};

/// Size of a descriptor in bytes.
const DESCRIPTOR: usize = size_of::<Words>();

/// The proof that a device reads and writes no memory any more: its queues are disabled and it has
/// stopped asking for the bus, or it was reset after that.
///
/// Only `device::stop` makes one.
#[derive(Debug)]
pub(crate) struct Stopped(Domain);

impl Stopped {
    /// The caller has seen the device of `domain` stop.
    pub(crate) fn seen(domain: Domain) -> Self {
        Self(domain)
    }
}

/// Something that a device may still reach. Dropping it leaks it; only [`Stopped`] gives it back.
pub(crate) struct Held<T> {
    value: ManuallyDrop<T>,
    domain: Domain,
}

impl<T> Held<T> {
    pub(crate) fn by(device: &impl Dma, value: T) -> Self {
        Self { value: ManuallyDrop::new(value), domain: device.domain() }
    }

    /// What was held, now that its device has stopped; leaked if the proof is of another device.
    pub(crate) fn release(self, proof: &Stopped) -> Option<T> {
        (self.domain == proof.0).then(|| ManuallyDrop::into_inner(self.value))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> &T {
        &self.value
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A ring of descriptors, and a queue of the buffers that were posted with them.
///
/// Descriptors are counted without wrapping. Those from `first` to before `end` were posted: each has a buffer, which
/// belongs to the ring. Its place holds nothing otherwise. A ring has a power of two descriptors, at least a [`BLOCK`]
/// of them, so that the blocks into which the count falls lie in one piece.
pub(crate) struct Ring {
    words: NonNull<Words>,
    buffers: NonNull<MaybeUninit<Buffer>>,
    mask: usize,
    first: usize,
    end: usize,
    address: DmaAddr,
    // Dropped in this order: the device loses sight of the memory before it is freed.
    _mapping: Mapping,
    _memory: Memory,
}

// SAFETY: a ring owns its memory and its buffers; descriptors are accessed as atomics.
unsafe impl Send for Ring {}
// SAFETY: as for `Send`; buffers come and go only through a unique reference.
unsafe impl Sync for Ring {}

impl Ring {
    /// An empty ring of `count` descriptors that `device` can reach: a power of two, at least a block.
    pub(crate) fn new(device: &impl Dma, count: usize) -> Result<Self, DmaError> {
        let len = count * DESCRIPTOR;
        if !count.is_power_of_two() || count < BLOCK {
            return Err(DmaError::OutOfMemory { len });
        }
        let memory = device.allocate(len)?;
        let mapping = device.map(&memory)?;
        let words = memory.base();
        let address = match mapping.address(words) {
            Some(address) if memory.len() >= len && mapping.is_contiguous(words, len) => address,
            _ => return Err(DmaError::NotMappable { len, reason: "a ring must be in one piece" }),
        };
        let buffers: Box<[MaybeUninit<Buffer>]> = (0..count).map(|_| MaybeUninit::uninit()).collect();
        Ok(Self {
            words: words.cast(),
            buffers: NonNull::from(Box::leak(buffers)).cast(),
            mask: count - 1,
            first: 0,
            end: 0,
            address,
            _mapping: mapping,
            _memory: memory,
        })
    }

    /// Number of descriptors.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.mask + 1
    }

    /// Size of the descriptors in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.len() * DESCRIPTOR
    }

    /// Where the device finds the ring.
    pub(crate) fn address(&self) -> DmaAddr {
        self.address
    }

    /// The first descriptor with a buffer, if any has one.
    #[inline(always)]
    pub(crate) fn first(&self) -> usize {
        self.first
    }

    /// The descriptor that is posted next.
    #[inline(always)]
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// How many descriptors have a buffer.
    #[inline(always)]
    pub(crate) fn posted(&self) -> usize {
        self.end - self.first
    }

    /// `index` brought into the ring.
    #[inline(always)]
    pub(crate) fn wrap(&self, index: usize) -> usize {
        index & self.mask
    }

    /// Descriptor `index`.
    #[inline(always)]
    pub(crate) fn words(&self, index: usize) -> &Words {
        // SAFETY: the index is masked to the descriptors that the memory has; it is aligned to
        // 4 KiB, was zeroed, and any bits are valid as two atomics.
        unsafe { self.words.add(index & self.mask).as_ref() }
    }

    /// The descriptors from `index` on and their buffers' places: `most` of them, or as many as there are in one piece.
    #[inline(always)]
    fn piece(&mut self, index: usize, most: usize) -> (&[Words], &mut [MaybeUninit<Buffer>]) {
        let start = index & self.mask;
        let count = most.min(self.len() - start);
        // SAFETY: `start + count` is at most the number of descriptors, and of places; else as in `words`.
        unsafe {
            (
                core::slice::from_raw_parts(self.words.add(start).as_ptr(), count),
                core::slice::from_raw_parts_mut(self.buffers.add(start).as_ptr(), count),
            )
        }
    }

    /// Moves packets from the front of a ring filled from `pool` to the end of `batch`: `N` at a time, at most `most`,
    /// as long as the device is done with all `N`, and each is one buffer with a length that it can have.
    #[inline(always)]
    pub(crate) fn receive<const N: usize>(&mut self, pool: &Pool, batch: &mut Batch, most: usize) -> usize {
        let size = pool.buffer_size() as u64;
        let (words, buffers) = self.piece(self.first, most.min(self.posted()));
        let descriptors = words.as_chunks::<N>().0.iter().zip(buffers.as_chunks::<N>().0);
        let mut received = 0;
        for ((words, buffers), room) in descriptors.zip(batch.room().as_chunks_mut::<N>().0) {
            let Some(done) = AllDone::<AdvancedReceiveWriteBack, N>::read(words) else { break };
            if !done.all(AdvancedReceiveWriteBack::EOP) {
                break;
            }
            // The device is not trusted to keep within the buffers it was given. One comparison does for all: a length
            // of 0 wraps, and several ORed are at least the longest. Where that is too strict, `N` of 1 is not.
            let lengths = done.field(AdvancedReceiveWriteBack::PKT_LEN);
            if lengths.iter().fold(0, |all, len| all | len.wrapping_sub(1)) >= size {
                break;
            }
            for ((buffer, len), room) in buffers.iter().zip(lengths).zip(room) {
                // SAFETY: the descriptor was posted, so the place holds a buffer of the pool. It belongs to the packet
                // from here on: `first` moves past it below. The length was checked.
                room.write(unsafe { Packet::new(buffer.assume_init_read(), pool, len as u16) });
            }
            received += N;
        }
        self.first += received;
        // SAFETY: that many were written, from the start of the room on.
        unsafe { batch.grow(received) };
        received
    }

    /// Takes the buffer at the front, if there is one.
    pub(crate) fn take(&mut self) -> Option<Buffer> {
        let (_, buffers) = self.piece(self.first, self.posted().min(1));
        // SAFETY: the descriptor was posted, so its place holds a buffer; it is taken once, as `first` moves past it.
        let buffer = unsafe { buffers.first()?.assume_init_read() };
        self.first += 1;
        Some(buffer)
    }

    /// The buffer at the front, if there is one.
    pub(crate) fn front(&mut self) -> Option<&Buffer> {
        let (_, buffers) = self.piece(self.first, self.posted().min(1));
        // SAFETY: as in `take`.
        buffers.first().map(|buffer| unsafe { buffer.assume_init_ref() })
    }

    /// Posts packets of one buffer each from the front of `packets` at the end of the ring: `N` at a time, at most
    /// `most`, as long as all `N` are `fit`, with the descriptors that `describe` makes.
    #[inline(always)]
    pub(crate) fn post<D: Descriptor, const N: usize>(
        &mut self,
        packets: &mut Outgoing<'_>,
        most: usize,
        fit: impl Fn(&[Packet; N]) -> bool,
        describe: impl Fn(&Packet) -> Option<Value<D>>,
    ) -> usize {
        let (words, buffers) = self.piece(self.end, most.min(self.len() - self.posted()));
        let descriptors = words.as_chunks::<N>().0.iter().zip(buffers.as_chunks_mut::<N>().0);
        let mut posted = 0;
        'groups: for (packets, (words, buffers)) in packets.as_chunks::<N>().0.iter().zip(descriptors) {
            if !fit(packets) {
                break;
            }
            for ((packet, words), buffer) in packets.iter().zip(words).zip(buffers) {
                let Some(value) = describe(packet) else { break 'groups };
                words.vacant_in_ring().write(value);
                // SAFETY: the buffer belongs to the ring once `end` moves past it below, and the packet is forgotten.
                buffer.write(unsafe { packet.buffer() });
            }
            posted += N;
        }
        self.end += posted;
        packets.forget(posted);
        posted
    }

    /// Posts one buffer at the end, if the ring is not full.
    pub(crate) fn put<D: Descriptor>(&mut self, value: Value<D>, buffer: Buffer) -> Result<(), Buffer> {
        if self.posted() == self.len() {
            return Err(buffer);
        }
        let (words, buffers) = self.piece(self.end, 1);
        match (words, buffers) {
            ([words], [place]) => {
                words.vacant_in_ring().write(value);
                place.write(buffer);
            }
            _ => return Err(buffer),
        }
        self.end += 1;
        Ok(())
    }

    /// Posts a block of `pool`'s buffers at the end of a ring that is only ever filled so, with the descriptors that
    /// `describe` makes. Says whether there was room, and a block in the pool.
    #[inline(always)]
    pub(crate) fn refill<D: Descriptor>(
        &mut self,
        pool: &Pool,
        describe: impl Fn(NonNull<u8>) -> Option<Value<D>>,
    ) -> bool {
        if self.posted() + BLOCK > self.len() {
            return false;
        }
        let (words, buffers) = self.piece(self.end, BLOCK);
        let (Some(words), Some(buffers)) = (words.first_chunk::<BLOCK>(), buffers.first_chunk_mut::<BLOCK>()) else {
            return false;
        };
        let Some(buffers) = pool.take_block(buffers) else { return false };
        for (words, buffer) in words.iter().zip(&*buffers) {
            let Some(value) = describe(buffer.data()) else {
                // SAFETY: they were taken just now, and stay outside of what counts as posted.
                unsafe { pool.put(buffers) };
                return false;
            };
            words.vacant_in_ring().write(value);
        }
        self.end += BLOCK;
        true
    }

    /// Gives the first `count` buffers, which must be of `pool`, back to it; fewer if they are not in one piece.
    #[inline(always)]
    pub(crate) fn give_back(&mut self, pool: &Pool, count: usize) {
        let (_, buffers) = self.piece(self.first, count.min(self.posted()));
        // SAFETY: these descriptors were posted, so their places hold buffers; they are given away, as `first` moves
        // past them.
        let buffers = unsafe { buffers.assume_init_ref() };
        let given = buffers.len();
        // SAFETY: as above.
        unsafe { pool.put(buffers) };
        self.first += given;
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let buffers = core::ptr::slice_from_raw_parts_mut(self.buffers.as_ptr(), self.len());
        // SAFETY: made from such a box in `new`.
        drop(unsafe { Box::from_raw(buffers) });
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({} of {} descriptors posted, at {:?})", self.posted(), self.len(), self.address)
    }
}
