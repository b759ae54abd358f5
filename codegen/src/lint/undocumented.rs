//! A field has no `doc`: its page shows only a name and bits.

use super::{Lints, owners};
use crate::description::{Description, Lint};
use crate::diagnostic::Diagnostic;

pub(super) fn lint(description: &Description, lints: &mut Lints<'_>) {
    for owner in owners(description) {
        for (name, field) in owner.fields.iter().filter(|(_, field)| field.doc.is_none()) {
            let message = format!("field `{}` of {} `{}` is not documented", name.value, owner.kind, owner.name.value);
            let warning = Diagnostic::new(message, name.span, "has no `doc`").help("say what it is for: `doc: ...`");
            lints.report(Lint::Undocumented, &[&field.allow, owner.allow], warning);
        }
    }
}
