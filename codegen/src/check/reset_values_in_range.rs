//! The reset value of a field is inside the range of the field, if both are known.
//!
//! A `write` that does not give the field writes its reset value.

use crate::description::{Access, Description, Name, Reset};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};

struct OutOfRange<'a> {
    field: &'a Name,
    value: u64,
    range: Spanned<(u64, u64)>,
    reset: Span,
}

impl From<OutOfRange<'_>> for Diagnostic {
    fn from(error: OutOfRange<'_>) -> Self {
        let OutOfRange { field, value, range, reset } = error;
        let (least, greatest) = range.value;
        let message = format!("the reset value of field `{}` is out of range", field.value);
        Diagnostic::new(message, range.span, format!("allows {least} to {greatest}"))
            .secondary(reset, format!("resets it to {value}"))
            .note("a write that does not give the field writes its reset value")
            .help("if both are right, leave the bits of the field out of `reset_known`; then every write must give it")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        let Reset::Known(reset) = register.reset.value else { continue };
        for (name, field) in &register.fields {
            let Some(range) = field.range else { continue };
            let written = !matches!(register.access_of(field), Access::ReadOnly | Access::ReadClears);
            let written = written && !register.required_values.contains_key(name);
            let (bits, mask) = (field.bits.value, u64::try_from(field.bits.mask()).unwrap_or(0));
            let known = register.reset_known.is_none_or(|known| known.value & mask == mask);
            let value = (reset & mask).checked_shr(bits.lsb).unwrap_or(0);
            // `ranges_fit` reports a range that is empty or too wide.
            let fits = range.value.0 <= range.value.1 && range.value.1 <= bits.max();
            if written && known && fits && !(range.value.0..=range.value.1).contains(&value) {
                diagnostics.report(OutOfRange { field: name, value, range, reset: register.reset.span });
            }
        }
    }
}
