//! First stage: from text to a [`Description`].
//!
//! Two readers read the text. serde_yaml gives the values; a text that it rejects is never accepted. But it keeps no
//! spans, and misses some errors: a key given twice in a mapping of names, and a value that is left empty. So a parser
//! that keeps spans reads the text as well, and finds those errors and invalid YAML.
//!
//! If there is any error, the description is decoded again from the tree of the second reader, with spans for the
//! report. Generated code never comes from that tree.

pub(crate) mod values;

use serde::de::DeserializeOwned;

use crate::description::Description;
use crate::description::extension::Extension;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Source, Span};
use crate::yaml::decode::Decode;
use crate::yaml::tree::{self, Node};

/// The content of a whole file.
pub(crate) trait File: DeserializeOwned + Decode {
    /// Its kind, for a message.
    const WHAT: &'static str;
    /// Its first keys.
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

/// A parsed source.
#[derive(Debug)]
pub struct Parsed<T = Description> {
    /// Its values, without spans, or the errors.
    pub(crate) values: Result<T, Diagnostics>,
    pub(crate) places: Places,
}

/// A source as a tree with spans, and the errors that only the tree shows.
#[derive(Debug)]
pub(crate) struct Places {
    tree: Option<Node>,
    diagnostics: Diagnostics,
}

impl Places {
    /// Decodes the source with the span of every value, and returns the errors so far.
    ///
    /// In spite of errors there may be a value, so that `check` can find further errors.
    pub fn describe<T: Decode>(&self) -> (Option<T>, Diagnostics) {
        let mut diagnostics = self.diagnostics.clone();
        let described = self.tree.as_ref().and_then(|tree| T::decode(tree, &mut diagnostics));
        (described, diagnostics)
    }
}

/// The source is empty.
struct Empty {
    what: &'static str,
    beginning: &'static str,
    span: Span,
}

impl From<Empty> for Diagnostic {
    fn from(error: Empty) -> Self {
        let Empty { what, beginning, span } = error;
        Diagnostic::new(format!("there is no {what} in this file"), span, "the file is empty")
            .help(format!("{what} files begin with the keys {beginning}"))
    }
}

/// A value is missing.
struct Nothing {
    span: Span,
}

impl From<Nothing> for Diagnostic {
    fn from(error: Nothing) -> Self {
        Diagnostic::new("expected a value, found nothing", error.span, "the file is empty")
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
        // serde_yaml accepts it as an empty list or text.
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

    /// Returns the debug text of a description, sorted and without spans.
    fn plain(description: &Description) -> String {
        let text = format!("{description:?}");
        let mut pieces = text.split("span: Span { ");
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |plain, piece| plain + piece.split_once('}').map_or(piece, |(_, after)| after))
    }

    /// Returns what each reader reads, or `None` if it rejects the text.
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
            // Some are not UTF-8.
            let Ok(text) = String::from_utf8(fs::read(file)?) else { continue };
            if let [Some(values), placed] = both(&text) {
                assert_eq!(Some(values), placed, "{}", file.display());
                read += 1;
            }
        }
        assert!(read > 2, "too few files can be read");
        Ok(())
    }

    /// Pieces with a meaning in YAML, on which the two readers may differ.
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
