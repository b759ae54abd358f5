//! One port: the handle that drivers and tests hold.

use std::any::Any;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ixgbe::clock::Clock;
use ixgbe::dma::{Dma, DmaError, Domain, Mapping, Memory};
use ixgbe::mmio::Offset;
use ixgbe::registers::RegisterSpace;
use ixgbe::runtime::bus::Bus;

use crate::chip::Chip;
use crate::counters::Counters;
use crate::fault::Fault;
use crate::iommu::{self, Iommu};
use crate::offsets;
use crate::violation::Violation;
use crate::wire::Wire;
use crate::wire::cable::{self, CableEnd};

/// How a port is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortConfig {
    /// The MAC address in the EEPROM.
    pub mac: [u8; 6],
    /// Which of the chip's two ports it is: STATUS.LAN_ID.
    pub lan_id: u8,
    /// Whether every 4 KiB page of memory gets a device address of its own, as without an IOMMU,
    /// instead of all pages of a mapping in a row.
    pub scattered_pages: bool,
}

impl Default for PortConfig {
    fn default() -> Self {
        Self { mac: [0x02, 0x82, 0x59, 0x90, 0, 0], lan_id: 0, scattered_pages: false }
    }
}

struct Shared {
    chip: Mutex<Chip>,
    iommu: Arc<Iommu>,
    /// How many threads want the chip: a runner lets them go first.
    wanted: AtomicUsize,
    /// Whether a driver has the platform.
    claimed: AtomicBool,
}

/// One port of the modelled chip, as a test holds it. Clones are handles of the same port.
///
/// A driver gets the port's platform by [`claim`](Self::claim): one at a time, as a card has one driver.
///
/// Model time moves when the driver waits, by a microsecond with each register read, and with each
/// [`step`](Self::step). While a [`Runner`](crate::Runner) drives the port, it is real time.
#[derive(Clone)]
pub struct Port {
    shared: Arc<Shared>,
}

impl Port {
    /// A port of its own, powered on, without a wire.
    #[must_use]
    pub fn new(config: PortConfig) -> Self {
        let iommu = Iommu::new(config.scattered_pages);
        let chip = Mutex::new(Chip::new(config, Arc::clone(&iommu)));
        Self { shared: Arc::new(Shared { chip, iommu, wanted: AtomicUsize::new(0), claimed: AtomicBool::new(false) }) }
    }

    fn chip(&self) -> MutexGuard<'_, Chip> {
        self.shared.wanted.fetch_add(1, Ordering::Relaxed);
        let chip = self.shared.chip.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.wanted.fetch_sub(1, Ordering::Relaxed);
        chip
    }

    /// Takes the port's platform, to drive the device with. Dropping it gives it back.
    ///
    /// # Errors
    ///
    /// [`AlreadyClaimed`] while another platform of this port lives: two drivers of one device would break each other's
    /// memory.
    pub fn claim(&self) -> Result<PortPlatform, AlreadyClaimed> {
        match self.shared.claimed.swap(true, Ordering::AcqRel) {
            false => Ok(PortPlatform { port: self.clone() }),
            true => Err(AlreadyClaimed),
        }
    }

    /// Lets the port be claimed again although a platform was not dropped: the next driver finds it as one that was killed
    /// left it.
    ///
    /// # Safety
    ///
    /// The platform must never be used again: it was [forgotten](std::mem::forget), with the device that owned it.
    pub unsafe fn abandon(&self) {
        self.shared.claimed.store(false, Ordering::Release);
    }

    /// Reads a register as a host does: with the side effects that reading has.
    pub fn read32(&self, offset: Offset) -> u32 {
        self.chip().read(offset.bytes())
    }

    /// Writes a register as a host does.
    ///
    /// # Safety
    ///
    /// As for [`Bus::write32`]: what is written must not let the device access memory that it was not given. So nothing may
    /// be written that a driver which has [claimed](Self::claim) the port relies on.
    pub unsafe fn write32(&self, offset: Offset, value: u32) {
        let mut chip = self.chip();
        chip.write(offset.bytes(), value);
        // A doorbell starts DMA at once, and needs no switch of threads for it.
        if chip.is_real_time() && offsets::is_tail(offset.bytes()) {
            chip.step();
        }
    }

    /// Model time since the port was made.
    #[must_use]
    pub fn now(&self) -> Duration {
        let mut chip = self.chip();
        chip.pass(0);
        Duration::from_nanos(chip.now())
    }

    /// Lets model time pass, and the model do in it what it does in a few steps. Under a runner, it sleeps.
    pub fn wait(&self, time: Duration) {
        let sleep = self.chip().wait(time);
        if sleep {
            std::thread::sleep(time);
        }
    }

    /// Plugs the port into `wire`. The wire that it was plugged into is dropped.
    pub fn plug(&self, wire: impl Wire + 'static) {
        let old = self.chip().wire.replace(Box::new(wire));
        drop(old);
    }

    /// Unplugs the port, and gives back the wire.
    pub fn unplug(&self) -> Option<Box<dyn Wire>> {
        self.chip().wire.take()
    }

    /// Moves the model on by 10 us: frames from the wire, up to a burst, frames to the wire, and what
    /// happens by itself. Returns how many frames moved.
    pub fn step(&self) -> usize {
        self.chip().step()
    }

    /// Steps until nothing moves any more, at most `limit` times. Returns how many frames moved.
    pub fn run_until_idle(&self, limit: usize) -> usize {
        let mut moved = 0;
        for _ in 0..limit {
            match self.step() {
                0 => break,
                frames => moved += frames,
            }
        }
        moved
    }

    /// A step that lets other threads go first. Returns `None` if there were some.
    pub(crate) fn step_if_free(&self) -> Option<usize> {
        if self.shared.wanted.load(Ordering::Relaxed) > 0 {
            return None;
        }
        Some(self.shared.chip.lock().unwrap_or_else(PoisonError::into_inner).step())
    }

    pub(crate) fn start_real_time(&self) {
        self.chip().start_real_time();
    }

    pub(crate) fn stop_real_time(&self) {
        self.chip().stop_real_time();
    }

    /// Gives the port one frame, whether it has room for it or not.
    pub fn deliver(&self, frame: &[u8]) {
        let mut chip = self.chip();
        let iommu = Arc::clone(&chip.iommu);
        let dma = iommu.read();
        chip.deliver_now(frame, &dma);
    }

    /// What the driver did and must not have done: the first 256 times. What is only not modelled stands there once for each
    /// register; [`violation_kinds`](Self::violation_kinds) has how often.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let mut chip = self.chip();
        chip.note_unmapped();
        chip.log.kept().to_vec()
    }

    /// The first violation of each rule at each register, and how many of them there were: all of them count.
    #[must_use]
    pub fn violation_kinds(&self) -> Vec<(Violation, u64)> {
        let mut chip = self.chip();
        chip.note_unmapped();
        chip.log.kinds().to_vec()
    }

    /// How many violations there were in all.
    #[must_use]
    pub fn violation_count(&self) -> u64 {
        let mut chip = self.chip();
        chip.note_unmapped();
        chip.log.total()
    }

    /// Forgets all violations.
    pub fn clear_violations(&self) {
        let mut chip = self.chip();
        chip.note_unmapped();
        chip.log.clear();
    }

    /// Makes something go wrong from now on.
    pub fn inject(&self, fault: Fault) {
        self.chip().faults.inject(fault);
    }

    /// Makes it go right again. What it held up goes on.
    pub fn clear(&self, fault: Fault) {
        self.chip().faults.clear(fault);
    }

    /// Plugs or pulls the cable: without it there is no link.
    pub fn set_link(&self, connected: bool) {
        self.chip().plugged = connected;
    }

    /// Lets the device be a bus master, or not, as PCI's Command.BME does: without it there is no DMA and no interrupt.
    ///
    /// It is on at first, as the platforms for hardware switch it on when they open a function. Who has a configuration
    /// space in front of the port switches it off at power-on and at a function level reset.
    pub fn set_bus_master(&self, on: bool) {
        self.chip().set_bus_master(on);
    }

    /// What became of all frames.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.chip().counters
    }

    /// The value of a register, without the effects that reading has.
    #[must_use]
    pub fn peek(&self, offset: Offset) -> u32 {
        let chip = self.chip();
        chip.registers.find(offset.bytes()).map_or(0, |place| chip.registers.get(place.offset))
    }

    /// Has `sink` take the vectors of interrupts, as their messages are sent: 0 to 63 with GPIE.Multiple_MSIX,
    /// else 0 for all causes. It is called with the port locked, and must not call the port.
    pub fn on_interrupt(&self, sink: impl FnMut(u16) + Send + 'static) {
        self.chip().interrupts.sink = Some(Box::new(sink));
    }

    /// Resets the function as PCI's device control register does (a function level reset).
    pub fn reset_function(&self) {
        self.chip().function_reset();
    }

    /// Lets the device reach the `len` bytes at `host` by the addresses from `start` on. What was mapped
    /// there is replaced.
    ///
    /// # Safety
    ///
    /// The bytes are memory that may be read and written through raw pointers as long as `alive` lives,
    /// and nothing else relies on what they contain.
    pub unsafe fn map_at(&self, start: u64, len: u64, host: NonNull<u8>, alive: Arc<dyn Any + Send + Sync>) {
        // SAFETY: as the caller promises.
        unsafe { self.shared.iommu.map_at(start, len, host, alive) }
    }

    /// Ends the mappings that reach into `len` addresses from `start` on.
    pub fn unmap_at(&self, start: u64, len: u64) {
        self.shared.iommu.unmap_at(start, len);
    }

    /// How much memory the device reaches now.
    #[must_use]
    pub fn mapped_bytes(&self) -> u64 {
        self.shared.iommu.mapped_bytes()
    }
}

/// Connects two ports by a [cable](cable::cable). Who does not take what comes loses it, and counts it as the chip does.
pub fn connect(one: &Port, other: &Port) {
    plug_both(one, other, cable::cable());
}

/// Connects two ports by a cable on which [nothing gets lost](cable::lossless): who sends waits for who receives.
pub fn connect_lossless(one: &Port, other: &Port) {
    plug_both(one, other, cable::lossless());
}

fn plug_both(one: &Port, other: &Port, (here, there): (CableEnd, CableEnd)) {
    one.plug(here);
    other.plug(there);
}

/// A port's platform, its [`Bus`], [`Dma`] and [`Clock`] in one: what a driver owns. [`Port::claim`] makes it.
#[derive(Debug)]
pub struct PortPlatform {
    port: Port,
}

impl PortPlatform {
    /// The port.
    #[must_use]
    pub fn port(&self) -> &Port {
        &self.port
    }
}

impl Drop for PortPlatform {
    fn drop(&mut self) {
        self.port.shared.claimed.store(false, Ordering::Release);
    }
}

/// The port has a platform already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlreadyClaimed;

impl std::fmt::Display for AlreadyClaimed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cannot claim the port: a driver has it already: drop the device that drives it")
    }
}

impl std::error::Error for AlreadyClaimed {}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Port").field("domain", &self.shared.iommu.domain()).finish_non_exhaustive()
    }
}

// SAFETY: honest: what is read is what the model does: a queue that reads as disabled accesses memory no more once its settle time
// is over. Exclusive: `claim` makes one platform at a time, and the port's handles only write by an `unsafe fn`.
unsafe impl Bus<RegisterSpace> for PortPlatform {
    fn read(&self, offset: Offset) -> u32 {
        self.port.read32(offset)
    }

    unsafe fn write(&self, offset: Offset, value: u32) {
        // SAFETY: as the caller says.
        unsafe { self.port.write32(offset, value) }
    }
}

// SAFETY: memory comes from the allocator and is used by nobody else; the table of the port's own
// address space has exactly the mapped memory, until the mapping is dropped.
unsafe impl Dma for Port {
    fn domain(&self) -> Domain {
        self.shared.iommu.domain()
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        if self.chip().faults.has(Fault::OutOfMemory) {
            return Err(DmaError::OutOfMemory { len });
        }
        iommu::allocate(len)
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        if self.chip().faults.has(Fault::NotMappable) {
            return Err(DmaError::NotMappable { len: memory.len(), reason: "a fault was injected" });
        }
        self.shared.iommu.map(memory)
    }
}

// SAFETY: all calls go to the port.
unsafe impl Dma for PortPlatform {
    fn domain(&self) -> Domain {
        self.port.domain()
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        self.port.allocate(len)
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        self.port.map(memory)
    }
}

// SAFETY: what takes time in the model takes it by this clock.
unsafe impl Clock for PortPlatform {
    fn now(&self) -> Duration {
        self.port.now()
    }

    fn wait(&self, time: Duration) {
        self.port.wait(time);
    }
}
