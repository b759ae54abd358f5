//! Compares two drivers by what they do to the registers.
//!
//! A trace is summarised first: what is written to each register, which registers are read, and the order of the steps
//! of bring-up and stop. So it does not matter how often a driver polls, or in which order it clears two tables.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use ixgbe::info::{AccessKind, RegisterInfo};
use ixgbe::registers::REGISTERS;
use ixgbe::trace::{Entry, RegisterAccess, Trace};

/// Registers whose values follow memory, packets, time, or a bus of single bits: they are not compared.
pub(super) const FREE_VALUES: [&str; 24] = [
    "RDBAL",
    "RDBAH",
    "TDBAL",
    "TDBAH",
    "RDT",
    "TDT",
    "EICR",
    "EICS",
    "EIMS",
    "EIMC",
    "EITR",
    "EEC",
    "EERD",
    "I2CCTL",
    "MSCA",
    "MSRWD",
    "SWSM",
    "SW_FW_SYNC",
    "RTTDQSEL",
    "RSSRK",
    "IPSTXIDX",
    "IPSRXIDX",
    "SYSTIML",
    "SYSTIMH",
];

/// Returns `true` if the register counts events: reading it clears it, or the datasheet calls it so. Who reads which of
/// them says nothing about bring-up.
fn is_counter(name: &str) -> bool {
    let counts = |info: &RegisterInfo| {
        info.group == "statistics" || info.access == AccessKind::Rc || info.title.contains("Counter")
    };
    REGISTERS.iter().any(|info| info.name == name && counts(info))
}

/// One step of bring-up or stop.
struct Step {
    name: &'static str,
    register: &'static str,
    write: bool,
    /// Bits of the value that must be set, and that must be clear.
    set: u32,
    clear: u32,
    order: Order,
}

/// Which place of a step counts, if its order is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    First,
    Last,
    /// Only whether the step is taken is compared.
    Any,
}

const fn step(order: Order, name: &'static str, register: &'static str, write: bool, set: u32, clear: u32) -> Step {
    Step { name, register, write, set, clear, order }
}

use Order::{Any, First, Last};

const RESET: u32 = 1 << 26 | 1 << 3;
const ENABLE: u32 = 1 << 25;
const LASER_OFF: u32 = 1 << 3;

/// The steps between the last reset before traffic and the first doorbell. Of an array, the first element counts.
const BRING_UP: [Step; 24] = [
    step(Any, "interrupts masked", "EIMC", true, 0, 0),
    step(First, "EEPROM awaited", "EEC", false, 1 << 9, 0),
    step(First, "DMA awaited", "RDRXCTL", false, 1 << 3, 0),
    step(Any, "semaphore taken", "SW_FW_SYNC", true, 1 << 3, 0),
    step(First, "laser on", "ESDP", true, 0, LASER_OFF),
    step(First, "link restarted", "AUTOC", true, 1 << 12, 0),
    step(Any, "link pipeline reset", "ANLP1", false, 0, 0),
    step(First, "no snooping off", "CTRL_EXT", true, 1 << 16, 0),
    step(Any, "driver announced", "CTRL_EXT", true, 1 << 28, 0),
    step(Any, "interrupts enabled", "EIMS", true, 0, 0),
    step(First, "arbiter stopped", "RTTDCS", true, 1 << 6, 0),
    step(First, "transmit DMA enabled", "DMATXCTL", true, 1, 0),
    step(First, "transmit ring set up", "TDBAL", true, 0, 0),
    step(First, "transmit queue enabled", "TXDCTL", true, ENABLE, 0),
    step(First, "transmit queue awaited", "TXDCTL", false, ENABLE, 0),
    step(First, "receive ring set up", "RDBAL", true, 0, 0),
    step(First, "receive queue enabled", "RXDCTL", true, ENABLE, 0),
    step(First, "receive queue awaited", "RXDCTL", false, ENABLE, 0),
    step(First, "receive buffers posted", "RDT", true, 0, 0),
    step(Last, "receive path halted", "SECRXCTRL", true, 1 << 1, 0),
    step(Last, "receive path awaited", "SECRXSTAT", false, 1, 0),
    step(Last, "reception enabled", "RXCTRL", true, 1, 0),
    step(Last, "link seen up", "LINKS", false, 1 << 30, 0),
    step(First, "first packet sent", "TDT", true, 0, 0),
];

/// The steps after the last doorbell.
const STOP: [Step; 12] = [
    step(Any, "interrupts masked", "EIMC", true, 0, 0),
    step(First, "receive path halted", "SECRXCTRL", true, 1 << 1, 0),
    step(First, "reception disabled", "RXCTRL", true, 0, 1),
    step(First, "transmit queue disabled", "TXDCTL", true, 0, ENABLE),
    step(First, "transmit queue drained", "TXDCTL", false, 0, ENABLE),
    step(First, "receive queue disabled", "RXDCTL", true, 0, ENABLE),
    step(First, "receive queue drained", "RXDCTL", false, 0, ENABLE),
    step(Any, "transmit DMA disabled", "DMATXCTL", true, 0, 1),
    step(First, "bus master disabled", "CTRL", true, 1 << 2, RESET),
    step(First, "bus master awaited", "STATUS", false, 0, 1 << 19),
    step(First, "laser off", "ESDP", true, LASER_OFF, 0),
    step(Any, "driver withdrawn", "CTRL_EXT", true, 0, 1 << 28),
];

impl Step {
    fn is(&self, named: &Named) -> bool {
        let (value, write) = (named.access.value as u32, named.access.write);
        let tail = !["TDT", "RDT"].contains(&self.register) || value != 0;
        let bits = value & self.set == self.set && value & self.clear == 0;
        write == self.write && bits && tail && named.is(self.register) && named.register.is_some_and(|(_, at)| at == 0)
    }

    /// Returns where the step is taken.
    fn place(&self, accesses: &[Named]) -> Option<usize> {
        match self.order {
            Last => accesses.iter().rposition(|access| self.is(access)),
            First | Any => accesses.iter().position(|access| self.is(access)),
        }
    }
}

/// Returns `true` if the order of the step is compared.
fn has_order(name: &str) -> bool {
    BRING_UP.iter().chain(&STOP).any(|step| step.name == name && step.order != Any)
}

/// Returns the accesses without reads of RDRXCTL that begin a read-modify-write: they await nothing.
fn without_modify(accesses: &[Named]) -> Vec<Named> {
    let mut kept = Vec::new();
    let mut write_follows = false;
    for named in accesses.iter().rev() {
        if named.is(AWAITED) {
            let modifies = !named.access.write && write_follows;
            write_follows = named.access.write;
            if modifies {
                continue;
            }
        }
        kept.push(*named);
    }
    kept.reverse();
    kept
}

/// The register whose bit is awaited, and that drivers also modify.
pub(super) const AWAITED: &str = "RDRXCTL";

/// What a driver writes to one register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Written {
    /// The last value before the last doorbell.
    running: Option<u32>,
    /// The bits that were set in any value.
    ever: u32,
}

/// What a driver does to the registers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    written: BTreeMap<String, BTreeMap<u32, Written>>,
    read: BTreeSet<String>,
    /// The steps of bring-up and of stop, in their order.
    steps: [Vec<&'static str>; 2],
    /// The time between the reset and the first write that sets anything up.
    pause: Duration,
}

/// An access, with its register and index if the description has it.
#[derive(Clone, Copy)]
struct Named {
    access: RegisterAccess,
    register: Option<(&'static RegisterInfo, u32)>,
}

impl Named {
    /// Returns `true` if the access is one of the register `name`.
    fn is(&self, name: &str) -> bool {
        self.register.is_some_and(|(info, _)| info.name == name)
    }

    /// Returns the name of the register, or its offset, and the index.
    fn name(&self) -> (String, u32) {
        match self.register {
            Some((info, index)) => (info.name.to_owned(), index),
            None => (format!("{:#07x}", self.access.offset), 0),
        }
    }
}

/// Returns `true` if an access of the register can be a step for which more than the first write counts.
pub(super) fn is_step(info: &RegisterInfo) -> bool {
    let counts = |step: &Step| !step.write || step.order == Last;
    BRING_UP.iter().chain(&STOP).any(|step| counts(step) && step.register == info.name)
}

/// Returns `true` if the access starts a reset.
pub(super) fn is_reset(access: RegisterAccess) -> bool {
    access.write && access.offset == 0 && access.value as u32 & RESET != 0
}

/// Returns `true` if the access lets the device send.
pub(super) fn is_doorbell(access: RegisterAccess) -> bool {
    access.write && access.value != 0 && access.register().is_some_and(|(info, _)| info.name == "TDT")
}

impl Summary {
    /// Summarises `trace`.
    #[must_use]
    pub fn of(trace: &Trace) -> Self {
        let (mut accesses, mut waits) = (Vec::new(), Vec::new());
        let mut registers = HashMap::new();
        for line in &trace.lines {
            match &line.entry {
                Entry::Wait(time) => waits.push((accesses.len(), *time)),
                // That an access is repeated says nothing.
                Entry::Times(access, _) => accesses.push(*access),
                entry => accesses.extend(entry.accesses()),
            }
        }
        let name = |access: RegisterAccess| {
            let register = *registers.entry((access.write, access.offset)).or_insert_with(|| access.register());
            Named { access, register }
        };
        let accesses: Vec<Named> = accesses.into_iter().map(name).collect();
        let is_doorbell = |named: &Named| named.access.write && named.access.value != 0 && named.is("TDT");
        let last = accesses.iter().rposition(is_doorbell).unwrap_or(accesses.len());
        let first = accesses.iter().position(is_doorbell).unwrap_or(accesses.len());
        let reset = accesses[..first].iter().rposition(|named| is_reset(named.access)).unwrap_or(0);
        let mut summary = Self::default();
        for (at, named) in accesses.iter().enumerate() {
            let ((name, index), access) = (named.name(), named.access);
            if !access.write {
                summary.read.insert(name);
                continue;
            }
            let free = FREE_VALUES.contains(&name.as_str());
            let written = summary.written.entry(name).or_default().entry(index).or_default();
            if free {
                continue;
            }
            written.ever |= access.value as u32;
            if at <= last {
                written.running = Some(access.value as u32);
            }
        }
        let steps = |steps: &[Step], accesses: &[Named]| {
            let accesses = without_modify(accesses);
            let mut found: Vec<_> = steps.iter().filter_map(|step| Some((step.place(&accesses)?, step.name))).collect();
            found.sort_by_key(|(at, _)| *at);
            found.into_iter().map(|(_, name)| name).collect()
        };
        let bring_up = &accesses[reset..accesses.len().min(first + 1)];
        summary.steps = [steps(&BRING_UP, bring_up), steps(&STOP, accesses.get(last + 1..).unwrap_or_default())];
        let resets = |named: &Named| ["CTRL", "EIMC", "EIMC_EX"].iter().any(|name| named.is(name));
        let sets_up = |named: &Named| named.access.write && !resets(named);
        let set_up = accesses[reset..].iter().position(sets_up).map_or(accesses.len(), |at| reset + at);
        summary.pause = waits.iter().filter(|(at, _)| (reset + 1..=set_up).contains(at)).map(|(_, time)| *time).sum();
        summary
    }
}

/// The kind of a difference between our driver and another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// They write a register, or elements of an array, that we do not write.
    TheyWrite,
    /// We write a register, or elements of an array, that they do not write.
    WeWrite,
    /// Both write it, and other values.
    Value,
    /// They only read a register that we neither read nor write. Counters do not count.
    TheyRead,
    /// We only read a register that they neither read nor write. Counters do not count.
    WeRead,
    /// They take a step that we do not take.
    TheyDo,
    /// We take a step that they do not take.
    WeDo,
    /// They take two steps in this order, and we in the other one.
    Order,
    /// The pause after the reset is less than half as long for one of us.
    Pause,
}

impl Kind {
    const ALL: [(Self, &'static str); 9] = [
        (Self::TheyWrite, "they write"),
        (Self::WeWrite, "we write"),
        (Self::Value, "value"),
        (Self::TheyRead, "they read"),
        (Self::WeRead, "we read"),
        (Self::TheyDo, "they do"),
        (Self::WeDo, "we do"),
        (Self::Order, "order"),
        (Self::Pause, "pause"),
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(kind, _)| kind == self).map_or("", |(_, name)| name))
    }
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(|(_, name)| name).join(", ");
        let found = Self::ALL.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind);
        found.ok_or_else(|| format!("`{text}` is not a kind of difference; expected one of: {}", names()))
    }
}

/// One difference between our driver and another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The register or array, a step of bring-up or stop, or two of them.
    pub subject: String,
    /// What differs.
    pub kind: Kind,
    /// Elements, values and fields.
    pub detail: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.kind)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

/// Returns how `theirs` differs from `ours`.
#[must_use]
pub fn compare(ours: &Summary, theirs: &Summary) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut add = |subject: &str, kind, detail: String| {
        differences.push(Difference { subject: subject.to_owned(), kind, detail });
    };
    let empty = BTreeMap::new();
    let names: BTreeSet<&String> = ours.written.keys().chain(theirs.written.keys()).collect();
    for name in names {
        let of = |summary: &'_ Summary| summary.written.get(name).unwrap_or(&empty).clone();
        let (we, they) = (of(ours), of(theirs));
        let only = |these: &BTreeMap<u32, Written>, those: &BTreeMap<u32, Written>| {
            these.keys().filter(|index| !those.contains_key(index)).copied().collect::<Vec<u32>>()
        };
        for (indices, kind, written) in
            [(only(&they, &we), Kind::TheyWrite, &they), (only(&we, &they), Kind::WeWrite, &we)]
        {
            if !indices.is_empty() {
                let values: BTreeSet<u32> = indices.iter().map(|index| written[index].ever).collect();
                let values: Vec<String> = values.iter().take(4).map(|value| format!("{value:#010x}")).collect();
                add(name, kind, format!("{}, bits {}", ranges(&indices), values.join(" ")));
            }
        }
        let other = |index: &&u32| {
            let (we, they) = (we[*index], they.get(*index));
            they.is_some_and(|they| {
                we.ever != they.ever || (we.running != they.running && we.running.and(they.running).is_some())
            })
        };
        let others: Vec<u32> = we.keys().filter(other).copied().collect();
        if let Some(first) = others.first() {
            let (we, they) = (we[first], they[first]);
            let show = |written: Written| match written.running {
                Some(value) if value == written.ever => format!("{value:#010x}"),
                Some(value) => format!("{value:#010x}, ever {:#010x}", written.ever),
                None => format!("ever {:#010x}", written.ever),
            };
            add(name, Kind::Value, format!("{} ours {}, theirs {}", ranges(&others), show(we), show(they)));
        }
    }
    let touched = |summary: &Summary, name: &String| summary.read.contains(name) || summary.written.contains_key(name);
    for (kind, these, those) in [(Kind::TheyRead, theirs, ours), (Kind::WeRead, ours, theirs)] {
        let only = |name: &&String| !touched(those, name) && !these.written.contains_key(*name) && !is_counter(name);
        these.read.iter().filter(only).for_each(|name| add(name, kind, String::new()));
    }
    for (part, (we, they)) in ["", "at the stop, "].iter().zip(ours.steps.iter().zip(&theirs.steps)) {
        for step in they.iter().filter(|step| !we.contains(step)) {
            add(&format!("{part}{step}"), Kind::TheyDo, String::new());
        }
        for step in we.iter().filter(|step| !they.contains(step)) {
            add(&format!("{part}{step}"), Kind::WeDo, String::new());
        }
        let at = |step: &&str| we.iter().position(|of| of == step);
        let both: Vec<&str> = they.iter().filter(|step| we.contains(step) && has_order(step)).copied().collect();
        for pair in both.windows(2).filter(|pair| at(&pair[0]) > at(&pair[1])) {
            add(&format!("{part}{} before {}", pair[0], pair[1]), Kind::Order, String::new());
        }
    }
    let (we, they) = (ours.pause, theirs.pause);
    if we * 2 < they || they * 2 < we {
        add("reset", Kind::Pause, format!("ours {} ms, theirs {} ms", we.as_millis(), they.as_millis()));
    }
    differences
}

/// Shows indices as ranges: `[0..3 7]`; nothing for a single register.
fn ranges(indices: &[u32]) -> String {
    if indices == [0] {
        return String::new();
    }
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for index in indices {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == *index => *last = *index,
            _ => parts.push((*index, *index)),
        }
    }
    let show = |(from, last): &(u32, u32)| if from == last { from.to_string() } else { format!("{from}..{last}") };
    format!("[{}]", parts.iter().map(show).collect::<Vec<_>>().join(" "))
}
