//! The values in `required_values` can be written: the field exists and is writable, and the value fits.

use super::{Unknown, keys};
use crate::description::{Access, Bits, Description, Name};
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
        let message = format!("the required value of field `{}` does not fit it", field.value);
        Diagnostic::new(message, value.span, format!("greater than {}", bits.max()))
            .secondary(bits.span, format!("holds up to {}", bits.max()))
    }
}

struct NotWritable<'a> {
    field: &'a Name,
    access: Access,
}

impl From<NotWritable<'_>> for Diagnostic {
    fn from(error: NotWritable<'_>) -> Self {
        let NotWritable { field, access } = error;
        let message = format!("software cannot write the required value of field `{}`", field.value);
        Diagnostic::new(message, field.span, format!("its access is `{}`", access.keyword()))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        for (field, value) in &register.required_values {
            let Some(described) = register.fields.get(field) else {
                diagnostics.report(Unknown { what: "field", word: field, known: keys(&register.fields, diagnostics) });
                continue;
            };
            let access = register.access_of(described);
            if !matches!(access, Access::ReadWrite | Access::WriteOnly) {
                diagnostics.report(NotWritable { field, access });
            }
            if value.value > described.bits.max() {
                diagnostics.report(TooLarge { field, value: *value, bits: described.bits });
            }
        }
    }
}
