//! Every register says where it is, once: by an offset or by an array.

use crate::description::{Description, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};

struct NotOnePlace<'a> {
    register: &'a Name,
    places: usize,
}

impl From<NotOnePlace<'_>> for Diagnostic {
    fn from(error: NotOnePlace<'_>) -> Self {
        let name = &error.register.value;
        let (message, help) = if error.places == 0 {
            (format!("register `{name}` has no place"), "give its `offset`, or the `array` of its elements")
        } else {
            (
                format!("register `{name}` has both an offset and an array"),
                "what else it can be reached at goes into `aliases`",
            )
        };
        Diagnostic::new(message, error.register.span, "").help(help)
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        let places = usize::from(register.offset.is_some()) + usize::from(register.array.is_some());
        if places != 1 {
            diagnostics.report(NotOnePlace { register: &register.name, places });
        }
    }
}
