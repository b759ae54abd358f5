//! Generation of files: the API of build scripts.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::diagnostic::Report;
use crate::emit::rust::{self, Options, Use};
use crate::{Error, Linted, lint_extension_file, lint_file, lower};

/// A generator of the Rust files that a crate includes, from a description.
///
/// ```no_run
/// # fn main() -> Result<(), datasheet_codegen::Error> {
/// datasheet_codegen::Generator::new("registers.yaml").emit_to("target/generated")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Generator {
    description: Description,
    extension: Option<PathBuf>,
    uses: Option<PathBuf>,
    options: Options,
}

/// The location of a description.
#[derive(Debug, Clone)]
enum Description {
    File(PathBuf),
    /// The environment variable with the path, which is not set.
    Unset(String),
}

impl Description {
    fn path(&self) -> Result<&Path, Error> {
        match self {
            Self::File(path) => Ok(path),
            Self::Unset(variable) => Err(Error::NothingToExtend { variable: variable.clone() }),
        }
    }
}

impl Generator {
    /// Creates a generator for the description in the file `description`.
    pub fn new(description: impl Into<PathBuf>) -> Self {
        let description = Description::File(description.into());
        Self { description, extension: None, uses: None, options: Options::default() }
    }

    /// Creates a generator for the additions of the file `extension` to the description in the file `description`.
    pub fn extending(description: impl Into<PathBuf>, extension: impl Into<PathBuf>) -> Self {
        Self { extension: Some(extension.into()), ..Self::new(description) }
    }

    /// Creates a generator for the additions of the file `extension` to the description of a dependency.
    ///
    /// It works in a build script. The dependency is the package with `links = "<links>"`. It must be among the
    /// `[dependencies]` of the package that is built. Its crate has the same name, unless
    /// [`crate_path`](Self::crate_path) gives another one.
    pub fn extending_dependency(links: &str, extension: impl Into<PathBuf>) -> Self {
        let name = links.replace('-', "_");
        let variable = format!("DEP_{}_REGISTERS", name.to_uppercase());
        let description = match std::env::var_os(&variable) {
            Some(path) => Description::File(path.into()),
            None => Description::Unset(variable),
        };
        Self { description, ..Self::extending("", extension) }.crate_path(format!("::{name}"))
    }

    /// Sets the path of the runtime for generated code; `::datasheet_runtime` by default.
    ///
    /// For an extension, it is the path of the extended crate, which has the runtime as its module `runtime`.
    #[must_use]
    pub fn crate_path(mut self, path: impl Into<String>) -> Self {
        self.options.crate_path = path.into();
        self
    }

    /// Generates code for a crate with `#![no_implicit_prelude]`.
    ///
    /// Such a crate has no tool attributes, so those that name registers and states in compile errors are left out.
    #[must_use]
    pub fn no_implicit_prelude(mut self) -> Self {
        self.options.no_prelude = true;
        self
    }

    /// Sets the file that lists the registers which functions access, so that the documentation of both is linked.
    ///
    /// The file has a line `device::Device::reset: CTRL STATUS` for each function. The path begins at the root of the
    /// crate, where the module `registers` must be, too. Unknown register names are ignored.
    #[must_use]
    pub fn uses(mut self, file: impl Into<PathBuf>) -> Self {
        self.uses = Some(file.into());
        self
    }

    /// Writes `registers.rs`, `descriptors.rs` and for each further block `registers_<block>.rs` to `directory`.
    ///
    /// The files that their documentation includes are written to `docs` in that directory. For an extension, only the
    /// additions are written, as `registers.rs` and `descriptors.rs`.
    ///
    /// # Errors
    ///
    /// [`Error`] if the description cannot be read or has errors, or if a file cannot be written. Nothing is written
    /// from a description with errors.
    pub fn emit_to(&self, directory: impl AsRef<Path>) -> Result<(), Error> {
        self.emit(directory.as_ref()).map(drop)
    }

    /// Writes the files to `directory`, and returns the warnings.
    fn emit(&self, directory: &Path) -> Result<Report, Error> {
        let docs = directory.join("docs");
        let (files, warnings) = self.files()?;
        for (path, text) in files {
            std::fs::create_dir_all(&docs).map_err(|error| Error::Unwritable { path: docs.clone(), error })?;
            write(directory.join(path), &text)?;
        }
        Ok(warnings)
    }

    /// Generates the files, with their paths, and the warnings.
    fn files(&self) -> Result<(Vec<(String, String)>, Report), Error> {
        let description = self.description.path()?;
        if let Some(extension) = &self.extension {
            let linted = lint_extension_file(description, extension)?;
            let additions = lower::lower_extension(&linted.checked);
            let mut files = vec![
                ("registers.rs".to_owned(), rust::additions(&additions, &self.options)),
                ("descriptors.rs".to_owned(), rust::descriptor_additions(&additions, &self.options)),
            ];
            files.extend(rust::additions_docs(&additions));
            return Ok((files, linted.warnings));
        }
        let Linted { checked, warnings } = lint_file(description)?;
        let mut others = lower::lower(&checked);
        let map = lower::Map { descriptors: std::mem::take(&mut others.descriptors), ..others.take_block(None) };
        let mut options = self.options.clone();
        if let Some(path) = &self.uses {
            let text = std::fs::read_to_string(path);
            options.uses = Use::read(&text.map_err(|error| Error::Unreadable { path: path.clone(), error })?);
        }
        let mut files = vec![
            ("registers.rs".to_owned(), rust::registers(&map, &options)),
            ("descriptors.rs".to_owned(), rust::descriptors(&map, &options)),
        ];
        files.extend(rust::docs(&map, &options));
        for name in checked.blocks.keys() {
            let block = others.take_block(Some(name));
            files.push((format!("registers_{}.rs", name.value), rust::block(&block, name, &options)));
            files.extend(rust::block_docs(&block, name));
        }
        Ok((files, warnings))
    }

    /// Runs as the whole build script: see [`build_script`].
    pub fn build_script(&self) {
        let mut lines = String::new();
        let description = self.description.path().ok();
        for read in description.into_iter().chain(self.extension.as_deref()).chain(self.uses.as_deref()) {
            lines += &format!("cargo::rerun-if-changed={}\n", read.display());
        }
        if let Some(path) = description.and_then(|path| std::path::absolute(path).ok()) {
            lines += &format!("cargo::metadata=REGISTERS={}\n", path.display());
        }
        let directory = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
        match self.emit(&directory) {
            // Without such a line, cargo runs the script again after any change.
            Ok(warnings) => {
                let _ = write!(std::io::stdout(), "{lines}{}", for_cargo(&warnings));
            }
            // Nothing was written to standard output yet, because cargo would print it before the errors.
            Err(error) => {
                let _ = write!(std::io::stderr(), "{}", error.render(std::io::stderr().is_terminal()));
                std::process::exit(1);
            }
        }
    }
}

/// The number of warnings that a build script prints. A description converted from an SVD file has hundreds.
const WARNINGS: usize = 10;

/// Returns the lines with which a build script hands warnings to cargo.
fn for_cargo(warnings: &Report) -> String {
    let mut lines: String =
        warnings.warnings().take(WARNINGS).map(|warning| format!("cargo::warning={warning}\n")).collect();
    if let more @ 1.. = warnings.diagnostics().len().saturating_sub(WARNINGS) {
        lines += &format!("cargo::warning=and {more} more: run `datasheet-codegen check`\n");
    }
    lines
}

/// Writes a file, unless it has this content already, so that its modification time only shows real changes.
fn write(path: PathBuf, text: &str) -> Result<(), Error> {
    if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    std::fs::write(&path, text).map_err(|error| Error::Unwritable { path, error })
}

/// Runs as the whole build script: generates `registers.rs` and `descriptors.rs` in `OUT_DIR` from `description`.
///
/// Prints errors to standard error, as a compiler does, and fails the build. If the package has a `links` key, build
/// scripts of packages that depend on it find the description under `DEP_<links>_REGISTERS`.
pub fn build_script(description: impl Into<PathBuf>) {
    Generator::new(description).build_script();
}

/// Runs as the whole build script: generates `registers.rs` and `descriptors.rs` in `OUT_DIR` from the additions of
/// `extension`.
///
/// They extend the description of the package with `links = "<links>"`: see [`Generator::extending_dependency`]. Prints
/// errors to standard error, as a compiler does, and fails the build.
pub fn extend(links: &str, extension: impl Into<PathBuf>) {
    Generator::extending_dependency(links, extension).build_script();
}

#[cfg(test)]
mod tests {
    use super::{WARNINGS, for_cargo};
    use crate::source::Source;
    use crate::{lint_extension, lint_source};

    const GOLDEN: &str = include_str!("../tests/golden/input.yaml");
    const EXTENSION: &str = include_str!("../tests/golden/extension.yaml");

    #[test]
    fn cargo_gets_a_line_for_each_of_the_first_warnings() -> Result<(), crate::diagnostic::Report> {
        let told = |text: &str| Ok(for_cargo(&lint_source(Source::new("chip.yaml", text))?.warnings));
        assert_eq!(told(GOLDEN)?, "");
        let one = GOLDEN.replace(", doc: How fast it goes.", "");
        assert_eq!(
            told(&one)?,
            "cargo::warning=chip.yaml:40:7: field `SPEED` of register `MODE` is not documented [undocumented]\n"
        );
        let groups: String = (0..=WARNINGS).map(|number| format!("groups: {{ group{number}: A group, ")).collect();
        let groups = format!("groups: {{ {}", groups.replace("groups: { ", ""));
        let many = told(&GOLDEN.replace("groups: { ", &groups))?;
        assert_eq!(many.lines().count(), WARNINGS + 1);
        assert!(many.ends_with("\ncargo::warning=and 1 more: run `datasheet-codegen check`\n"), "{many}");
        Ok(())
    }

    #[test]
    fn an_extension_is_not_warned_about_the_description() -> Result<(), crate::diagnostic::Report> {
        let base = GOLDEN.replace(", doc: How fast it goes.", "");
        let told = |text: &str| {
            let linted = lint_extension(Source::new("chip.yaml", base.as_str()), Source::new("board.yaml", text))?;
            Ok(for_cargo(&linted.warnings))
        };
        assert_eq!(told(EXTENSION)?, "");
        let told = told(&EXTENSION.replace(", doc: The descriptors may be cached.", ""))?;
        assert!(told.starts_with("cargo::warning=board.yaml:") && told.lines().count() == 1, "{told}");
        Ok(())
    }
}
