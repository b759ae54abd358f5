//! The errors and warnings: `ui/NAME/stderr` for `ui/NAME/input.yaml`, or for `ui/NAME/extension.yaml`, which extends
//! `golden/input.yaml` or the `input.yaml` in the same directory.
//!
//! `BLESS=1 cargo test -p datasheet-codegen --test ui` writes the current output. Review the difference before you
//! commit it.

use std::error::Error;
use std::fs;
use std::path::Path;

use similar::TextDiff;

use datasheet_codegen::source::Source;
use datasheet_codegen::{lint_extension, lint_source, read_text};

const GOLDEN: &str = include_str!("golden/input.yaml");

#[test]
fn diagnostics_match_the_expected_output() -> Result<(), Box<dyn Error>> {
    let bless = std::env::var_os("BLESS").is_some();
    let mut cases: Vec<_> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    cases.sort();
    assert!(!cases.is_empty(), "there is no case");

    let mut failures = String::new();
    for case in cases {
        let extension = case.join("extension.yaml");
        let diagnostics = if extension.exists() {
            let own = case.join("input.yaml");
            let own = own.exists().then(|| fs::read_to_string(own)).transpose()?;
            let description = Source::new("input.yaml", own.unwrap_or_else(|| GOLDEN.to_owned()));
            let extension = Source::new("extension.yaml", fs::read_to_string(extension)?);
            lint_extension(description, extension).map(|linted| linted.warnings)
        } else {
            let source = read_text("input.yaml", &fs::read(case.join("input.yaml"))?);
            source.and_then(lint_source).map(|linted| linted.warnings)
        };
        let read = match &diagnostics {
            Ok(warnings) => format!("no errors\n{warnings}"),
            Err(errors) => errors.to_string(),
        };
        let expected = case.join("stderr");
        if bless {
            fs::write(expected, read)?;
            continue;
        }
        let blessed = fs::read_to_string(expected).unwrap_or_default();
        if read != blessed {
            let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let diff = TextDiff::from_lines(&blessed, &read);
            failures += &diff.unified_diff().header(&format!("ui/{name}/stderr"), "current output").to_string();
        }
    }
    assert!(failures.is_empty(), "some diagnostics differ:\n{failures}");
    Ok(())
}
