//! A field with named values gets a value that has no name, after a reset or by a rule.

use std::collections::HashMap;

use super::{Lints, owners};
use crate::description::{Allow, Description, Field, Lint, Name, Named};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

pub(super) fn lint(description: &Description, lints: &mut Lints<'_>) {
    let mut report = |allows: &[&Allow], (name, field): (&Name, &Field), value: u64, at: Span, label: &str| {
        if !field.values.is_empty() && !field.values.values().any(|named| named.value == value) {
            let warning =
                Diagnostic::new(format!("the value {value} of field `{}` has no name", name.value), at, label)
                    .secondary(name.span, "has named values")
                    .help(format!("correct the value, or name it: `values: {{ Name: {value} }}`"));
            lints.report(Lint::UnnamedValue, allows, warning);
        }
    };
    for owner in owners(description) {
        for (name, field) in owner.fields {
            let allows = [&field.allow, owner.allow];
            if let Some(fixed) = field.fixed {
                report(&allows, (name, field), fixed.value, fixed.span, "its fixed value");
            }
            let conditions = field.when.iter();
            for ((other, known), value) in conditions.filter_map(|(at, value)| Some((entry(owner.fields, at)?, value)))
            {
                report(&allows, (other, known), value.value, value.span, "a condition that it may never meet");
            }
        }
    }
    let registers: HashMap<_, _> = description.registers.iter().map(|one| (one.name.as_str(), one)).collect();
    for register in &description.registers {
        for (name, value) in &register.required_values {
            if let Some((name, field)) = entry(&register.fields, name) {
                report(&[&field.allow, &register.allow], (name, field), value.value, value.span, "its required value");
            }
        }
        for (condition, value) in &register.when {
            let (other, field) = condition.split_once('.').unwrap_or_default();
            if let Some(known) = registers.get(other).and_then(|other| entry(&other.fields, field)) {
                report(&[&register.allow], known, value.value, value.span, "a condition that it may never meet");
            }
        }
        let Some(reset) = register.reset.known() else { continue };
        let known = register.reset_known.map_or(u64::MAX, |known| known.value);
        for (name, field) in &register.fields {
            let bits = field.bits.value;
            let value = |of: u64| of >> bits.lsb & bits.max();
            // The bits of an alternative have this meaning only under a condition.
            if value(known) == bits.max() && field.when.is_empty() {
                let at = register.reset.span;
                report(&[&field.allow, &register.allow], (name, field), value(reset), at, "its value after a reset");
            }
        }
    }
}

fn entry<'a>(fields: &'a Named<Field>, name: &str) -> Option<(&'a Name, &'a Field)> {
    fields.get_key_value(name)
}
