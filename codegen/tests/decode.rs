//! Decoding of values.
#![cfg(feature = "cli")]

use std::error::Error;

use datasheet_codegen::tools::decode::decode;
use datasheet_codegen::{lower, read_bytes};

const GOLDEN: &str = include_str!("golden/input.yaml");

fn decoded(name: &str, value: &str) -> Result<String, Box<dyn Error>> {
    let checked = read_bytes("input.yaml", GOLDEN.as_bytes()).map_err(|report| report.to_string())?;
    Ok(decode(&lower::lower(&checked), name, value)?)
}

fn refused(result: Result<String, Box<dyn Error>>) -> String {
    result.map_or_else(|error| error.to_string(), |text| format!("not refused: {text}"))
}

#[test]
fn a_value_is_decoded() -> Result<(), Box<dyn Error>> {
    let expected = "\
MODE  Mode of Operation
  0x8000259F

  1:0    SPEED   3  <- unnamed value
  3:2    -       3  <- reserved bits must be zero
  7:4    SIZE    9  x 4 bytes <- must be 1 to 8
  10:8   MAGIC   5
  11     OLD     0
  12     RESET   0
  13     READY   1
  14     FAILED  0
  15     STALE   0
  30:16  -       0
  31     -       1  <- reserved bits must keep the reset value 0
";
    assert_eq!(decoded("MODE", "0x8000259F")?, expected);
    assert!(decoded("MODE", "0x512")?.contains("  1:0    SPEED   2  Fast\n"));
    assert!(decoded("MODE", "0")?.contains("  10:8   MAGIC   0  <- must be 5\n"));
    Ok(())
}

#[test]
fn a_descriptor_is_decoded_in_each_format() -> Result<(), Box<dyn Error>> {
    let text = decoded("Transfer", "0x0000_0000_0000_0001_0000_0000_0000_0005")?;
    assert!(text.contains("KIND     0  <- must be 3\n"), "{text}");
    assert!(text.contains("ERROR   2  Length\n"), "{text}");
    assert!(text.contains("BLOCKS  2  (does not apply: FAILED is not 0)\n"), "{text}");
    assert!(text.contains("DONE    1\n"), "{text}");
    Ok(())
}

/// A register of 64 bits, with fields beyond bit 31.
const WIDE: &str = r#"
chip: Demo
title: A chip
datasheet: { document: "1", revision: "1" }
groups: { main: Main }
permissions: { Idle: { kind: state, doc: Nothing runs. } }
write_in: [Idle]
registers:
  - name: WIDE
    title: Wide
    section: "1"
    group: main
    offset: 0x8
    width: 64
    access: rw
    reset: 0x8000000000000001
    fields:
      LOW: { bits: "0" }
      ACROSS: { bits: "39:24" }
      HIGH: { bits: "62:60", values: { Four: 4 } }
"#;

#[test]
fn a_register_of_64_bits_is_decoded() -> Result<(), Box<dyn Error>> {
    let checked = read_bytes("input.yaml", WIDE.as_bytes()).map_err(|report| report.to_string())?;
    let expected = "\
WIDE  Wide
  0x4000001234000001

  0      LOW     1
  23:1   -       0
  39:24  ACROSS  4660
  59:40  -       0
  62:60  HIGH    4     Four
  63     -       0     <- reserved bits must keep the reset value 1
";
    assert_eq!(decode(&lower::lower(&checked), "WIDE", "0x4000001234000001")?, expected);
    let too_wide = decode(&lower::lower(&checked), "WIDE", "0x1_0000_0000_0000_0000");
    assert!(refused(too_wide.map_err(Into::into)).contains("does not fit in the 64 bits of `WIDE`"));
    Ok(())
}

#[test]
fn invalid_arguments_are_rejected() {
    assert!(refused(decoded("MODE.SPEED", "1")).contains("needs the value of a whole register"));
    assert!(refused(decoded("MODE", "0x1_0000_0000")).contains("does not fit in the 32 bits of `MODE`"));
    assert!(refused(decoded("MODE", "+1")).contains("`+1` is not a number"));
    assert!(refused(decoded("MODE", "é1")).contains("`é1` is not a number"));
}
