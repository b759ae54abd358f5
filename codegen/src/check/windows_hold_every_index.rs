//! The field with the index of a window holds every index, and there is at least one.

use super::registers_by_name;
use crate::description::{Description, Field, Window};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

/// The limit of the indices of a window: an index has 16 bits.
const MAX_COUNT: u32 = 1 << 16;

struct TooMany<'a> {
    window: &'a Window,
    field: &'a Field,
    count: Spanned<u32>,
}

impl From<TooMany<'_>> for Diagnostic {
    fn from(error: TooMany<'_>) -> Self {
        let TooMany { window, field, count } = error;
        let (name, select) = (&window.name.value, &window.select.value);
        let message = format!("window `{name}` has {} indices, not all of which `{select}` takes", count.value);
        let span = window.index.as_ref().map_or(count.span, |index| index.span);
        let (least, greatest) = values(field);
        let taken = field.range.map_or(field.bits.span, |range| range.span);
        Diagnostic::new(message, span, format!("numbered 0 to {}", count.value.saturating_sub(1)))
            .secondary(taken, format!("takes {least} to {greatest}"))
    }
}

/// Returns the least and the greatest value that software may write to a field.
fn values(field: &Field) -> (u64, u64) {
    field.range.map_or((0, field.bits.max()), |range| range.value)
}

struct OutOfLimits<'a> {
    window: &'a Window,
    count: Spanned<u32>,
}

impl From<OutOfLimits<'_>> for Diagnostic {
    fn from(error: OutOfLimits<'_>) -> Self {
        let OutOfLimits { window, count } = error;
        let message = format!("window `{}` must have 1 to {MAX_COUNT} indices", window.name.value);
        Diagnostic::new(message, count.span, format!("gives {}", count.value))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let registers = registers_by_name(description);
    for window in &description.windows {
        let named = window.index.as_ref().and_then(|index| description.indices.get(index));
        let Some(count) = named.map(|index| index.count).or(window.count) else { continue };
        if count.value == 0 || count.value > MAX_COUNT {
            diagnostics.report(OutOfLimits { window, count });
            continue;
        }
        let selector = registers.get(window.selector());
        let Some(field) = selector.and_then(|selector| selector.fields.get(window.field())) else { continue };
        let (least, greatest) = values(field);
        if least > 0 || u64::from(count.value) > greatest.saturating_add(1) {
            diagnostics.report(TooMany { window, field, count });
        }
    }
}
