//! Turns a YAML transcription of a chip's datasheet into typed registers and DMA descriptors.
//!
//! The modules are the stages, and read best in this order:
//!
//! 1. [`description`]: the schema, one struct a mapping of the file;
//! 2. [`parse`]: from a [`source`] to a description; `extend` puts into it what another crate adds;
//! 3. [`check`]: one file a kind of mistake; only a description without any gets further;
//! 4. [`lower`]: what the rules of the description come to, as masks and lists;
//! 5. [`emit`]: one file a language.
//!
//! The commands of the program that do none of this stand in `tools`.
//!
//! What is wrong with a description becomes a [`diagnostic`], as a compiler would print it. The generator knows
//! nothing about any chip: states, indices and groups come from the file. `README.md` explains its words.

pub mod check;
pub mod description;
pub mod diagnostic;
pub mod emit;
mod extend;
pub mod lower;
pub mod parse;
pub mod source;
#[cfg(feature = "cli")]
pub mod tools;

mod generate;
mod rust_name;

use std::fmt;
use std::path::{Path, PathBuf};

use check::{Checked, Extended};
use diagnostic::{Diagnostic, Diagnostics, Report};
use source::{Source, Span};

pub use generate::{Generator, build_script, extend};

/// Why a description did not become code.
#[derive(Debug)]
pub enum Error {
    /// A file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The description has mistakes.
    Invalid(Report),
    /// Cargo does not tell the build script where the description is that is to be extended.
    NothingToExtend {
        /// The environment variable that would.
        variable: String,
    },
    /// A file cannot be written.
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

impl Error {
    /// What a person reads: with a line end, and in colour if wished.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        match self {
            Self::Invalid(report) => report.render(colour),
            Self::Unreadable { path, error } => format!("error: cannot read {}: {error}\n", path.display()),
            Self::Unwritable { path, error } => format!("error: cannot write {}: {error}\n", path.display()),
            Self::NothingToExtend { variable } => format!(
                "error: {variable} is not set\n  = help: cargo sets it for build scripts of packages that have the extended \
                 one under [dependencies]\n"
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
    let bytes = std::fs::read(path).map_err(|error| Error::Unreadable { path: path.to_owned(), error })?;
    read_bytes(&path.display().to_string(), &bytes).map_err(Error::Invalid)
}

/// Reads and checks the description in one file and the extension of it in another.
pub fn read_extension_file(description: &Path, extension: &Path) -> Result<Extended, Error> {
    let read = |path: &Path| {
        let bytes = std::fs::read(path).map_err(|error| Error::Unreadable { path: path.to_owned(), error })?;
        read_text(&path.display().to_string(), &bytes).map_err(Error::Invalid)
    };
    read_extension(read(description)?, read(extension)?).map_err(Error::Invalid)
}

/// Reads and checks a description and the extension of it.
pub fn read_extension(description: Source, extension: Source) -> Result<Extended, Report> {
    let extension = extension.after(&description);
    check::check_extension(parse::parse(&description), parse::parse_extension(&extension))
        .map_err(|diagnostics| Report::together(extension, description, diagnostics))
}

/// Reads and checks a description, whatever the bytes are. Mistakes are reported under `name`.
pub fn read_bytes(name: &str, bytes: &[u8]) -> Result<Checked, Report> {
    let source = read_text(name, bytes)?;
    check::check(parse::parse(&source)).map_err(|diagnostics| Report::new(source, diagnostics))
}

/// Takes bytes as a text to read, if they are one.
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

/// Some bytes are no text.
struct NotText {
    span: usize,
}

impl From<NotText> for Diagnostic {
    fn from(error: NotText) -> Self {
        // Reading on with a replacement character leaves all before it where it was.
        let span = Span::new(error.span..error.span + char::REPLACEMENT_CHARACTER.len_utf8());
        Diagnostic::new("this is not a text in UTF-8", span, "not UTF-8 from here on")
    }
}
