//! A pair is of two registers that there are, that have the same elements, and whose bits fit in one number.

use super::{Unknown, known, registers_by_name};
use crate::description::{Description, Register, Word};
use crate::diagnostic::{Diagnostic, Mistakes};

struct Unlike<'a> {
    low: (&'a Word, &'a Register),
    high: (&'a Word, &'a Register),
}

impl From<Unlike<'_>> for Diagnostic {
    fn from(mistake: Unlike<'_>) -> Self {
        let Unlike { low, high } = mistake;
        let message = format!("`{}` and `{}` cannot be a pair", low.0.value, high.0.value);
        Diagnostic::new(message, high.0.span, elements(high.1)).other(low.0.span, elements(low.1))
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

/// What the value of a pair can have.
const MAX_BITS: u32 = 64;

struct TooWide<'a> {
    low: (&'a Word, &'a Register),
    high: (&'a Word, &'a Register),
}

impl From<TooWide<'_>> for Diagnostic {
    fn from(mistake: TooWide<'_>) -> Self {
        let TooWide { low, high } = mistake;
        let message = format!("`{}` and `{}` are too wide for a pair", low.0.value, high.0.value);
        let bits = |register: &Register| format!("has {} bits", register.bits());
        Diagnostic::new(message, high.0.span, bits(high.1))
            .other(low.0.span, bits(low.1))
            .note(format!("both hold one value, which has at most {MAX_BITS} bits"))
    }
}

struct WithItself<'a> {
    register: &'a Word,
}

impl From<WithItself<'_>> for Diagnostic {
    fn from(mistake: WithItself<'_>) -> Self {
        let message = format!("`{}` cannot be a pair with itself", mistake.register.value);
        Diagnostic::new(message, mistake.register.span, "")
    }
}

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    let registers = registers_by_name(description);
    for pair in &description.pairs {
        let mut find = |word: &Word| {
            let register = registers.get(word.as_str());
            // A register that could not be read has been told of: it is not missing.
            if register.is_none() && description.registers.is_complete() {
                let known = known(description.registers.iter().map(|register| register.name.as_str()), mistakes);
                mistakes.report(Unknown { what: "register", word, known });
            }
            register.copied()
        };
        let (low, high) = (find(&pair.low), find(&pair.high));
        if pair.low == pair.high {
            mistakes.report(WithItself { register: &pair.high });
        } else if let (Some(low), Some(high)) = (low, high)
            && (&low.block, low.array.is_some(), index(low), low.count())
                != (&high.block, high.array.is_some(), index(high), high.count())
        {
            mistakes.report(Unlike { low: (&pair.low, low), high: (&pair.high, high) });
        } else if let (Some(low), Some(high)) = (low, high)
            && low.bits().saturating_add(high.bits()) > MAX_BITS
        {
            mistakes.report(TooWide { low: (&pair.low, low), high: (&pair.high, high) });
        }
    }
}
