//! Every named value of a field fits its width.

use crate::description::{Bits, Description, Field, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

struct TooLarge<'a> {
    field: &'a Name,
    name: &'a Name,
    value: Spanned<u64>,
    bits: Spanned<Bits>,
}

impl From<TooLarge<'_>> for Diagnostic {
    fn from(error: TooLarge<'_>) -> Self {
        let TooLarge { field, name, value, bits } = error;
        let message = format!("the value `{}` does not fit field `{}`", name.value, field.value);
        Diagnostic::new(message, value.span, format!("greater than {}", bits.max()))
            .secondary(bits.span, format!("holds up to {}", bits.max()))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for layout in super::layouts(description) {
        for (field, Field { bits, values, .. }) in layout.fields {
            for (name, value) in values.iter().filter(|(_, value)| value.value > bits.max()) {
                diagnostics.report(TooLarge { field, name, value: *value, bits: *bits });
            }
        }
    }
}
