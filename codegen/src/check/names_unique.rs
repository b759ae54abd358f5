//! No two registers or pairs have one name, nor two descriptors of one format.

use std::collections::HashMap;

use crate::description::{Description, Word};
use crate::diagnostic::{Diagnostic, Mistakes};

struct NameTwice<'a> {
    what: &'a str,
    first: &'a Word,
    second: &'a Word,
}

impl From<NameTwice<'_>> for Diagnostic {
    fn from(mistake: NameTwice<'_>) -> Self {
        let NameTwice { what, first, second } = mistake;
        Diagnostic::new(format!("two {what} have the name `{}`", second.value), second.span, "the second")
            .other(first.span, "the first")
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    let registers = description.registers.iter().map(|register| (&register.name, ""));
    let pairs = description.pairs.iter().map(|pair| (&pair.name, ""));
    unique("registers or pairs", registers.chain(pairs), mistakes);
    let descriptors = description.descriptors.iter();
    unique("descriptors of one format", descriptors.map(|one| (&one.name, one.format.word())), mistakes);
}

fn unique<'a>(what: &str, names: impl Iterator<Item = (&'a Word, &'a str)>, mistakes: &mut Mistakes) {
    let mut seen = HashMap::new();
    for (name, format) in names {
        let first = *seen.entry((name.as_str(), format)).or_insert(name);
        if !std::ptr::eq(first, name) {
            mistakes.report(NameTwice { what, first, second: name });
        }
    }
}
