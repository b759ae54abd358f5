//! A range belongs to a number, is not empty, and fits the width of the field.

use crate::description::{Bits, Description, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};

struct Unfit<'a> {
    field: &'a Name,
    range: Spanned<(u64, u64)>,
    bits: Spanned<Bits>,
}

impl From<Unfit<'_>> for Diagnostic {
    fn from(error: Unfit<'_>) -> Self {
        let Unfit { field, range, bits } = error;
        let (least, greatest) = range.value;
        if least > greatest {
            let message = format!("the range of field `{}` is empty", field.value);
            Diagnostic::new(message, range.span, format!("{least} is greater than {greatest}"))
        } else {
            let message = format!("the range of field `{}` does not fit its bits", field.value);
            Diagnostic::new(message, range.span, format!("allows up to {greatest}"))
                .secondary(bits.span, format!("holds up to {}", bits.max()))
        }
    }
}

struct NotANumber<'a> {
    field: &'a Name,
    range: Span,
    is_flag: bool,
}

impl From<NotANumber<'_>> for Diagnostic {
    fn from(error: NotANumber<'_>) -> Self {
        let NotANumber { field, range, is_flag } = error;
        let label = if is_flag { "the field has one bit" } else { "the field has named values" };
        Diagnostic::new(format!("`range` of field `{}`, which is not a number", field.value), range, label)
            .help("remove `range`")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for layout in super::layouts(description) {
        for (name, field) in layout.fields {
            let Some(range) = field.range else { continue };
            if field.bits.width == 1 || !field.values.is_empty() {
                diagnostics.report(NotANumber { field: name, range: range.span, is_flag: field.bits.width == 1 });
            }
            if range.value.0 > range.value.1 || range.value.1 > field.bits.max() {
                diagnostics.report(Unfit { field: name, range, bits: field.bits });
            }
        }
    }
}
