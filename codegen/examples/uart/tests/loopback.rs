//! The UART on a model of itself whose line is a loop.

use std::cell::RefCell;
use std::collections::VecDeque;

use uart_16550::Uart;
use uart_16550::registers::{IER, IIR, LCR, REGISTERS, iir, lcr};
use uart_16550::runtime::mmio::{Bus, Offset};

#[derive(Default)]
struct Chip {
    lcr: u8,
    ier: u8,
    divisor: [u8; 2],
    line: VecDeque<u8>,
}

#[derive(Default)]
struct Model(RefCell<Chip>);

impl Bus for &Model {
    fn read8(&self, offset: Offset) -> u8 {
        let mut chip = self.0.borrow_mut();
        let latch = chip.lcr & 0x80 != 0;
        match offset.bytes() {
            at @ (0 | 1) if latch => chip.divisor[at as usize],
            0 => chip.line.pop_front().unwrap_or_default(),
            1 => chip.ier,
            2 if chip.line.is_empty() => 1,
            2 => 4,
            3 => chip.lcr,
            5 => 0x60 | u8::from(!chip.line.is_empty()),
            _ => 0,
        }
    }

    fn write8(&self, offset: Offset, value: u8) {
        let mut chip = self.0.borrow_mut();
        let latch = chip.lcr & 0x80 != 0;
        match offset.bytes() {
            at @ (0 | 1) if latch => chip.divisor[at as usize] = value,
            0 => chip.line.push_back(value),
            1 => chip.ier = value,
            3 => chip.lcr = value,
            _ => {}
        }
    }
}

#[test]
fn what_is_sent_is_received() {
    let model = Model::default();
    let mut uart = Uart::new(&model);
    uart.set_divisor(0x0c01);
    assert_eq!(model.0.borrow().divisor, [0x01, 0x0c]);
    assert_eq!(model.0.borrow().lcr, 3, "DLAB is 0 again, and characters still have 8 bits");

    assert_eq!(uart.receive(), None);
    for character in *b"hello" {
        assert!(uart.send(character));
    }
    assert_eq!(std::iter::from_fn(|| uart.receive()).collect::<Vec<_>>(), b"hello");
}

#[test]
fn registers_share_addresses_and_keep_apart() {
    let model = Model::default();
    let mut uart = Uart::new(&model);
    uart.registers().ier().write(IER::ERBFI.of(true).and(IER::ELSI.of(true)));
    assert_eq!(model.0.borrow().ier, 0b101);
    assert_eq!(uart.registers().lcr().read().field(LCR::WLS), Some(lcr::WLS::Bits8));
    uart.send(b'!');
    let cause = uart.registers().iir().read_with_side_effects();
    assert_eq!(cause.field(IIR::CAUSE), Some(iir::CAUSE::DataAvailable));

    let at = |offset| REGISTERS.iter().filter(move |one| one.ranges[0].base == offset).map(|one| one.name);
    assert_eq!(at(0).collect::<Vec<_>>(), ["RBR", "THR", "DLL"]);
    assert!(REGISTERS.iter().all(|register| register.width == 8));
}
