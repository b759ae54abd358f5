//! An extension's additions, put where they belong in the description that it extends.
//!
//! What comes out is one description, so that every check that there is holds for both files together.

use std::collections::HashMap;

use crate::check::Unknown;
use crate::description::extension::{Addition, Extension};
use crate::description::{Description, Field, Mark, Name, Named, Register};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

/// Something is added that is there already.
struct Twice<'a> {
    what: &'a str,
    first: &'a Name,
    second: &'a Name,
}

impl From<Twice<'_>> for Diagnostic {
    fn from(error: Twice<'_>) -> Self {
        let Twice { what, first, second } = error;
        Diagnostic::new(format!("{what} `{}` is described already", second.value), second.span, "described again here")
            .secondary(first.span, "described here")
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
            format!("this extends `{}`, but the description is that of `{}`", extends.value, chip.value),
            extends.span,
            "",
        )
        .secondary(chip.span, "the chip that is described")
    }
}

/// A register is added to a block that extensions cannot reach.
struct OtherBlock<'a> {
    block: &'a Name,
}

impl From<OtherBlock<'_>> for Diagnostic {
    fn from(error: OtherBlock<'_>) -> Self {
        Diagnostic::new("an extension adds registers to the first block alone", error.block.span, "leave this out")
    }
}

/// Something is added to a register of a block that extensions cannot reach.
struct InOtherBlock<'a> {
    name: &'a Name,
    block: &'a Name,
}

impl From<InOtherBlock<'_>> for Diagnostic {
    fn from(error: InOtherBlock<'_>) -> Self {
        let InOtherBlock { name, block } = error;
        Diagnostic::new("an extension adds to registers of the first block alone", name.span, "")
            .secondary(block.span, format!("`{}` is in block `{}`", name.value, block.value))
            .help("leave this addition out")
    }
}

/// A value is added to a field whose values have no names.
struct NotEnumerated<'a> {
    name: &'a Name,
    field: (&'a Name, &'a Field),
}

impl From<NotEnumerated<'_>> for Diagnostic {
    fn from(error: NotEnumerated<'_>) -> Self {
        let NotEnumerated { name, field } = error;
        Diagnostic::new(format!("the values of field `{}` have no names", field.0.value), name.span, "cannot be added")
            .secondary(field.1.bits.span, "a number, or a flag")
    }
}

/// An extension takes back what leaves a register to the driver.
struct Weakened<'a> {
    register: &'a Name,
    mark: Mark,
    said: Spanned<bool>,
}

impl From<Weakened<'_>> for Diagnostic {
    fn from(error: Weakened<'_>) -> Self {
        let Weakened { register, mark, said } = error;
        let message = format!("the mark `{}` of register `{}` cannot be taken back", mark.key(), register.value);
        Diagnostic::new(message, said.span, "").secondary(register.span, format!("marked `{}: true`", mark.key()))
    }
}

/// Values that an extension adds to a field.
#[derive(Debug)]
pub(crate) struct AddedValues {
    pub register: Name,
    pub name: Name,
    /// The field, with the added values alone.
    pub field: Field,
}

/// Adds what `extension` says to `description`, and gives back the values that were added.
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
    // Of those that have one name, the first.
    let named = description.registers.iter().enumerate().rev().map(|(at, register)| (register.name.clone(), at));
    let places: HashMap<_, _> = named.collect();
    for (name, addition) in &extension.additions {
        match places.get(name) {
            Some(at) => {
                let register = &mut description.registers[*at];
                if let Some(block) = &register.block {
                    diagnostics.report(InOtherBlock { name, block });
                }
                add_to(register, addition, diagnostics, &mut values);
            }
            None => {
                let known = description.registers.iter().map(|register| register.name.as_str());
                let unknown = Unknown { what: "register", word: name, known: crate::check::known(known, diagnostics) };
                let message = format!("the registers of `{}`", description.chip.value);
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
            let unknown =
                Unknown { what: "field", word: name, known: crate::check::keys(&register.fields, diagnostics) };
            let message = format!("the fields of `{}`", register.name.value);
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
