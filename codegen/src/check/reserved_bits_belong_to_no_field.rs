//! The bits in `reserved_bits` of a register are inside the register and belong to no field.

use crate::description::{Bits, Description, Field, Name, Register};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

struct Outside<'a> {
    register: &'a Register,
    bits: Spanned<Bits>,
}

impl From<Outside<'_>> for Diagnostic {
    fn from(error: Outside<'_>) -> Self {
        let Outside { register, bits } = error;
        let message = format!("register `{}` has no {}", register.name.value, bits.title());
        Diagnostic::new(message, bits.span, format!("the highest bit is {}", register.bits().saturating_sub(1)))
    }
}

struct NotReserved<'a> {
    bits: Spanned<Bits>,
    field: (&'a Name, &'a Field),
}

impl From<NotReserved<'_>> for Diagnostic {
    fn from(error: NotReserved<'_>) -> Self {
        let NotReserved { bits, field } = error;
        Diagnostic::new(
            format!("field `{}` overlaps reserved {}", field.0.value, bits.title()),
            bits.span,
            "reserved here",
        )
        .secondary(field.1.bits.span, format!("`{}` holds {}", field.0.value, field.1.bits.title()))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        for reserved in &register.reserved_bits {
            let bits = reserved.bits;
            if bits.msb() >= register.bits() {
                diagnostics.report(Outside { register, bits });
            }
            if let Some(field) = register.fields.iter().find(|(_, field)| field.bits.mask() & bits.mask() != 0) {
                diagnostics.report(NotReserved { bits, field });
            }
        }
    }
}
