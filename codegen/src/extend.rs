//! Merging of an extension into the description that it extends.
//!
//! The result is one description, so every check covers both files together.

use std::collections::HashMap;

use crate::description::extension::Extension;
use crate::description::{Bits, Description, DescriptorFormat, Field, Mark, Name, Named};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::rust_name;
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
    /// The name of the register, or of the type of the descriptor.
    pub owner: Name,
    pub name: Name,
    /// The field, with only the added values.
    pub field: Field,
}

/// Values that an extension adds to fields of registers and of descriptors.
#[derive(Debug, Default)]
pub(crate) struct AllAddedValues {
    pub registers: Vec<AddedValues>,
    pub descriptors: Vec<AddedValues>,
}

/// Merges `extension` into `description`, and returns the added values.
pub(crate) fn extend(
    description: &mut Description,
    extension: &Extension,
    diagnostics: &mut Diagnostics,
) -> AllAddedValues {
    if extension.extends != description.chip {
        diagnostics.report(OtherChip { extends: &extension.extends, chip: &description.chip });
    }
    add("group", &mut description.groups, &extension.groups, diagnostics);
    add("index", &mut description.indices, &extension.indices, diagnostics);
    add("permission", &mut description.permissions, &extension.permissions, diagnostics);
    let values = AllAddedValues {
        registers: add_to_registers(description, extension, diagnostics),
        descriptors: add_to_descriptors(description, extension, diagnostics),
    };
    for block in extension.registers.iter().filter_map(|register| register.block.as_ref()) {
        diagnostics.report(OtherBlock { block });
    }
    description.registers.append(&extension.registers);
    description.pairs.append(&extension.pairs);
    description.descriptors.append(&extension.descriptors);
    values
}

fn add_to_registers(
    description: &mut Description,
    extension: &Extension,
    diagnostics: &mut Diagnostics,
) -> Vec<AddedValues> {
    let mut values = Vec::new();
    // If several registers have the same name, the first counts.
    let named = description.registers.iter().enumerate().rev().map(|(at, register)| (register.name.clone(), at));
    let positions: HashMap<_, _> = named.collect();
    for (name, addition) in &extension.additions {
        let Some(at) = positions.get(name) else {
            let known = known(description.registers.iter().map(|register| register.name.as_str()), diagnostics);
            let unknown = Unknown { what: "register", word: name, known };
            let message = format!("describes the registers of `{}`", description.chip.value);
            diagnostics.report(Diagnostic::from(unknown).secondary(description.chip.span, message));
            continue;
        };
        let register = &mut description.registers[*at];
        if let Some(block) = &register.block {
            diagnostics.report(InOtherBlock { name, block });
        }
        for (mark, said) in addition.marks().filter(|(_, said)| !said.value) {
            if register.marks().any(|own| own == mark) {
                diagnostics.report(Weakened { register: &register.name, mark, said });
            }
        }
        let owner = Owner { name: &register.name, key: name, fields: &mut register.fields };
        owner.add(&addition.fields, &addition.values, &mut values, diagnostics);
    }
    values
}

fn add_to_descriptors(
    description: &mut Description,
    extension: &Extension,
    diagnostics: &mut Diagnostics,
) -> Vec<AddedValues> {
    let mut values = Vec::new();
    let types: Vec<_> =
        description.descriptors.iter().map(|one| rust_name::descriptor(&one.name, one.format)).collect();
    // If several formats have the same type, the first counts.
    let positions: HashMap<_, _> = types.iter().enumerate().rev().map(|(at, name)| (name.as_str(), at)).collect();
    for (name, addition) in &extension.descriptor_additions {
        let Some(at) = positions.get(name.as_str()) else {
            let known = known(types.iter().map(String::as_str), diagnostics);
            let unknown = Unknown { what: "descriptor type", word: name, known };
            let message = format!("describes the descriptors of `{}`", description.chip.value);
            diagnostics.report(Diagnostic::from(unknown).secondary(description.chip.span, message));
            continue;
        };
        let DescriptorFormat { name: described, fields, reserved, .. } = &mut description.descriptors[*at];
        Owner { name: described, key: name, fields }.add(&addition.fields, &addition.values, &mut values, diagnostics);
        for field in addition.fields.values() {
            *reserved = reserved.iter().flat_map(|bits| without(*bits, field.bits.value)).collect();
        }
    }
    values
}

/// Returns what is left of `bits` if `taken` are taken.
fn without(bits: Spanned<Bits>, taken: Bits) -> impl Iterator<Item = Spanned<Bits>> {
    let (end, taken_end) = (bits.lsb + bits.width, taken.lsb + taken.width);
    let (below, above) = (bits.lsb..end.min(taken.lsb), bits.lsb.max(taken_end)..end);
    let left = [below, above].into_iter().filter(|range| !range.is_empty());
    left.map(move |range| Spanned::new(Bits { lsb: range.start, width: range.end - range.start }, bits.span))
}

/// A register or a descriptor that gets fields and values.
struct Owner<'a> {
    /// Its name in the description.
    name: &'a Name,
    /// Its name in the extension.
    key: &'a Name,
    fields: &'a mut Named<Field>,
}

impl Owner<'_> {
    fn add(
        self,
        fields: &Named<Field>,
        values: &Named<Named<Spanned<u64>>>,
        all: &mut Vec<AddedValues>,
        diagnostics: &mut Diagnostics,
    ) {
        for (name, added) in values {
            let Some((_, known, field)) = self.fields.get_full_mut(name) else {
                let unknown = Unknown { what: "field", word: name, known: keys(self.fields, diagnostics) };
                let message = format!("has the fields of `{}`", self.name.value);
                diagnostics.report(Diagnostic::from(unknown).secondary(self.name.span, message));
                continue;
            };
            if field.values.is_empty() {
                diagnostics.report(NotEnumerated { name, field: (known, field) });
                continue;
            }
            let own = Field { values: added.clone(), doc: None, ..field.clone() };
            all.push(AddedValues { owner: self.key.clone(), name: name.clone(), field: own });
            add("value", &mut field.values, added, diagnostics);
        }
        add("field", self.fields, fields, diagnostics);
    }
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
