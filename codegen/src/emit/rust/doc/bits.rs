//! Documentation of fields, and tables of fields.

use proc_macro2::TokenStream;

use super::{Doc, escape};
use crate::description::Bits;
use crate::emit::rust::token::ident;
use crate::lower::{Field, Register};
use crate::rust_name;

/// A row of the table of a register or descriptor, in Markdown.
pub(super) struct Row {
    bits: Bits,
    name: String,
    access: String,
    reset: String,
    meaning: String,
}

impl Row {
    pub(super) fn of_register(register: &Register<'_>, field: &Field<'_>) -> Self {
        // A reset value of zero is left out.
        let value = register.reset.filter(|value| value & register.reset_known != 0);
        let known = register.reset_known >> field.bits().lsb & field.bits().max() == field.bits().max();
        let value = value.map(|value| value >> field.bits().lsb & field.bits().max());
        let reset = match value {
            Some(value) if known && value > 9 => format!("{value:#x}"),
            Some(value) if known => value.to_string(),
            Some(_) => "?".to_owned(),
            None => String::new(),
        };
        Self { reset, ..Self::field(field) }
    }

    pub(super) fn field(field: &Field<'_>) -> Self {
        let name = ident(&rust_name::constant(field.name));
        let values = field.described.values.iter().map(|(name, value)| format!("{}: `{}`", value.value, name.value));
        Self {
            bits: field.bits(),
            name: format!("[`{name}`](Self::{name})"),
            access: match field.prescribed {
                Some(value) => format!("always {value}"),
                None => format!("`{}`", field.access.keyword()),
            },
            reset: String::new(),
            meaning: std::iter::once(meaning(field)).chain(values).collect::<Vec<_>>().join("<br>"),
        }
    }

    pub(super) fn reserved(bits: Bits, meaning: String) -> Self {
        Self { bits, name: String::new(), access: String::new(), reset: String::new(), meaning }
    }
}

/// Returns the lines of a table, from the lowest bits to the highest. The reset column is left out if it is empty.
pub(super) fn table(mut rows: Vec<Row>) -> Vec<String> {
    rows.sort_by_key(|row| row.bits.lsb);
    let reset = rows.iter().any(|row| !row.reset.is_empty());
    let line = |[bits, name, access, after_reset, meaning]: [&str; 5]| {
        let cells = [Some(bits), Some(name), Some(access), reset.then_some(after_reset), Some(meaning)];
        format!("| {} |", cells.into_iter().flatten().collect::<Vec<_>>().join(" | "))
    };
    let head = [["Bits", "Field", "Access", "Reset", "Meaning"], ["---:", "---", "---", "---:", "---"]].map(line);
    let rows = rows.iter().map(|Row { bits, name, access, reset, meaning }| {
        let [name, access, meaning] = [name, access, meaning].map(|cell| cell.replace('|', "\\|"));
        line([&bits.text(), &name, &access, reset, &meaning])
    });
    head.into_iter().chain(rows).collect()
}

/// Generates the documentation of a field.
pub fn field(field: &Field<'_>) -> TokenStream {
    let described = field.described;
    let plural = if field.bits().width == 1 { "Bit" } else { "Bits" };
    let meaning = meaning(field);
    let between = if meaning.is_empty() { "." } else { ": " };
    let mut doc = Doc::new(format!("{plural} {}{between}{meaning}", field.bits().text()));
    if let Some(name) = described.name.as_ref().filter(|name| **name != field.name.value) {
        doc.paragraph(format!("The datasheet's name: {}.", escape(name)));
    }
    if let Some(value) = field.prescribed {
        doc.paragraph(format!("Must be {value}: every write sets it."));
    }
    doc.caveats(&described.errata, &described.doubts).tokens()
}

/// Returns the condition, the purpose, the unit and the range of a field.
fn meaning(field: &Field<'_>) -> String {
    let described = field.described;
    let text = described.doc.as_deref().map(escape).unwrap_or_default();
    let text = match when(field) {
        Some(when) if text.is_empty() => format!("Only {when}."),
        Some(when) => format!("Only {when}: {text}"),
        None => text,
    };
    // "In bytes", but "in units of 128 bytes".
    let unit = described.unit.as_ref().map(|unit| {
        let units = if unit.starts_with(|c: char| c.is_ascii_digit()) { "units of " } else { "" };
        format!("In {units}{}", escape(unit))
    });
    let range = described.range.map(|range| (range.value.0, range.value.1));
    let values = match (unit, range) {
        (Some(unit), Some((least, greatest))) => format!("{unit}, from {least} to {greatest}."),
        (Some(unit), None) => format!("{unit}."),
        (None, Some((least, greatest))) => format!("From {least} to {greatest}."),
        (None, None) => String::new(),
    };
    let between = if text.is_empty() || values.is_empty() { "" } else { " " };
    format!("{text}{between}{values}")
}

pub(super) fn when(field: &Field<'_>) -> Option<String> {
    let conditions = field.described.when.iter();
    let conditions: Vec<_> = conditions.map(|(other, value)| format!("`{}` is {}", other.value, value.value)).collect();
    (!conditions.is_empty()).then(|| format!("while {}", conditions.join(" and ")))
}
