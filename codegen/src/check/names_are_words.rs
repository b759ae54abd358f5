//! Every name can become a name in Rust.

use crate::description::extension::Extension;
use crate::description::{Description, Word};
use crate::diagnostic::{Diagnostic, Mistakes};

struct NotAWord<'a> {
    name: &'a Word,
}

impl From<NotAWord<'_>> for Diagnostic {
    fn from(mistake: NotAWord<'_>) -> Self {
        let name = mistake.name;
        Diagnostic::new(format!("`{}` cannot become a name in Rust", name.value), name.span, "")
            .note("a name has letters, digits and underscores, and begins with a letter")
            .help("the key of a field may differ from the datasheet's spelling, which goes into its `name`")
    }
}

struct NotSearchable<'a> {
    name: &'a Word,
}

impl From<NotSearchable<'_>> for Diagnostic {
    fn from(mistake: NotSearchable<'_>) -> Self {
        let name = mistake.name;
        Diagnostic::new(format!("`{}` is not a name in another driver", name.value), name.span, "")
            .note("a name has letters, digits and underscores, and begins with a letter")
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    let registers = description.registers.iter().map(|register| &register.name);
    let descriptors = description.descriptors.iter().map(|descriptor| &descriptor.name);
    let pairs = description.pairs.iter().map(|pair| &pair.name);
    let indices = description.indices.keys();
    let permissions = description.permissions.keys().chain(description.blocks.keys());
    let fields = super::layouts(description).flat_map(|layout| layout.fields);
    let fields = fields.flat_map(|(name, field)| std::iter::once(name).chain(field.values.keys()));
    for name in registers.chain(descriptors).chain(pairs).chain(indices).chain(permissions).chain(fields) {
        if !is_word(name) {
            mistakes.report(NotAWord { name });
        }
    }
    let fields = super::layouts(description).flat_map(|layout| layout.fields.values());
    let in_fields = fields.flat_map(|field| &field.header_names);
    let in_registers = description.registers.iter().flat_map(|register| &register.header_names);
    for name in in_registers.chain(in_fields).filter(|name| !is_word(name)) {
        mistakes.report(NotSearchable { name });
    }
}

pub(super) fn check_extension(extension: &Extension, mistakes: &mut Mistakes) {
    if !is_word(&extension.extension) {
        mistakes.report(NotAWord { name: &extension.extension });
    }
}

fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
