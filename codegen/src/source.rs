//! The text of a file, and spans in it.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};

/// A text, and the name under which its errors are reported.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    text: String,
    start: usize,
}

impl Source {
    /// Creates a source with a name, usually its path.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), start: 0 }
    }

    /// Moves the spans of this source behind the spans of `other`, so that a span identifies its source.
    #[must_use]
    pub fn after(self, other: &Source) -> Self {
        // The offset at the end of the other text belongs to that text.
        Self { start: other.start + other.text.len() + 1, ..self }
    }

    /// Returns the span of a range of the text.
    #[must_use]
    pub fn span(&self, range: Range<usize>) -> Span {
        Span { start: self.start + range.start, end: self.start + range.end }
    }

    /// Returns the offset in the text of a position, if the position is in this source.
    pub(crate) fn offset(&self, position: usize) -> Option<usize> {
        position.checked_sub(self.start).filter(|offset| *offset <= self.text.len())
    }

    /// Returns the position of the first byte.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A span: a range of byte offsets, counted across all sources that are read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// Creates a span from a range.
    #[must_use]
    pub fn new(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }

    /// Returns the span from the start of this one to the end of `last`.
    #[must_use]
    pub fn to(self, last: Span) -> Self {
        Self { start: self.start, end: last.end }
    }
}

/// A value and its span.
///
/// It compares and hashes like the value, so that the keys of a map can have spans.
#[derive(Debug, Clone, Copy)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its span.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Creates a value with a span.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T: Hash> Hash for Spanned<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl Borrow<str> for Spanned<String> {
    fn borrow(&self) -> &str {
        &self.value
    }
}
