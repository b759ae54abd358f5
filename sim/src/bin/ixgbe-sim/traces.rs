//! The commands that work on recorded traces, without a server.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use ixgbe::trace::Trace;
use ixgbe_sim::traces::{Summary, compare, fold, replay};

/// The largest file that is read.
const LARGEST: u64 = 256 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play a trace on the model, and list where the model's answers differ
    ///
    /// Each line of the result names the line of the trace, the register with its index, the values expected and found,
    /// and the fields that differ. Reads that differ by nature are not compared, and listed with the reason: statistics,
    /// clocks, ring positions, causes of interrupts and, if the trace does not name its port, what belongs to a card:
    /// its MAC address, EEPROM and module.
    ///
    /// Exit status: 0 if nothing differs, 1 if something does, 2 if the file is no complete trace.
    Replay {
        /// The trace, recorded with --record, or by a program with `ixgbe::trace::Recorder`
        file: PathBuf,
    },
    /// List what the driver in one trace does to the registers and the driver in the other does not
    ///
    /// Exit status: 0 if nothing differs, 1 if something does, 2 if a file is no complete trace.
    Compare {
        /// The trace of our driver, or an old one
        ours: PathBuf,
        /// The trace of another driver, or a new one
        theirs: PathBuf,
    },
    /// Print a trace without repetitions, to be kept and compared; a folded trace cannot be replayed
    Fold {
        /// The trace
        file: PathBuf,
    },
}

impl Command {
    /// Executes the command.
    pub(crate) fn run(&self) -> ExitCode {
        match self.result() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::from(2)
            }
        }
    }

    /// Returns whether nothing differs.
    fn result(&self) -> Result<bool, String> {
        Ok(match self {
            Self::Replay { file } => {
                let replay = replay(&read(file)?);
                println!("{replay}");
                replay.mismatches.is_empty()
            }
            Self::Compare { ours, theirs } => {
                let differences = compare(&Summary::of(&read(ours)?), &Summary::of(&read(theirs)?));
                differences.iter().for_each(|difference| println!("{difference}"));
                println!("{} differences", differences.len());
                differences.is_empty()
            }
            Self::Fold { file } => {
                print!("{}", fold(&read(file)?));
                true
            }
        })
    }
}

fn read(file: &Path) -> Result<Trace, String> {
    let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(|error| fail(&error))?;
    opened.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| fail(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(fail(&"the file is larger than 256 MiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| fail(&"this is no trace: it is not text"))?;
    text.parse().map_err(|error| fail(&error))
}
