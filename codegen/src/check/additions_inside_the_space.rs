//! The registers that an extension adds are inside the space of the registers that the description has, and none is
//! wider than the widest there.
//!
//! The type of the space was made without the extension. A bus relies on the size that it gives, and on an alignment of
//! as many bytes as its widest register has.

use crate::description::extension::Extension;
use crate::description::{Description, Range, Register};
use crate::diagnostic::{Diagnostic, Diagnostics};

struct Beyond<'a> {
    register: &'a Register,
    range: Range,
    end: u64,
    size: u64,
}

impl From<Beyond<'_>> for Diagnostic {
    fn from(error: Beyond<'_>) -> Self {
        let Beyond { register, range, end, size } = error;
        let (last, message) = (end - 1, format!("`{}` is beyond the registers of the chip", register.name.value));
        Diagnostic::new(message, range.base.span, format!("reaches up to 0x{last:05X}"))
            .note(format!("the description gives no `size`, and its registers take 0x{size:05X} bytes"))
            .help("correct the address, or give the `size` in the description")
    }
}

struct TooWide<'a> {
    register: &'a Register,
    widest: u32,
}

impl From<TooWide<'_>> for Diagnostic {
    fn from(error: TooWide<'_>) -> Self {
        let TooWide { register, widest } = error;
        let place = register.width.map_or(register.name.span, |width| width.span);
        let message = format!("`{}` is wider than the registers of the chip", register.name.value);
        Diagnostic::new(message, place, format!("no register of the description has more than {widest} bits"))
            .note("a bus aligns the registers to the widest that the description has")
            .help("describe it as two registers, or describe it in the description itself")
    }
}

pub(super) fn check(base: &Description, extension: &Extension, diagnostics: &mut Diagnostics) {
    // What could not be read was reported, and may be what is wanted here.
    if !base.registers.is_complete() {
        return;
    }
    let described = || base.registers.iter().filter(|register| register.block.is_none());
    // What generated code says where no register is.
    let widest = described().map(Register::bits).max().unwrap_or(8);
    for register in extension.registers.iter().filter(|register| register.bits() > widest) {
        diagnostics.report(TooWide { register, widest });
    }
    if base.size.is_some() {
        // `offsets_addressable` sees to it.
        return;
    }
    let size = described().flat_map(Register::ends).map(|(_, end)| end).max().unwrap_or(0);
    for register in extension.registers.iter() {
        for (range, end) in register.ends().filter(|(_, end)| *end > size) {
            diagnostics.report(Beyond { register, range, end, size });
        }
    }
}
