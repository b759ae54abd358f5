//! No value of a field has two names.

use std::collections::HashMap;

use crate::description::{Description, Word};
use crate::diagnostic::{Diagnostic, Mistakes};
use crate::source::{Span, Spanned};

struct TwoNames<'a> {
    field: &'a Word,
    value: Spanned<u64>,
    first: (&'a Word, Span),
    second: &'a Word,
}

impl From<TwoNames<'_>> for Diagnostic {
    fn from(mistake: TwoNames<'_>) -> Self {
        let TwoNames { field, value, first, second } = mistake;
        let message = format!("the value {} of field `{}` has two names", value.value, field.value);
        Diagnostic::new(message, value.span, format!("it is `{}` here", second.value))
            .other(first.1, format!("it is `{}` here", first.0.value))
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for layout in super::layouts(description) {
        for (field, described) in layout.fields {
            let mut names = HashMap::new();
            for (name, value) in &described.values {
                let first = *names.entry(value.value).or_insert((name, value.span));
                if first.0 != name {
                    mistakes.report(TwoNames { field, value: *value, first, second: name });
                }
            }
        }
    }
}
