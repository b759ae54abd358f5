//! `overlaps` names fields, and these fields overlap.

use super::{Unknown, keys};
use crate::description::{Description, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};

struct NoOverlap<'a> {
    first: &'a Name,
    second: &'a Name,
}

impl From<NoOverlap<'_>> for Diagnostic {
    fn from(error: NoOverlap<'_>) -> Self {
        let NoOverlap { first, second } = error;
        let message = format!("`{}` and `{}` do not overlap", first.value, second.value);
        Diagnostic::new(message, first.span.to(second.span), "declared as overlapping")
            .help("remove this entry of `overlaps`")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for layout in super::layouts(description) {
        for (first, second) in layout.overlaps {
            let mut find = |word| {
                let field = layout.fields.get(word);
                if field.is_none() {
                    diagnostics.report(Unknown { what: "field", word, known: keys(layout.fields, diagnostics) });
                }
                field.map(|field| field.bits)
            };
            if let (Some(a), Some(b)) = (find(first), find(second))
                && (a.msb() < b.lsb || b.msb() < a.lsb)
            {
                diagnostics.report(NoOverlap { first, second });
            }
        }
    }
}
