//! The program: its output, and its exit status.
#![cfg(feature = "cli")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use datasheet_codegen::Generator;
use datasheet_codegen::source::Source;

fn run(command: &str, file: &str) -> std::io::Result<Output> {
    let file = Path::new("tests").join(file);
    Command::new(env!("CARGO_BIN_EXE_datasheet-codegen"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([command.as_ref(), file.as_os_str()])
        .output()
}

#[test]
fn check_accepts_a_valid_description() -> Result<(), Box<dyn Error>> {
    let output = run("check", "golden/input.yaml")?;
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout)?, "tests/golden/input.yaml: 17 registers, 3 descriptors: no errors\n");
    assert!(output.stderr.is_empty());
    Ok(())
}

#[test]
fn check_covers_an_extension_and_its_description() -> Result<(), Box<dyn Error>> {
    let check = |extension| program(&["check", "golden/input.yaml", "--extension", extension]).output();
    let output = check("golden/extension.yaml")?;
    let text = String::from_utf8(output.stdout)?;
    assert_eq!(text, "golden/extension.yaml, an extension of golden/input.yaml: no errors\n");
    assert!(output.status.success());

    let output = check("ui/extension_conflicts/extension.yaml")?;
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr)?;
    for file in ["--> ui/extension_conflicts/extension.yaml:7:11", "::: golden/input.yaml:54:11"] {
        assert!(text.contains(file), "{text}");
    }
    Ok(())
}

#[test]
fn warnings_fail_only_if_they_are_denied() -> Result<(), Box<dyn Error>> {
    let file = "ui/lint_undocumented/input.yaml";
    for (options, status) in [(&[][..], 0), (&["--deny-warnings"], 1)] {
        let output = program(&["check", file]).args(options).output()?;
        assert_eq!(output.status.code(), Some(status));
        assert_eq!(
            String::from_utf8(output.stdout)?,
            format!("{file}: 2 registers, 1 descriptors: no errors, 2 warnings\n")
        );
        let text = String::from_utf8(output.stderr)?;
        assert!(text.starts_with("warning[undocumented]: field `SIZE` of register `A` is not documented\n"), "{text}");
        assert!(
            text.contains(&format!("--> {file}:17:7")) && text.ends_with(&format!("warning: {file} has 2 warnings\n"))
        );
    }
    let extension = ["check", "golden/input.yaml", "--extension", "golden/extension.yaml", "--deny-warnings"];
    assert!(program(&extension).output()?.status.success());
    Ok(())
}

#[test]
fn the_description_in_the_manual_is_whole() -> Result<(), Box<dyn Error>> {
    let blocks = include_str!("../README.md").split("```yaml\n").filter_map(|rest| rest.split_once("```"));
    let whole = blocks.map(|(text, _)| text).find(|text| text.starts_with("chip: ")).ok_or("no whole description")?;
    let linted =
        datasheet_codegen::lint_source(Source::new("README.md", whole)).map_err(|report| report.to_string())?;
    assert_eq!(linted.warnings.to_string(), "");
    Ok(())
}

#[test]
fn the_lints_are_those_of_the_manual() -> Result<(), Box<dyn Error>> {
    let listed = String::from_utf8(program(&["lints"]).output()?.stdout)?;
    let listed = listed.lines().filter_map(|line| line.split_once(' ')).map(|(name, what)| (name, what.trim()));
    let manual = include_str!("../README.md").split_once("| lint | it warns about |").ok_or("no table of lints")?.1;
    let rows =
        manual.lines().skip(2).map_while(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "));
    assert_eq!(listed.collect::<Vec<_>>(), rows.collect::<Vec<_>>());
    Ok(())
}

#[test]
fn errors_go_to_standard_error_in_plain_text() -> Result<(), Box<dyn Error>> {
    let output = run("check", "ui/fields_overlap/input.yaml")?;
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr)?;
    assert!(text.contains("--> tests/ui/fields_overlap/input.yaml:17:23"), "{text}");
    assert!(!text.contains('\x1b'), "unexpected colour: {text:?}");
    Ok(())
}

#[test]
fn a_missing_file_is_reported() -> Result<(), Box<dyn Error>> {
    let output = run("dump", "nowhere.yaml")?;
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr)?;
    assert!(text.starts_with("error: cannot read tests/nowhere.yaml: "), "{text}");
    Ok(())
}

#[test]
fn a_dump_has_every_element() -> Result<(), Box<dyn Error>> {
    let output = run("dump", "golden/input.yaml")?;
    assert!(output.status.success());
    let dump: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let register = |name: &str| {
        let registers = dump["registers"].as_array().cloned().unwrap_or_default();
        registers.into_iter().find(|register| register["name"] == name).unwrap_or_default()
    };
    assert_eq!(register("BASE")["marks"], serde_json::json!(["memory_safety"]));
    assert_eq!(register("KEY")["marks"], serde_json::json!(["device_state", "hardware_damage"]));
    assert_eq!(register("MODE")["marks"], serde_json::json!([]));
    assert_eq!(register("BASE")["offsets"], serde_json::json!([0x100, 0x140, 0x180, 0x1C0, 0x400, 0x440]));
    assert_eq!(register("BASE")["reset"], serde_json::Value::Null);
    assert_eq!(register("MODE")["aliases"], serde_json::json!([0x800]));
    assert_eq!(
        register("MODE")["fields"][0],
        serde_json::json!({
            "name": "SPEED", "lsb": 0, "width": 2, "access": "rw", "reset": 2,
            "values": { "Stop": 0, "Slow": 1, "Fast": 2 },
        })
    );
    assert_eq!(dump["descriptors"][1]["format"], "write_back");
    assert_eq!(dump["byte_order"], "little");
    assert_eq!((&register("RATE")["window"], &register("MODE")["window"]), (&"Lane".into(), &serde_json::Value::Null));
    assert_eq!(
        dump["windows"][1],
        serde_json::json!({
            "name": "Phy", "select": "PHY_CTRL.ADDRESS", "count": 32, "registers": ["PHY_DATA"], "commands": true,
        })
    );
    Ok(())
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_datasheet-codegen"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")).args(arguments);
    command
}

#[test]
fn the_exit_status_of_diff_is_the_level_of_the_change() -> Result<(), Box<dyn Error>> {
    let golden = "golden/input.yaml";
    let code = |old, new| program(&["diff", old, new]).output().map(|output| output.status.code());
    assert_eq!(code(golden, golden)?, Some(0));
    assert_eq!(code(golden, "../../registers.yaml")?, Some(1));
    assert_eq!(code(golden, "nowhere.yaml")?, Some(2));
    assert_eq!(code("ui/fields_overlap/input.yaml", golden)?, Some(2));
    Ok(())
}

#[test]
fn fmt_changes_the_file_and_fmt_check_does_not() -> Result<(), Box<dyn Error>> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("layout.yaml");
    let name = file.to_string_lossy().into_owned();
    let before = "title: Two\nchip: One\n";
    std::fs::write(&file, before)?;
    let output = program(&["fmt", "--check", &name]).output()?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr)?.contains("the file is not formatted"));
    assert_eq!(std::fs::read_to_string(&file)?, before);
    assert!(program(&["fmt", &name]).status()?.success());
    assert_eq!(std::fs::read_to_string(&file)?, "chip: One\ntitle: Two\n");
    assert!(program(&["fmt", "--check", &name]).status()?.success());
    Ok(())
}

#[test]
fn a_closed_pipe_is_not_an_error() -> Result<(), Box<dyn Error>> {
    for arguments in [
        &["dump", "../../registers.yaml"][..],
        &["svd", "../../registers.yaml"],
        &["schema"],
        &["diff", "golden/input.yaml", "golden/input.yaml"],
        &["explain", "MODE", "--file", "golden/input.yaml"],
        &["decode", "MODE", "0x12", "--file", "golden/input.yaml"],
    ] {
        let mut child = program(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        drop(child.stdout.take());
        let output = child.wait_with_output()?;
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
    Ok(())
}

/// Returns all files in a directory and its subdirectories, by their relative paths.
fn files(directory: &Path) -> std::io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut open = vec![PathBuf::new()];
    while let Some(relative) = open.pop() {
        for entry in std::fs::read_dir(directory.join(&relative))? {
            let (entry, relative) = entry.map(|entry| (entry.path(), relative.join(entry.file_name())))?;
            if entry.is_dir() {
                open.push(relative);
            } else {
                files.insert(relative, std::fs::read(entry)?);
            }
        }
    }
    Ok(files)
}

#[test]
fn rust_writes_the_files_of_the_generator() -> Result<(), Box<dyn Error>> {
    let (input, extension) = ("golden/input.yaml", "golden/extension.yaml");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let new = || Generator::new(tests.join(input));
    let cases: [(&[&str], Generator, &[&str]); 3] = [
        (&[], new(), &["descriptors.rs", "docs", "registers.rs"]),
        (&["--crate-path", "crate::runtime"], new().crate_path("crate::runtime"), &["descriptors.rs", "registers.rs"]),
        (
            &["--extension", extension, "--crate-path", "::demo"],
            Generator::extending(tests.join(input), tests.join(extension)).crate_path("::demo"),
            &["docs", "registers.rs"],
        ),
    ];
    for (number, (options, generator, names)) in cases.into_iter().enumerate() {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust").join(number.to_string());
        let (expected, written) = (directory.join("expected"), directory.join("written"));
        if directory.exists() {
            std::fs::remove_dir_all(&directory)?;
        }
        generator.emit_to(&expected)?;
        let output = program(&["rust", input]).arg(&written).args(options).output()?;
        assert!(output.status.success(), "{options:?}: {output:?}");
        assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{options:?}: {output:?}");
        assert!(names.iter().all(|name| written.join(name).exists()), "{options:?}: a file is missing");
        assert!(files(&written)? == files(&expected)?, "{options:?}: the files differ from those of the generator");
    }
    Ok(())
}

#[test]
fn rust_writes_nothing_from_an_invalid_description() -> Result<(), Box<dyn Error>> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust-invalid");
    let output = program(&["rust", "ui/fields_overlap/input.yaml"]).arg(&directory).output()?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr)?.contains("--> ui/fields_overlap/input.yaml:17:23"));
    assert!(!directory.exists());
    Ok(())
}

#[test]
fn rust_asks_for_the_path_of_the_extended_crate() -> Result<(), Box<dyn Error>> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust-no-path");
    let extension = ["rust", "golden/input.yaml", "--extension", "golden/extension.yaml"];
    let output = program(&extension).arg(&directory).output()?;
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr)?;
    let message =
        "error: --extension needs --crate-path: give the path of the extended crate, such as ::ixgbe\n\nUsage: ";
    assert!(text.starts_with(message), "{text}");
    assert!(!directory.exists());
    Ok(())
}
