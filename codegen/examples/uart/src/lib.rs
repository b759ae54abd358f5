//! The 16550 UART by `datasheet-codegen`: a chip that shares nothing with the 82599.
//!
//! Its registers are generated from `uart.yaml`, and refer to a [`runtime`] of 8-bit accesses that stands here, because how
//! a chip is reached is what chips differ in.
//!
//! ```
//! # struct Nowhere;
//! # impl uart_16550::runtime::mmio::Bus for Nowhere {
//! #     fn read8(&self, _: uart_16550::runtime::mmio::Offset) -> u8 { 0x60 }
//! #     fn write8(&self, _: uart_16550::runtime::mmio::Offset, _: u8) {}
//! # }
//! let mut uart = uart_16550::Uart::new(Nowhere);
//! uart.set_divisor(1);
//! assert!(uart.send(b'!'));
//! ```
#![no_std]

pub mod registers;
pub mod runtime;

use registers::permission::{Data, Divisor};
use registers::{LCR, LSR, RBR, Registers, lcr};
use runtime::mmio::Bus;
use runtime::register::Exclusive;

/// A UART that sends and receives characters: LCR.DLAB is 0.
pub struct Uart<B>(B);

impl<B: Bus> Uart<B> {
    /// The UART on `bus`, set to 8 bits without parity.
    pub fn new(bus: B) -> Self {
        Registers::<_, Data>::with_permission(&bus).lcr().write(LCR::WLS.of(lcr::WLS::Bits8));
        Self(bus)
    }

    /// The registers as they are while DLAB is 0. Some are changed by reading them, so nobody else may have them.
    pub fn registers(&mut self) -> Registers<'_, B, Exclusive<Data>> {
        Registers::with_permission(&self.0)
    }

    /// Sets what the clock is divided by. The divisor is where the data are, so those are out of reach meanwhile.
    pub fn set_divisor(&mut self, divisor: u16) {
        let [low, high] = divisor.to_le_bytes();
        self.registers().lcr().modify(LCR::DLAB.of(true));
        let registers = Registers::<_, Divisor>::with_permission(&self.0);
        registers.dll().write_full(low);
        registers.dlm().write_full(high);
        registers.lcr().modify(LCR::DLAB.of(false));
    }

    /// Sends a character, if there is room for it.
    pub fn send(&mut self, character: u8) -> bool {
        let registers = self.registers();
        let room = registers.lsr().read_with_side_effects().field(LSR::THRE);
        if room {
            registers.thr().write_full(character);
        }
        room
    }

    /// The next character that was received.
    pub fn receive(&mut self) -> Option<u8> {
        let registers = self.registers();
        let there = registers.lsr().read_with_side_effects().field(LSR::DR);
        there.then(|| registers.rbr().read_with_side_effects().field(RBR::DATA) as u8)
    }
}
