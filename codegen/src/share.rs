//! Resolution of `fields_of`: each register gets its own copy of the fields that it shares.
//!
//! The checks and all later stages see registers with fields, and need not know where the file has them.

use std::collections::HashMap;

use crate::description::{Description, Name, Register};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::unknown::{Unknown, known};

/// A register takes its fields from one without fields, which may take them from another.
struct NotItsOwn<'a> {
    word: &'a Name,
    register: &'a Register,
}

impl From<NotItsOwn<'_>> for Diagnostic {
    fn from(error: NotItsOwn<'_>) -> Self {
        let NotItsOwn { word, register } = error;
        let message = format!("`{}` has no fields to share", word.value);
        let diagnostic = Diagnostic::new(message, word.span, "must name a register with fields of its own");
        match &register.fields_of {
            Some(owner) if owner != word => diagnostic
                .secondary(owner.span, format!("has the fields of `{}`", owner.value))
                .help(format!("write `fields_of: {}`", owner.value)),
            _ => diagnostic,
        }
    }
}

/// A register has a field that it shares as well.
struct Twice<'a> {
    register: &'a Name,
    of: &'a Name,
    shared: &'a Name,
    own: &'a Name,
}

impl From<Twice<'_>> for Diagnostic {
    fn from(error: Twice<'_>) -> Self {
        let Twice { register, of, shared, own } = error;
        Diagnostic::new(format!("register `{}` has two fields `{}`", register.value, own.value), own.span, "its own")
            .secondary(shared.span, format!("the one of `{}`", of.value))
    }
}

/// Copies the fields of the registers that other registers name in `fields_of`.
pub(crate) fn share(description: &mut Description, diagnostics: &mut Diagnostics) {
    let sharing = |register: &&Register| register.fields_of.is_some();
    let wanted: Vec<_> = description.registers.iter().filter(sharing).filter_map(|one| one.fields_of.clone()).collect();
    if wanted.is_empty() {
        return;
    }
    // If several registers have the same name, the first counts.
    let mut owners: HashMap<&str, &Register> = HashMap::new();
    for register in &description.registers {
        owners.entry(&register.name).or_insert(register);
    }
    let mut shared = HashMap::new();
    for word in &wanted {
        match owners.get(word.as_str()) {
            None if description.registers.is_complete() => {
                let known = known(description.registers.iter().map(|register| register.name.as_str()), diagnostics);
                diagnostics.report(Unknown { what: "register", word, known });
            }
            None => {}
            Some(register) if register.fields_of.is_some() || register.fields.is_empty() => {
                diagnostics.report(NotItsOwn { word, register });
            }
            Some(owner) => {
                shared.insert(word.value.clone(), (owner.fields.clone(), owner.overlaps.clone()));
            }
        }
    }
    for register in description.registers.iter_mut() {
        let Some(of) = register.fields_of.take() else { continue };
        let Some((fields, overlaps)) = shared.get(&of.value) else { continue };
        for (name, field) in fields {
            match register.fields.get_key_value(name) {
                Some((own, _)) => {
                    diagnostics.report(Twice { register: &register.name, of: &of, shared: name, own });
                }
                None => {
                    register.fields.insert(name.clone(), field.clone());
                }
            }
        }
        register.overlaps.extend(overlaps.iter().cloned());
    }
}
