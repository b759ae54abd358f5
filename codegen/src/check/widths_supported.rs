//! Every register has 8, 16, 32 or 64 bits, and a width that the description lists.
//!
//! Every descriptor consists of one to four 32-bit words, unless it is a structure.

use crate::description::{Description, Format, Register};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;

struct Unsupported<'a> {
    what: &'a str,
    width: Spanned<u32>,
    supported: &'a str,
}

impl From<Unsupported<'_>> for Diagnostic {
    fn from(error: Unsupported<'_>) -> Self {
        let Unsupported { what, width, supported } = error;
        Diagnostic::new(format!("{what} cannot have {} bits", width.value), width.span, format!("must be {supported}"))
    }
}

struct NotListed<'a> {
    register: &'a Register,
    listed: &'a [Spanned<u32>],
}

impl From<NotListed<'_>> for Diagnostic {
    fn from(error: NotListed<'_>) -> Self {
        let NotListed { register, listed } = error;
        let (bits, span) = (register.bits(), register.width.map_or(register.name.span, |width| width.span));
        let message = format!("register `{}` has {bits} bits, which `widths` does not list", register.name.value);
        let label = if register.width.is_some() { "not listed" } else { "32 bits by default" };
        let widths: Vec<_> = listed.iter().map(|width| width.value.to_string()).collect();
        let diagnostic =
            Diagnostic::new(message, span, label).help(format!("set `width` to one of: {}", widths.join(", ")));
        match listed.first() {
            Some(first) => diagnostic.secondary(first.span, "the widths that the runtime can access"),
            None => diagnostic,
        }
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let supported = |width: &Spanned<u32>| [8, 16, 32, 64].contains(&width.value);
    let widths = description.registers.iter().filter_map(|register| register.width);
    for width in widths.chain(description.widths.iter().flatten().copied()).filter(|width| !supported(width)) {
        diagnostics.report(Unsupported { what: "a register", width, supported: "8, 16, 32 or 64" });
    }
    if let Some(listed) = &description.widths {
        let is_listed = |register: &Register| listed.iter().any(|width| width.value == register.bits());
        let registers = description.registers.iter().filter(|register| register.width.as_ref().is_none_or(supported));
        for register in registers.filter(|register| !is_listed(register)) {
            diagnostics.report(NotListed { register, listed });
        }
    }
    for descriptor in &description.descriptors {
        if descriptor.format != Format::Structure && ![32, 64, 96, 128].contains(&descriptor.bits.value) {
            diagnostics.report(Unsupported {
                what: "a descriptor",
                width: descriptor.bits,
                supported: "32, 64, 96 or 128",
            });
        }
    }
}
