//! What `software_must` asks for can be written: the field is there, software may write it, the value fits.

use super::{Unknown, keys};
use crate::description::{Access, Bits, Description, Word};
use crate::diagnostic::{Diagnostic, Mistakes};
use crate::source::Spanned;

struct TooLarge<'a> {
    field: &'a Word,
    value: Spanned<u64>,
    bits: Spanned<Bits>,
}

impl From<TooLarge<'_>> for Diagnostic {
    fn from(mistake: TooLarge<'_>) -> Self {
        let TooLarge { field, value, bits } = mistake;
        Diagnostic::new(format!("software cannot write {} into field `{}`", value.value, field.value), value.span, "")
            .other(bits.span, format!("holds up to {}", bits.max()))
    }
}

struct NotWritable<'a> {
    field: &'a Word,
    access: Access,
}

impl From<NotWritable<'_>> for Diagnostic {
    fn from(mistake: NotWritable<'_>) -> Self {
        let NotWritable { field, access } = mistake;
        let message = format!("software cannot write field `{}`", field.value);
        Diagnostic::new(message, field.span, format!("its access is `{}`", access.word()))
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for register in &description.registers {
        for (field, value) in &register.software_must {
            let Some(described) = register.fields.get(field) else {
                mistakes.report(Unknown { what: "field", word: field, known: keys(&register.fields, mistakes) });
                continue;
            };
            let access = register.access_of(described);
            if !matches!(access, Access::ReadWrite | Access::WriteOnly) {
                mistakes.report(NotWritable { field, access });
            }
            if value.value > described.bits.max() {
                mistakes.report(TooLarge { field, value: *value, bits: described.bits });
            }
        }
    }
}
