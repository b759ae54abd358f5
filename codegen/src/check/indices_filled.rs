//! The ranges of an array are contiguous from element 0, and have as many elements as the index.

use crate::description::{Description, Name, Range};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;

struct Gap<'a> {
    register: &'a Name,
    span: Span,
    first: u32,
    expected: u64,
}

impl From<Gap<'_>> for Diagnostic {
    fn from(error: Gap<'_>) -> Self {
        let Gap { register, span, first, expected } = error;
        let message = format!("the ranges of `{}` are not contiguous", register.value);
        Diagnostic::new(message, span, format!("begins with element {first}, but the next element is {expected}"))
            .help(format!("write `first: {expected}`, or leave `first` out"))
    }
}

struct WrongCount<'a> {
    register: &'a Name,
    span: Span,
    count: u64,
    index: &'a Name,
    wanted: u32,
}

impl From<WrongCount<'_>> for Diagnostic {
    fn from(error: WrongCount<'_>) -> Self {
        let WrongCount { register, span, count, index, wanted } = error;
        let message =
            format!("`{}` has {count} elements, but its index `{}` has {wanted}", register.value, index.value);
        Diagnostic::new(message, span, format!("adds up to {count}"))
            .secondary(index.span, format!("defined with {wanted}"))
    }
}

struct NoRanges<'a> {
    register: &'a Name,
}

impl From<NoRanges<'_>> for Diagnostic {
    fn from(error: NoRanges<'_>) -> Self {
        Diagnostic::new(
            format!("the array `{}` has no ranges", error.register.value),
            error.register.span,
            "has no elements",
        )
        .help("list the elements: `ranges: [{ count: 8, base: 0x100, stride: 4 }]`")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        let Some(array) = &register.array else { continue };
        let ranges = register.ranges();
        let Some(last) = ranges.last() else {
            diagnostics.report(NoRanges { register: &register.name });
            continue;
        };
        let mut expected = 0;
        for (range, Range { first, .. }) in array.ranges.iter().zip(&ranges) {
            if u64::from(*first) != expected {
                let span = range.first.map_or(range.base.span, |first| first.span);
                diagnostics.report(Gap { register: &register.name, span, first: *first, expected });
            }
            expected = u64::from(*first) + u64::from(range.count.value);
        }
        let count = register.count();
        let index = array.index.as_ref().and_then(|index| description.indices.get_key_value(index.as_str()));
        if let Some((index, wanted)) = index.filter(|(_, index)| u64::from(index.count.value) != count) {
            let span = array.ranges.last().map_or(last.base.span, |range| range.count.span);
            diagnostics.report(WrongCount { register: &register.name, span, count, index, wanted: wanted.count.value });
        }
    }
}
