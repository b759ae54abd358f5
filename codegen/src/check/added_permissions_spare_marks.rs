//! No added permission allows a write of a marked register of the description.
//!
//! Only the driver writes such a register, in the states that its description names. The driver does not know the
//! permissions of an extension.

use std::collections::{HashMap, HashSet};

use crate::description::extension::Extension;
use crate::description::{Description, Mark, Name, Register};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::rules::write_in;

struct ReachesAMark<'a> {
    permission: &'a Name,
    implied: &'a Name,
    register: &'a Register,
    mark: Mark,
}

impl From<ReachesAMark<'_>> for Diagnostic {
    fn from(error: ReachesAMark<'_>) -> Self {
        let ReachesAMark { permission, implied, register, mark } = error;
        let name = &register.name.value;
        let message = format!("permission `{}` of an extension cannot imply `{}`", permission.value, implied.value);
        Diagnostic::new(message, implied.span, format!("allows a write of `{name}`"))
            .secondary(register.name.span, format!("marked `{}: true`", mark.key()))
            .note(mark.refusal(name))
            .help(format!("remove it, and name `{}` in the `write_in` of registers of the extension", implied.value))
    }
}

pub(super) fn check(base: &Description, whole: &Description, extension: &Extension, diagnostics: &mut Diagnostics) {
    if extension.permissions.is_empty() {
        return;
    }
    // The first marked register that each permission of the description allows to write.
    let mut reached: HashMap<&str, (&Register, Mark)> = HashMap::new();
    for register in &base.registers {
        let Some(mark) = register.marks().next() else { continue };
        for permission in write_in(base, register.write_in.as_ref().unwrap_or(&base.write_in)).effective {
            reached.entry(permission).or_insert((register, mark));
        }
    }
    for (permission, described) in &extension.permissions {
        for implied in &described.implies {
            let all = included(whole, implied.as_str());
            if let Some((register, mark)) = all.iter().find_map(|name| reached.get(name)) {
                diagnostics.report(ReachesAMark { permission, implied, register, mark: *mark });
            }
        }
    }
}

/// Returns a permission and all that it includes, even indirectly.
fn included<'a>(description: &'a Description, permission: &'a str) -> Vec<&'a str> {
    let (mut all, mut seen) = (vec![permission], HashSet::from([permission]));
    let mut next = 0;
    while let Some(name) = all.get(next) {
        let implied = description.permissions.get(*name).into_iter().flat_map(|described| &described.implies);
        all.extend(implied.map(|name| name.as_str()).filter(|name| seen.insert(name)));
        next += 1;
    }
    all
}
