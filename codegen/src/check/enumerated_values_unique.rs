//! No value of a field has two names.

use std::collections::HashMap;

use crate::description::{Description, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};

struct TwoNames<'a> {
    field: &'a Name,
    value: Spanned<u64>,
    first: (&'a Name, Span),
    second: &'a Name,
}

impl From<TwoNames<'_>> for Diagnostic {
    fn from(error: TwoNames<'_>) -> Self {
        let TwoNames { field, value, first, second } = error;
        let message = format!("the value {} of field `{}` has two names", value.value, field.value);
        Diagnostic::new(message, value.span, format!("named `{}` here", second.value))
            .secondary(first.1, format!("named `{}` here", first.0.value))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for layout in super::layouts(description) {
        for (field, described) in layout.fields {
            let mut names = HashMap::new();
            for (name, value) in &described.values {
                let first = *names.entry(value.value).or_insert((name, value.span));
                if first.0 != name {
                    diagnostics.report(TwoNames { field, value: *value, first, second: name });
                }
            }
        }
    }
}
