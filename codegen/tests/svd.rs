//! The output as SVD is read back as the same registers.
#![cfg(feature = "cli")]

use std::error::Error;
use std::path::Path;

use svd_parser::ValidateLevel;
use svd_parser::svd::{Access, MaybeArray, ModifiedWriteValues, ReadAction, RegisterInfo, register};

use datasheet_codegen::check::Checked;
use datasheet_codegen::{emit, lower, read_bytes, read_file};

/// A field: its name, bits, access, effects of writes and reads, and named values.
type Field =
    (String, u32, u32, Option<Access>, Option<ModifiedWriteValues>, Option<ReadAction>, Vec<(String, Option<u64>)>);

/// A register, with all ranges of an array.
#[derive(Debug, PartialEq)]
struct Register {
    name: String,
    offsets: Vec<u64>,
    size: Option<u32>,
    access: Option<Access>,
    modified: Option<ModifiedWriteValues>,
    action: Option<ReadAction>,
    reset: (Option<u64>, Option<u64>),
    fields: Vec<Field>,
}

/// Converts a kind of access to SVD. This table is independent of that in `emit`, so that an error in one shows.
fn svd_access(access: &str) -> Option<(Access, Option<ModifiedWriteValues>, Option<ReadAction>)> {
    let (clears, sets) = (Some(ModifiedWriteValues::OneToClear), Some(ModifiedWriteValues::OneToSet));
    Some(match access {
        "rw" | "sc" => (Access::ReadWrite, None, None),
        "ro" => (Access::ReadOnly, None, None),
        "wo" => (Access::WriteOnly, None, None),
        "rc" => (Access::ReadOnly, None, Some(ReadAction::Clear)),
        "w1c" => (Access::ReadWrite, clears, None),
        "rc_w1c" => (Access::ReadWrite, clears, Some(ReadAction::Clear)),
        "w0c" => (Access::ReadWrite, Some(ModifiedWriteValues::ZeroToClear), None),
        "w1s" => (Access::ReadWrite, sets, None),
        "read_sets" => (Access::ReadWrite, None, Some(ReadAction::Set)),
        _ => return None,
    })
}

fn described(map: &lower::Map<'_>) -> Option<Vec<Register>> {
    let field = |field: &lower::Field<'_>| {
        let (access, modified, action) = svd_access(field.access.keyword())?;
        let values = field.described.values.iter().map(|(name, value)| (name.value.clone(), Some(value.value)));
        let bits = field.bits();
        Some((field.name.value.clone(), bits.lsb, bits.width, Some(access), modified, action, values.collect()))
    };
    let register = |register: &lower::Register<'_>| {
        let (access, modified, action) = svd_access(register.described.access.keyword())?;
        Some(Register {
            name: register.described.name.value.clone(),
            offsets: register.ranges.iter().flat_map(|range| range.offsets()).collect(),
            size: Some(register.described.bits()),
            access: Some(access),
            modified,
            action,
            reset: (register.reset, Some(register.reset_known)),
            fields: register.fields.iter().map(field).collect::<Option<_>>()?,
        })
    };
    map.registers.iter().map(register).collect()
}

fn read_back(svd: &str) -> Result<Vec<Register>, Box<dyn Error>> {
    let config = svd_parser::Config::default().validate_level(ValidateLevel::Strict);
    let device = svd_parser::parse_with_config(svd, &config)?;
    let mut registers: Vec<Register> = Vec::new();
    for one in device.peripherals.iter().flat_map(|peripheral| peripheral.registers()) {
        let (offsets, name): (Vec<u64>, _) = match one {
            MaybeArray::Single(info) => (vec![info.address_offset.into()], info.name.clone()),
            MaybeArray::Array(info, dim) => {
                (register::address_offsets(info, dim).map(u64::from).collect(), info.name.replace("[%s]", ""))
            }
        };
        // A further range of the array before it has this name and this description.
        if let Some(last) = registers.last_mut()
            && one.description.as_ref().is_some_and(|text| text.contains("; elements "))
        {
            assert_eq!(name, format!("{}_{}", last.name, last.offsets.len()));
            let again = register_of(one, last.name.clone(), last.offsets.clone());
            assert_eq!(*last, again, "a range that differs from the first");
            last.offsets.extend(offsets);
        } else {
            registers.push(register_of(one, name, offsets));
        }
    }
    Ok(registers)
}

fn register_of(info: &RegisterInfo, name: String, offsets: Vec<u64>) -> Register {
    let fields = info.fields().map(|field| {
        let values = field.enumerated_values.iter().flat_map(|values| &values.values);
        // The description has the original name, because the name itself avoids methods of svd2rust.
        let values = values.map(|value| (value.description.clone().unwrap_or_default(), value.value)).collect();
        let (lsb, width) = (field.bit_range.offset, field.bit_range.width);
        (field.name.clone(), lsb, width, field.access, field.modified_write_values, field.read_action, values)
    });
    Register {
        name,
        offsets,
        size: info.properties.size,
        access: info.properties.access,
        modified: info.modified_write_values,
        action: info.read_action,
        reset: (info.properties.reset_value, info.properties.reset_mask),
        fields: fields.collect(),
    }
}

/// Writes and reads back. Returns the numbers of registers, elements and fields.
fn round_trip(file: &str) -> Result<[usize; 3], Box<dyn Error>> {
    round_trip_of(&read_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file))?)
}

fn round_trip_of(checked: &Checked) -> Result<[usize; 3], Box<dyn Error>> {
    let map = lower::lower(checked);
    let read = read_back(&emit::svd::svd(&map)?)?;
    let described = described(&map).ok_or("a kind of access without a word")?;
    assert_eq!(read.len(), described.len());
    for (read, described) in read.iter().zip(&described) {
        assert_eq!(read, described);
    }
    let fields = read.iter().map(|register| register.fields.len()).sum();
    Ok([read.len(), read.iter().map(|register| register.offsets.len()).sum(), fields])
}

#[test]
fn a_chip_with_one_of_everything() -> Result<(), Box<dyn Error>> {
    assert_eq!(round_trip("tests/golden/input.yaml")?, [17, 41, 27]);
    let checked = read_bytes("input.yaml", include_bytes!("golden/input.yaml")).map_err(|report| report.to_string())?;
    let svd = emit::svd::svd(&lower::lower(&checked))?;
    assert!(svd.contains("Rate (100-001 5.4); behind window Lane, where LANE_SEL.LANE selects the element"), "{svd}");
    Ok(())
}

#[test]
fn a_register_of_64_bits() -> Result<(), Box<dyn Error>> {
    let text = r#"
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
    array: { ranges: [{ count: 2, base: 0x8, stride: 8 }] }
    width: 64
    access: rw
    reset: 0x8000000000000001
    fields:
      ACROSS: { bits: "39:24" }
      HIGH: { bits: "63:60", values: { Eight: 8 } }
"#;
    let checked = read_bytes("input.yaml", text.as_bytes()).map_err(|report| report.to_string())?;
    assert_eq!(round_trip_of(&checked)?, [1, 2, 2]);
    assert!(emit::svd::svd(&lower::lower(&checked))?.contains("<width>64</width>"), "the bus makes narrower accesses");
    Ok(())
}

#[test]
fn our_description() -> Result<(), Box<dyn Error>> {
    let [registers, elements, fields] = round_trip("../registers.yaml")?;
    println!("{registers} registers of {elements} elements and {fields} fields");
    assert!(registers > 400 && elements > registers && fields > registers);
    Ok(())
}
