//! Every name is a valid Rust identifier.

use crate::description::extension::Extension;
use crate::description::{Description, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};

struct NotAnIdentifier<'a> {
    name: &'a Name,
    /// `true` if the key `name` can hold the datasheet's spelling.
    field: bool,
}

impl From<NotAnIdentifier<'_>> for Diagnostic {
    fn from(error: NotAnIdentifier<'_>) -> Self {
        let NotAnIdentifier { name, field } = error;
        let diagnostic = Diagnostic::new(
            format!("`{}` is not a valid Rust name", name.value),
            name.span,
            "becomes a Rust identifier",
        )
        .note("a name consists of ASCII letters, digits and underscores, and begins with a letter");
        if field {
            diagnostic.help("choose another key, and give the datasheet's spelling under `name`")
        } else {
            diagnostic
        }
    }
}

struct NotSearchable<'a> {
    name: &'a Name,
}

impl From<NotSearchable<'_>> for Diagnostic {
    fn from(error: NotSearchable<'_>) -> Self {
        let name = error.name;
        Diagnostic::new(
            format!("`{}` is not a valid identifier", name.value),
            name.span,
            "listed as a name in other drivers",
        )
        .note("a name consists of ASCII letters, digits and underscores, and begins with a letter")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let registers = description.registers.iter().map(|register| &register.name);
    let descriptors = description.descriptors.iter().map(|descriptor| &descriptor.name);
    let pairs = description.pairs.iter().map(|pair| &pair.name);
    let windows = description.windows.iter().map(|window| &window.name);
    let indices = description.indices.keys();
    let permissions = description.permissions.keys().chain(description.blocks.keys());
    let fields = || super::layouts(description).flat_map(|layout| layout.fields);
    let values = fields().flat_map(|(_, field)| field.values.keys());
    let others =
        registers.chain(descriptors).chain(pairs).chain(windows).chain(indices).chain(permissions).chain(values);
    let names = others.map(|name| (name, false)).chain(fields().map(|(name, _)| (name, true)));
    for (name, field) in names.filter(|(name, _)| !is_identifier(name)) {
        diagnostics.report(NotAnIdentifier { name, field });
    }
    let fields = super::layouts(description).flat_map(|layout| layout.fields.values());
    let in_fields = fields.flat_map(|field| &field.other_names);
    let in_registers = description.registers.iter().flat_map(|register| &register.other_names);
    for name in in_registers.chain(in_fields).filter(|name| !is_identifier(name)) {
        diagnostics.report(NotSearchable { name });
    }
}

pub(super) fn check_extension(extension: &Extension, diagnostics: &mut Diagnostics) {
    if !is_identifier(&extension.extension) {
        diagnostics.report(NotAnIdentifier { name: &extension.extension, field: false });
    }
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
