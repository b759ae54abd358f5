//! Every bit of a descriptor either belongs to a field or is reserved.

use crate::description::{Bits, Description, DescriptorFormat, Field, Name, ones};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

struct Uncovered<'a> {
    descriptor: &'a DescriptorFormat,
    bits: Vec<Bits>,
}

impl From<Uncovered<'_>> for Diagnostic {
    fn from(error: Uncovered<'_>) -> Self {
        let Uncovered { descriptor, bits } = error;
        let name = &descriptor.name;
        let list: Vec<_> = bits.iter().map(|bits| bits.text()).collect();
        let message = format!("descriptor `{}` does not cover all its {} bits", name.value, descriptor.bits.value);
        let quoted: Vec<_> = list.iter().map(|bits| format!("\"{bits}\"")).collect();
        Diagnostic::new(message, name.span, format!("bits {} have no field and are not reserved", list.join(", ")))
            .help(format!("add fields for them, or list them: `reserved: [{}]`", quoted.join(", ")))
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

struct Outside<'a> {
    descriptor: &'a DescriptorFormat,
    bits: Spanned<Bits>,
}

impl From<Outside<'_>> for Diagnostic {
    fn from(error: Outside<'_>) -> Self {
        let Outside { descriptor, bits } = error;
        let message = format!("descriptor `{}` has no {}", descriptor.name.value, bits.title());
        let highest = descriptor.bits.value.saturating_sub(1);
        Diagnostic::new(message, bits.span, format!("the highest bit is {highest}"))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for descriptor in &description.descriptors {
        for bits in &descriptor.reserved {
            if bits.msb() >= descriptor.bits.value {
                diagnostics.report(Outside { descriptor, bits: *bits });
            }
            let field = descriptor.fields.iter().find(|(_, field)| field.bits.mask() & bits.mask() != 0);
            if let Some(field) = field {
                diagnostics.report(NotReserved { bits: *bits, field });
            }
        }
        let fields = descriptor.fields.values().map(|field| field.bits.mask());
        let reserved = descriptor.reserved.iter().map(|bits| bits.mask());
        let covered = fields.chain(reserved).fold(0, |all, mask| all | mask);
        let missing = ones(descriptor.bits.value) & !covered;
        if missing != 0 {
            diagnostics.report(Uncovered { descriptor, bits: runs(missing) });
        }
    }
}

/// Returns the runs of ones in `mask`, from the lowest.
fn runs(mut mask: u128) -> Vec<Bits> {
    let mut runs = Vec::new();
    while mask != 0 {
        let lsb = mask.trailing_zeros();
        let width = (mask >> lsb).trailing_ones();
        mask &= !(ones(width) << lsb);
        runs.push(Bits { lsb, width });
    }
    runs
}
