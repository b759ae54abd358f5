//! The first reader: serde_yaml gives the values. Only this module and `tools::format` use it.

use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, Visitor};

use crate::description::{Bits, Items, Reset};
use crate::diagnostic::Diagnostic;
use crate::source::{Source, Span, Spanned};

/// serde_yaml rejects a source.
pub struct Refused {
    reason: String,
    span: Span,
}

impl From<Refused> for Diagnostic {
    fn from(error: Refused) -> Self {
        Diagnostic::new("serde_yaml cannot read this", error.span, error.reason)
    }
}

/// Reads the values of a source, without spans.
pub fn read<T: DeserializeOwned>(source: &Source) -> Result<T, Refused> {
    serde_yaml::from_str(source.text()).map_err(|error| {
        let at = error.location().map_or(0, |location| location.index());
        let span = (0..=at).rev().find(|at| source.text().is_char_boundary(*at)).unwrap_or(0);
        Refused { reason: error.to_string(), span: source.span(span..span) }
    })
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Self::new(value, Span::default()))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| Error::custom(format_args!("expected {}", Self::WANTED)))
    }
}

impl<'de> Deserialize<'de> for Reset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrUnknown)
    }
}

struct NumberOrUnknown;

impl Visitor<'_> for NumberOrUnknown {
    type Value = Reset;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Reset::WANTED)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Reset, E> {
        Ok(Reset::Known(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Reset, E> {
        match text {
            "unknown" => Ok(Reset::Unknown),
            _ => Err(E::invalid_type(serde::de::Unexpected::Str(text), &self)),
        }
    }
}
