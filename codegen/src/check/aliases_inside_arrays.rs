//! An alias leads to elements that there are.

use crate::description::{Description, Range, Word};
use crate::diagnostic::{Diagnostic, Mistakes};

struct Outside<'a> {
    register: &'a Word,
    alias: Range,
    count: u64,
}

impl From<Outside<'_>> for Diagnostic {
    fn from(mistake: Outside<'_>) -> Self {
        let Outside { register, alias, count } = mistake;
        let end = u64::from(alias.first) + u64::from(alias.count);
        let message = format!("an alias leads to elements that `{}` does not have", register.value);
        Diagnostic::new(
            message,
            alias.base.span,
            format!("an alias of elements {} to {}", alias.first, end.saturating_sub(1)),
        )
        .note(match count {
            1 => format!("`{}` has one element", register.value),
            _ => format!("`{}` has elements 0 to {}", register.value, count.saturating_sub(1)),
        })
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for register in &description.registers {
        let count = register.count();
        for alias in register.alias_ranges() {
            if count > 0 && u64::from(alias.first) + u64::from(alias.count) > count {
                mistakes.report(Outside { register: &register.name, alias, count });
            }
        }
    }
}
