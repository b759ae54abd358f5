//! Merging of an extension into the description that it extends.
//!
//! The result is one description, so every check covers both files together.

use std::collections::HashMap;

use crate::description::extension::{Addition, Extension};
use crate::description::{Description, Field, Mark, Name, Named, Register};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;
use crate::unknown::{Unknown, keys, known};

/// An extension adds something that exists already.
struct Twice<'a> {
    what: &'a str,
    first: &'a Name,
    second: &'a Name,
}

impl From<Twice<'_>> for Diagnostic {
    fn from(error: Twice<'_>) -> Self {
        let Twice { what, first, second } = error;
        Diagnostic::new(format!("{what} `{}` is already described", second.value), second.span, "described again here")
            .secondary(first.span, "first described here")
    }
}

/// An extension is for another chip.
struct OtherChip<'a> {
    extends: &'a Name,
    chip: &'a Name,
}

impl From<OtherChip<'_>> for Diagnostic {
    fn from(error: OtherChip<'_>) -> Self {
        let OtherChip { extends, chip } = error;
        Diagnostic::new(
            format!("the extension is for `{}`, but the description is of `{}`", extends.value, chip.value),
            extends.span,
            "names another chip",
        )
        .secondary(chip.span, "the described chip")
        .help(format!("if the extension is for this chip, write `extends: {}`", chip.value))
    }
}

/// An extension adds a register to a block other than the first.
struct OtherBlock<'a> {
    block: &'a Name,
}

impl From<OtherBlock<'_>> for Diagnostic {
    fn from(error: OtherBlock<'_>) -> Self {
        Diagnostic::new(
            "an extension can add registers only to the first block",
            error.block.span,
            "names another block",
        )
        .help("remove `block`")
    }
}

/// An extension adds to a register in a block other than the first.
struct InOtherBlock<'a> {
    name: &'a Name,
    block: &'a Name,
}

impl From<InOtherBlock<'_>> for Diagnostic {
    fn from(error: InOtherBlock<'_>) -> Self {
        let InOtherBlock { name, block } = error;
        Diagnostic::new("an extension can add only to registers of the first block", name.span, "in another block")
            .secondary(block.span, format!("`{}` is in block `{}`", name.value, block.value))
            .help("remove this addition")
    }
}

/// An extension adds a value to a field without named values.
struct NotEnumerated<'a> {
    name: &'a Name,
    field: (&'a Name, &'a Field),
}

impl From<NotEnumerated<'_>> for Diagnostic {
    fn from(error: NotEnumerated<'_>) -> Self {
        let NotEnumerated { name, field } = error;
        Diagnostic::new(format!("field `{}` has no named values", field.0.value), name.span, "names cannot be added")
            .secondary(field.1.bits.span, "a number or a flag")
    }
}

/// An extension clears a mark that reserves a register for the driver.
struct Weakened<'a> {
    register: &'a Name,
    mark: Mark,
    said: Spanned<bool>,
}

impl From<Weakened<'_>> for Diagnostic {
    fn from(error: Weakened<'_>) -> Self {
        let Weakened { register, mark, said } = error;
        let message = format!("an extension cannot clear `{}` of register `{}`", mark.key(), register.value);
        Diagnostic::new(message, said.span, "clears the mark")
            .secondary(register.span, format!("marked `{}: true`", mark.key()))
            .help(format!("remove `{}`", mark.key()))
    }
}

/// Values that an extension adds to a field.
#[derive(Debug)]
pub(crate) struct AddedValues {
    pub register: Name,
    pub name: Name,
    /// The field, with only the added values.
    pub field: Field,
}

/// Merges `extension` into `description`, and returns the added values.
pub(crate) fn extend(
    description: &mut Description,
    extension: &Extension,
    diagnostics: &mut Diagnostics,
) -> Vec<AddedValues> {
    if extension.extends != description.chip {
        diagnostics.report(OtherChip { extends: &extension.extends, chip: &description.chip });
    }
    add("group", &mut description.groups, &extension.groups, diagnostics);
    add("index", &mut description.indices, &extension.indices, diagnostics);
    let mut values = Vec::new();
    // If several registers have the same name, the first counts.
    let named = description.registers.iter().enumerate().rev().map(|(at, register)| (register.name.clone(), at));
    let positions: HashMap<_, _> = named.collect();
    for (name, addition) in &extension.additions {
        match positions.get(name) {
            Some(at) => {
                let register = &mut description.registers[*at];
                if let Some(block) = &register.block {
                    diagnostics.report(InOtherBlock { name, block });
                }
                add_to(register, addition, diagnostics, &mut values);
            }
            None => {
                let known = known(description.registers.iter().map(|register| register.name.as_str()), diagnostics);
                let unknown = Unknown { what: "register", word: name, known };
                let message = format!("describes the registers of `{}`", description.chip.value);
                diagnostics.report(Diagnostic::from(unknown).secondary(description.chip.span, message));
            }
        }
    }
    for block in extension.registers.iter().filter_map(|register| register.block.as_ref()) {
        diagnostics.report(OtherBlock { block });
    }
    description.registers.extend(extension.registers.iter().cloned());
    values
}

fn add_to(register: &mut Register, addition: &Addition, diagnostics: &mut Diagnostics, values: &mut Vec<AddedValues>) {
    for (mark, said) in addition.marks().filter(|(_, said)| !said.value) {
        if register.marks().any(|own| own == mark) {
            diagnostics.report(Weakened { register: &register.name, mark, said });
        }
    }
    for (name, added) in &addition.values {
        let Some((known, field)) = register.fields.get_full_mut(name).map(|(_, known, field)| (known, field)) else {
            let unknown = Unknown { what: "field", word: name, known: keys(&register.fields, diagnostics) };
            let message = format!("has the fields of `{}`", register.name.value);
            diagnostics.report(Diagnostic::from(unknown).secondary(register.name.span, message));
            continue;
        };
        if field.values.is_empty() {
            diagnostics.report(NotEnumerated { name, field: (known, field) });
            continue;
        }
        let own = Field { values: added.clone(), doc: None, ..field.clone() };
        values.push(AddedValues { register: register.name.clone(), name: name.clone(), field: own });
        add("value", &mut field.values, added, diagnostics);
    }
    add("field", &mut register.fields, &addition.fields, diagnostics);
}

fn add<T: Clone>(what: &str, to: &mut Named<T>, added: &Named<T>, diagnostics: &mut Diagnostics) {
    for (name, value) in added {
        if let Some((first, _)) = to.get_key_value(name) {
            diagnostics.report(Twice { what, first, second: name });
        } else {
            to.insert(name.clone(), value.clone());
        }
    }
}
