//! No field of a descriptor crosses a 64-bit boundary, because descriptors are read one 64-bit word at a time.
//!
//! Structures are read byte by byte.

use crate::description::{Bits, Description, Format, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

struct Crosses<'a> {
    field: &'a Name,
    bits: Spanned<Bits>,
}

impl From<Crosses<'_>> for Diagnostic {
    fn from(error: Crosses<'_>) -> Self {
        let Crosses { field, bits } = error;
        let (name, middle) = (&field.value, (bits.lsb / 64 + 1) * 64);
        let low = Bits { lsb: bits.lsb, width: middle - bits.lsb }.text();
        let high = Bits { lsb: middle, width: bits.msb() + 1 - middle }.text();
        let message = format!("field `{name}` crosses a 64-bit boundary of its descriptor");
        Diagnostic::new(message, bits.span, format!("bits {} and {middle} are in different words", middle - 1))
            .note("a descriptor is read one 64-bit word at a time")
            .help(format!("split it: `{name}_LOW: {{ bits: \"{low}\" }}`, `{name}_HIGH: {{ bits: \"{high}\" }}`"))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for descriptor in description.descriptors.iter().filter(|one| one.format != Format::Structure) {
        for (name, field) in &descriptor.fields {
            if field.bits.lsb / 64 != field.bits.msb() / 64 {
                diagnostics.report(Crosses { field: name, bits: field.bits });
            }
        }
    }
}
