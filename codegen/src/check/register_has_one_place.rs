//! Every register has either an `offset` or an `array`.

use crate::description::{Description, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};

struct NotOnePlace<'a> {
    register: &'a Name,
    count: usize,
}

impl From<NotOnePlace<'_>> for Diagnostic {
    fn from(error: NotOnePlace<'_>) -> Self {
        let name = &error.register.value;
        let (message, label, help) = if error.count == 0 {
            (
                format!("register `{name}` has neither `offset` nor `array`"),
                "has no address",
                "add an `offset`, or an `array` for several elements",
            )
        } else {
            (
                format!("register `{name}` has both `offset` and `array`"),
                "has two addresses",
                "remove one of them, and list further addresses under `aliases`",
            )
        };
        Diagnostic::new(message, error.register.span, label).help(help)
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        let count = usize::from(register.offset.is_some()) + usize::from(register.array.is_some());
        if count != 1 {
            diagnostics.report(NotOnePlace { register: &register.name, count });
        }
    }
}
