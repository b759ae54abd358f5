//! Generates typed registers and DMA descriptors from a YAML transcription of a datasheet.
//!
//! The modules are the stages. Each uses only those before it:
//!
//! 1. [`description`]: the schema, one struct per mapping of the file, which `yaml` decodes from a tree;
//! 2. [`parse`]: from a [`source`] to a description;
//! 3. `share`: gives registers the fields that they share; `extend`: merges the additions of another crate;
//! 4. [`check`]: one file per kind of error; only a description without errors passes;
//! 5. [`lint`]: one file per kind of warning;
//! 6. [`lower`]: the description as masks and lists; `rules` lowers one register, for a check, too;
//! 7. [`emit`]: one file per output language.
//!
//! The other commands of the program are in `tools`. `tests/order.rs` keeps the order.
//!
//! Errors in a description become [`diagnostic`]s, in the style of rustc. The generator contains no knowledge of any
//! chip: states, indices and groups come from the file. `README.md` explains its keys.

pub mod check;
pub mod description;
pub mod diagnostic;
pub mod emit;
mod extend;
pub mod lint;
pub mod lower;
pub mod parse;
pub mod source;
#[cfg(feature = "cli")]
pub mod tools;

mod generate;
mod rules;
mod rust_name;
mod share;
mod unknown;
mod yaml;

use std::fmt;
use std::path::{Path, PathBuf};

use check::{Checked, Extended};
use diagnostic::{Diagnostic, Diagnostics, Report};
use source::{Source, Span};

pub use generate::{Generator, build_script, extend};

/// An error of the generator.
#[derive(Debug)]
pub enum Error {
    /// A file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// The description has errors.
    Invalid(Report),
    /// Cargo did not give the build script the path of the description to extend.
    NothingToExtend {
        /// The environment variable that is missing.
        variable: String,
    },
    /// A file cannot be written.
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        error: std::io::Error,
    },
}

impl Error {
    /// Renders the error with a line end, in colour if `colour` is set.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        match self {
            Self::Invalid(report) => report.render(colour),
            Self::Unreadable { path, error } => format!("error: cannot read {}: {error}\n", path.display()),
            Self::Unwritable { path, error } => format!("error: cannot write {}: {error}\n", path.display()),
            Self::NothingToExtend { variable } => format!(
                "error: {variable} is not set\n  = help: add the extended package to [dependencies], so that cargo sets it \
                 for the build script\n"
            ),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Invalid(_) | Self::NothingToExtend { .. } => None,
            Self::Unreadable { error, .. } | Self::Unwritable { error, .. } => Some(error),
        }
    }
}

/// Reads and checks the description in a file.
pub fn read_file(path: &Path) -> Result<Checked, Error> {
    let source = read_source(path)?;
    check::check(parse::parse(&source)).map_err(|diagnostics| Error::Invalid(Report::new(source, diagnostics)))
}

/// Reads and checks the description in one file and its extension in another.
pub fn read_extension_file(description: &Path, extension: &Path) -> Result<Extended, Error> {
    read_extension(read_source(description)?, read_source(extension)?).map_err(Error::Invalid)
}

/// Reads and checks a description and its extension.
pub fn read_extension(description: Source, extension: Source) -> Result<Extended, Report> {
    let extension = extension.after(&description);
    check::check_extension(parse::parse(&description), parse::parse_extension(&extension))
        .map_err(|diagnostics| Report::together(extension, description, diagnostics))
}

/// A description or an extension without errors, and the warnings about it.
#[derive(Debug)]
pub struct Linted<T> {
    /// What was checked.
    pub checked: T,
    /// The warnings: about an extension, if it is one, and not about the description that it extends.
    pub warnings: Report,
}

/// Reads and checks the description in a file, and looks for what is probably wrong.
pub fn lint_file(path: &Path) -> Result<Linted<Checked>, Error> {
    lint_source(read_source(path)?).map_err(Error::Invalid)
}

/// Reads and checks a description, and looks for what is probably wrong.
pub fn lint_source(source: Source) -> Result<Linted<Checked>, Report> {
    match check::check_with_spans(parse::parse(&source)) {
        Ok((checked, placed)) => Ok(Linted { checked, warnings: Report::new(source, lint::lint(&placed)) }),
        Err(diagnostics) => Err(Report::new(source, diagnostics)),
    }
}

/// Reads and checks the description in one file and its extension in another, and looks for what is probably wrong in
/// the extension.
pub fn lint_extension_file(description: &Path, extension: &Path) -> Result<Linted<Extended>, Error> {
    lint_extension(read_source(description)?, read_source(extension)?).map_err(Error::Invalid)
}

/// Reads and checks a description and its extension, and looks for what is probably wrong in the extension.
pub fn lint_extension(description: Source, extension: Source) -> Result<Linted<Extended>, Report> {
    let extension = extension.after(&description);
    match check::check_extension_with_spans(parse::parse(&description), parse::parse_extension(&extension)) {
        Ok((checked, placed)) => {
            let warnings = lint::lint_extension(&placed, extension.start());
            Ok(Linted { checked, warnings: Report::together(extension, description, warnings) })
        }
        Err(diagnostics) => Err(Report::together(extension, description, diagnostics)),
    }
}

/// Reads the text of a file.
pub fn read_source(path: &Path) -> Result<Source, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::Unreadable { path: path.to_owned(), error })?;
    read_text(&path.display().to_string(), &bytes).map_err(Error::Invalid)
}

/// Reads and checks a description from any bytes. Errors are reported under `name`.
pub fn read_bytes(name: &str, bytes: &[u8]) -> Result<Checked, Report> {
    let source = read_text(name, bytes)?;
    check::check(parse::parse(&source)).map_err(|diagnostics| Report::new(source, diagnostics))
}

/// Converts bytes to a source, if they are UTF-8.
pub fn read_text(name: &str, bytes: &[u8]) -> Result<Source, Report> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(name, text)),
        Err(error) => {
            let mut diagnostics = Diagnostics::default();
            diagnostics.report(NotText { span: error.valid_up_to() });
            Err(Report::new(Source::new(name, String::from_utf8_lossy(bytes)), diagnostics))
        }
    }
}

/// Some bytes are not UTF-8.
struct NotText {
    span: usize,
}

impl From<NotText> for Diagnostic {
    fn from(error: NotText) -> Self {
        // The replacement character does not move the text before it.
        let span = Span::new(error.span..error.span + char::REPLACEMENT_CHARACTER.len_utf8());
        Diagnostic::new("the file is not valid UTF-8", span, "not UTF-8 from here on")
    }
}
