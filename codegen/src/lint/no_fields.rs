//! A register has no fields: a value of it can be given as a number only, if at all.

use super::Lints;
use crate::description::{Description, Lint};
use crate::diagnostic::Diagnostic;

pub(super) fn lint(description: &Description, lints: &mut Lints<'_>) {
    for register in description.registers.iter().filter(|register| register.fields.is_empty()) {
        let highest = register.bits().saturating_sub(1);
        let message = format!("register `{}` has no fields", register.name.value);
        let warning = Diagnostic::new(message, register.name.span, "no value can be given to its bits")
            .help(format!("if it holds one value, describe this: `fields: {{ VALUE: {{ bits: \"{highest}:0\" }} }}`"));
        lints.report(Lint::NoFields, &[&register.allow], warning);
    }
}
