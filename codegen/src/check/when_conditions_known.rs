//! Every `when` of a field names another field and a value that fits that field.

use super::{Unknown, keys};
use crate::description::{Description, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

struct Impossible<'a> {
    field: &'a Name,
    value: Spanned<u64>,
    max: u64,
}

impl From<Impossible<'_>> for Diagnostic {
    fn from(error: Impossible<'_>) -> Self {
        let Impossible { field, value, max } = error;
        let message = format!("field `{}` is never {}", field.value, value.value);
        Diagnostic::new(message, value.span, format!("`{}` holds up to {max}", field.value))
    }
}

struct OnItself<'a> {
    field: &'a Name,
}

impl From<OnItself<'_>> for Diagnostic {
    fn from(error: OnItself<'_>) -> Self {
        let message = format!("field `{}` cannot be a condition of itself", error.field.value);
        Diagnostic::new(message, error.field.span, "names the field itself")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for layout in super::layouts(description) {
        for (name, field) in layout.fields {
            for (other, value) in &field.when {
                match layout.fields.get(other) {
                    None => {
                        let unknown = Unknown { what: "field", word: other, known: keys(layout.fields, diagnostics) };
                        diagnostics.report(match other.contains('.') {
                            false => unknown.into(),
                            true => Diagnostic::from(Unknown { known: Vec::new(), ..unknown }).help(format!(
                                "write a field of the same {}: `{name}: 1`",
                                layout.kind,
                                name = layout.fields.keys().next().map_or("FIELD", |first| first.as_str()),
                            )),
                        });
                    }
                    Some(_) if other == name => diagnostics.report(OnItself { field: other }),
                    Some(known) if value.value > known.bits.max() => {
                        diagnostics.report(Impossible { field: other, value: *value, max: known.bits.max() });
                    }
                    Some(_) => {}
                }
            }
        }
    }
}
