//! Files of register accesses: their format, and its parser.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use crate::info::RegisterInfo;
use crate::mmio::Offset;
use crate::registers::REGISTERS;
use crate::trace::RegisterAccess;

/// The first line of a file, which names the version of the format.
const HEADER: &str = "ixgbe register trace 1";
/// The maximum number of accesses in a file. A file of a few bytes cannot keep its reader busy for hours.
pub const MAX_ACCESSES: u64 = 50_000_000;
/// The longest wait in a file.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);

/// A recorded sequence of register accesses.
///
/// As text it has one access per line, in the order in which they were made. The first word tells the kind of line:
///
/// ```text
/// ixgbe register trace 1
/// # A comment. Empty lines are skipped too.
/// port  02:82:59:90:00:00 0
/// mark  reset
/// write EIMC = 0x7fffffff (INTERRUPT_MASK: 0x7fffffff)
/// write MTA[0..127] = 0x00000000
/// read  STATUS = 0x00080000 (PCIE_MASTER_ENABLE_STATUS: 1), 5 times
/// wait  10000 us
/// read  0x15f0c = 0x00000000
/// omit  I2CCTL, 4711 times
/// end   4846 accesses
/// ```
///
/// - `port` is the MAC address and number of the port, if known. A replay gives them to its model.
/// - `mark` names what begins here.
/// - `write` and `read` name the register, its index if it is an array, and the value. A register that the description
///   does not have appears as its offset. The fields in parentheses are for people: a parser skips them.
/// - A range of indices stands for one access of each, in order. `N times` repeats the access.
/// - `reset function` is a reset of the PCI function by the system, which resets all registers.
/// - `wait` is the time that passed before the next access. Files leave out short ones.
/// - `omit` stands for accesses that were left out of the file.
/// - `end` counts the accesses, those omitted included. A file without it was cut.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace {
    /// The MAC address and the number of the port, if known.
    pub port: Option<([u8; 6], u8)>,
    /// The lines, without comments, header and end.
    pub lines: Vec<Line>,
}

/// One line of a [`Trace`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in the file, from 1; 0 if it was not read from one.
    pub number: usize,
    /// Its content.
    pub entry: Entry,
}

/// What one line of a [`Trace`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// What begins here.
    Mark(String),
    /// An access, and how many times it was made: not 0.
    Times(RegisterAccess, u32),
    /// An access of each element of an array, from the access's own to this index, with the same value.
    Elements(RegisterAccess, u32),
    /// A reset of the PCI function from outside: no access of a register.
    FunctionReset,
    /// Time that passed before the next access.
    Wait(Duration),
    /// The number of accesses of this register that were left out.
    Omitted(&'static RegisterInfo, u32),
}

impl Entry {
    /// Returns the accesses in their order: none for a line that is not `read` or `write`.
    pub fn accesses(&self) -> impl Iterator<Item = RegisterAccess> {
        let (first, times, elements) = match self {
            Self::Times(access, times) => (Some(*access), *times, None),
            Self::Elements(access, last) => {
                (Some(*access), 1, access.register().map(|(info, from)| (info, from, *last)))
            }
            Self::Mark(_) | Self::FunctionReset | Self::Wait(_) | Self::Omitted(..) => (None, 0, None),
        };
        let repeated = (0..if elements.is_some() { 0 } else { times }).filter_map(move |_| first);
        let each = elements.into_iter().flat_map(|(info, from, last)| {
            let offsets = info.offsets().enumerate().skip(from as usize).take(last.saturating_sub(from) as usize + 1);
            offsets.filter_map(|(_, offset)| Offset::new(offset))
        });
        repeated.chain(each.filter_map(move |offset| {
            first.map(|access| RegisterAccess::new(access.write, offset, access.value as u32))
        }))
    }

    /// Returns the number of accesses that the line stands for.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Mark(_) | Self::FunctionReset | Self::Wait(_) => 0,
            Self::Times(_, times) | Self::Omitted(_, times) => u64::from(*times),
            Self::Elements(first, last) => {
                let from = first.register().map_or(*last, |(_, from)| from);
                u64::from(last.saturating_sub(from)) + 1
            }
        }
    }
}

/// Shows the register of an access, with the indices if it is an array.
pub(super) fn show_register(access: RegisterAccess, last: Option<u32>) -> impl fmt::Display {
    struct Shown(RegisterAccess, Option<u32>);
    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match (self.0.register(), self.1) {
                (None, _) => write!(f, "{:#07x}", self.0.offset),
                (Some((info, _)), _) if info.count() == 1 => f.write_str(info.name),
                (Some((info, from)), Some(last)) if last != from => write!(f, "{}[{from}..{last}]", info.name),
                (Some((info, from)), _) => write!(f, "{}[{from}]", info.name),
            }
        }
    }
    Shown(access, last)
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (access, last) = match self {
            Self::Mark(name) => return write!(f, "mark  {name}"),
            Self::FunctionReset => return f.write_str("reset function"),
            Self::Wait(time) => return write!(f, "wait  {} us", time.as_micros()),
            Self::Omitted(info, times) => return write!(f, "omit  {}, {times} times", info.name),
            Self::Times(access, _) => (access, None),
            Self::Elements(access, last) => (access, Some(*last)),
        };
        f.write_str(if access.write { "write " } else { "read  " })?;
        write!(f, "{} = {:#010x}", show_register(*access, last), access.value)?;
        // Fields that are 0 would hide the others.
        let fields = access.register().map_or(&[][..], |(info, _)| info.fields);
        let mut separator = " (";
        for field in fields.iter().filter(|field| field.of(access.value) != 0) {
            write!(f, "{separator}{}", field.show(access.value))?;
            separator = ", ";
        }
        f.write_str(if separator == ", " { ")" } else { "" })?;
        match self {
            Self::Times(_, times) if *times > 1 => write!(f, ", {times} times"),
            _ => Ok(()),
        }
    }
}

impl Trace {
    /// Returns the number of accesses, those omitted included.
    #[must_use]
    pub fn accesses(&self) -> u64 {
        self.lines.iter().map(|line| line.entry.count()).sum()
    }
}

/// Shows the line that names the port.
pub(super) fn show_port((mac, number): ([u8; 6], u8)) -> String {
    let mac: Vec<String> = mac.iter().map(|byte| alloc::format!("{byte:02x}")).collect();
    alloc::format!("port  {} {number}", mac.join(":"))
}

/// Shows the first line.
pub(super) fn show_header() -> &'static str {
    HEADER
}

/// Shows the last line.
pub(super) fn show_end(accesses: u64) -> String {
    alloc::format!("end   {accesses} accesses")
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(port) = self.port {
            writeln!(f, "{}", show_port(port))?;
        }
        for line in &self.lines {
            writeln!(f, "{}", line.entry)?;
        }
        writeln!(f, "{}", show_end(self.accesses()))
    }
}

/// The text is no [`Trace`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseError {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line of a [`Trace`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The file does not begin as a trace does.
    Header,
    /// The trace has a version that this library does not know.
    Version,
    /// The line begins with no known word.
    Kind,
    /// The line has too few or too many words.
    Form,
    /// There is no such register.
    Register,
    /// The register is no array, has no such index, or needs one.
    Index,
    /// The value is no hexadecimal number of 32 bits.
    Value,
    /// A number or a time is not one, is 0, or is too large.
    Number,
    /// The MAC address or the number of the port is not one.
    Port,
    /// The trace has more than [`MAX_ACCESSES`].
    TooLong,
    /// The end counts other accesses than the file has: lines are missing.
    Count,
    /// The file goes on after its end.
    AfterEnd,
    /// The file has no end: it was cut.
    Cut,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match self.problem {
            Problem::Header => write!(f, "this is no trace: the first line must be `{HEADER}`"),
            Problem::Version => write!(f, "this version of the format is unknown; expected `{HEADER}`"),
            Problem::Kind => f.write_str("expected port, mark, read, write, wait, reset function, omit or end"),
            Problem::Form => f.write_str("the line is incomplete, or has too much"),
            Problem::Register => f.write_str("there is no such register"),
            Problem::Index => f.write_str("the register has no such index"),
            Problem::Value => f.write_str("the value is not 0x and eight hexadecimal digits"),
            Problem::Number => f.write_str("this is no number from 1 to its limit"),
            Problem::Port => f.write_str("expected a MAC address and the port's number, 0 or 1"),
            Problem::TooLong => write!(f, "the trace has more than {MAX_ACCESSES} accesses"),
            Problem::Count => f.write_str("the number of accesses is another: lines are missing or were added"),
            Problem::AfterEnd => f.write_str("the file goes on after its end"),
            Problem::Cut => f.write_str("the file ends without `end`: it was cut, or the program that wrote it died"),
        }
    }
}

impl core::error::Error for ParseError {}

impl FromStr for Trace {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let last = text.lines().count();
        // A last line that is wrong and does not end was cut, as all behind it.
        let is_cut = |error: &ParseError| {
            error.line > 1 && error.line == last && error.problem != Problem::Count && !text.ends_with('\n')
        };
        parse(text).map_err(|error| if is_cut(&error) { ParseError { problem: Problem::Cut, ..error } } else { error })
    }
}

fn parse(text: &str) -> Result<Trace, ParseError> {
    let mut trace = Trace::default();
    let (mut accesses, mut ended, mut last) = (0, false, 1);
    let mut lines = text.lines().map(str::trim_end).enumerate().map(|(number, line)| (number + 1, line));
    match lines.next() {
        Some((_, HEADER)) => {}
        Some((line, other)) if other.starts_with(HEADER.trim_end_matches(|digit: char| digit.is_ascii_digit())) => {
            return Err(ParseError { line, problem: Problem::Version });
        }
        _ => return Err(ParseError { line: 1, problem: Problem::Header }),
    }
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let fail = |problem| ParseError { line: number, problem };
        last = number;
        if ended {
            return Err(fail(Problem::AfterEnd));
        }
        let (kind, rest) = line.split_once(' ').ok_or(fail(Problem::Form))?;
        let rest = rest.trim_start();
        let entry = match kind {
            "read" | "write" => access(kind == "write", rest),
            "wait" => wait(rest),
            "omit" => omitted(rest),
            "reset" if rest == "function" => Ok(Entry::FunctionReset),
            "mark" => Ok(Entry::Mark(rest.to_string())),
            "port" if trace.lines.is_empty() && trace.port.is_none() => {
                trace.port = Some(port(rest).ok_or(fail(Problem::Port))?);
                continue;
            }
            "end" => {
                let count = rest.strip_suffix(" accesses").ok_or(fail(Problem::Form))?;
                if count.parse() != Ok(accesses) {
                    return Err(fail(Problem::Count));
                }
                ended = true;
                continue;
            }
            _ => Err(Problem::Kind),
        };
        let entry = entry.map_err(fail)?;
        accesses += entry.count();
        if accesses > MAX_ACCESSES {
            return Err(fail(Problem::TooLong));
        }
        trace.lines.push(Line { number, entry });
    }
    if ended { Ok(trace) } else { Err(ParseError { line: last, problem: Problem::Cut }) }
}

/// Parses a number without a sign, which is not 0.
fn number(text: &str) -> Result<u32, Problem> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::Number);
    }
    text.parse().ok().filter(|number| *number > 0).ok_or(Problem::Number)
}

/// Parses `TIMES times`.
fn times(text: &str) -> Result<u32, Problem> {
    number(text.strip_suffix(" times").ok_or(Problem::Form)?)
}

fn wait(text: &str) -> Result<Entry, Problem> {
    let time = number(text.strip_suffix(" us").ok_or(Problem::Form)?)?;
    let time = Duration::from_micros(time.into());
    if time > MAX_WAIT { Err(Problem::Number) } else { Ok(Entry::Wait(time)) }
}

fn omitted(text: &str) -> Result<Entry, Problem> {
    let (name, count) = text.split_once(", ").ok_or(Problem::Form)?;
    let info = REGISTERS.iter().find(|info| info.name == name).ok_or(Problem::Register)?;
    Ok(Entry::Omitted(info, times(count)?))
}

fn port(text: &str) -> Option<([u8; 6], u8)> {
    let (mac, number) = text.split_once(' ')?;
    let bytes: Option<Vec<u8>> = mac.split(':').map(|byte| hexadecimal(byte, 2).map(|byte| byte as u8)).collect();
    let number = number.parse().ok().filter(|number| *number < 2)?;
    Some((bytes?.try_into().ok()?, number))
}

/// Parses a hexadecimal number with this number of digits.
fn hexadecimal(text: &str, digits: usize) -> Option<u32> {
    let all = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if all { u32::from_str_radix(text, 16).ok() } else { None }
}

/// Parses what is behind `read` or `write`.
fn access(write: bool, text: &str) -> Result<Entry, Problem> {
    let (place, rest) = text.split_once(" = ").ok_or(Problem::Form)?;
    let digits = rest.strip_prefix("0x").and_then(|rest| rest.get(..8)).ok_or(Problem::Value)?;
    let value = hexadecimal(digits, 8).ok_or(Problem::Value)?;
    let mut rest = &rest["0x".len() + 8..];
    if let Some(fields) = rest.strip_prefix(" (") {
        let (_, after) = fields.rsplit_once(')').ok_or(Problem::Form)?;
        rest = after;
    }
    let count = match rest.strip_prefix(", ") {
        Some(count) => times(count)?,
        None if rest.is_empty() => 1,
        None => return Err(Problem::Form),
    };
    let at = |offset: u32| Offset::new(offset).map(|offset| RegisterAccess::new(write, offset, value));
    if let Some(offset) = place.strip_prefix("0x") {
        let access = hexadecimal(offset, 5).and_then(at).ok_or(Problem::Register)?;
        return Ok(Entry::Times(access, count));
    }
    let (name, indices) = match place.strip_suffix(']') {
        Some(place) => place.split_once('[').map(|(name, indices)| (name, Some(indices))).ok_or(Problem::Form)?,
        None => (place, None),
    };
    let info = REGISTERS.iter().find(|info| info.name == name).ok_or(Problem::Register)?;
    if indices.is_some() != (info.count() > 1) {
        return Err(Problem::Index);
    }
    let index = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|index| digits && *index < info.count()).ok_or(Problem::Index)
    };
    let (from, last) = match indices.map(|indices| indices.split_once("..").unwrap_or((indices, indices))) {
        Some((from, last)) => (index(from)?, index(last)?),
        None => (0, 0),
    };
    let access = info.offsets().nth(from as usize).and_then(at).ok_or(Problem::Register)?;
    match last.checked_sub(from) {
        Some(0) => Ok(Entry::Times(access, count)),
        Some(_) if count == 1 => Ok(Entry::Elements(access, last)),
        _ => Err(Problem::Index),
    }
}
