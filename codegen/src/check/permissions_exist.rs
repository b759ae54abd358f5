//! Every permission that a register requires or another permission implies is defined.

use super::{Unknown, keys};
use crate::description::Description;
use crate::diagnostic::Diagnostics;

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let implied = description.permissions.values().flat_map(|permission| &permission.implies);
    let asked = description.registers.iter().filter_map(|register| register.write_in.as_ref()).flatten();
    for word in implied.chain(&description.write_in).chain(asked) {
        if !description.permissions.contains_key(word.as_str()) {
            diagnostics.report(Unknown {
                what: "permission",
                word,
                known: keys(&description.permissions, diagnostics),
            });
        }
    }
}
