//! YAML as a tree in which every value and key keeps its place. The only module that knows the parser with places.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Source, Span, Spanned};

/// Deeper than any description goes, and shallow enough for recursive code.
const MAX_DEPTH: usize = 32;

/// A YAML value.
#[derive(Debug)]
pub struct Node {
    pub span: Span,
    pub kind: Kind,
}

#[derive(Debug)]
pub enum Kind {
    /// The text as it was written: `8.10` is not the number 8.1. A quoted text is never a number.
    Scalar {
        text: String,
        quoted: bool,
    },
    Sequence(Vec<Node>),
    /// In the order of the source, without the keys that were given twice.
    Mapping(Vec<(Spanned<String>, Node)>),
}

impl Node {
    /// What the node is, for a message.
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Scalar { .. } if self.is_null() => "nothing".to_owned(),
            Kind::Scalar { text, quoted: false } if short(text) => format!("`{text}`"),
            Kind::Scalar { text, quoted: true } if short(text) => format!("the text `{text}`"),
            Kind::Scalar { .. } => "a text".to_owned(),
            Kind::Sequence(_) => "a list".to_owned(),
            Kind::Mapping(_) => "a mapping".to_owned(),
        }
    }

    /// Whether nothing was given.
    pub fn is_null(&self) -> bool {
        let null = |text: &str| matches!(text, "" | "~" | "null" | "Null" | "NULL");
        matches!(&self.kind, Kind::Scalar { text, quoted: false } if null(text))
    }

    /// The first place where nothing was given.
    pub fn null(&self) -> Option<Span> {
        match &self.kind {
            Kind::Scalar { .. } => self.is_null().then_some(self.span),
            Kind::Sequence(items) => items.iter().find_map(Node::null),
            Kind::Mapping(entries) => entries.iter().find_map(|(_, value)| value.null()),
        }
    }
}

/// Whether a text may be repeated in a message.
fn short(text: &str) -> bool {
    text.len() <= 40 && !text.contains('\n')
}

/// The source is not YAML.
struct NotYaml {
    error: String,
    span: Span,
}

impl From<NotYaml> for Diagnostic {
    fn from(error: NotYaml) -> Self {
        Diagnostic::new("this is not YAML", error.span, error.error)
    }
}

/// YAML that a description has no use for.
struct NotSupported {
    what: &'static str,
    span: Span,
    help: &'static str,
}

impl From<NotSupported> for Diagnostic {
    fn from(error: NotSupported) -> Self {
        Diagnostic::new(format!("{} cannot stand here", error.what), error.span, "").help(error.help)
    }
}

/// A mapping has the same key twice.
struct DuplicateKey {
    key: String,
    first: Span,
    second: Span,
}

impl From<DuplicateKey> for Diagnostic {
    fn from(error: DuplicateKey) -> Self {
        Diagnostic::new(format!("the key `{}` is given twice", error.key), error.second, "given again here")
            .secondary(error.first, "first given here")
    }
}

/// The tree of `source`, or nothing where it cannot be read on; what is wrong is reported either way.
pub fn read(source: &Source, diagnostics: &mut Diagnostics) -> Option<Node> {
    if let Some((at, character)) = source.text().char_indices().find(|(_, character)| is_unusual(*character)) {
        let span = source.span(at..at + character.len_utf8());
        let what = "a control character or an unusual line end";
        diagnostics.report(NotSupported {
            what,
            span,
            help: "in a quoted text it can be written as `\\x02` or `\\u2028`",
        });
        return None;
    }
    let offsets = Offsets::of(source);
    let mut builder = Builder { diagnostics, open: Vec::new(), root: None, documents: 0 };
    for event in Parser::new_from_str(source.text()) {
        let read = match event {
            Ok((event, span)) => builder.take(event, offsets.span(span.start, span.end)).map_err(Diagnostic::from),
            Err(error) => Err(not_yaml(&error, &offsets).into()),
        };
        if let Err(error) = read {
            builder.diagnostics.report(error);
            return None;
        }
    }
    let nothing = Kind::Scalar { text: String::new(), quoted: false };
    Some(builder.root.unwrap_or(Node { span: source.span(0..0), kind: nothing }))
}

/// Whether a character is forbidden in some version of YAML, or ends a line in one but not in another.
fn is_unusual(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => false,
        '\u{2028}' | '\u{2029}' | '\u{FFFE}' | '\u{FFFF}' => true,
        _ => character.is_control(),
    }
}

/// Whether a character makes text be shown in another order than it is stored in: one could read something else than is said.
fn turns_text(character: char) -> bool {
    matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn not_yaml(error: &ScanError, offsets: &Offsets<'_>) -> NotYaml {
    let span = *error.marker();
    NotYaml { error: error.info().to_owned(), span: offsets.span(span, span) }
}

/// Turns the parser's places, counted in characters, into bytes.
struct Offsets<'a> {
    source: &'a Source,
    /// Of each character; empty where all are ASCII and there is nothing to turn.
    characters: Vec<usize>,
}

impl<'a> Offsets<'a> {
    fn of(source: &'a Source) -> Self {
        let text = source.text();
        let characters = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| at).collect() };
        Self { source, characters }
    }

    fn span(&self, start: Marker, end: Marker) -> Span {
        self.source.span(self.byte(start)..self.byte(end))
    }

    fn byte(&self, marker: Marker) -> usize {
        let length = self.source.text().len();
        if self.characters.is_empty() {
            marker.index().min(length)
        } else {
            self.characters.get(marker.index()).copied().unwrap_or(length)
        }
    }
}

/// A list or mapping whose end was not yet seen.
enum Open {
    Sequence {
        start: Span,
        items: Vec<Node>,
    },
    Mapping {
        start: Span,
        entries: Vec<(Spanned<String>, Node)>,
        first: HashMap<String, Span>,
        key: Option<Spanned<String>>,
    },
}

struct Builder<'m> {
    diagnostics: &'m mut Diagnostics,
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

impl Builder<'_> {
    /// Takes the next event; an error means that the rest cannot be read.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), NotSupported> {
        let unsupported = |what, help| Err(NotSupported { what, span: span, help });
        match event {
            Event::Scalar(.., anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                unsupported("an anchor", "write the value out, a reader of the file looks for it in its place")
            }
            Event::Scalar(.., Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                unsupported("a tag", "leave it out, the kind of every value is known")
            }
            Event::Alias(_) => {
                unsupported("an alias", "write the value out, a reader of the file looks for it in its place")
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if self.open.len() == MAX_DEPTH => {
                unsupported("anything nested this deeply", "no part of a description is")
            }
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents == 1 {
                    Ok(())
                } else {
                    unsupported("a second document", "a file holds one description")
                }
            }
            Event::Scalar(text, ..) if text.chars().any(turns_text) => unsupported(
                "a text with a character that changes the direction of writing",
                "leave it out, the compiler refuses it in documentation",
            ),
            Event::Scalar(text, style, ..) => {
                let quoted = style != ScalarStyle::Plain;
                self.close(Node { span, kind: Kind::Scalar { text: text.into_owned(), quoted } })
            }
            Event::SequenceStart(..) => {
                self.open.push(Open::Sequence { start: span, items: Vec::new() });
                Ok(())
            }
            Event::MappingStart(..) => {
                self.open.push(Open::Mapping { start: span, entries: Vec::new(), first: HashMap::new(), key: None });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::Sequence { start, items }) => {
                    self.close(Node { span: start.to(span), kind: Kind::Sequence(items) })
                }
                Some(Open::Mapping { start, entries, .. }) => {
                    self.close(Node { span: start.to(span), kind: Kind::Mapping(entries) })
                }
                None => Ok(()),
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    /// Puts a finished node where it belongs.
    fn close(&mut self, node: Node) -> Result<(), NotSupported> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping { entries, first, key, .. }) => match (key.take(), node.kind) {
                (None, Kind::Scalar { text, .. }) => *key = Some(Spanned::new(text, node.span)),
                (None, _) => {
                    let help = "a key is a single word";
                    return Err(NotSupported { what: "a list or a mapping as a key", span: node.span, help });
                }
                (Some(name), kind) => match first.get(&name.value) {
                    Some(first) => {
                        self.diagnostics.report(DuplicateKey { key: name.value, first: *first, second: name.span });
                    }
                    None => {
                        first.insert(name.value.clone(), name.span);
                        entries.push((name, Node { span: node.span, kind }));
                    }
                },
            },
        }
        Ok(())
    }
}
