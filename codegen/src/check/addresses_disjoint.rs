//! No two elements of a block share an address, directly or through aliases, unless they are alternatives.
//!
//! Alternatives have contradicting `when` conditions, or `overlaps` names them.

use std::collections::HashSet;

use super::alternatives;
use super::elements_countable::MAX_ELEMENTS;
use crate::description::{Description, Range, Register};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;

/// One element at one of its addresses.
#[derive(Clone, Copy)]
struct Element<'a> {
    register: &'a Register,
    alias: bool,
    index: u64,
    start: u64,
    end: u64,
    span: Span,
}

impl<'a> Element<'a> {
    fn block(&self) -> Option<&'a str> {
        self.register.block.as_ref().map(|block| block.as_str())
    }

    fn title(&self) -> String {
        let index = self.register.array.as_ref().map_or(String::new(), |_| format!("[{}]", self.index));
        let alias = if self.alias { "an alias of " } else { "" };
        format!("{alias}`{}{index}`", self.register.name.value)
    }
}

struct SharedAddress<'a> {
    first: Element<'a>,
    second: Element<'a>,
}

impl From<SharedAddress<'_>> for Diagnostic {
    fn from(error: SharedAddress<'_>) -> Self {
        let SharedAddress { first, second } = error;
        let message = format!("{} and {} share the address 0x{:05X}", first.title(), second.title(), second.start);
        let label = |element: Element<'_>| match element.end - element.start {
            // If one begins inside the other, the two start addresses alone do not show the conflict.
            bytes if first.start != second.start && bytes > 1 => {
                format!("{} occupies 0x{:05X} to 0x{:05X}", element.title(), element.start, element.end - 1)
            }
            _ => format!("{} is at 0x{:05X}", element.title(), element.start),
        };
        // The later one in the file gets the primary span, because it was most likely written last.
        let (earlier, later) = if first.span <= second.span { (first, second) } else { (second, first) };
        let diagnostic = Diagnostic::new(message, later.span, label(later));
        let diagnostic =
            if earlier.span == later.span { diagnostic } else { diagnostic.secondary(earlier.span, label(earlier)) };
        let (one, other) = (&earlier.register.name.value, &later.register.name.value);
        if one == other || earlier.register.block.is_some() {
            diagnostic
        } else {
            diagnostic.help(format!(
                "if only one of them is there at a time, give both a `when`; otherwise add \
                 `overlaps: [[{one}, {other}]]` to the description"
            ))
        }
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let elements = description.registers.iter().flat_map(|register| {
        let bytes = u64::from(register.bits() / 8).max(1);
        let ranges = register.ranges().into_iter().map(|range| (range, false));
        let ranges = ranges.chain(register.alias_ranges().map(|range| (range, true)));
        // `strides_hold_elements` has reported elements that overlap their neighbours.
        let ranges = ranges.filter(move |(range, _)| range.count <= 1 || range.stride >= bytes);
        ranges.flat_map(move |(range, alias)| elements(register, range, alias, bytes))
    });
    let mut elements: Vec<_> = elements.take(usize::try_from(MAX_ELEMENTS).unwrap_or(usize::MAX)).collect();
    elements.sort_by_key(|element| (element.block(), element.start, element.span));
    let declared: HashSet<_> =
        description.overlaps.iter().flat_map(|(a, b)| [(a.as_str(), b.as_str()), (b.as_str(), a.as_str())]).collect();
    let may_share = |a: &Element<'_>, b: &Element<'_>| {
        let named = (a.register.name.as_str(), b.register.name.as_str());
        declared.contains(&named) || alternatives(&a.register.when, &b.register.when)
    };
    let mut reported = HashSet::new();
    // The elements that extend beyond the start of the next one. They may share addresses with one another.
    let mut open: Vec<Element<'_>> = Vec::new();
    for element in elements {
        open.retain(|before| before.block() == element.block() && before.end > element.start);
        match open.iter().find(|before| !may_share(before, &element)) {
            None => open.push(element),
            Some(before) => {
                if reported.insert((before.span, element.span)) {
                    diagnostics.report(SharedAddress { first: *before, second: element });
                }
                // The one that ends later conflicts with more of the elements that follow.
                if open.iter().all(|before| before.end < element.end) {
                    open = vec![element];
                }
            }
        }
    }
}

fn elements(register: &Register, range: Range, alias: bool, bytes: u64) -> impl Iterator<Item = Element<'_>> {
    range.offsets().zip(u64::from(range.first)..).map(move |(start, index)| Element {
        register,
        alias,
        index,
        start,
        end: start.saturating_add(bytes),
        span: range.base.span,
    })
}
