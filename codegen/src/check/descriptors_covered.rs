//! Every bit of a descriptor either belongs to a field or is reserved.

use super::structures_are_bytes::MAX_STRUCTURE;
use crate::description::{Bits, Description, DescriptorFormat, Field, Name};
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
        let message = format!("descriptor `{}` does not cover all its {} bits", name.value, descriptor.whole());
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
        let highest = descriptor.whole().saturating_sub(1);
        Diagnostic::new(message, bits.span, format!("the highest bit is {highest}"))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for descriptor in &description.descriptors {
        for bits in &descriptor.reserved {
            if bits.msb() >= descriptor.whole() {
                diagnostics.report(Outside { descriptor, bits: *bits });
            }
            let shares = |field: &Field| field.bits.lsb <= bits.msb() && bits.lsb <= field.bits.msb();
            let field = descriptor.fields.iter().find(|(_, field)| shares(field));
            if let Some(field) = field {
                diagnostics.report(NotReserved { bits: *bits, field });
            }
        }
        // The other checks report a descriptor that is wider.
        let mut covered = vec![false; descriptor.whole().min(MAX_STRUCTURE) as usize];
        let fields = descriptor.fields.values().map(|field| field.bits.value);
        for bits in fields.chain(descriptor.reserved.iter().map(|bits| bits.value)) {
            for bit in covered.iter_mut().take(bits.msb() as usize + 1).skip(bits.lsb as usize) {
                *bit = true;
            }
        }
        let missing = runs(&covered);
        if !missing.is_empty() {
            diagnostics.report(Uncovered { descriptor, bits: missing });
        }
    }
}

/// Returns the runs of bits that are not covered, from the lowest.
fn runs(covered: &[bool]) -> Vec<Bits> {
    let mut runs: Vec<Bits> = Vec::new();
    for (lsb, _) in (0..).zip(covered).filter(|(_, covered)| !**covered) {
        match runs.last_mut() {
            Some(last) if last.msb() + 1 == lsb => last.width += 1,
            _ => runs.push(Bits { lsb, width: 1 }),
        }
    }
    runs
}
