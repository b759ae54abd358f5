//! The platform drives the model of the card, as it would drive the card.

use std::alloc::{Layout, alloc_zeroed};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use bare_metal::{AddressSpace, Arena, BareMetal, ConfigSpace, Counter, Physical, Tables, Translated, reflect, start};
use ixgbe::clock::Clock;
use ixgbe::device::{Config, Device, Running};
use ixgbe::dma::{Dma, DmaError};
use ixgbe::packet::Batch;
use ixgbe_sim::wire::{Duplex, NoTraffic, generator::Generator, sink::Sink};
use ixgbe_sim::{Port, PortPlatform};

/// Where the arena is in physical memory: above 4 GiB, and nowhere near where the CPU sees it.
const PHYSICAL: u64 = 0x1_2345_6000;
const PAGE: usize = 4096;
/// As much memory as a card with one pair of queues takes, and not much more.
const ENOUGH: usize = 6 << 20;
const LINK: Duration = Duration::from_secs(1);

/// The clock of the model, in the place of the CPU's.
struct ModelClock(Port);

// SAFETY: all delays of the model follow this clock.
unsafe impl Clock for ModelClock {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn wait(&self, time: Duration) {
        self.0.wait(time);
    }
}

/// Reserves memory as a linker script or a boot loader would.
fn reserve(len: usize) -> NonNull<u8> {
    // SAFETY: the size is not 0.
    NonNull::new(unsafe { alloc_zeroed(Layout::from_size_align(len, PAGE).unwrap()) }).unwrap()
}

/// Makes an arena of `len` bytes. Returns also the memory that it is made of.
fn arena(len: usize) -> (Arc<Arena>, NonNull<u8>) {
    let base = reserve(len);
    // SAFETY: the memory is never freed, and nothing else uses it. For the model it lies at `PHYSICAL`, coherently.
    (Arc::new(unsafe { Arena::new(base, len, PHYSICAL) }), base)
}

/// Makes a port of the model with a link partner, whose IOMMU has no mapping.
fn port() -> Port {
    let port = Port::new(Default::default());
    port.plug(NoTraffic);
    port
}

/// Makes a port without an IOMMU: it sees the memory at its physical address.
fn without_iommu(base: NonNull<u8>, len: usize) -> Port {
    let port = port();
    // SAFETY: the memory is never freed, and a driver's alone.
    unsafe { port.map_at(PHYSICAL, len as u64, base, Arc::new(())) };
    port
}

fn physical(highest: u64) -> Arc<Physical> {
    // SAFETY: the model carries 64 bits of address, so it does carry fewer.
    Arc::new(unsafe { Physical::new(highest) })
}

/// The IOMMU of the model, as tables. It sees the arena's memory from `PHYSICAL` on.
struct ModelTables {
    port: Port,
    base: NonNull<u8>,
}

// SAFETY: the pointer is only passed on.
unsafe impl Send for ModelTables {}
// SAFETY: as for `Send`.
unsafe impl Sync for ModelTables {}

// SAFETY: the model's IOMMU translates exactly what is mapped, and has no caches.
unsafe impl Tables for ModelTables {
    fn map(&self, address: u64, physical: u64, len: usize) -> Result<(), DmaError> {
        // SAFETY: the physical memory is the arena's, which is never freed.
        unsafe {
            let host = self.base.add((physical - PHYSICAL) as usize);
            self.port.map_at(address, len as u64, host, Arc::new(()));
        }
        Ok(())
    }

    fn unmap(&self, address: u64, len: usize) {
        self.port.unmap_at(address, len as u64);
    }
}

type OnModel<A> = BareMetal<PortPlatform, ModelClock, A>;

fn platform<A>(port: &Port, arena: &Arc<Arena>, addresses: &Arc<A>) -> OnModel<A> {
    let (arena, addresses) = (Arc::clone(arena), Arc::clone(addresses));
    BareMetal { bus: port.claim().unwrap(), clock: ModelClock(port.clone()), arena, addresses, config: None }
}

/// Has `nic` reflect 5,000 frames of all sizes up to 1514 bytes, and looks at each.
fn reflects<A: AddressSpace>(port: &Port, nic: &mut Device<Running, OnModel<A>>) {
    let sink = Sink::new();
    let seen = sink.counters();
    port.plug(Duplex::new(Generator::new(nic.mac(), 60).up_to(1514).count(5_000).lossless(), sink));
    let mut batch = Batch::with_capacity(32);
    let mut rounds = 0;
    while seen.frames() < 5_000 && rounds < 10_000 {
        port.step();
        reflect(nic, &mut batch).unwrap();
        rounds += 1;
    }
    assert_eq!((seen.frames(), seen.lost(), seen.corrupted(), seen.foreign()), (5_000, 0, 0, 0));
    assert_eq!(port.violations(), []);
}

#[test]
fn frames_come_back_without_an_iommu() {
    let (arena, base) = arena(ENOUGH);
    let port = without_iommu(base, ENOUGH);
    let mut nic = start(platform(&port, &arena, &physical(u64::MAX)), &Config::new(), LINK).unwrap();
    let free = arena.free();
    assert!(free < ENOUGH, "the rings and the pool are in the arena");
    reflects(&port, &mut nic);
    assert_eq!(arena.free(), free, "traffic takes no memory");
    drop(nic.stop().unwrap());
    assert_eq!(arena.free(), ENOUGH);
}

#[test]
fn frames_come_back_through_an_iommu_that_knows_nothing_else() {
    let (arena, base) = arena(ENOUGH);
    let port = port();
    let addresses = Arc::new(Translated::new(0x10_0000..0x100_0000, ModelTables { port: port.clone(), base }));
    let mut nic = start(platform(&port, &arena, &addresses), &Config::new(), LINK).unwrap();
    // The pool is mapped for the receive queue and for the transmit queue.
    let (mapped, allocated) = (port.mapped_bytes() as usize, ENOUGH - arena.free());
    assert!((allocated..=2 * allocated).contains(&mapped), "{mapped} of {allocated} bytes are mapped");
    reflects(&port, &mut nic);
    drop(nic.stop().unwrap());
    assert_eq!((port.mapped_bytes(), arena.free()), (0, ENOUGH));
}

#[test]
fn memory_that_is_exhausted_is_an_error_and_comes_back() {
    // Of 1 KiB there is not even a page. A ring fits 64 KiB, and the pool needs megabytes.
    for len in [1 << 10, 64 << 10, 1 << 20] {
        let (arena, base) = arena(len);
        let port = without_iommu(base, len);
        let before = arena.free();
        let error = start(platform(&port, &arena, &physical(u64::MAX)), &Config::new(), LINK).unwrap_err().to_string();
        assert!(error.contains("cannot allocate") && error.contains("bytes of DMA memory"), "{error}");
        assert_eq!((arena.free(), port.violations()), (before, vec![]));
    }
    // The IOMMU's window is exhausted before the memory.
    let (arena, base) = arena(ENOUGH);
    let port = port();
    let addresses = Arc::new(Translated::new(0x10_0000..0x11_0000, ModelTables { port: port.clone(), base }));
    let error = start(platform(&port, &arena, &addresses), &Config::new(), LINK).unwrap_err().to_string();
    assert!(error.contains("the IOMMU's window has no addresses left"), "{error}");
    assert_eq!((port.mapped_bytes(), arena.free()), (0, ENOUGH));
    // With smaller rings the same memory is enough: bounded memory is a choice of the configuration.
    let small = Config::new().rx_descriptors(64).tx_descriptors(64).pool_buffers(256);
    let port = without_iommu(base, 1 << 20);
    let mut nic = start(platform(&port, &arena, &physical(u64::MAX)), &small, LINK).unwrap();
    reflects(&port, &mut nic);
    assert!(ENOUGH - arena.free() < 1 << 20);
}

#[test]
fn memory_beyond_the_mask_is_refused() {
    let (arena, base) = arena(ENOUGH);
    let port = without_iommu(base, ENOUGH);
    let error = start(platform(&port, &arena, &physical(0xffff_ffff)), &Config::new(), LINK).unwrap_err().to_string();
    assert!(error.contains("the device reaches no address above 0xffffffff"), "{error}");
    assert_eq!((arena.free(), port.violations()), (ENOUGH, vec![]));
    // The last byte counts: a page of memory, and a mask that ends with it, or before.
    let memory = arena.allocate(PAGE).unwrap();
    let last = PHYSICAL + PAGE as u64 - 1;
    assert!(platform(&port, &arena, &physical(last)).map(&memory).is_ok());
    let error = platform(&port, &arena, &physical(last - 1)).map(&memory).unwrap_err();
    assert_eq!(error, DmaError::BeyondReach { address: last, highest: last - 1 });
}

#[test]
fn memory_is_kept_for_its_mappings_and_told_from_other_memory() {
    let (arena, base) = arena(16 * PAGE);
    let port = without_iommu(base, 16 * PAGE);
    let platform = platform(&port, &arena, &physical(u64::MAX));
    let memory = platform.allocate(PAGE + 1).unwrap();
    assert_eq!((memory.len(), arena.free()), (2 * PAGE, 14 * PAGE));
    let mappings = [(); 2].map(|()| platform.map(&memory).unwrap());
    assert_eq!(mappings[0].address(memory.base()).unwrap().get(), PHYSICAL);
    // SAFETY: the memory is at hand, and no device knows it.
    unsafe { memory.base().write_bytes(0xff, memory.len()) };
    drop(memory);
    assert_eq!(arena.free(), 14 * PAGE, "the mappings are still there");
    drop(mappings);
    assert_eq!(arena.free(), 16 * PAGE);
    let all = platform.allocate(16 * PAGE).unwrap();
    // SAFETY: as above.
    let bytes = unsafe { core::slice::from_raw_parts(all.base().as_ptr(), all.len()) };
    assert!(bytes.iter().all(|byte| *byte == 0), "memory is zeroed when it is allocated again");
    assert_eq!(platform.allocate(1).unwrap_err(), DmaError::OutOfMemory { len: 1 });
    assert_eq!(platform.allocate(usize::MAX).unwrap_err(), DmaError::OutOfMemory { len: usize::MAX });
    let foreign = self::arena(PAGE).0.allocate(PAGE).unwrap();
    assert!(matches!(platform.map(&foreign), Err(DmaError::NotMappable { reason, .. }) if reason.contains("arena")));
}

#[test]
fn address_spaces_have_domains_of_their_own() {
    let (_, base) = arena(PAGE);
    let tables = || ModelTables { port: Port::new(Default::default()), base };
    let [one, other] = [(); 2].map(|()| Translated::new(0..0x1000, tables()).domain());
    let physical = [(); 2].map(|()| physical(u64::MAX).domain());
    assert!(one != other && one != physical[0] && other != physical[0] && physical[0] == physical[1]);
}

#[test]
fn the_configuration_space_shows_the_registers_and_enables_them() {
    // The ids, a status with an error that a one clears, and BAR0 with 64 bits, as firmware wrote it.
    let mut words = [0_u32; 1024];
    (words[0], words[1], words[4], words[5]) = (0x10fb_8086, 0x8010_0400, 0xfe00_0004, 0x12);
    let words = Box::leak(Box::new(words));
    // SAFETY: the words are leaked, and nothing else writes them.
    let config = unsafe { ConfigSpace::new(NonNull::from(&mut *words).cast()) };
    assert_eq!((config.ids(), config.registers()), ((0x8086, 0x10fb), Some(0x12_fe00_0000)));
    assert_eq!([0, 2, 1, 4096, u16::MAX].map(|at| config.word(at)), [Some(0x8086), Some(0x10fb), None, None, None]);
    config.enable();
    // SAFETY: as above; the configuration space is not used meanwhile.
    let command = unsafe { NonNull::from(words).cast::<u32>().add(1).read_volatile() };
    assert_eq!(command, 0x0406, "memory and bus mastering are on, the rest is kept, and no status is cleared");
}

#[test]
fn the_counter_waits_at_least_as_long_as_it_says() {
    // SAFETY: no CPU counts 100 GHz: time passes more slowly here than it does outside.
    let clock = unsafe { Counter::new(100_000_000_000) };
    let (outside, start) = (std::time::Instant::now(), clock.now());
    clock.wait(Duration::from_micros(100));
    assert!(clock.now() - start >= Duration::from_micros(100));
    assert!(outside.elapsed() >= Duration::from_micros(100));
}
