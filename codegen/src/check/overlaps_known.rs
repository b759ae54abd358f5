//! What `overlaps` names are fields, and they do overlap.

use super::{Unknown, keys};
use crate::description::{Description, Word};
use crate::diagnostic::{Diagnostic, Mistakes};

struct NoOverlap<'a> {
    first: &'a Word,
    second: &'a Word,
}

impl From<NoOverlap<'_>> for Diagnostic {
    fn from(mistake: NoOverlap<'_>) -> Self {
        let NoOverlap { first, second } = mistake;
        let message = format!("`{}` and `{}` do not overlap", first.value, second.value);
        Diagnostic::new(message, first.span.to(second.span), "there is nothing to allow here")
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for layout in super::layouts(description) {
        for (first, second) in layout.overlaps {
            let mut find = |word| {
                let field = layout.fields.get(word);
                if field.is_none() {
                    mistakes.report(Unknown { what: "field", word, known: keys(layout.fields, mistakes) });
                }
                field.map(|field| field.bits)
            };
            if let (Some(a), Some(b)) = (find(first), find(second))
                && (a.msb() < b.lsb || b.msb() < a.lsb)
            {
                mistakes.report(NoOverlap { first, second });
            }
        }
    }
}
