//! Every `when` names another field, and a value that this field can have.

use super::{Unknown, keys};
use crate::description::{Description, Word};
use crate::diagnostic::{Diagnostic, Mistakes};
use crate::source::Spanned;

struct Impossible<'a> {
    field: &'a Word,
    value: Spanned<u64>,
    max: u64,
}

impl From<Impossible<'_>> for Diagnostic {
    fn from(mistake: Impossible<'_>) -> Self {
        let Impossible { field, value, max } = mistake;
        let message = format!("field `{}` is never {}", field.value, value.value);
        Diagnostic::new(message, value.span, format!("it holds up to {max}"))
    }
}

struct OnItself<'a> {
    field: &'a Word,
}

impl From<OnItself<'_>> for Diagnostic {
    fn from(mistake: OnItself<'_>) -> Self {
        let message = format!("field `{}` cannot be a condition of itself", mistake.field.value);
        Diagnostic::new(message, mistake.field.span, "")
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for layout in super::layouts(description) {
        for (name, field) in layout.fields {
            for (other, value) in &field.when {
                match layout.fields.get(other) {
                    None => {
                        let unknown = Unknown { what: "field", word: other, known: keys(layout.fields, mistakes) };
                        mistakes.report(match other.contains('.') {
                            false => unknown.into(),
                            true => Diagnostic::from(Unknown { known: Vec::new(), ..unknown }).help(format!(
                                "the `when` of a field names fields of its own {} alone, as in `{name}: 1`",
                                layout.kind,
                                name = layout.fields.keys().next().map_or("FIELD", |first| first.as_str()),
                            )),
                        });
                    }
                    Some(_) if other == name => mistakes.report(OnItself { field: other }),
                    Some(known) if value.value > known.bits.max() => {
                        mistakes.report(Impossible { field: other, value: *value, max: known.bits.max() });
                    }
                    Some(_) => {}
                }
            }
        }
    }
}
