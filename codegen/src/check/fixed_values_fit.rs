//! A fixed value fits its field, and stands in a descriptor.

use crate::description::{Bits, Description, Word};
use crate::diagnostic::{Diagnostic, Mistakes};
use crate::source::{Span, Spanned};

struct TooLarge<'a> {
    field: &'a Word,
    value: Spanned<u64>,
    bits: Spanned<Bits>,
}

impl From<TooLarge<'_>> for Diagnostic {
    fn from(mistake: TooLarge<'_>) -> Self {
        let TooLarge { field, value, bits } = mistake;
        Diagnostic::new(format!("the fixed value of field `{}` does not fit it", field.value), value.span, "")
            .other(bits.span, format!("holds up to {}", bits.max()))
    }
}

struct InRegister<'a> {
    field: &'a Word,
    place: Span,
}

impl From<InRegister<'_>> for Diagnostic {
    fn from(mistake: InRegister<'_>) -> Self {
        Diagnostic::new(format!("field `{}` of a register cannot be fixed", mistake.field.value), mistake.place, "")
            .help("what software must write into a register is said by its `software_must`")
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for register in &description.registers {
        for (field, described) in &register.fields {
            if let Some(fixed) = described.fixed {
                mistakes.report(InRegister { field, place: fixed.span });
            }
        }
    }
    for descriptor in &description.descriptors {
        for (field, described) in &descriptor.fields {
            if let Some(value) = described.fixed.filter(|fixed| fixed.value > described.bits.max()) {
                mistakes.report(TooLarge { field, value, bits: described.bits });
            }
        }
    }
}
