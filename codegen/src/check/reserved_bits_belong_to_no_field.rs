//! The bits that `reserved_bits` of a register speaks of are in the register and in no field.

use crate::description::{Bits, Description, Field, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

struct Outside<'a> {
    register: &'a Name,
    bits: Spanned<Bits>,
}

impl From<Outside<'_>> for Diagnostic {
    fn from(error: Outside<'_>) -> Self {
        let message = format!("register `{}` has no such bits", error.register.value);
        Diagnostic::new(message, error.bits.span, "")
    }
}

struct NotReserved<'a> {
    bits: Spanned<Bits>,
    field: (&'a Name, &'a Field),
}

impl From<NotReserved<'_>> for Diagnostic {
    fn from(error: NotReserved<'_>) -> Self {
        let NotReserved { bits, field } = error;
        Diagnostic::new(format!("{} cannot be reserved", bits.title()), bits.span, "")
            .secondary(field.1.bits.span, format!("`{}` holds {}", field.0.value, field.1.bits.title()))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        for reserved in &register.reserved_bits {
            let bits = reserved.bits;
            if bits.msb() >= register.bits() {
                diagnostics.report(Outside { register: &register.name, bits });
            }
            if let Some(field) = register.fields.iter().find(|(_, field)| field.bits.mask() & bits.mask() != 0) {
                diagnostics.report(NotReserved { bits, field });
            }
        }
    }
}
