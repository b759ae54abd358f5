//! What a description says of the registers of an SVD.

use std::collections::{HashMap, HashSet};

use svd_rs::cpu::Cpu;
use svd_rs::{Device, Endian, EnumeratedValue, EnumeratedValues, ModifiedWriteValues, Usage, WriteConstraint};

use super::access::Kind;
use super::flatten::{Block, Contained, Flat, Range, plain};
use super::names::{Names, identifier};
use crate::description::{Access, ones};

/// The limit of registers that share an address.
const MAX_SHARED: usize = 64;

/// A description, with texts that are not yet quoted.
pub(super) struct Described {
    pub chip: String,
    pub title: String,
    pub big_endian: bool,
    pub blocks: Vec<DescribedBlock>,
    /// Registers that share an address.
    pub overlaps: Vec<(String, String)>,
}

pub(super) struct DescribedBlock {
    pub name: String,
    pub title: String,
    pub registers: Vec<DescribedRegister>,
}

pub(super) struct DescribedRegister {
    pub name: String,
    pub title: String,
    pub doc: Option<String>,
    /// The name in the SVD, if it is another one.
    pub other_name: Option<String>,
    pub ranges: Vec<Range>,
    pub is_array: bool,
    pub width: u32,
    pub access: Access,
    pub reset: Option<u64>,
    pub reset_known: Option<u64>,
    pub overlaps: Vec<(String, String)>,
    pub fields: Vec<DescribedField>,
}

pub(super) struct DescribedField {
    pub name: String,
    /// The name in the SVD, if it is another one.
    pub spelling: Option<String>,
    pub lsb: u32,
    pub width: u32,
    /// Its kind of access, if its register has another one.
    pub access: Option<Access>,
    pub range: Option<(u64, u64)>,
    pub values: Vec<(String, u64)>,
    pub doc: Option<String>,
}

/// Describes the registers of a device.
pub(super) fn convert(device: &Device, blocks: &[Block<'_>], warnings: &mut Vec<String>) -> Result<Described, String> {
    let mut block_names = Names::of_blocks();
    let names: Vec<_> = blocks
        .iter()
        .map(|block| block_names.unique(identifier(&plain(&block.peripheral.name), 'p').to_lowercase()))
        .collect();
    let ambiguous = ambiguous(blocks);
    let mut register_names = Names::of_registers(names.iter().map(String::as_str));
    let mut described = Vec::new();
    let mut overlaps = Vec::new();
    for (block, name) in blocks.iter().zip(names) {
        let prefix = ambiguous.contains(&block.peripheral.name).then(|| plain(&block.peripheral.name));
        let mut registers = Vec::new();
        for flat in &block.registers {
            let wanted = match &prefix {
                Some(prefix) if !flat.name.starts_with(&format!("{prefix}_")) => format!("{prefix}_{}", flat.name),
                _ => flat.name.clone(),
            };
            registers.extend(register(flat, || register_names.unique(identifier(&wanted, 'R')), warnings));
        }
        overlaps.extend(shared(&registers, &block.peripheral.name)?);
        described.push(DescribedBlock { name, title: title_of(block), registers });
    }
    let endian = device.cpu.as_ref().map_or(Endian::Little, |Cpu { endian, .. }| *endian);
    if matches!(endian, Endian::Selectable | Endian::Other) {
        warnings.push("the byte order of the registers depends on the chip: `little` is assumed".to_owned());
    }
    let title = clean(&device.description);
    Ok(Described {
        chip: clean(&device.name),
        title: if title.is_empty() { clean(&device.name) } else { title },
        big_endian: endian == Endian::Big,
        blocks: described,
        overlaps,
    })
}

/// Returns the peripherals that have a register whose name another one has as well.
fn ambiguous<'a>(blocks: &'a [Block<'_>]) -> HashSet<&'a String> {
    let mut first: HashMap<String, &String> = HashMap::new();
    let mut ambiguous = HashSet::new();
    for block in blocks {
        let own = &block.peripheral.name;
        for register in &block.registers {
            let other = *first.entry(register.name.to_lowercase()).or_insert(own);
            if other != own {
                ambiguous.extend([own, other]);
            }
        }
    }
    ambiguous
}

/// Returns the title of a block, with the addresses of all peripherals that have its registers.
fn title_of(block: &Block<'_>) -> String {
    let places: Vec<_> = block.places.iter().map(|(name, base)| format!("{} at 0x{base:08X}", clean(name))).collect();
    let text = clean(block.peripheral.description.as_deref().unwrap_or_default());
    let text = text.trim_end_matches('.');
    let places = places.join(", ");
    if text.is_empty() { places } else { format!("{text} ({places})") }
}

/// Describes a register, or warns that it is left out.
fn register(flat: &Flat, name: impl FnOnce() -> String, warnings: &mut Vec<String>) -> Option<DescribedRegister> {
    let (info, path) = (&flat.contents.info, &flat.path);
    let mut left_out = |why: String| {
        warnings.push(format!("register `{path}` is left out: {why}"));
        None
    };
    let width = info.properties.size.unwrap_or(32);
    if !matches!(width, 8 | 16 | 32 | 64) {
        return left_out(format!("it has {width} bits, not 8, 16, 32 or 64"));
    }
    let bytes = u64::from(width / 8);
    if has_overlapping_elements(&flat.ranges, bytes) {
        return left_out("its elements overlap".to_owned());
    }
    for range in &flat.ranges {
        let stride = u64::from(range.stride);
        let end = range.base + u64::from(range.count - 1) * stride + bytes;
        if !range.base.is_multiple_of(bytes) {
            return left_out(format!("its address 0x{:X} is not a multiple of {bytes}", range.base));
        }
        if range.count > 1 && !stride.is_multiple_of(bytes) {
            return left_out(format!("its stride {stride} is not a multiple of {bytes}"));
        }
        if end > u64::from(u32::MAX) {
            return left_out(format!("it ends at 0x{end:X}, beyond 32 bits"));
        }
    }
    let kind = Kind { access: svd_rs::Access::ReadWrite, written: ModifiedWriteValues::Modify, read: None };
    let kind = kind.within(info.properties.access, info.modified_write_values, info.read_action);
    let (access, lost) = kind.described();
    if let Some(lost) = lost.filter(|_| flat.contents.fields.is_empty()) {
        warnings.push(no_kind("register", path, lost, access));
    }
    let all = u64::try_from(ones(width)).unwrap_or(u64::MAX);
    if info.properties.reset_value.is_some_and(|reset| reset & !all != 0) {
        warnings.push(format!("the reset value of register `{path}` has more than {width} bits, and is cut off"));
    }
    let known = info.properties.reset_mask.map_or(all, |mask| mask & all);
    let reset = info.properties.reset_value.map(|reset| reset & known).filter(|_| known != 0);
    let reset_known = (known != all && reset.is_some()).then_some(known);

    let register = Around { path, width, kind, access, reset: reset.map(|reset| (reset, known)) };
    let mut names = Names::of_fields();
    let fields = &flat.contents.fields;
    let mut fields: Vec<_> = fields.iter().filter_map(|field| register.field(field, &mut names, warnings)).collect();
    if flat.contents.fields.is_empty() {
        // Without a field, a description says that the register has nothing but reserved bits.
        let wanted = identifier(&flat.own.name, 'F');
        let range = register.range(info.write_constraint, path, (0, width), access, warnings);
        fields.push(DescribedField {
            name: names.unique(wanted),
            spelling: None,
            lsb: 0,
            width,
            access: None,
            range,
            values: Vec::new(),
            doc: None,
        });
    }
    let overlaps = register.overlaps(&fields, warnings);
    let text = clean(flat.own.description.as_deref().unwrap_or_default());
    let (title, doc) = heading(&text, &flat.name);
    let name = name();
    let own = &flat.own.name;
    let is_name = *own == identifier(own, 'R') && *own != name;
    Some(DescribedRegister {
        title,
        doc: joined(doc, inner(flat)),
        other_name: is_name.then(|| own.clone()),
        name,
        ranges: flat.ranges.clone(),
        is_array: flat.is_array,
        width,
        access,
        reset,
        reset_known,
        overlaps,
        fields,
    })
}

fn no_kind(what: &str, path: &str, lost: &str, access: Access) -> String {
    format!(
        "{what} `{path}` has an access that no keyword expresses ({lost}): it is described as `{}`",
        access.keyword()
    )
}

/// Returns `true` if elements of one array share an address.
fn has_overlapping_elements(ranges: &[Range], bytes: u64) -> bool {
    if ranges.iter().any(|range| range.count > 1 && u64::from(range.stride) < bytes) {
        return true;
    }
    let element = |range: &Range| {
        let (base, stride) = (range.base, u64::from(range.stride));
        (0..u64::from(range.count)).map(move |element| base + element * stride)
    };
    let mut offsets: Vec<_> = ranges.iter().flat_map(element).collect();
    offsets.sort_unstable();
    offsets.windows(2).any(|pair| matches!(pair, [one, next] if next - one < bytes))
}

/// Explains the index of arrays inside arrays.
fn inner(flat: &Flat) -> Option<String> {
    let count = flat.inner.iter().product::<u32>();
    (!flat.inner.is_empty()).then(|| format!("Element n is element n % {count} of group n / {count}."))
}

fn joined(one: Option<String>, other: Option<String>) -> Option<String> {
    match (one, other) {
        (Some(one), Some(other)) => {
            let end = if one.ends_with('.') { "" } else { "." };
            Some(format!("{one}{end} {other}"))
        }
        (one, other) => one.or(other),
    }
}

/// Returns the title of a register, and its whole text if the title is only a part of it.
fn heading(text: &str, name: &str) -> (String, Option<String>) {
    const LONGEST: usize = 80;
    let whole = text.trim_end_matches('.');
    if whole.is_empty() {
        return (clean(name), None);
    }
    if whole.chars().count() <= LONGEST {
        return (whole.to_owned(), None);
    }
    let sentence = text.split(". ").next().unwrap_or(text).trim_end_matches('.');
    let mut title = String::new();
    for word in sentence.split(' ') {
        if title.chars().count() + word.chars().count() >= LONGEST {
            break;
        }
        if !title.is_empty() {
            title.push(' ');
        }
        title += word;
    }
    let title = if title.is_empty() { clean(name) } else { title };
    (title, Some(text.to_owned()))
}

/// Returns a text on one line, without characters that a description cannot have.
pub(super) fn clean(text: &str) -> String {
    let allowed = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
    };
    let words = text.split_whitespace().map(|word| word.chars().filter(|c| allowed(*c)).collect::<String>());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Returns the pairs of registers of a block that share an address.
fn shared(registers: &[DescribedRegister], block: &str) -> Result<Vec<(String, String)>, String> {
    let mut elements: Vec<_> = registers
        .iter()
        .flat_map(|register| {
            let bytes = u64::from(register.width / 8);
            register.ranges.iter().flat_map(move |range| {
                let (base, stride) = (range.base, u64::from(range.stride));
                (0..u64::from(range.count)).map(move |element| {
                    let start = base + element * stride;
                    (start, start + bytes, &register.name)
                })
            })
        })
        .collect();
    elements.sort_by_key(|(start, ..)| *start);
    let mut open: Vec<(u64, &String)> = Vec::new();
    let mut seen = HashSet::new();
    let mut pairs = Vec::new();
    for (start, end, name) in elements {
        open.retain(|(end, _)| *end > start);
        for (_, other) in &open {
            if seen.insert((*other, name)) && !seen.contains(&(name, *other)) {
                pairs.push(((*other).clone(), name.clone()));
            }
        }
        open.push((end, name));
        if open.len() > MAX_SHARED {
            return Err(format!("more than {MAX_SHARED} registers of `{block}` share the address 0x{start:X}"));
        }
    }
    Ok(pairs)
}

/// The register around a field.
struct Around<'a> {
    path: &'a str,
    width: u32,
    kind: Kind,
    access: Access,
    /// The reset value and the bits of it that are known.
    reset: Option<(u64, u64)>,
}

impl Around<'_> {
    /// Describes a field, or warns that it is left out.
    fn field(&self, field: &Contained, names: &mut Names, warnings: &mut Vec<String>) -> Option<DescribedField> {
        let info = &field.info;
        let path = format!("{}.{}", self.path, info.name);
        let (lsb, width) = (info.bit_range.offset, info.bit_range.width);
        if width == 0 || lsb.checked_add(width).is_none_or(|end| end > self.width) {
            let bits = if width == 0 { "no bits".to_owned() } else { format!("{width} bits from bit {lsb}") };
            warnings.push(format!("field `{path}` is left out: it has {bits} in a register of {} bits", self.width));
            return None;
        }
        let kind = self.kind.within(info.access, info.modified_write_values, info.read_action);
        let (access, lost) = kind.described();
        if let Some(lost) = lost {
            warnings.push(no_kind("field", &path, lost, access));
        }
        let name = names.unique(identifier(&info.name, 'F'));
        let max = u64::try_from(ones(width)).unwrap_or(u64::MAX);
        let (values, value_texts) = values(&field.values, max, &path, warnings);
        let range = match values.is_empty() {
            true => self.range(info.write_constraint, &path, (lsb, width), access, warnings),
            false => None,
        };
        let text = clean(info.description.as_deref().unwrap_or_default());
        Some(DescribedField {
            spelling: (name != info.name).then(|| clean(&info.name)).filter(|name| !name.is_empty()),
            name,
            lsb,
            width,
            access: (access != self.access).then_some(access),
            range,
            values,
            doc: joined(Some(text).filter(|text| !text.is_empty()), value_texts),
        })
    }

    /// Returns the range that a constraint allows, unless it allows everything.
    fn range(
        &self,
        constraint: Option<WriteConstraint>,
        path: &str,
        (lsb, width): (u32, u32),
        access: Access,
        warnings: &mut Vec<String>,
    ) -> Option<(u64, u64)> {
        let max = u64::try_from(ones(width)).unwrap_or(u64::MAX);
        let (least, greatest) = match constraint? {
            WriteConstraint::Range(range) => (range.min, range.max),
            WriteConstraint::WriteAsRead(true) => {
                warnings.push(format!("`{path}` may only be written with what was read, which no key expresses"));
                return None;
            }
            WriteConstraint::WriteAsRead(false) | WriteConstraint::UseEnumeratedValues(_) => return None,
        };
        if least == 0 && greatest >= max {
            return None;
        }
        let mut lost = |why: &str| {
            warnings.push(format!("the range {least} to {greatest} of `{path}` is left out: {why}"));
            None
        };
        if least > greatest || greatest > max {
            return lost("the field does not hold it");
        }
        if width == 1 {
            return lost("the field has one bit");
        }
        let bits = u64::try_from(ones(width) << lsb).unwrap_or(0);
        let written = !matches!(access, Access::ReadOnly | Access::ReadClears);
        let reset = self.reset.filter(|(_, known)| written && known & bits == bits);
        if reset.is_some_and(|(reset, _)| !(least..=greatest).contains(&((reset & bits) >> lsb))) {
            return lost("its reset value is outside");
        }
        Some((least, greatest))
    }

    /// Returns the pairs of fields that share bits, and warns unless one is read and the other one written.
    fn overlaps(&self, fields: &[DescribedField], warnings: &mut Vec<String>) -> Vec<(String, String)> {
        let access = |field: &DescribedField| field.access.unwrap_or(self.access);
        let reads = |field: &DescribedField| matches!(access(field), Access::ReadOnly | Access::ReadClears);
        let writes = |field: &DescribedField| access(field) == Access::WriteOnly;
        let mut pairs = Vec::new();
        for (at, one) in fields.iter().enumerate() {
            for other in fields.iter().skip(at + 1) {
                if one.lsb >= other.lsb + other.width || other.lsb >= one.lsb + one.width {
                    continue;
                }
                if !(reads(one) && writes(other) || writes(one) && reads(other)) {
                    warnings.push(format!(
                        "fields `{}` and `{}` of register `{}` share bits: give both a `when`, or keep them in `overlaps`",
                        one.name, other.name, self.path
                    ));
                }
                pairs.push((one.name.clone(), other.name.clone()));
            }
        }
        pairs
    }
}

/// Returns the named values of a field, and the texts of the SVD about them.
fn values(
    all: &[EnumeratedValues],
    max: u64,
    path: &str,
    warnings: &mut Vec<String>,
) -> (Vec<(String, u64)>, Option<String>) {
    let mut names = Names::of_values();
    let mut taken: HashMap<u64, (String, String)> = HashMap::new();
    let (mut values, mut texts) = (Vec::new(), Vec::new());
    for (values_of, one) in all.iter().flat_map(|values| values.values.iter().map(move |one| (values, one))) {
        let EnumeratedValue { name, description, value, .. } = one;
        let text = clean(description.as_deref().unwrap_or_default());
        let text = text.trim_end_matches('.');
        let Some(value) = *value else {
            let text = if text.is_empty() { clean(name) } else { text.to_owned() };
            texts.push(format!("any other value: {text}"));
            continue;
        };
        let wanted = identifier(name, 'V');
        if value > max {
            warnings.push(format!(
                "the value `{}` of field `{path}` is left out: {value} is greater than {max}",
                clean(name)
            ));
            continue;
        }
        if let Some((first, spelling)) = taken.get(&value) {
            // Values for reading and for writing often have the same names.
            if spelling != name {
                let usage = match values_of.usage {
                    Some(Usage::Read) => " when it is read",
                    Some(Usage::Write) => " when it is written",
                    _ => "",
                };
                warnings
                    .push(format!("the name `{}` of field `{path}` is left out: {value} is `{first}`", clean(name)));
                texts
                    .push(format!("{first} is {}{usage}", if text.is_empty() { clean(name) } else { text.to_owned() }));
            }
            continue;
        }
        let unique = names.unique(wanted);
        if unique != *name {
            let text = if text.is_empty() || text == name { String::new() } else { format!(", {text}") };
            texts.push(format!("{unique}: {}{text}", clean(name)));
        } else if !text.is_empty() && !text.eq_ignore_ascii_case(name) {
            texts.push(format!("{unique}: {text}"));
        }
        taken.insert(value, (unique.clone(), name.clone()));
        values.push((unique, value));
    }
    let texts = texts.join("; ");
    (values, (!texts.is_empty()).then(|| format!("{texts}.")))
}
