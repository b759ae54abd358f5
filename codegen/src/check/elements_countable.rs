//! No array or alias is empty, and all elements together are few enough to look at one by one.

use crate::description::{Description, Name, Range};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// Far more than any chip has, and few enough to list.
pub(super) const MAX_ELEMENTS: u64 = 1 << 20;

/// What an index of 16 bits can count.
const MAX_ARRAY: u64 = 1 << 16;

struct Empty<'a> {
    register: &'a Name,
    range: Range,
}

impl From<Empty<'_>> for Diagnostic {
    fn from(error: Empty<'_>) -> Self {
        let message = format!("register `{}` has a place without elements", error.register.value);
        Diagnostic::new(message, error.range.base.span, "no element begins here").help("give a `count` of at least 1")
    }
}

struct TooLong<'a> {
    register: &'a Name,
}

impl From<TooLong<'_>> for Diagnostic {
    fn from(error: TooLong<'_>) -> Self {
        let register = error.register;
        Diagnostic::new(format!("the array `{}` is too long", register.value), register.span, "")
            .note(format!("an array has at most {MAX_ARRAY} elements"))
    }
}

struct TooMany<'a> {
    register: &'a Name,
    range: Range,
}

impl From<TooMany<'_>> for Diagnostic {
    fn from(error: TooMany<'_>) -> Self {
        let message = format!("with register `{}` there are too many elements", error.register.value);
        Diagnostic::new(message, error.range.base.span, format!("{} elements begin here", error.range.count))
            .note(format!("all registers together have at most {MAX_ELEMENTS} elements"))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let mut left = MAX_ELEMENTS;
    for register in &description.registers {
        if register.count() > MAX_ARRAY {
            diagnostics.report(TooLong { register: &register.name });
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
