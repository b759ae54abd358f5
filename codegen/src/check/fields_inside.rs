//! Every field lies inside its register or descriptor.

use super::Layout;
use crate::description::{Bits, Description, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

struct Outside<'a> {
    layout: &'a Layout<'a>,
    field: &'a Name,
    bits: Spanned<Bits>,
}

impl From<Outside<'_>> for Diagnostic {
    fn from(error: Outside<'_>) -> Self {
        let Outside { layout, field, bits } = error;
        let (bits_title, width, title) = (bits.title(), layout.width, layout.title());
        let message = format!("field `{}` ({bits_title}) does not fit in {width}-bit {title}", field.value);
        let label = format!("the highest bit is {}", layout.width.saturating_sub(1));
        Diagnostic::new(message, bits.span, label)
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for layout in super::layouts(description) {
        for (name, field) in layout.fields {
            if field.bits.msb() >= layout.width {
                diagnostics.report(Outside { layout: &layout, field: name, bits: field.bits });
            }
        }
    }
}
