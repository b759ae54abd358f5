//! No register is at an address that the description forbids, directly or through aliases.

use crate::description::{Description, Forbidden, Name, Range};
use crate::diagnostic::{Diagnostic, Diagnostics};

struct AtForbidden<'a> {
    register: &'a Name,
    range: Range,
    offset: u64,
    forbidden: &'a Forbidden,
}

impl From<AtForbidden<'_>> for Diagnostic {
    fn from(error: AtForbidden<'_>) -> Self {
        let AtForbidden { register, range, offset, forbidden } = error;
        let Forbidden { name, reason, source, .. } = forbidden;
        let message = format!("register `{}` is at a forbidden address", register.value);
        Diagnostic::new(message, range.base.span, format!("`{}` is at 0x{offset:05X}", register.value))
            .secondary(forbidden.offset.span, format!("`{}` is here", name.value))
            .note(format!("{} (source: {})", reason.trim_end_matches('.'), source.trim_end_matches('.')))
            .help("remove the register: no description makes writes to it safe")
    }
}

struct Nothing<'a> {
    forbidden: &'a Forbidden,
}

impl From<Nothing<'_>> for Diagnostic {
    fn from(error: Nothing<'_>) -> Self {
        let Forbidden { name, length, .. } = error.forbidden;
        Diagnostic::new(format!("`{}` forbids no address", name.value), length.span, "the length is 0")
            .help("give the length in bytes: `length: 4` for one 32-bit register")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for forbidden in description.forbidden.iter().filter(|forbidden| forbidden.length.value == 0) {
        diagnostics.report(Nothing { forbidden });
    }
    for register in description.registers.iter().filter(|register| register.block.is_none()) {
        let bytes = u64::from(register.bits() / 8).max(1);
        for range in register.ranges().into_iter().chain(register.alias_ranges()) {
            for forbidden in &description.forbidden {
                if let Some(offset) = first_within(range, bytes, forbidden) {
                    diagnostics.report(AtForbidden { register: &register.name, range, offset, forbidden });
                }
            }
        }
    }
}

/// Returns the offset of the first element that overlaps the forbidden bytes.
fn first_within(range: Range, bytes: u64, forbidden: &Forbidden) -> Option<u64> {
    let start = forbidden.offset.value;
    let end = start.saturating_add(forbidden.length.value);
    // Computes the first element that ends after they begin. Arrays are long, so a search for each entry is slow.
    let before = start.saturating_add(1).saturating_sub(range.base.value.saturating_add(bytes));
    let index = if before == 0 { 0 } else { before.div_ceil(range.stride.max(1)) };
    let offset = range.base.value.saturating_add(index.saturating_mul(range.stride));
    (index < u64::from(range.count) && offset < end && offset.saturating_add(bytes) > start).then_some(offset)
}
