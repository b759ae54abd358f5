//! The UART on a model of itself whose line is a loop, and on a fake device.

use std::cell::RefCell;
use std::collections::VecDeque;

use datasheet_runtime::bus::Bus;
use datasheet_runtime::fake::{FakeDevice, ViolationKind};
use datasheet_runtime::space::{Offset, Space};
use datasheet_runtime::value;
use uart_16550::Uart;
use uart_16550::registers::{DLL, DLM, IER, IIR, LCR, LSR, RBR, REGISTERS, RegisterSpace, iir, lcr};

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

#[derive(Default)]
struct Chip {
    lcr: u8,
    ier: u8,
    divisor: [u8; 2],
    line: VecDeque<u8>,
}

/// The one bus of a chip that the test looks into.
struct Model<'a>(&'a RefCell<Chip>);

// SAFETY: there is no device, and so nothing that accesses memory. Each test makes one bus of its chip.
unsafe impl Bus<RegisterSpace, u8> for Model<'_> {
    fn read(&self, offset: Offset<RegisterSpace, u8>) -> u8 {
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

    unsafe fn write(&self, offset: Offset<RegisterSpace, u8>, value: u8) {
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
fn sent_characters_are_received() {
    let chip = RefCell::default();
    let mut uart = Uart::new(Model(&chip));
    uart.set_divisor(0x0c01);
    assert_eq!(chip.borrow().divisor, [0x01, 0x0c]);
    assert_eq!(chip.borrow().lcr, 3, "DLAB is 0 again, and characters still have 8 bits");

    assert_eq!(uart.receive(), None);
    for character in *b"hello" {
        assert!(uart.send(character));
    }
    assert_eq!(std::iter::from_fn(|| uart.receive()).collect::<Vec<_>>(), b"hello");
}

#[test]
fn registers_at_one_address_are_kept_apart() {
    let chip = RefCell::default();
    let mut uart = Uart::new(Model(&chip));
    uart.registers().ier().write(value!(IER { ERBFI: true, ELSI: true }));
    assert_eq!(chip.borrow().ier, 0b101);
    assert_eq!(uart.registers().lcr().read().field(LCR::WLS), Some(lcr::WLS::Bits8));
    uart.send(b'!');
    let cause = uart.registers().iir().read_with_side_effects();
    assert_eq!(cause.field(IIR::CAUSE), Some(iir::CAUSE::DataAvailable));
    assert_eq!(format!("{cause:?}"), "0x04 (NOT_PENDING: 0, CAUSE: DataAvailable, FIFOS: Off)");

    let at = |offset| REGISTERS.iter().filter(move |one| one.ranges[0].base == offset).map(|one| one.name);
    assert_eq!(at(0).collect::<Vec<_>>(), ["RBR", "THR", "DLL"]);
    assert!(REGISTERS.iter().all(|register| register.width == 8));
}

#[test]
fn a_fake_device_behaves_as_the_description_says() -> Result {
    let mut memory = [0; RegisterSpace::ELEMENTS];
    let device = FakeDevice::<RegisterSpace>::new(&mut memory);
    let mut uart = Uart::new(device.bus().ok_or("the bus was taken")?);
    assert!(device.bus().is_none(), "a device has one bus");
    let peek =
        |low: bool| if low { device.peek::<DLL>(0).map(|r| r.get()) } else { device.peek::<DLM>(0).map(|r| r.get()) };

    uart.set_divisor(0x1234);
    assert_eq!([peek(true), peek(false)], [Some(0x34), Some(0x12)], "the latch is there while DLAB is 1");

    // A read of RBR takes the character away, and one of LSR the errors, but not what says that there is room.
    device.poke::<RBR>(0, b'x');
    device.poke::<LSR>(0, 0x61 | 0x02);
    assert_eq!(uart.receive(), Some(b'x'));
    assert_eq!(device.peek::<RBR>(0).map(|r| r.get()), Some(0));
    assert_eq!(device.peek::<LSR>(0).map(|r| r.get() & 0x62), Some(0x60));
    assert_eq!(device.violation_count(), 0, "{:?}", device.violations().collect::<Vec<_>>());
    Ok(())
}

#[test]
fn a_fake_device_records_violations() -> Result {
    let mut memory = [0; RegisterSpace::ELEMENTS];
    let device = FakeDevice::<RegisterSpace>::new(&mut memory);
    let bus = device.bus().ok_or("the bus was taken")?;
    let at = |bytes| Offset::<RegisterSpace, u8>::new(bytes).ok_or("out of the space");
    // SAFETY: a fake device accesses no memory.
    let write = |offset, value| unsafe { bus.write(offset, value) };

    write(at(1)?, 0xf0); // the high half of IER must be 0
    write(at(5)?, 0xff); // LSR
    let kinds: Vec<_> = device.violations().map(|violation| (violation.register, violation.kind)).collect();
    let expected =
        [(Some("IER"), ViolationKind::NotAsPrescribed { bits: 0xf0 }), (Some("LSR"), ViolationKind::WriteOfReadOnly)];
    assert_eq!(kinds, expected);
    Ok(())
}
