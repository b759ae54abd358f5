//! The driver for a harness in C, which times drivers side by side: see `peers.h`.
//!
//! Both shapes go the library's public path. The harness gives two BARs in plain memory, answers bring-up
//! from another thread, and plays the rings.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::error::Error;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{NonNull, null_mut};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use ixgbe::registers::RegisterSpace;
use ixgbe::runtime::bus::Bus;
use ixgbe::clock::Clock;
use ixgbe::device::{Config, Device, Running};
use ixgbe::dma::{Dma, DmaError, Domain, Mapping, Memory};
use ixgbe::mmio::{Mmio, Offset};
use ixgbe::packet::Batch;
use ixgbe::queue::{InPlaceForwarder, QueuePair, Route};

/// Most packets per call.
const MOST: u32 = 256;
/// The byte that is touched.
const TOUCHED: usize = 3;

/// A port in plain memory, played by somebody else.
struct Plain(Mmio);

// SAFETY: honest: every access reaches the memory that plays the device. Exclusive: whoever gave the memory said so.
unsafe impl Bus<RegisterSpace> for Plain {
    #[inline(always)]
    fn read(&self, offset: Offset) -> u32 {
        self.0.read(offset)
    }

    #[inline(always)]
    unsafe fn write(&self, offset: Offset, value: u32) {
        // SAFETY: as the caller says.
        unsafe { self.0.write(offset, value) }
    }
}

/// Zeroed memory, aligned to 4 KiB.
struct Block(NonNull<u8>, Layout);

// SAFETY: a block owns its memory.
unsafe impl Send for Block {}
// SAFETY: as for `Send`; it gives out only a pointer.
unsafe impl Sync for Block {}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.0.as_ptr(), self.1) }
    }
}

// SAFETY: memory comes from the allocator, and who plays the device reaches it by its pointers.
unsafe impl Dma for Plain {
    fn domain(&self) -> Domain {
        // Both ports are played in this process, by pointers.
        Domain(0)
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        let layout = Layout::from_size_align(len.max(1), 4096).map_err(|_| DmaError::OutOfMemory { len })?;
        // SAFETY: the length is not 0.
        let base = unsafe { alloc_zeroed(layout) };
        let base = NonNull::new(base).unwrap_or_else(|| handle_alloc_error(layout));
        // SAFETY: the block owns zeroed memory of that length, aligned to 4 KiB.
        Ok(unsafe { Memory::new(base, len, Box::new(Block(base, layout))) })
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        let base = memory.base().as_ptr().expose_provenance() as u64;
        // SAFETY: addresses are pointers.
        unsafe { Mapping::new(memory, self.domain(), 63, &[base], Box::new(())) }
    }
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

// SAFETY: both go by the system's monotonic clock.
unsafe impl Clock for Plain {
    fn now(&self) -> Duration {
        START.elapsed()
    }

    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// What both shapes have. It lasts for ever, as the harness has no word for an end.
struct Ports {
    from: QueuePair<'static, Plain>,
    to: QueuePair<'static, Plain>,
}

impl Ports {
    /// # Safety
    ///
    /// The BARs must be memory of `len` bytes that is accessed as registers are, from here on.
    unsafe fn bring_up(bars: [*mut u8; 2], len: usize) -> Result<Self, Box<dyn Error>> {
        let config = Config::new().promiscuous(true).mac([2, 0, 0, 0, 0, 0]);
        let mut nics = Vec::new();
        for bar in bars {
            let bar = NonNull::new(bar).ok_or("there is no BAR")?;
            // SAFETY: as the caller says.
            let bar = unsafe { Mmio::new(bar, len) }?;
            let nic = Device::new(Plain(bar)).reset(&config)?.wait_for_link(Duration::from_secs(10))?;
            nics.push(nic.start()?);
        }
        let [from, mut to]: [Device<Running, Plain>; 2] = nics.try_into().map_err(|_| "there are two ports")?;
        from.pools().try_for_each(|pool| to.attach(pool))?;
        let [from, to] = [from, to].map(|nic| Box::leak(Box::new(nic)).split().1.pop());
        Ok(Self { from: from.ok_or("there is a queue pair")?, to: to.ok_or("there is a queue pair")? })
    }
}

fn touch(packet: &mut [u8]) {
    if let Some(byte) = packet.get_mut(TOUCHED) {
        *byte = byte.wrapping_add(1);
    }
}

struct PoolShape {
    ports: Ports,
    /// What is held: with room for as many as a call takes.
    batch: Batch,
}

impl PoolShape {
    /// Makes the batch take `n` packets a call: another one only when `n` changes.
    #[inline(always)]
    fn room_for(&mut self, n: u32) {
        let room = self.batch.len() + n.min(MOST) as usize;
        if self.batch.capacity() != room {
            self.grow(room);
        }
    }

    #[cold]
    fn grow(&mut self, room: usize) {
        let mut old = std::mem::replace(&mut self.batch, Batch::with_capacity(room));
        old.drain(..).for_each(|packet| drop(self.batch.push(packet)));
    }
}

extern "C" fn pool_rx(state: *mut c_void, n: u32) -> u32 {
    // SAFETY: made by `init`, and for one thread at a time.
    let state = unsafe { &mut *state.cast::<PoolShape>() };
    state.room_for(n);
    state.ports.from.rx.receive(&mut state.batch) as u32
}

extern "C" fn pool_touch(state: *mut c_void) {
    // SAFETY: as in `pool_rx`.
    let state = unsafe { &mut *state.cast::<PoolShape>() };
    state.batch.iter_mut().for_each(|packet| touch(packet));
}

extern "C" fn pool_tx(state: *mut c_void) -> u32 {
    // SAFETY: as in `pool_rx`.
    let state = unsafe { &mut *state.cast::<PoolShape>() };
    // All were received by the port whose pool is attached, so that none is refused.
    state.ports.to.tx.transmit(&mut state.batch).unwrap_or(0) as u32
}

extern "C" fn pool_fwd(state: *mut c_void, n: u32) -> u32 {
    // SAFETY: as in `pool_rx`.
    let state = unsafe { &mut *state.cast::<PoolShape>() };
    let held = state.batch.len();
    state.room_for(n);
    state.ports.from.rx.receive(&mut state.batch);
    state.batch[held..].iter_mut().for_each(|packet| touch(packet));
    state.ports.to.tx.transmit(&mut state.batch).unwrap_or(0) as u32
}

struct InPlaceShape {
    ports: InPlaceForwarder<'static, 'static, 'static, Plain>,
}

extern "C" fn in_place_fwd(state: *mut c_void, n: u32) -> u32 {
    // SAFETY: as in `pool_rx`.
    let state = unsafe { &mut *state.cast::<InPlaceShape>() };
    let forwarded = state.ports.forward(n as usize, |packet| {
        touch(packet);
        Route::Output(0)
    });
    forwarded.sent as u32
}

/// The state of a shape that `make` makes of two ports, or null after saying why.
fn init<T>(bars: [*mut u8; 2], len: usize, make: impl FnOnce(Ports) -> Result<T, Box<dyn Error>>) -> *mut c_void {
    // SAFETY: the harness gives BARs in plain memory, of that length.
    match unsafe { Ports::bring_up(bars, len) }.and_then(make) {
        Ok(state) => Box::into_raw(Box::new(state)).cast(),
        Err(error) => {
            eprintln!("ixgbe: {error}");
            null_mut()
        }
    }
}

extern "C" fn pool_init(bar_a: *mut u8, bar_b: *mut u8, len: usize) -> *mut c_void {
    init([bar_a, bar_b], len, |ports| Ok(PoolShape { ports, batch: Batch::with_capacity(MOST as usize) }))
}

extern "C" fn in_place_init(bar_a: *mut u8, bar_b: *mut u8, len: usize) -> *mut c_void {
    init([bar_a, bar_b], len, |ports| {
        let Ports { from, to } = Box::leak(Box::new(ports));
        Ok(InPlaceShape { ports: InPlaceForwarder::new(&mut from.rx, std::slice::from_mut(&mut to.tx))? })
    })
}

/// One shape of the data path: `peer_ops` of `peers.h`.
#[repr(C)]
pub struct PeerOps {
    name: *const c_char,
    init: extern "C" fn(*mut u8, *mut u8, usize) -> *mut c_void,
    rx: Option<extern "C" fn(*mut c_void, u32) -> u32>,
    touch: Option<extern "C" fn(*mut c_void)>,
    tx: Option<extern "C" fn(*mut c_void) -> u32>,
    fwd: extern "C" fn(*mut c_void, u32) -> u32,
    maxbatch: u32,
}

const fn entry(name: &'static CStr, init: extern "C" fn(*mut u8, *mut u8, usize) -> *mut c_void) -> PeerOps {
    PeerOps { name: name.as_ptr(), init, rx: None, touch: None, tx: None, fwd: in_place_fwd, maxbatch: MOST }
}

/// Fills an entry for each shape, and returns their number.
///
/// # Safety
///
/// `out` must have room for two entries.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn peers(out: *mut PeerOps) -> c_int {
    let pool = PeerOps {
        rx: Some(pool_rx),
        touch: Some(pool_touch),
        tx: Some(pool_tx),
        fwd: pool_fwd,
        ..entry(c"ixgbe pool", pool_init)
    };
    let shapes = [pool, entry(c"ixgbe in place", in_place_init)];
    let count = shapes.len() as c_int;
    // SAFETY: there is room, as the caller says.
    unsafe { out.cast::<[PeerOps; 2]>().write(shapes) };
    count
}
