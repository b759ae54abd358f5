//! The compiler for what the tests generate, and the runtime that generated code refers to.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Compiles the runtime into `directory`, without the features that need other crates.
pub fn runtime(directory: &Path) -> Result {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src/lib.rs");
    let mut compiler = bare();
    compiler.args(["--crate-type=rlib", "--crate-name=datasheet_runtime", "-o"]);
    output(compiler.arg(library(directory)).arg(source)).map(drop)
}

/// The compiler, for code that has the runtime in `directory`.
pub fn compiler(directory: &Path) -> Command {
    let mut dependency = std::ffi::OsString::from("datasheet_runtime=");
    dependency.push(library(directory));
    let mut compiler = bare();
    compiler.arg("--extern").arg(dependency);
    compiler
}

/// Runs a command, and gives what it prints; what it complains of, if it fails.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        let errors: Vec<_> = told.split("\n\n").filter(|part| !part.starts_with("warning")).take(12).collect();
        return Err(format!("{command:?} fails:\n{}", errors.join("\n\n")).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn bare() -> Command {
    let compiler = std::env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
    let mut compiler = Command::new(compiler);
    compiler.args(["--edition=2024", "-Cdebuginfo=0"]);
    compiler
}

fn library(directory: &Path) -> PathBuf {
    directory.join("libdatasheet_runtime.rlib")
}
