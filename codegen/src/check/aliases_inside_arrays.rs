//! Every alias names elements that the register has.

use crate::description::{Description, Name, Range};
use crate::diagnostic::{Diagnostic, Diagnostics};

struct Outside<'a> {
    register: &'a Name,
    alias: Range,
    count: u64,
}

impl From<Outside<'_>> for Diagnostic {
    fn from(error: Outside<'_>) -> Self {
        let Outside { register, alias, count } = error;
        let end = u64::from(alias.first) + u64::from(alias.count);
        let message = format!("an alias names elements that `{}` does not have", register.value);
        Diagnostic::new(
            message,
            alias.base.span,
            format!("alias of elements {} to {}", alias.first, end.saturating_sub(1)),
        )
        .note(match count {
            1 => format!("`{}` has one element", register.value),
            _ => format!("`{}` has elements 0 to {}", register.value, count.saturating_sub(1)),
        })
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        let count = register.count();
        for alias in register.alias_ranges() {
            if count > 0 && u64::from(alias.first) + u64::from(alias.count) > count {
                diagnostics.report(Outside { register: &register.name, alias, count });
            }
        }
    }
}
