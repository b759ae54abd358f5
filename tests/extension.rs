//! The map extended from outside: `extension/` is a workspace of its own in which two crates add fields, values,
//! registers and arrays, and a program uses both. Each file in its `misuse/` must not compile, and says why on its first line.

#[path = "common/crates.rs"]
mod crates;

use std::fs;
use std::path::{Path, PathBuf};

use crates::{Result, cargo, directory, root, target, write_files_of};

#[test]
fn crates_add_to_the_map() -> Result {
    let workspace = workspace()?;

    let run = cargo(&workspace, &["run", "--bin", "program"])?;
    assert!(run.status.success(), "the program does not run:\n{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(
        String::from_utf8(run.stdout)?,
        "ACME_CONTROL ACME_LED ACME_QUEUE ACME_DMA ACME_DMA_H ACME_LOG BETA_STATUS\n"
    );

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
        ("trait.AcmeRegisters.html", ["acme_mac", "An entry of the receive address table"]),
        ("permission/enum.LogStopped.html", ["LogStopped", "log is stopped"]),
        ("descriptors/trait.AcmeAdvancedTransmitDataRead.html", ["<svg", "The packet goes to the board"]),
        ("descriptors/enum.AcmeEntry.html", ["<svg", "When it was seen"]),
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
    const FILES: [&str; 5] = ["Cargo.toml", "acme.yaml", "build.rs", "src/lib.rs", "src/main.rs"];
    for page in ["docs/registers.md", "codegen/README.md"] {
        let directory = directory(&page.replace('/', "-"))?;
        let mut files = write_files_of(page, &directory, |name| FILES.contains(&name))?;
        files.sort();
        assert_eq!(files, FILES, "{page} has other files than this test knows of");
        let build = cargo(&directory, &["build"])?;
        let told = String::from_utf8_lossy(&build.stderr);
        assert!(build.status.success() && told.is_empty(), "the crate in {page} does not build cleanly:\n{told}");
    }
    Ok(())
}

/// The fixture, copied so that cargo leaves nothing beside the sources.
fn workspace() -> Result<PathBuf> {
    let copy = directory("extension")?;
    copy_directory(&root().join("tests/extension"), &copy)?;
    for manifest in ["Cargo.toml", "beta/Cargo.toml"] {
        let text = fs::read_to_string(copy.join(manifest))?;
        let root = format!("path = \"{}", root().display());
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
