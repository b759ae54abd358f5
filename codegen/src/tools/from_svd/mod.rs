//! Conversion of a CMSIS-SVD file to a description with what the SVD knows.
//!
//! `limits` rejects files that would take the parser too much memory or time. `derive` finds what an element
//! derives from. `flatten` converts peripherals, clusters and lists to registers. `convert` decides what a
//! description says of each register, with the help of `access` and `names`, and `write` prints it.
//!
//! An error is fatal if the file has no one meaning. Whatever a description cannot express becomes a warning.

mod access;
mod convert;
mod derive;
mod flatten;
mod limits;
mod names;
mod write;

use annotate_snippets::{Group, Level, Renderer};
use svd_parser::{Config, ValidateLevel};

use super::{CommandError, format};
use crate::source::Source;

/// The text for what only the datasheet knows.
const GAP: &str = "\"?\"";

/// A converted file.
#[derive(Debug)]
pub struct Converted {
    /// The description, formatted.
    pub text: String,
    /// What the description does not express, a sentence each.
    pub warnings: Vec<String>,
}

impl Converted {
    /// Renders the warnings, in colour if `colour` is set. Returns an empty text if there are none.
    #[must_use]
    pub fn render_warnings(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let line =
            |text: &String| renderer.render(&[Group::with_title(Level::WARNING.primary_title(text.as_str()))]) + "\n";
        self.warnings.iter().map(line).collect()
    }
}

/// Converts an SVD file.
///
/// # Errors
///
/// [`CommandError`] with one sentence that names the element: if the file is not SVD, if an element derives from
/// itself or from something that is not in the file, or if it has more elements than any chip.
pub fn from_svd(source: &Source) -> Result<Converted, CommandError> {
    let refused = |error: String| CommandError::new(format!("cannot convert {}: {error}", source.name()));
    let mut warnings = Vec::new();
    limits::check(source.text(), &mut warnings).map_err(refused)?;
    let config = Config::default().validate_level(ValidateLevel::Disabled);
    let device =
        svd_parser::parse_with_config(source.text(), &config).map_err(|error| refused(format!("{error:#}")))?;
    let blocks = flatten::flatten(&device, &mut warnings).map_err(refused)?;
    let description = convert::convert(&device, &blocks, &mut warnings).map_err(refused)?;
    let text = write::write(&description, source.name());
    let formatted = format::format(&Source::new(source.name(), text)).map_err(|error| match error {
        format::Unformatted::Unreadable(report) => refused(format!("its text is not valid in YAML: {report}")),
        format::Unformatted::Unfaithful(error) => error,
    })?;
    Ok(Converted { text: formatted, warnings })
}
