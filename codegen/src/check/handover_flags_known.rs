//! The flags that hand a descriptor over are fields of it, of one bit each; what the chip writes back has one.

use super::{Unknown, keys};
use crate::description::{Bits, Description, Format, Word};
use crate::diagnostic::{Diagnostic, Mistakes};
use crate::source::Spanned;

struct NotAFlag<'a> {
    word: &'a Word,
    bits: Spanned<Bits>,
}

impl From<NotAFlag<'_>> for Diagnostic {
    fn from(mistake: NotAFlag<'_>) -> Self {
        let NotAFlag { word, bits } = mistake;
        Diagnostic::new(format!("`{}` is not a flag", word.value), word.span, "must name a field of one bit")
            .other(bits.span, format!("has {} bits", bits.width))
    }
}

struct NeverDone<'a> {
    descriptor: &'a Word,
}

impl From<NeverDone<'_>> for Diagnostic {
    fn from(mistake: NeverDone<'_>) -> Self {
        let message = format!("nothing tells when the chip is done with descriptor `{}`", mistake.descriptor.value);
        Diagnostic::new(message, mistake.descriptor.span, "").help("name the flag that does: `done: FLAG`")
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for descriptor in &description.descriptors {
        if descriptor.format == Format::WriteBack && descriptor.done.is_none() {
            mistakes.report(NeverDone { descriptor: &descriptor.name });
        }
        for word in [&descriptor.done, &descriptor.last, &descriptor.report].into_iter().flatten() {
            match descriptor.fields.get(word) {
                None => mistakes.report(Unknown { what: "field", word, known: keys(&descriptor.fields, mistakes) }),
                Some(field) if field.bits.width != 1 => mistakes.report(NotAFlag { word, bits: field.bits }),
                Some(_) => {}
            }
        }
    }
}
