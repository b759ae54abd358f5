//! Flow control by pause frames, IEEE 802.3x (datasheet 8.2.3.3, 8.2.3.22.34).
//!
//! A port that runs out of memory for packets asks its partner for a pause (XOFF), and ends it again (XON). With
//! [`FlowControl::Off`], the registers stay as the [reset](crate::device::Device::reset) sets them.

use crate::device::Control;
use crate::device::receive::STANDARD_FRAME;
use crate::field::{Enumeration, Value, ValueError};
use crate::mmio::{Bus, Index};
use crate::platform::Platform;
use crate::register::{ExclusiveAccess, WritableIn};
use crate::registers::{
    ANLP1, AUTOC, FCCFG, FCRTH, FCRTL, FCRTV, FCTTV, LINKS, LINKS2, MFLCN, PCS1GANA, PCS1GANLP, PCS1GLSTA,
    PacketBuffer, RXPBSIZE, Registers, autoc, fccfg, pcs1gana,
};
use crate::{index, value};

/// Which pause frames a port sends and obeys: see [`Config::flow_control`](crate::device::Config::flow_control).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlowControl {
    /// It sends none, and discards those that it receives.
    #[default]
    Off,
    /// It obeys pause frames.
    Receive,
    /// It sends pause frames.
    Transmit,
    /// It does both.
    Both,
}

impl FlowControl {
    /// Returns `true` if the port obeys pause frames.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::Receive | Self::Both)
    }

    /// Returns `true` if the port sends pause frames.
    #[must_use]
    pub const fn transmits(self) -> bool {
        matches!(self, Self::Transmit | Self::Both)
    }

    const fn new(receives: bool, transmits: bool) -> Self {
        match (receives, transmits) {
            (false, false) => Self::Off,
            (true, false) => Self::Receive,
            (false, true) => Self::Transmit,
            (true, true) => Self::Both,
        }
    }
}

/// The pause that is asked for, in units of 512 bit times: the longest.
const PAUSE: u64 = 0xffff;
/// What is left of a pause when it is asked for again.
const REFRESH: u64 = PAUSE / 2;
/// The distance of the high level from the size of the packet buffer while no pause frames are sent, in KiB. The device
/// uses the level for other things, too, so it is not 0.
const RESERVE: u64 = 24;

/// The fill levels of a packet buffer at which pauses begin and end, in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Levels {
    high: u64,
    low: u64,
}

/// What still arrives after a port has asked for a pause, in bit times: delays of cable, both interfaces, and partner.
const CABLE: u64 = 5_556;
const INTERFACE: u64 = 4_096 + 2_048 + 12_800;
const PAUSE_FRAME: u64 = 672;
const HIGHER_LAYERS: u64 = 6_144;
/// The delay of the host's bus, in bit times: what arrives before the device can write packets to memory again.
const HOST_BUS: u64 = 10_000;

impl Levels {
    /// Returns the levels for a packet buffer of `buffer` KiB and frames of up to `max_frame` bytes with CRC, by the
    /// formulas of drivers proven on silicon.
    fn new(buffer: u64, max_frame: u64) -> Self {
        let kib = |bits: u64| bits.div_ceil(8 * 1024);
        let frame = 8 * max_frame;
        // Preamble and gap of the frame that the partner has begun to send.
        let last = frame + 8 * 20;
        let delay = last + PAUSE_FRAME + 2 * CABLE + 2 * INTERFACE + HIGHER_LAYERS;
        // Some 44 percent more: a frame may take more room in the buffer than its bytes.
        let arrives = 36 * delay / 25 + 1 + 2 * last;
        let low = kib(2 * (2 * frame + 36 * HOST_BUS / 25 + 1));
        // A buffer too small for this has at least levels in order: equal ones would flood the link with frames.
        Self { high: buffer.saturating_sub(kib(arrives)).max(low + 1), low }
    }
}

/// Sets which pause frames the device sends and obeys.
pub(crate) fn set<H: Bus, P>(
    registers: Registers<'_, H, P>,
    mode: FlowControl,
    max_frame: usize,
) -> Result<(), ValueError>
where
    FCTTV: WritableIn<P>,
    FCRTL: WritableIn<P>,
    FCRTH: WritableIn<P>,
    FCRTV: WritableIn<P>,
    FCCFG: WritableIn<P>,
    MFLCN: WritableIn<P>,
{
    const UNITS: u64 = 1024 / 32;
    let buffer = index!(PacketBuffer, 0);
    let size = registers.rxpbsize(buffer).read().field(RXPBSIZE::SIZE);
    // DPF: pause frames do not reach the host.
    registers.mflcn().write(value!(MFLCN { DPF: true }).with(MFLCN::RFCE, mode.receives()));
    if !mode.transmits() {
        registers.fccfg().write(value!(FCCFG {}));
        registers.fcrtl(buffer).write(value!(FCRTL {}));
        registers.fcrth(buffer).write(Value::EMPTY.try_with(FCRTH::RTH, size.saturating_sub(RESERVE) * UNITS)?);
        return Ok(());
    }
    // The device receives standard frames in any case.
    let Levels { high, low } = Levels::new(size, max_frame.max(STANDARD_FRAME) as u64);
    for index in Index::all() {
        let pause = Value::EMPTY.try_with(FCTTV::TTV_2N, PAUSE)?.try_with(FCTTV::TTV_2N_1, PAUSE)?;
        registers.fcttv(index).write(pause);
    }
    registers.fcrtv().write(Value::EMPTY.try_with(FCRTV::FC_REFRESH_TH, REFRESH)?);
    registers.fcrtl(buffer).write(value!(FCRTL { XONE: true }).try_with(FCRTL::RTL, low * UNITS)?);
    registers.fcrth(buffer).write(value!(FCRTH { FCEN: true }).try_with(FCRTH::RTH, high * UNITS)?);
    registers.fccfg().write(value!(FCCFG { TFCE: fccfg::TFCE::Link }));
    Ok(())
}

/// The abilities that a port advertises in negotiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Abilities {
    symmetric: bool,
    asymmetric: bool,
}

impl Abilities {
    /// Returns the abilities in two bits, the symmetric one first.
    const fn from_bits(bits: u64) -> Self {
        Self { symmetric: bits & 1 != 0, asymmetric: bits & 2 != 0 }
    }
}

/// Sets what the port advertises in the link's mode, if the mode negotiates. The caller restarts the link.
pub(crate) fn advertise<H: Bus, P>(registers: Registers<'_, H, P>, asked: FlowControl)
where
    AUTOC: WritableIn<P>,
    PCS1GANA: WritableIn<P>,
{
    let mode = registers.autoc().read().field(AUTOC::LMS);
    // To obey pauses without sending any is asked for by offering both (IEEE 802.3, annex 28B).
    let (clause_37, backplane) = match asked {
        FlowControl::Off => (pcs1gana::ASM::NoPause, autoc::PB::NoPause),
        FlowControl::Transmit => (pcs1gana::ASM::Asymmetric, autoc::PB::Asymmetric),
        FlowControl::Receive | FlowControl::Both => {
            (pcs1gana::ASM::SymmetricAndAsymmetric, autoc::PB::SymmetricAndAsymmetric)
        }
    };
    if negotiates_clause_37(mode) {
        registers.pcs1gana().modify(Value::EMPTY.with(PCS1GANA::ASM, clause_37));
    }
    if negotiates_backplane(mode) {
        registers.autoc().modify(Value::EMPTY.with(AUTOC::PB, backplane));
    }
}

fn negotiates_clause_37(mode: Option<autoc::LMS>) -> bool {
    matches!(mode, Some(autoc::LMS::OneGigabitAn | autoc::LMS::Kx4KxKrOneGigabitAn))
}

fn negotiates_backplane(mode: Option<autoc::LMS>) -> bool {
    matches!(mode, Some(autoc::LMS::Kx4KxKr | autoc::LMS::Kx4KxKrOneGigabitAn | autoc::LMS::Kx4KxKrSgmii))
}

/// Returns what both partners agreed on, or what was asked for where nothing is negotiated, or was.
///
/// The device does not act on the result by itself.
pub(crate) fn negotiated<H: Bus, P: ExclusiveAccess>(
    registers: Registers<'_, H, P>,
    asked: FlowControl,
) -> FlowControl {
    if asked == FlowControl::Off {
        return asked;
    }
    let mode = registers.autoc().read().field(AUTOC::LMS);
    let backplane = negotiates_backplane(mode).then(|| by_backplane(registers)).flatten();
    let abilities = backplane.or_else(|| negotiates_clause_37(mode).then(|| by_clause_37(registers)).flatten());
    abilities.map_or(asked, |(ours, partner)| agree(asked, ours, partner))
}

/// Returns what both ends of a link of 1 Gbit/s advertised, if they negotiated.
fn by_clause_37<H: Bus, P: ExclusiveAccess>(registers: Registers<'_, H, P>) -> Option<(Abilities, Abilities)> {
    let status = registers.pcs1glsta().read_with_side_effects();
    if !status.field(PCS1GLSTA::AN_1G_COMPLETE) || status.field(PCS1GLSTA::AN_1G_TIMEDOUT) {
        return None;
    }
    let ours = registers.pcs1gana().read().field(PCS1GANA::ASM)?;
    let partner = registers.pcs1ganlp().read().field(PCS1GANLP::LPASM)?;
    Some((Abilities::from_bits(ours.to_bits()), Abilities::from_bits(partner.to_bits())))
}

/// Returns what both ends of a backplane advertised, if they negotiated.
fn by_backplane<H: Bus, P: ExclusiveAccess>(registers: Registers<'_, H, P>) -> Option<(Abilities, Abilities)> {
    let is_complete = registers.links().read_with_side_effects().field(LINKS::BACKPLANE_AN_COMPLETED);
    if !is_complete || !registers.links2().read().field(LINKS2::LINK_PARTNER_AN) {
        return None;
    }
    let ours = registers.autoc().read().field(AUTOC::PB)?;
    // C0 and C1 of the partner's page are bits 10 and 11 (IEEE 802.3, clause 73.6.6).
    let partner = registers.anlp1().read().field(ANLP1::LP_AN_PAGE_D_LOW) >> 10;
    Some((Abilities::from_bits(ours.to_bits()), Abilities::from_bits(partner)))
}

/// Returns the flow control of a link by what both ends advertised (IEEE 802.3, annex 28B.3), within what was asked for.
fn agree(asked: FlowControl, ours: Abilities, partner: Abilities) -> FlowControl {
    let both_asymmetric = ours.asymmetric && partner.asymmetric;
    let (receives, transmits) = match (ours.symmetric, partner.symmetric) {
        (true, true) => (true, true),
        (true, false) => (both_asymmetric, false),
        (false, true) => (false, both_asymmetric),
        (false, false) => (false, false),
    };
    FlowControl::new(receives && asked.receives(), transmits && asked.transmits())
}

impl<H: Platform> Control<'_, H> {
    /// Returns the flow control in effect: what the link's partner agreed to, where that is negotiated.
    ///
    /// [`link`](Self::link), [`link_status`](Self::link_status) and [`health`](Self::health) set it anew when they find
    /// that the link has come up again.
    #[must_use]
    pub fn flow_control(&self) -> FlowControl {
        self.settings.flow_control
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_proven_drivers() {
        // Linux with 512 KiB and an MTU of 1500.
        assert_eq!(Levels::new(512, 1518), Levels { high: 497, low: 10 });
        // By hand from the formulas: 517,723 and 536,706 bit times.
        assert_eq!(Levels::new(512, 15_872), Levels { high: 448, low: 66 });
        assert_eq!(Levels::new(8, 1518), Levels { high: 11, low: 10 }, "in order, whatever the size");
    }

    #[test]
    fn partners_agree_as_the_standard_has_it() {
        use FlowControl::{Both, Off, Receive, Transmit};
        let abilities = |bits| Abilities::from_bits(bits);
        // What was asked, what that advertises, what the partner advertises, and the result.
        for (asked, ours, partner, result) in [
            (Both, 3, 3, Both),
            (Both, 3, 1, Both),
            (Both, 3, 2, Receive),
            (Both, 3, 0, Off),
            (Receive, 3, 3, Receive),
            (Receive, 3, 1, Receive),
            (Receive, 3, 2, Receive),
            (Receive, 3, 0, Off),
            (Transmit, 2, 3, Transmit),
            (Transmit, 2, 1, Off),
            (Transmit, 2, 2, Off),
            // The firmware held the link, so the port advertises something else.
            (Transmit, 3, 3, Transmit),
            (Both, 1, 2, Off),
            (Receive, 2, 3, Off),
        ] {
            assert_eq!(agree(asked, abilities(ours), abilities(partner)), result, "{asked:?} {ours} {partner}");
        }
    }
}
