//! The output for a small chip with one of everything, from `golden/input.yaml`: `golden/registers.rs`,
//! `golden/descriptors.rs`, and the files that their documentation includes. They are the best overview of the output.
//!
//! `BLESS=1 cargo test -p datasheet-codegen --test golden` writes the current output.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;

use similar::TextDiff;

use datasheet_codegen::Generator;

#[test]
fn generated_code_is_unchanged() -> Result<(), Box<dyn Error>> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let generated = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden");
    // Removes files of older runs.
    let _ = fs::remove_dir_all(&generated);
    fs::create_dir_all(&generated)?;
    Generator::extending(golden.join("input.yaml"), golden.join("extension.yaml"))
        .crate_path("::demo")
        .emit_to(&generated)?;
    for (file, name) in [("registers.rs", "extension.rs"), ("descriptors.rs", "extension_descriptors.rs")] {
        fs::rename(generated.join(file), generated.join(name))?;
    }
    Generator::new(golden.join("input.yaml")).uses(golden.join("uses.txt")).emit_to(&generated)?;

    let files = ["registers.rs", "descriptors.rs", "extension.rs", "extension_descriptors.rs"];
    let mut files: BTreeSet<_> = files.map(str::to_owned).into();
    for directory in [&golden, &generated] {
        for entry in fs::read_dir(directory.join("docs")).into_iter().flatten() {
            files.insert(format!("docs/{}", entry?.file_name().to_string_lossy()));
        }
    }
    let mut failures = String::new();
    for file in &files {
        let new = fs::read_to_string(generated.join(file)).unwrap_or_default();
        if std::env::var_os("BLESS").is_some() {
            fs::create_dir_all(golden.join("docs"))?;
            fs::write(golden.join(file), &new)?;
        }
        let old = fs::read_to_string(golden.join(file)).unwrap_or_default();
        if old != new {
            failures +=
                &TextDiff::from_lines(&old, &new).unified_diff().header(file, "what is generated now").to_string();
        }
    }
    assert!(failures.is_empty(), "other code is generated now:\n{failures}");
    Ok(())
}

#[test]
fn the_runtime_may_be_in_another_crate() -> Result<(), Box<dyn Error>> {
    let input = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/input.yaml");
    let generated = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other_crate");
    fs::create_dir_all(&generated)?;
    Generator::new(input).crate_path("::other").emit_to(&generated)?;
    let code = fs::read_to_string(generated.join("registers.rs"))?;
    assert!(code.contains("use ::other::register::"), "the runtime is looked for elsewhere");
    assert!(!code.contains("crate::"), "something of the runtime is still looked for in the crate itself");
    Ok(())
}

#[test]
fn the_space_has_the_byte_order_of_the_description() -> Result<(), Box<dyn Error>> {
    let input = include_str!("golden/input.yaml").replace("\nwidths:", "\nbyte_order: big\nwidths:");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("big_endian");
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("input.yaml"), input)?;
    Generator::new(directory.join("input.yaml")).emit_to(&directory)?;
    let code = fs::read_to_string(directory.join("registers.rs"))?;
    assert!(code.contains("type ByteOrder = BigEndian;") && !code.contains("LittleEndian"), "another byte order");
    Ok(())
}
