//! The SPI bus to the EEPROM, which software drives bit by bit through EEC (datasheet 8.2.3.2.1). The EEPROM accepts
//! two commands: read, and read status.

/// Reads consecutive bytes from a 16-bit address on.
const READ: u8 = 3;
/// Reads the status: 0 means ready and write-protected.
const STATUS: u8 = 5;
/// Number of bits of a command, and of a command with its address.
const COMMAND: u32 = 8;
const ADDRESSED: u32 = 24;

/// The bus and the EEPROM's input so far.
#[derive(Debug, Default)]
pub(crate) struct Spi {
    clock: bool,
    /// Number of bits since the EEPROM was selected.
    bits: u32,
    command: u8,
    address: u16,
    output: bool,
}

impl Spi {
    /// Sets the lines as software drives them. `byte` returns the EEPROM's byte at an address. Returns the level of the
    /// EEPROM's output.
    pub(crate) fn drive(&mut self, selected: bool, clock: bool, data: bool, byte: impl Fn(u16) -> u8) -> bool {
        let before = std::mem::replace(&mut self.clock, clock);
        if !selected {
            *self = Self { clock, output: true, ..Self::default() };
        } else if !before && clock {
            // The EEPROM samples a bit when the clock rises, and outputs one when it falls.
            match self.bits {
                0..COMMAND => self.command = self.command << 1 | u8::from(data),
                COMMAND..ADDRESSED => self.address = self.address << 1 | u16::from(data),
                _ => {}
            }
            self.bits += 1;
        } else if before && !clock {
            let given = |start: u32| self.bits.checked_sub(start).map(|bit| (bit / 8, 7 - bit % 8));
            let output = match self.command {
                READ => given(ADDRESSED).map(|(at, bit)| byte(self.address.wrapping_add(at as u16)) >> bit & 1 != 0),
                STATUS => given(COMMAND).map(|_| false),
                _ => None,
            };
            self.output = output.unwrap_or(true);
        }
        self.output
    }

    /// Returns the command just received, if it is not modelled.
    pub(crate) fn unknown(&self) -> Option<u8> {
        (self.bits == COMMAND && self.clock && !matches!(self.command, READ | STATUS)).then_some(self.command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the test EEPROM's byte, which depends on its address.
    fn byte(at: u16) -> u8 {
        (at.wrapping_mul(37) >> 3) as u8
    }

    fn clocked(spi: &mut Spi, data: bool) -> bool {
        spi.drive(true, false, data, byte);
        let level = spi.drive(true, true, data, byte);
        spi.drive(true, false, data, byte);
        level
    }

    fn send(spi: &mut Spi, value: u32, bits: u32) {
        (0..bits).rev().for_each(|bit| _ = clocked(spi, value >> bit & 1 != 0));
    }

    fn receive(spi: &mut Spi) -> u8 {
        (0..8).fold(0, |value, _| value << 1 | u8::from(clocked(spi, false)))
    }

    #[test]
    fn consecutive_bytes_are_read_from_any_address() {
        let mut spi = Spi::default();
        for start in [0_u16, 1, 0x7E, 0x1FFF, 0xFFFF] {
            spi.drive(false, false, false, byte);
            send(&mut spi, u32::from(READ) << 16 | u32::from(start), 24);
            let expected: Vec<u8> = (0..5).map(|n| byte(start.wrapping_add(n))).collect();
            let read: Vec<u8> = (0..5).map(|_| receive(&mut spi)).collect();
            assert_eq!(read, expected, "from {start:#x}");
        }
    }

    #[test]
    fn the_eeprom_is_ready_and_accepts_only_reads() {
        let mut spi = Spi::default();
        spi.drive(false, false, false, byte);
        send(&mut spi, u32::from(STATUS), 8);
        assert_eq!((receive(&mut spi), receive(&mut spi)), (0, 0));
        // When not selected, the EEPROM lets the line float high.
        assert!(spi.drive(false, false, false, byte));
        let write = 2;
        let unknown = (0..8).rev().find_map(|bit| {
            spi.drive(true, true, write >> bit & 1 != 0, byte);
            let heard = spi.unknown();
            spi.drive(true, false, false, byte);
            heard
        });
        assert_eq!(unknown, Some(2));
    }
}
