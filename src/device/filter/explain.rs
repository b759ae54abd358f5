//! Explanation of what the device does with a frame, from its rules alone. No register is touched here.

use crate::device::filter::accept::BROADCAST;
use crate::device::filter::frame::{Frame, TAG};
use crate::device::filter::table::Rules;
use crate::device::filter::tuple::Tuple;
use crate::device::filter::{Accept, Action, Rule};
use crate::device::receive::STANDARD_FRAME;
use crate::device::rss::{RSS_TABLE_LEN, Rss};
use crate::registers::RxQueue;

/// The length of the CRC, which the frames that are explained do not have.
const CRC: usize = 4;
/// The length of the shortest frame, without CRC.
const SHORTEST: usize = 60;

/// What the device does with a frame, and why: see [`Filters::explain`](crate::device::filter::Filters::explain).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// What happens.
    pub action: Action,
    /// What decided it.
    pub decision: Decision,
    /// Why the device accepted the frame, or `None` if it did not.
    pub acceptance: Option<Acceptance>,
}

/// The reason why a device accepts a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Acceptance {
    /// The frame is for the device's own address.
    OwnAddress,
    /// The frame is for all.
    Broadcast,
    /// A rule accepts it.
    Rule(Accept),
    /// [`Config`](crate::device::Config) or [`Control::set_promiscuous`](crate::device::Control::set_promiscuous)
    /// accepts it.
    Promiscuous,
}

/// What decides over a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The frame has fewer than 60 bytes without CRC: the MAC drops it.
    TooShort,
    /// The frame is longer than this number of bytes with CRC: the MAC drops it.
    TooLong {
        /// The limit.
        max: usize,
    },
    /// Nothing accepts frames for its address.
    NoAddress,
    /// There are rules for VLANs, and none for that in the tag.
    NoVlan {
        /// The VLAN id in the tag.
        id: u16,
    },
    /// A rule matches.
    Rule(Rule),
    /// No rule matches, and RSS decides.
    Hash {
        /// The hash.
        hash: u32,
        /// The entry of the table that the hash selects.
        entry: usize,
    },
    /// No rule matches, and there is no hash: queue 0.
    Default,
}

/// What the explanation depends on, other than the rules.
#[derive(Debug)]
pub(super) struct Settings<'a> {
    pub(super) mac: [u8; 6],
    pub(super) max_frame: usize,
    pub(super) queues: usize,
    pub(super) rss: &'a Rss,
}

impl Decision {
    /// Explains a frame that the device does not accept.
    fn refuses(self) -> Explanation {
        Explanation { action: Action::Drop, decision: self, acceptance: None }
    }
}

/// Explains what a device with `rules` and `settings` does with the frame `bytes`, which has no CRC.
pub(super) fn explain(rules: &Rules, settings: &Settings<'_>, bytes: &[u8]) -> Explanation {
    let Some(frame) = Frame::parse(bytes).filter(|_| bytes.len() >= SHORTEST) else {
        return Decision::TooShort.refuses();
    };
    let max = settings.max_frame.max(STANDARD_FRAME) + frame.tag.map_or(0, |_| TAG);
    if bytes.len() + CRC > max {
        return Decision::TooLong { max }.refuses();
    }
    let Some(acceptance) = acceptance(rules, settings.mac, frame.destination) else {
        return Decision::NoAddress.refuses();
    };
    if let Some(id) = frame.tag.map(|tag| tag & 0x0fff).filter(|id| !rules.accepts_vlan(*id)) {
        return Decision::NoVlan { id }.refuses();
    }
    let (action, decision) = match matching(rules, &frame) {
        Some((rule, action)) => (action, Decision::Rule(rule)),
        None => spread(settings, &frame),
    };
    Explanation { action, decision, acceptance: Some(acceptance) }
}

fn acceptance(rules: &Rules, own: [u8; 6], destination: [u8; 6]) -> Option<Acceptance> {
    if destination == own {
        return Some(Acceptance::OwnAddress);
    }
    if destination == BROADCAST {
        return Some(Acceptance::Broadcast);
    }
    let all = if destination[0] & 1 != 0 { rules.accepts_all_multicast() } else { rules.accepts_all_unicast() };
    rules.accepting(destination).map(Acceptance::Rule).or_else(|| all.then_some(Acceptance::Promiscuous))
}

/// Returns the rule that decides over a frame, and what it does.
fn matching(rules: &Rules, frame: &Frame<'_>) -> Option<(Rule, Action)> {
    if let Some((ether_type, queue)) = rules.ether_type(frame.ether_type) {
        return Some((Rule::EtherType(ether_type, queue), Action::Queue(queue)));
    }
    let packet = frame.packet?;
    let matching = rules.five_tuples().filter(|(filter, _)| filter.matches(&packet));
    if let Some((filter, queue)) = matching.max_by_key(|(filter, _)| filter.priority) {
        return Some((Rule::FiveTuple(filter, queue), Action::Queue(queue)));
    }
    let flows = rules.flows()?;
    let rule = flows.matching(&Tuple::of(frame, &flows.settings)?)?;
    Some((rule, rule.action()?))
}

/// Returns the queue that RSS chooses.
fn spread(settings: &Settings<'_>, frame: &Frame<'_>) -> (Action, Decision) {
    let hashed = frame.packet.filter(|_| settings.queues > 1).and_then(|packet| {
        let [source, destination] = packet.ends();
        let hash = settings.rss.hash(packet.transport(), source, destination)?;
        let entry = hash as usize % RSS_TABLE_LEN;
        let queue = RxQueue::new(usize::from(*settings.rss.table.get(entry)?)).ok()?;
        Some((Action::Queue(queue), Decision::Hash { hash, entry }))
    });
    hashed.unwrap_or((Action::Queue(crate::index!(RxQueue, 0)), Decision::Default))
}
