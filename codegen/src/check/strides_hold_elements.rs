//! Elements are at least as far apart as one is long.

use crate::description::{Description, Range, Word};
use crate::diagnostic::{Diagnostic, Mistakes};
use crate::source::Span;

struct TooClose<'a> {
    register: &'a Word,
    place: Span,
    stride: u64,
    bytes: u32,
}

impl From<TooClose<'_>> for Diagnostic {
    fn from(mistake: TooClose<'_>) -> Self {
        let TooClose { register, place, stride, bytes } = mistake;
        let message = format!("the elements of `{}` overlap", register.value);
        Diagnostic::new(message, place, format!("{stride} bytes apart, but {bytes} bytes long"))
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for register in &description.registers {
        let array = register.array.iter().flat_map(|array| array.ranges.iter().map(|range| range.stride.span));
        let aliases = register.aliases.iter().map(|alias| alias.stride.map_or(alias.base.span, |stride| stride.span));
        // A register that is no array has a range as well, but no stride to point at, and none is needed.
        let ranges: Vec<Range> = if register.array.is_some() { register.ranges() } else { Vec::new() };
        let bytes = register.bits() / 8;
        for (range, place) in ranges.into_iter().chain(register.alias_ranges()).zip(array.chain(aliases)) {
            if range.count > 1 && range.stride < u64::from(bytes) {
                mistakes.report(TooClose { register: &register.name, place, stride: range.stride, bytes });
            }
        }
    }
}
