//! What decides over memory is a register as a whole, for it is written as a whole; fields are marked in descriptors.

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
        Diagnostic::new(format!("`memory_safety` is a matter of the whole register `{}`", register.value), span, "")
            .secondary(register.span, "mark this instead")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        for mark in register.fields.values().filter_map(|field| field.memory_safety) {
            diagnostics.report(OnlyAField { register: &register.name, span: mark.span });
        }
    }
}
