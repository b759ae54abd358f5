//! The self-test on the model: everything is ok, and whatever the model does wrong has a row that says so by name.

use std::sync::{Arc, Mutex};

use ixgbe::mmio::Offset;
use ixgbe::platform::AnyPlatform;
use ixgbe::registers::REGISTERS;
use ixgbe::trace::Recorder;
use ixgbe_sim::traces::replay;
use ixgbe_sim::{Deviation, Fault, PortPlatform};
use serde_json::Value;

use super::table::{Row, Table, Verdict};
use super::{Options, run};
use crate::model;

/// As little as finds every mutant.
const QUICK: Options = Options { max_frame: 9018, stride: 512, cycles: 2, samples: 10, link: true, identify: false };

const MAC: [u8; 6] = [0x02, 0x82, 0x59, 0x90, 0xab, 0xcd];

/// Tests a model with `fault`. Returns the rows and the report.
fn selftest(fault: Option<Fault>, options: &Options) -> (Vec<Row>, Value) {
    selftest_through(fault, options, AnyPlatform::new)
}

/// As [`selftest`], with what `wrap` makes of each platform.
fn selftest_through(
    fault: Option<Fault>,
    options: &Options,
    wrap: impl Fn(PortPlatform) -> AnyPlatform,
) -> (Vec<Row>, Value) {
    let port = model::test_port(MAC, fault);
    let card = model::card(&port);
    let platform = wrap(port.claim().expect("nobody else has the port"));
    let mut table = Table::new(false);
    let mut report = run(&card, platform, options, &mut table);
    report["checks"] = table.json();
    (table.rows().to_vec(), report)
}

fn show(rows: &[Row]) -> String {
    let lines = rows.iter().flat_map(|row| {
        let more = row.differences.iter().skip(1).map(|difference| format!("         {difference}\n"));
        std::iter::once(format!("{row}\n")).chain(more)
    });
    lines.collect()
}

#[test]
fn the_model_is_as_the_library_says() {
    let (rows, report) = selftest(None, &QUICK);
    assert!(rows.iter().all(|row| row.verdict == Verdict::Ok), "{}", show(&rows));
    assert!(rows.len() >= 25, "{}", show(&rows));
    assert_eq!(report["checks"].as_array().unwrap().len(), rows.len());
    // A register whose reset value is known, one that it leaves unknown, and an array.
    for dump in ["registers_as_found", "registers_after_reset"] {
        assert_eq!(report[dump]["MAXFRS"], "0x05ee0000", "{dump}");
        assert!(report[dump]["AUTOC"].is_string() && report[dump]["RXDCTL"].is_string(), "{dump}");
        assert!(report[dump]["EICR"].is_null(), "{dump}: reading EICR clears it");
    }
    assert_eq!(report["pci"]["device"], "10fb");
    assert!(report["module"]["vendor"].is_string() && report["module"]["serial"].is_null());
}

/// Checks that the report has no MAC address unless it is asked for, in whatever notation.
#[test]
fn a_report_names_no_address_unless_asked() {
    let notations = ["90598202", "0000cdab", "8000cdab", "02:82:59", "0282.59", "90:ab:cd", "[2, 130, 89"];
    let (_, report) = selftest(None, &QUICK);
    let text = report.to_string().to_lowercase();
    assert!(!notations.iter().any(|notation| text.contains(notation)), "{text}");
    let (_, report) = selftest(None, &Options { identify: true, ..QUICK });
    assert_eq!(report["registers_after_reset"]["RAL"][0], "0x90598202");
    assert!(report["module"]["serial"].is_string());
}

/// Replays a trace of the whole test: without a difference, or with the one that was made.
#[test]
fn a_trace_of_the_test_replays() {
    let text = Arc::new(Mutex::new(String::new()));
    let lines = Arc::clone(&text);
    let recorder = Recorder::of_port(MAC, 0, move |line| *lines.lock().unwrap() += &format!("{line}\n"));
    let (rows, _) = selftest_through(None, &QUICK, |platform| AnyPlatform::new(recorder.record(platform)));
    recorder.finish();
    assert!(rows.iter().all(|row| row.verdict != Verdict::Differs), "{}", show(&rows));
    let text = text.lock().unwrap();
    let replayed = replay(&text.parse().expect("a trace"));
    assert!(replayed.mismatches.is_empty(), "{replayed}");
    assert!(replayed.compared > 3000, "{replayed}");
    let changed = text.replacen("read  MAXFRS = 0x05ee0000", "read  MAXFRS = 0x05ef0000", 1);
    let replayed = replay(&changed.parse().expect("a trace"));
    assert_eq!(replayed.mismatches.len(), 1, "{replayed}");
    assert!(replayed.to_string().contains("MAXFRS: expected 0x05ef0000, found 0x05ee0000"), "{replayed}");
}

/// A model that is wrong in one way: the fault, the row that says so, and words of its differences.
struct Mutant(Fault, &'static str, &'static str);

fn at(name: &str, index: usize) -> u32 {
    let info = REGISTERS.iter().find(|info| info.name == name).unwrap_or_else(|| panic!("there is no {name}"));
    Offset::new(info.offsets().nth(index).expect("an element")).expect("an offset").bytes()
}

fn flip(name: &str, index: usize, flip: u32) -> Fault {
    Fault::Deviation(Deviation::RegisterReads { offset: at(name, index), flip })
}

fn one_more(name: &str, index: usize) -> Fault {
    Fault::Deviation(Deviation::CountsOneMore { offset: at(name, index) })
}

fn mutants() -> Vec<Mutant> {
    vec![
        Mutant(flip("MAXFRS", 0, 1 << 16), "reset values", "MAXFRS reads 0x05ef0000, the map has 0x05ee0000"),
        Mutant(flip("TXPBSIZE", 5, 1 << 10), "reset values", "TXPBSIZE[5] reads"),
        Mutant(one_more("GPTC", 0), "counters of the MAC", "GPTC is"),
        Mutant(one_more("PRC511", 0), "counters of the MAC", "PRC511 is"),
        Mutant(one_more("GORCL", 0), "counters of the MAC", "GORCL/GORCH is"),
        Mutant(one_more("QBRC_L", 3), "counters of the queues", "QBRC[3] is"),
        Mutant(one_more("QPTC", 15), "counters of the queues", "QPTC[15] is"),
        Mutant(one_more("BPRC", 0), "broadcast and multicast", "BPRC is 7, and should be 6"),
        Mutant(Fault::Deviation(Deviation::RxQueuesExchanged), "queues by RSS", "on receive queue 1, not 2"),
        Mutant(Fault::RxQueueWrong, "queues by RSS", "on the wrong queue"),
        Mutant(Fault::RxQueueWrong, "RSS by kind of packet", "comes to receive queue 0, not"),
        Mutant(Fault::Deviation(Deviation::RxLengthShort), "frames of every length", "of the wrong length"),
        Mutant(Fault::Deviation(Deviation::RxByteWrong), "frames of every length", "changed"),
        Mutant(Fault::Deviation(Deviation::RxFramesLost), "queues by RSS", "lost"),
        Mutant(Fault::Deviation(Deviation::RxFramesTwice), "queues by RSS", "received twice"),
        Mutant(Fault::Deviation(Deviation::TxFramesCut), "frames in several segments", "of the wrong length"),
        Mutant(Fault::Deviation(Deviation::TxNotPadded), "short frames are padded", "a frame of 17 bytes"),
        Mutant(Fault::Deviation(Deviation::InterruptLost { vector: 3 }), "interrupts", "vector 3: no interrupt"),
        Mutant(Fault::InterruptsLost, "interrupts", "vector 0: no interrupt"),
        Mutant(Fault::Deviation(Deviation::PcieNarrow), "PCIe speed and width", "5 GT/s, 1 lanes"),
        Mutant(Fault::ModuleUnreadable, "module", "the module stopped answering"),
        Mutant(Fault::EepromCorrupt, "EEPROM checksum", "the EEPROM's checksum is wrong"),
        Mutant(Fault::LinkNeverUp, "loopback", "no link in loopback"),
        Mutant(Fault::RxCrcErrors, "all other counters", "CRCERRS is"),
        Mutant(Fault::RxNoEop, "queues by RSS", "lost"),
        Mutant(Fault::RxWriteBackLost, "queues by RSS", "lost"),
        Mutant(Fault::TxWriteBackLost, "queues by RSS", "transmit queue 0 never gets its DD"),
        Mutant(Fault::TxStalls, "queues by RSS", "lost"),
        Mutant(Fault::ResetNeverEnds, "reset", "waiting for the reset to finish"),
        Mutant(Fault::EepromMissing, "reset", "EEC.EE_PRES is 0"),
        Mutant(Fault::SurpriseRemoval, "BAR", "STATUS reads as all ones"),
    ]
}

#[test]
fn every_mutant_has_a_row_that_says_what_differs() {
    let mut survivors = String::new();
    for Mutant(fault, check, words) in mutants() {
        let (rows, _) = selftest(Some(fault), &QUICK);
        let found = rows.iter().filter(|row| row.verdict == Verdict::Differs && row.check.name == check);
        let said = found.flat_map(|row| &row.differences).any(|difference| difference.contains(words));
        // The test itself keeps to the rules, whatever the model does.
        let broken = rows.iter().find(|row| row.check.name == "rules of the model" && row.verdict == Verdict::Differs);
        assert!(
            broken.is_none_or(|row| fault == Fault::TxStalls || row.differences.is_empty()),
            "{fault:?}: {broken:?}"
        );
        if !said {
            survivors += &format!("{fault:?}: no row `{check}` says `{words}`:\n{}\n", show(&rows));
        }
    }
    assert!(survivors.is_empty(), "{survivors}");
}

/// Checks that a port which the firmware uses is not forced into loopback, and that nothing else is wrong with it.
#[test]
fn a_port_of_the_firmware_is_skipped() {
    let (rows, _) = selftest(Some(Fault::FirmwareManages), &QUICK);
    let skipped: Vec<_> = rows.iter().filter(|row| row.verdict == Verdict::Skipped).collect();
    assert!(skipped.iter().any(|row| row.check.name == "loopback" && row.detail.contains("switch manageability off")));
    assert!(rows.iter().all(|row| row.verdict != Verdict::Differs), "{}", show(&rows));
    assert!(rows.iter().any(|row| row.check.name == "link" && row.verdict == Verdict::Ok), "{}", show(&rows));
}
