//! Checks, lays out, explains and translates descriptions from the command line.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use datasheet_codegen::source::Source;
use datasheet_codegen::tools::{ToolError, decode, diff, explain, format};
use datasheet_codegen::{Error, emit, lower, read_extension_file, read_file, read_text};

/// Looks for mistakes in a description of a chip, or tells what it says.
#[derive(Parser)]
#[command(name = "datasheet-codegen")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints every mistake in a description, and fails if there is one
    Check {
        /// The description, in YAML
        file: PathBuf,
        /// An extension of it, in YAML, whose mistakes are looked for, too
        #[arg(long)]
        extension: Option<PathBuf>,
    },
    /// Prints the registers and descriptors of a description as JSON, every offset worked out
    Dump {
        /// The description, in YAML
        file: PathBuf,
    },
    /// Prints the registers of a description as CMSIS-SVD
    Svd {
        /// The description, in YAML
        file: PathBuf,
    },
    /// Prints the JSON Schema of descriptions and extensions, for editors
    Schema,
    /// Prints what changed between two descriptions, and what that means for the version
    ///
    /// Ends with 0 if code that uses the old one goes on to compile, with 1 if a change is major, and with 2 if a
    /// description cannot be read or has mistakes.
    Diff {
        /// The older description
        old: PathBuf,
        /// The newer description
        new: PathBuf,
    },
    /// Prints all that a description says about a register, a descriptor or a field
    Explain {
        /// Such as CTRL, CTRL.RST or RAL[3]
        name: String,
        /// The description, in YAML
        #[arg(long, default_value = "registers.yaml")]
        file: PathBuf,
    },
    /// Takes the value of a register or a descriptor apart
    Decode {
        /// Such as CTRL
        name: String,
        /// The whole value, such as 0x1C
        value: String,
        /// The description, in YAML
        #[arg(long, default_value = "registers.yaml")]
        file: PathBuf,
    },
    /// Lays a description or an extension out: the order of keys, one field a line, the widths of numbers
    Fmt {
        /// The description or extension, in YAML
        file: PathBuf,
        /// Changes nothing, and fails if something would change
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(failure) => {
            print_error(&failure);
            ExitCode::FAILURE
        }
    }
}

fn print_error(failure: &ToolError) {
    // Nobody is left to tell when standard error cannot be written to.
    let _ = write!(std::io::stderr(), "{}", failure.render(std::io::stderr().is_terminal()));
}

fn run(command: Command) -> Result<ExitCode, ToolError> {
    match command {
        Command::Check { file, extension: Some(extension) } => {
            read_extension_file(&file, &extension)?;
            print(&format!("{}, an extension of {}: no errors\n", extension.display(), file.display()))
        }
        Command::Check { file, extension: None } => {
            let checked = read_file(&file)?;
            let (registers, descriptors) = (checked.registers.len(), checked.descriptors.len());
            print(&format!("{}: {registers} registers, {descriptors} descriptors: no errors\n", file.display()))
        }
        Command::Dump { file } => {
            let checked = read_file(&file)?;
            print(&(emit::json::dump(&lower::lower(&checked)) + "\n"))
        }
        Command::Svd { file } => {
            let checked = read_file(&file)?;
            print(&emit::svd::svd(&lower::lower(&checked))?)
        }
        Command::Diff { old, new } => {
            let (old, new) = match (read_file(&old), read_file(&new)) {
                (Ok(old), Ok(new)) => (old, new),
                (old, new) => {
                    [old.err(), new.err()].into_iter().flatten().for_each(|error| print_error(&error.into()));
                    return Ok(ExitCode::from(2));
                }
            };
            let difference = diff::diff(&lower::lower(&old), &lower::lower(&new));
            print(&difference.to_string())?;
            let breaks = difference.level() == Some(diff::Level::Major);
            Ok(if breaks { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Command::Explain { name, file } => {
            let checked = read_file(&file)?;
            print(&explain::explain(&lower::lower(&checked), &name)?)
        }
        Command::Decode { name, value, file } => {
            let checked = read_file(&file)?;
            print(&decode::decode(&lower::lower(&checked), &name, &value)?)
        }
        Command::Schema => print(&emit::schema::schema()),
        Command::Fmt { file, check } => {
            let source = read_source(&file)?;
            let formatted = format::format(&source)?;
            if formatted == source.text() {
                return Ok(ExitCode::SUCCESS);
            }
            if check {
                return Err(format::unformatted(&source, &formatted).into());
            }
            std::fs::write(&file, formatted).map_err(|error| Error::Unwritable { path: file, error })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn read_source(path: &Path) -> Result<Source, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::Unreadable { path: path.to_owned(), error })?;
    read_text(&path.display().to_string(), &bytes).map_err(Error::Invalid)
}

/// Prints a text; that its reader has gone away (a closed pipe) is no mistake of ours.
fn print(text: &str) -> Result<ExitCode, ToolError> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::Unwritable { path: PathBuf::from("standard output"), error }.into())
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
