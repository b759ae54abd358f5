//! Explanations of registers and fields.
#![cfg(feature = "cli")]

use std::error::Error;

use datasheet_codegen::tools::explain::explain;
use datasheet_codegen::{lower, read_bytes};

const GOLDEN: &str = include_str!("golden/input.yaml");

fn explained(name: &str) -> Result<String, Box<dyn Error>> {
    let checked = read_bytes("input.yaml", GOLDEN.as_bytes()).map_err(|report| report.to_string())?;
    Ok(explain(&lower::lower(&checked), name)?)
}

fn refused(result: Result<String, Box<dyn Error>>) -> String {
    result.map_or_else(|error| error.to_string(), |text| format!("not refused: {text}"))
}

#[test]
fn a_register_is_explained() -> Result<(), Box<dyn Error>> {
    let expected = "\
MODE  Mode of Operation
  100-001 revision 2.0, 3.1, page 12

  group        control (Control)
  where        0x00000
  also at      0x00800
  width        32 bits
  access       rw: a read returns the written value
  reset        0x00000012
  written in   LaneStopped; Idle implies one of them
  must write   MAGIC = 5
  must write   OLD = 0
  also called  MODE_REG

  bits   field   access  reset  meaning
  1:0    SPEED   rw      2      How fast it goes.
                                  0 Stop
                                  1 Slow
                                  2 Fast
  3:2    -                      reserved, written as zero
  7:4    SIZE    rw      1      Size of a block. In units of 4 bytes. From 1 to 8.
  10:8   MAGIC   rw      0      Nobody knows. Always 5.
  11     OLD     rw      0      Has no use any more. Always 0.
  12     RESET   sc      0      Resets the chip.
  13     READY   ro      0      The chip is ready.
  14     FAILED  w1c     0      Something went wrong.
  15     STALE   w0c     0      What was read is out of date.
  30:16  -                      reserved, written as zero
  31     -                      reserved, preserved: firmware uses it

  Decides what the chip does; see [3.1] and <MODE>.

  errata
    E7  READY may come late.

  doubts about the datasheet
    missing  Nothing is said about bits 3:2.
";
    assert_eq!(explained("MODE")?, expected);
    // The case does not matter, and names in other drivers are found.
    assert_eq!(explained("mode")?, expected);
    assert_eq!(explained("MODE_REG")?, expected);
    Ok(())
}

#[test]
fn an_element_and_a_field_are_explained() -> Result<(), Box<dyn Error>> {
    let expected = "\
BASE.BASE  bits 31:4 of register BASE
  Base Address, 4.1

  where    0x00100 + 0x40 * n, n from 0 to 3
           0x00400 + 0x40 * (n - 4), n from 4 to 5
  index    Lane: A lane.
  element  5 is at 0x00440
  access   rw: a read returns the written value
  reset    ?
  meaning  Where the descriptors are. In units of 16 bytes.
";
    assert_eq!(explained("BASE[5].BASE")?, expected);
    let text = explained("Transfer.ERROR")?;
    assert!(
        text.starts_with("Transfer.ERROR  bits 3:1 of descriptor Transfer, as the chip writes it back\n"),
        "{text}"
    );
    assert!(text.contains("When FAILED is 1: Why it failed.\n"), "{text}");
    assert!(explained("COUNT_H")?.contains("pair"), "the pair is missing");
    Ok(())
}

#[test]
fn unknown_names_are_rejected_with_a_suggestion() {
    let text = refused(explained("MOED"));
    assert!(text.starts_with("error: there is no register or descriptor `MOED`\n"), "{text}");
    assert!(text.ends_with("help: did you mean `MODE`?"), "{text}");
    let text = refused(explained("MODE.SPED"));
    assert!(text.contains("`MODE` has no field `SPED`") && text.contains("did you mean `SPEED`?"), "{text}");
    let text = refused(explained("TAIL[6]"));
    assert!(text.contains("`TAIL` has no element 6") && text.contains("0 to 5"), "{text}");
    assert!(refused(explained("MODE[0]")).contains("`MODE` is not an array"));
    assert!(refused(explained("TAIL[x]")).contains("`x` is not an element number"));
}

#[test]
fn the_window_of_a_register_is_named() -> Result<(), Box<dyn Error>> {
    let behind = "\n  window      behind window Lane, where LANE_SEL.LANE selects the element\n";
    assert!(explained("RATE")?.contains(behind), "{}", explained("RATE")?);
    let (index, field) = (explained("LANE_SEL")?, explained("SENT.SENT")?);
    assert!(index.contains("the index register of window Lane"), "{index}");
    assert!(field.contains("behind window Lane"), "{field}");
    assert!(!explained("MODE")?.contains("window"));
    Ok(())
}
