//! `ixgbectl`: an operator's tool for ports of Intel's 82599.
//!
//! Reading order: `arguments`, then one module a command. `list`, `show`, `registers` and `stats` look at functions that
//! somebody else may drive, and change nothing: `view` is their only way to registers, `interface` to what the kernel's
//! driver shows. `blink` and `selftest` drive a port, which `drive` opens.

#[cfg(not(target_os = "linux"))]
compile_error!("the tool reads /sys and uses VFIO: it is for Linux");

/// Prints a line to the standard error output, whatever becomes of it: what drives a port must not panic.
macro_rules! eprintln {
    ($($line:tt)*) => {
        _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{}\n", format_args!($($line)*)))
    };
}

mod arguments;
mod blink;
mod drive;
mod interface;
mod list;
#[cfg(feature = "model")]
mod model;
mod progress;
mod prometheus;
mod registers;
mod selftest;
mod show;
mod stats;
mod view;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::{CommandFactory, Parser};

/// The result of a command that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// All is well.
    Fine,
    /// Something is not as it should be, and was printed.
    Finding,
}

/// The exit code of a command that could not be carried out. Invalid arguments have it too.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = io::stdout().lock();
    match run(&arguments.command, &mut out).and_then(|outcome| Ok(out.flush().map(|()| outcome)?)) {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Finding) => ExitCode::FAILURE,
        // The reader of the output closed it, as `head` does.
        Err(error) if error.downcast_ref().map(io::Error::kind) == Some(io::ErrorKind::BrokenPipe) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(FAILED)
        }
    }
}

/// Carries out a command. What it finds goes to `out`.
fn run(command: &Command, out: &mut dyn Write) -> Result<Outcome, Box<dyn Error>> {
    match command {
        Command::List(list) => list::run(list, out),
        Command::Show(show) => show::run(show, out),
        Command::Registers(registers) => registers::run(registers, out),
        Command::Stats(stats) => stats::run(stats, out),
        Command::Blink(blink) => blink::run(blink, out),
        Command::Selftest(selftest) => selftest::command::run(selftest, out),
        Command::Completions { shell } => {
            // The generator cannot report an error of the output.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "ixgbectl", &mut script);
            out.write_all(&script)?;
            Ok(Outcome::Fine)
        }
    }
}
