//! A pair consists of two different registers that exist, have the same elements, and fit in one number.

use super::{Unknown, known, registers_by_name};
use crate::description::{Description, Name, Register};
use crate::diagnostic::{Diagnostic, Diagnostics};

struct Unlike<'a> {
    low: (&'a Name, &'a Register),
    high: (&'a Name, &'a Register),
}

impl From<Unlike<'_>> for Diagnostic {
    fn from(error: Unlike<'_>) -> Self {
        let Unlike { low, high } = error;
        let message = format!("`{}` and `{}` cannot be a pair", low.0.value, high.0.value);
        Diagnostic::new(message, high.0.span, elements(high.1))
            .secondary(low.0.span, elements(low.1))
            .note("the registers of a pair have the same block, and either no array or arrays of the same index")
    }
}

fn elements(register: &Register) -> String {
    if let Some(block) = &register.block {
        return format!("is in block `{}`", block.value);
    }
    match (&register.array, index(register)) {
        (None, _) => "is a single register".to_owned(),
        (Some(_), None) => format!("is an array of {}", register.count()),
        (Some(_), Some(index)) => format!("is indexed by {index}"),
    }
}

fn index(register: &Register) -> Option<&str> {
    register.array.as_ref().and_then(|array| array.index.as_ref()).map(|index| index.as_str())
}

/// The greatest width of a pair's value in bits.
const MAX_BITS: u32 = 64;

struct TooWide<'a> {
    low: (&'a Name, &'a Register),
    high: (&'a Name, &'a Register),
}

impl From<TooWide<'_>> for Diagnostic {
    fn from(error: TooWide<'_>) -> Self {
        let TooWide { low, high } = error;
        let message = format!("`{}` and `{}` are too wide for a pair", low.0.value, high.0.value);
        let bits = |register: &Register| format!("has {} bits", register.bits());
        Diagnostic::new(message, high.0.span, bits(high.1))
            .secondary(low.0.span, bits(low.1))
            .note(format!("both hold one value, which has at most {MAX_BITS} bits"))
    }
}

struct WithItself<'a> {
    register: &'a Name,
}

impl From<WithItself<'_>> for Diagnostic {
    fn from(error: WithItself<'_>) -> Self {
        let message = format!("`{}` cannot be a pair with itself", error.register.value);
        Diagnostic::new(message, error.register.span, "also the `low` register")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let registers = registers_by_name(description);
    for pair in &description.pairs {
        let mut find = |word: &Name| {
            let register = registers.get(word.as_str());
            // A register that could not be read was reported, and is not missing.
            if register.is_none() && description.registers.is_complete() {
                let known = known(description.registers.iter().map(|register| register.name.as_str()), diagnostics);
                diagnostics.report(Unknown { what: "register", word, known });
            }
            register.copied()
        };
        let (low, high) = (find(&pair.low), find(&pair.high));
        if pair.low == pair.high {
            diagnostics.report(WithItself { register: &pair.high });
        } else if let (Some(low), Some(high)) = (low, high)
            && (&low.block, low.array.is_some(), index(low), low.count())
                != (&high.block, high.array.is_some(), index(high), high.count())
        {
            diagnostics.report(Unlike { low: (&pair.low, low), high: (&pair.high, high) });
        } else if let (Some(low), Some(high)) = (low, high)
            && low.bits().saturating_add(high.bits()) > MAX_BITS
        {
            diagnostics.report(TooWide { low: (&pair.low, low), high: (&pair.high, high) });
        }
    }
}
