//! A ring that goes back and forth between a device and an owned queue.
//!
//! A [`Slot`] holds the ring, and says which of its two ends may use it. The device has the [`DeviceEnd`], the owned
//! queue the [`QueueEnd`]. Neither waits for the other: the device asks for the ring, and the queue gives it back with
//! its next call, or when it is dropped.
//!
//! ```text
//!            lend                  recall                  queue's next call
//!  UNUSED ----------> LENT --------------------> RECALLED -------------------> PARKED
//!                      ^                                                          |
//!                      |   queue's next call                               lend   |
//!                      +------------------------- RETURNED <----------------------+
//! ```
//!
//! Dropping the queue makes each of these `UNUSED`. A device that is dropped before the queue has answered stops, and
//! leaves the ring behind as `STOPPED`. Then the queue frees it.
//!
//! A slot from which the ring was gone becomes `LENT` by the queue end alone, which has then acquired the ring. So a
//! call that finds `LENT` needs no more than a relaxed load.

use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::sync::atomic::Ordering;

use crate::port::Down;
use crate::sync::AtomicU8;

/// The queue end has the ring.
const LENT: u8 = 0;
/// The queue end has the ring, and is to give it back.
const RECALLED: u8 = 1;
/// The device end has the ring, if there is one. The queue end waits for it.
const PARKED: u8 = 2;
/// The device end has the ring, if there is one. There is no queue end.
const UNUSED: u8 = 3;
/// The ring waits for the queue end's next call. The device end may take it back before that.
const RETURNED: u8 = 4;
/// The queue end has the ring of a device that has stopped and is gone.
const STOPPED: u8 = 5;

/// What a slot holds.
pub trait Lendable {
    /// Frees what the device could reach.
    ///
    /// # Safety
    ///
    /// The device must have stopped.
    unsafe fn free(self);
}

/// A ring, or what holds one, on cache lines of its own: a line that one thread writes must hold nothing that another
/// reads. Two lines, because x86-64 fetches them in pairs.
#[repr(align(128))]
struct Slot<T> {
    ring: UnsafeCell<Option<T>>,
    holder: AtomicU8,
}

// SAFETY: only the end that `holder` names uses the ring, and each change of `holder` that moves the ring to the other
// end releases what the first end did, and the other end acquires it. Each end exists once. The device end hands out
// shared references only while it has the ring, which needs `T: Sync`.
unsafe impl<T: Send + Sync> Sync for Slot<T> {}

/// The device's end of a slot.
pub struct DeviceEnd<T>(Arc<Slot<T>>);

impl<T: Lendable> DeviceEnd<T> {
    /// Makes a slot without a ring, and without a queue end.
    pub fn new() -> Self {
        Self(Arc::new(Slot { ring: UnsafeCell::new(None), holder: AtomicU8::new(UNUSED) }))
    }

    /// Returns `true` if the ring is here, or would be if there were one.
    pub fn is_home(&self) -> bool {
        matches!(self.0.holder.load(Ordering::Acquire), PARKED | UNUSED)
    }

    /// Returns the ring, if it is here.
    pub fn get(&self) -> Option<&T> {
        // SAFETY: the device end has the ring, and only `lend` gives it away, which borrows this end uniquely.
        if self.is_home() { unsafe { &*self.0.ring.get() }.as_ref() } else { None }
    }

    /// Returns the place of the ring, if that is here.
    pub fn place(&mut self) -> Option<&mut Option<T>> {
        // SAFETY: as in `get`; and this borrows the device end uniquely, so no other reference to the ring exists.
        if self.is_home() { Some(unsafe { &mut *self.0.ring.get() }) } else { None }
    }

    /// Lends the ring to the queue end, if it is here. Returns a queue end if there was none.
    pub fn lend(&mut self) -> Option<QueueEnd<T>> {
        self.get()?;
        // The queue end may be dropped meanwhile: then it is `UNUSED` at once.
        match self.0.holder.compare_exchange(PARKED, RETURNED, Ordering::Release, Ordering::Acquire) {
            Ok(_) => None,
            Err(_) => {
                self.0.holder.store(LENT, Ordering::Release);
                Some(QueueEnd(Arc::clone(&self.0)))
            }
        }
    }

    /// Asks the queue end to give the ring back, if it has it.
    pub fn recall(&mut self) {
        // Neither moves what was done with the ring: the queue end keeps it until it answers, or has not seen it yet.
        if self.0.holder.compare_exchange(LENT, RECALLED, Ordering::Relaxed, Ordering::Relaxed) == Err(RETURNED)
            && self.0.holder.compare_exchange(RETURNED, PARKED, Ordering::Relaxed, Ordering::Relaxed) == Err(LENT)
        {
            _ = self.0.holder.compare_exchange(LENT, RECALLED, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Undoes [`recall`](Self::recall): a queue end that has not answered goes on, and so does one that has.
    pub fn resume(&mut self) {
        if self.0.holder.compare_exchange(RECALLED, LENT, Ordering::Relaxed, Ordering::Relaxed).is_err()
            && self.get().is_some()
        {
            _ = self.0.holder.compare_exchange(PARKED, RETURNED, Ordering::Release, Ordering::Relaxed);
        }
    }

    /// Leaves a ring that was recalled to the queue end, which frees it. Returns `false` if the ring is here by now.
    ///
    /// # Safety
    ///
    /// The device must have stopped, and must not run again.
    pub unsafe fn leave(&mut self) -> bool {
        self.0.holder.compare_exchange(RECALLED, STOPPED, Ordering::Release, Ordering::Acquire).is_ok()
    }
}

/// The owned queue's end of a slot.
pub struct QueueEnd<T: Lendable>(Arc<Slot<T>>);

impl<T: Lendable> QueueEnd<T> {
    /// Returns the ring, if it is here and the device has not asked for it.
    #[inline(always)]
    pub fn get(&mut self) -> Result<&mut T, Down> {
        if self.0.holder.load(Ordering::Relaxed) != LENT {
            self.answer()?;
        }
        // SAFETY: the slot is `LENT`, so the queue end has the ring: since it was made, or since it answered. Only its
        // own `answer` and `drop` give it away, and this borrows the only queue end uniquely. `lend` has seen that
        // there is a ring.
        Ok(unsafe { (*self.0.ring.get()).as_mut().unwrap_unchecked() })
    }

    /// Gives the ring back if the device has asked for it, takes it if it is back, and frees it if it was left here.
    #[cold]
    #[inline(never)]
    fn answer(&mut self) -> Result<(), Down> {
        let holder = &self.0.holder;
        match holder.load(Ordering::Acquire) {
            LENT => return Ok(()),
            // If these fail, the device has changed its mind, and the next call sees what it wants now.
            RETURNED if holder.compare_exchange(RETURNED, LENT, Ordering::Acquire, Ordering::Relaxed).is_ok() => {
                return Ok(());
            }
            RECALLED => _ = holder.compare_exchange(RECALLED, PARKED, Ordering::Release, Ordering::Relaxed),
            STOPPED => {
                // SAFETY: just seen.
                unsafe { self.free_stopped() };
                self.0.holder.store(PARKED, Ordering::Release);
            }
            _ => {}
        }
        Err(if Arc::strong_count(&self.0) == 1 { Down::Closed } else { Down::Parked })
    }

    /// Frees the ring that the device has left here.
    ///
    /// # Safety
    ///
    /// The slot is `STOPPED`, as seen with [`Ordering::Acquire`].
    unsafe fn free_stopped(&mut self) {
        // SAFETY: a slot that is `STOPPED` leaves the ring to this end: the device end does not use it meanwhile.
        if let Some(ring) = unsafe { &mut *self.0.ring.get() }.take() {
            // SAFETY: `leave` promises that the device has stopped.
            unsafe { ring.free() };
        }
    }
}

impl<T: Lendable> Drop for QueueEnd<T> {
    fn drop(&mut self) {
        if self.0.holder.swap(UNUSED, Ordering::AcqRel) == STOPPED {
            // SAFETY: just seen.
            unsafe { self.free_stopped() };
        }
    }
}
