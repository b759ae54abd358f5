//! Values read back after a write: for every register of the table by its kind of access, and in the order of the
//! register test of Linux' `ethtool -t`.

mod common;

use common::*;
use ixgbe::info::{AccessKind, FieldInfo, RegisterInfo};
use ixgbe::registers::REGISTERS;

const PATTERNS: [u32; 4] = [0x5A5A_5A5A, 0xA5A5_A5A5, 0x0000_0000, 0xFFFF_FFFF];

/// Registers that do not read back as their access says, with the differing bits and the reason.
const EXCEPTIONS: &[(&str, u32, &str)] = &[
    ("CTRL", 1 << 2, "RST and LRST, which the patterns set, clear PCIE_MASTER_DISABLE"),
    ("ESDP", 1 << 2, "SDP2 shows whether the cage has a module, while it is an input"),
    ("I2CCTL", 0x5, "the inputs show the levels of the lines, which the outputs drive"),
    ("EEC", 1 << 7, "the device grants EE_GNT when EE_REQ is set"),
    ("EERD", 1 << 1, "a write starts a read, which is not done yet"),
    ("FCRTL", 1 << 4, "the chip stores the bit, according to Linux' register test"),
    ("FCRTH", 1 << 4, "the same"),
    ("EICS", 0x7FFF_FFFF, "stock drivers read EICR's causes there"),
    ("RDLEN", 0x7F, "a length is a multiple of 128"),
    ("TDLEN", 0x7F, "the same"),
    ("RXDCTL", 1 << 25, "ENABLE reads as the queue's state, which follows with a delay"),
    ("TXDCTL", 1 << 25, "the same"),
    ("TXDCTL", 1 << 26, "SWFLSH is done at once"),
    ("RTTBCNRD", 1 << 1, "the limits are cleared at once"),
    ("FDIRCMD", 0x3, "the device takes a command at once"),
];

fn mask(field: &FieldInfo) -> u32 {
    (((1_u64 << field.width) - 1) << field.lsb) as u32
}

/// Returns the value to be read after `value` was written over `old`.
fn expected(info: &RegisterInfo, old: u32, value: u32) -> u32 {
    let mut expected = 0;
    // No bit of a read-only register can be written. A register with a writable field is written field by field.
    let read_only = |access| matches!(access, AccessKind::Ro | AccessKind::Rc);
    if info.access == AccessKind::Wo {
        return 0;
    } else if read_only(info.access) && info.fields.iter().all(|field| read_only(field.access)) {
        return old;
    }
    for bit in (0..32).map(|bit| 1_u32 << bit) {
        let field = info.fields.iter().find(|field| mask(field) & bit != 0);
        let prescribed = (info.must_be_zero | info.must_be_one) & u64::from(bit) != 0;
        let access = field.map_or(info.access, |field| field.access);
        expected |= bit
            & match access {
                // Prescribed bits are memory: a wrong value is a violation with unknown effects.
                AccessKind::Ro | AccessKind::Rc if prescribed => value,
                // Reserved bits are hard-wired, unless their value after a reset is unknown.
                _ if info.preserve & u64::from(bit) != 0 => {
                    if info.reset_known & u64::from(bit) != 0 {
                        old
                    } else {
                        value
                    }
                }
                AccessKind::Ro | AccessKind::Rc => old,
                AccessKind::W1c | AccessKind::RcW1c => old & !value,
                AccessKind::W0c => old & value,
                AccessKind::W1s => old | value,
                AccessKind::Wo => 0,
                AccessKind::Rw | AccessKind::Sc | AccessKind::ReadSets => value,
            };
    }
    expected
}

#[test]
fn every_register_reads_back_as_its_access_says() {
    let mut differs: Vec<(&str, u32)> = Vec::new();
    for info in REGISTERS {
        let mut bits = 0;
        let driver = Driver::new();
        for offset in info.offsets() {
            for pattern in PATTERNS {
                let old = driver.peek(offset);
                driver.write(offset, pattern);
                bits |= driver.read(offset) ^ expected(info, old, pattern);
            }
        }
        if bits != 0 {
            differs.push((info.name, bits));
        }
    }
    let unknown: Vec<_> = differs
        .iter()
        .map(|(name, bits)| {
            let known = EXCEPTIONS.iter().filter(|(of, ..)| of == name).fold(0, |known, (_, mask, _)| known | mask);
            (name, bits & !known)
        })
        .filter(|(_, bits)| *bits != 0)
        .collect();
    assert!(unknown.is_empty(), "these bits do not read back: {unknown:#x?}");
    for (name, mask, reason) in EXCEPTIONS {
        let differ = differs.iter().find(|(of, _)| of == name).map_or(0, |(_, bits)| *bits);
        assert_eq!(mask & !differ, 0, "these bits of {name} read back, though the list says: {reason}");
    }
}

/// An operation of Linux' test on a register: write every pattern and read it, or write one value.
enum Linux {
    Patterns { mask: u32, write: u32 },
    Set { mask: u32, write: u32 },
    WriteOnly { value: u32 },
}
use Linux::*;

/// The operations of Linux' test, in its order: first offset, number of elements, distance. The values are from its
/// table for this chip.
const LINUX: &[(u32, u32, u32, Linux)] = &[
    (0x3220, 1, 0x40, Patterns { mask: 0x8007_FFF0, write: 0x8007_FFF0 }),
    (0x3260, 1, 0x40, Patterns { mask: 0x8007_FFF0, write: 0x8007_FFF0 }),
    (0x3008, 1, 0x40, Patterns { mask: u32::MAX, write: u32::MAX }),
    (VLNCTRL, 1, 0x40, Patterns { mask: 0, write: 0 }),
    (rx(0, 0x00), 4, 0x40, Patterns { mask: 0xFFFF_FF80, write: 0xFFFF_FF80 }),
    (rx(0, 0x04), 4, 0x40, Patterns { mask: u32::MAX, write: u32::MAX }),
    (rx(0, 0x08), 4, 0x40, Patterns { mask: 0x000F_FF80, write: 0x000F_FFFF }),
    (rx(0, 0x28), 4, 0x40, WriteOnly { value: ENABLE }),
    (rx(0, 0x18), 4, 0x40, Patterns { mask: 0x0000_FFFF, write: 0x0000_FFFF }),
    (rx(0, 0x28), 4, 0x40, WriteOnly { value: 0 }),
    (0x3200, 1, 0x40, Patterns { mask: u32::MAX, write: u32::MAX }),
    (tx(0, 0x00), 4, 0x40, Patterns { mask: 0xFFFF_FF80, write: u32::MAX }),
    (tx(0, 0x04), 4, 0x40, Patterns { mask: u32::MAX, write: u32::MAX }),
    (tx(0, 0x08), 4, 0x40, Patterns { mask: 0x000F_FF80, write: 0x000F_FF80 }),
    (RXCTRL, 1, 0x40, Set { mask: 1, write: 1 }),
    (0x5400, 16, 8, Patterns { mask: u32::MAX, write: u32::MAX }),
    (0x5404, 16, 8, Patterns { mask: 0x8001_FFFF, write: 0x800C_FFFF }),
    (MTA, 128, 4, Patterns { mask: u32::MAX, write: u32::MAX }),
];

#[test]
fn the_register_test_of_linux_passes_and_leaves_the_registers_as_they_were() {
    let driver = Driver::new();
    driver.reset();
    // The test toggles only bits of STATUS that cannot be written.
    let (status, toggled) = (driver.read(STATUS), 0x7FFF_F30F);
    driver.write(STATUS, status & toggled ^ toggled);
    assert_eq!(driver.read(STATUS), status);
    for (first, count, stride, kind) in LINUX {
        for offset in (0..*count).map(|n| first + n * stride) {
            let before = driver.read(offset);
            match kind {
                Patterns { mask, write } => {
                    for pattern in PATTERNS {
                        driver.write(offset, pattern & write);
                        assert_eq!(driver.read(offset), pattern & write & mask, "{offset:#x}: {pattern:#x}");
                        driver.write(offset, before);
                    }
                }
                Set { mask, write } => {
                    driver.write(offset, write & mask);
                    assert_eq!(driver.read(offset) & mask, write & mask, "{offset:#x}");
                    driver.write(offset, before);
                }
                WriteOnly { value } => {
                    driver.write(offset, *value);
                    // This is much longer than a queue takes to be enabled.
                    driver.wait_us(1_000);
                    continue;
                }
            }
            assert_eq!(driver.read(offset), before, "{offset:#x} is as it was");
        }
    }
}
