//! Plays a trace on a new model, and lists where the model answers otherwise.
//!
//! # Rules
//!
//! - Every write is made, and every read. A read is compared with the trace, unless it differs by nature:
//!   [`incomparable`] has these registers and the reasons.
//! - A trace of real time and the model need not agree when something is done. So a read that the model answers
//!   otherwise is repeated, for up to 100 ms of model time, until the model answers the same: it is then *late*. A read
//!   with side effects is repeated once, when the register has that value.
//! - In a row of reads of one register, the model may already give the last answer of the row where the trace has an
//!   earlier one. If that earlier answer is one that the model gave before or was written, it is *passed over*.
//! - Everything else is a [`Mismatch`]. A wait in vain would delay all that follows. So the replay begins again on a new
//!   model, and does not wait for that read.
//! - No packet moves: the model has none of the memory that the trace's rings were in.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use ixgbe::info::{AccessKind, RegisterInfo};
use ixgbe::mmio::Offset;
use ixgbe::trace::{Entry, RegisterAccess, Trace};

use super::compare::is_reset;
use crate::wire::NoTraffic;
use crate::{Port, PortConfig};

/// How long a read may be late, in model time.
const LATE: Duration = Duration::from_millis(100);
/// The longest interval between two reads of a register that is awaited.
const INTERVAL: Duration = Duration::from_millis(1);
/// The time after the start of a reset in which no register may be accessed (8.2.3.1.1).
const QUIET: Duration = Duration::from_millis(1);
/// How often a replay begins again, and how many accesses all rounds may make. Beyond that, nothing more is waited for.
const ROUNDS: usize = 64;
const WORK: u64 = 10_000_000;
/// The time that all waits of a trace may take on the model. Later ones are skipped.
const WAITS: Duration = Duration::from_secs(600);

/// A read for which model and trace have different answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch {
    /// The line in the trace.
    pub line: usize,
    /// The read, with the value in the trace.
    pub expected: RegisterAccess,
    /// What the model answered.
    pub found: u32,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (expected, found) = (self.expected.value, u64::from(self.found));
        write!(f, "line {}: ", self.line)?;
        let Some((info, index)) = self.expected.register() else {
            let offset = self.expected.offset;
            return write!(f, "{offset:#07x}: expected {expected:#010x}, found {found:#010x}");
        };
        f.write_str(info.name)?;
        if info.count() > 1 {
            write!(f, "[{index}]")?;
        }
        write!(f, ": expected {expected:#010x}, found {found:#010x}")?;
        let mut covered = 0;
        let differing = info.fields.iter().filter(|field| field.of(expected) != field.of(found));
        let mut separator = "; ";
        for field in differing {
            covered |= u64::MAX >> (64 - field.width) << field.lsb;
            let bits = match field.width {
                1 => format!("bit {}", field.lsb),
                width => format!("bits {}:{}", field.lsb + width - 1, field.lsb),
            };
            let shown = field.show(found).to_string();
            let value = shown.split_once(": ").map_or(&*shown, |(_, value)| value);
            write!(f, "{separator}{} ({bits}), found {value}", field.show(expected))?;
            separator = "; ";
        }
        match (expected ^ found) & !covered {
            0 => Ok(()),
            rest => write!(f, "{separator}reserved bits {rest:#010x}"),
        }
    }
}

/// The result of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay {
    /// The mismatches, in the order of the trace: one for each register in a line.
    pub mismatches: Vec<Mismatch>,
    /// The number of reads that were compared.
    pub compared: u64,
    /// The number of writes.
    pub writes: u64,
    /// Reads that were not compared: their registers, and how many, by the reason.
    pub incomparable: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// The number of reads that the model answered as the trace, but later.
    pub late: u64,
    /// Lines with reads for which the model was ahead.
    pub passed_over: BTreeSet<usize>,
    /// The number of accesses that the trace leaves out.
    pub omitted: u64,
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mismatch in &self.mismatches {
            writeln!(f, "{mismatch}")?;
        }
        for (reason, registers) in &self.incomparable {
            let registers: Vec<String> = registers.iter().map(|(name, count)| format!("{name} {count}x")).collect();
            writeln!(f, "not compared, because {reason}: {}", registers.join(", "))?;
        }
        let lines: Vec<String> = self.passed_over.iter().map(ToString::to_string).collect();
        if !lines.is_empty() {
            writeln!(f, "the model was ahead of a poll in lines: {}", lines.join(", "))?;
        }
        if self.omitted > 0 {
            writeln!(f, "{} accesses are not in the trace, which has their number only", self.omitted)?;
        }
        write!(
            f,
            "{} differences in {} reads, {} of them late; {} writes",
            self.mismatches.len(),
            self.compared,
            self.late,
            self.writes
        )
    }
}

/// Returns why a read is not compared, if the answer differs by nature.
fn incomparable(trace: &Trace, access: RegisterAccess) -> Option<&'static str> {
    let (info, index) = access.register()?;
    match (info.name, index) {
        _ if info.group == "statistics" => Some("they count traffic, and a replay has none"),
        ("RDH" | "TDH", _) => Some("they follow packets, and a replay has none"),
        ("EICR" | "EICS", _) => Some("they hold causes of interrupts, which depend on traffic and time"),
        ("SYSTIML" | "SYSTIMH" | "TXSTMPL" | "TXSTMPH" | "RXSTMPL" | "RXSTMPH" | "TCPTIMER", _) => {
            Some("they are clocks")
        }
        ("RAL" | "RAH", 0) | ("EERD" | "EEC" | "FLA" | "FLOP" | "I2CCTL", _) if trace.port.is_none() => {
            Some("they hold the card's own address, EEPROM and module")
        }
        _ => None,
    }
}

/// A clock that the register chapter leaves out: drivers read it at this offset.
const FREE_RUNNING_TIMER: u32 = 0x00048;

/// Plays `trace` on a new port with a link partner that sends nothing.
#[must_use]
pub fn replay(trace: &Trace) -> Replay {
    let finals = finals(trace);
    let mut hopeless = HashSet::new();
    let (mut work, length) = (0, trace.accesses());
    loop {
        work += length;
        match Player::new(trace, &finals, &hopeless).play() {
            Ok(done) => return done,
            // One more round, which waits for nothing.
            Err(_) if hopeless.len() == ROUNDS || work > WORK => {
                hopeless = trace.lines.iter().map(|line| line.number).collect();
            }
            Err(line) => _ = hopeless.insert(line),
        }
    }
}

/// Returns the last value of the row of reads of one register that each line belongs to.
fn finals(trace: &Trace) -> Vec<Option<u32>> {
    let mut finals = vec![None; trace.lines.len()];
    let mut row: Option<(u32, u32)> = None;
    for (line, last) in trace.lines.iter().zip(&mut finals).rev() {
        match &line.entry {
            Entry::Wait(_) => {}
            Entry::Times(access, _) if !access.write => {
                let value = row.filter(|(offset, _)| *offset == access.offset).map_or(access.value as u32, |row| row.1);
                row = Some((access.offset, value));
                *last = Some(value);
            }
            _ => row = None,
        }
    }
    finals
}

struct Player<'t> {
    trace: &'t Trace,
    finals: &'t [Option<u32>],
    /// Lines whose reads the model never answers as the trace does.
    hopeless: &'t HashSet<usize>,
    port: Port,
    /// The values that each register had: written, or read.
    had: HashMap<u32, HashSet<u32>>,
    /// The registers that were written since the last reset.
    written: HashSet<u32>,
    /// `true` for a millisecond after a reset.
    in_reset: bool,
    waits: Duration,
    result: Replay,
}

impl<'t> Player<'t> {
    fn new(trace: &'t Trace, finals: &'t [Option<u32>], hopeless: &'t HashSet<usize>) -> Self {
        let config = trace.port.map(|(mac, lan_id)| PortConfig { mac, lan_id, ..PortConfig::default() });
        let port = Port::new(config.unwrap_or_default());
        port.plug(NoTraffic);
        let (had, written, waits) = (HashMap::new(), HashSet::new(), Duration::ZERO);
        Self { trace, finals, hopeless, port, had, written, in_reset: false, waits, result: Replay::default() }
    }

    /// Plays all lines. Fails with the line whose read the model does not answer as the trace does, if that is new.
    fn play(mut self) -> Result<Replay, usize> {
        for (line, last) in self.trace.lines.iter().zip(self.finals) {
            match &line.entry {
                Entry::Wait(time) if self.waits < WAITS => {
                    self.in_reset &= *time < QUIET;
                    self.waits += *time;
                    self.port.wait((*time).min(WAITS));
                }
                Entry::FunctionReset => {
                    self.port.reset_function();
                    self.written.clear();
                }
                Entry::Omitted(_, times) => self.result.omitted += u64::from(*times),
                entry => entry.accesses().try_for_each(|access| self.access(line.number, access, *last))?,
            }
        }
        Ok(self.result)
    }

    fn access(&mut self, line: usize, access: RegisterAccess, last: Option<u32>) -> Result<(), usize> {
        // A parsed access is at an offset.
        let (Some(offset), value) = (Offset::new(access.offset), access.value as u32) else { return Ok(()) };
        if access.write {
            self.result.writes += 1;
            self.had.entry(access.offset).or_default().insert(value);
            if is_reset(access) {
                self.written.clear();
                self.in_reset = true;
            }
            self.written.insert(access.offset);
            // SAFETY: no memory was mapped for the port, so it accesses none, and nobody else has the port.
            unsafe { self.port.write32(offset, value) };
            return Ok(());
        }
        let before = self.port.peek(offset);
        let found = self.port.read32(offset);
        let ahead = last == Some(found) && self.had.get(&access.offset).is_some_and(|had| had.contains(&value));
        self.had.entry(access.offset).or_default().extend([before, found]);
        let clock = (access.offset == FREE_RUNNING_TIMER).then_some("they are clocks");
        let early = self.in_reset.then_some("they were read within a millisecond of a reset, which no driver may do");
        let reason = clock.or(early).or_else(|| incomparable(self.trace, access)).or_else(|| self.undefined(access));
        if let Some(reason) = reason {
            let name = access.register().map_or("0x00048", |(info, _)| info.name);
            *self.result.incomparable.entry(reason).or_default().entry(name.to_owned()).or_default() += 1;
            return Ok(());
        }
        self.result.compared += 1;
        if found == value {
            return Ok(());
        }
        if self.hopeless.contains(&line) {
            let listed = |last: &Mismatch| (last.line, last.expected.offset) == (line, access.offset);
            if !self.result.mismatches.last().is_some_and(listed) {
                self.result.mismatches.push(Mismatch { line, expected: access, found });
            }
        } else if ahead {
            self.result.passed_over.insert(line);
        } else if self.awaited(offset, value, access.register().map(|(info, _)| info)) {
            self.result.late += 1;
        } else {
            return Err(line);
        }
        Ok(())
    }

    /// Returns why a read is not compared, if the register has no reset value that is known. A trace that names its port was
    /// recorded on the model, which gives such registers the same values again.
    fn undefined(&self, access: RegisterAccess) -> Option<&'static str> {
        let (info, _) = access.register().filter(|_| self.trace.port.is_none())?;
        let unknown = info.reset_known == 0 && info.access == AccessKind::Rw && !self.written.contains(&access.offset);
        unknown.then_some("they are undefined after a reset, and were not written since")
    }

    /// Waits until the register reads as `value`.
    fn awaited(&mut self, offset: Offset, value: u32, info: Option<&RegisterInfo>) -> bool {
        let Some(info) = info else { return false };
        let end = self.port.now() + LATE;
        let mut interval = Duration::from_micros(1);
        while self.port.now() < end {
            self.port.wait(interval);
            interval = (interval * 2).min(INTERVAL);
            // Nobody is surprised by a read with side effects before its time.
            if info.has_read_side_effects() && self.port.peek(offset) != value {
                continue;
            }
            let found = self.port.read32(offset);
            self.had.entry(offset.bytes()).or_default().insert(found);
            if found == value {
                return true;
            }
        }
        false
    }
}
