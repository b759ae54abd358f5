//! Packets between batches and rings: groups of them at a time, one by one where that is not possible.
//!
//! What is moved is written first, and counts only once it is known to be good: the ring then moves its
//! counts, and the batch its length.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::descriptors::{AdvancedReceiveWriteBack as WriteBack, DescriptorSlot, Several};
use crate::dma::DmaAddr;
use crate::packet::Packet;
use crate::pool::{Buffer, PoolId, Sent, Usual};

/// How many packets make a group: what is done for each is written out so often, without a loop.
pub(super) const GROUP: usize = 8;

/// Where a run of descriptors, and of their buffers' places, begins.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) words: *const DescriptorSlot,
    pub(super) buffers: *mut MaybeUninit<Buffer>,
}

impl Ends {
    /// `count` further on.
    ///
    /// # Safety
    ///
    /// There must be that many.
    #[inline(always)]
    pub(super) unsafe fn at(self, count: usize) -> Self {
        // SAFETY: by the caller's promise `count` descriptors and as many places follow: both pointers stay in their allocations.
        unsafe { Self { words: self.words.add(count), buffers: self.buffers.add(count) } }
    }
}

/// Moves `groups` of packets from their descriptors into `room`, if they are all as `Ring::receive` wants them. Says how
/// many: all, or none.
///
/// They are written before the answer is known: until then, what is in `room` counts as nothing.
///
/// # Safety
///
/// There must be that many descriptors with buffers of `pool`, which have `size` bytes, and as much room. What is said to be
/// moved belongs to the packets.
#[inline(always)]
pub(super) unsafe fn receive_groups(
    from: Ends,
    room: *mut MaybeUninit<Packet>,
    groups: usize,
    pool: PoolId,
    size: u64,
) -> usize {
    let count = groups * GROUP;
    // The device goes by the order: where it is not done with the last, there is no use in looking at the others.
    // SAFETY: there are `count` descriptors by the caller's promise, which everybody accesses as atomics.
    if count == 0 || unsafe { !(*from.words.add(count - 1)).is_done::<WriteBack>() } {
        return 0;
    }
    let mut several = Several::wanting(WriteBack::EOP, WriteBack::PKT_LEN);
    for at in (0..count).step_by(GROUP) {
        // SAFETY: a group begins at `at`, and ends before `count`, of both: the caller's promise.
        unsafe { read::<GROUP>(from.at(at), room.add(at), pool, &mut several) };
    }
    let are_good = |most| several.are_good(WriteBack::EOP, WriteBack::RXE, WriteBack::PKT_LEN, most);
    // SAFETY: `count` packets were written there, above.
    let packets = || unsafe { core::slice::from_raw_parts(room.cast(), count) };
    // The device is not trusted to keep within the buffers it was given.
    if are_good(size) || are_good(1 << 16) && fit(packets(), Usual::of(pool), size) { count } else { 0 }
}

/// Moves packets up to the `count`th, as [`receive_groups`] does, of which `done` were moved: as many as are as they should be.
/// Says how many were moved then. Groups are tried one by one, as not all at once were good, and what makes no group last.
///
/// # Safety
///
/// As for [`receive_groups`], with `count` descriptors, buffers, and places in the room.
#[inline(never)]
pub(super) unsafe fn receive_rest(
    from: Ends,
    room: *mut MaybeUninit<Packet>,
    mut done: usize,
    count: usize,
    pool: PoolId,
    size: u64,
) -> usize {
    // SAFETY: from `done` on there are `count - done` of each by the caller's promise: a group, or one, as the conditions ask.
    unsafe {
        while done + GROUP <= count && receive_groups(from.at(done), room.add(done), 1, pool, size) > 0 {
            done += GROUP;
        }
        while done < count && receive_one(from.at(done), room.add(done), pool, size) {
            done += 1;
        }
    }
    done
}

/// Moves one packet, as [`receive_groups`] does, and says whether it did.
///
/// # Safety
///
/// As for [`receive_groups`], with one descriptor, buffer, and place in the room.
#[inline(always)]
pub(super) unsafe fn receive_one(from: Ends, room: *mut MaybeUninit<Packet>, pool: PoolId, size: u64) -> bool {
    let mut several = Several::wanting(WriteBack::EOP, WriteBack::PKT_LEN);
    // SAFETY: there is one of each by the caller's promise, who uses the packet only if `several` is good.
    unsafe { read::<1>(from, room, pool, &mut several) };
    several.are_good(WriteBack::EOP, WriteBack::RXE, WriteBack::PKT_LEN, size)
}

/// Makes packets in `room` of `N` buffers and what was written back. They are none until `several` is good.
///
/// # Safety
///
/// There must be `N` descriptors with buffers of `pool`, and as much room. What is written to the room must only be used as
/// packets once `several` is good with lengths that the buffers have, and then the buffers' places must not be used.
#[inline(always)]
unsafe fn read<const N: usize>(
    from: Ends,
    room: *mut MaybeUninit<Packet>,
    pool: PoolId,
    several: &mut Several<WriteBack>,
) {
    for at in 0..N {
        // SAFETY: there are `N` of all three by the caller's promise, and a place holds a buffer. It is copied: the caller uses
        // either the place or the packet. A length beyond the buffer's makes no packet, as the caller asks `several` first.
        unsafe {
            let len = several.look(&*from.words.add(at), WriteBack::PKT_LEN) as u16;
            let buffer = from.buffers.add(at).read().assume_init();
            room.add(at).write(MaybeUninit::new(Packet::new(buffer, pool, len)));
        }
    }
}

/// Whether each of `packets` is a usual one with 1 to `max_len` bytes. That is
/// asked where their lengths ORed, which are at least the largest, leave it open.
#[cold]
#[inline(never)]
fn fit(packets: &[Packet], usual: Usual, max_len: u64) -> bool {
    packets.iter().all(|packet| packet.sent(usual).is_good(max_len))
}

/// Writes the descriptors of `groups` of packets and puts their buffers into their places, if they are all as `Ring::post`
/// wants them. Says how many: all, or none.
///
/// They are written before the answer is known. Until then the packets own the buffers, and the device does not own the
/// descriptors, because no doorbell has given it these.
///
/// # Safety
///
/// There must be that many packets, descriptors, and places. The descriptors must be the driver's. The buffers of what is said
/// to be posted belong to the places, and the packets must be forgotten. `address` must return where the device, which must
/// only read from the buffers, sees the byte at the pointer that it is given.
#[inline(always)]
pub(super) unsafe fn post_groups(
    from: *const Packet,
    to: Ends,
    groups: usize,
    usual: Usual,
    max_len: u64,
    address: impl Fn(NonNull<u8>) -> Option<DmaAddr> + Copy,
) -> usize {
    if groups == 0 {
        return 0;
    }
    let (count, mut any) = (groups * GROUP, Sent::NOTHING);
    for at in (0..count).step_by(GROUP) {
        for at in at..at + GROUP {
            // SAFETY: `at` is less than `count`, and there are so many of each by the caller's promise.
            let (packet, to) = unsafe { (&*from.add(at), to.at(at)) };
            let sent = packet.sent(usual);
            any = any.or(sent);
            // SAFETY: there is a descriptor, the driver's, and a place: the caller's promise.
            if unsafe { write(packet, to, sent, address) }.is_none() {
                return 0;
            }
        }
    }
    // SAFETY: there are `count` packets by the caller's promise.
    let packets = || unsafe { core::slice::from_raw_parts(from, count) };
    if any.is_good(max_len) || fit(packets(), usual, max_len) { count } else { 0 }
}

/// Posts packets up to the `count`th, as [`post_groups`] does, of which `done` were posted: as [`receive_rest`] receives them.
///
/// # Safety
///
/// As for [`post_groups`], with `count` packets, descriptors, and places.
#[inline(never)]
pub(super) unsafe fn post_rest(
    from: *const Packet,
    to: Ends,
    mut done: usize,
    count: usize,
    usual: Usual,
    max_len: u64,
    address: impl Fn(NonNull<u8>) -> Option<DmaAddr> + Copy,
) -> usize {
    // SAFETY: from `done` on there are `count - done` of each by the caller's promise: a group, or one, as the conditions ask.
    unsafe {
        while done + GROUP <= count && post_groups(from.add(done), to.at(done), 1, usual, max_len, address) > 0 {
            done += GROUP;
        }
        while done < count && post_one(&*from.add(done), to.at(done), usual, max_len, false, address) {
            done += 1;
        }
    }
    done
}

/// Posts one packet, as [`post_groups`] does, and with `report` asks for one. Says whether it did.
///
/// # Safety
///
/// As for [`post_groups`], with one packet, descriptor, and place.
#[inline(always)]
pub(super) unsafe fn post_one(
    packet: &Packet,
    to: Ends,
    usual: Usual,
    max_len: u64,
    report: bool,
    address: impl Fn(NonNull<u8>) -> Option<DmaAddr> + Copy,
) -> bool {
    let sent = packet.sent(usual);
    if !sent.is_good(max_len) {
        return false;
    }
    // SAFETY: there is a descriptor, the driver's, and a place: the caller's promise.
    unsafe { write(packet, to, if report { sent.reported() } else { sent }, address) }.is_some()
}

/// Writes the descriptor and the place of a packet that is sent as `sent`, if `address` finds one.
///
/// # Safety
///
/// There must be a descriptor, which is the driver's, and a place. The place must only be used as one that holds a buffer if the
/// packet is a usual one, and is forgotten then.
#[inline(always)]
unsafe fn write(
    packet: &Packet,
    to: Ends,
    sent: Sent,
    address: impl Fn(NonNull<u8>) -> Option<DmaAddr> + Copy,
) -> Option<()> {
    let data = packet.data();
    // SAFETY: there are both by the caller's promise. A usual packet's data are at its buffer's default data address; of any other
    // the place is not used.
    unsafe {
        to.buffers.write(MaybeUninit::new(Buffer::from_data(data)));
        (*to.words).vacant_in_ring().put(sent.at(address(data)?));
    }
    Some(())
}
