//! The crates of docs/tutorial.md build as they stand there, and their tests pass.

#[path = "common/crates.rs"]
mod crates;

use crates::{Result, cargo, directory, write_files_of};

#[test]
fn the_crates_of_the_tutorial_build_and_pass_their_tests() -> Result {
    let directory = directory("tutorial")?;
    let is_file = |name: &str| name.starts_with("watchdog/") || name.starts_with("board/");
    let files = write_files_of("docs/tutorial.md", &directory, is_file)?;
    assert_eq!(files.len(), 10, "the tutorial has other files than this test knows of: {files:?}");
    for package in ["watchdog", "board"] {
        for command in [&["test"][..], &["doc", "--no-deps"]] {
            let output = cargo(&directory.join(package), command)?;
            let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(output.status.success(), "cargo {command:?} fails in {package}:\n{printed}");
            assert!(!printed.contains("warning"), "cargo {command:?} warns in {package}:\n{printed}");
        }
    }
    Ok(())
}
