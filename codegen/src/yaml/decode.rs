//! The second reader, for reports: from the tree to values with spans.
//!
//! Each type decodes itself, and reports its errors.

use indexmap::IndexMap;

use super::tree::{Kind, Node};
use crate::diagnostic::{Diagnostic, Diagnostics, closest};
use crate::source::{Span, Spanned};

/// A value that a description can hold.
pub trait Decode: Sized {
    /// Reads the value. `None` means that it could not be read and that this was reported.
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self>;
}

/// A value is of another kind than expected.
struct WrongKind<'a> {
    wanted: &'a str,
    found: &'a str,
    span: Span,
}

impl From<WrongKind<'_>> for Diagnostic {
    fn from(error: WrongKind<'_>) -> Self {
        Diagnostic::new(format!("expected {}, found {}", error.wanted, error.found), error.span, "")
    }
}

/// A mapping has an unknown key.
struct UnknownKey<'a> {
    key: &'a Spanned<String>,
    what: &'a str,
    why: Option<&'a str>,
    known: &'a [&'static str],
}

impl From<UnknownKey<'_>> for Diagnostic {
    fn from(error: UnknownKey<'_>) -> Self {
        let UnknownKey { key, what, why, known } = error;
        let diagnostic = Diagnostic::new(format!("{what} has no key `{}`", key.value), key.span, "unknown key")
            .suggest(&key.value, known.iter().copied());
        match why {
            Some(why) => diagnostic.note(why),
            None => diagnostic,
        }
    }
}

/// A mapping lacks a required key.
struct MissingKey<'a> {
    key: &'a str,
    what: &'a str,
    span: Span,
}

impl From<MissingKey<'_>> for Diagnostic {
    fn from(error: MissingKey<'_>) -> Self {
        let MissingKey { key, what, span } = error;
        Diagnostic::new(format!("{what} needs the key `{key}`"), span, format!("`{key}` is missing"))
    }
}

/// Reports that `node` is not what was expected.
pub fn wrong<T>(node: &Node, wanted: &str, diagnostics: &mut Diagnostics) -> Option<T> {
    diagnostics.report(WrongKind { wanted, found: &node.describe(), span: node.span });
    None
}

/// The keys of a mapping, which are taken out of it one by one.
///
/// The known keys are those that were taken: there is no other list.
pub struct Keys<'a> {
    what: &'static str,
    /// Why the mapping has no other keys, if that is not obvious.
    why: Option<&'static str>,
    /// The span of the first key, or of an empty mapping.
    head: Span,
    entries: IndexMap<&'a str, &'a (Spanned<String>, Node)>,
    known: Vec<&'static str>,
    missing: Vec<&'static str>,
}

impl<'a> Keys<'a> {
    /// Returns the keys of `node`, which must be a mapping that describes `what`.
    pub fn of(node: &'a Node, what: &'static str, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Mapping(entries) = &node.kind else {
            return wrong(node, &format!("{what} (a mapping)"), diagnostics);
        };
        Some(Self {
            what,
            why: None,
            head: entries.first().map_or(node.span, |(key, value)| key.span.to(value.span)),
            entries: entries.iter().map(|entry| (entry.0.as_str(), entry)).collect(),
            known: Vec::new(),
            missing: Vec::new(),
        })
    }

    /// Sets why the mapping has no other keys.
    pub fn because(&mut self, why: &'static str) {
        self.why = Some(why);
    }

    /// Takes the value of `key`, or returns `default` if the key is missing.
    pub fn take<T: Decode>(
        &mut self,
        key: &'static str,
        default: Option<T>,
        diagnostics: &mut Diagnostics,
    ) -> Option<T> {
        self.known.push(key);
        match self.entries.swap_remove(key) {
            Some((_, node)) => T::decode(node, diagnostics),
            None => {
                if default.is_none() {
                    self.missing.push(key);
                }
                default
            }
        }
    }

    /// Reports the unknown keys, and the missing keys that are not close to an unknown one.
    pub fn finish(self, diagnostics: &mut Diagnostics) {
        for key in &self.missing {
            if closest(key, self.entries.keys().copied()).is_none() {
                diagnostics.report(MissingKey { key, what: self.what, span: self.head });
            }
        }
        for (key, _) in self.entries.into_values() {
            diagnostics.report(UnknownKey { key, what: self.what, why: self.why, known: &self.known });
        }
    }
}

/// Declares a struct whose fields are the keys of a mapping, and how both readers read it.
///
/// A key is required, unless `= default` allows the default of its type. A second text says why there are no
/// other keys.
macro_rules! mapping {
    (
        $(#[$attribute:meta])*
        pub struct $Name:ident($what:literal $(, $why:literal)?) {
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

        impl $crate::yaml::decode::Decode for $Name {
            fn decode(
                node: &$crate::yaml::tree::Node,
                diagnostics: &mut $crate::diagnostic::Diagnostics,
            ) -> Option<Self> {
                let mut keys = $crate::yaml::decode::Keys::of(node, $what, diagnostics)?;
                $( keys.because($why); )?
                $( let $key = keys.take::<$Type>(stringify!($key), None $(.or(Some(Default::$default())))?, diagnostics); )*
                keys.finish(diagnostics);
                Some(Self { $( $key: $key?, )* })
            }
        }
    };
}

/// Declares an enumeration of keywords, and how both readers read it.
macro_rules! keywords {
    (
        $(#[$attribute:meta])*
        pub enum $Name:ident($what:literal) {
            $( $(#[$keyword_attribute:meta])* $Keyword:ident = $text:literal, )*
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
        #[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
        pub enum $Name {
            $( $(#[$keyword_attribute])* #[serde(rename = $text)] $Keyword, )*
        }

        impl $Name {
            /// Returns the keyword of a description.
            pub fn keyword(self) -> &'static str {
                match self {
                    $( Self::$Keyword => $text, )*
                }
            }
        }

        impl $crate::yaml::decode::Decode for $Name {
            fn decode(
                node: &$crate::yaml::tree::Node,
                diagnostics: &mut $crate::diagnostic::Diagnostics,
            ) -> Option<Self> {
                let word = $crate::source::Spanned::<String>::decode(node, diagnostics)?;
                match word.as_str() {
                    $( $text => Some(Self::$Keyword), )*
                    _ => {
                        diagnostics.report($crate::yaml::decode::UnknownKeyword { word: &word, what: $what, known: &[$($text),*] });
                        None
                    }
                }
            }
        }
    };
}

pub(crate) use {keywords, mapping};

/// A keyword is not one of those allowed.
pub struct UnknownKeyword<'a> {
    pub word: &'a Spanned<String>,
    pub what: &'a str,
    pub known: &'a [&'static str],
}

impl From<UnknownKeyword<'_>> for Diagnostic {
    fn from(error: UnknownKeyword<'_>) -> Self {
        let word = error.word;
        Diagnostic::new(format!("`{}` is not {}", word.value, error.what), word.span, "")
            .suggest(&word.value, error.known.iter().copied())
    }
}

impl Decode for String {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        match &node.kind {
            Kind::Scalar { text, .. } if !node.is_null() => Some(text.clone()),
            _ => wrong(node, "text", diagnostics),
        }
    }
}

impl Decode for bool {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        match &node.kind {
            Kind::Scalar { text, quoted: false } if matches!(text.as_str(), "true" | "True" | "TRUE") => Some(true),
            Kind::Scalar { text, quoted: false } if matches!(text.as_str(), "false" | "False" | "FALSE") => Some(false),
            _ => wrong(node, "`true` or `false`", diagnostics),
        }
    }
}

impl Decode for u64 {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let wanted = match &node.kind {
            Kind::Scalar { text, quoted: false } => match integer(text) {
                Some(number) => return Some(number),
                None if integer(&text.replace('_', "")).is_some() => "a number without `_`",
                None => "a number below 2^64, such as 7 or 0x1C",
            },
            Kind::Scalar { text, quoted: true } if integer(text).is_some() => "a number without quotes",
            _ => "a number below 2^64, such as 7 or 0x1C",
        };
        wrong(node, wanted, diagnostics)
    }
}

impl Decode for u32 {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let number = u64::decode(node, diagnostics)?;
        number.try_into().ok().or_else(|| wrong(node, "a number below 2^32", diagnostics))
    }
}

/// Reads a number as serde_yaml does, which treats decimal digits after a leading zero as text.
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
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        T::decode(node, diagnostics).map(Some)
    }
}

impl<T: Decode> Decode for Spanned<T> {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        T::decode(node, diagnostics).map(|value| Spanned::new(value, node.span))
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Sequence(items) = &node.kind else {
            return wrong(node, "a list", diagnostics);
        };
        // Decodes all items before it returns `None`, because each may have an error to report.
        let items: Vec<_> = items.iter().map(|item| T::decode(item, diagnostics)).collect();
        items.into_iter().collect()
    }
}

impl<T: Decode> Decode for (T, T) {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        match &node.kind {
            Kind::Sequence(items) => match items.as_slice() {
                [first, second] => {
                    let (first, second) = (T::decode(first, diagnostics), T::decode(second, diagnostics));
                    Some((first?, second?))
                }
                _ => {
                    let found = &format!("a list of {}", items.len());
                    diagnostics.report(WrongKind { wanted: "a list of two", found, span: node.span });
                    None
                }
            },
            _ => wrong(node, "a list of two", diagnostics),
        }
    }
}

impl<T: Decode> Decode for IndexMap<Spanned<String>, T> {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Mapping(entries) = &node.kind else {
            return wrong(node, "a mapping", diagnostics);
        };
        let entries: Vec<_> = entries.iter().map(|(key, value)| (key, T::decode(value, diagnostics))).collect();
        entries.into_iter().map(|(key, value)| Some((key.clone(), value?))).collect()
    }
}
