//! First stage: from text to a [`Description`].
//!
//! One parser reads the file, and its places go with the values: a mistake found later needs no second look.

pub(crate) mod decode;
pub(crate) mod tree;

use crate::description::Description;
use crate::diagnostic::{Diagnostic, Mistakes};
use crate::source::{Source, Span};

/// What could be read of a source.
///
/// Where it has mistakes there may be a description all the same, so that `check` can look for more.
#[derive(Debug)]
pub struct Parsed {
    pub(crate) description: Option<Description>,
    pub(crate) mistakes: Mistakes,
}

/// The source says nothing at all.
struct Empty;

impl From<Empty> for Diagnostic {
    fn from(_: Empty) -> Self {
        Diagnostic::new("there is no description in this file", Span::default(), "")
            .help("it begins with the keys `chip`, `title` and `datasheet`")
    }
}

/// Reads a description.
#[must_use]
pub fn parse(source: &Source) -> Parsed {
    let mut mistakes = Mistakes::default();
    let description = tree::read(source, &mut mistakes).and_then(|node| {
        if node.is_null() {
            mistakes.report(Empty);
            return None;
        }
        decode::Decode::decode(&node, &mut mistakes)
    });
    Parsed { description, mistakes }
}
