//! A fake device: an index without an element, and bits that are cleared by zeros.

use std::error::Error;

use datasheet_runtime::array::Range;
use datasheet_runtime::bus::Bus;
use datasheet_runtime::fake::{FakeDevice, ViolationKind};
use datasheet_runtime::info::{AccessKind, FieldInfo, RegisterInfo, WindowInfo};
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

#[derive(Clone, Copy)]
struct Flags;

impl Space for Flags {
    const SIZE: u32 = 4;
    const REGISTERS: &'static [RegisterInfo] = &[RegisterInfo {
        name: "FLAGS",
        reset: Some(0b111),
        fields: &[
            FieldInfo { name: "STALE", lsb: 0, width: 2, access: AccessKind::W0c, values: &[] },
            FieldInfo { name: "MODE", lsb: 2, width: 1, access: AccessKind::Rw, values: &[] },
        ],
        ..SELECT
    }];
    type ByteOrder = LittleEndian;
}

#[test]
fn a_zero_clears_and_a_one_leaves_what_it_was() -> Result<(), Box<dyn Error>> {
    let mut memory = [0; Flags::ELEMENTS];
    let device = FakeDevice::<Flags>::new(&mut memory);
    let bus = device.bus().ok_or("the bus was taken already")?;
    let flags = Offset::<Flags>::new(0).ok_or("no register can be there")?;
    for (written, then) in [(0b110, 0b110), (0b111, 0b110), (0b001, 0b000)] {
        // SAFETY: a fake device accesses no memory.
        unsafe { bus.write(flags, written) };
        assert_eq!(bus.read(flags), then, "after {written:#b}");
    }
    Ok(())
}
