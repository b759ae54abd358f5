//! Comparison of a description with what svd-parser says of the file.
//!
//! It is independent of the conversion: svd-parser expands all arrays and resolves what derives from something, and
//! every single register at every address is compared.

use std::collections::BTreeSet;

use svd_parser::ValidateLevel;
use svd_parser::svd::{Access, ModifiedWriteValues as Written, Peripheral, ReadAction, RegisterProperties};

use super::Result;
use datasheet_codegen::lower::{self, Map};

/// What was compared.
#[derive(Debug, PartialEq, Eq)]
pub struct Agreed {
    pub registers: usize,
    pub fields: usize,
    pub values: usize,
}

/// A register at one address. Registers that share an address are compared in any order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Single {
    offset: u64,
    width: u32,
    reset: Option<(u64, u64)>,
    fields: Vec<Field>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Field {
    lsb: u32,
    width: u32,
    access: &'static str,
    /// The name in the SVD, unless the register has no field.
    name: Option<String>,
    values: BTreeSet<u64>,
}

/// Compares all registers of a device, and returns how many there are.
pub fn agree(svd: &str, map: &Map<'_>) -> Result<Agreed> {
    let config = svd_parser::Config::default().validate_level(ValidateLevel::Disabled);
    let mut device = svd_parser::parse_with_config(svd, &config.expand(true).expand_properties(true))?;
    // Registers of a peripheral that derives from another one have no properties yet.
    svd_parser::expand_properties(&mut device);
    let mut agreed = Agreed { registers: 0, fields: 0, values: 0 };
    for peripheral in &device.peripherals {
        let Peripheral::Single(info) = peripheral else { return Err("an array is not expanded".into()) };
        let expected = expected(peripheral.all_registers());
        let place = format!("{} at 0x{:08X}", info.name, info.base_address);
        let mut groups = map.description.groups.iter().filter(|(_, title)| {
            let places = title.rsplit_once('(').map_or(title.as_str(), |(_, places)| places.trim_end_matches(')'));
            places.split(", ").any(|one| one == place)
        });
        let Some((group, _)) = groups.next() else {
            assert!(peripheral.all_registers().next().is_none(), "{place} is not described");
            continue;
        };
        let of_block = |register: &&lower::Register<'_>| register.described.group.value == group.value;
        let mut described = described(map.registers.iter().filter(of_block));
        for (at, (expected, described)) in expected.iter().zip(&mut described).enumerate() {
            // A register without fields in the SVD is described with one that has a name of its own.
            if let ([Field { name: None, .. }], [only]) = (expected.fields.as_slice(), described.fields.as_mut_slice())
            {
                only.name = None;
            }
            assert_eq!(*expected, *described, "register {at} of {place}");
        }
        assert_eq!(expected.len(), described.len(), "{place}");
        agreed.registers += described.len();
        agreed.fields += described.iter().map(|register| register.fields.len()).sum::<usize>();
        let fields = described.iter().flat_map(|register| &register.fields);
        agreed.values += fields.map(|field| field.values.len()).sum::<usize>();
    }
    Ok(agreed)
}

/// Returns the registers as svd-parser reads them, without those that a description cannot have.
fn expected<'a>(registers: impl Iterator<Item = &'a svd_parser::svd::Register>) -> Vec<Single> {
    let mut expected = Vec::new();
    for register in registers {
        let RegisterProperties { size, access, reset_value, reset_mask, .. } = register.properties;
        let (width, offset) = (size.unwrap_or(32), u64::from(register.address_offset));
        let bytes = u64::from(width) / 8;
        if ![8, 16, 32, 64].contains(&width) || !offset.is_multiple_of(bytes) || offset + bytes > u64::from(u32::MAX) {
            continue;
        }
        let all = u64::MAX >> (64 - width);
        let known = reset_mask.unwrap_or(u64::MAX) & all;
        let reset = reset_value.filter(|_| known != 0).map(|reset| (reset & known, known));
        let access = access.unwrap_or(Access::ReadWrite);
        let own = (register.modified_write_values, register.read_action);
        let mut fields: Vec<_> = register
            .fields()
            .filter(|field| field.bit_range.width > 0 && field.bit_range.offset + field.bit_range.width <= width)
            .map(|field| {
                let written = field.modified_write_values.or(own.0);
                let (lsb, width) = (field.bit_range.offset, field.bit_range.width);
                let values = field.enumerated_values.iter().flat_map(|values| &values.values);
                Field {
                    lsb,
                    width,
                    access: keyword(field.access.unwrap_or(access), written, field.read_action.or(own.1)),
                    name: Some(field.name.split_whitespace().collect::<Vec<_>>().join(" ")),
                    values: values.filter_map(|value| value.value).filter(|value| value >> (width - 1) <= 1).collect(),
                }
            })
            .collect();
        if register.fields().next().is_none() {
            let access = keyword(access, own.0, own.1);
            fields.push(Field { lsb: 0, width, access, name: None, values: BTreeSet::new() });
        }
        fields.sort();
        expected.push(Single { offset, width, reset, fields });
    }
    expected.sort();
    expected
}

/// Returns the keyword for an access: this table is independent of that in the conversion, so that an error in one
/// shows.
fn keyword(access: Access, written: Option<Written>, read: Option<ReadAction>) -> &'static str {
    let writes = written.unwrap_or(Written::Modify);
    let (is_written, is_read) = match access {
        Access::ReadOnly => (false, true),
        Access::WriteOnly | Access::WriteOnce => (true, false),
        Access::ReadWrite | Access::ReadWriteOnce => (true, true),
    };
    match (is_written, is_read, writes, read) {
        (false, _, _, None) => "ro",
        (false, _, _, Some(_)) => "rc",
        (true, false, Written::Modify | Written::OneToClear | Written::OneToSet | Written::OneToToggle, _) => "wo",
        (true, false, Written::ZeroToClear, _) => "w0c",
        (true, false, ..) => "ro",
        (true, true, Written::Modify, None) => "rw",
        (true, true, Written::Modify, Some(ReadAction::Set)) => "read_sets",
        (true, true, Written::OneToClear, None) => "w1c",
        (true, true, Written::OneToClear, Some(_)) => "rc_w1c",
        (true, true, Written::ZeroToClear, None) => "w0c",
        (true, true, Written::OneToSet, None) => "w1s",
        (true, true, Written::OneToToggle, _) => "wo",
        (true, true, Written::Clear, None) => "sc",
        (true, true, _, None) => "ro",
        (true, true, _, Some(_)) => "rc",
    }
}

fn described<'a>(registers: impl Iterator<Item = &'a lower::Register<'a>>) -> Vec<Single> {
    let field = |field: &lower::Field<'_>| Field {
        lsb: field.bits().lsb,
        width: field.bits().width,
        access: field.access.keyword(),
        name: Some(field.described.name.clone().unwrap_or(field.name.value.clone())),
        values: field.described.values.values().map(|value| value.value).collect(),
    };
    let mut described = Vec::new();
    for register in registers {
        for offset in register.ranges.iter().flat_map(|range| range.offsets()) {
            let mut fields: Vec<_> = register.fields.iter().map(field).collect();
            fields.sort();
            let reset = register.reset.map(|reset| (reset, register.reset_known));
            described.push(Single { offset, width: register.described.bits(), reset, fields });
        }
    }
    described.sort();
    described
}
