//! The address of a PCI function.

use core::fmt;
use core::str::FromStr;

/// The address of a PCI function, as `lspci` prints it: `0000:03:00.0`, or `03:00.0` in domain 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

/// An error in the text of a PCI address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PciAddressError {
    /// The text does not have the form `0000:03:00.0` or `03:00.0`.
    Shape,
    /// A number is not hexadecimal, or is missing.
    NotHexadecimal {
        /// The name of the number.
        part: &'static str,
    },
    /// A number is too large.
    TooLarge {
        /// The name of the number.
        part: &'static str,
        /// The largest value of the number.
        max: u32,
    },
}

impl fmt::Display for PciAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape => f.write_str(
                "not the address of a PCI function: an address looks like 0000:03:00.0 or 03:00.0; `lspci -D` lists \
                 them",
            ),
            Self::NotHexadecimal { part } => {
                write!(
                    f,
                    "the {part} in the PCI address is not a hexadecimal number: an address looks like 0000:03:00.0"
                )
            }
            Self::TooLarge { part, max } => {
                write!(f, "the {part} in the PCI address is too large: it must be at most {max:#x}")
            }
        }
    }
}

impl core::error::Error for PciAddressError {}

impl PciAddress {
    /// Makes the address of `function` of `device` on `bus` in `domain`.
    ///
    /// # Errors
    ///
    /// [`PciAddressError::TooLarge`]: a bus has 32 devices of 8 functions.
    pub const fn new(domain: u32, bus: u8, device: u8, function: u8) -> Result<Self, PciAddressError> {
        if device > 0x1f {
            return Err(PciAddressError::TooLarge { part: "device", max: 0x1f });
        }
        if function > 7 {
            return Err(PciAddressError::TooLarge { part: "function", max: 7 });
        }
        Ok(Self { domain, bus, device, function })
    }
}

/// Reads the hexadecimal number `text`, called `part` in errors, which must be at most `max`.
fn number(text: &str, part: &'static str, max: u32) -> Result<u32, PciAddressError> {
    // `from_str_radix` would take a sign.
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(PciAddressError::NotHexadecimal { part });
    }
    match u32::from_str_radix(text, 16) {
        Ok(number) if number <= max => Ok(number),
        _ => Err(PciAddressError::TooLarge { part, max }),
    }
}

impl FromStr for PciAddress {
    type Err = PciAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rest, function) = text.split_once('.').ok_or(PciAddressError::Shape)?;
        let mut parts = rest.split(':');
        let (domain, bus, device) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(bus), Some(device), None, None) => ("0", bus, device),
            (Some(domain), Some(bus), Some(device), None) => (domain, bus, device),
            _ => return Err(PciAddressError::Shape),
        };
        // Linux assigns domains above 0xffff to host bridges that have none.
        let domain = number(domain, "domain", u32::MAX)?;
        let bus = number(bus, "bus", 0xff)? as u8;
        let device = number(device, "device", 0x1f)? as u8;
        Self::new(domain, bus, device, number(function, "function", 7)? as u8)
    }
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{:x}", self.domain, self.bus, self.device, self.function)
    }
}

impl fmt::Debug for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_forms_of_lspci_are_read() {
        let address = PciAddress::new(0, 3, 0, 1).unwrap();
        for text in ["0000:03:00.1", "03:00.1", "3:0.1", "0:3:0.1"] {
            assert_eq!(text.parse(), Ok(address), "{text}");
        }
        assert_eq!("10000:e1:1F.7".parse::<PciAddress>().unwrap().to_string(), "10000:e1:1f.7");
    }

    #[test]
    fn errors_name_the_wrong_part_of_an_address() {
        let said = |text: &str| text.parse::<PciAddress>().unwrap_err().to_string();
        for text in ["", "eth0", "03:00", "03", "1:2:3:4.0", "00.0"] {
            assert_eq!(text.parse::<PciAddress>(), Err(PciAddressError::Shape), "{text}");
        }
        assert!(said("eth0").contains("0000:03:00.0"));
        assert_eq!(said("03:20.0"), "the device in the PCI address is too large: it must be at most 0x1f");
        assert_eq!(said("03:00.8"), "the function in the PCI address is too large: it must be at most 0x7");
        assert_eq!(said("100:00.0"), "the bus in the PCI address is too large: it must be at most 0xff");
        for (text, part) in [("0g:00.0", "bus"), ("03:.0", "device"), ("03:+1.0", "device"), ("03:00.", "function")] {
            assert_eq!(text.parse::<PciAddress>(), Err(PciAddressError::NotHexadecimal { part }), "{text}");
        }
        assert_eq!("::.".parse::<PciAddress>(), Err(PciAddressError::NotHexadecimal { part: "domain" }));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(domain: u32, bus: u8, device in 0u8..32, function in 0u8..8) {
            let address = PciAddress::new(domain, bus, device, function).unwrap();
            prop_assert_eq!(address.to_string().parse(), Ok(address));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*", hex in "[0-9a-f:.+-]{0,20}") {
            for text in [text, hex] {
                if let Ok(address) = text.parse::<PciAddress>() {
                    prop_assert_eq!(address.to_string().parse(), Ok(address));
                }
            }
        }
    }
}
