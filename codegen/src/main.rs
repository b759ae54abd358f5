//! The command-line program: checks, formats, explains and converts register descriptions.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use datasheet_codegen::description::Lint;
use datasheet_codegen::diagnostic::Report;
use datasheet_codegen::tools::{ToolError, decode, diff, explain, format, from_svd};
use datasheet_codegen::{Error, Generator, emit, lint_extension_file, lint_file, lower, read_file, read_source};

/// Check, format, explain and convert YAML register descriptions
#[derive(Parser)]
#[command(name = "datasheet-codegen", after_help = "Exit status: 0 success, 1 error, 2 invalid arguments")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check a description and print all errors, or all warnings if there are none
    ///
    /// `datasheet-codegen lints` lists what it warns about.
    #[command(
        after_help = "Exit status: 0 no errors; 1 errors in a file, a file that cannot be read, or denied warnings"
    )]
    Check {
        /// The description, a YAML file
        file: PathBuf,
        /// Check this extension of the description, too
        #[arg(long, value_name = "FILE")]
        extension: Option<PathBuf>,
        /// Exit with 1 if there are warnings
        #[arg(long)]
        deny_warnings: bool,
    },
    /// List what `check` warns about
    Lints,
    /// Generate Rust files from a description, for a crate that commits them
    ///
    /// Write registers.rs, descriptors.rs and registers_BLOCK.rs for each further block to DIRECTORY, and the files
    /// that their documentation includes to DIRECTORY/docs. With --extension, write the additions only, as
    /// registers.rs and descriptors.rs.
    #[command(
        after_help = "Exit status: 0 files written, 1 errors in a file, or a file that cannot be read or written"
    )]
    Rust {
        /// The description, a YAML file
        file: PathBuf,
        /// The directory to write to; created if it does not exist
        directory: PathBuf,
        /// Generate the additions of this extension of the description
        #[arg(long, value_name = "FILE")]
        extension: Option<PathBuf>,
        /// Import the runtime from this path [default: ::datasheet_runtime]; required with --extension:
        /// the path of the extended crate
        #[arg(long, value_name = "PATH")]
        crate_path: Option<String>,
    },
    /// Print the registers and descriptors of a description as JSON, with all offsets computed
    Dump {
        /// The description, a YAML file
        file: PathBuf,
    },
    /// Print the registers of a description as CMSIS-SVD
    Svd {
        /// The description, a YAML file
        file: PathBuf,
    },
    /// Convert a CMSIS-SVD file to a description with what the SVD knows, and print it
    ///
    /// What the description cannot express is printed to standard error.
    #[command(after_help = "Exit status: 0 all converted; 1 nothing converted, error; 3 converted, with warnings")]
    FromSvd {
        /// The SVD file
        file: PathBuf,
    },
    /// Print the JSON Schema of descriptions and extensions, for editors
    Schema,
    /// Compare two descriptions and print the semver level of each change
    #[command(after_help = "Exit status: 0 compatible, 1 major change, 2 unreadable or invalid file")]
    Diff {
        /// The older description
        old: PathBuf,
        /// The newer description
        new: PathBuf,
    },
    /// Print all facts about a register, a descriptor or a field
    Explain {
        /// The name, such as CTRL, CTRL.RST or RAL[3]
        name: String,
        /// The description, a YAML file
        #[arg(long, default_value = "registers.yaml")]
        file: PathBuf,
    },
    /// Decode a value of a register or a descriptor into fields
    #[command(after_help = "Exit status: 0 decoded, even if some values are invalid; 1 error")]
    Decode {
        /// The name of the register or descriptor, such as CTRL
        name: String,
        /// The whole value, such as 28, 0x1C or 0b11100
        value: String,
        /// The description, a YAML file
        #[arg(long, default_value = "registers.yaml")]
        file: PathBuf,
    },
    /// Format a description or an extension in place: order of keys, one field per line, digits of numbers
    #[command(after_help = "Exit status: 0 formatted; 1 with --check, if the file would change, or error")]
    Fmt {
        /// The description or extension, a YAML file
        file: PathBuf,
        /// Change nothing, and exit with 1 if the file would change
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
    // An error while writing to standard error cannot be reported anywhere.
    let _ = write!(std::io::stderr(), "{}", failure.render(std::io::stderr().is_terminal()));
}

fn run(command: Command) -> Result<ExitCode, ToolError> {
    match command {
        Command::Check { file, extension: Some(extension), deny_warnings } => {
            let linted = lint_extension_file(&file, &extension)?;
            let what = format!("{}, an extension of {}", extension.display(), file.display());
            print_checked(&what, &linted.warnings, deny_warnings)
        }
        Command::Check { file, extension: None, deny_warnings } => {
            let linted = lint_file(&file)?;
            let (registers, descriptors) = (linted.checked.registers.len(), linted.checked.descriptors.len());
            let what = format!("{}: {registers} registers, {descriptors} descriptors", file.display());
            print_checked(&what, &linted.warnings, deny_warnings)
        }
        Command::Lints => {
            let width = Lint::ALL.map(|lint| lint.name().len()).into_iter().max().unwrap_or(0);
            let lints = Lint::ALL.map(|lint| format!("{:width$}  {}\n", lint.name(), lint.what()));
            print(&lints.concat())
        }
        Command::Rust { extension: Some(_), crate_path: None, .. } => {
            let message = "--extension needs --crate-path: give the path of the extended crate, such as ::ixgbe";
            Arguments::command().error(ErrorKind::MissingRequiredArgument, message).exit()
        }
        Command::Rust { file, directory, extension, crate_path } => {
            let mut generator = match extension {
                Some(extension) => Generator::extending(file, extension),
                None => Generator::new(file),
            };
            if let Some(path) = crate_path {
                generator = generator.crate_path(path);
            }
            generator.emit_to(directory)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Dump { file } => {
            let checked = read_file(&file)?;
            print(&(emit::json::dump(&lower::lower(&checked)) + "\n"))
        }
        Command::Svd { file } => {
            let checked = read_file(&file)?;
            print(&emit::svd::svd(&lower::lower(&checked))?)
        }
        Command::FromSvd { file } => {
            let converted = from_svd::from_svd(&read_source(&file)?)?;
            print(&converted.text)?;
            let _ = write!(std::io::stderr(), "{}", converted.render_warnings(std::io::stderr().is_terminal()));
            Ok(if converted.warnings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
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

/// Prints the warnings about a file without errors, and how many there are.
fn print_checked(what: &str, warnings: &Report, deny_warnings: bool) -> Result<ExitCode, ToolError> {
    let _ = write!(std::io::stderr(), "{}", warnings.render(std::io::stderr().is_terminal()));
    let count = match warnings.diagnostics().len() {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        count => format!(", {count} warnings"),
    };
    let printed = print(&format!("{what}: no errors{count}\n"))?;
    Ok(if deny_warnings && !count.is_empty() { ExitCode::FAILURE } else { printed })
}

/// Prints a text. A closed pipe is not an error.
fn print(text: &str) -> Result<ExitCode, ToolError> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::Unwritable { path: PathBuf::from("standard output"), error }.into())
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
