//! A pair is of two registers that there are, and that have equally many elements.

use std::collections::HashMap;

use super::Unknown;
use crate::description::{Description, Word};
use crate::diagnostic::{Diagnostic, Mistakes};

struct Unlike<'a> {
    low: (&'a Word, u64),
    high: (&'a Word, u64),
}

impl From<Unlike<'_>> for Diagnostic {
    fn from(mistake: Unlike<'_>) -> Self {
        let Unlike { low, high } = mistake;
        let message = format!("`{}` and `{}` cannot be a pair", low.0.value, high.0.value);
        Diagnostic::new(message, high.0.span, elements(high.1)).other(low.0.span, elements(low.1))
    }
}

fn elements(count: u64) -> String {
    if count == 1 { "has 1 element".to_owned() } else { format!("has {count} elements") }
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
    let registers: HashMap<_, _> =
        description.registers.iter().map(|register| (register.name.as_str(), register)).collect();
    for pair in &description.pairs {
        let mut find = |word: &Word| {
            let register = registers.get(word.as_str());
            // A register that could not be read has been told of: it is not missing.
            if register.is_none() && description.registers.is_complete() {
                let known = description.registers.iter().map(|register| register.name.as_str()).collect();
                mistakes.report(Unknown { what: "register", word, known });
            }
            register.map(|register| register.count())
        };
        let (low, high) = (find(&pair.low), find(&pair.high));
        if pair.low == pair.high {
            mistakes.report(WithItself { register: &pair.high });
        } else if let (Some(low), Some(high)) = (low, high)
            && low != high
        {
            mistakes.report(Unlike { low: (&pair.low, low), high: (&pair.high, high) });
        }
    }
}
