//! Crates that a test writes to a directory and builds there as a user would.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Makes an empty directory for crates, without what an older run left behind.
pub fn directory(name: &str) -> Result<PathBuf> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crates").join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// Writes the files of a page to `directory`: each block whose first line names a file that `is_file` accepts.
///
/// Returns the names of the files in the page's order.
pub fn write_files_of(page: &str, directory: &Path, is_file: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for block in fs::read_to_string(root().join(page))?.split("\n```").skip(1).step_by(2) {
        let name = block.lines().nth(1).and_then(|line| line.split_once(' ')).map_or("", |(_, name)| name);
        let Some((_, text)) = block.split_once('\n').filter(|_| is_file(name)) else { continue };
        let path = directory.join(name);
        fs::create_dir_all(path.parent().ok_or("a file without a directory")?)?;
        // The page has the crates beside this one. Here they lie below it, so each is a workspace of its own.
        let text = text.replace("\"../ixgbe", &format!("\"{}", root().display()));
        let workspace = if name.ends_with("Cargo.toml") { "\n[workspace]\n" } else { "" };
        fs::write(path, text + workspace)?;
        names.push(name.to_owned());
    }
    Ok(names)
}

/// The target directory of all these crates, which has their programs and their documentation.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("crates/target")
}

/// The directory of what the cargo that runs this test has built: dependencies that are there are not built again.
pub fn build_directory() -> Result<&'static Path> {
    Ok(Path::new(env!("CARGO_TARGET_TMPDIR")).parent().ok_or("a target directory without a parent")?)
}

/// Runs cargo in the directory of a crate or workspace, with the versions of our own dependencies.
pub fn cargo(directory: &Path, arguments: &[&str]) -> Result<Output> {
    // These versions have been fetched.
    fs::copy(root().join("Cargo.lock"), directory.join("Cargo.lock"))?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).args(["--offline", "--quiet"]).current_dir(directory);
    // What cargo sets for this test is not meant for the cargo that it starts. What the user sets is.
    let is_users = |name: &str| name == "CARGO_HOME" || name.starts_with("CARGO_PROFILE_");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_") && !is_users(name)) {
            cargo.env_remove(name);
        }
    }
    cargo.env("CARGO_TARGET_DIR", target()).env("CARGO_BUILD_BUILD_DIR", build_directory()?);
    Ok(cargo.env_remove("RUSTFLAGS").output()?)
}
