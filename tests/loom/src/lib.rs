//! What threads share on the data path, in every order in which they can do it.
//!
//! Pools: their free lists behind a lock, and that the last handle or buffer frees the memory.
//! Slots: a ring that a device and an owned queue hand to each other, without a lock.
//! loom runs each test again and again, until all orders in which threads can take turns were tried.
//!
//! ```console
//! $ RUSTFLAGS="--cfg loom" cargo test --manifest-path tests/loom/Cargo.toml
//! ```
#![cfg(all(loom, test))]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ixgbe::dma::{Dma, DmaError, Domain, Mapping, Memory};
use ixgbe::packet::{Batch, Packet};
use ixgbe::pool::Pool;
use ixgbe::queue::slot::{DeviceEnd, Lendable, QueueEnd};
use loom::cell::UnsafeCell;
use loom::thread;

/// Memory from the heap, and how often any was freed.
#[derive(Default)]
struct Heap {
    freed: Arc<AtomicUsize>,
}

struct Block {
    base: NonNull<u8>,
    layout: Layout,
    freed: Arc<AtomicUsize>,
}

// SAFETY: a block owns its memory.
unsafe impl Send for Block {}
// SAFETY: as for `Send`.
unsafe impl Sync for Block {}

impl Drop for Block {
    fn drop(&mut self) {
        self.freed.fetch_add(1, Ordering::Relaxed);
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.base.as_ptr(), self.layout) }
    }
}

// SAFETY: memory comes from the allocator, and no device is there to reach it.
unsafe impl Dma for Heap {
    fn domain(&self) -> Domain {
        Domain(0)
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        let layout = Layout::from_size_align(len, 4096).map_err(|_| DmaError::OutOfMemory { len })?;
        // SAFETY: the length is not 0.
        let base = unsafe { alloc_zeroed(layout) };
        let base = NonNull::new(base).unwrap_or_else(|| handle_alloc_error(layout));
        let block = Block { base, layout, freed: Arc::clone(&self.freed) };
        // SAFETY: the block owns zeroed memory of that length, aligned to 4 KiB.
        Ok(unsafe { Memory::new(base, len, Box::new(block)) })
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        // SAFETY: there is no device.
        unsafe { Mapping::new(memory, self.domain(), 63, &[memory.base().as_ptr() as u64], Box::new(())) }
    }
}

/// One cell a buffer: loom fails a test in which two threads are in one without a lock between them.
struct Owners {
    cells: Vec<UnsafeCell<usize>>,
    buffers: Vec<usize>,
}

// SAFETY: loom watches the cells.
unsafe impl Sync for Owners {}

impl Owners {
    fn of(pool: &Pool) -> Arc<Self> {
        let packets: Vec<Packet> = std::iter::from_fn(|| pool.take()).collect();
        let buffers = packets.iter().map(place).collect();
        Arc::new(Self { cells: packets.iter().map(|_| UnsafeCell::new(0)).collect(), buffers })
    }

    /// The caller owns the packet, and so its buffer.
    fn enter(&self, packet: &Packet) {
        let buffer = self.buffers.iter().position(|buffer| *buffer == place(packet)).expect("a buffer of the pool");
        self.cells[buffer].with_mut(|uses| {
            // SAFETY: loom fails before two threads are here.
            unsafe { *uses += 1 }
        });
    }
}

fn place(packet: &Packet) -> usize {
    packet.as_ptr() as usize
}

fn pool(buffers: usize) -> (Pool, Arc<AtomicUsize>) {
    let heap = Heap::default();
    (Pool::new(&heap, buffers, 1024).expect("a pool"), heap.freed)
}

/// Two threads take and give back: a buffer belongs to one at a time, and none is lost.
#[test]
fn a_buffer_has_one_owner() {
    loom::model(|| {
        let (pool, freed) = pool(2);
        let owners = Owners::of(&pool);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (pool, owners) = (pool.clone(), Arc::clone(&owners));
                thread::spawn(move || {
                    for _ in 0..2 {
                        if let Some(packet) = pool.take() {
                            owners.enter(&packet);
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("no order is wrong"));
        assert_eq!((pool.available(), freed.load(Ordering::Relaxed)), (2, 0));
        drop(pool);
        assert_eq!(freed.load(Ordering::Relaxed), 1);
    });
}

/// A packet that another thread drops comes home to a pool that the first goes on with.
#[test]
fn a_packet_comes_home_from_another_thread() {
    loom::model(|| {
        let (pool, freed) = pool(1);
        let owners = Owners::of(&pool);
        let packet = pool.take().expect("a buffer is free");
        owners.enter(&packet);
        let theirs = Arc::clone(&owners);
        let other = thread::spawn(move || {
            theirs.enter(&packet);
            drop(packet);
        });
        if let Some(packet) = pool.take() {
            owners.enter(&packet);
        }
        other.join().expect("no order is wrong");
        assert_eq!(pool.available(), 1);
        drop(pool);
        assert_eq!(freed.load(Ordering::Relaxed), 1);
    });
}

/// Three threads let go of the last handle, the last packet and the last batch at once: the memory is freed by one of them.
#[test]
fn whoever_is_last_frees_the_pool() {
    loom::model(|| {
        let (pool, freed) = pool(3);
        let packet = pool.take().expect("a buffer is free");
        let mut batch = Batch::with_capacity(2);
        for _ in 0..2 {
            batch.push(pool.take().expect("a buffer is free")).expect("room");
        }
        let one = thread::spawn(move || drop(packet));
        let other = thread::spawn(move || drop(batch));
        drop(pool);
        one.join().expect("no order is wrong");
        other.join().expect("no order is wrong");
        assert_eq!(freed.load(Ordering::Relaxed), 1);
    });
}

/// A handle that is cloned while others go: it keeps the pool.
#[test]
fn a_clone_keeps_the_pool() {
    loom::model(|| {
        let (pool, freed) = pool(1);
        let packet = pool.take().expect("a buffer is free");
        let other = thread::spawn(move || drop(packet));
        let clone = pool.clone();
        drop(pool);
        assert_eq!(freed.load(Ordering::Relaxed), 0);
        other.join().expect("no order is wrong");
        assert_eq!((clone.available(), freed.load(Ordering::Relaxed)), (1, 0));
        drop(clone);
        assert_eq!(freed.load(Ordering::Relaxed), 1);
    });
}

/// What a slot lends: loom sees when two threads use it at once.
struct Ring {
    uses: UnsafeCell<u32>,
    freed: Arc<AtomicUsize>,
}

// SAFETY: loom checks each access to the cell.
unsafe impl Sync for Ring {}

impl Ring {
    fn new(freed: &Arc<AtomicUsize>) -> Self {
        Self { uses: UnsafeCell::new(0), freed: Arc::clone(freed) }
    }

    fn touch(&mut self) {
        // SAFETY: borrowed uniquely, which loom checks.
        self.uses.with_mut(|uses| unsafe { *uses += 1 });
    }
}

impl Lendable for Ring {
    unsafe fn free(mut self) {
        self.touch();
        self.freed.fetch_add(1, Ordering::Relaxed);
    }
}

fn lent(freed: &Arc<AtomicUsize>) -> (DeviceEnd<Ring>, QueueEnd<Ring>) {
    let mut device = DeviceEnd::new();
    *device.place().expect("a new slot is home") = Some(Ring::new(freed));
    let queue = device.lend().expect("nobody has the queue end");
    (device, queue)
}

/// The queue gives its ring back with a call, the device uses it, and lends it again.
#[test]
fn a_recalled_ring_comes_back_with_the_next_call() {
    loom::model(|| {
        let freed = Arc::default();
        let (mut device, mut queue) = lent(&freed);
        let user = thread::spawn(move || {
            while let Ok(ring) = queue.get() {
                ring.touch();
                thread::yield_now();
            }
            queue
        });
        device.recall();
        let mut rounds = 0;
        while device.place().is_none() && rounds < 3 {
            rounds += 1;
            thread::yield_now();
        }
        if let Some(ring) = device.place() {
            ring.as_mut().expect("the ring is back").touch();
            assert!(device.lend().is_none(), "the queue end still exists");
        } else {
            // The last round has asked in vain.
            device.resume();
            device.recall();
        }
        let mut queue = user.join().expect("no panic");
        device.resume();
        queue.get().expect("it was lent again").touch();
        drop(queue);
        device.place().expect("the queue is gone").as_mut().expect("the ring is back").touch();
    });
}

/// A queue that is dropped gives its ring back, whenever the device asks for it.
#[test]
fn a_dropped_queue_gives_its_ring_back() {
    loom::model(|| {
        let freed = Arc::default();
        let (mut device, mut queue) = lent(&freed);
        let user = thread::spawn(move || {
            if let Ok(ring) = queue.get() {
                ring.touch();
            }
        });
        device.recall();
        if let Some(ring) = device.place() {
            ring.as_mut().expect("the ring is back").touch();
            if let Some(mut new) = device.lend() {
                new.get().expect("it was just lent").touch();
            }
        } else {
            device.resume();
        }
        user.join().expect("no panic");
        device.place().expect("the queue is gone").as_mut().expect("the ring is back").touch();
        assert_eq!(freed.load(Ordering::Relaxed), 0);
    });
}

/// A device that stops without its ring leaves it to the queue: one of them frees it, once.
#[test]
fn a_ring_of_a_stopped_device_is_freed_once() {
    loom::model(|| {
        let freed = Arc::default();
        let (mut device, mut queue) = lent(&freed);
        let user = thread::spawn(move || {
            if let Ok(ring) = queue.get() {
                ring.touch();
            }
        });
        device.recall();
        // SAFETY: there is no device that runs.
        unsafe { device.leave() };
        if let Some(ring) = device.place().and_then(Option::take) {
            // SAFETY: as above.
            unsafe { ring.free() };
        }
        drop(device);
        user.join().expect("no panic");
        assert_eq!(freed.load(Ordering::Relaxed), 1);
    });
}
