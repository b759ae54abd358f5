//! The ranges of an array follow one another from 0, and end where its index does.

use crate::description::{Description, Range, Word};
use crate::diagnostic::{Diagnostic, Mistakes};
use crate::source::Span;

struct Gap<'a> {
    register: &'a Word,
    place: Span,
    first: u32,
    expected: u64,
}

impl From<Gap<'_>> for Diagnostic {
    fn from(mistake: Gap<'_>) -> Self {
        let Gap { register, place, first, expected } = mistake;
        let message = format!("the ranges of `{}` do not follow one another", register.value);
        Diagnostic::new(message, place, format!("begins with {first}, but the elements so far end before {expected}"))
    }
}

struct WrongCount<'a> {
    register: &'a Word,
    place: Span,
    count: u64,
    index: &'a Word,
    wanted: u32,
}

impl From<WrongCount<'_>> for Diagnostic {
    fn from(mistake: WrongCount<'_>) -> Self {
        let WrongCount { register, place, count, index, wanted } = mistake;
        let message = format!("`{}` has {count} elements, but `{}` counts {wanted}", register.value, index.value);
        Diagnostic::new(message, place, format!("makes {count} in all"))
            .other(index.span, format!("{wanted} by its definition"))
    }
}

struct NoRanges<'a> {
    register: &'a Word,
}

impl From<NoRanges<'_>> for Diagnostic {
    fn from(mistake: NoRanges<'_>) -> Self {
        Diagnostic::new(format!("the array `{}` has no ranges", mistake.register.value), mistake.register.span, "")
            .help("say where its elements are: ranges: [{ count: 8, base: 0x100, stride: 4 }]")
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for register in &description.registers {
        let Some(array) = &register.array else { continue };
        let ranges = register.ranges();
        let Some(last) = ranges.last() else {
            mistakes.report(NoRanges { register: &register.name });
            continue;
        };
        let mut expected = 0;
        for (range, Range { first, .. }) in array.ranges.iter().zip(&ranges) {
            if u64::from(*first) != expected {
                let place = range.first.map_or(range.base.span, |first| first.span);
                mistakes.report(Gap { register: &register.name, place, first: *first, expected });
            }
            expected = u64::from(*first) + u64::from(range.count.value);
        }
        let count = register.count();
        let index = array.index.as_ref().and_then(|index| description.indices.get_key_value(index.as_str()));
        if let Some((index, wanted)) = index.filter(|(_, index)| u64::from(index.count.value) != count) {
            let place = array.ranges.last().map_or(last.base.span, |range| range.count.span);
            mistakes.report(WrongCount { register: &register.name, place, count, index, wanted: wanted.count.value });
        }
    }
}
