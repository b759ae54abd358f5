//! In a register, `memory_safety` marks the whole register, because a write stores all of it.

use crate::description::{Description, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;

struct OnlyAField<'a> {
    register: &'a Name,
    span: Span,
}

impl From<OnlyAField<'_>> for Diagnostic {
    fn from(error: OnlyAField<'_>) -> Self {
        let OnlyAField { register, span } = error;
        Diagnostic::new(
            "`memory_safety` cannot mark a field of a register",
            span,
            format!("marks a field of `{}`", register.value),
        )
        .secondary(register.span, "add `memory_safety: true` here instead")
        .note("a write stores the whole register")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        for mark in register.fields.values().filter_map(|field| field.memory_safety) {
            diagnostics.report(OnlyAField { register: &register.name, span: mark.span });
        }
    }
}
