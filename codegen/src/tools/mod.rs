//! The commands of the program other than `check` and the converters: one file per command.

pub mod decode;
pub mod diff;
pub mod explain;
mod find;
pub mod format;
pub mod from_svd;
mod table;

use std::fmt;

use annotate_snippets::{Group, Level, Renderer};

use crate::Error;
use crate::diagnostic::{Report, closest};

/// Reads a number from the command line: decimal, `0x`, `0o` or `0b`, with or without `_`.
fn number(text: &str) -> Option<u128> {
    let text = text.replace('_', "").to_ascii_lowercase();
    let (digits, radix) = match text.get(..2) {
        Some("0x") => (&text[2..], 16),
        Some("0b") => (&text[2..], 2),
        Some("0o") => (&text[2..], 8),
        _ => (text.as_str(), 10),
    };
    // `from_str_radix` accepts a sign, which is not allowed here.
    u128::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+'))
}

/// A command with invalid arguments.
#[derive(Debug, Clone)]
pub struct CommandError {
    message: String,
    helps: Vec<String>,
}

impl CommandError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), helps: Vec::new() }
    }

    /// Adds a help: what to do instead.
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.helps.push(text.into());
        self
    }

    /// Adds "did you mean" if one of `known` is close to `word`.
    pub(crate) fn suggest<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match closest(word, known) {
            Some(close) => self.help(format!("did you mean `{close}`?")),
            None => self,
        }
    }

    /// Renders the error with a line end, in colour if `colour` is set.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let helps = self.helps.iter().map(|text| Level::HELP.message(text.as_str()));
        let title = Level::ERROR.primary_title(self.message.as_str());
        let mut text = if self.helps.is_empty() {
            renderer.render(&[Group::with_title(title)])
        } else {
            renderer.render(&[title.elements(helps)])
        };
        text.push('\n');
        text
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for CommandError {}

/// An error of a command.
#[derive(Debug)]
pub enum ToolError {
    /// A file is invalid, or cannot be read or written.
    Error(Error),
    /// The arguments are invalid.
    Command(CommandError),
}

impl ToolError {
    /// Renders the error with a line end, in colour if `colour` is set.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        match self {
            Self::Error(error) => error.render(colour),
            Self::Command(error) => error.render(colour),
        }
    }
}

impl From<Error> for ToolError {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Report> for ToolError {
    fn from(report: Report) -> Self {
        Self::Error(Error::Invalid(report))
    }
}

impl From<CommandError> for ToolError {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for ToolError {}
