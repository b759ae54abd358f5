//! Every register is of 8, 16 or 32 bits, every descriptor of one to four 32-bit words.

use crate::description::Description;
use crate::diagnostic::{Diagnostic, Mistakes};
use crate::source::Spanned;

struct Unsupported<'a> {
    what: &'a str,
    width: Spanned<u32>,
    supported: &'a str,
}

impl From<Unsupported<'_>> for Diagnostic {
    fn from(mistake: Unsupported<'_>) -> Self {
        let Unsupported { what, width, supported } = mistake;
        Diagnostic::new(format!("{what} cannot have {} bits", width.value), width.span, format!("must be {supported}"))
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for register in &description.registers {
        if let Some(width) = register.width.filter(|width| ![8, 16, 32].contains(&width.value)) {
            mistakes.report(Unsupported { what: "a register", width, supported: "8, 16 or 32" });
        }
    }
    for descriptor in &description.descriptors {
        if ![32, 64, 96, 128].contains(&descriptor.bits.value) {
            mistakes.report(Unsupported {
                what: "a descriptor",
                width: descriptor.bits,
                supported: "32, 64, 96 or 128",
            });
        }
    }
}
