//! Checks and dumps descriptions from the command line.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use datasheet_codegen::{Error, emit, lower, read_file};

/// Looks for mistakes in a description of a chip, or prints what it comes to.
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
    },
    /// Prints the registers and descriptors of a description as JSON, every offset worked out
    Dump {
        /// The description, in YAML
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error cannot be written to.
            let _ = write!(std::io::stderr(), "{}", error.render(std::io::stderr().is_terminal()));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Check { file } => {
            let checked = read_file(&file)?;
            let (registers, descriptors) = (checked.registers.len(), checked.descriptors.len());
            print(&format!("{}: {registers} registers, {descriptors} descriptors: no mistakes", file.display()))
        }
        Command::Dump { file } => {
            let checked = read_file(&file)?;
            print(&emit::json::dump(&lower::lower(&checked)))
        }
    }
}

/// Prints a text; that its reader has gone away (a closed pipe) is no mistake of ours.
fn print(text: &str) -> Result<(), Error> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::Unwritable { path: PathBuf::from("standard output"), error })
        }
        _ => Ok(()),
    }
}
