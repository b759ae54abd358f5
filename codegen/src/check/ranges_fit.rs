//! Only a number has a range of values, which is not empty and fits its width.

use crate::description::{Bits, Description, Word};
use crate::diagnostic::{Diagnostic, Mistakes};
use crate::source::{Span, Spanned};

struct Unfit<'a> {
    field: &'a Word,
    range: Spanned<(u64, u64)>,
    bits: Spanned<Bits>,
}

impl From<Unfit<'_>> for Diagnostic {
    fn from(mistake: Unfit<'_>) -> Self {
        let Unfit { field, range, bits } = mistake;
        let (least, greatest) = range.value;
        if least > greatest {
            let message = format!("the range of field `{}` is empty", field.value);
            Diagnostic::new(message, range.span, format!("{least} is greater than {greatest}"))
        } else {
            let message = format!("the range of field `{}` does not fit its bits", field.value);
            Diagnostic::new(message, range.span, format!("reaches up to {greatest}"))
                .other(bits.span, format!("holds up to {}", bits.max()))
        }
    }
}

struct NotANumber<'a> {
    field: &'a Word,
    range: Span,
}

impl From<NotANumber<'_>> for Diagnostic {
    fn from(mistake: NotANumber<'_>) -> Self {
        let message = format!("field `{}` is not a number and has no range", mistake.field.value);
        Diagnostic::new(message, mistake.range, "").note("it is a flag, or its values have names")
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for layout in super::layouts(description) {
        for (name, field) in layout.fields {
            let Some(range) = field.range else { continue };
            if field.bits.width == 1 || !field.values.is_empty() {
                mistakes.report(NotANumber { field: name, range: range.span });
            }
            if range.value.0 > range.value.1 || range.value.1 > field.bits.max() {
                mistakes.report(Unfit { field: name, range, bits: field.bits });
            }
        }
    }
}
