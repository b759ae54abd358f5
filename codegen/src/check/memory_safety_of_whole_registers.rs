//! What decides over memory is a register as a whole, for it is written as a whole; fields are marked in descriptors.

use crate::description::{Description, Word};
use crate::diagnostic::{Diagnostic, Mistakes};
use crate::source::Span;

struct OnlyAField<'a> {
    register: &'a Word,
    place: Span,
}

impl From<OnlyAField<'_>> for Diagnostic {
    fn from(mistake: OnlyAField<'_>) -> Self {
        let OnlyAField { register, place } = mistake;
        Diagnostic::new(format!("`memory_safety` is a matter of the whole register `{}`", register.value), place, "")
            .other(register.span, "mark this instead")
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for register in &description.registers {
        for mark in register.fields.values().filter_map(|field| field.memory_safety) {
            mistakes.report(OnlyAField { register: &register.name, place: mark.span });
        }
    }
}
