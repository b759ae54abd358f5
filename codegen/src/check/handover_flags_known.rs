//! A descriptor's `done`, `last` and `report` each name a field of one bit, and a write-back format has a `done`.

use super::{Unknown, keys};
use crate::description::{Bits, Description, Format, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

struct NotAFlag<'a> {
    word: &'a Name,
    bits: Spanned<Bits>,
}

impl From<NotAFlag<'_>> for Diagnostic {
    fn from(error: NotAFlag<'_>) -> Self {
        let NotAFlag { word, bits } = error;
        Diagnostic::new(format!("`{}` is not a flag", word.value), word.span, "must name a one-bit field")
            .secondary(bits.span, format!("has {} bits", bits.width))
    }
}

struct NeverDone<'a> {
    descriptor: &'a Name,
}

impl From<NeverDone<'_>> for Diagnostic {
    fn from(error: NeverDone<'_>) -> Self {
        let message = format!("write-back descriptor `{}` has no `done` flag", error.descriptor.value);
        Diagnostic::new(message, error.descriptor.span, "written by the chip")
            .help("name the field that the chip sets on completion: `done: FLAG`")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for descriptor in &description.descriptors {
        if descriptor.format == Format::WriteBack && descriptor.done.is_none() {
            diagnostics.report(NeverDone { descriptor: &descriptor.name });
        }
        for word in [&descriptor.done, &descriptor.last, &descriptor.report].into_iter().flatten() {
            match descriptor.fields.get(word) {
                None => {
                    diagnostics.report(Unknown { what: "field", word, known: keys(&descriptor.fields, diagnostics) })
                }
                Some(field) if field.bits.width != 1 => diagnostics.report(NotAFlag { word, bits: field.bits }),
                Some(_) => {}
            }
        }
    }
}
