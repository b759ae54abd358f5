//! Every element is at a multiple of its bytes, ends below 2^32, and is within the size that the description gives. That
//! size is below 2^32, too.

use crate::description::{Description, Range, Word};
use crate::diagnostic::{Diagnostic, Mistakes};
use crate::source::Spanned;

struct NotAligned<'a> {
    register: &'a Word,
    range: Range,
    bytes: u64,
}

impl From<NotAligned<'_>> for Diagnostic {
    fn from(mistake: NotAligned<'_>) -> Self {
        let NotAligned { register, range, bytes } = mistake;
        let label = if range.base.value.is_multiple_of(bytes) {
            format!("the stride {:#x} leads to offsets that are not multiples of {bytes}", range.stride)
        } else {
            format!("not a multiple of {bytes}")
        };
        Diagnostic::new(format!("`{}` is not aligned", register.value), range.base.span, label)
    }
}

struct TooHigh<'a> {
    register: &'a Word,
    range: Range,
}

impl From<TooHigh<'_>> for Diagnostic {
    fn from(mistake: TooHigh<'_>) -> Self {
        let TooHigh { register, range } = mistake;
        let reaches = range.last() > u64::from(u32::MAX) || range.stride > u64::from(u32::MAX);
        let label = if reaches { "leads beyond 2^32" } else { "must end before 2^32" };
        Diagnostic::new(format!("`{}` is out of reach", register.value), range.base.span, label)
    }
}

struct TooLarge {
    size: Spanned<u64>,
}

impl From<TooLarge> for Diagnostic {
    fn from(mistake: TooLarge) -> Self {
        Diagnostic::new("the registers take too many bytes", mistake.size.span, "must be below 2^32")
    }
}

struct Beyond<'a> {
    register: &'a Word,
    range: Range,
    end: u64,
    size: Spanned<u64>,
}

impl From<Beyond<'_>> for Diagnostic {
    fn from(mistake: Beyond<'_>) -> Self {
        let Beyond { register, range, end, size } = mistake;
        let last = end - 1;
        Diagnostic::new(
            format!("`{}` is beyond the registers of the chip", register.value),
            range.base.span,
            format!("reaches up to 0x{last:05X}"),
        )
        .other(size.span, format!("registers end at 0x{:05X}", size.value.saturating_sub(1)))
        .help("correct the address, or the `size`")
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    if let Some(size) = description.size.filter(|size| size.value > u64::from(u32::MAX)) {
        mistakes.report(TooLarge { size });
    }
    for register in &description.registers {
        for range in register.ranges().into_iter().chain(register.alias_ranges()) {
            let bytes = u64::from(register.bits() / 8).max(1);
            let aligned = range.base.value.is_multiple_of(bytes);
            if !aligned || (range.count > 1 && !range.stride.is_multiple_of(bytes)) {
                mistakes.report(NotAligned { register: &register.name, range, bytes });
            }
            let end = range.last().saturating_add(bytes);
            // Not even a distance that nothing is at may be larger: it becomes a number of 32 bits.
            if end > u64::from(u32::MAX) || range.stride > u64::from(u32::MAX) {
                mistakes.report(TooHigh { register: &register.name, range });
            } else if let Some(size) = description.size.filter(|size| end > size.value) {
                mistakes.report(Beyond { register: &register.name, range, end, size });
            }
        }
    }
}
