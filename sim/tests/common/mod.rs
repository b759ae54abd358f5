//! A minimal driver that brings the model up, by register writes alone. It is independent of the driver library, so
//! that a bug there does not hide one here.
#![allow(dead_code, reason = "every test uses some of it")]

pub mod files;
pub mod filters;

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ixgbe::dma::{Dma, Mapping, Memory};
use ixgbe::mmio::Offset;
use ixgbe_sim::{Port, PortConfig, Rule};

pub const MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];

pub const CTRL: u32 = 0;
pub const STATUS: u32 = 8;
pub const CTRL_EXT: u32 = 0x18;
pub const EEC: u32 = 0x10010;
pub const EERD: u32 = 0x10014;
pub const SWSM: u32 = 0x10140;
pub const FWSM: u32 = 0x10148;
pub const SW_FW_SYNC: u32 = 0x10160;
pub const EICR: u32 = 0x800;
pub const EICS: u32 = 0x808;
pub const EIMS: u32 = 0x880;
pub const EIMC: u32 = 0x888;
pub const GPIE: u32 = 0x898;
pub const IVAR: u32 = 0x900;
pub const FCRTH: u32 = 0x3260;
pub const FCTRL: u32 = 0x5080;
pub const VLNCTRL: u32 = 0x5088;
pub const MCSTCTRL: u32 = 0x5090;
pub const RXCSUM: u32 = 0x5000;
pub const MTA: u32 = 0x5200;
pub const VFTA: u32 = 0xA000;
pub const RAL: u32 = 0xA200;
pub const RAH: u32 = 0xA204;
pub const MRQC: u32 = 0xEC80;
pub const RSSRK: u32 = 0xEB80;
pub const RETA: u32 = 0xEB00;
pub const FTQF: u32 = 0xE600;
pub const RDRXCTL: u32 = 0x2F00;
pub const RXPBSIZE: u32 = 0x3C00;
pub const RXCTRL: u32 = 0x3000;
pub const TXPBSIZE: u32 = 0xCC00;
pub const TXPBTHRESH: u32 = 0x4950;
pub const MTQC: u32 = 0x8120;
pub const RTTDCS: u32 = 0x4900;
pub const DMATXCTL: u32 = 0x4A80;
pub const FDIRCTRL: u32 = 0xEE00;
pub const FDIRHASH: u32 = 0xEE28;
pub const FDIRCMD: u32 = 0xEE2C;
pub const SECRXCTRL: u32 = 0x8D00;
pub const SECRXSTAT: u32 = 0x8D04;
pub const HLREG0: u32 = 0x4240;
pub const MAXFRS: u32 = 0x4268;
pub const AUTOC: u32 = 0x42A0;
pub const LINKS: u32 = 0x42A4;
pub const ENABLE: u32 = 1 << 25;

pub const fn rx(queue: u32, register: u32) -> u32 {
    (if queue < 64 { 0x1000 + queue * 0x40 } else { 0xD000 + (queue - 64) * 0x40 }) + register
}

pub const fn tx(queue: u32, register: u32) -> u32 {
    0x6000 + queue * 0x40 + register
}

/// Memory that the device can access.
pub struct Region {
    pub mapping: Option<Mapping>,
    pub memory: Memory,
}

impl Region {
    pub fn new(port: &Port, len: usize) -> Self {
        let memory = port.allocate(len).unwrap();
        let mapping = Some(port.map(&memory).unwrap());
        Self { mapping, memory }
    }

    pub fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.memory.len());
        // SAFETY: within the memory.
        unsafe { self.memory.base().add(offset) }
    }

    pub fn address(&self, offset: usize) -> u64 {
        self.mapping.as_ref().unwrap().address(self.at(offset)).unwrap().get()
    }

    pub fn word(&self, index: usize) -> &AtomicU64 {
        // SAFETY: aligned memory of this test; the device accesses it as atomic words, too.
        unsafe { self.at(index * 8).cast().as_ref() }
    }

    pub fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= self.memory.len());
        // SAFETY: within the memory, which the device does not access until it is posted.
        unsafe { self.at(offset).copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) }
    }

    pub fn read(&self, offset: usize, len: usize) -> Vec<u8> {
        assert!(offset + len <= self.memory.len());
        let mut bytes = vec![0; len];
        // SAFETY: within the memory, which the device has returned.
        unsafe { self.at(offset).copy_to_nonoverlapping(NonNull::from(&mut bytes[..]).cast(), len) }
        bytes
    }
}

/// A ring with a buffer for each descriptor.
pub struct TestRing {
    pub ring: Region,
    pub buffers: Region,
    pub count: usize,
    pub buffer: usize,
    pub next: usize,
    pub tail: usize,
}

impl TestRing {
    pub fn new(port: &Port, count: usize, buffer: usize) -> Self {
        let (ring, buffers) = (Region::new(port, count * 16), Region::new(port, count * buffer));
        Self { ring, buffers, count, buffer, next: 0, tail: 0 }
    }
}

/// A port and its rings by queue number.
pub struct Driver {
    pub port: Port,
    pub rx: Vec<(u32, TestRing)>,
    pub tx: Vec<(u32, TestRing)>,
    pub srrctl: u32,
    pub txdctl: u32,
}

impl Driver {
    pub fn new() -> Self {
        Self::with(PortConfig { mac: MAC, ..PortConfig::default() })
    }

    pub fn with(config: PortConfig) -> Self {
        let port = Port::new(config);
        Self { port, rx: Vec::new(), tx: Vec::new(), srrctl: 2 | 4 << 8 | 1 << 25, txdctl: 36 | 8 << 8 }
    }

    /// Returns a running driver on a wire without traffic, with one queue each way and no violations.
    pub fn running() -> Self {
        let mut driver = Self::new();
        driver.port.plug(ixgbe_sim::wire::NoTraffic);
        driver.bring_up(&[0], &[0]);
        driver
    }

    pub fn bring_up(&mut self, rx: &[u32], tx: &[u32]) {
        self.reset();
        self.configure();
        rx.iter().for_each(|queue| self.add_rx(*queue, 64));
        self.start_receive();
        self.start_transmit_dma();
        tx.iter().for_each(|queue| self.add_tx(*queue, 64));
        self.wait_for_link();
    }

    pub fn read(&self, offset: u32) -> u32 {
        self.port.read32(Offset::new(offset).unwrap())
    }

    pub fn peek(&self, offset: u32) -> u32 {
        self.port.peek(Offset::new(offset).unwrap())
    }

    pub fn write(&self, offset: u32, value: u32) {
        // SAFETY: the test owns all memory that the port accesses, and reads it only when the port is done with it.
        unsafe { self.port.write32(Offset::new(offset).unwrap(), value) };
    }

    pub fn set(&self, offset: u32, mask: u32) {
        self.write(offset, self.read(offset) | mask);
    }

    pub fn clear(&self, offset: u32, mask: u32) {
        self.write(offset, self.read(offset) & !mask);
    }

    pub fn wait_us(&self, time: u64) {
        self.port.wait(Duration::from_micros(time));
    }

    /// Returns `true` if the register's bits in `mask` become `value` within 50 ms.
    pub fn until(&self, offset: u32, mask: u32, value: u32) -> bool {
        (0..1000).any(|_| {
            let done = self.read(offset) & mask == value;
            if !done {
                self.wait_us(50);
            }
            done
        })
    }

    pub fn master_disable(&self) -> bool {
        self.set(CTRL, 1 << 2);
        self.until(STATUS, 1 << 19, 0)
    }

    pub fn reset(&self) {
        self.write(EIMC, 0x7FFF_FFFF);
        assert!(self.master_disable());
        self.set(CTRL, 1 << 26 | 1 << 3);
        self.wait_us(10_000);
        assert!(self.until(CTRL, 1 << 26, 0));
        self.write(EIMC, 0x7FFF_FFFF);
        assert!(self.until(EEC, 1 << 9, 1 << 9));
        assert!(self.until(RDRXCTL, 1 << 3, 1 << 3));
    }

    pub fn configure(&self) {
        for n in 0..128 {
            self.write(MTA + n * 4, 0);
            self.write(VFTA + n * 4, 0);
            self.write(FTQF + n * 4, 0);
            self.write(0xF400 + n * 4, 0); // PFUTA
            self.write(0xF200 + n * 4, 0); // PFVLVFB
        }
        (0..64).for_each(|n| self.write(0xF100 + n * 4, 0)); // PFVLVF
        (0..256).for_each(|n| self.write(0xA600 + n * 4, 0)); // MPSAR
        (1..128).for_each(|n| self.write(RAH + n * 8, 0));
        let control = self.read(RDRXCTL);
        self.write(RDRXCTL, (control & !(0x1F << 17)) | 1 << 1 | 3 << 25);
        self.write(CTRL_EXT, 1 << 16);
        (1..8).for_each(|n| self.write(RXPBSIZE + n * 4, 0));
        self.write(FCRTH, 0x80000 - 0x6000);
        self.set(RTTDCS, 1 << 6);
        (1..8).for_each(|n| self.write(TXPBSIZE + n * 4, 0));
        self.clear(RTTDCS, 1 << 6);
        self.write(FCTRL, 1 << 10);
    }

    /// Sets up a receive queue, enables it, and posts all descriptors but one.
    pub fn add_rx(&mut self, queue: u32, count: usize) {
        let mut ring = TestRing::new(&self.port, count, 2048);
        self.prepare_rx(queue, &ring);
        self.write(rx(queue, 0x28), ENABLE);
        assert!(self.until(rx(queue, 0x28), ENABLE, ENABLE));
        for n in 0..count {
            ring.ring.word(n * 2).store(ring.buffers.address(n * 2048), Ordering::Relaxed);
            ring.ring.word(n * 2 + 1).store(0, Ordering::Relaxed);
        }
        ring.tail = count - 1;
        self.write(rx(queue, 0x18), ring.tail as u32);
        self.rx.push((queue, ring));
    }

    pub fn prepare_rx(&self, queue: u32, ring: &TestRing) {
        let base = ring.ring.address(0);
        self.write(rx(queue, 0x00), base as u32);
        self.write(rx(queue, 0x04), (base >> 32) as u32);
        self.write(rx(queue, 0x08), (ring.count * 16) as u32);
        self.write(rx(queue, 0x14), self.srrctl);
        self.write(rx(queue, 0x10), 0);
        self.write(rx(queue, 0x18), 0);
        self.clear(rx(queue, 0x0C), 1 << 12);
    }

    pub fn start_receive(&self) {
        self.set(SECRXCTRL, 2);
        assert!(self.until(SECRXSTAT, 1, 1));
        self.write(RXCTRL, 1);
        self.clear(SECRXCTRL, 2);
    }

    pub fn stop_receive(&self) {
        self.set(SECRXCTRL, 2);
        assert!(self.until(SECRXSTAT, 1, 1));
        self.write(RXCTRL, 0);
        self.clear(SECRXCTRL, 2);
    }

    pub fn start_transmit_dma(&self) {
        self.set(DMATXCTL, 1);
    }

    pub fn add_tx(&mut self, queue: u32, count: usize) {
        let ring = TestRing::new(&self.port, count, 2048);
        self.prepare_tx(queue, &ring);
        self.write(tx(queue, 0x28), self.txdctl | ENABLE);
        assert!(self.until(tx(queue, 0x28), ENABLE, ENABLE));
        self.tx.push((queue, ring));
    }

    pub fn prepare_tx(&self, queue: u32, ring: &TestRing) {
        let base = ring.ring.address(0);
        self.write(tx(queue, 0x00), base as u32);
        self.write(tx(queue, 0x04), (base >> 32) as u32);
        self.write(tx(queue, 0x08), (ring.count * 16) as u32);
        self.write(tx(queue, 0x10), 0);
        self.write(tx(queue, 0x18), 0);
    }

    pub fn wait_for_link(&self) {
        assert!(self.until(LINKS, 1 << 30, 1 << 30), "no link");
    }

    /// Returns a running driver, on a wire that records sent frames.
    pub fn recording() -> (Self, Recorder) {
        let mut driver = Self::new();
        let recorder = Recorder::default();
        driver.port.plug(recorder.clone());
        driver.bring_up(&[0], &[0]);
        (driver, recorder)
    }

    /// Returns the next received frame of the nth receive ring, from one or more descriptors, with the words of its
    /// last descriptor. Does not post the descriptors again.
    pub fn receive(&mut self, nth: usize) -> Option<(Vec<u8>, [u64; 2])> {
        let (_, ring) = &mut self.rx[nth];
        let mut frame = Vec::new();
        loop {
            let at = ring.next;
            let high = ring.ring.word(at * 2 + 1).load(Ordering::Acquire);
            if high & 1 == 0 {
                assert!(frame.is_empty(), "the frame has no last descriptor");
                return None;
            }
            let low = ring.ring.word(at * 2).load(Ordering::Relaxed);
            frame.extend(ring.buffers.read(at * ring.buffer, (high >> 32 & 0xFFFF) as usize));
            ring.ring.word(at * 2 + 1).store(0, Ordering::Relaxed);
            ring.next = (at + 1) % ring.count;
            if high & 2 != 0 {
                return Some((frame, [low, high]));
            }
        }
    }

    /// Posts all received descriptors of the nth receive ring again.
    pub fn refill(&mut self, nth: usize) {
        let (queue, ring) = &mut self.rx[nth];
        let (queue, last) = (*queue, (ring.next + ring.count - 1) % ring.count);
        while ring.tail != last {
            let at = ring.tail;
            ring.ring.word(at * 2).store(ring.buffers.address(at * ring.buffer), Ordering::Relaxed);
            ring.ring.word(at * 2 + 1).store(0, Ordering::Relaxed);
            ring.tail = (at + 1) % ring.count;
        }
        let tail = ring.tail as u32;
        self.write(rx(queue, 0x18), tail);
    }

    /// Puts a descriptor into the nth transmit ring without ringing the doorbell.
    pub fn put(&mut self, nth: usize, words: [u64; 2]) {
        let (_, ring) = &mut self.tx[nth];
        let at = ring.tail;
        ring.ring.word(at * 2).store(words[0], Ordering::Relaxed);
        ring.ring.word(at * 2 + 1).store(words[1], Ordering::Relaxed);
        ring.tail = (at + 1) % ring.count;
    }

    /// Puts a packet into the nth transmit ring, in one descriptor.
    pub fn put_packet(&mut self, nth: usize, packet: &[u8]) {
        let (_, ring) = &self.tx[nth];
        let offset = ring.tail * ring.buffer;
        ring.buffers.write(offset, packet);
        let words = [ring.buffers.address(offset), data(packet.len()) | (packet.len() as u64) << 46];
        self.put(nth, words);
    }

    pub fn ring(&self, nth: usize) {
        let (queue, ring) = &self.tx[nth];
        self.write(tx(*queue, 0x18), ring.tail as u32);
    }

    pub fn send(&mut self, nth: usize, packet: &[u8]) {
        self.put_packet(nth, packet);
        self.ring(nth);
        self.port.run_until_idle(100);
    }

    /// Returns `true` if the descriptor at `index` of the nth transmit ring is written back.
    pub fn is_done(&self, nth: usize, index: usize) -> bool {
        self.tx[nth].1.ring.word(index * 2 + 1).load(Ordering::Acquire) & 1 << 32 != 0
    }

    /// Asserts that there are no violations.
    #[track_caller]
    pub fn clean(&self) {
        let violations = self.port.violations();
        assert!(violations.is_empty(), "{}", violations.iter().map(|v| format!("{v}\n")).collect::<String>());
    }

    /// Returns the rules broken so far, each once, in order, and clears the violations.
    pub fn broken(&self) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        for violation in self.port.violations() {
            if !rules.contains(&violation.rule) {
                rules.push(violation.rule);
            }
        }
        self.port.clear_violations();
        rules
    }
}

/// A wire that records sent frames.
#[derive(Clone, Default)]
pub struct Recorder {
    frames: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Recorder {
    /// Returns the frames sent since the last call.
    pub fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.frames.lock().unwrap())
    }
}

impl ixgbe_sim::Wire for Recorder {
    fn receive(&mut self, _room: usize, _port: &mut dyn FnMut(&[u8])) {}

    fn transmit(&mut self, frame: &[u8]) {
        self.frames.lock().unwrap().push(frame.to_vec());
    }
}

/// Returns an advanced data descriptor's second word without PAYLEN: EOP, IFCS, RS.
pub const fn data(len: usize) -> u64 {
    len as u64 | 3 << 20 | 1 << 24 | 1 << 25 | 1 << 27 | 1 << 29
}

/// Returns a frame to `to` of `len` bytes.
pub fn frame(to: [u8; 6], len: usize) -> Vec<u8> {
    let mut frame = vec![0; len];
    frame[..6].copy_from_slice(&to);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
    frame[12..14].copy_from_slice(&[0x88, 0xB5]);
    for (n, byte) in frame[14..].iter_mut().enumerate() {
        *byte = n as u8;
    }
    frame
}
