//! The second reader, made for the report: from the tree to values with their places.
//!
//! Each kind of value says how it is read, and what is wrong is reported in place.

use indexmap::IndexMap;

use super::tree::{Kind, Node};
use crate::diagnostic::{Diagnostic, Mistakes, closest};
use crate::source::{Span, Spanned};

/// A value that a description can hold.
pub trait Decode: Sized {
    /// Reads the value. `None` means that it could not be read and that this was reported.
    fn decode(node: &Node, mistakes: &mut Mistakes) -> Option<Self>;
}

/// Something else stands where a value of one kind is wanted.
struct WrongKind<'a> {
    wanted: &'a str,
    found: &'a str,
    place: Span,
}

impl From<WrongKind<'_>> for Diagnostic {
    fn from(mistake: WrongKind<'_>) -> Self {
        Diagnostic::new(format!("expected {}, found {}", mistake.wanted, mistake.found), mistake.place, "")
    }
}

/// A mapping has a key that means nothing.
struct UnknownKey<'a> {
    key: &'a Spanned<String>,
    what: &'a str,
    known: &'a [&'static str],
}

impl From<UnknownKey<'_>> for Diagnostic {
    fn from(mistake: UnknownKey<'_>) -> Self {
        let key = mistake.key;
        Diagnostic::new(format!("{} has no key `{}`", mistake.what, key.value), key.span, "unknown key")
            .suggest(&key.value, mistake.known.iter().copied())
    }
}

/// A mapping lacks a key that it must have.
struct MissingKey<'a> {
    key: &'a str,
    what: &'a str,
    place: Span,
}

impl From<MissingKey<'_>> for Diagnostic {
    fn from(mistake: MissingKey<'_>) -> Self {
        let MissingKey { key, what, place } = mistake;
        Diagnostic::new(format!("{what} needs the key `{key}`"), place, format!("`{key}` is missing"))
    }
}

/// Reports that `node` is not what was wanted.
pub fn wrong<T>(node: &Node, wanted: &str, mistakes: &mut Mistakes) -> Option<T> {
    mistakes.report(WrongKind { wanted, found: &node.describe(), place: node.span });
    None
}

/// The keys of a mapping while they are taken out of it one by one.
///
/// What was asked for is what is known: no list of keys stands anywhere else.
pub struct Keys<'a> {
    what: &'static str,
    /// Where the mapping begins: its first key, or the whole of an empty one.
    head: Span,
    entries: IndexMap<&'a str, &'a (Spanned<String>, Node)>,
    known: Vec<&'static str>,
    missing: Vec<&'static str>,
}

impl<'a> Keys<'a> {
    /// The keys of `node`, which should be a mapping that describes `what`.
    pub fn of(node: &'a Node, what: &'static str, mistakes: &mut Mistakes) -> Option<Self> {
        let Kind::Mapping(entries) = &node.kind else {
            return wrong(node, &format!("{what} (a mapping)"), mistakes);
        };
        Some(Self {
            what,
            head: entries.first().map_or(node.span, |(key, value)| key.span.to(value.span)),
            entries: entries.iter().map(|entry| (entry.0.as_str(), entry)).collect(),
            known: Vec::new(),
            missing: Vec::new(),
        })
    }

    /// The value of `key`, or what stands for it where it is missing.
    pub fn take<T: Decode>(&mut self, key: &'static str, default: Option<T>, mistakes: &mut Mistakes) -> Option<T> {
        self.known.push(key);
        match self.entries.swap_remove(key) {
            Some((_, node)) => T::decode(node, mistakes),
            None => {
                if default.is_none() {
                    self.missing.push(key);
                }
                default
            }
        }
    }

    /// Reports the keys that nobody asked for, and the missing ones that none of those was meant to be.
    pub fn finish(self, mistakes: &mut Mistakes) {
        for key in &self.missing {
            if closest(key, self.entries.keys().copied()).is_none() {
                mistakes.report(MissingKey { key, what: self.what, place: self.head });
            }
        }
        for (key, _) in self.entries.into_values() {
            mistakes.report(UnknownKey { key, what: self.what, known: &self.known });
        }
    }
}

/// Declares a struct whose fields are the keys of a mapping, and how both readers read it.
///
/// A key must be given, unless `= default` says that its type's default stands for it.
macro_rules! mapping {
    (
        $(#[$attribute:meta])*
        pub struct $Name:ident($what:literal) {
            $( $(#[$key_attribute:meta])* pub $key:ident: $Type:ty $(= $default:ident)?, )*
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, serde::Deserialize)]
        #[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $Name {
            $( $(#[$key_attribute])* $(#[serde($default)])? pub $key: $Type, )*
        }

        impl $crate::parse::decode::Decode for $Name {
            fn decode(
                node: &$crate::parse::tree::Node,
                mistakes: &mut $crate::diagnostic::Mistakes,
            ) -> Option<Self> {
                let mut keys = $crate::parse::decode::Keys::of(node, $what, mistakes)?;
                $( let $key = keys.take::<$Type>(stringify!($key), None $(.or(Some(Default::$default())))?, mistakes); )*
                keys.finish(mistakes);
                Some(Self { $( $key: $key?, )* })
            }
        }
    };
}

/// Declares an enumeration of words, and how both readers read it.
macro_rules! words {
    (
        $(#[$attribute:meta])*
        pub enum $Name:ident($what:literal) {
            $( $(#[$word_attribute:meta])* $Word:ident = $word:literal, )*
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
        #[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
        pub enum $Name {
            $( $(#[$word_attribute])* #[serde(rename = $word)] $Word, )*
        }

        impl $Name {
            /// The word that stands in a description.
            pub fn word(self) -> &'static str {
                match self {
                    $( Self::$Word => $word, )*
                }
            }
        }

        impl $crate::parse::decode::Decode for $Name {
            fn decode(
                node: &$crate::parse::tree::Node,
                mistakes: &mut $crate::diagnostic::Mistakes,
            ) -> Option<Self> {
                let word = $crate::source::Spanned::<String>::decode(node, mistakes)?;
                match word.as_str() {
                    $( $word => Some(Self::$Word), )*
                    _ => {
                        mistakes.report($crate::parse::decode::UnknownWord { word: &word, what: $what, known: &[$($word),*] });
                        None
                    }
                }
            }
        }
    };
}

pub(crate) use {mapping, words};

/// A word is none of those that can stand in its place.
pub struct UnknownWord<'a> {
    pub word: &'a Spanned<String>,
    pub what: &'a str,
    pub known: &'a [&'static str],
}

impl From<UnknownWord<'_>> for Diagnostic {
    fn from(mistake: UnknownWord<'_>) -> Self {
        let word = mistake.word;
        Diagnostic::new(format!("`{}` is not {}", word.value, mistake.what), word.span, "")
            .suggest(&word.value, mistake.known.iter().copied())
    }
}

impl Decode for String {
    fn decode(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.kind {
            Kind::Scalar { text, .. } if !node.is_null() => Some(text.clone()),
            _ => wrong(node, "a text", mistakes),
        }
    }
}

impl Decode for bool {
    fn decode(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.kind {
            Kind::Scalar { text, quoted: false } if matches!(text.as_str(), "true" | "True" | "TRUE") => Some(true),
            Kind::Scalar { text, quoted: false } if matches!(text.as_str(), "false" | "False" | "FALSE") => Some(false),
            _ => wrong(node, "`true` or `false`", mistakes),
        }
    }
}

impl Decode for u64 {
    fn decode(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let wanted = match &node.kind {
            Kind::Scalar { text, quoted: false } => match integer(text) {
                Some(number) => return Some(number),
                None if integer(&text.replace('_', "")).is_some() => "a number without `_`",
                None => "a number below 2^64, such as 7 or 0x1C",
            },
            Kind::Scalar { text, quoted: true } if integer(text).is_some() => "a number without quotes",
            _ => "a number below 2^64, such as 7 or 0x1C",
        };
        wrong(node, wanted, mistakes)
    }
}

impl Decode for u32 {
    fn decode(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let number = u64::decode(node, mistakes)?;
        number.try_into().ok().or_else(|| wrong(node, "a number below 2^32", mistakes))
    }
}

/// A number as serde_yaml reads it: what looks like one but begins with a zero is a text to it.
fn integer(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let (digits, radix) = match digits.get(..2) {
        Some("0x") => (&digits[2..], 16),
        Some("0o") => (&digits[2..], 8),
        Some("0b") => (&digits[2..], 2),
        Some(two) if two.starts_with('0') => return None,
        _ => (digits, 10),
    };
    if digits.starts_with('+') { None } else { u64::from_str_radix(digits, radix).ok() }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        T::decode(node, mistakes).map(Some)
    }
}

impl<T: Decode> Decode for Spanned<T> {
    fn decode(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        T::decode(node, mistakes).map(|value| Spanned::new(value, node.span))
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let Kind::Sequence(items) = &node.kind else {
            return wrong(node, "a list", mistakes);
        };
        // All are read before the first failure counts: each may have a mistake to report.
        let items: Vec<_> = items.iter().map(|item| T::decode(item, mistakes)).collect();
        items.into_iter().collect()
    }
}

impl<T: Decode> Decode for (T, T) {
    fn decode(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        match &node.kind {
            Kind::Sequence(items) => match items.as_slice() {
                [first, second] => {
                    let (first, second) = (T::decode(first, mistakes), T::decode(second, mistakes));
                    Some((first?, second?))
                }
                _ => {
                    let found = &format!("a list of {}", items.len());
                    mistakes.report(WrongKind { wanted: "a list of two", found, place: node.span });
                    None
                }
            },
            _ => wrong(node, "a list of two", mistakes),
        }
    }
}

impl<T: Decode> Decode for IndexMap<Spanned<String>, T> {
    fn decode(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let Kind::Mapping(entries) = &node.kind else {
            return wrong(node, "a mapping", mistakes);
        };
        let entries: Vec<_> = entries.iter().map(|(key, value)| (key, T::decode(value, mistakes))).collect();
        entries.into_iter().map(|(key, value)| Some((key.clone(), value?))).collect()
    }
}
