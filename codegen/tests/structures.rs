//! Generated code for structures reads and writes the bytes that the description says.

#[path = "random_maps/compiler.rs"]
mod compiler;

use std::error::Error;
use std::fs;
use std::path::Path;

use datasheet_codegen::Generator;

const DESCRIPTION: &str = r#"
chip: Demo
title: A chip
datasheet: { document: "1", revision: "1" }
groups: { main: Main }
registers: []
descriptors:
  - name: NetHeader
    format: structure
    title: What is before a frame
    section: "1"
    bits: 80
    tail: 176
    reserved: ["7:2", "255:128"]
    fields:
      PARTIAL: { bits: "0" }
      VALID: { bits: "1", access: ro }
      KIND: { bits: "14:8", values: { None: 0, Tcp4: 1, Tcp6: 4 } }
      ECN: { bits: "15" }
      LENGTH: { bits: "31:16" }
      SIZE: { bits: "47:32", range: [1, 9000] }
      START: { bits: "63:48" }
      SUM: { bits: "79:64" }
      BUFFERS: { bits: "95:80" }
      HASH: { bits: "127:96" }
  - name: Command
    format: structure
    title: A command with an address
    section: "2"
    bits: 16
    tail: 112
    byte_order: big
    fields:
      CLASS: { bits: "7:0" }
      KIND: { bits: "15:8" }
      ADDRESS: { bits: "63:16" }
      NUMBER: { bits: "127:64" }
  - name: RingEntry
    format: structure
    title: An entry of a ring
    section: "3"
    bits: 16
    fields:
      INDEX: { bits: "11:3" }
    reserved: ["2:0", "15:12"]
"#;

const PROGRAM: &str = r#"
mod descriptors { include!("descriptors.rs"); }
use datasheet_runtime::structure::Bytes;
use descriptors::{Command, NetHeader, RingEntry, net_header};

fn main() {
    let mut frame = [0xFF; 32];
    assert!(Bytes::<NetHeader, _>::new(&frame[..9]).is_none(), "too short");
    let mut header = Bytes::<NetHeader, _>::new(&mut frame[..12]).expect("long enough");
    header.set(NetHeader::PARTIAL, false).expect("a flag");
    header.set(NetHeader::KIND, net_header::KIND::Tcp6).expect("a value");
    header.set(NetHeader::LENGTH, 0x1234).expect("it fits");
    let refused = header.set(NetHeader::SIZE, 9001).expect_err("out of range");
    assert!(refused.to_string().contains("NetHeader.SIZE"), "{refused}");
    assert!(header.set(NetHeader::LENGTH, 0x10000).is_err(), "too large");
    header.set(NetHeader::SIZE, 0x1122).expect("it fits");
    header.set_tail(NetHeader::BUFFERS, 0x0A0B).expect("it is there").expect("it fits");
    assert!(header.set_tail(NetHeader::BUFFERS, 0x10000).expect("it is there").is_err(), "too large");
    assert!(header.set_tail(NetHeader::HASH, 1).is_none() && header.get_tail(NetHeader::HASH).is_none(), "missing");
    assert_eq!(frame[..14], [0xFE, 0x84, 0x34, 0x12, 0x22, 0x11, 0xFF, 0xFF, 0xFF, 0xFF, 0x0B, 0x0A, 0xFF, 0xFF]);

    frame[12..16].copy_from_slice(&[1, 2, 3, 4]);
    let header = Bytes::<NetHeader, _>::new(&frame).expect("long enough");
    assert_eq!((header.get(NetHeader::PARTIAL), header.get(NetHeader::VALID), header.get(NetHeader::ECN)), (false, true, true));
    assert_eq!(header.get(NetHeader::KIND), Some(net_header::KIND::Tcp6));
    assert_eq!((header.get(NetHeader::SIZE), header.get(NetHeader::START)), (0x1122, 0xFFFF));
    assert_eq!((header.get_tail(NetHeader::BUFFERS), header.get_tail(NetHeader::HASH)), (Some(0x0A0B), Some(0x0403_0201)));

    let mut bytes = vec![0; 16];
    let mut command = Bytes::<Command, _>::new(&mut bytes).expect("long enough");
    command.set(Command::CLASS, 1).expect("it fits");
    command.set(Command::KIND, 2).expect("it fits");
    command.set_tail(Command::ADDRESS, 0x0200_0000_00AB).expect("it is there").expect("it fits");
    command.set_tail(Command::NUMBER, 0x0123_4567_89AB_CDEF).expect("it is there").expect("it fits");
    assert_eq!(command.get_tail(Command::ADDRESS), Some(0x0200_0000_00AB));
    assert_eq!(bytes, [1, 2, 2, 0, 0, 0, 0, 0xAB, 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF]);

    let mut entry = Bytes::<RingEntry, _>::new([0xFF, 0xFF]).expect("long enough");
    entry.set(RingEntry::INDEX, 0x155).expect("it fits");
    assert_eq!(entry.get(RingEntry::INDEX), 0x155);
    let mut expected = 0xFFFF_u16 & !(0x1FF << 3) | 0x155 << 3;
    let mut entry = Bytes::<RingEntry, _>::new(expected.to_le_bytes()).expect("long enough");
    assert_eq!(entry.get(RingEntry::INDEX), 0x155);
    entry.set(RingEntry::INDEX, 0).expect("it fits");
    expected &= !(0x1FF << 3);
    assert_eq!(Bytes::<RingEntry, _>::new(expected.to_le_bytes()).map(|entry| entry.get(RingEntry::INDEX)), Some(0));
}
"#;

#[test]
fn fields_are_where_the_description_has_them() -> Result<(), Box<dyn Error>> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("structures");
    fs::create_dir_all(&directory)?;
    let file = directory.join("registers.yaml");
    fs::write(&file, DESCRIPTION)?;
    Generator::new(&file).emit_to(&directory)?;
    compiler::runtime(&directory)?;
    let (source, program) = (directory.join("main.rs"), directory.join("program"));
    fs::write(&source, format!("#![allow(dead_code, non_camel_case_types)]\n{PROGRAM}"))?;
    compiler::output(compiler::compiler(&directory).arg("-o").arg(&program).arg(&source))?;
    compiler::output(&mut std::process::Command::new(&program)).map(drop)
}

#[test]
fn a_field_that_may_only_be_read_cannot_be_set() -> Result<(), Box<dyn Error>> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("structures_read_only");
    fs::create_dir_all(&directory)?;
    let file = directory.join("registers.yaml");
    fs::write(&file, DESCRIPTION)?;
    Generator::new(&file).emit_to(&directory)?;
    compiler::runtime(&directory)?;
    let source = directory.join("main.rs");
    for (field, compiles) in [("PARTIAL", true), ("VALID", false)] {
        let program = format!(
            "#![allow(dead_code, non_camel_case_types)] mod descriptors {{ include!(\"descriptors.rs\"); }}
             fn main() {{
                 let mut header = datasheet_runtime::structure::Bytes::<descriptors::NetHeader, _>::new([0; 12]).unwrap();
                 header.set(descriptors::NetHeader::{field}, true).unwrap();
             }}"
        );
        fs::write(&source, program)?;
        let mut compiler = compiler::compiler(&directory);
        compiler.args(["--crate-type=bin", "--emit=metadata", "--out-dir"]).args([&directory, &source]);
        assert_eq!(compiler::output(&mut compiler).is_ok(), compiles, "{field}");
    }
    Ok(())
}
