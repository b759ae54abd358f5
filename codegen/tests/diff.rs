//! Changes between descriptions, and their semver levels.
#![cfg(feature = "cli")]

use std::error::Error;

use datasheet_codegen::check::Checked;
use datasheet_codegen::tools::diff::{Difference, Level, diff};
use datasheet_codegen::{lower, read_bytes};

const GOLDEN: &str = include_str!("golden/input.yaml");

fn read(text: &str) -> Result<Checked, Box<dyn Error>> {
    read_bytes("input.yaml", text.as_bytes()).map_err(|report| report.to_string().into())
}

/// Returns the changes when `from` becomes `to` in the golden description.
fn changed(from: &str, to: &str) -> Result<Difference, Box<dyn Error>> {
    assert_eq!(GOLDEN.matches(from).count(), 1, "not there, or not alone: {from}");
    let (old, new) = (read(GOLDEN)?, read(&GOLDEN.replace(from, to))?);
    Ok(diff(&lower::lower(&old), &lower::lower(&new)))
}

#[test]
fn levels_are_those_of_docs_semver() -> Result<(), Box<dyn Error>> {
    use Level::{Major, Minor, Patch};
    let speed = "SPEED: { bits: \"1:0\", values: { Stop: 0, Slow: 1, Fast: 2 }, doc: How fast it goes. }";
    let spare = "\n      SPARE: { bits: \"3:2\", doc: Spare. }";
    #[rustfmt::skip]
    let cases = [
        // Something is added.
        (speed, format!("{speed}{spare}"), Minor, "MODE.SPARE\n  minor  field added, bits 3:2"),
        ("Fast: 2 }", "Fast: 2, Faster: 3 }".to_owned(), Minor, "MODE.SPEED\n  minor  value Faster = 3 added"),
        ("errata:\n      - { id: E7", "errata:\n      - { id: E6, text: Hangs. }\n      - { id: E7".to_owned(), Minor, "MODE\n  minor  erratum added"),
        ("aliases: [{ base: 0x00800 }]", "aliases: [{ base: 0x00800 }, { base: 0x00900 }]".to_owned(), Minor, "MODE\n  minor  an alias added"),
        // A text changes.
        ("doc: How fast it goes.", "doc: How fast.".to_owned(), Patch, "MODE.SPEED\n  patch  the doc text changed"),
        ("page: 12", "page: 13".to_owned(), Patch, "MODE\n  patch  the section or page changed"),
        // Permissions.
        ("write_in: [LaneStopped]\n    required", "write_in: [LaneStopped, Busy]\n    required".to_owned(), Minor, "MODE\n  minor  may also be written in Busy"),
        ("write_in: [LaneStopped]\n    required", "write_in: [Idle]\n    required".to_owned(), Major, "MODE\n  major  may no longer be written in LaneStopped"),
        // Reset values.
        ("reset: unknown", "reset: 0".to_owned(), Minor, "BASE\n  minor  the reset value is known: 0x00000000"),
        ("reset: 0x00000012", "reset: unknown".to_owned(), Major, "MODE\n  major  the reset value is no longer known"),
        ("reset: 0x00000012", "reset: 0x00000011".to_owned(), Patch, "MODE\n  patch  the reset value is corrected"),
        // Fields.
        ("TAIL: { bits: \"15:0\"", "TAIL: { bits: \"14:0\"".to_owned(), Major, "TAIL.TAIL\n  major  narrower: from bits 15:0 to bits 14:0"),
        ("range: [1, 8]", "range: [1, 7]".to_owned(), Major, "MODE.SIZE\n  major  the range is smaller: 1 to 7"),
        ("range: [1, 8], ", String::new(), Minor, "MODE.SIZE\n  minor  no longer has a range"),
        ("KEY: { bits: \"31:0\", doc", "KEY: { bits: \"31:0\", range: [0, 7], doc".to_owned(), Major, "KEY.KEY\n  major  gets a range: 0 to 7"),
        ("bits: \"12\", access: sc", "bits: \"12\", access: ro".to_owned(), Major, "MODE.RESET\n  major  can no longer be given a value"),
        ("READY: { bits: \"13\"", "READY: { bits: \"16\"".to_owned(), Patch, "MODE.READY\n  patch  the position is corrected from bit 13 to bit 16"),
        ("Slow: 1, Fast: 2", "Slow: 2, Fast: 1".to_owned(), Patch, "MODE.SPEED\n  patch  value Slow is corrected from 1 to 2"),
        ("Slow: 1, ", String::new(), Major, "MODE.SPEED\n  major  value Slow removed"),
        ("values: { Stop: 0, Slow: 1, Fast: 2 }, ", String::new(), Major, "MODE.SPEED\n  major  its values are numbers, were names"),
        ("BASE: { bits: \"31:4\",", "FLAG: { bits: \"0\" }\n      BASE: { bits: \"31:4\",".to_owned(), Major, "BASE.FLAG\n  major  field added to a register of unknown reset value"),
        // Registers.
        ("offset: 0x00004", "offset: 0x00014".to_owned(), Patch, "SCRATCH\n  patch  the offset is corrected from 0x00004 to 0x00014"),
        ("name: SCRATCH", "name: SCRATCHPAD".to_owned(), Major, "SCRATCH\n  major  register removed"),
        ("count: 10,", "count: 9,".to_owned(), Major, "KEY\n  major  has 9 elements, had 10"),
        ("reset: 0x000000FF\n", "reset: 0x000000FF\n    memory_safety: true\n".to_owned(), Major, "KEY\n  major  marked `memory_safety`"),
        ("    doorbell: true\n", "    doorbell: true\n    device_state: true\n".to_owned(), Major, "TAIL\n  major  marked `device_state`"),
        ("    device_state: true\n    hardware_damage: true\n", String::new(), Minor, "KEY\n  minor  no longer marked `device_state`\n  minor  no longer marked `hardware_damage`"),
        ("name: PEEK", "name: POKE".to_owned(), Minor, "POKE\n  minor  0x00F00 is forbidden"),
        ("size: 0x01000", "size: 0x00F80".to_owned(), Minor, "the space\n  minor  ends at 0x00F7F"),
        ("    access: rc_w1c", "    access: w1c".to_owned(), Minor, "CAUSE\n  minor  a read no longer has side effects"),
        ("widths: [32]", "widths: [32]\nbyte_order: big".to_owned(), Patch, "the space\n  patch  the byte order is corrected to big"),
        // Windows.
        ("registers: [RATE, SENT]", "registers: [RATE]".to_owned(), Major, "SENT\n  major  is no longer behind a window"),
        ("select: LANE_SEL.LANE, index: Lane", "select: LANE_SEL.LANE, count: 6".to_owned(), Major, "window Lane\n  major  has another index"),
        ("count: 32,", "count: 16,".to_owned(), Major, "window Phy\n  major  has 16 elements, had 32"),
        ("write: { GO: 1, WRITES: 1 }, ", String::new(), Major, "window Phy\n  major  has other commands, or none"),
        ("done: { BUSY: 0 }", "done: { BUSY: 1 }".to_owned(), Patch, "window Phy\n  patch  the fields of the commands changed"),
        ("name: Phy,", "name: OtherPhy,".to_owned(), Major, "window Phy\n  major  window removed"),
        // Descriptors and pairs.
        ("    report: REPORT\n", String::new(), Major, "descriptor Transfer (read)\n  major  `report` is no longer known"),
        ("fixed: 3", "fixed: 4".to_owned(), Patch, "descriptor Transfer (read).KIND\n  patch  the value that it must have is corrected from 3 to 4"),
        ("order: low_first", "order: high_first".to_owned(), Patch, "pair COUNT\n  patch  the order of access changed"),
    ];
    for (from, to, level, text) in cases {
        let difference = changed(from, &to)?;
        let printed = difference.to_string();
        assert_eq!(difference.level(), Some(level), "{from} -> {to}:\n{printed}");
        assert!(printed.contains(text), "{from} -> {to}: not printed as `{text}`:\n{printed}");
        assert!(printed.contains(&format!("\nSummary: {level} (")), "{printed}");
    }
    Ok(())
}

#[test]
fn nothing_changes_between_a_description_and_itself() -> Result<(), Box<dyn Error>> {
    let difference = changed("Demo 1 controller", "Demo 1 controller")?;
    assert_eq!((difference.level(), difference.to_string().as_str()), (None, "Nothing changed.\n"));
    Ok(())
}
