//! QSFP modules (SFF-8636): identification alone.

use super::{Form, Module, PAGE, Reach, Technology, Text, bytes, named, standard, sum};

/// Offsets in upper page 0, whose first byte is byte 128 of the module.
mod at {
    pub(super) const CONNECTOR: usize = 130 - 128;
    pub(super) const TEN_GIGABIT: usize = 131 - 128;
    pub(super) const ETHERNET: usize = 134 - 128;
    pub(super) const RATE: usize = 140 - 128;
    pub(super) const SINGLE_MODE: usize = 142 - 128;
    pub(super) const OM3: usize = 143 - 128;
    pub(super) const OM2: usize = 144 - 128;
    pub(super) const OM1: usize = 145 - 128;
    pub(super) const COPPER: usize = 146 - 128;
    pub(super) const TECHNOLOGY: usize = 147 - 128;
    pub(super) const VENDOR: usize = 148 - 128;
    pub(super) const OUI: usize = 165 - 128;
    pub(super) const PART: usize = 168 - 128;
    pub(super) const REVISION: usize = 184 - 128;
    pub(super) const BASE_SUM: usize = 191 - 128;
    pub(super) const SERIAL: usize = 196 - 128;
    pub(super) const DATE: usize = 212 - 128;
    pub(super) const EXTENDED_SUM: usize = 223 - 128;
}

/// The connector of a cable that cannot be taken off.
const NO_CONNECTOR: u8 = 0x23;
/// The upper half of byte 147: copper from here on, with amplifiers from the second on.
const COPPER: u8 = 0xA;
const ACTIVE_COPPER: u8 = 0xC;

/// Returns the standards that the codes name.
fn standards(page: &[u8; PAGE]) -> u16 {
    let (ten, one) = (page[at::TEN_GIGABIT], page[at::ETHERNET]);
    named([
        (ten, 4, standard::SR),
        (ten, 5, standard::LR),
        (ten, 6, standard::LRM),
        (one, 0, standard::SX),
        (one, 1, standard::LX),
        (one, 2, standard::CX),
        (one, 3, standard::T),
    ])
}

/// Interprets upper page 0 at address 0xA0.
pub(super) fn identification(page: &[u8; PAGE]) -> Module {
    let standards = standards(page);
    let technology = match page[at::TECHNOLOGY] >> 4 {
        ACTIVE_COPPER.. => Technology::ActiveCopper { limiting: false },
        COPPER.. => Technology::PassiveCopper,
        // 0 is also the value of a page that says nothing.
        0 if standards == 0 && page[at::CONNECTOR] != NO_CONNECTOR => Technology::Unknown,
        _ => Technology::Optical,
    };
    let metres = |at: usize, unit: u32| u32::from(page[at]) * unit;
    let is_cable = page[at::CONNECTOR] == NO_CONNECTOR || page[at::TECHNOLOGY] >> 4 >= COPPER;
    let reach = Reach {
        single_mode: metres(at::SINGLE_MODE, 1000),
        om1: metres(at::OM1, 1),
        om2: metres(at::OM2, 1),
        om3: metres(at::OM3, 2),
        // Of optics, the byte has the length of OM4 fiber.
        copper: if is_cable { metres(at::COPPER, 1) } else { 0 },
    };
    let intact = sum(&page[..at::BASE_SUM]) == page[at::BASE_SUM]
        && sum(&page[at::BASE_SUM + 1..at::EXTENDED_SUM]) == page[at::EXTENDED_SUM];
    Module {
        form: Form::of(page[0]),
        technology,
        vendor: Text::new(bytes(page, at::VENDOR)),
        oui: bytes(page, at::OUI),
        part: Text::new(bytes(page, at::PART)),
        revision: Text::new({
            let [a, b] = bytes(page, at::REVISION);
            [a, b, 0, 0]
        }),
        serial: Text::new(bytes(page, at::SERIAL)),
        date: Text::new(bytes(page, at::DATE)),
        reach,
        megabits: metres(at::RATE, 100),
        diagnostics: None,
        standards,
        intact,
        address_swap: false,
    }
}
