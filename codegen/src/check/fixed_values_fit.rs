//! A fixed value fits its field, and the field is in a descriptor.

use crate::description::{Bits, Description, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

struct TooLarge<'a> {
    field: &'a Name,
    value: Spanned<u64>,
    bits: Spanned<Bits>,
}

impl From<TooLarge<'_>> for Diagnostic {
    fn from(error: TooLarge<'_>) -> Self {
        let TooLarge { field, value, bits } = error;
        Diagnostic::new(
            format!("the fixed value of field `{}` does not fit it", field.value),
            value.span,
            format!("greater than {}", bits.max()),
        )
        .secondary(bits.span, format!("holds up to {}", bits.max()))
    }
}

struct InRegister<'a> {
    field: &'a Name,
    value: Spanned<u64>,
}

impl From<InRegister<'_>> for Diagnostic {
    fn from(error: InRegister<'_>) -> Self {
        let InRegister { field, value } = error;
        Diagnostic::new(
            "`fixed` applies to descriptors only",
            value.span,
            format!("`{}` is a field of a register", field.value),
        )
        .help(format!("require the value in the register: `required_values: {{ {}: {} }}`", field.value, value.value))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        for (field, described) in &register.fields {
            if let Some(value) = described.fixed {
                diagnostics.report(InRegister { field, value });
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
