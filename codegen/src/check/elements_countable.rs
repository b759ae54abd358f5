//! No array or alias is empty, and the number of all elements is limited, because some checks visit each.

use crate::description::{Description, Name, Range};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// The limit of all elements: far more than any chip has, and few enough to list.
pub(super) const MAX_ELEMENTS: u64 = 1 << 20;

/// The limit of the elements of an array: an index has 16 bits.
const MAX_ARRAY: u64 = 1 << 16;

struct Empty<'a> {
    register: &'a Name,
    range: Range,
}

impl From<Empty<'_>> for Diagnostic {
    fn from(error: Empty<'_>) -> Self {
        let message = format!("a range of `{}` has no elements", error.register.value);
        Diagnostic::new(message, error.range.base.span, "`count` is 0")
            .help("write a `count` of at least 1, or remove the range")
    }
}

struct TooLong<'a> {
    register: &'a Name,
    count: u64,
}

impl From<TooLong<'_>> for Diagnostic {
    fn from(error: TooLong<'_>) -> Self {
        let TooLong { register, count } = error;
        Diagnostic::new(
            format!("the array `{}` is too long", register.value),
            register.span,
            format!("has {count} elements"),
        )
        .note(format!("an array has at most {MAX_ARRAY} elements"))
    }
}

struct TooMany<'a> {
    register: &'a Name,
    range: Range,
}

impl From<TooMany<'_>> for Diagnostic {
    fn from(error: TooMany<'_>) -> Self {
        let TooMany { register, range } = error;
        let label = format!("`{}` adds {}", register.value, range.count);
        Diagnostic::new("too many register elements", range.base.span, label)
            .note(format!("the limit is {MAX_ELEMENTS} in all"))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let mut left = MAX_ELEMENTS;
    for register in &description.registers {
        if register.count() > MAX_ARRAY {
            diagnostics.report(TooLong { register: &register.name, count: register.count() });
        }
        for range in register.ranges().into_iter().chain(register.alias_ranges()) {
            if range.count == 0 {
                diagnostics.report(Empty { register: &register.name, range });
            }
            match left.checked_sub(u64::from(range.count)) {
                Some(rest) => left = rest,
                None => diagnostics.report(TooMany { register: &register.name, range }),
            }
        }
    }
}
