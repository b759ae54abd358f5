//! A platform in plain memory, and a player that does with its rings what the device would.
//!
//! It knows just enough of the 82599 to be brought up by the driver, to receive and to send. It checks nothing:
//! that is what the model is for. It is small, deterministic and without cost of its own, which is what a count of the
//! driver's instructions and tests of single descriptors need. Offsets and bits are the datasheet's, not the driver's.
#![allow(dead_code, reason = "each user takes what it needs")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use ixgbe::clock::Clock;
use ixgbe::device::{Config, Device, Running};
use ixgbe::dma::{Dma, DmaError, Domain, Mapping, Memory};
use ixgbe::mmio::{Mmio, Offset, REGISTER_SPACE};
use ixgbe::registers::RegisterSpace;
use ixgbe::runtime::bus::Bus;

/// Registers that are polled while the device is brought up, and of queue 0: the next queue's are [`QUEUE`] further on
/// (datasheet 8.2).
mod register {
    pub const CTRL: usize = 0x00000;
    pub const EEC: usize = 0x10010;
    pub const RDRXCTL: usize = 0x02F00;
    pub const SECRXSTAT: usize = 0x08D04;
    pub const LINKS: usize = 0x042A4;
    pub const RAL: usize = 0x0A200;
    pub const RDBAL: usize = 0x01000;
    pub const RDBAH: usize = 0x01004;
    pub const RDLEN: usize = 0x01008;
    pub const RDT: usize = 0x01018;
    pub const TDBAL: usize = 0x06000;
    pub const TDBAH: usize = 0x06004;
    pub const TDLEN: usize = 0x06008;
    pub const TDT: usize = 0x06018;
}

/// From a register of one of the first 64 queues to that of the next.
const QUEUE: usize = 0x40;

/// LRST and RST, which clear themselves.
const RESETS: u32 = 1 << 3 | 1 << 26;

const ALIGN: usize = 4096;

/// Zeroed memory, aligned to 4 KiB.
struct Block {
    base: NonNull<u8>,
    allocated: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a block owns its memory.
unsafe impl Send for Block {}
// SAFETY: as for `Send`; it gives out only a pointer.
unsafe impl Sync for Block {}

impl Block {
    fn new(len: usize) -> Self {
        // Aligned by hand: allocators zero what they align themselves, instead of asking for pages that are zero.
        let layout = Layout::from_size_align(len + ALIGN, 16).expect("a sensible length");
        // SAFETY: the length is not 0.
        let allocated = unsafe { alloc_zeroed(layout) };
        let allocated = NonNull::new(allocated).unwrap_or_else(|| handle_alloc_error(layout));
        // SAFETY: less than `ALIGN` bytes further on, which leaves `len`.
        let base = unsafe { allocated.add(allocated.align_offset(ALIGN)) };
        Self { base, allocated, layout }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.allocated.as_ptr(), self.layout) }
    }
}

/// How addresses look to the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// As to the CPU.
    Identity,
    /// Pages of 2 MiB, far apart: page `n` of a memory is `n << 48` further on.
    Scattered,
}

const PAGE_SHIFT: u32 = 21;
const SCATTER_SHIFT: u32 = 48;

/// A port in plain memory.
pub struct Plain {
    bar: Mmio,
    memory: Arc<Block>,
    addresses: Addresses,
    domain: Domain,
    now: AtomicU64,
}

/// What the device does with one queue pair: used by whoever plays it, from outside the driver.
pub struct Player {
    memory: Arc<Block>,
    queue: usize,
    rx: usize,
    tx: usize,
}

impl Plain {
    pub fn new(addresses: Addresses) -> (Self, Player) {
        static DOMAINS: AtomicU64 = AtomicU64::new(0);
        let memory = Arc::new(Block::new(REGISTER_SPACE));
        // SAFETY: the memory is that long, plays the registers, and lives as long as the platform.
        let bar = unsafe { Mmio::new(memory.base, REGISTER_SPACE) }.expect("a BAR of the right size");
        let player = Player { memory: Arc::clone(&memory), queue: 0, rx: 0, tx: 0 };
        player.register(register::EEC).store(1 << 8 | 1 << 9, Ordering::Relaxed); // EE_PRES, AUTO_RD
        player.register(register::RDRXCTL).store(1 << 3, Ordering::Relaxed); // DMAIDONE
        player.register(register::SECRXSTAT).store(1, Ordering::Relaxed); // SECRX_RDY
        player.register(register::LINKS).store(1 << 30 | 3 << 28, Ordering::Relaxed); // up, 10 Gbit/s
        player.register(register::RAL).store(2, Ordering::Relaxed); // 02:00:00:00:00:00
        let domain = Domain(DOMAINS.fetch_add(1, Ordering::Relaxed));
        (Self { bar, memory, addresses, domain, now: AtomicU64::new(0) }, player)
    }

    /// A port that was brought up, and its player.
    pub fn start(addresses: Addresses, config: &Config) -> (Device<Running, Self>, Player) {
        let (plain, player) = Self::new(addresses);
        let device = Device::new(plain).reset(config).expect("plain memory resets");
        (device.assume_link_up().start().expect("plain memory starts"), player)
    }
}

// SAFETY: honest: every access reaches the memory that plays the device. Exclusive: `new` made it for this platform alone.
unsafe impl Bus<RegisterSpace> for Plain {
    #[inline(always)]
    fn read(&self, offset: Offset) -> u32 {
        self.bar.read(offset)
    }

    #[inline(always)]
    unsafe fn write(&self, offset: Offset, value: u32) {
        // SAFETY: as the caller says.
        unsafe { self.bar.write(offset, value) }
    }
}

// SAFETY: memory comes from the allocator, and the player reaches it under the addresses of the mapping.
unsafe impl Dma for Plain {
    fn domain(&self) -> Domain {
        self.domain
    }

    fn page_size(&self) -> usize {
        match self.addresses {
            Addresses::Identity => 1 << (usize::BITS - 1),
            Addresses::Scattered => 1 << PAGE_SHIFT,
        }
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        let len = match self.addresses {
            Addresses::Identity => len,
            // One page more than needed, so that there are always several.
            Addresses::Scattered => len.next_multiple_of(1 << PAGE_SHIFT) + (1 << PAGE_SHIFT),
        };
        let block = Block::new(len);
        // SAFETY: the block owns zeroed memory of that length, aligned to 4 KiB.
        Ok(unsafe { Memory::new(block.base, len, Box::new(block)) })
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        let base = memory.base().as_ptr().expose_provenance() as u64;
        let (shift, pages) = match self.addresses {
            Addresses::Identity => (63, vec![base]),
            Addresses::Scattered => {
                let page = |n| base + (n << PAGE_SHIFT) + (n << SCATTER_SHIFT);
                (PAGE_SHIFT, (0..(memory.len() as u64).div_ceil(1 << PAGE_SHIFT)).map(page).collect())
            }
        };
        // SAFETY: `Player::at` takes these addresses back to the memory.
        unsafe { Mapping::new(memory, self.domain, shift, &pages, Box::new(())) }
    }
}

// SAFETY: the memory that plays the device knows no other time: what takes time there is done when `wait` returns.
unsafe impl Clock for Plain {
    fn now(&self) -> Duration {
        Duration::from_micros(self.now.fetch_add(1, Ordering::Relaxed))
    }

    /// Waiting is when the device gets on with its work.
    fn wait(&self, time: Duration) {
        self.now.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
        let player = Player { memory: Arc::clone(&self.memory), queue: 0, rx: 0, tx: 0 };
        player.register(register::CTRL).fetch_and(!RESETS, Ordering::Relaxed);
    }
}

impl Player {
    fn register(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: all offsets are multiples of 4 in the memory that plays the registers, which is only accessed so
        // or as volatile.
        unsafe { AtomicU32::from_ptr(self.memory.base.as_ptr().add(offset).cast()) }
    }

    /// The player of another queue pair, from before its first packet on.
    pub fn of_queue(&self, queue: usize) -> Self {
        Self { memory: Arc::clone(&self.memory), queue, rx: 0, tx: 0 }
    }

    /// A register of the queue's.
    fn read(&self, offset: usize) -> usize {
        self.register(offset + self.queue * QUEUE).load(Ordering::Relaxed) as usize
    }

    /// The memory at the device's address `address`.
    fn at(address: u64) -> *mut u8 {
        std::ptr::with_exposed_provenance_mut((address & ((1 << SCATTER_SHIFT) - 1)) as usize)
    }

    /// The two words of descriptor `index` of the ring whose base is in these registers.
    fn descriptor(&self, [low, high]: [usize; 2], index: usize) -> &[AtomicU64; 2] {
        let base = (self.read(high) as u64) << 32 | self.read(low) as u64;
        // SAFETY: the driver gave the address of a ring that is longer than `index`, whose words are atomics.
        unsafe { &*Self::at(base).cast::<[AtomicU64; 2]>().add(index) }
    }

    /// The rings for receiving and transmitting, and the registers: for who drives them by hand.
    pub fn rings(&self) -> ([*mut [u64; 2]; 2], *mut u8) {
        let ring = |low, high| Self::at((self.read(high) as u64) << 32 | self.read(low) as u64).cast();
        let rings = [ring(register::RDBAL, register::RDBAH), ring(register::TDBAL, register::TDBAH)];
        (rings, self.memory.base.as_ptr())
    }

    /// The tail registers for receiving and transmitting: for who drives the rings by hand.
    pub fn tails(&self) -> [*mut u32; 2] {
        [register::RDT, register::TDT].map(|tail| self.register(tail + self.queue * QUEUE).as_ptr())
    }

    /// How many buffers there are for frames to arrive in.
    pub fn room(&self) -> usize {
        let len = self.read(register::RDLEN) / 16;
        (self.read(register::RDT) + len - self.rx) % len
    }

    /// How many descriptors there are to send.
    pub fn pending(&self) -> usize {
        let len = self.read(register::TDLEN) / 16;
        (self.read(register::TDT) + len - self.tx) % len
    }

    /// Fills the next receive buffer with `bytes` and says that there are `len`: the last of a frame, if `end`.
    /// Says whether there was a buffer.
    pub fn fill(&mut self, bytes: &[u8], len: u16, end: bool) -> bool {
        if self.room() == 0 {
            return false;
        }
        let words = self.descriptor([register::RDBAL, register::RDBAH], self.rx);
        let buffer = Self::at(words[0].load(Ordering::Relaxed));
        // SAFETY: the driver posted that buffer, and who plays the device does not fill more than it has.
        unsafe { buffer.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        words[0].store(0, Ordering::Relaxed);
        words[1].store(u64::from(len) << 32 | u64::from(end) << 1 | 1, Ordering::Release); // PKT_LEN, EOP, DD
        self.rx = (self.rx + 1) % (self.read(register::RDLEN) / 16);
        true
    }

    /// A frame of one buffer arrives. Says whether there was a buffer.
    pub fn arrive(&mut self, frame: &[u8]) -> bool {
        self.fill(frame, frame.len() as u16, true)
    }

    /// Sends up to `most` descriptors: `sent` sees the bytes of each, and whether it is the last of its frame.
    /// Reports those that are to be reported.
    pub fn send(&mut self, most: usize, mut sent: impl FnMut(&[u8], bool)) -> usize {
        let len = self.read(register::TDLEN) / 16;
        let mut count = 0;
        while count < most && self.tx != self.read(register::TDT) {
            let words = self.descriptor([register::TDBAL, register::TDBAH], self.tx);
            let control = words[1].load(Ordering::Relaxed);
            let bytes = Self::at(words[0].load(Ordering::Relaxed));
            // Not a context: DEXT and DTYP 2.
            if control >> 20 & 0x20f != 0x202 {
                // SAFETY: the driver posted that many bytes there.
                sent(unsafe { std::slice::from_raw_parts(bytes, control as usize & 0xffff) }, control & 1 << 24 != 0);
            }
            if control & 1 << 27 != 0 {
                words[1].store(1 << 32, Ordering::Release); // RS asks for DD
            }
            self.tx = (self.tx + 1) % len;
            count += 1;
        }
        count
    }
}
