//! The value after a reset fits the register, and what is known of it is said of a known value.

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
            format!("the value of `{}` after a reset does not fit it", register.value),
            span,
            format!("does not fit {width} bits"),
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
        let message = format!("`reset_known` of `{}` has no value to speak of", register.value);
        Diagnostic::new(message, known, "says which bits of the value are known").secondary(reset, "no value is given")
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
        let message = format!("the value of `{}` after a reset has bits that are not known", register.value);
        Diagnostic::new(message, reset, format!("has the bits {bits:#x}")).secondary(known, "which are not among these")
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
