//! SFP and SFP+ modules (SFF-8472).

use super::{Form, Module, PAGE, Reach, Technology, Text, bytes, named, standard, sum};

/// Offsets at I2C address 0xA0.
mod at {
    pub(super) const TEN_GIGABIT: usize = 3;
    pub(super) const ETHERNET: usize = 6;
    pub(super) const CABLE: usize = 8;
    pub(super) const RATE: usize = 12;
    pub(super) const SINGLE_MODE_KM: usize = 14;
    pub(super) const SINGLE_MODE: usize = 15;
    pub(super) const OM2: usize = 16;
    pub(super) const OM1: usize = 17;
    pub(super) const COPPER: usize = 18;
    pub(super) const OM3: usize = 19;
    pub(super) const VENDOR: usize = 20;
    pub(super) const OUI: usize = 37;
    pub(super) const PART: usize = 40;
    pub(super) const REVISION: usize = 56;
    pub(super) const CABLE_COMPLIANCE: usize = 60;
    pub(super) const BASE_SUM: usize = 63;
    pub(super) const SERIAL: usize = 68;
    pub(super) const DATE: usize = 84;
    pub(super) const DIAGNOSTICS: usize = 92;
    pub(super) const COMPLIANCE: usize = 94;
    pub(super) const EXTENDED_SUM: usize = 95;
}

/// Byte 8: a cable without or with electronics.
const PASSIVE: u8 = 1 << 2;
const ACTIVE: u8 = 1 << 3;
/// Byte 60 of an active cable: its amplifiers limit.
const LIMITING: u8 = 1 << 2;
/// Byte 92: the module measures; it changes its address only after a command.
const MEASURES: u8 = 1 << 6;
const ADDRESS_CHANGE: u8 = 1 << 2;

/// Returns the standards that the codes name.
fn standards(page: &[u8; PAGE]) -> u16 {
    let (ten, one) = (page[at::TEN_GIGABIT], page[at::ETHERNET]);
    named([
        (ten, 4, standard::SR),
        (ten, 5, standard::LR),
        (ten, 6, standard::LRM),
        (ten, 7, standard::ER),
        (one, 0, standard::SX),
        (one, 1, standard::LX),
        (one, 2, standard::CX),
        (one, 3, standard::T),
        (one, 4, standard::OTHER),
        (one, 6, standard::BX),
    ])
}

/// Returns `true` if the module has measurements at address 0xA2, in a revision of the standard that is known.
pub(super) fn measures(page: &[u8; PAGE]) -> bool {
    page[at::DIAGNOSTICS] & MEASURES != 0 && page[at::COMPLIANCE] != 0
}

/// Interprets bytes 0 to 127 at address 0xA0.
pub(super) fn identification(page: &[u8; PAGE]) -> Module {
    let standards = standards(page);
    let cable = page[at::CABLE];
    let technology = if cable & ACTIVE != 0 {
        Technology::ActiveCopper { limiting: page[at::CABLE_COMPLIANCE] & LIMITING != 0 }
    } else if cable & PASSIVE != 0 {
        Technology::PassiveCopper
    } else if standards & (standard::T | standard::CX) != 0 {
        Technology::TwistedPair
    } else if standards != 0 {
        Technology::Optical
    } else {
        Technology::Unknown
    };
    let metres = |at: usize, unit: u32| u32::from(page[at]) * unit;
    let is_cable = cable & (ACTIVE | PASSIVE) != 0;
    let reach = Reach {
        single_mode: metres(at::SINGLE_MODE_KM, 1000).max(metres(at::SINGLE_MODE, 100)),
        om1: metres(at::OM1, 10),
        om2: metres(at::OM2, 10),
        om3: metres(at::OM3, 10),
        // Of optics, the byte has the length of OM4 fiber.
        copper: if is_cable || technology == Technology::TwistedPair { metres(at::COPPER, 1) } else { 0 },
    };
    let intact = sum(&page[..at::BASE_SUM]) == page[at::BASE_SUM]
        && sum(&page[at::BASE_SUM + 1..at::EXTENDED_SUM]) == page[at::EXTENDED_SUM];
    Module {
        form: Form::of(page[0]),
        technology,
        vendor: Text::new(bytes(page, at::VENDOR)),
        oui: bytes(page, at::OUI),
        part: Text::new(bytes(page, at::PART)),
        revision: Text::new(bytes(page, at::REVISION)),
        serial: Text::new(bytes(page, at::SERIAL)),
        date: Text::new(bytes(page, at::DATE)),
        reach,
        megabits: metres(at::RATE, 100),
        diagnostics: None,
        standards,
        intact,
        address_swap: page[at::DIAGNOSTICS] & ADDRESS_CHANGE != 0,
    }
}
