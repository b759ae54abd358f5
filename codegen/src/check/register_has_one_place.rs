//! Every register says where it is, once: by an offset or by an array.

use crate::description::{Description, Word};
use crate::diagnostic::{Diagnostic, Mistakes};

struct NotOnePlace<'a> {
    register: &'a Word,
    places: usize,
}

impl From<NotOnePlace<'_>> for Diagnostic {
    fn from(mistake: NotOnePlace<'_>) -> Self {
        let name = &mistake.register.value;
        let (message, help) = if mistake.places == 0 {
            (format!("register `{name}` has no place"), "give its `offset`, or the `array` of its elements")
        } else {
            (
                format!("register `{name}` has both an offset and an array"),
                "what else it can be reached at goes into `aliases`",
            )
        };
        Diagnostic::new(message, mistake.register.span, "").help(help)
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for register in &description.registers {
        let places = usize::from(register.offset.is_some()) + usize::from(register.array.is_some());
        if places != 1 {
            mistakes.report(NotOnePlace { register: &register.name, places });
        }
    }
}
