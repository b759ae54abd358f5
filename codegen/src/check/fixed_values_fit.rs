//! A fixed value fits its field, and stands in a descriptor.

use crate::description::{Bits, Description, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};

struct TooLarge<'a> {
    field: &'a Name,
    value: Spanned<u64>,
    bits: Spanned<Bits>,
}

impl From<TooLarge<'_>> for Diagnostic {
    fn from(error: TooLarge<'_>) -> Self {
        let TooLarge { field, value, bits } = error;
        Diagnostic::new(format!("the fixed value of field `{}` does not fit it", field.value), value.span, "")
            .secondary(bits.span, format!("holds up to {}", bits.max()))
    }
}

struct InRegister<'a> {
    field: &'a Name,
    span: Span,
}

impl From<InRegister<'_>> for Diagnostic {
    fn from(error: InRegister<'_>) -> Self {
        Diagnostic::new(format!("field `{}` of a register cannot be fixed", error.field.value), error.span, "")
            .help("what software must write into a register is said by its `software_must`")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        for (field, described) in &register.fields {
            if let Some(fixed) = described.fixed {
                diagnostics.report(InRegister { field, span: fixed.span });
            }
        }
    }
    for descriptor in &description.descriptors {
        for (field, described) in &descriptor.fields {
            if let Some(value) = described.fixed.filter(|fixed| fixed.value > described.bits.max()) {
                diagnostics.report(TooLarge { field, value, bits: described.bits });
            }
        }
    }
}
