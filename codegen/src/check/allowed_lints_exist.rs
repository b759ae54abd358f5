//! Every lint that is allowed exists, and is allowed for a reason.

use super::Unknown;
use crate::description::{Allow, Description, Lint, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};

struct NoReason<'a> {
    lint: &'a Name,
}

impl From<NoReason<'_>> for Diagnostic {
    fn from(error: NoReason<'_>) -> Self {
        let lint = &error.lint.value;
        Diagnostic::new(format!("`{lint}` is allowed without a reason"), error.lint.span, "needs a reason")
            .help(format!("say why the warning is wrong here: `allow: {{ {lint}: why }}`"))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let descriptors = description.descriptors.iter().map(|descriptor| &descriptor.allow);
    let registers = description.registers.iter().map(|register| &register.allow);
    let fields = super::layouts(description).flat_map(|layout| layout.fields.values()).map(|field| &field.allow);
    for allow in registers.chain(descriptors).chain(fields).chain([&description.allow]) {
        one(allow, diagnostics);
    }
}

pub(super) fn one(allow: &Allow, diagnostics: &mut Diagnostics) {
    for (name, reason) in allow {
        if !Lint::ALL.iter().any(|lint| lint.name() == name.as_str()) {
            let known = Lint::ALL.iter().map(|lint| lint.name()).collect();
            diagnostics.report(Unknown { what: "lint", word: name, known });
        } else if reason.trim().is_empty() {
            diagnostics.report(NoReason { lint: name });
        }
    }
}
