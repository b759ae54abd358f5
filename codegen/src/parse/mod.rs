//! First stage: from text to a [`Description`].
//!
//! The text is read in two passes. serde_yaml gives the values; what it refuses is never accepted. But it keeps no
//! places, and lets some mistakes pass: a key given twice in a mapping of names, nothing where a value should be. So
//! a parser that keeps places goes over the text as well. That alone finds those mistakes, and what is no YAML; and
//! when anything at all is wrong, the description is made once more from its tree, now with the places for the
//! report. What is generated never comes from that.

pub(crate) mod decode;
pub(crate) mod tree;
pub(crate) mod values;

use serde::de::DeserializeOwned;

use crate::description::Description;
use crate::description::extension::Extension;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Source, Span};
use decode::Decode;
use tree::Node;

/// What a whole file can hold.
pub(crate) trait File: DeserializeOwned + Decode {
    /// What it is, for a message.
    const WHAT: &'static str;
    /// The keys that it begins with.
    const BEGINNING: &'static str;
}

impl File for Description {
    const WHAT: &'static str = "description";
    const BEGINNING: &'static str = "`chip`, `title` and `datasheet`";
}

impl File for Extension {
    const WHAT: &'static str = "extension";
    const BEGINNING: &'static str = "`extension` and `extends`";
}

/// What could be read of a source.
#[derive(Debug)]
pub struct Parsed<T = Description> {
    /// What it says, without places, or why nothing is known.
    pub(crate) values: Result<T, Diagnostics>,
    pub(crate) places: Places,
}

/// Where everything is in a source, and what that alone shows to be wrong.
#[derive(Debug)]
pub(crate) struct Places {
    tree: Option<Node>,
    diagnostics: Diagnostics,
}

impl Places {
    /// What the source says, with the place of every value, and all that is wrong with it so far.
    ///
    /// Where it has mistakes there may be something to read all the same, so that `check` can look for more.
    pub fn describe<T: Decode>(self) -> (Option<T>, Diagnostics) {
        let Self { tree, mut diagnostics } = self;
        let described = tree.and_then(|tree| T::decode(&tree, &mut diagnostics));
        (described, diagnostics)
    }
}

/// The source says nothing at all.
struct Empty {
    what: &'static str,
    beginning: &'static str,
    span: Span,
}

impl From<Empty> for Diagnostic {
    fn from(error: Empty) -> Self {
        let Empty { what, beginning, span } = error;
        Diagnostic::new(format!("there is no {what} in this file"), span, "")
            .help(format!("it begins with the keys {beginning}"))
    }
}

/// Nothing stands where a value should.
struct Nothing {
    span: Span,
}

impl From<Nothing> for Diagnostic {
    fn from(error: Nothing) -> Self {
        Diagnostic::new("expected a value, found nothing", error.span, "")
    }
}

/// Reads a description.
#[must_use]
pub fn parse(source: &Source) -> Parsed {
    read(source)
}

/// Reads an extension.
#[must_use]
pub fn parse_extension(source: &Source) -> Parsed<Extension> {
    read(source)
}

fn read<T: File>(source: &Source) -> Parsed<T> {
    let mut diagnostics = Diagnostics::default();
    let mut tree = tree::read(source, &mut diagnostics);
    if let Some(nothing) = tree.as_ref().filter(|tree| tree.is_null()) {
        diagnostics.report(Empty { what: T::WHAT, beginning: T::BEGINNING, span: nothing.span });
        tree = None;
    }
    let values = if diagnostics.is_empty() { values(source, tree.as_ref()) } else { Err(Diagnostics::default()) };
    Parsed { values, places: Places { tree, diagnostics } }
}

fn values<T: File>(source: &Source, tree: Option<&Node>) -> Result<T, Diagnostics> {
    let error = match tree.and_then(Node::null) {
        // serde_yaml takes it for an empty list or text.
        Some(span) => Nothing { span }.into(),
        None => match values::read(source) {
            Ok(values) => return Ok(values),
            Err(refused) => Diagnostic::from(refused),
        },
    };
    let mut diagnostics = Diagnostics::default();
    diagnostics.report(error);
    Err(diagnostics)
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::parse;
    use crate::description::Description;
    use crate::source::Source;

    const GOLDEN: &str = include_str!("../../tests/golden/input.yaml");

    /// A description in words, in order and without the places in it.
    fn plain(description: &Description) -> String {
        let text = format!("{description:?}");
        let mut pieces = text.split("span: Span { ");
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |plain, piece| plain + piece.split_once('}').map_or(piece, |(_, after)| after))
    }

    /// What each reader makes of a text, unless it refuses it.
    fn both(text: &str) -> [Option<String>; 2] {
        let parsed = parse(&Source::new("input.yaml", text));
        let values = parsed.values.as_ref().ok().map(plain);
        let (placed, diagnostics) = parsed.places.describe::<Description>();
        [values, placed.filter(|_| diagnostics.is_empty()).as_ref().map(plain)]
    }

    #[test]
    fn both_readers_read_the_same() -> Result<(), Box<dyn Error>> {
        let codegen = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = vec![codegen.join("../registers.yaml"), codegen.join("tests/golden/input.yaml")];
        for case in fs::read_dir(codegen.join("tests/ui"))? {
            let file = case?.path().join("input.yaml");
            // Some cases are extensions, without a description of their own.
            if file.is_file() {
                files.push(file);
            }
        }
        let mut read = 0;
        for file in &files {
            // Some are not even a text.
            let Ok(text) = String::from_utf8(fs::read(file)?) else { continue };
            if let [Some(values), placed] = both(&text) {
                assert_eq!(Some(values), placed, "{}", file.display());
                read += 1;
            }
        }
        assert!(read > 2, "hardly anything can be read");
        Ok(())
    }

    /// Pieces that mean something to YAML: to one reader perhaps other than to the other.
    #[rustfmt::skip]
    const PIECES: &[&str] = &[
        "", " ", "\n", "\n  ", "\n\n", "\t", "\r", "\r\n", "- ", ": ", ":", ",", "{", "}", "[", "]", "{}", "[]", "\"", "'",
        "#", " #", "|", "|+\n      a\n\n", "|2-", ">", ">-", "%", "? ", "~", "null", "Null", "true", "True", "yes", "0", "1", "-1",
        "+1", "+", "01", "1_0", "0x", "0X1", "0o17", "0b1", "1.0", "1e3", ".inf", "4:0", "31:0", "unknown", "<<", "<<: ", "!",
        "é", "\u{85}", "\u{2028}", "\u{FEFF}", "\u{0}", "\u{7}", "\u{1F980}", "\\", "\\n", "\\x41", "\\/", "\\\n", "''", "---\n",
        "...\n", "page: 7", "page: ~", "doc: ", "range: [1, 2, 3]", "MODE", "width: 64", "w1c",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_is_read_in_two_ways(
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0..8_usize, prop::sample::select(PIECES)), 1..3),
        ) {
            let mut text: Vec<char> = GOLDEN.chars().collect();
            for (at, removed, piece) in edits {
                let start = at.index(text.len());
                let end = (start + removed).min(text.len());
                text.splice(start..end, piece.chars());
            }
            let text: String = text.iter().collect();
            if let [Some(values), placed] = both(&text) {
                prop_assert_eq!(Some(values), placed, "{}", text);
            }
        }
    }
}
