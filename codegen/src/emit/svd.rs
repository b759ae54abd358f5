//! Output as CMSIS-SVD, the format of other register tools.
//!
//! SVD cannot express permissions, reserved bits and descriptors, so they are left out. Elements, aliases and errata
//! are in the description texts.

use std::collections::HashSet;

use svd_encoder::{Config, encode_with_config};
use svd_rs::{
    Access as SvdAccess, AddressBlock, AddressBlockUsage, BitRange, Device, DimElement, EnumeratedValue,
    EnumeratedValues, FieldInfo, MaybeArray, ModifiedWriteValues, Peripheral, PeripheralInfo, ReadAction, Register,
    RegisterCluster, RegisterInfo, RegisterProperties, SvdError, ValidateLevel, WriteConstraint, WriteConstraintRange,
};

use crate::description::{Access, Block, Name, Range};
use crate::lower::{self, Map};
use crate::tools::CommandError;

/// Returns the registers of a map as an SVD file.
///
/// # Errors
///
/// [`CommandError`] if an offset has more than 32 bits, which SVD cannot express.
pub fn svd(map: &Map<'_>) -> Result<String, CommandError> {
    let refused = |error: String| CommandError::new(format!("SVD cannot express this: {error}"));
    let device = device(map).map_err(|error| refused(error.to_string()))?;
    let text = encode_with_config(&device, &Config::default()).map_err(|error| refused(error.to_string()))?;
    Ok(text.trim_end().to_owned() + "\n")
}

/// Converts a kind of access to SVD, which has no equivalent of a self-clearing bit.
fn access(access: Access) -> (SvdAccess, Option<ModifiedWriteValues>, Option<ReadAction>) {
    match access {
        Access::ReadWrite | Access::SelfClearing => (SvdAccess::ReadWrite, None, None),
        Access::ReadOnly => (SvdAccess::ReadOnly, None, None),
        Access::WriteOnly => (SvdAccess::WriteOnly, None, None),
        Access::ReadClears => (SvdAccess::ReadOnly, None, Some(ReadAction::Clear)),
        Access::WriteOneClears => (SvdAccess::ReadWrite, Some(ModifiedWriteValues::OneToClear), None),
        Access::ReadOrWriteOneClears => {
            (SvdAccess::ReadWrite, Some(ModifiedWriteValues::OneToClear), Some(ReadAction::Clear))
        }
        Access::WriteZeroClears => (SvdAccess::ReadWrite, Some(ModifiedWriteValues::ZeroToClear), None),
        Access::WriteOneSets => (SvdAccess::ReadWrite, Some(ModifiedWriteValues::OneToSet), None),
        Access::ReadSets => (SvdAccess::ReadWrite, None, Some(ReadAction::Set)),
    }
}

fn device(map: &Map<'_>) -> Result<Device, Failure> {
    let description = map.description;
    let blocks = std::iter::once(None).chain(description.blocks.iter().map(Some));
    let peripherals = blocks.map(|block| peripheral(map, block).map(Peripheral::Single));
    let document = &description.datasheet;
    let widest = description.registers.iter().map(|register| register.bits()).max().unwrap_or(0);
    Ok(Device::builder()
        .name(word(&description.chip))
        .version(document.revision.clone())
        .description(format!(
            "{}, as described by {} revision {}",
            description.title, document.document, document.revision
        ))
        .address_unit_bits(8)
        // The widest access that the bus can make. A debugger makes several for what is wider.
        .width(widest.max(32))
        .default_register_properties(RegisterProperties::new().size(Some(32)))
        .peripherals(peripherals.collect::<Result<_, _>>()?)
        .build(STRICT)?)
}

/// Converts a register block, whose address space begins at 0.
fn peripheral(map: &Map<'_>, block: Option<(&Name, &Block)>) -> Result<PeripheralInfo, Failure> {
    let description = map.description;
    let names: HashSet<&str> = description.registers.iter().map(|register| register.name.as_str()).collect();
    let (name, title) = match block {
        None => ("REGISTERS".to_owned(), &description.title),
        Some((name, block)) => (name.to_uppercase(), &block.title),
    };
    let mut registers = Vec::new();
    let mut size = 0;
    let block = block.map(|(name, _)| name);
    for register in map.registers.iter().filter(|register| register.described.block.as_ref() == block) {
        for range in &register.ranges {
            registers.push(RegisterCluster::Register(one(register, range, &names, &description.datasheet.document)?));
            let last = range.offsets().last().unwrap_or(range.base.value);
            size = size.max(small(last.saturating_add(u64::from(register.described.bits() / 8)))?);
        }
    }
    let block = AddressBlock::builder().offset(0).size(size).usage(AddressBlockUsage::Registers).build(STRICT)?;
    Ok(PeripheralInfo::builder()
        .name(name)
        .description(Some(title.clone()))
        .base_address(0)
        .address_block(Some(vec![block]))
        .registers(Some(registers))
        .build(STRICT)?)
}

/// Converts one range of a register, because an SVD array has equal distances.
fn one(
    register: &lower::Register<'_>,
    range: &Range,
    names: &HashSet<&str>,
    document: &str,
) -> Result<Register, Failure> {
    let described = register.described;
    let (kind, modified, action) = access(described.access.value);
    let mut text = format!("{} ({document} {})", described.title, described.section);
    if range.first > 0 {
        text += &format!("; elements {} to {}", range.first, range.first + (range.count - 1));
    }
    for alias in &register.aliases {
        text += &format!("; also at 0x{:05X}", alias.base.value);
    }
    if let Some(window) = register.window {
        text += &format!("; {}", window.role(&described.name));
    }
    let notes = described.errata.iter().map(|erratum| format!("{}: {}", erratum.id, erratum.text));
    for note in described.doc.clone().into_iter().chain(notes) {
        text += &format!(". {}", note.trim_end_matches('.'));
    }
    let mut fields = Vec::new();
    for one in &register.fields {
        fields.push(field(one)?);
    }
    let mut name = described.name.value.clone();
    if range.first > 0 {
        name += &format!("_{}", range.first);
        while names.contains(name.as_str()) {
            name.push('_');
        }
    }
    let is_array = described.array.is_some();
    let info = RegisterInfo::builder()
        .name(if is_array { format!("{name}[%s]") } else { name })
        .description(Some(text))
        .address_offset(small(range.base.value)?)
        .properties(
            RegisterProperties::new()
                .size(Some(described.bits()))
                .access(Some(kind))
                // An unknown value is left out, so that tools do not start a write from a wrong one.
                .reset_value(register.reset)
                .reset_mask(Some(register.reset_known)),
        )
        .modified_write_values(modified)
        .read_action(action)
        .fields(Some(fields).filter(|fields| !fields.is_empty()))
        .build(STRICT)?;
    Ok(if is_array {
        let dim = DimElement::builder().dim(range.count).dim_increment(small(range.stride)?).build(STRICT)?;
        MaybeArray::Array(info, dim)
    } else {
        MaybeArray::Single(info)
    })
}

fn field(field: &lower::Field<'_>) -> Result<svd_rs::Field, Failure> {
    let described = field.described;
    let (kind, modified, action) = access(field.access);
    let mut text = described.doc.clone().unwrap_or_default();
    if let Some(name) = &described.name {
        text = format!("{name}: {text}");
    }
    if let Some(unit) = &described.unit {
        text = format!("{} (in units of {unit})", text.trim_end_matches('.'));
    }
    let conditions: Vec<_> =
        described.when.iter().map(|(name, value)| format!("{} is {}", name.value, value.value)).collect();
    if !conditions.is_empty() {
        text = format!("When {}: {text}", conditions.join(" and "));
    }
    let mut values = Vec::new();
    for (name, value) in &described.values {
        values.push(
            EnumeratedValue::builder()
                .name(value_name(name))
                .description(Some(name.value.clone()))
                .value(Some(value.value))
                .build(STRICT)?,
        );
    }
    let values = match values.is_empty() {
        true => Vec::new(),
        false => vec![EnumeratedValues::builder().values(values).build(STRICT)?],
    };
    let constraint = described
        .range
        .map(|range| WriteConstraint::Range(WriteConstraintRange { min: range.value.0, max: range.value.1 }));
    let info = FieldInfo::builder()
        .name(field.name.value.clone())
        .description(Some(text))
        .bit_range(BitRange::from_offset_width(field.bits().lsb, field.bits().width))
        .access(Some(kind))
        .modified_write_values(modified)
        .read_action(action)
        .write_constraint(constraint)
        .enumerated_values(values)
        .build(STRICT)?;
    Ok(svd_rs::Field::Single(info))
}

/// Strict validation, so that errors are found here and not by the tools that read the file.
const STRICT: ValidateLevel = ValidateLevel::Strict;

/// Returns the name of a value. It must differ from the methods that svd2rust generates itself.
fn value_name(name: &str) -> String {
    let taken = ["new", "variant", "bit", "bits", "set", "set_bit", "clear_bit"];
    let clashes = taken.iter().any(|taken| taken.replace('_', "").eq_ignore_ascii_case(&name.replace('_', "")));
    if clashes { format!("{name}_") } else { name.to_owned() }
}

/// Replaces the characters that a name cannot have.
fn word(text: &str) -> String {
    text.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '_' }).collect()
}

fn small(number: u64) -> Result<u32, Failure> {
    number.try_into().map_err(|_| Failure::TooLarge(number))
}

/// Something that SVD cannot express.
enum Failure {
    TooLarge(u64),
    Refused(SvdError),
}

impl From<SvdError> for Failure {
    fn from(error: SvdError) -> Self {
        Self::Refused(error)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLarge(number) => write!(f, "{number:#X} has more than 32 bits"),
            Self::Refused(error) => write!(f, "{error}"),
        }
    }
}
