//! YAML as a tree with the spans of all values and keys. Only this module uses saphyr_parser.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Source, Span, Spanned};

/// The limit of nesting: deeper than any description, and shallow enough for recursive code.
const MAX_DEPTH: usize = 32;

/// A YAML value.
#[derive(Debug)]
pub struct Node {
    pub span: Span,
    pub kind: Kind,
}

#[derive(Debug)]
pub enum Kind {
    /// The text as written: `8.10` is not the number 8.1. Quoted text is never a number.
    Scalar {
        text: String,
        quoted: bool,
    },
    Sequence(Vec<Node>),
    /// In the order of the source, without repeated keys.
    Mapping(Vec<(Spanned<String>, Node)>),
}

impl Node {
    /// Describes the node for a message.
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Scalar { .. } if self.is_null() => "nothing".to_owned(),
            Kind::Scalar { text, quoted: false } if short(text) => format!("`{text}`"),
            Kind::Scalar { text, quoted: true } if short(text) => format!("the text `{text}`"),
            Kind::Scalar { .. } => "text".to_owned(),
            Kind::Sequence(_) => "a list".to_owned(),
            Kind::Mapping(_) => "a mapping".to_owned(),
        }
    }

    /// Returns `true` if the value is empty.
    pub fn is_null(&self) -> bool {
        let null = |text: &str| matches!(text, "" | "~" | "null" | "Null" | "NULL");
        matches!(&self.kind, Kind::Scalar { text, quoted: false } if null(text))
    }

    /// Returns the span of the first empty value.
    pub fn null(&self) -> Option<Span> {
        match &self.kind {
            Kind::Scalar { .. } => self.is_null().then_some(self.span),
            Kind::Sequence(items) => items.iter().find_map(Node::null),
            Kind::Mapping(entries) => entries.iter().find_map(|(_, value)| value.null()),
        }
    }
}

/// Returns `true` if a text is short enough for a message.
fn short(text: &str) -> bool {
    text.len() <= 40 && !text.contains('\n')
}

/// The source is invalid YAML.
struct NotYaml {
    error: String,
    span: Span,
}

impl From<NotYaml> for Diagnostic {
    fn from(error: NotYaml) -> Self {
        Diagnostic::new("invalid YAML", error.span, error.error)
    }
}

/// A part of YAML that descriptions do not use.
struct NotSupported {
    what: &'static str,
    span: Span,
    help: &'static str,
}

impl From<NotSupported> for Diagnostic {
    fn from(error: NotSupported) -> Self {
        Diagnostic::new(format!("{} is not supported", error.what), error.span, "").help(error.help)
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

/// Reads the tree of `source`, and reports its errors. Returns `None` if it cannot read to the end.
pub fn read(source: &Source, diagnostics: &mut Diagnostics) -> Option<Node> {
    if let Some((at, character)) = source.text().char_indices().find(|(_, character)| is_unusual(*character)) {
        let span = source.span(at..at + character.len_utf8());
        let what = "a control character or an unusual line end";
        diagnostics.report(NotSupported {
            what,
            span,
            help: "write it as an escape in quoted text: `\\x02` or `\\u2028`",
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

/// Returns `true` if some version of YAML forbids the character, or if only some versions end a line at it.
fn is_unusual(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => false,
        '\u{2028}' | '\u{2029}' | '\u{FFFE}' | '\u{FFFF}' => true,
        _ => character.is_control(),
    }
}

/// Returns `true` if a character changes the writing direction: the text would look different from its content.
fn turns_text(character: char) -> bool {
    matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn not_yaml(error: &ScanError, offsets: &Offsets<'_>) -> NotYaml {
    let span = *error.marker();
    NotYaml { error: error.info().to_owned(), span: offsets.span(span, span) }
}

/// Converts the offsets of the parser, which count characters, to bytes.
struct Offsets<'a> {
    source: &'a Source,
    /// The byte offset of each character; empty if all are ASCII.
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

/// A list or mapping whose end was not read yet.
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
    /// Takes the next event. An error means that the rest cannot be read.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), NotSupported> {
        let unsupported = |what, help| Err(NotSupported { what, span, help });
        match event {
            Event::Scalar(.., anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _)
                if anchor != 0 =>
            {
                unsupported("an anchor", "write the value out here")
            }
            Event::Scalar(.., Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                unsupported("a tag", "remove it: the type of every value is known")
            }
            Event::Alias(_) => unsupported("an alias", "write the value out here"),
            Event::SequenceStart(..) | Event::MappingStart(..) if self.open.len() == MAX_DEPTH => {
                unsupported("nesting this deep", "a description needs fewer levels")
            }
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents == 1 {
                    Ok(())
                } else {
                    unsupported("a second document", "write one description per file")
                }
            }
            Event::Scalar(text, ..) if text.chars().any(turns_text) => unsupported(
                "text with a character that changes the writing direction",
                "remove it: the compiler rejects it in documentation",
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

    /// Adds a finished node to the innermost open list or mapping.
    fn close(&mut self, node: Node) -> Result<(), NotSupported> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping { entries, first, key, .. }) => match (key.take(), node.kind) {
                (None, Kind::Scalar { text, .. }) => *key = Some(Spanned::new(text, node.span)),
                (None, _) => {
                    let help = "write a name as the key";
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
