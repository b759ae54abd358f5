//! The names of registers and pairs are unique, and so are the names of descriptors within each format.

use std::collections::HashMap;

use crate::description::{Description, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};

struct NameTwice<'a> {
    what: &'a str,
    first: &'a Name,
    second: &'a Name,
}

impl From<NameTwice<'_>> for Diagnostic {
    fn from(error: NameTwice<'_>) -> Self {
        let NameTwice { what, first, second } = error;
        Diagnostic::new(format!("two {what} have the name `{}`", second.value), second.span, "used again here")
            .secondary(first.span, "first used here")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let registers = description.registers.iter().map(|register| (&register.name, ""));
    let pairs = description.pairs.iter().map(|pair| (&pair.name, ""));
    unique("registers or pairs", registers.chain(pairs), diagnostics);
    unique("windows", description.windows.iter().map(|window| (&window.name, "")), diagnostics);
    let descriptors = description.descriptors.iter();
    unique("descriptors of one format", descriptors.map(|one| (&one.name, one.format.keyword())), diagnostics);
}

fn unique<'a>(what: &str, names: impl Iterator<Item = (&'a Name, &'a str)>, diagnostics: &mut Diagnostics) {
    let mut seen = HashMap::new();
    for (name, format) in names {
        let first = *seen.entry((name.as_str(), format)).or_insert(name);
        if !std::ptr::eq(first, name) {
            diagnostics.report(NameTwice { what, first, second: name });
        }
    }
}
