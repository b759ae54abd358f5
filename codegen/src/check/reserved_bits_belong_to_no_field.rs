//! The bits that `reserved_bits` of a register speaks of are in the register and in no field.

use crate::description::{Bits, Description, Field, Word};
use crate::diagnostic::{Diagnostic, Mistakes};
use crate::source::Spanned;

struct Outside<'a> {
    register: &'a Word,
    bits: Spanned<Bits>,
}

impl From<Outside<'_>> for Diagnostic {
    fn from(mistake: Outside<'_>) -> Self {
        let message = format!("register `{}` has no such bits", mistake.register.value);
        Diagnostic::new(message, mistake.bits.span, "")
    }
}

struct NotReserved<'a> {
    bits: Spanned<Bits>,
    field: (&'a Word, &'a Field),
}

impl From<NotReserved<'_>> for Diagnostic {
    fn from(mistake: NotReserved<'_>) -> Self {
        let NotReserved { bits, field } = mistake;
        Diagnostic::new(format!("{} cannot be reserved", bits.title()), bits.span, "")
            .other(field.1.bits.span, format!("`{}` holds {}", field.0.value, field.1.bits.title()))
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for register in &description.registers {
        for reserved in &register.reserved_bits {
            let bits = reserved.bits;
            if bits.msb() >= register.bits() {
                mistakes.report(Outside { register: &register.name, bits });
            }
            if let Some(field) = register.fields.iter().find(|(_, field)| field.bits.mask() & bits.mask() != 0) {
                mistakes.report(NotReserved { bits, field });
            }
        }
    }
}
