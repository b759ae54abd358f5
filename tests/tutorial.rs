//! The crates of docs/tutorial.md build as they stand there, and their tests pass.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn the_crates_of_the_tutorial_build_and_pass_their_tests() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tutorial");
    // What an older run left behind is not part of it.
    let _ = fs::remove_dir_all(&directory);
    let mut files = 0;
    for block in fs::read_to_string(root.join("docs/tutorial.md"))?.split("\n```").skip(1).step_by(2) {
        let name = block.lines().nth(1).and_then(|line| line.split_once(' ')).map_or("", |(_, name)| name);
        let Some((_, text)) =
            block.split_once('\n').filter(|_| name.starts_with("watchdog/") || name.starts_with("board/"))
        else {
            continue;
        };
        let path = directory.join(name);
        fs::create_dir_all(path.parent().ok_or("a file without a directory")?)?;
        // Here the crates lie below this one, and not beside it.
        let text = text.replace("\"../ixgbe", &format!("\"{}", root.display()));
        let alone = if name.ends_with("Cargo.toml") { "\n[workspace]\n" } else { "" };
        fs::write(&path, text + alone)?;
        files += 1;
    }
    assert_eq!(files, 10, "the tutorial has other files than this test knows of");
    for (package, command) in [("watchdog", "test"), ("board", "test"), ("watchdog", "doc"), ("board", "doc")] {
        let package = directory.join(package);
        fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock"))?;
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([command, "--offline", "--quiet"]).current_dir(&package);
        // What cargo tells this test is not meant for the one that it starts.
        for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_")) {
            if variable != "CARGO_HOME" {
                cargo.env_remove(variable);
            }
        }
        let target = directory.with_file_name("tutorial-target");
        let output = cargo.env("CARGO_TARGET_DIR", target).env_remove("RUSTFLAGS").output()?;
        let printed = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success(), "cargo {command} fails in {}:\n{printed}", package.display());
        assert!(!printed.contains("warning"), "cargo {command} warns in {}:\n{printed}", package.display());
    }
    Ok(())
}
