//! The map extended from outside: `extension/` is a workspace of its own in which two crates add fields, values,
//! registers and arrays, and a program uses both. Each file in its `misuse/` must not compile, and says why on its first line.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

#[test]
fn crates_add_to_the_map() -> Result {
    let workspace = workspace()?;

    let run = cargo(&workspace, &["run", "--bin", "program"])?;
    assert!(run.status.success(), "the program does not run:\n{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(String::from_utf8(run.stdout)?, "ACME_CONTROL ACME_LED ACME_QUEUE ACME_DMA BETA_STATUS\n");

    let check =
        cargo(&workspace, &["check", "--bins", "--features", "misuse", "--keep-going", "--message-format", "short"])?;
    assert!(!check.status.success(), "misuse compiles");
    let told = String::from_utf8(check.stderr)?;
    let mut cases = 0;
    for case in fs::read_dir(workspace.join("program/misuse"))? {
        let case = case?;
        let source = fs::read_to_string(case.path())?;
        let wanted = source.lines().next().and_then(|line| line.strip_prefix("//~ ")).ok_or("no line says why")?;
        let place = format!("program/misuse/{}:", case.file_name().to_string_lossy());
        let mut errors = told.lines().filter(|line| line.starts_with(&place) && line.contains(": error"));
        assert!(errors.any(|error| error.contains(wanted)), "{place} not told: {wanted}\n{told}");
        cases += 1;
    }
    assert!(cases > 0, "there is no case");

    let doc = cargo(&workspace, &["doc", "--no-deps", "-p", "acme"])?;
    assert!(doc.status.success(), "the documentation cannot be made:\n{}", String::from_utf8_lossy(&doc.stderr));
    assert!(doc.stderr.is_empty(), "rustdoc complains:\n{}", String::from_utf8_lossy(&doc.stderr));
    let pages = target().join("doc/acme");
    for (page, texts) in [
        ("trait.AcmeEXVET.html", ["<svg", "The fan is under"]),
        ("trait.AcmeRFCTL.html", ["AcmeNfs", "NFS_VER"]),
        ("trait.AcmeRegisters.html", ["acme_control", "Board Control"]),
        ("enum.ACME_LED.html", ["<svg", "0x1F100 + 0x8 * (n - 2)"]),
        ("by_address/index.html", ["0x1F000", "ACME_CONTROL"]),
    ] {
        let html = fs::read_to_string(pages.join(page))?;
        for text in texts {
            assert!(html.contains(text), "{page} does not have: {text}");
        }
    }
    Ok(())
}

/// docs/registers.md and codegen/README.md each show a whole crate: every block whose first line names a file is that
/// file.
#[test]
fn the_crates_in_the_documentation_build() -> Result {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for page in ["docs/registers.md", "codegen/README.md"] {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme").join(page.replace('/', "-"));
        // What an older run left behind is not part of it.
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("src"))?;
        fs::copy(root.join("Cargo.lock"), directory.join("Cargo.lock"))?;
        let mut missing = vec!["Cargo.toml", "build.rs", "acme.yaml", "src/lib.rs", "src/main.rs"];
        for block in fs::read_to_string(root.join(page))?.split("\n```").skip(1).step_by(2) {
            let name = block.lines().nth(1).and_then(|line| line.split_once(' ')).map_or("", |(_, name)| name);
            let Some(file) = missing.iter().position(|file| *file == name) else { continue };
            missing.remove(file);
            let (_, text) = block.split_once('\n').ok_or("an empty block")?;
            // Here the crate lies below this one, and not beside it.
            let text = text.replace("\"../ixgbe", &format!("\"{}", root.display()));
            let alone = if name == "Cargo.toml" { "\n[workspace]\n" } else { "" };
            fs::write(directory.join(name), text + alone)?;
        }
        assert!(missing.is_empty(), "{page} does not show {missing:?}");
        let build = cargo(&directory, &["build"])?;
        let told = String::from_utf8_lossy(&build.stderr);
        assert!(build.status.success() && told.is_empty(), "the crate in {page} does not build cleanly:\n{told}");
    }
    Ok(())
}

/// The fixture, copied so that cargo leaves nothing beside the sources.
fn workspace() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("extension-workspace");
    // What an older run left behind is not part of it.
    let _ = fs::remove_dir_all(&copy);
    copy_directory(&root.join("tests/extension"), &copy)?;
    // The versions of our own dependencies, which have been fetched.
    fs::copy(root.join("Cargo.lock"), copy.join("Cargo.lock"))?;
    for manifest in ["Cargo.toml", "beta/Cargo.toml"] {
        let text = fs::read_to_string(copy.join(manifest))?;
        let root = format!("path = \"{}", root.display());
        fs::write(copy.join(manifest), text.replace("path = \"../../..", &root).replace("path = \"../..", &root))?;
    }
    Ok(copy)
}

fn copy_directory(from: &Path, to: &Path) -> Result {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() { copy_directory(&from, &to)? } else { fs::copy(from, to).map(drop)? }
    }
    Ok(())
}

/// A target directory of its own: cargo locks the one that it builds in.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("extension")
}

fn cargo(workspace: &Path, arguments: &[&str]) -> Result<Output> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).args(["--offline", "--quiet"]).current_dir(workspace);
    // What cargo tells this test is not meant for the one that it starts.
    for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_")) {
        if variable != "CARGO_HOME" {
            cargo.env_remove(variable);
        }
    }
    Ok(cargo.env("CARGO_TARGET_DIR", target()).env_remove("RUSTFLAGS").output()?)
}
