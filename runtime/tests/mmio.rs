//! Registers in memory stand in the byte order of their space.

use std::error::Error;
use std::ptr::NonNull;

use datasheet_runtime::array::Range;
use datasheet_runtime::bus::Bus;
use datasheet_runtime::info::{AccessKind, RegisterInfo};
use datasheet_runtime::mmio::Mmio;
use datasheet_runtime::space::{BigEndian, LittleEndian, Offset, Space};

const REGISTERS: &[RegisterInfo] = &[RegisterInfo {
    name: "R",
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
    ranges: &[Range { first: 0, count: 1, base: 4, stride: 0 }],
    aliases: &[],
    write_in: &[],
    memory_safety: false,
    device_state: false,
    hardware_damage: false,
    doorbell: false,
    when: &[],
    window: None,
    fields: &[],
}];

#[derive(Clone, Copy)]
struct Little;

#[derive(Clone, Copy)]
struct Big;

impl Space for Little {
    const SIZE: u32 = 8;
    const REGISTERS: &'static [RegisterInfo] = REGISTERS;
    type ByteOrder = LittleEndian;
}

impl Space for Big {
    const SIZE: u32 = 8;
    const REGISTERS: &'static [RegisterInfo] = REGISTERS;
    type ByteOrder = BigEndian;
}

/// Writes a register of 32 bits, reads it back, and returns its bytes in memory.
fn written<S: Space>(value: u32) -> Result<[u8; 4], Box<dyn Error>> {
    let mut memory = [0_u64];
    // SAFETY: the memory is valid as long as the bus lives, is as long as it says, and models a device that nothing else
    // drives.
    let bus: Mmio<S> = unsafe { Mmio::new(NonNull::from(&mut memory).cast(), 8) }?;
    let offset = Offset::new(4).ok_or("no offset")?;
    // SAFETY: this device accesses no memory.
    unsafe { bus.write(offset, value) };
    assert_eq!(bus.read(offset), value);
    let [.., a, b, c, d] = memory[0].to_ne_bytes();
    Ok([a, b, c, d])
}

#[test]
fn bytes_stand_in_the_order_of_the_space() -> Result<(), Box<dyn Error>> {
    assert_eq!(written::<Little>(0x0102_0304)?, [4, 3, 2, 1]);
    assert_eq!(written::<Big>(0x0102_0304)?, [1, 2, 3, 4]);
    Ok(())
}
