//! Pluggable modules and cables, as they describe themselves (SFF-8472, SFF-8636).
//!
//! [`Control::module`](crate::device::Control::module) and [`Device::module`](crate::device::Device::module) read the
//! module in a port's cage. Everything in it is input from outside: texts are stripped to printable ASCII, and sums
//! that are wrong are [reported](Module::is_intact), because modules with wrong sums are on sale and work.
//!
//! ```
//! use ixgbe::module::Module;
//!
//! let mut page = [0; 128];
//! (page[0], page[3]) = (0x03, 0x10);           // an SFP module for 10GBASE-SR
//! page[20..36].copy_from_slice(b"EXAMPLE         ");
//! let module = Module::from_sff8472(&page);
//! assert_eq!((module.vendor.as_str(), module.has_ten_gigabit()), ("EXAMPLE", true));
//! println!("{module}");
//! ```

mod decibel;
mod diagnostics;
mod sff8472;
mod sff8636;
mod text;

use core::fmt;

pub use diagnostics::{Alarms, Diagnostics, Level};
pub use text::Text;

/// The number of bytes of a page that identifies a module.
pub const PAGE: usize = 128;

/// The plug that a module says it has (SFF-8024, identifiers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// SFP or SFP+: identifier 0x03.
    Sfp,
    /// QSFP: identifiers 0x0C, 0x0D (QSFP+) and 0x11 (QSFP28).
    Qsfp,
    /// Another identifier. A module whose controller is still booting may show a wrong one.
    Other(u8),
}

impl Form {
    pub(crate) const fn of(identifier: u8) -> Self {
        match identifier {
            0x03 => Self::Sfp,
            0x0C | 0x0D | 0x11 => Self::Qsfp,
            other => Self::Other(other),
        }
    }
}

/// The kind of cable or optics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Technology {
    /// A direct-attach cable of copper, without electronics in the path.
    PassiveCopper,
    /// A direct-attach cable of copper with amplifiers, which limit or not.
    ActiveCopper {
        /// `true` if the amplifiers limit. Stock drivers refuse cables whose amplifiers do not.
        limiting: bool,
    },
    /// An optical transceiver or an active optical cable.
    Optical,
    /// A transceiver for twisted pairs (1000BASE-T).
    TwistedPair,
    /// The module does not say it in a way that is known here.
    Unknown,
}

impl fmt::Display for Technology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PassiveCopper => "passive copper cable",
            Self::ActiveCopper { limiting: true } => "active copper cable, limiting",
            Self::ActiveCopper { limiting: false } => "active copper cable, not limiting",
            Self::Optical => "optical",
            Self::TwistedPair => "twisted pair",
            Self::Unknown => "of an unknown kind",
        })
    }
}

/// The longest link that the module supports, in metres, by medium. 0 if the module does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// Single-mode fiber.
    pub single_mode: u32,
    /// Multi-mode fiber of 62.5 um (OM1).
    pub om1: u32,
    /// Multi-mode fiber of 50 um (OM2).
    pub om2: u32,
    /// Multi-mode fiber of 50 um (OM3).
    pub om3: u32,
    /// Copper: the length of a cable.
    pub copper: u32,
}

/// A module or cable.
///
/// Its `Display` has several lines, without a line break at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module {
    /// The plug.
    pub form: Form,
    /// The kind of cable or optics.
    pub technology: Technology,
    /// The name of the vendor.
    pub vendor: Text<16>,
    /// The vendor's IEEE company identifier; zeros if there is none.
    pub oui: [u8; 3],
    /// The vendor's number of the part.
    pub part: Text<16>,
    /// The revision of the part.
    pub revision: Text<4>,
    /// The serial number.
    pub serial: Text<16>,
    /// The date code: year, month, day and lot.
    pub date: Text<8>,
    /// The longest supported link.
    pub reach: Reach,
    /// The nominal rate in Mbit/s; 0 if the module does not say.
    pub megabits: u32,
    /// What the module measures, if it does. Not read of a QSFP module.
    pub diagnostics: Option<Diagnostics>,
    standards: u16,
    intact: bool,
    address_swap: bool,
}

/// The standards that a module can name, with the bit of each in [`Module::standards`].
const STANDARDS: [(u16, &str); 10] = [
    (standard::SR, "10GBASE-SR"),
    (standard::LR, "10GBASE-LR"),
    (standard::LRM, "10GBASE-LRM"),
    (standard::ER, "10GBASE-ER"),
    (standard::SX, "1000BASE-SX"),
    (standard::LX, "1000BASE-LX"),
    (standard::CX, "1000BASE-CX"),
    (standard::T, "1000BASE-T"),
    (standard::BX, "1000BASE-BX10"),
    (standard::OTHER, "another of 1 Gbit/s or less"),
];

/// Bits of [`Module::standards`].
mod standard {
    pub(super) const SR: u16 = 1 << 0;
    pub(super) const LR: u16 = 1 << 1;
    pub(super) const LRM: u16 = 1 << 2;
    pub(super) const ER: u16 = 1 << 3;
    pub(super) const SX: u16 = 1 << 4;
    pub(super) const LX: u16 = 1 << 5;
    pub(super) const CX: u16 = 1 << 6;
    pub(super) const T: u16 = 1 << 7;
    pub(super) const BX: u16 = 1 << 8;
    /// Bits whose meaning differs between drivers: LX10, CX, LHA. Taken as some optics of 1 Gbit/s or less.
    pub(super) const OTHER: u16 = 1 << 9;
    pub(super) const TEN_GIGABIT: u16 = SR | LR | LRM | ER;
}

/// Returns the standards that codes name: each entry has the byte, the bit in it, and what that bit names.
fn named<const N: usize>(codes: [(u8, u32, u16); N]) -> u16 {
    codes.iter().filter(|(code, bit, _)| code >> bit & 1 != 0).fold(0, |all, (.., standard)| all | standard)
}

impl Module {
    /// Interprets bytes 0 to 127 at I2C address 0xA0 of a module after SFF-8472.
    #[must_use]
    pub fn from_sff8472(page: &[u8; PAGE]) -> Self {
        sff8472::identification(page)
    }

    /// Interprets bytes 128 to 255 (upper page 0) at I2C address 0xA0 of a module after SFF-8636.
    #[must_use]
    pub fn from_sff8636(page: &[u8; PAGE]) -> Self {
        sff8636::identification(page)
    }

    /// Adds what the module measures, from bytes 0 to 127 at I2C address 0xA2, if it [measures](Self::measures) anything.
    #[must_use]
    pub fn with_diagnostics(mut self, identification: &[u8; PAGE], page: &[u8; PAGE]) -> Self {
        self.diagnostics = self.measures(identification).then(|| Diagnostics::new(identification, page));
        self
    }

    /// Returns `true` if a module with these bytes at I2C address 0xA0 has measurements at address 0xA2.
    ///
    /// Not if the address must be changed first: to do so takes a write to the module, which this crate never makes.
    #[must_use]
    pub fn measures(&self, identification: &[u8; PAGE]) -> bool {
        self.form == Form::Sfp && !self.address_swap && sff8472::measures(identification)
    }

    /// Returns the names of the Ethernet standards that the module supports. A cable has none.
    pub fn standards(&self) -> impl Iterator<Item = &'static str> + use<> {
        let standards = self.standards;
        STANDARDS.into_iter().filter(move |(bit, _)| standards & bit != 0).map(|(_, name)| name)
    }

    /// Returns `true` if the module runs at 10 Gbit/s: optics that name such a standard, and all cables.
    #[must_use]
    pub const fn has_ten_gigabit(&self) -> bool {
        self.standards & standard::TEN_GIGABIT != 0
            || matches!(self.technology, Technology::PassiveCopper | Technology::ActiveCopper { .. })
    }

    /// Returns `true` if the module names a standard of 1 Gbit/s.
    #[must_use]
    pub const fn has_one_gigabit(&self) -> bool {
        self.standards & !standard::TEN_GIGABIT != 0
    }

    /// Returns `true` if the module runs at 10 Gbit/s and at 1 Gbit/s, as stock drivers decide it: SR with SX, LR with LX.
    #[must_use]
    pub const fn is_multispeed(&self) -> bool {
        let (short, long) = (standard::SR | standard::SX, standard::LR | standard::LX);
        self.standards & short == short || self.standards & long == long
    }

    /// Returns `true` if the module's sums over its identification are right.
    #[must_use]
    pub const fn is_intact(&self) -> bool {
        self.intact
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.form {
            Form::Sfp => f.write_str("SFP")?,
            Form::Qsfp => f.write_str("QSFP")?,
            Form::Other(identifier) => write!(f, "module with identifier {identifier:#04x}")?,
        }
        write!(f, ", {}", self.technology)?;
        for name in self.standards() {
            write!(f, ", {name}")?;
        }
        let Reach { single_mode, om1, om2, om3, copper } = self.reach;
        let lengths = [
            (copper, "copper"),
            (single_mode, "single-mode fiber"),
            (om3, "OM3 fiber"),
            (om2, "OM2 fiber"),
            (om1, "OM1 fiber"),
        ];
        for (metres, medium) in lengths.into_iter().filter(|(metres, _)| *metres > 0) {
            write!(f, ", {metres} m of {medium}")?;
        }
        let [vendor, part, revision, serial] =
            [self.vendor.as_str(), self.part.as_str(), self.revision.as_str(), self.serial.as_str()];
        write!(f, "\n  vendor {vendor:?}, part {part:?} revision {revision:?}, serial {serial:?}")?;
        if !self.intact {
            f.write_str("\n  a sum over this is wrong: the module was misread, or its maker left it out")?;
        }
        match &self.diagnostics {
            Some(diagnostics) => write!(f, "\n  {diagnostics}"),
            None => Ok(()),
        }
    }
}

/// Returns the sum of `bytes` modulo 256, as both standards have it.
fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// Returns `N` bytes of `page` from `start` on. All callers stay inside the page.
fn bytes<const N: usize>(page: &[u8; PAGE], start: usize) -> [u8; N] {
    core::array::from_fn(|n| page.get(start + n).copied().unwrap_or(0))
}
