//! The table of counters: none is missing, and each is read from its register, added up, and named.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Altered, assert_clean, at, frame, mac, port, recorded, start, transmit};
use ixgbe::device::{Config, Counter, Device, Diagnosis, Link, LinkMode, Statistics};
use ixgbe::info::AccessKind;
use ixgbe::mmio::Offset;
use ixgbe::registers::REGISTERS;
use ixgbe_sim::Fault;
use ixgbe_sim::wire::NoTraffic;

/// Counters of functions that the driver leaves off, or that belong to a function with an interface of its own.
const ELSEWHERE: [(&str, &str); 3] = [
    ("linksec", "LinkSec is off"),
    ("pcie", "GSCN counts only what GSCL selects, which is nothing"),
    ("flow-director", "the filters return them"),
];

fn registers(statistics: &Statistics) -> BTreeSet<&'static str> {
    statistics.iter().filter_map(|counter| counter.register).flat_map(|names| names.split('/')).collect()
}

fn value(statistics: &Statistics, name: &str) -> u64 {
    let named: Vec<Counter> = statistics.iter().filter(|it| it.name == name && it.index.is_none()).collect();
    assert_eq!(named.len(), 1, "{name}");
    named[0].value
}

#[test]
fn no_counter_of_the_chip_is_missing() {
    let (port, _) = recorded(0);
    let statistics = start(&port, &Config::new()).statistics().unwrap();
    let of_the_chip = REGISTERS.iter().filter(|info| {
        let counts = info.group == "statistics" && !info.is_writable() || info.access == AccessKind::Rc;
        counts && ELSEWHERE.iter().all(|(group, _)| *group != info.group)
    });
    let of_the_chip: BTreeSet<_> = of_the_chip.map(|info| info.name).collect();
    assert!(of_the_chip.len() > 80, "the table has its counters");
    let returned = registers(&statistics);
    assert_eq!(of_the_chip.difference(&returned).collect::<Vec<_>>(), Vec::<&&str>::new(), "are missing");
    assert_eq!(returned.difference(&of_the_chip).collect::<Vec<_>>(), Vec::<&&str>::new(), "are no counters");
}

#[test]
fn names_are_unique_and_fields_are_listed_once() {
    let (port, _) = recorded(0);
    let of_queues = start(&port, &Config::new().queue_pairs(2)).statistics().unwrap();
    let mut names = BTreeSet::new();
    for counter in of_queues.iter() {
        assert!(names.insert(format!("{}{:?}", counter.name, counter.index)), "{counter} is there twice");
    }
    // Each number of the structure is in the list: `Debug` shows the fields.
    let statistics = Statistics::default();
    let shown = format!("{statistics:?}");
    let fields = shown.matches(": 0").count() - 1 + shown.matches("[0, 0, 0, 0, 0, 0, 0, 0]").count();
    let lists: BTreeSet<_> = statistics.iter().map(|counter| counter.name).collect();
    assert_eq!(lists.len(), fields, "without last_mngptc: {shown}");
}

/// The rows of the page's two tables.
fn rows(statistics: &Statistics, of_queues: bool) -> String {
    let title = |register: &str| {
        let name = register.split('/').next().unwrap();
        REGISTERS.iter().find(|info| info.name == name).unwrap().title.trim_end_matches(" Low")
    };
    let mut rows = String::new();
    let counters = statistics.iter().filter(|counter| match counter.register {
        // Priorities have an index, too.
        Some(register) if !register.starts_with('Q') => !of_queues && counter.index.is_none_or(|index| index == 0),
        _ => of_queues == counter.index.is_some(),
    });
    for Counter { name, register, ethtool, .. } in counters {
        rows += &format!("| `{name}` | {} | {} |", register.unwrap_or(""), register.map_or("", title));
        if !of_queues {
            rows += &ethtool.map_or(" |".to_owned(), |name| format!(" `{name}` |"));
        }
        rows.push('\n');
    }
    rows
}

/// After a change that is meant to show in it: `BLESS=1 cargo test --test statistics`.
#[test]
fn the_page_has_all_counters() {
    let (port, _) = recorded(0);
    let statistics = start(&port, &Config::new()).statistics().unwrap();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/statistics.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let mut right = page.clone();
    for (head, of_queues) in [("|---|---|---|---|\n", false), ("|---|---|---|\n", true)] {
        let start = right.find(&format!("\n{head}")).unwrap() + 1 + head.len();
        let end = start + right[start..].find("\n#").unwrap();
        right.replace_range(start..end, &rows(&statistics, of_queues));
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &right).unwrap();
    } else {
        assert!(page == right, "docs/statistics.md is stale: BLESS=1 cargo test --test statistics");
    }
}

/// The content of each counter register, which reading clears.
type Contents = Arc<Mutex<BTreeMap<u32, u32>>>;

fn with_contents(contents: &Contents) -> Altered {
    let (port, contents) = (port(0), Arc::clone(contents));
    port.plug(NoTraffic);
    Altered::new(&port, move |offset, real| contents.lock().unwrap().remove(&offset.bytes()).unwrap_or(real))
}

/// The value of the counter with the names of `it`.
fn of(all: &Statistics, it: &Counter) -> u64 {
    all.iter().find(|other| (other.name, other.index) == (it.name, it.index)).expect("it is there").value
}

#[test]
fn each_counter_is_read_from_its_register_and_added_up() {
    let contents = Contents::default();
    let device = Device::new(with_contents(&contents)).reset(&Config::new().tx_queues(2)).unwrap();
    let mut nic = device.assume_link_up().start().unwrap();
    let before = nic.statistics().unwrap();
    for counter in before.iter().filter(|counter| counter.register.is_some()) {
        // What the port has as a sum over queues is read from those.
        let queues = counter.register.is_some_and(|name| name.starts_with('Q'));
        if queues && counter.index.is_none() || counter.register == Some("MNGPTC") {
            continue;
        }
        let names: Vec<&str> = counter.register.unwrap().split('/').collect();
        let index = counter.index.unwrap_or(0);
        // The fields of some counters have 16 bits, and high halves have 4. A word of all ones would look as if the device
        // were gone.
        let info = |name: &str| REGISTERS.iter().find(|info| info.name == name).unwrap();
        let full: Vec<u32> = names.iter().map(|name| info(name).fields[0].of(0xffff_fffe) as u32).collect();
        let one = full.iter().rev().fold(0_u64, |value, word| value << 32 | u64::from(*word));
        let mut last = nic.statistics().unwrap();
        for round in 1..=3 {
            for (name, word) in names.iter().zip(&full) {
                contents.lock().unwrap().insert(at(name, index).bytes(), *word);
            }
            let now = nic.statistics().unwrap();
            let first = of(&before, &counter);
            assert_eq!(of(&now, &counter) - first, round * one, "{counter:?}");
            let others = now.iter().filter(|other| other.value != of(&last, other) && other.name != counter.name);
            assert_eq!(others.collect::<Vec<_>>(), [], "changed with {counter:?}");
            last = now;
        }
    }
}

#[test]
fn a_counter_that_reading_does_not_clear_is_not_added_twice() {
    let sent = Arc::new(Mutex::new(4));
    let (port, count) = (port(0), Arc::clone(&sent));
    port.plug(NoTraffic);
    let mngptc = at("MNGPTC", 0);
    let platform =
        Altered::new(&port, move |offset, real| if offset == mngptc { *count.lock().unwrap() } else { real });
    let mut nic = Device::new(platform).reset(&Config::new()).unwrap().assume_link_up().start().unwrap();
    // What was sent before the start does not count.
    for (now, total) in [(5, 1), (5, 1), (7, 3), (2, 5), (2, 5)] {
        *sent.lock().unwrap() = now;
        assert_eq!(nic.statistics().unwrap().tx_management, total);
    }
    // A recovery resets the device: 3 more, although that is more than before.
    *sent.lock().unwrap() = 0;
    let mut nic = nic.recover().unwrap();
    *sent.lock().unwrap() = 3;
    assert_eq!(nic.statistics().unwrap().tx_management, 8);
}

#[test]
fn frames_are_counted_to_the_byte_with_and_without_crc() {
    let (port, recorder) = recorded(0);
    let mut nic = start(&port, &Config::new().promiscuous(true));
    let lens = [60, 61, 124, 300, 700, 1514];
    for len in lens {
        transmit(&mut nic, &frame(mac(9), len, 1));
        port.run_until_idle(10);
        port.deliver(&frame(mac(8), len, 2));
    }
    assert_eq!(recorder.take().len(), lens.len());
    let (frames, octets) = (lens.len() as u64, lens.iter().sum::<usize>() as u64);
    let wire = octets + 4 * frames;
    let statistics = nic.statistics().unwrap();
    for counter in statistics.iter().filter(|counter| counter.index.is_none() && counter.value != 0) {
        let right = match counter.name {
            name if name.ends_with("_with_crc") => wire,
            name if name.ends_with("octets") => octets,
            name if name.contains("_size_") => 1,
            name if name.ends_with("_packets") => frames,
            name => panic!("{name} counts nothing here"),
        };
        assert_eq!(counter.value, right, "{counter}");
    }
    for direction in ["rx", "tx"] {
        for name in ["packets", "octets", "good_packets", "good_octets_with_crc", "all_packets", "dma_octets"] {
            assert_ne!(value(&statistics, &format!("{direction}_{name}")), 0, "{direction}_{name}");
        }
    }
    assert_eq!(statistics.rx_all_octets_with_crc, wire);
    assert_clean(&port);
}

/// Faults of the link are counted, whoever reads their registers, and explain a missing link all the same.
#[test]
fn faults_of_the_link_are_counted_and_named() {
    let (port, _) = recorded(0);
    let mut nic = start(&port, &Config::new().link(LinkMode::TenGigabitSfi));
    let before = nic.statistics().unwrap().remote_faults;
    port.inject(Fault::RemoteFaults);
    port.wait(Duration::from_millis(1));
    assert_eq!(nic.link(), Link::Down(Diagnosis::RemoteFault));
    let after = nic.statistics().unwrap().remote_faults;
    assert!(after > before, "the faults that link() has read are in the statistics");
}

#[test]
fn a_fault_that_the_statistics_have_read_still_explains_the_link() {
    let faults = Arc::new(Mutex::new(0));
    let (port, count) = (port(0), Arc::clone(&faults));
    port.plug(NoTraffic);
    let [mrfc, links] = ["MRFC", "LINKS"].map(|name| at(name, 0));
    let platform = Altered::new(&port, move |offset: Offset, real| match offset {
        offset if offset == mrfc => std::mem::take(&mut *count.lock().unwrap()),
        // No link, but all that can be seen of one.
        offset if offset == links => real & !(1 << 30),
        _ => real,
    });
    let mut nic = Device::new(platform).reset(&Config::new()).unwrap().assume_link_up().start().unwrap();
    nic.link();
    *faults.lock().unwrap() = 4;
    assert_eq!(nic.statistics().unwrap().remote_faults, 4);
    assert_eq!(nic.link(), Link::Down(Diagnosis::RemoteFault));
    assert_eq!(nic.link(), Link::Down(Diagnosis::Unsettled), "each fault explains one look");
}
