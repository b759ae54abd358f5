//! A file's text and places in it.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};

/// A text to read, under the name that mistakes in it are reported with.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    text: String,
    start: usize,
}

impl Source {
    /// A source of the given name, most often its path.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), start: 0 }
    }

    /// The same source, whose places come after all those of `other`: so that a place tells which of both it is in.
    #[must_use]
    pub fn after(self, other: &Source) -> Self {
        // The place at the end of the other text is its own.
        Self { start: other.start + other.text.len() + 1, ..self }
    }

    /// The place in this source that `range` of its text has.
    #[must_use]
    pub fn span(&self, range: Range<usize>) -> Span {
        Span { start: self.start + range.start, end: self.start + range.end }
    }

    /// The offset in the text of a place, if it is in this source.
    pub(crate) fn offset(&self, place: usize) -> Option<usize> {
        place.checked_sub(self.start).filter(|offset| *offset <= self.text.len())
    }

    /// The name that was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A place in a source: a range of byte offsets, counted through all sources that are read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// The place that `range` describes.
    #[must_use]
    pub fn new(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }

    /// From the start of this place to the end of `last`.
    #[must_use]
    pub fn to(self, last: Span) -> Self {
        Self { start: self.start, end: last.end }
    }
}

/// A value and the place where it was written.
///
/// It compares and hashes as its value does, so that a map may have places in its keys.
#[derive(Debug, Clone, Copy)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// `value`, written at `span`.
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
