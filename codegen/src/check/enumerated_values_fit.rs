//! Every named value of a field fits its width.

use crate::description::{Bits, Description, Field, Word};
use crate::diagnostic::{Diagnostic, Mistakes};
use crate::source::Spanned;

struct TooLarge<'a> {
    field: &'a Word,
    name: &'a Word,
    value: Spanned<u64>,
    bits: Spanned<Bits>,
}

impl From<TooLarge<'_>> for Diagnostic {
    fn from(mistake: TooLarge<'_>) -> Self {
        let TooLarge { field, name, value, bits } = mistake;
        let message = format!("the value `{}` does not fit field `{}`", name.value, field.value);
        Diagnostic::new(message, value.span, format!("greater than {}", bits.max()))
            .other(bits.span, format!("holds up to {}", bits.max()))
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for layout in super::layouts(description) {
        for (field, Field { bits, values, .. }) in layout.fields {
            for (name, value) in values.iter().filter(|(_, value)| value.value > bits.max()) {
                mistakes.report(TooLarge { field, name, value: *value, bits: *bits });
            }
        }
    }
}
