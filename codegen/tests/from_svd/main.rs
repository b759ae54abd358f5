//! Descriptions that are converted from SVD files.
//!
//! `features.svd` has one of everything, and `features.yaml` is what becomes of it.
//! `BLESS=1 cargo test -p datasheet-codegen --test from_svd` writes the current output.
#![cfg(feature = "cli")]

#[path = "../random_maps/compiler.rs"]
mod compiler;
mod errors;
mod files;
mod mutations;
mod walk;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use datasheet_codegen::source::Source;
use datasheet_codegen::tools::from_svd::{Converted, from_svd};
use datasheet_codegen::{Generator, emit, lower, read_bytes, read_file};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const FEATURES: &str = include_str!("features.svd");

fn converted(name: &str, svd: &str) -> Result<Converted> {
    Ok(from_svd(&Source::new(name, svd))?)
}

/// Generates code for a description and compiles it with the runtime.
fn compile(name: &str, description: &str) -> Result {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("from_svd").join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory)?;
    let file = directory.join("registers.yaml");
    fs::write(&file, description)?;
    Generator::new(&file).emit_to(&directory)?;
    compiler::runtime(&directory)?;
    let mut blocks = String::new();
    for (number, entry) in fs::read_dir(&directory)?.enumerate() {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("registers_") {
            blocks += &format!("pub mod block{number} {{ include!(\"{name}\"); }}\n");
        }
    }
    let library = directory.join("lib.rs");
    let source = format!(
        "#![allow(dead_code, non_snake_case, non_camel_case_types, unused_imports)]
         pub mod registers {{ include!(\"registers.rs\"); {blocks} }}
         pub mod descriptors {{ include!(\"descriptors.rs\"); }}"
    );
    fs::write(&library, source)?;
    let mut compiler = compiler::compiler(&directory);
    compiler.args(["--crate-type=lib", "--emit=metadata", "--out-dir"]).args([&directory, &library]);
    compiler::output(&mut compiler).map(drop)
}

#[test]
fn one_of_everything() -> Result {
    let converted = converted("tests/from_svd/features.svd", FEATURES)?;
    let text = format!("{}\n# Warnings:\n# {}\n", converted.text, converted.warnings.join("\n# "));
    let blessed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/from_svd/features.yaml");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&blessed, &text)?;
    }
    let expected = fs::read_to_string(&blessed).unwrap_or_default();
    let difference = TextDiff::from_lines(&expected, &text).unified_diff().header("features.yaml", "now").to_string();
    assert!(difference.is_empty(), "the description differs:\n{difference}");

    let checked = read_bytes("features.yaml", converted.text.as_bytes()).map_err(|report| report.to_string())?;
    let agreed = walk::agree(FEATURES, &lower::lower(&checked))?;
    assert_eq!(agreed, walk::Agreed { registers: 90, fields: 216, values: 28 });
    compile("features", &converted.text)
}

#[test]
fn our_own_registers_are_the_same_again() -> Result {
    let ours: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../registers.yaml");
    let checked = read_file(&ours)?;
    let map = lower::lower(&checked);
    let svd = emit::svd::svd(&map)?;
    let converted = converted("82599.svd", &svd)?;
    assert_eq!(converted.warnings, Vec::<String>::new());
    let again = read_bytes("82599.yaml", converted.text.as_bytes()).map_err(|report| report.to_string())?;
    let again = lower::lower(&again);
    let agreed = walk::agree(&svd, &again)?;
    assert!(agreed.registers > 1000 && agreed.fields > 2000 && agreed.values > 100, "{agreed:?}");
    // Names survive, too. An array of several ranges is several arrays in SVD.
    let ours = map.registers.iter().filter(|register| register.ranges.len() == 1);
    for register in ours {
        let name = register.described.name.as_str();
        assert!(again.registers.iter().any(|again| again.described.name.as_str() == name), "{name} has another name");
    }
    Ok(())
}

#[test]
fn the_status_tells_whether_all_was_converted() -> Result {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let plain = directory.join("plain.svd");
    fs::write(&plain, errors::device("<register><name>A</name><addressOffset>0</addressOffset></register>"))?;
    let run = |file: &Path| {
        std::process::Command::new(env!("CARGO_BIN_EXE_datasheet-codegen")).arg("from-svd").arg(file).output()
    };
    let output = run(&plain)?;
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    assert!(String::from_utf8(output.stdout)?.contains("  - name: A\n"));

    let output = run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/from_svd/features.svd"))?;
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8(output.stdout)?.starts_with("# Converted from features.svd"));
    assert!(String::from_utf8(output.stderr)?.starts_with("warning: "));

    let output = run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/input.yaml"))?;
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    let text = String::from_utf8(output.stderr)?;
    assert!(text.starts_with("error: cannot convert ") && text.contains("it is not XML"), "{text}");
    Ok(())
}
