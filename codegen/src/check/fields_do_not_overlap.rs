//! No two fields hold the same bit, unless they are alternatives.
//!
//! Alternatives have contradicting `when` conditions, or `overlaps` names them.

use std::collections::HashSet;

use super::{Layout, alternatives};
use crate::description::{Description, Field, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};

struct Overlap<'a> {
    layout: &'a Layout<'a>,
    first: (&'a Name, &'a Field),
    second: (&'a Name, &'a Field),
}

impl From<Overlap<'_>> for Diagnostic {
    fn from(error: Overlap<'_>) -> Self {
        let Overlap { layout, first, second } = error;
        let message = format!("fields `{}` and `{}` of {} overlap", first.0.value, second.0.value, layout.title());
        let label = |(name, field): (&Name, &Field)| format!("`{}` holds {}", name.value, field.bits.title());
        Diagnostic::new(message, second.1.bits.span, label(second)).secondary(first.1.bits.span, label(first)).help(
            format!(
                "if another field selects between them, give both a `when`; otherwise add `overlaps: [[{}, {}]]` to the {}",
                first.0.value, second.0.value, layout.kind
            ),
        )
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for layout in super::layouts(description) {
        let declared: HashSet<_> =
            layout.overlaps.iter().flat_map(|(a, b)| [(a.as_str(), b.as_str()), (b.as_str(), a.as_str())]).collect();
        // `fields_inside` has reported fields outside. Without them, the number of start bits has a limit.
        let mut fields: Vec<_> = layout.fields.iter().filter(|(_, field)| field.bits.msb() < layout.width).collect();
        fields.sort_by_key(|(_, field)| field.bits.lsb);
        let mut open: Vec<(&Name, &Field)> = Vec::new();
        let mut lsb = 0;
        for second in fields {
            if second.1.bits.lsb != lsb {
                lsb = second.1.bits.lsb;
                open.retain(|(_, field)| field.bits.msb() >= lsb);
            }
            let conflict = open.iter().find(|first| {
                !alternatives(&first.1.when, &second.1.when)
                    && !declared.contains(&(first.0.as_str(), second.0.as_str()))
            });
            if let Some(first) = conflict {
                let (first, second) = if first.0.span < second.0.span { (*first, second) } else { (second, *first) };
                diagnostics.report(Overlap { layout: &layout, first, second });
            }
            open.push(second);
        }
    }
}
