//! A driver of Intel's 82540EM, on the packets, pools and PCI functions of [`ixgbe`]. Programs that are generic over the
//! traits of [`ixgbe::port`] run on this chip too, as `examples/e1000-echo.rs` does. The README tells more.
#![no_std]

extern crate alloc;

mod queue;

/// The registers of the 82540EM, generated from `e1000.yaml`.
pub mod registers {
    include!(concat!(env!("OUT_DIR"), "/registers.rs"));
}

/// The descriptors of the 82540EM, generated from `e1000.yaml`.
pub mod descriptors {
    include!(concat!(env!("OUT_DIR"), "/descriptors.rs"));
}

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::error::Error;
use core::time::Duration;

use datasheet_runtime::array::Index;
use datasheet_runtime::field::Value;
use datasheet_runtime::register::{Driver, TimedOut};
use datasheet_runtime::value;
use ixgbe::packet::Batch;
use ixgbe::pci::Function;
use ixgbe::pool::Pool;
use ixgbe::port::{self, Counters, LinkStatus, Port, QueuePair, Receive, Speed};
use queue::{BUFFER_SIZE, RING_SIZE, Ring};
pub use queue::{ReceiveQueue, TransmitQueue};
use registers::permission::{Running, Stopped};
use registers::{CTRL, IMC, MTA, RAH, RCTL, RDH, RDLEN, RDT, RegisterSpace, Registers, STATUS};
use registers::{TCTL, TDH, TDLEN, TDT, TIPG, rctl};

/// How long accesses to memory go on after reception and transmission are off, and how long a reset lasts.
const SETTLE: Duration = Duration::from_millis(10);

/// The chip behind the PCI function `H`. Fields are dropped in this order.
struct Chip<H: Function> {
    bus: H::Registers<RegisterSpace>,
    pool: Pool,
    function: H,
}

impl<H: Function> Chip<H> {
    /// Stops and resets the chip. If that succeeds, it accesses no memory any more.
    fn reset(&self) -> Result<(), TimedOut> {
        // SAFETY: nobody else drives this chip, and reception and transmission can be switched off in every state.
        let registers: Registers<'_, _, Driver<Running>> = unsafe { Registers::assume_permission(&self.bus) };
        registers.rctl().write(Value::EMPTY);
        registers.tctl().write(Value::EMPTY);
        // A read makes sure that the writes have arrived.
        let _ = registers.status().read();
        self.function.wait(SETTLE);
        // SAFETY: reception and transmission are off.
        let registers: Registers<'_, _, Driver<Stopped>> = unsafe { Registers::assume_permission(&self.bus) };
        registers.ctrl().modify(value!(CTRL { RST: true }));
        self.function.wait(SETTLE);
        registers.ctrl().wait_until(&self.function, SETTLE, |ctrl| !ctrl.field(CTRL::RST))?;
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
    /// Fails if `function` is no 82540EM, does not reset or has no address, or if there is no memory.
    pub fn start(function: H) -> Result<Self, Box<dyn Error>> {
        let (0x8086, 0x100e) = function.ids() else { return Err("this is not an 82540EM, 8086:100e".into()) };
        // SAFETY: an 82540EM has its registers at the start of BAR0. They are mapped once, here.
        let bus = unsafe { function.registers::<RegisterSpace>(0, 0) }?;
        let chip = Chip { bus, pool: Pool::new(&function, 2 * RING_SIZE, BUFFER_SIZE)?, function };
        chip.reset()?;
        chip.function.enable_dma()?;
        let rings = [Ring::new(&chip)?, Ring::new(&chip)?];
        // SAFETY: the chip was reset. Rings are freed only after another reset, and buffers have the size that RCTL says.
        let registers: Registers<'_, _, Driver<Stopped>> = unsafe { Registers::assume_permission(&chip.bus) };
        registers.ctrl().modify(value!(CTRL { SLU: true, FRCSPD: false, FRCDPLX: false }));
        let (low, high) = (registers.ral(Index::constant(0)).read(), registers.rah(Index::constant(0)).read());
        let ([a, b, c, d], [e, f, ..]) = (low.get().to_le_bytes(), high.get().to_le_bytes());
        let (true, 0) = (high.field(RAH::AV), a & 1) else { return Err("the chip has no MAC address".into()) };
        Index::all().skip(1).for_each(|other| registers.rah(other).modify(value!(RAH { AV: false })));
        Index::all().for_each(|word| registers.mta(word).modify(value!(MTA { BITS: 0 })));
        registers.rdba().write(rings[0].address);
        registers.rdlen().write(value!(RDLEN { LEN: RING_SIZE as u64 / 8 }));
        registers.rdh().write(value!(RDH { RDH: 0 }));
        registers.rdt().write(value!(RDT { RDT: 0 }));
        registers.tdba().write(rings[1].address);
        registers.tdlen().write(value!(TDLEN { LEN: RING_SIZE as u64 / 8 }));
        registers.tdh().write(value!(TDH { TDH: 0 }));
        registers.tdt().write(value!(TDT { TDT: 0 }));
        registers.tipg().modify(value!(TIPG { IPGT: 10, IPGR1: 8, IPGR2: 6 }));
        registers.tctl().write(value!(TCTL { EN: true, PSP: true, CT: 15, COLD: 64 }));
        registers.rctl().write(value!(RCTL { EN: true, BAM: true, BSIZE: rctl::BSIZE::Bytes2048, SECRC: true }));
        let mut device = Self { rings: Some(rings), chip, mac: [a, b, c, d, e, f], counters: Counters::default() };
        // A queue fills its ring with each call, also if the batch has no room.
        device.split().1.iter_mut().try_for_each(|queues| queues.rx.receive(&mut Batch::with_capacity(0)).map(drop))?;
        Ok(device)
    }

    /// Stops the chip, and frees its memory. If it does not stop, that leaks.
    pub fn stop(self) -> Result<(), TimedOut> {
        self.chip.reset()
    }
}

impl<H: Function> Drop for Device<H> {
    fn drop(&mut self) {
        if self.chip.reset().is_err() {
            core::mem::forget(self.rings.take());
        }
    }
}

impl<H: Function> Port for Device<H> {
    type Control<'a> = Control<'a, H>;
    type Receive<'a> = ReceiveQueue<'a, H>;
    type Transmit<'a> = TransmitQueue<'a, H>;

    fn split(&mut self) -> (Control<'_, H>, Vec<QueuePair<ReceiveQueue<'_, H>, TransmitQueue<'_, H>>>) {
        let Self { rings, chip, mac, counters } = self;
        let (chip, control) = (&*chip, Control { chip, mac: *mac, counters });
        let pairs =
            rings.iter_mut().map(|[rx, tx]| QueuePair { rx: ReceiveQueue(rx, chip), tx: TransmitQueue(tx, chip) });
        (control, pairs.collect())
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
        let status = unsafe { Registers::<_, Driver<Running>>::assume_permission(&self.chip.bus) }.status().read();
        let speed = [10, 100, 1000, 1000][usize::from(status.field(STATUS::SPEED) as u8 & 3)];
        let up = status.field(STATUS::LU) && status.get() != u32::MAX;
        if up { LinkStatus::Up(Some(Speed::from_megabits(speed))) } else { LinkStatus::Down }
    }

    fn counters(&mut self) -> Result<Counters, TimedOut> {
        // SAFETY: the borrowed device runs, and this is its control half.
        let registers: Registers<'_, _, Driver<Running>> = unsafe { Registers::assume_permission(&self.chip.bus) };
        let received = u64::from(registers.gprc().read_with_side_effects().get());
        let sent = u64::from(registers.gptc().read_with_side_effects().get());
        let received_octets = registers.gorc().read_with_side_effects();
        let sent_octets = registers.gotc().read_with_side_effects();
        // The ones of a removed device meet no condition.
        registers.status().wait_until(&self.chip.function, Duration::ZERO, |_| true)?;
        // Octets include the four of each CRC.
        let Counters { rx_packets, rx_octets, tx_packets, tx_octets, .. } = &mut *self.counters;
        *rx_packets += received;
        *rx_octets = rx_octets.wrapping_add(received_octets).wrapping_sub(4 * received);
        *tx_packets += sent;
        *tx_octets = tx_octets.wrapping_add(sent_octets).wrapping_sub(4 * sent);
        Ok(self.counters.clone())
    }
}
