//! Every element is at a multiple of its bytes, below 2^32, and within the size that the description gives.

use crate::description::{Description, Name, Range};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

struct NotAligned<'a> {
    register: &'a Name,
    range: Range,
    bytes: u64,
}

impl From<NotAligned<'_>> for Diagnostic {
    fn from(error: NotAligned<'_>) -> Self {
        let NotAligned { register, range, bytes } = error;
        let label = if range.base.value.is_multiple_of(bytes) {
            format!("the stride {:#x} leads to offsets that are not multiples of {bytes}", range.stride)
        } else {
            format!("not a multiple of {bytes}")
        };
        Diagnostic::new(format!("`{}` is not aligned", register.value), range.base.span, label)
    }
}

struct TooHigh<'a> {
    register: &'a Name,
    range: Range,
}

impl From<TooHigh<'_>> for Diagnostic {
    fn from(error: TooHigh<'_>) -> Self {
        let TooHigh { register, range } = error;
        Diagnostic::new(format!("`{}` is out of reach", register.value), range.base.span, "leads beyond 2^32")
    }
}

struct Beyond<'a> {
    register: &'a Name,
    range: Range,
    end: u64,
    size: Spanned<u64>,
}

impl From<Beyond<'_>> for Diagnostic {
    fn from(error: Beyond<'_>) -> Self {
        let Beyond { register, range, end, size } = error;
        let last = end - 1;
        Diagnostic::new(
            format!("`{}` is beyond the registers of the chip", register.value),
            range.base.span,
            format!("reaches up to 0x{last:05X}"),
        )
        .secondary(size.span, format!("registers end at 0x{:05X}", size.value.saturating_sub(1)))
        .help("correct the address, or the `size`")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        for range in register.ranges().into_iter().chain(register.alias_ranges()) {
            let bytes = u64::from(register.bits() / 8).max(1);
            let aligned = range.base.value.is_multiple_of(bytes);
            if !aligned || (range.count > 1 && !range.stride.is_multiple_of(bytes)) {
                diagnostics.report(NotAligned { register: &register.name, range, bytes });
            }
            let length = range.stride.saturating_mul(u64::from(range.count.saturating_sub(1)));
            let last = range.base.value.saturating_add(length);
            // Not even a distance that nothing is at may be larger: it becomes a number of 32 bits.
            if last > u64::from(u32::MAX) || range.stride > u64::from(u32::MAX) {
                diagnostics.report(TooHigh { register: &register.name, range });
            } else if let Some(size) = description.size.filter(|size| last + bytes > size.value) {
                diagnostics.report(Beyond { register: &register.name, range, end: last + bytes, size });
            }
        }
    }
}
