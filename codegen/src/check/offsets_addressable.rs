//! Every element is aligned to its width, ends below 2^32, and is inside the `size` of the description, which is below
//! 2^32, too.

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
            format!("the stride {:#x} is not a multiple of {bytes}", range.stride)
        } else {
            format!("{:#x} is not a multiple of {bytes}", range.base.value)
        };
        Diagnostic::new(format!("`{}` is not aligned to {bytes} bytes", register.value), range.base.span, label)
    }
}

struct TooHigh<'a> {
    register: &'a Name,
    range: Range,
}

impl From<TooHigh<'_>> for Diagnostic {
    fn from(error: TooHigh<'_>) -> Self {
        let TooHigh { register, range } = error;
        let label = if range.stride > u64::from(u32::MAX) {
            format!("the stride is {:#x}", range.stride)
        } else {
            let which = if range.count > 1 { "the last element is at" } else { "the offset is" };
            format!("{which} {:#x}", range.last())
        };
        let message = format!("`{}` lies beyond the 32-bit address space", register.value);
        Diagnostic::new(message, range.base.span, label).note("offsets and strides are below 2^32")
    }
}

struct TooLarge {
    size: Spanned<u64>,
}

impl From<TooLarge> for Diagnostic {
    fn from(error: TooLarge) -> Self {
        Diagnostic::new("the registers take too many bytes", error.size.span, "must be below 2^32")
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
            format!("`{}` lies beyond the register space", register.value),
            range.base.span,
            format!("ends at 0x{last:05X}"),
        )
        .secondary(size.span, format!("registers end at 0x{:05X}", size.value.saturating_sub(1)))
        .help(format!("correct the offset, or write a `size` of at least 0x{end:05X}"))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    if let Some(size) = description.size.filter(|size| size.value > u64::from(u32::MAX)) {
        diagnostics.report(TooLarge { size });
    }
    for register in &description.registers {
        for (range, end) in register.ends() {
            let bytes = u64::from(register.bits() / 8).max(1);
            let aligned = range.base.value.is_multiple_of(bytes);
            if !aligned || (range.count > 1 && !range.stride.is_multiple_of(bytes)) {
                diagnostics.report(NotAligned { register: &register.name, range, bytes });
            }
            // Not even a distance that nothing is at may be larger: it becomes a number of 32 bits.
            if end > u64::from(u32::MAX) || range.stride > u64::from(u32::MAX) {
                diagnostics.report(TooHigh { register: &register.name, range });
            } else if let Some(size) = description.size.filter(|size| end > size.value) {
                diagnostics.report(Beyond { register: &register.name, range, end, size });
            }
        }
    }
}
