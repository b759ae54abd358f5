//! No field of a descriptor crosses from one 64-bit word of it into the next: they are read one at a time.

use crate::description::{Bits, Description, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

struct Crosses<'a> {
    field: &'a Name,
    bits: Spanned<Bits>,
}

impl From<Crosses<'_>> for Diagnostic {
    fn from(error: Crosses<'_>) -> Self {
        let Crosses { field, bits } = error;
        let message = format!("field `{}` crosses from one 64-bit word of its descriptor into the next", field.value);
        Diagnostic::new(message, bits.span, "").help("describe it as two fields")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for descriptor in &description.descriptors {
        for (name, field) in &descriptor.fields {
            if field.bits.lsb / 64 != field.bits.msb() / 64 {
                diagnostics.report(Crosses { field: name, bits: field.bits });
            }
        }
    }
}
