//! Names without a definition, and the names to suggest instead.

use crate::description::{Name, Named};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// A name has no definition.
pub(crate) struct Unknown<'a> {
    pub what: &'a str,
    pub word: &'a Name,
    pub known: Vec<&'a str>,
}

impl From<Unknown<'_>> for Diagnostic {
    fn from(error: Unknown<'_>) -> Self {
        let Unknown { what, word, known } = error;
        Diagnostic::new(format!("there is no {what} `{}`", word.value), word.span, format!("unknown {what}"))
            .suggest(&word.value, known)
    }
}

/// Returns the names to compare a wrong one with, for a suggestion.
///
/// Each comparison takes time, so a long list is cut off. After 100 errors, a long list is left out completely.
pub(crate) fn known<T>(words: impl IntoIterator<Item = T>, diagnostics: &Diagnostics) -> Vec<T> {
    let (few, many) = (40, 1000);
    let mut words = words.into_iter();
    let mut known: Vec<_> = words.by_ref().take(few).collect();
    match words.next() {
        None => {}
        Some(_) if diagnostics.count() >= 100 => known.clear(),
        Some(next) => known.extend(std::iter::once(next).chain(words).take(many - few)),
    }
    known
}

pub(crate) fn keys<'a, T>(named: &'a Named<T>, diagnostics: &Diagnostics) -> Vec<&'a str> {
    known(named.keys().map(|name| name.as_str()), diagnostics)
}
