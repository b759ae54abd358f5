//! A VirtIO network device in memory, by hand from the specification: none of the driver's own definitions are used.
//!
//! A test acts as the device: it delivers frames, takes what was sent, and lies. What a driver must not do is recorded.
#![allow(dead_code, unused_imports, unused_macros, reason = "each test uses its own part")]

pub mod host;
mod rings;

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ixgbe::clock::Clock;
use ixgbe::dma::{Dma, DmaError, Domain, Mapping, Memory};
use ixgbe::pci::Function;
use ixgbe::runtime::bus::Bus;
use ixgbe::runtime::space::{Offset, Space, Width};
use ixgbe_virtio::Device;
use ixgbe_virtio::device::{DriverOk, Reset};

pub use rings::{AVAILABLE, Part, Queue, USED};

/// Places in BAR4, as QEMU has them.
pub const COMMON: u64 = 0x0000;
pub const ISR: u64 = 0x1000;
pub const NETWORK: u64 = 0x2000;
pub const NOTIFY: u64 = 0x3000;
pub const MULTIPLIER: u32 = 4;

/// Feature bits.
pub const MAC: u128 = 1 << 5;
pub const MTU: u128 = 1 << 3;
pub const CSUM: u128 = 1 << 0;
pub const GUEST_CSUM: u128 = 1 << 1;
pub const GUEST_TSO4: u128 = 1 << 7;
pub const GUEST_TSO6: u128 = 1 << 8;
pub const HOST_TSO4: u128 = 1 << 11;
pub const HOST_TSO6: u128 = 1 << 12;
pub const GUEST_USO4: u128 = 1 << 54;
pub const GUEST_USO6: u128 = 1 << 55;
pub const HOST_USO: u128 = 1 << 56;
pub const GUEST_HDRLEN: u128 = 1 << 59;
/// All offloads of sending, and of reception.
pub const SENDING: u128 = CSUM | HOST_TSO4 | HOST_TSO6 | HOST_USO | GUEST_HDRLEN;
pub const RECEIVING: u128 = GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6 | GUEST_USO4 | GUEST_USO6;
pub const MRG_RXBUF: u128 = 1 << 15;
pub const STATUS: u128 = 1 << 16;
pub const CTRL_VQ: u128 = 1 << 17;
pub const CTRL_RX: u128 = 1 << 18;
pub const CTRL_VLAN: u128 = 1 << 19;
pub const GUEST_ANNOUNCE: u128 = 1 << 21;
pub const MQ: u128 = 1 << 22;
pub const CTRL_MAC_ADDR: u128 = 1 << 23;
pub const EVENT_IDX: u128 = 1 << 29;
pub const VERSION_1: u128 = 1 << 32;
pub const ACCESS_PLATFORM: u128 = 1 << 33;
pub const RING_PACKED: u128 = 1 << 34;
pub const RING_RESET: u128 = 1 << 40;
pub const SPEED_DUPLEX: u128 = 1 << 63;
pub const ALL: u128 =
    MAC | MRG_RXBUF | STATUS | CTRL_VQ | CTRL_RX | CTRL_MAC_ADDR | EVENT_IDX | VERSION_1 | SPEED_DUPLEX;

/// What the device does when it is asked to reset a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueReset {
    /// It ends when the driver has looked this often.
    AfterLooks(u32),
    /// It never ends.
    Never,
    /// It reads as ended, but the queue stays enabled.
    Ignored,
}

/// No vector.
pub const NO_VECTOR: u16 = 0xffff;

pub struct State {
    pub config_space: [u8; 256],
    pub bars: [Option<u64>; 6],
    pub offered: u128,
    pub accepted: u128,
    pub status: u8,
    pub statuses: Vec<u8>,
    pub queues: Vec<Queue>,
    pub network: [u8; 24],
    pub commands: Vec<Vec<u8>>,
    pub doorbells: Vec<u16>,
    pub violations: Vec<String>,
    pub translated: bool,
    pub dma_enabled: bool,
    /// Faults on demand.
    pub never_resets: bool,
    pub refuses_features: bool,
    pub gone: bool,
    pub wanted_back: bool,
    pub answer: Option<u8>,
    pub generation_runs: bool,
    pub needs_reset_when_live: bool,
    /// The vector of changes of the configuration.
    pub config_vector: u16,
    /// The vectors that the device has. It takes no other.
    pub vectors: u16,
    /// A vector for which the device has no resources.
    pub refused_vector: Option<u16>,
    /// The interrupts that were raised, in order.
    pub raised: Vec<u16>,
    /// What becomes of resets of a queue, and how many began.
    pub queue_reset: QueueReset,
    pub queue_resets: u32,
    /// The pairs that the device uses: those that the driver asked for.
    pub used_pairs: u16,
    /// Doorbells that are set up from now on go nowhere, and cost next to nothing.
    pub is_deaf: bool,
    generation: u8,
    feature_select: u32,
    driver_select: u32,
    queue_select: u16,
    mapped: Vec<(u64, u64)>,
    time: Duration,
}

/// Makes two tests of each function: over split rings, and over packed ones. It takes the feature that makes the
/// difference.
macro_rules! on_both_rings {
    ($($test:ident,)*) => {
        mod split_rings {
            $(#[test] fn $test() { super::$test(0); })*
        }

        mod packed_rings {
            $(#[test] fn $test() { super::$test(super::fake::RING_PACKED); })*
        }
    };
}
pub(crate) use on_both_rings;

/// The device, and the function that the driver takes.
#[derive(Clone)]
pub struct Fake(Arc<Mutex<State>>);

/// The function that a driver takes.
pub struct FakeFunction(Fake);

/// Writes a capability of VirtIO.
pub fn capability(space: &mut [u8; 256], at: u8, next: u8, kind: u8, bar: u8, (offset, length): (u32, u32)) {
    let at = usize::from(at);
    space[at..at + 4].copy_from_slice(&[9, next, if kind == 2 { 20 } else { 16 }, kind]);
    space[at + 4] = bar;
    space[at + 8..at + 12].copy_from_slice(&offset.to_le_bytes());
    space[at + 12..at + 16].copy_from_slice(&length.to_le_bytes());
    if kind == 2 {
        space[at + 16..at + 20].copy_from_slice(&MULTIPLIER.to_le_bytes());
    }
}

/// Stops the device that drives `fake`: nothing was broken, every buffer is back, and all memory is unmapped.
pub fn stop(fake: &Fake, device: Device<DriverOk, FakeFunction>) {
    let pools = device.pools();
    let device: Device<Reset, _> = device.stop().unwrap();
    for pool in pools {
        assert_eq!(pool.available(), pool.capacity());
    }
    assert_eq!(fake.state().violations, [""; 0]);
    drop(device);
    assert_eq!(fake.state().mappings(), 0, "all memory is unmapped");
}

impl Fake {
    /// Makes a device like QEMU's, which offers these features.
    pub fn new(offered: u128) -> (Self, FakeFunction) {
        let mut space = [0; 256];
        space[0..4].copy_from_slice(&[0xf4, 0x1a, 0x41, 0x10]);
        space[6] = 0x10;
        space[0x34] = 0x40;
        // MSI-X comes first, and the access by configuration space last.
        space[0x40..0x42].copy_from_slice(&[0x11, 0x50]);
        capability(&mut space, 0x50, 0x64, 1, 4, (COMMON as u32, 0x1000));
        capability(&mut space, 0x64, 0x78, 3, 4, (ISR as u32, 0x1000));
        capability(&mut space, 0x78, 0x8c, 4, 4, (NETWORK as u32, 0x1000));
        capability(&mut space, 0x8c, 0xa4, 2, 4, (NOTIFY as u32, 0x1000));
        capability(&mut space, 0xa4, 0, 5, 0, (0, 0));
        let mut network = [0; 24];
        network[..6].copy_from_slice(&[0x52, 0x54, 0, 0x12, 0x34, 0x56]);
        network[6] = 1;
        network[10..12].copy_from_slice(&1500u16.to_le_bytes());
        network[12..16].copy_from_slice(&10_000u32.to_le_bytes());
        let state = State {
            config_space: space,
            bars: [None, Some(0x1000), None, None, Some(0x4000), None],
            offered,
            accepted: 0,
            // Left over from another driver.
            status: 0x0f,
            statuses: vec![],
            queues: vec![Queue::new(256, 0), Queue::new(256, 1), Queue::new(64, 2)],
            network,
            commands: vec![],
            doorbells: vec![],
            violations: vec![],
            translated: false,
            dma_enabled: false,
            never_resets: false,
            refuses_features: false,
            gone: false,
            wanted_back: false,
            answer: Some(0),
            generation_runs: false,
            needs_reset_when_live: false,
            config_vector: NO_VECTOR,
            vectors: 4,
            refused_vector: None,
            raised: vec![],
            queue_reset: QueueReset::AfterLooks(0),
            queue_resets: 0,
            used_pairs: 1,
            is_deaf: false,
            generation: 0,
            feature_select: 0,
            driver_select: 0,
            queue_select: 0,
            mapped: vec![],
            time: Duration::ZERO,
        };
        let fake = Self(Arc::new(Mutex::new(state)));
        (fake.clone(), FakeFunction(fake))
    }

    /// Makes a device with several queue pairs, whose control queue is behind them.
    pub fn with_pairs(offered: u128, pairs: u16) -> (Self, FakeFunction) {
        let (fake, function) = Self::new(offered | MQ);
        fake.state().queues = (0..2 * pairs).map(|queue| Queue::new(256, queue)).collect();
        fake.state().queues.push(Queue::new(64, 2 * pairs));
        fake.state().network[8..10].copy_from_slice(&pairs.to_le_bytes());
        (fake, function)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Returns the numbers of mappings and of violations.
    pub fn left(&self) -> (usize, usize) {
        let state = self.state();
        (state.mapped.len(), state.violations.len())
    }

    /// Delivers a frame. Returns `false` if there are too few buffers.
    pub fn deliver(&self, frame: &[u8]) -> bool {
        self.state().deliver(0, frame)
    }

    /// Delivers a frame to the receive queue of a pair, which the device must use.
    pub fn deliver_to(&self, pair: u16, frame: &[u8]) -> bool {
        assert!(pair < self.state().used_pairs, "pair {pair} is not in use");
        self.state().deliver(usize::from(2 * pair), frame)
    }

    /// Takes all frames that were sent, in order, and says that they were.
    pub fn sent(&self) -> Vec<Vec<u8>> {
        self.sent_on(0)
    }

    /// Takes all frames that were sent on a pair, in order, and says that they were.
    pub fn sent_on(&self, pair: u16) -> Vec<Vec<u8>> {
        let sent = self.sent_with_headers_on(pair);
        let without_request = |(header, frame): (Vec<u8>, Vec<u8>)| {
            if header != [0; 12] {
                self.state().violations.push(format!("the header is {header:02x?}"));
            }
            frame
        };
        sent.into_iter().map(without_request).collect()
    }

    /// As [`sent`](Self::sent), each frame with its header.
    pub fn sent_with_headers(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.sent_with_headers_on(0)
    }

    fn sent_with_headers_on(&self, pair: u16) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut state = self.state();
        let mut frames = vec![];
        let queue = usize::from(2 * pair + 1);
        while let Some((head, parts)) = state.next_available(queue) {
            if pair >= state.used_pairs {
                state.violations.push(format!("a frame was sent on pair {pair}, which is not in use"));
            }
            let mut bytes = vec![];
            for (address, len, writable) in parts {
                if writable {
                    state.violations.push("a buffer to send is writable".into());
                }
                bytes.extend(state.read_memory(address, len as usize));
            }
            let frame = bytes.split_off(12.min(bytes.len()));
            frames.push((bytes, frame));
            state.push_used(queue, head.into(), 0);
            state.publish_used(queue);
        }
        frames
    }
}

impl State {
    pub fn read_memory(&mut self, address: u64, len: usize) -> Vec<u8> {
        if !self.reaches(address, len) {
            return vec![0; len];
        }
        // SAFETY: the memory is mapped, so it exists.
        (0..len).map(|at| unsafe { (address as *const u8).add(at).read_volatile() }).collect()
    }

    pub fn write_memory(&mut self, address: u64, bytes: &[u8]) {
        if self.reaches(address, bytes.len()) {
            for (at, byte) in bytes.iter().enumerate() {
                // SAFETY: the memory is mapped, so it exists.
                unsafe { (address as *mut u8).add(at).write_volatile(*byte) };
            }
        }
    }

    fn reaches(&mut self, address: u64, len: usize) -> bool {
        let is_mapped = self.mapped.iter().any(|(base, size)| address >= *base && address + len as u64 <= base + size);
        if !is_mapped || !self.dma_enabled {
            self.violations.push(format!("{len} bytes at {address:#x} are not mapped"));
        }
        is_mapped && self.dma_enabled
    }

    /// Returns the 16 bits at `address`, which the driver writes too.
    fn word(&mut self, address: u64) -> &AtomicU16 {
        assert!(self.reaches(address, 2), "{:?}", self.violations);
        // SAFETY: the memory is mapped, aligned, and used as atomics by both sides.
        unsafe { &*(address as *const AtomicU16) }
    }

    /// Writes a frame into receive buffers, and pushes them, without showing them. Returns their number.
    pub fn write_frame(&mut self, frame: &[u8]) -> Option<u16> {
        self.write_frame_to(0, &[0; 10], frame)
    }

    /// As [`write_frame`](Self::write_frame), with a header of which the number of buffers is missing.
    pub fn write_frame_with(&mut self, header: &[u8; 10], frame: &[u8]) -> Option<u16> {
        self.write_frame_to(0, header, frame)
    }

    fn write_frame_to(&mut self, queue: usize, header: &[u8; 10], frame: &[u8]) -> Option<u16> {
        let before = self.queues[queue].clone();
        let mut bytes = [&header[..], &[0; 2], frame].concat();
        let (mut used, mut first) = (vec![], None);
        while !bytes.is_empty() {
            let Some((head, parts)) = self.next_available(queue) else {
                self.queues[queue] = before;
                return None;
            };
            let [(address, len, true)] = parts[..] else { panic!("a receive buffer is {parts:?}") };
            let rest = bytes.split_off(bytes.len().min(len as usize));
            self.write_memory(address, &bytes);
            first.get_or_insert(address);
            used.push((head, bytes.len() as u32));
            bytes = rest;
        }
        let count = used.len() as u16;
        assert!(count == 1 || self.accepted & MRG_RXBUF != 0, "a frame needs {count} buffers");
        self.write_memory(first.unwrap() + 10, &count.to_le_bytes());
        for (head, len) in used {
            self.push_used(queue, head.into(), len);
        }
        Some(count)
    }

    fn deliver(&mut self, queue: usize, frame: &[u8]) -> bool {
        let written = self.write_frame_to(queue, &[0; 10], frame).is_some();
        self.publish_used(queue);
        written
    }

    /// Returns the index of the control queue: behind all pairs with MQ, else behind the first.
    fn control_queue(&self) -> usize {
        let pairs = u16::from_le_bytes([self.network[8], self.network[9]]);
        if self.accepted & MQ != 0 { 2 * usize::from(pairs) } else { 2 }
    }

    /// Carries out commands.
    fn obey(&mut self) {
        let queue = self.control_queue();
        while let Some((head, parts)) = self.next_available(queue) {
            let [(command, len, false), (answer, 1, true)] = parts[..] else {
                self.violations.push(format!("a command is {parts:?}"));
                return;
            };
            let bytes = self.read_memory(command, len as usize);
            if let ([4, 0, low, high], Some(0)) = (&bytes[..], self.answer) {
                self.used_pairs = u16::from_le_bytes([*low, *high]);
                let queues = 2 * usize::from(self.used_pairs);
                if queues == 0 || queues > queue || self.queues[..queues].iter().any(|queue| !queue.enabled) {
                    self.violations.push(format!("{} pairs were asked for", self.used_pairs));
                }
            }
            self.commands.push(bytes);
            if let Some(value) = self.answer {
                self.write_memory(answer, &[value]);
                self.push_used(queue, head.into(), 1);
                self.publish_used(queue);
            }
        }
    }

    fn read(&mut self, at: u64, width: u32) -> u64 {
        if self.gone {
            return u64::MAX;
        }
        let queue = self.queues.get(usize::from(self.queue_select)).cloned().unwrap_or_default();
        let word = |set: u128, select: u32| if select < 4 { (set >> (32 * select)) as u32 as u64 } else { 0 };
        match (at, width) {
            (0x00, 4) => self.feature_select.into(),
            (0x04, 4) => word(self.offered, self.feature_select),
            (0x08, 4) => self.driver_select.into(),
            (0x0c, 4) => word(self.accepted, self.driver_select),
            (0x10, 2) => self.config_vector.into(),
            (0x12, 2) => self.queues.len() as u64,
            (0x14, 1) => self.status.into(),
            (0x15, 1) => {
                self.generation = self.generation.wrapping_add(self.generation_runs.into());
                self.generation.into()
            }
            (0x16, 2) => self.queue_select.into(),
            (0x18, 2) if queue.size != 0 => queue.size.into(),
            (0x18, 2) => queue.max.into(),
            (0x1a, 2) => queue.vector.into(),
            (0x1c, 2) => u64::from(queue.enabled),
            (0x1e, 2) => queue.notify_off.into(),
            (0x3a, 2) => self.is_resetting().into(),
            (NETWORK..0x2018, _) => {
                let from = (at - NETWORK) as usize;
                let expected = [(0..6, 1), (6..12, 2), (12..16, 4), (16..17, 1)];
                if !expected.iter().any(|(range, wide)| range.contains(&from) && *wide == width) {
                    self.violations.push(format!("the configuration was read at {from} with {width} bytes"));
                }
                self.network[from..from + width as usize].iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte))
            }
            _ => {
                self.violations.push(format!("{width} bytes at {at:#x} were read"));
                0
            }
        }
    }

    fn write(&mut self, at: u64, width: u32, value: u64) {
        let selected = usize::from(self.queue_select);
        let is_setup = matches!(at, 0x18..=0x37);
        if is_setup && self.queues.get(selected).is_some_and(|queue| queue.enabled) {
            self.violations.push(format!("{at:#x} of queue {selected} was written while it is enabled"));
        }
        if is_setup && self.status & 8 == 0 {
            self.violations.push(format!("{at:#x} was written before the features were agreed on"));
        }
        match (at, width) {
            (0x00, 4) => self.feature_select = value as u32,
            (0x08, 4) => self.driver_select = value as u32,
            (0x0c, 4) => {
                if self.status & 8 != 0 {
                    self.violations.push("features were written after FEATURES_OK".into());
                }
                let at = 32 * self.driver_select.min(3);
                self.accepted = self.accepted & !(0xffff_ffff << at) | u128::from(value) << at;
            }
            (0x10, 2) => {
                if self.status & 0xc != 8 {
                    self.violations.push(format!("the configuration's vector was set in status {:#x}", self.status));
                }
                self.config_vector = self.taken(value as u16);
            }
            (0x14, 1) => self.set_status(value as u8),
            (0x16, 2) => self.queue_select = value as u16,
            (NOTIFY..0x4000, 2) => self.doorbell(at - NOTIFY, value as u16),
            (0x3a, 2) if selected < self.queues.len() => self.reset_queue(value as u16),
            _ if !is_setup || selected >= self.queues.len() => {
                self.violations.push(format!("{value:#x} was written to {at:#x} with {width} bytes"));
            }
            (0x18, 2) => self.queues[selected].size = value as u16,
            (0x1a, 2) => self.queues[selected].vector = self.taken(value as u16),
            (0x1c, 2) => {
                if value != 1 {
                    self.violations.push(format!("queue_enable was written with {value}"));
                }
                self.enable(selected);
            }
            (0x20..=0x37, 4) => {
                let part = &mut self.queues[selected].addresses[(at as usize - 0x20) / 8];
                let shift = 8 * (at % 8);
                *part = *part & !(0xffff_ffff << shift) | value << shift;
            }
            _ => self.violations.push(format!("{value:#x} was written to {at:#x} with {width} bytes")),
        }
    }

    fn reset_queue(&mut self, value: u16) {
        let Queue { enabled, resetting, .. } = self.queues[usize::from(self.queue_select)];
        if value != 1 || !enabled || resetting || self.status & 4 == 0 || self.accepted & RING_RESET == 0 {
            let state = (enabled, resetting, self.status);
            self.violations.push(format!("queue {} was reset with {value}: {state:?}", self.queue_select));
        }
        self.queue_resets += 1;
        self.queues[usize::from(self.queue_select)].resetting = self.queue_reset != QueueReset::Ignored;
    }

    /// Returns `true` if the selected queue is being reset. A reset ends after some looks.
    fn is_resetting(&mut self) -> bool {
        let selected = usize::from(self.queue_select);
        if !self.queues[selected].resetting {
            return false;
        }
        match &mut self.queue_reset {
            QueueReset::AfterLooks(0) => {
                let Queue { max, notify_off, .. } = self.queues[selected];
                self.queues[selected] = Queue::new(max, notify_off);
                false
            }
            QueueReset::AfterLooks(left) => {
                *left -= 1;
                true
            }
            _ => true,
        }
    }

    /// Returns the vector that the device takes in place of `vector`.
    fn taken(&self, vector: u16) -> u16 {
        if vector < self.vectors && self.refused_vector != Some(vector) { vector } else { NO_VECTOR }
    }

    /// Says that the configuration has changed.
    pub fn changed(&mut self) {
        if self.config_vector != NO_VECTOR {
            self.raised.push(self.config_vector);
        }
    }

    fn set_status(&mut self, value: u8) {
        self.statuses.push(value);
        if value == 0 {
            if !self.never_resets {
                self.status = 0;
                self.accepted = 0;
                self.used_pairs = 1;
                self.config_vector = NO_VECTOR;
                for queue in &mut self.queues {
                    *queue = Queue::new(queue.max, queue.notify_off);
                }
            }
            return;
        }
        if self.status & 0x3f & !value != 0 {
            self.violations.push(format!("bits of the status were cleared: {:#x}, then {value:#x}", self.status));
        }
        let mut value = value;
        if value & 8 != 0 && self.refuses_features {
            value &= !8;
        }
        if value & 4 != 0 && self.needs_reset_when_live {
            value |= 0x40;
        }
        self.status = value;
    }

    fn doorbell(&mut self, offset: u64, queue: u16) {
        self.doorbells.push(queue);
        let place =
            self.queues.get(usize::from(queue)).map(|queue| u64::from(queue.notify_off) * u64::from(MULTIPLIER));
        if self.status & 4 == 0 || place != Some(offset) {
            self.violations.push(format!("doorbell {queue} at {offset:#x} in status {:#x}", self.status));
        }
        if usize::from(queue) == self.control_queue() {
            self.obey();
        }
    }
}

/// Registers at a place of BAR4.
pub struct FakeRegisters<S> {
    fake: Fake,
    at: u64,
    /// Where doorbells of a deaf device go.
    unheard: Option<AtomicU64>,
    space: PhantomData<fn() -> S>,
}

// SAFETY: honest: each access reaches the one device. Exclusive: `Fake::new` makes one function, and the driver owns it.
unsafe impl<S: Space, W: Width> Bus<S, W> for FakeRegisters<S> {
    fn read(&self, offset: Offset<S, W>) -> W {
        W::truncate(self.fake.state().read(self.at + u64::from(offset.bytes()), W::BYTES))
    }

    #[inline(always)]
    unsafe fn write(&self, offset: Offset<S, W>, value: W) {
        if let Some(unheard) = &self.unheard {
            unheard.store(value.into(), Ordering::Relaxed);
            return;
        }
        self.fake.state().write(self.at + u64::from(offset.bytes()), W::BYTES, value.into());
    }
}

// SAFETY: there is one function of each device, and it reaches what is mapped alone.
unsafe impl Function for FakeFunction {
    type Registers<S: Space> = FakeRegisters<S>;
    type Error = std::fmt::Error;

    fn ids(&self) -> (u16, u16) {
        let space = self.0.state().config_space;
        (u16::from_le_bytes([space[0], space[1]]), u16::from_le_bytes([space[2], space[3]]))
    }

    fn bar(&self, index: u8) -> Result<Option<u64>, Self::Error> {
        Ok(self.0.state().bars[usize::from(index)])
    }

    unsafe fn registers<S: Space>(&self, bar: u8, offset: u64) -> Result<FakeRegisters<S>, Self::Error> {
        assert_eq!(bar, 4);
        let unheard = (offset >= NOTIFY && self.0.state().is_deaf).then(AtomicU64::default);
        Ok(FakeRegisters { fake: self.0.clone(), at: offset, unheard, space: PhantomData })
    }

    fn enable_dma(&self) -> Result<(), Self::Error> {
        let mut state = self.0.state();
        if state.status != 0 {
            state.violations.push("DMA was enabled before the reset".into());
        }
        state.dma_enabled = true;
        Ok(())
    }

    fn removal_requested(&self) -> bool {
        self.0.state().wanted_back
    }

    fn is_translated(&self) -> bool {
        self.0.state().translated
    }
}

/// Frees memory.
struct Allocation(usize, Layout);

impl Drop for Allocation {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout.
        unsafe { dealloc(self.0 as *mut u8, self.1) };
    }
}

/// Ends a mapping.
struct Unmap(Fake, (u64, u64));

impl Drop for Unmap {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if let Some(index) = state.mapped.iter().position(|mapped| *mapped == self.1) {
            state.mapped.swap_remove(index);
        }
        // A queue that is enabled may use it.
        let (base, len) = self.1;
        let inside = |address: &u64| (base..base + len).contains(address);
        if state.queues.iter().any(|queue| queue.enabled && queue.addresses.iter().any(inside)) {
            state.violations.push("a ring was unmapped while its queue is enabled".into());
        }
    }
}

impl State {
    /// Returns the number of mappings.
    pub fn mappings(&self) -> usize {
        self.mapped.len()
    }
}

// SAFETY: memory is allocated anew, and mapped at its own address.
unsafe impl Dma for FakeFunction {
    fn domain(&self) -> Domain {
        Domain(1)
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        let layout =
            Layout::from_size_align(len.next_multiple_of(4096), 4096).map_err(|_| DmaError::OutOfMemory { len })?;
        // SAFETY: the size is not 0.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or(DmaError::OutOfMemory { len })?;
        let release = Box::new(Allocation(base.as_ptr() as usize, layout));
        // SAFETY: the memory is new, zeroed and aligned, and freed with the box.
        Ok(unsafe { Memory::new(base, layout.size(), release) })
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        let place = (memory.base().as_ptr() as u64, memory.len() as u64);
        self.0.state().mapped.push(place);
        let unmap = Box::new(Unmap(self.0.clone(), place));
        // SAFETY: the device uses the CPU's addresses.
        unsafe { Mapping::new(memory, Domain(1), usize::BITS - 1, &[place.0], unmap) }
    }

    fn read_config(&self, offset: u16) -> Option<u16> {
        let space = self.0.state().config_space;
        let at = usize::from(offset);
        Some(u16::from_le_bytes([*space.get(at)?, *space.get(at + 1)?]))
    }
}

// SAFETY: the device's time is what passes here.
unsafe impl Clock for FakeFunction {
    fn now(&self) -> Duration {
        self.0.state().time
    }

    fn wait(&self, time: Duration) {
        self.0.state().time += time;
    }
}
