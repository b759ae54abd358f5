//! All that the driver does to the registers from reset to stop, held against a file that people read.
//!
//! After a change that is meant to show in it: `BLESS=1 cargo test --test bring_up`, then read the difference.

mod common;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{assert_clean, at, port};
use ixgbe::device::{Config, Device};
use ixgbe::mmio::Offset;
use ixgbe::trace::{RegisterAccess, Traced};
use ixgbe_sim::wire::NoTraffic;

/// A register access, or the transition that begins here.
#[derive(Debug, Clone, Copy)]
enum Entry {
    Transition(&'static str),
    Access(RegisterAccess),
}

/// Runs a device with `config` through its life, and tells what it did.
fn trace(config: &Config) -> Vec<Entry> {
    let port = port(0);
    port.plug(NoTraffic);
    let entries: Arc<Mutex<Vec<Entry>>> = Arc::default();
    let transition = |name| entries.lock().unwrap().push(Entry::Transition(name));
    let log = Arc::clone(&entries);
    let platform = Traced::new(port.claim().unwrap(), move |access| log.lock().unwrap().push(Entry::Access(access)));
    let device = Device::new(platform);
    transition("reset");
    let device = device.reset(config).unwrap();
    transition("wait_for_link");
    let device = device.wait_for_link(Duration::from_secs(5)).unwrap();
    transition("start");
    let device = device.start().unwrap();
    transition("stop");
    let device = device.stop().unwrap();
    drop(device);
    assert_clean(&port);
    let entries = entries.lock().unwrap();
    entries.clone()
}

/// What is done to one register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    /// A read, and a write of the same register right after it.
    Modify,
}

/// One line of the trace.
#[derive(Debug, Clone, Copy)]
struct Step {
    kind: Kind,
    last: RegisterAccess,
    name: &'static str,
    index: u32,
    value: u32,
}

impl Step {
    fn new(kind: Kind, last: RegisterAccess) -> Self {
        let (info, index) = last.register().expect("the driver knows its registers");
        // Where memory is depends on the machine.
        let is_address = info.name.ends_with("DBAL") || info.name.ends_with("DBAH");
        Self { kind, last, name: info.name, index, value: if is_address { 0 } else { last.value as u32 } }
    }

    /// The step as text, with the number of an element or a range of them, and a value.
    fn show(&self, index: &str, value: Option<u32>) -> String {
        let (info, _) = self.last.register().expect("known");
        let verb = match self.kind {
            Kind::Read => "read  ",
            Kind::Write => "write ",
            Kind::Modify => "modify",
        };
        let index = if info.count() > 1 { format!("[{index}]") } else { String::new() };
        let text = format!("{verb} {}{index}", self.name);
        if info.name.ends_with("DBAL") || info.name.ends_with("DBAH") {
            return format!("{text} = (where the ring is)");
        }
        let Some(value) = value else { return text };
        let mut shown = self.last;
        shown.value = value.into();
        let shown = shown.to_string();
        let (_, shown) = shown.split_once(" = ").expect("an access has a value");
        let shown = shown.split_once(" (").map_or(shown, |(number, _)| number);
        // Fields that are 0 would hide the others.
        let fields: Vec<String> = info
            .fields
            .iter()
            .filter(|field| field.of(value.into()) != 0)
            .map(|field| field.show(value.into()).to_string())
            .collect();
        let fields = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
        format!("{text} = {shown}{fields}")
    }
}

impl Step {
    /// The fields that have one and the same value in all `values`: in a table, what the driver made of it.
    fn common(&self, values: impl Iterator<Item = u32>) -> String {
        let (values, (info, _)) = (values.collect::<Vec<_>>(), self.last.register().expect("known"));
        let same = info
            .fields
            .iter()
            .filter(|field| values.iter().all(|value| field.of(u64::from(*value)) == field.of(u64::from(values[0]))));
        let shown: Vec<String> = same.map(|field| field.show(values[0].into()).to_string()).collect();
        shown.join(", ")
    }
}

fn steps(accesses: &[RegisterAccess]) -> Vec<Step> {
    let (mut steps, mut rest) = (Vec::new(), accesses);
    while let [first, others @ ..] = rest {
        let modified = others.first().filter(|next| !first.write && next.write && next.offset == first.offset);
        match modified {
            Some(write) => {
                steps.push(Step::new(Kind::Modify, *write));
                rest = &others[1..];
            }
            None => {
                steps.push(Step::new(if first.write { Kind::Write } else { Kind::Read }, *first));
                rest = others;
            }
        }
    }
    steps
}

/// How a step goes on from one turn of a loop to the next: by how much index and value grow.
fn pace(one: &Step, next: &Step) -> Option<(u32, u32)> {
    if (one.kind, one.name) != (next.kind, next.name) {
        return None;
    }
    let index = next.index.checked_sub(one.index).filter(|by| *by <= 1)?;
    let value = next.value.wrapping_sub(one.value);
    // What is read of a table, and kept of it, is anything; what is written is the same everywhere, or counts.
    let value = if one.kind != Kind::Write && index == 1 { 0 } else { value };
    (value <= 1).then_some((index, value))
}

/// How often the first `period` steps come again, one turn after another.
fn turns(steps: &[Step], period: usize) -> usize {
    let Some(paces) = steps.get(period..2 * period).map(|second| {
        let pairs = steps[..period].iter().zip(second);
        pairs.map(|(one, next)| pace(one, next)).collect::<Option<Vec<_>>>()
    }) else {
        return 1;
    };
    let Some(paces) = paces else { return 1 };
    let like = |turn: usize| {
        let pair = |at: usize| (steps.get((turn - 1) * period + at), steps.get(turn * period + at));
        (0..period).all(|at| matches!(pair(at), (Some(one), Some(next)) if pace(one, next) == Some(paces[at])))
    };
    2 + (2..).take_while(|turn| like(*turn)).count()
}

/// The steps as text, loops as one turn of them.
fn render(steps: &[Step]) -> String {
    let (mut text, mut rest) = (String::new(), steps);
    while let Some(first) = rest.first() {
        // The words of the EEPROM are read one by one, and some are polled for.
        let eeprom = rest.iter().take_while(|step| step.name == "EERD");
        let words = eeprom.clone().filter(|step| step.kind != Kind::Read).count();
        if words > 1 {
            _ = writeln!(text, "{words} words of the EEPROM are read through EERD");
            rest = &rest[eeprom.count()..];
            continue;
        }
        let best = (1..=12).map(|period| (period, turns(rest, period))).max_by_key(|(period, turns)| {
            // What a loop saves; the shorter one of equals.
            ((turns - 1) * period, usize::MAX - period)
        });
        let (period, turns) = best.unwrap_or((1, 1));
        if turns == 1 || (period > 1 && turns < 3) {
            _ = writeln!(text, "{}", first.show(&first.index.to_string(), Some(first.value)));
            rest = &rest[1..];
            continue;
        }
        let lines: Vec<String> = (0..period)
            .map(|at| {
                let (from, next, last) = (&rest[at], &rest[period + at], &rest[(turns - 1) * period + at]);
                let (index, value) = pace(from, next).expect("a loop has a pace");
                let index = if index == 0 { from.index.to_string() } else { format!("{}..{}", from.index, last.index) };
                let values = || rest[at..turns * period].iter().step_by(period).map(|step| step.value);
                match value {
                    0 if values().all(|value| value == from.value) => from.show(&index, Some(from.value)),
                    0 if from.kind == Kind::Modify => format!("{}: {}", from.show(&index, None), from.common(values())),
                    0 => from.show(&index, None),
                    _ => format!("{} = {}..{}", from.show(&index, None), from.value, last.value),
                }
            })
            .collect();
        match &lines[..] {
            [line] if first.index != rest[1].index => _ = writeln!(text, "{line}"),
            [line] => _ = writeln!(text, "{line}, {turns} times"),
            _ => {
                _ = writeln!(text, "{turns} times in turn:");
                lines.iter().for_each(|line| _ = writeln!(text, "    {line}"));
            }
        }
        rest = &rest[turns * period..];
    }
    text
}

fn show(entries: &[Entry]) -> String {
    let mut text = String::from(
        "What the driver does to the registers. Fields that are 0 are left out; a read and the write after it are one `modify`.\n\
         Made by `BLESS=1 cargo test --test bring_up`.\n",
    );
    let mut accesses = Vec::new();
    for entry in entries.iter().chain([&Entry::Transition("")]) {
        match entry {
            Entry::Access(access) => accesses.push(*access),
            Entry::Transition(name) => {
                text += &render(&steps(&std::mem::take(&mut accesses)));
                if !name.is_empty() {
                    _ = write!(text, "\n== {name}\n");
                }
            }
        }
    }
    text
}

#[test]
fn the_trace_is_as_agreed() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bring_up.txt");
    let is = show(&trace(&Config::new()));
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, is).unwrap();
        return;
    }
    let agreed = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = agreed.lines().zip(is.lines()).enumerate().find(|(_, (agreed, is))| agreed != is);
    if let Some((line, (agreed, is))) = differing {
        panic!(
            "{}:{}: the driver does something else; `BLESS=1 cargo test --test bring_up` if it is meant\n agreed: {agreed}\n     is: {is}",
            path.display(),
            line + 1
        );
    }
    assert_eq!(is.lines().count(), agreed.lines().count(), "the trace is longer or shorter than agreed");
}

#[test]
fn the_trace_is_the_same_every_time() {
    let config = Config::new().queue_pairs(3);
    assert_eq!(show(&trace(&config)), show(&trace(&config)));
}

/// The accesses of one transition.
fn part(entries: &[Entry], name: &str) -> Vec<RegisterAccess> {
    let from = entries.iter().position(|entry| matches!(entry, Entry::Transition(is) if *is == name)).unwrap();
    let accesses = entries[from + 1..].iter().map_while(|entry| match entry {
        Entry::Access(access) => Some(*access),
        Entry::Transition(_) => None,
    });
    accesses.collect()
}

/// Which writes to the register set or clear the bits of `mask`.
fn writes(accesses: &[RegisterAccess], offset: Offset, mask: u32, set: bool) -> Vec<usize> {
    let fits = |access: &RegisterAccess| {
        access.write && access.offset == offset.bytes() && (access.value as u32 & mask == mask) == set
    };
    accesses.iter().enumerate().filter(|(_, access)| fits(access)).map(|(at, _)| at).collect()
}

/// Where the register is first read with `mask` set (or clear).
fn seen(accesses: &[RegisterAccess], offset: Offset, mask: u32, set: bool) -> usize {
    let fits = |access: &RegisterAccess| {
        !access.write && access.offset == offset.bytes() && (access.value as u32 & mask == mask) == set
    };
    accesses.iter().position(fits).unwrap()
}

const QUEUES: usize = 3;
const ENABLE: u32 = 1 << 25;
const RST: u32 = 1 << 26;
const MASTER_DISABLE: u32 = 1 << 2;
const MASTER_ENABLED: u32 = 1 << 19;

#[test]
fn interrupts_are_masked_first_and_after_the_reset() {
    let entries = trace(&Config::new().queue_pairs(QUEUES));
    for transition in ["reset", "stop"] {
        let accesses = part(&entries, transition);
        // The laser goes off before anything else: ESDP drives pins of the board.
        let is_write = |access: &&RegisterAccess| access.write && access.offset != at("ESDP", 0).bytes();
        let written: Vec<_> = accesses.iter().filter(is_write).collect();
        let mask = [at("EIMC", 0), at("EIMC_EX", 0), at("EIMC_EX", 1)].map(Offset::bytes);
        assert_eq!([0, 1, 2].map(|n| written[n].offset), mask, "first writes of {transition}");
        let reset = *writes(&accesses, at("CTRL", 0), RST, true).last().unwrap();
        let next: Vec<_> = accesses[reset + 1..].iter().filter(|access| access.write).take(3).collect();
        assert_eq!([0, 1, 2].map(|n| next[n].offset), mask, "first writes after the reset in {transition}");
        assert_eq!(written[0].value, 0x7fff_ffff, "bit 31 is reserved");
    }
}

#[test]
fn reset_follows_the_end_of_all_dma() {
    let entries = trace(&Config::new().queue_pairs(QUEUES));
    for transition in ["reset", "stop"] {
        let accesses = part(&entries, transition);
        let disable = writes(&accesses, at("CTRL", 0), MASTER_DISABLE, true)[0];
        let stopped = disable + seen(&accesses[disable..], at("STATUS", 0), MASTER_ENABLED, false);
        let reset = writes(&accesses, at("CTRL", 0), RST, true);
        assert_eq!(reset.len(), 1, "{transition} resets once");
        assert!(stopped < reset[0], "{transition}");
        if transition == "stop" {
            for queue in 0..QUEUES {
                for name in ["RXDCTL", "TXDCTL"] {
                    let off = writes(&accesses, at(name, queue), ENABLE, false)[0];
                    let read = off + seen(&accesses[off..], at(name, queue), ENABLE, false);
                    assert!(read < disable, "{name}[{queue}] is read as disabled before the device may be no master");
                }
            }
        }
    }
}

#[test]
fn eeprom_and_dma_are_awaited_before_anything_is_configured() {
    let accesses = part(&trace(&Config::new()), "reset");
    let eeprom = seen(&accesses, at("EEC", 0), 1 << 9, true);
    let dma = seen(&accesses, at("RDRXCTL", 0), 1 << 3, true);
    let link = writes(&accesses, at("AUTOC", 0), 1 << 12, true)[0];
    assert!(eeprom < dma && dma < link);
}

#[test]
fn reception_is_enabled_last_and_with_the_data_path_idle() {
    let accesses = part(&trace(&Config::new().queue_pairs(QUEUES)), "start");
    let enabled = writes(&accesses, at("RXCTRL", 0), 1, true);
    assert_eq!(enabled.len(), 1);
    for queue in 0..QUEUES {
        let on = writes(&accesses, at("RXDCTL", queue), ENABLE, true)[0];
        let read = on + seen(&accesses[on..], at("RXDCTL", queue), ENABLE, true);
        let tail = writes(&accesses, at("RDT", queue), 0, true)[0];
        assert!(read < tail && tail < enabled[0], "receive queue {queue}");
        let on = writes(&accesses, at("TXDCTL", queue), ENABLE, true)[0];
        let read = on + seen(&accesses[on..], at("TXDCTL", queue), ENABLE, true);
        let transmit = writes(&accesses, at("DMATXCTL", 0), 1, true)[0];
        assert!(transmit < on && read < enabled[0], "transmit queue {queue}");
        assert!(writes(&accesses, at("TDT", queue), 0, true).is_empty(), "there is nothing to send yet");
    }
    let pause = writes(&accesses, at("SECRXCTRL", 0), 2, true)[0];
    let idle = pause + seen(&accesses[pause..], at("SECRXSTAT", 0), 1, true);
    let resume = writes(&accesses, at("SECRXCTRL", 0), 2, false)[0];
    assert!(pause < idle && idle < enabled[0] && enabled[0] < resume);
    // What waits on the wire is received at once, and must not be written without snooping.
    let snooping = writes(&accesses, at("CTRL_EXT", 0), 1 << 16, true)[0];
    assert!(snooping < resume);
}

#[test]
fn transmit_buffers_are_sized_while_the_arbiter_is_off() {
    let accesses = part(&trace(&Config::new()), "start");
    let off = writes(&accesses, at("RTTDCS", 0), 1 << 6, true)[0];
    let on = writes(&accesses, at("RTTDCS", 0), 1 << 6, false)[0];
    for buffer in 0..8 {
        for access in writes(&accesses, at("TXPBSIZE", buffer), 0, true) {
            assert!(off < access && access < on, "TXPBSIZE[{buffer}]");
        }
    }
    // 512 KB to receive and 160 KB to send, all in one buffer.
    let size = |name| accesses[*writes(&accesses, at(name, 0), 0, true).last().unwrap()].value >> 10;
    assert_eq!((size("RXPBSIZE"), size("TXPBSIZE")), (512, 160));
}

#[test]
fn what_others_keep_in_a_register_survives() {
    let accesses = part(&trace(&Config::new()), "start");
    // The VLAN EtherType beside DMATXCTL.TE, and DRV_LOAD beside NS_DIS.
    let dmatxctl = accesses[writes(&accesses, at("DMATXCTL", 0), 1, true)[0]].value;
    assert_eq!(dmatxctl >> 16, 0x8100);
    let ctrl_ext = accesses[*writes(&accesses, at("CTRL_EXT", 0), 1 << 16, true).last().unwrap()].value;
    assert_ne!(ctrl_ext & 1 << 28, 0);
}
