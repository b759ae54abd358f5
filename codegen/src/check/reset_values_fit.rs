//! A reset value fits its register, and `reset_known` accompanies a known value.

use crate::description::{Bits, Description, Name, Reset};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;

struct TooLarge<'a> {
    register: &'a Name,
    span: Span,
    width: u32,
}

impl From<TooLarge<'_>> for Diagnostic {
    fn from(error: TooLarge<'_>) -> Self {
        let TooLarge { register, span, width } = error;
        Diagnostic::new(
            format!("the reset value of `{}` does not fit in {width} bits", register.value),
            span,
            format!("has more than {width} bits"),
        )
    }
}

struct NothingKnown<'a> {
    register: &'a Name,
    known: Span,
    reset: Span,
}

impl From<NothingKnown<'_>> for Diagnostic {
    fn from(error: NothingKnown<'_>) -> Self {
        let NothingKnown { register, known, reset } = error;
        let message = format!("`reset_known` of `{}` without a reset value", register.value);
        Diagnostic::new(message, known, "selects the known bits of `reset`")
            .secondary(reset, "the value is unknown")
            .help("remove `reset_known`, or give the known bits: `reset: 0x0`")
    }
}

struct OutsideKnown<'a> {
    register: &'a Name,
    reset: Span,
    known: Span,
    bits: u64,
}

impl From<OutsideKnown<'_>> for Diagnostic {
    fn from(error: OutsideKnown<'_>) -> Self {
        let OutsideKnown { register, reset, known, bits } = error;
        let message = format!("the reset value of `{}` sets bits that are not known", register.value);
        Diagnostic::new(message, reset, format!("sets the bits {bits:#x}"))
            .secondary(known, "does not include these bits")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        let width = register.bits();
        let max = Bits { lsb: 0, width }.max();
        let reset = register.reset.known().map(|value| (value, register.reset.span));
        let known = register.reset_known.map(|known| (known.value, known.span));
        for (_, span) in reset.into_iter().chain(known).filter(|(value, _)| *value > max) {
            diagnostics.report(TooLarge { register: &register.name, span, width });
        }
        match (register.reset.value, known) {
            (Reset::Unknown, Some((_, known))) => {
                diagnostics.report(NothingKnown { register: &register.name, known, reset: register.reset.span });
            }
            (Reset::Known(value), Some((mask, known))) if value & !mask != 0 => {
                let reset = register.reset.span;
                diagnostics.report(OutsideKnown { register: &register.name, reset, known, bits: value & !mask });
            }
            _ => {}
        }
    }
}
