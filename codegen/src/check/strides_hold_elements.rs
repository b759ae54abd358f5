//! The stride of an array is at least the size of an element.

use crate::description::{Description, Name, Range};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;

struct TooClose<'a> {
    register: &'a Name,
    span: Span,
    stride: u64,
    bytes: u32,
}

impl From<TooClose<'_>> for Diagnostic {
    fn from(error: TooClose<'_>) -> Self {
        let TooClose { register, span, stride, bytes } = error;
        let message = format!("the elements of `{}` overlap", register.value);
        Diagnostic::new(message, span, format!("{stride} bytes apart, but {bytes} bytes long"))
            .help(format!("write a `stride` of at least {bytes}"))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        let array = register.array.iter().flat_map(|array| array.ranges.iter().map(|range| range.stride.span));
        let aliases = register.aliases.iter().map(|alias| alias.stride.map_or(alias.base.span, |stride| stride.span));
        // A single register has a range, too, but no stride to check.
        let ranges: Vec<Range> = if register.array.is_some() { register.ranges() } else { Vec::new() };
        let bytes = register.bits() / 8;
        for (range, span) in ranges.into_iter().chain(register.alias_ranges()).zip(array.chain(aliases)) {
            if range.count > 1 && range.stride < u64::from(bytes) {
                diagnostics.report(TooClose { register: &register.name, span, stride: range.stride, bytes });
            }
        }
    }
}
