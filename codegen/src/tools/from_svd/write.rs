//! The text of a description, before it is formatted.

use std::fmt::Write;

use super::GAP;
use super::convert::{Described, DescribedField, DescribedRegister};

/// Prints a description that was converted from `file`.
pub(super) fn write(description: &Described, file: &str) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = all(description, file, &mut text);
    text
}

fn all(description: &Described, file: &str, text: &mut String) -> std::fmt::Result {
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let Described { chip, title, big_endian, blocks, overlaps } = description;
    writeln!(text, "# Converted from {} by `datasheet-codegen from-svd`.", super::convert::clean(file))?;
    writeln!(text, "#")?;
    writeln!(text, "# An SVD does not say the following, so it is left for you to add from the datasheet:")?;
    writeln!(text, "# - each {GAP}: the document and the sections;")?;
    writeln!(text, "# - `permissions` and `write_in`: in which states a register may be written;")?;
    writeln!(
        text,
        "# - `memory_safety`, `device_state` and `hardware_damage`: which registers only a driver may write;"
    )?;
    writeln!(text, "# - `reserved`: what to write to bits without a field; they keep their values until then;")?;
    writeln!(text, "# - `when`: what selects between registers or fields in `overlaps`.")?;
    writeln!(text, "chip: {}\ntitle: {}", scalar(chip), scalar(title))?;
    writeln!(text, "datasheet: {{ document: {GAP}, revision: {GAP} }}")?;
    writeln!(text, "\ngroups:{}", if blocks.is_empty() { " {}" } else { "" })?;
    for block in blocks {
        writeln!(text, "  {}: {}", scalar(&block.name), scalar(&block.title))?;
    }
    if blocks.len() > 1 {
        writeln!(text, "\nblocks:")?;
        for block in blocks.iter().skip(1) {
            writeln!(text, "  {}: {{ title: {} }}", scalar(&block.name), scalar(&block.title))?;
        }
    }
    if *big_endian {
        writeln!(text, "\nbyte_order: big")?;
    }
    writeln!(text, "\npermissions:\n  Undecided: {{ kind: chip, doc: {GAP} }}\nwrite_in: [Undecided]")?;
    let is_empty = blocks.iter().all(|block| block.registers.is_empty());
    writeln!(text, "\nregisters:{}", if is_empty { " []" } else { "" })?;
    for (at, block) in blocks.iter().enumerate() {
        for one in &block.registers {
            register(one, &block.name, at > 0, text)?;
        }
    }
    pairs(overlaps, "", text)
}

fn register(register: &DescribedRegister, block: &str, is_further: bool, text: &mut String) -> std::fmt::Result {
    writeln!(text, "  - name: {}", scalar(&register.name))?;
    writeln!(text, "    title: {}\n    section: {GAP}", scalar(&register.title))?;
    writeln!(text, "    group: {}", scalar(block))?;
    if is_further {
        writeln!(text, "    block: {}", scalar(block))?;
    }
    match register.ranges.as_slice() {
        [one] if !register.is_array => writeln!(text, "    offset: 0x{:05X}", one.base)?,
        ranges => {
            let mut first = 0;
            let ranges: Vec<_> = ranges
                .iter()
                .map(|range| {
                    let start = if first == 0 { String::new() } else { format!("first: {first}, ") };
                    first += range.count;
                    format!(
                        "{{ {start}count: {}, base: 0x{:05X}, stride: 0x{:X} }}",
                        range.count, range.base, range.stride
                    )
                })
                .collect();
            writeln!(text, "    array: {{ ranges: [{}] }}", ranges.join(", "))?;
        }
    }
    if register.width != 32 {
        writeln!(text, "    width: {}", register.width)?;
    }
    writeln!(text, "    access: {}", register.access.keyword())?;
    match register.reset {
        Some(reset) => writeln!(text, "    reset: 0x{reset:08X}")?,
        None => writeln!(text, "    reset: unknown")?,
    }
    if let Some(known) = register.reset_known {
        writeln!(text, "    reset_known: 0x{known:08X}")?;
    }
    pairs(&register.overlaps, "    ", text)?;
    if !register.fields.is_empty() {
        writeln!(text, "    fields:")?;
        for one in &register.fields {
            field(one, text)?;
        }
    }
    if let Some(name) = &register.other_name {
        writeln!(text, "    other_names: [{}]", scalar(name))?;
    }
    if let Some(doc) = &register.doc {
        writeln!(text, "    doc: {}", scalar(doc))?;
    }
    Ok(())
}

fn field(field: &DescribedField, text: &mut String) -> std::fmt::Result {
    let msb = field.lsb + field.width - 1;
    let bits = if field.width == 1 { msb.to_string() } else { format!("{msb}:{}", field.lsb) };
    write!(text, "      {}: {{ bits: \"{bits}\"", scalar(&field.name))?;
    if let Some(spelling) = &field.spelling {
        write!(text, ", name: {}", scalar(spelling))?;
    }
    if let Some(access) = field.access {
        write!(text, ", access: {}", access.keyword())?;
    }
    if let Some((least, greatest)) = field.range {
        write!(text, ", range: [{least}, {greatest}]")?;
    }
    if let Some(doc) = &field.doc {
        write!(text, ", doc: {}", scalar(doc))?;
    }
    if !field.values.is_empty() {
        let values: Vec<_> = field.values.iter().map(|(name, value)| format!("{}: {value}", scalar(name))).collect();
        write!(text, ", values: {{ {} }}", values.join(", "))?;
    }
    writeln!(text, " }}")
}

fn pairs(pairs: &[(String, String)], indent: &str, text: &mut String) -> std::fmt::Result {
    if pairs.is_empty() {
        return Ok(());
    }
    writeln!(text, "{indent}overlaps:")?;
    for (one, other) in pairs {
        writeln!(text, "{indent}  - [{}, {}]", scalar(one), scalar(other))?;
    }
    Ok(())
}

/// Returns a text as YAML: plain if it can be nothing else, else in quotes.
fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ')' | '_'))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " _-./()+;".contains(c));
    // Words that some version of YAML reads as another type.
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    if is_plain && !words.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted + "\""
}
