//! From a file to files: what a build script does.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::emit::rust::{self, Options, Use};
use crate::{Error, lower, read_file};

/// Turns a description into the Rust files that a crate includes.
///
/// ```no_run
/// # fn main() -> Result<(), datasheet_codegen::Error> {
/// datasheet_codegen::Generator::new("registers.yaml").emit_to("target/generated")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Generator {
    description: PathBuf,
    uses: Option<PathBuf>,
    options: Options,
}

impl Generator {
    /// A generator for the description in the file `description`.
    pub fn new(description: impl Into<PathBuf>) -> Self {
        Self { description: description.into(), uses: None, options: Options::default() }
    }

    /// Says where generated code finds the runtime; without this, in `crate`.
    #[must_use]
    pub fn crate_path(mut self, path: impl Into<String>) -> Self {
        self.options.crate_path = path.into();
        self
    }

    /// Says which functions of the crate touch which registers, so that the documentation of each leads to the other.
    ///
    /// The file has a line `device::Device::reset: CTRL STATUS` for each function. Its path is that from the root of the
    /// crate, where the module `registers` must be, too. A name that is no register's means nothing.
    #[must_use]
    pub fn uses(mut self, file: impl Into<PathBuf>) -> Self {
        self.uses = Some(file.into());
        self
    }

    /// Writes `registers.rs` and `descriptors.rs` into `directory`, and into `docs` there what their documentation
    /// includes.
    ///
    /// # Errors
    ///
    /// [`Error`] if the description cannot be read or has mistakes, or if a file cannot be written. Nothing is
    /// written unless the description is right.
    pub fn emit_to(&self, directory: impl AsRef<Path>) -> Result<(), Error> {
        let checked = read_file(&self.description)?;
        let map = lower::lower(&checked);
        let directory = directory.as_ref();
        let mut options = self.options.clone();
        if let Some(path) = &self.uses {
            let text = std::fs::read_to_string(path);
            options.uses = Use::read(&text.map_err(|error| Error::Unreadable { path: path.clone(), error })?);
        }
        write(directory.join("registers.rs"), &rust::registers(&map, &options))?;
        write(directory.join("descriptors.rs"), &rust::descriptors(&map, &options))?;
        let docs = directory.join("docs");
        std::fs::create_dir_all(&docs).map_err(|error| Error::Unwritable { path: docs, error })?;
        rust::docs(&map, &options).iter().try_for_each(|(path, text)| write(directory.join(path), text))
    }

    /// The whole of a build script: see [`build_script`].
    pub fn build_script(&self) {
        let mut lines = String::new();
        for read in std::iter::once(&self.description).chain(&self.uses) {
            lines += &format!("cargo::rerun-if-changed={}\n", read.display());
        }
        if let Ok(path) = std::path::absolute(&self.description) {
            lines += &format!("cargo::metadata=REGISTERS={}\n", path.display());
        }
        let directory = std::env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
        match self.emit_to(directory) {
            // Without a line of this kind cargo runs the script again after any change.
            Ok(()) => {
                let _ = write!(std::io::stdout(), "{lines}");
            }
            Err(error) => {
                // Nothing on standard output before: cargo would print that too, between the mistakes and their reader.
                let _ = write!(std::io::stderr(), "{}", error.render(std::io::stderr().is_terminal()));
                std::process::exit(1);
            }
        }
    }
}

/// Writes a file, unless it is that already: a build that changes nothing should not look like one that does.
fn write(path: PathBuf, text: &str) -> Result<(), Error> {
    if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    std::fs::write(&path, text).map_err(|error| Error::Unwritable { path, error })
}

/// The whole of a build script: turns `description` into `registers.rs` and `descriptors.rs` in `OUT_DIR`.
///
/// Mistakes go to standard error as a compiler would print them, and the build ends. Where the package has a `links`
/// key, build scripts of packages that depend on it find the description under `DEP_<links>_REGISTERS`.
pub fn build_script(description: impl Into<PathBuf>) {
    Generator::new(description).build_script();
}
