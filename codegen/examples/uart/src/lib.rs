//! A driver of the 16550 UART, a chip that shares nothing with the 82599: its registers have 8 bits, and some share an
//! address.
//!
//! This is all that a driver for a new chip takes: a description (`uart.yaml`), a build script of three lines, and the
//! code below. It runs on any [`Bus`] for its registers: I/O ports, memory, or a [`FakeDevice`] in a test.
//!
//! ```
//! use datasheet_runtime::fake::FakeDevice;
//! use datasheet_runtime::space::Space;
//! use uart_16550::Uart;
//! use uart_16550::registers::{DLL, LSR, RegisterSpace, THR};
//!
//! let mut memory = [0; RegisterSpace::ELEMENTS];
//! let device = FakeDevice::<RegisterSpace>::new(&mut memory);
//! let mut uart = Uart::new(device.bus().ok_or("the bus was taken already")?);
//! uart.set_divisor(1);
//! assert_eq!(device.peek::<DLL>(0).map(|latch| latch.get()), Some(1));
//!
//! device.poke::<LSR>(0, 0x60); // the transmitter is empty
//! assert!(uart.send(b'!'));
//! assert_eq!(device.peek::<THR>(0).map(|character| character.get()), Some(b'!'));
//! assert_eq!(device.violation_count(), 0);
//! # Ok::<(), &str>(())
//! ```
//!
//! [`FakeDevice`]: datasheet_runtime::fake::FakeDevice
#![no_std]

/// The registers of the 16550, generated from `uart.yaml`.
pub mod registers {
    include!(concat!(env!("OUT_DIR"), "/registers.rs"));
}

use datasheet_runtime::bus::Bus;
use datasheet_runtime::register::Exclusive;
use datasheet_runtime::value;
use registers::permission::{Data, Divisor};
use registers::{LCR, LSR, RBR, RegisterSpace, Registers, lcr};

/// A UART that sends and receives characters: LCR.DLAB is 0.
#[derive(Debug)]
pub struct Uart<B>(B);

impl<B: Bus<RegisterSpace, u8>> Uart<B> {
    /// Takes the UART on `bus` and sets it to characters of 8 bits without parity.
    pub fn new(bus: B) -> Self {
        let mut uart = Self(bus);
        uart.registers().lcr().write(value!(LCR { WLS: lcr::WLS::Bits8 }));
        uart
    }

    /// Returns the registers as they are while DLAB is 0. Some have read side effects, so this borrows the UART exclusively.
    pub fn registers(&mut self) -> Registers<'_, B, Exclusive<Data>> {
        // SAFETY: the UART owns its bus, so nothing else uses the device; `set_divisor` alone sets DLAB, and clears it. The
        // chip accesses no memory.
        unsafe { Registers::assume_permission(&self.0) }
    }

    /// Sets the divisor of the clock. The divisor latch is where the data registers are, which are out of reach meanwhile.
    pub fn set_divisor(&mut self, divisor: u16) {
        self.registers().lcr().modify(value!(LCR { DLAB: true }));
        // SAFETY: DLAB was just set, and the UART is borrowed exclusively. The chip accesses no memory.
        let registers = unsafe { Registers::<_, Exclusive<Divisor>>::assume_permission(&self.0) };
        registers.divisor().write(divisor.into());
        registers.lcr().modify(value!(LCR { DLAB: false }));
    }

    /// Sends a character if the transmitter has room for it. Returns whether it had.
    pub fn send(&mut self, character: u8) -> bool {
        let registers = self.registers();
        let room = registers.lsr().read_with_side_effects().field(LSR::THRE);
        if room {
            registers.thr().write_raw(character);
        }
        room
    }

    /// Returns the next character that was received.
    pub fn receive(&mut self) -> Option<u8> {
        let registers = self.registers();
        let there = registers.lsr().read_with_side_effects().field(LSR::DR);
        there.then(|| registers.rbr().read_with_side_effects().field(RBR::DATA) as u8)
    }
}
