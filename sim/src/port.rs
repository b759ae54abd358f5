//! One port: the handle for drivers and tests.

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
use ixgbe::trace::{Recorder, RegisterAccess};

use crate::board::led::{self, Led};
use crate::board::pci;
use crate::chip::Chip;
use crate::chip::common::Common;
use crate::counters::Counters;
use crate::fault::Fault;
use crate::iommu::{self, Iommu};
use crate::receive::steering::Destination;
use crate::registers::offsets;
use crate::violation::Violation;
use crate::virtualisation::{HostConfig, VirtualFunction};
use crate::wire::Wire;
use crate::wire::cable::{self, CableEnd};

/// Configuration of a new port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortConfig {
    /// The MAC address in the EEPROM.
    pub mac: [u8; 6],
    /// The port's number on the chip, 0 or 1: STATUS.LAN_ID.
    pub lan_id: u8,
    /// `true` to give every 4 KiB page of memory a device address of its own, as without an IOMMU. By default, the
    /// pages of a mapping are contiguous.
    pub scattered_pages: bool,
    /// The PCI device id: what the board is made for. By default 0x10FB, a card with SFP+ cages.
    pub device_id: u16,
}

impl Default for PortConfig {
    fn default() -> Self {
        Self { mac: [0x02, 0x82, 0x59, 0x90, 0, 0], lan_id: 0, scattered_pages: false, device_id: 0x10FB }
    }
}

struct Shared {
    chip: Mutex<Chip>,
    iommu: Arc<Iommu>,
    /// Number of threads that wait for the chip: a runner lets them go first.
    wanted: AtomicUsize,
    /// `true` while a driver owns the platform.
    claimed: AtomicBool,
    device_id: u16,
}

/// One port of the modelled chip. Clones are handles to the same port.
///
/// A driver gets the port's platform from [`claim`](Self::claim): one at a time, as a card has one driver.
///
/// Model time advances when the driver waits, by a microsecond with each register read, and with each
/// [`step`](Self::step). While a [`Runner`](crate::Runner) drives the port, model time is real time.
#[derive(Clone)]
pub struct Port {
    shared: Arc<Shared>,
}

impl Port {
    /// Creates a new port, powered on, without a wire.
    #[must_use]
    pub fn new(config: PortConfig) -> Self {
        let iommu = Iommu::new(config.scattered_pages);
        let chip = Mutex::new(Chip::new(config, Arc::clone(&iommu)));
        let (wanted, claimed, device_id) = (AtomicUsize::new(0), AtomicBool::new(false), config.device_id);
        Self { shared: Arc::new(Shared { chip, iommu, wanted, claimed, device_id }) }
    }

    pub(crate) fn chip(&self) -> MutexGuard<'_, Chip> {
        self.shared.wanted.fetch_add(1, Ordering::Relaxed);
        let chip = self.shared.chip.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.wanted.fetch_sub(1, Ordering::Relaxed);
        chip
    }

    /// Takes the port's platform, to drive the device with. Dropping the platform returns it to the port.
    ///
    /// # Errors
    ///
    /// Fails with [`AlreadyClaimed`] while another platform of this port lives: two drivers of one device would corrupt
    /// each other's memory.
    pub fn claim(&self) -> Result<PortPlatform, AlreadyClaimed> {
        match self.shared.claimed.swap(true, Ordering::AcqRel) {
            false => Ok(PortPlatform { port: self.clone() }),
            true => Err(AlreadyClaimed),
        }
    }

    /// Gives the port to the model's own physical function, which serves virtual functions. Returns these.
    ///
    /// # Errors
    ///
    /// Fails with [`AlreadyClaimed`] if the port has a driver, or is given away already.
    pub fn host(&self, config: HostConfig) -> Result<Vec<VirtualFunction>, AlreadyClaimed> {
        if self.shared.claimed.swap(true, Ordering::AcqRel) {
            return Err(AlreadyClaimed);
        }
        let mut chip = self.chip();
        chip.start_host(config);
        let count = chip.common.functions.all.len();
        drop(chip);
        Ok((0..count).map(|index| VirtualFunction::new(self.clone(), index)).collect())
    }

    /// Lets the model's own physical function reset its device. It notifies its functions before and after that.
    pub fn reset_host(&self) {
        self.chip().reset_host();
    }

    /// Allows another claim although the platform was not dropped. The next driver finds the port as a killed driver
    /// leaves it.
    ///
    /// # Safety
    ///
    /// The platform must never be used again: it was [forgotten](std::mem::forget), with the device that owned it.
    pub unsafe fn abandon(&self) {
        self.shared.claimed.store(false, Ordering::Release);
    }

    /// Reads a register as a host does, with the read's side effects.
    pub fn read32(&self, offset: Offset) -> u32 {
        self.chip().recorded(|chip| {
            let value = chip.read(offset.bytes());
            (value, RegisterAccess::new(false, offset, value))
        })
    }

    /// Writes a register as a host does.
    ///
    /// # Safety
    ///
    /// As for [`Bus::write`]: the write must not let the device access memory that was not given to it. So it must
    /// change nothing that a driver which has [claimed](Self::claim) the port relies on.
    pub unsafe fn write32(&self, offset: Offset, value: u32) {
        let mut chip = self.chip();
        chip.recorded(|chip| (chip.write(offset.bytes(), value), RegisterAccess::new(true, offset, value)));
        // A doorbell starts DMA at once, without a switch to the runner's thread.
        if chip.common.clock.is_real_time() && offsets::is_tail(offset.bytes()) {
            chip.step();
        }
    }

    /// Records all register accesses from now on, whoever makes them, as a [`Trace`](ixgbe::trace::Trace). `write` is
    /// called with each line, with the port locked, and must not call the port. The trace ends with
    /// [`Recorder::finish`], or with the last handle of the port.
    ///
    /// While a [`Runner`](crate::Runner) drives the port, gaps below 1 ms are left out.
    pub fn record(&self, write: impl FnMut(&str) + Send + 'static) -> Recorder {
        self.chip().record(write)
    }

    /// Returns the model time since the port was created.
    #[must_use]
    pub fn now(&self) -> Duration {
        let mut chip = self.chip();
        chip.pass(0);
        Duration::from_nanos(chip.common.clock.now())
    }

    /// Advances the model by `time`, in a few steps. Under a runner, sleeps instead.
    pub fn wait(&self, time: Duration) {
        let sleep = self.chip().wait(time);
        if sleep {
            std::thread::sleep(time);
        }
    }

    /// Gives this port and `other` one model time: whatever advances one of them advances both. Then a frame from one to
    /// the other over a [cable](cable::cable) gets the same time stamp at both ends. Call it before one of them runs.
    pub fn share_time(&self, other: &Port) {
        let shared = self.chip().common.clock.share();
        other.chip().common.clock.follow(shared);
    }

    /// Makes the port's oscillator too fast by `drift` parts per billion, from now on. A negative number makes it too
    /// slow. The time stamps' clock (SYSTIM) follows the oscillator, model time does not. No reset ends the drift.
    pub fn set_drift(&self, drift: i32) {
        let mut chip = self.chip();
        chip.pass(0);
        let Common { time, clock, .. } = &mut chip.common;
        time.system.set_drift(clock.now(), drift);
    }

    /// Lets the time stamps' clock (SYSTIM) jump, as if its oscillator had counted `nanoseconds` more or fewer. Without
    /// effect while TIMINCA stops the clock.
    pub fn jump(&self, nanoseconds: i64) {
        let mut chip = self.chip();
        chip.pass(0);
        let Common { time, clock, .. } = &mut chip.common;
        time.system.jump(clock.now(), nanoseconds);
    }

    /// Plugs the port into `wire`, and drops the previous wire.
    pub fn plug(&self, wire: impl Wire + 'static) {
        let old = self.chip().link.plug(Some(Box::new(wire)));
        drop(old);
    }

    /// Unplugs the port, and returns the wire.
    pub fn unplug(&self) -> Option<Box<dyn Wire>> {
        self.chip().link.plug(None)
    }

    /// Advances the model by 10 us: receives up to a burst of frames from the wire, sends frames to the wire, and
    /// processes due events. Returns the number of frames moved.
    pub fn step(&self) -> usize {
        self.chip().step()
    }

    /// Steps until no frame moves, at most `limit` times. Returns the number of frames moved.
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

    /// Steps unless another thread waits for the port. Returns `None` if one does.
    pub(crate) fn step_if_free(&self) -> Option<usize> {
        if self.shared.wanted.load(Ordering::Relaxed) > 0 {
            return None;
        }
        Some(self.shared.chip.lock().unwrap_or_else(PoisonError::into_inner).step())
    }

    pub(crate) fn start_real_time(&self) {
        self.chip().common.clock.start_real_time();
    }

    pub(crate) fn stop_real_time(&self) {
        let mut chip = self.chip();
        chip.pass(0);
        chip.common.clock.stop_real_time();
    }

    /// Delivers one frame to the port, regardless of its room. It is not padded, as one from a [wire](crate::Wire) is: a
    /// frame of less than 60 bytes is counted and dropped.
    pub fn deliver(&self, frame: &[u8]) {
        self.chip().deliver_now(frame);
    }

    /// Returns the driver's first 256 violations. [`Rule::NotModelled`](crate::Rule::NotModelled) appears once per
    /// register; [`violation_kinds`](Self::violation_kinds) has the counts.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let mut chip = self.chip();
        chip.note_unmapped();
        chip.common.log.kept().to_vec()
    }

    /// Returns the first violation of each rule at each register, with the number of its violations. Every violation
    /// counts.
    #[must_use]
    pub fn violation_kinds(&self) -> Vec<(Violation, u64)> {
        let mut chip = self.chip();
        chip.note_unmapped();
        chip.common.log.kinds().to_vec()
    }

    /// Returns the total number of violations.
    #[must_use]
    pub fn violation_count(&self) -> u64 {
        let mut chip = self.chip();
        chip.note_unmapped();
        chip.common.log.total()
    }

    /// Clears all violations.
    pub fn clear_violations(&self) {
        let mut chip = self.chip();
        chip.note_unmapped();
        chip.common.log.clear();
    }

    /// Activates a fault.
    pub fn inject(&self, fault: Fault) {
        self.chip().inject(fault);
    }

    /// Deactivates a fault. The events that it held up proceed.
    pub fn clear(&self, fault: Fault) {
        self.chip().common.faults.clear(fault);
    }

    /// Plugs or pulls the cable. Without a cable there is no link, at its other end neither.
    pub fn set_link(&self, connected: bool) {
        self.chip().link.connect(connected);
    }

    /// Enables or disables bus mastering, as PCI's Command.BME does. Without it there is no DMA and no interrupt.
    ///
    /// It starts enabled, because the platforms for hardware enable it when they open a PCI function. A configuration
    /// space in front of the port disables it at power-on and at a function level reset.
    pub fn set_bus_master(&self, on: bool) {
        self.chip().set_bus_master(on);
    }

    /// Returns the queue for a frame that arrives now and what chooses it, or `None` if the MAC refuses the frame.
    /// Neither counts nor delivers the frame, and knows nothing of injected faults.
    #[must_use]
    pub fn destination(&self, frame: &[u8]) -> Option<Destination> {
        self.chip().destination(frame)
    }

    /// Returns the counts of all frames by their fate.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.chip().common.counters
    }

    /// Returns the value of a register, without the side effects of a read.
    #[must_use]
    pub fn peek(&self, offset: Offset) -> u32 {
        self.chip().peek(offset.bytes())
    }

    /// Returns what the LED with this number shows, from 0 to 3.
    #[must_use]
    pub fn led(&self, number: usize) -> Led {
        let mut chip = self.chip();
        chip.pass(0);
        led::shown(number, &chip.link, &chip.common)
    }

    /// Sets `sink` as the receiver of interrupt vectors when their messages are sent. Vectors are 0 to 63 with
    /// GPIE.Multiple_MSIX, else 0 for all causes. `sink` is called with the port locked, and must not call the port.
    pub fn on_interrupt(&self, sink: impl FnMut(u16) + Send + 'static) {
        self.chip().interrupts.connect(Box::new(sink));
    }

    /// Resets the PCI function through PCI's device control register (a function level reset).
    pub fn reset_function(&self) {
        let mut chip = self.chip();
        chip.function_reset();
        chip.recording.function_reset();
    }

    /// Lets the device access the `len` bytes at `host` through the addresses from `start` on. Replaces earlier
    /// mappings there.
    ///
    /// # Safety
    ///
    /// The bytes are memory that may be read and written through raw pointers as long as `alive` lives,
    /// and nothing else relies on what they contain.
    pub unsafe fn map_at(&self, start: u64, len: u64, host: NonNull<u8>, alive: Arc<dyn Any + Send + Sync>) {
        // SAFETY: the caller guarantees what `Iommu::map_at` requires.
        unsafe { self.shared.iommu.map_at(start, len, host, alive) }
    }

    /// Removes the mappings that overlap `len` addresses from `start` on.
    pub fn unmap_at(&self, start: u64, len: u64) {
        self.shared.iommu.unmap_at(start, len);
    }

    /// Returns the number of bytes that the device can access now.
    #[must_use]
    pub fn mapped_bytes(&self) -> u64 {
        self.shared.iommu.mapped_bytes()
    }
}

/// Connects two ports by a [cable](cable::cable). A port that does not take a frame when it arrives loses it, and
/// counts it as the chip does.
pub fn connect(one: &Port, other: &Port) {
    plug_both(one, other, cable::cable());
}

/// Connects two ports by a [copper cable](cable::copper), which carries a signal although a port's laser is off.
pub fn connect_copper(one: &Port, other: &Port) {
    plug_both(one, other, cable::copper());
}

/// Connects two ports by a [lossless cable](cable::lossless): the sender waits for the receiver.
pub fn connect_lossless(one: &Port, other: &Port) {
    plug_both(one, other, cable::lossless());
}

fn plug_both(one: &Port, other: &Port, (here, there): (CableEnd, CableEnd)) {
    one.plug(here);
    other.plug(there);
}

/// A port's platform, its [`Bus`], [`Dma`] and [`Clock`] in one, to be owned by a driver. [`Port::claim`] creates it.
#[derive(Debug)]
pub struct PortPlatform {
    port: Port,
}

impl PortPlatform {
    /// Returns the port.
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

/// The error of [`Port::claim`] when a platform of the port exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlreadyClaimed;

impl std::fmt::Display for AlreadyClaimed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cannot claim the port: another driver owns it: drop that driver's device first")
    }
}

impl std::error::Error for AlreadyClaimed {}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Port").field("domain", &self.shared.iommu.domain()).finish_non_exhaustive()
    }
}

// SAFETY: reads return the model's state. A queue that reads as disabled accesses no memory once its delay (`SETTLE`)
// is over. Access is exclusive: `claim` creates one platform at a time, and the port's handles write only through an
// `unsafe fn`.
unsafe impl Bus<RegisterSpace> for PortPlatform {
    fn read(&self, offset: Offset) -> u32 {
        self.port.read32(offset)
    }

    unsafe fn write(&self, offset: Offset, value: u32) {
        // SAFETY: the caller guarantees what `write32` requires.
        unsafe { self.port.write32(offset, value) }
    }
}

// SAFETY: memory comes from the allocator and has no other user. The table of the port's own address space has exactly
// the mapped memory, until the mapping is dropped.
unsafe impl Dma for Port {
    fn domain(&self) -> Domain {
        self.shared.iommu.domain()
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        if self.chip().common.faults.has(Fault::OutOfMemory) {
            return Err(DmaError::OutOfMemory { len });
        }
        iommu::allocate(len)
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        if self.chip().common.faults.has(Fault::NotMappable) {
            return Err(DmaError::NotMappable { len: memory.len(), reason: "a fault was injected" });
        }
        self.shared.iommu.map(memory)
    }

    fn read_config(&self, offset: u16) -> Option<u16> {
        pci::config_word(offset, self.shared.device_id, &self.chip().common.faults)
    }
}

// SAFETY: all calls are forwarded to the port.
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

    fn read_config(&self, offset: u16) -> Option<u16> {
        self.port.read_config(offset)
    }
}

// SAFETY: all delays of the model follow this clock.
unsafe impl Clock for PortPlatform {
    fn now(&self) -> Duration {
        self.port.now()
    }

    fn wait(&self, time: Duration) {
        self.port.wait(time);
    }
}
