//! A fake device whose index register holds more numbers than there are elements.

use std::error::Error;

use datasheet_runtime::array::Range;
use datasheet_runtime::bus::Bus;
use datasheet_runtime::fake::{FakeDevice, ViolationKind};
use datasheet_runtime::info::{AccessKind, RegisterInfo, WindowInfo};
use datasheet_runtime::space::{LittleEndian, Offset, Space};

const SELECT: RegisterInfo = RegisterInfo {
    name: "SELECT",
    title: "A register",
    section: "1",
    page: 0,
    group: "main",
    width: 32,
    access: AccessKind::Rw,
    reset: Some(0),
    reset_known: 0xFFFF_FFFF,
    preserve: 0,
    must_be_zero: 0,
    must_be_one: 0,
    ranges: &[Range { first: 0, count: 1, base: 0, stride: 0 }],
    aliases: &[],
    write_in: &[],
    memory_safety: false,
    device_state: false,
    hardware_damage: false,
    doorbell: false,
    when: &[],
    window: None,
    fields: &[],
};

/// Three elements, each an array of two, for an index of two bits.
const WINDOW: WindowInfo =
    WindowInfo { name: "Three", selector: "SELECT", field: "INDEX", lsb: 4, width: 2, count: 3, commands: None };

#[derive(Clone, Copy)]
struct Chip;

impl Space for Chip {
    const SIZE: u32 = 12;
    const REGISTERS: &'static [RegisterInfo] = &[
        SELECT,
        RegisterInfo {
            name: "SEEN",
            ranges: &[Range { first: 0, count: 2, base: 4, stride: 4 }],
            reset: Some(7),
            window: Some(&WINDOW),
            ..SELECT
        },
    ];
    type ByteOrder = LittleEndian;
}

#[test]
fn nothing_is_behind_an_index_without_an_element() -> Result<(), Box<dyn Error>> {
    assert_eq!(Chip::ELEMENTS, 1 + 3 * 2);
    let mut memory = [0; Chip::ELEMENTS];
    let device = FakeDevice::<Chip>::new(&mut memory);
    let bus = device.bus().ok_or("the bus was taken already")?;
    let at = |bytes| Offset::<Chip>::new(bytes).ok_or("no register can be there");
    let (select, first, second) = (at(0)?, at(4)?, at(8)?);
    // SAFETY: a fake device accesses no memory.
    let write = |offset, value| unsafe { bus.write(offset, value) };

    write(select, 2 << 4);
    write(second, 5);
    assert_eq!((bus.read(first), bus.read(second)), (7, 5));
    write(select, 1 << 4);
    assert_eq!((bus.read(first), bus.read(second)), (7, 7));
    assert_eq!(device.violation_count(), 0);

    write(select, 3 << 4);
    assert_eq!(bus.read(first), 0);
    write(second, 6);
    let kinds: Vec<_> = device.violations().map(|violation| (violation.offset, violation.kind)).collect();
    assert_eq!(kinds, [(4, ViolationKind::NoRegister { width: 32 }), (8, ViolationKind::NoRegister { width: 32 })]);
    write(select, 2 << 4);
    assert_eq!(bus.read(second), 5);
    Ok(())
}
