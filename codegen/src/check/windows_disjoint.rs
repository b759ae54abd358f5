//! A register belongs to at most one window, in one role, and a pair is behind one window or behind none.

use std::collections::HashMap;

use crate::description::{Description, Name, Pair, Window};
use crate::diagnostic::{Diagnostic, Diagnostics};

struct Shared<'a> {
    register: &'a str,
    first: (&'a Window, &'a Name),
    second: (&'a Window, &'a Name),
}

impl From<Shared<'_>> for Diagnostic {
    fn from(error: Shared<'_>) -> Self {
        let Shared { register, first, second } = error;
        let label = |window: &Window| format!("of window `{}`", window.name.value);
        let message = if std::ptr::eq(first.0, second.0) {
            format!("window `{}` has register `{register}` twice", first.0.name.value)
        } else {
            format!("two windows have register `{register}`")
        };
        Diagnostic::new(message, second.1.span, label(second.0))
            .secondary(first.1.span, label(first.0))
            .note("nothing else reaches the index register of a window and the registers behind it")
    }
}

struct HalfBehind<'a> {
    pair: &'a Pair,
    window: &'a Window,
    other: &'a Name,
}

impl From<HalfBehind<'_>> for Diagnostic {
    fn from(error: HalfBehind<'_>) -> Self {
        let HalfBehind { pair, window, other } = error;
        let message = format!("half of pair `{}` is behind window `{}`", pair.name.value, window.name.value);
        Diagnostic::new(message, other.span, "not behind this window")
            .secondary(window.name.span, "the window")
            .note("a window without commands returns a pair if both registers are behind it")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let mut owners: HashMap<&str, (&Window, &Name)> = HashMap::new();
    for window in &description.windows {
        let selector = window.select.as_str().split('.').next().unwrap_or_default();
        let behind = window.registers.iter().map(|name| (name.as_str(), name));
        for (register, name) in std::iter::once((selector, &window.select)).chain(behind) {
            let second = (window, name);
            match owners.get(register) {
                Some(first) => diagnostics.report(Shared { register, first: *first, second }),
                None => drop(owners.insert(register, second)),
            }
        }
    }
    for pair in &description.pairs {
        let behind = |half: &Name| {
            let window = owners.get(half.as_str()).map(|(window, _)| *window);
            window.filter(|window| window.commands.is_none() && window.selector() != half.as_str())
        };
        let owner = |half: &Name| owners.get(half.as_str()).map(|(window, _)| *window);
        for (half, other) in [(&pair.low, &pair.high), (&pair.high, &pair.low)] {
            let Some(window) = owner(half) else { continue };
            let together = [half, other].map(behind).map(|own| own.is_some_and(|own| std::ptr::eq(own, window)));
            if together != [true, true] {
                diagnostics.report(HalfBehind { pair, window, other });
                break;
            }
        }
    }
}
