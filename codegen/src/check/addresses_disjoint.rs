//! No two elements of any registers of a block share an address, be it by their places or by aliases, unless they are
//! alternatives: their `when` conditions contradict one another, or `overlaps` names them.

use std::collections::HashSet;

use super::alternatives;
use super::elements_countable::MAX_ELEMENTS;
use crate::description::{Description, Range, Register};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;

/// One element at one of its places.
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
            // Where one begins within the other, the two addresses alone would not show it.
            bytes if first.start != second.start && bytes > 1 => {
                format!("{} takes 0x{:05X} to 0x{:05X}", element.title(), element.start, element.end - 1)
            }
            _ => format!("{} is at 0x{:05X}", element.title(), element.start),
        };
        // The later one in the file is the one that the mistake is told at: it was most likely written last.
        let (earlier, later) = if first.span <= second.span { (first, second) } else { (second, first) };
        let diagnostic = Diagnostic::new(message, later.span, label(later));
        if earlier.span == later.span { diagnostic } else { diagnostic.secondary(earlier.span, label(earlier)) }
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let elements = description.registers.iter().flat_map(|register| {
        let bytes = u64::from(register.bits() / 8).max(1);
        let places = register.ranges().into_iter().map(|range| (range, false));
        let places = places.chain(register.alias_ranges().map(|range| (range, true)));
        // Elements that are too close together are told once already.
        let places = places.filter(move |(range, _)| range.count <= 1 || range.stride >= bytes);
        places.flat_map(move |(range, alias)| elements(register, range, alias, bytes))
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
    // Those that reach beyond the start of the next, all of which may share what they share.
    let mut open: Vec<Element<'_>> = Vec::new();
    for element in elements {
        open.retain(|before| before.block() == element.block() && before.end > element.start);
        match open.iter().find(|before| !may_share(before, &element)) {
            None => open.push(element),
            Some(before) => {
                if reported.insert((before.span, element.span)) {
                    diagnostics.report(SharedAddress { first: *before, second: element });
                }
                // The one that goes further meets more of what follows.
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
