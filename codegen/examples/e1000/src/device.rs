//! The device: how it starts and stops, and its control half.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::error::Error;
use core::time::Duration;

use datasheet_runtime::array::Index;
use datasheet_runtime::field::Value;
use datasheet_runtime::register::{Driver, TimedOut};
use datasheet_runtime::value;
use ixgbe::pci::Function;
use ixgbe::pool::Pool;
use ixgbe::port::{self, Counters, LinkStatus, Port, QueuePair, Speed};

use crate::queue::{BUFFER_SIZE, RING_BYTES, RING_SIZE, ReceiveQueue, Ring, TransmitQueue};
use crate::registers::permission::{Running, Stopped};
use crate::registers::{CTRL, IMC, MTA, RAH, RCTL, RDH, RDLEN, RDT, RegisterSpace, Registers, STATUS};
use crate::registers::{TCTL, TDH, TDLEN, TDT, TIPG, rctl};

/// How long transfers to and from memory go on after reception and transmission end, and a reset before it can be seen.
const SETTLE: Duration = Duration::from_millis(10);
/// How long to wait for the end of a reset.
const LIMIT: Duration = Duration::from_millis(100);
/// Length of the CRC in bytes.
const CRC: u64 = 4;

/// The chip behind the PCI function `H`. Fields are dropped in this order.
pub(crate) struct Chip<H: Function> {
    bus: H::Registers<RegisterSpace>,
    pub(crate) pool: Pool,
    pub(crate) function: H,
}

/// The registers of a running chip.
type RunningRegisters<'a, H> = Registers<'a, <H as Function>::Registers<RegisterSpace>, Driver<Running>>;

impl<H: Function> Chip<H> {
    /// Returns the registers of the running chip.
    ///
    /// # Safety
    ///
    /// The chip runs. Control alone reads counters, a queue alone writes its tail, and only for what stays in its ring.
    pub(crate) unsafe fn registers(&self) -> RunningRegisters<'_, H> {
        // SAFETY: the caller's promise.
        unsafe { Registers::assume_permission(&self.bus) }
    }

    /// Stops and resets the chip. If that succeeds, it accesses no memory any more.
    fn reset(&self) -> Result<(), TimedOut> {
        // SAFETY: this chip is driven by nobody else, and in every state reception and transmission can be switched off.
        let registers = unsafe { self.registers() };
        registers.rctl().write(Value::EMPTY);
        registers.tctl().write(Value::EMPTY);
        // A read makes sure that the writes have arrived.
        let _ = registers.status().read();
        self.function.wait(SETTLE);
        // SAFETY: reception and transmission are off.
        let registers: Registers<'_, _, Driver<Stopped>> = unsafe { Registers::assume_permission(&self.bus) };
        registers.ctrl().modify(value!(CTRL { RST: true }));
        self.function.wait(SETTLE);
        registers.ctrl().wait_until(&self.function, LIMIT, |ctrl| !ctrl.field(CTRL::RST))?;
        registers.imc().write(value!(IMC { CAUSES: 0xffff_ffff }));
        Ok(())
    }
}

/// A running 82540EM. Dropping it stops it.
pub struct Device<H: Function> {
    /// The receive ring and the transmit ring, which the chip may access until it has stopped.
    rings: Option<[Ring; 2]>,
    chip: Chip<H>,
    mac: [u8; 6],
    counters: Counters,
}

impl<H: Function> Device<H> {
    /// Resets the chip behind `function`, and lets it receive and send. The link may come up later.
    ///
    /// # Errors
    ///
    /// If `function` is no 82540EM, does not reset or has no address, or if there is no memory.
    pub fn start(function: H) -> Result<Self, Box<dyn Error>> {
        let (0x8086, 0x100e) = function.ids() else { return Err("this is not an 82540EM, 8086:100e".into()) };
        // SAFETY: an 82540EM has its registers at the start of BAR0. They are mapped once, here.
        let bus = unsafe { function.registers::<RegisterSpace>(0, 0) }?;
        let chip = Chip { bus, pool: Pool::new(&function, 2 * RING_SIZE, BUFFER_SIZE)?, function };
        chip.reset()?;
        chip.function.enable_dma()?;
        let rings = [Ring::new(&chip)?, Ring::new(&chip)?];
        // SAFETY: the chip was reset. Addresses and lengths are those of rings that are freed only after another reset, and
        // buffers have the size that RCTL says.
        let registers: Registers<'_, _, Driver<Stopped>> = unsafe { Registers::assume_permission(&chip.bus) };
        registers.ctrl().modify(value!(CTRL { SLU: true, FRCSPD: false, FRCDPLX: false }));
        let (low, high) = (registers.ral(Index::constant(0)).read(), registers.rah(Index::constant(0)).read());
        let ([a, b, c, d], [e, f, ..]) = (low.get().to_le_bytes(), high.get().to_le_bytes());
        if !high.field(RAH::AV) || a & 1 != 0 {
            return Err("the chip has no MAC address: was its EEPROM read?".into());
        }
        Index::all().skip(1).for_each(|other| registers.rah(other).modify(value!(RAH { AV: false })));
        Index::all().for_each(|word| registers.mta(word).modify(value!(MTA { BITS: 0 })));
        registers.rdba().write(rings[0].address);
        registers.rdlen().write(value!(RDLEN { LEN: RING_BYTES / 128 }));
        registers.rdh().write(value!(RDH { RDH: 0 }));
        registers.rdt().write(value!(RDT { RDT: 0 }));
        registers.tdba().write(rings[1].address);
        registers.tdlen().write(value!(TDLEN { LEN: RING_BYTES / 128 }));
        registers.tdh().write(value!(TDH { TDH: 0 }));
        registers.tdt().write(value!(TDT { TDT: 0 }));
        registers.tipg().modify(value!(TIPG { IPGT: 10, IPGR1: 8, IPGR2: 6 }));
        registers.tctl().write(value!(TCTL { EN: true, PSP: true, CT: 15, COLD: 64 }));
        registers.rctl().write(value!(RCTL { EN: true, BAM: true, BSIZE: rctl::BSIZE::Bytes2048, SECRC: true }));
        let mac = [a, b, c, d, e, f];
        let mut device = Self { rings: Some(rings), chip, mac, counters: Counters::default() };
        device.split().1.iter_mut().for_each(|queues| queues.rx.fill());
        Ok(device)
    }

    /// Stops the chip, and frees its memory.
    ///
    /// # Errors
    ///
    /// [`TimedOut`] if it does not stop. Its memory leaks then.
    pub fn stop(mut self) -> Result<(), TimedOut> {
        self.halt()
    }

    fn halt(&mut self) -> Result<(), TimedOut> {
        let stopped = self.chip.reset();
        let rings = self.rings.take();
        if stopped.is_err() {
            core::mem::forget(rings);
        }
        stopped
    }
}

impl<H: Function> Drop for Device<H> {
    fn drop(&mut self) {
        if self.rings.is_some() {
            _ = self.halt();
        }
    }
}

impl<H: Function> Port for Device<H> {
    type Control<'a> = Control<'a, H>;
    type Receive<'a> = ReceiveQueue<'a, H>;
    type Transmit<'a> = TransmitQueue<'a, H>;

    fn split(&mut self) -> (Control<'_, H>, Vec<QueuePair<ReceiveQueue<'_, H>, TransmitQueue<'_, H>>>) {
        let Self { rings, chip, mac, counters } = self;
        let chip = &*chip;
        let pairs = rings.iter_mut().map(|[receive, transmit]| QueuePair {
            rx: ReceiveQueue { ring: receive, chip },
            tx: TransmitQueue { ring: transmit, chip },
        });
        let pairs = pairs.collect();
        (Control { chip, mac: *mac, counters }, pairs)
    }

    fn pools(&self) -> Vec<Pool> {
        [self.chip.pool.clone()].into()
    }
}

/// The control half of a running device.
pub struct Control<'a, H: Function> {
    chip: &'a Chip<H>,
    mac: [u8; 6],
    counters: &'a mut Counters,
}

impl<H: Function> port::Control for Control<'_, H> {
    type Error = TimedOut;

    fn mac(&self) -> [u8; 6] {
        self.mac
    }

    fn link(&mut self) -> LinkStatus {
        // SAFETY: the borrowed device runs, and nothing is written.
        let status = unsafe { self.chip.registers() }.status().read();
        match status.field(STATUS::SPEED) {
            // A removed device reads as ones.
            _ if !status.field(STATUS::LU) || status.get() == u32::MAX => LinkStatus::Down,
            0 => LinkStatus::Up(Some(Speed::from_megabits(10))),
            1 => LinkStatus::Up(Some(Speed::MBIT_100)),
            _ => LinkStatus::Up(Some(Speed::GBIT_1)),
        }
    }

    fn counters(&mut self) -> Result<Counters, TimedOut> {
        // SAFETY: the borrowed device runs, and this is its control half.
        let registers = unsafe { self.chip.registers() };
        let received = u64::from(registers.gprc().read_with_side_effects().get());
        let sent = u64::from(registers.gptc().read_with_side_effects().get());
        let received_octets = registers.gorc().read_with_side_effects();
        let sent_octets = registers.gotc().read_with_side_effects();
        // The ones of a removed device meet no condition.
        registers.status().wait_until(&self.chip.function, Duration::ZERO, |_| true)?;
        let Counters { rx_packets, rx_octets, tx_packets, tx_octets, .. } = &mut *self.counters;
        *rx_packets += received;
        *rx_octets = rx_octets.wrapping_add(received_octets).wrapping_sub(CRC * received);
        *tx_packets += sent;
        *tx_octets = tx_octets.wrapping_add(sent_octets).wrapping_sub(CRC * sent);
        Ok(self.counters.clone())
    }
}
