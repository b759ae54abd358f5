//! The program: what it prints where, and how it ends.
#![cfg(feature = "cli")]

use std::error::Error;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run(command: &str, file: &str) -> std::io::Result<Output> {
    let file = Path::new("tests").join(file);
    Command::new(env!("CARGO_BIN_EXE_datasheet-codegen"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([command.as_ref(), file.as_os_str()])
        .output()
}

#[test]
fn a_right_description_passes() -> Result<(), Box<dyn Error>> {
    let output = run("check", "golden/input.yaml")?;
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout)?, "tests/golden/input.yaml: 10 registers, 2 descriptors: no errors\n");
    assert!(output.stderr.is_empty());
    Ok(())
}

#[test]
fn an_extension_is_checked_with_what_it_extends() -> Result<(), Box<dyn Error>> {
    let check = |extension| program(&["check", "golden/input.yaml", "--extension", extension]).output();
    let output = check("golden/extension.yaml")?;
    let text = String::from_utf8(output.stdout)?;
    assert_eq!(text, "golden/extension.yaml, an extension of golden/input.yaml: no errors\n");
    assert!(output.status.success());

    let output = check("ui/extension_conflicts/extension.yaml")?;
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr)?;
    for file in ["--> ui/extension_conflicts/extension.yaml:7:11", "::: golden/input.yaml:52:11"] {
        assert!(text.contains(file), "{text}");
    }
    Ok(())
}

#[test]
fn mistakes_go_to_standard_error_in_plain_text() -> Result<(), Box<dyn Error>> {
    let output = run("check", "ui/fields_overlap/input.yaml")?;
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr)?;
    assert!(text.contains("--> tests/ui/fields_overlap/input.yaml:17:23"), "{text}");
    assert!(!text.contains('\x1b'), "nobody asked for colour: {text:?}");
    Ok(())
}

#[test]
fn a_file_that_is_not_there_is_said_to_be_so() -> Result<(), Box<dyn Error>> {
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
    Ok(())
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_datasheet-codegen"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")).args(arguments);
    command
}

#[test]
fn a_difference_ends_with_what_it_means() -> Result<(), Box<dyn Error>> {
    let golden = "golden/input.yaml";
    let code = |old, new| program(&["diff", old, new]).output().map(|output| output.status.code());
    assert_eq!(code(golden, golden)?, Some(0));
    assert_eq!(code(golden, "../../registers.yaml")?, Some(1));
    assert_eq!(code(golden, "nowhere.yaml")?, Some(2));
    assert_eq!(code("ui/fields_overlap/input.yaml", golden)?, Some(2));
    Ok(())
}

#[test]
fn laying_out_changes_the_file_unless_it_is_only_to_be_checked() -> Result<(), Box<dyn Error>> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("layout.yaml");
    let name = file.to_string_lossy().into_owned();
    let before = "title: Two\nchip: One\n";
    std::fs::write(&file, before)?;
    let output = program(&["fmt", "--check", &name]).output()?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr)?.contains("this is not laid out as it should be"));
    assert_eq!(std::fs::read_to_string(&file)?, before);
    assert!(program(&["fmt", &name]).status()?.success());
    assert_eq!(std::fs::read_to_string(&file)?, "chip: One\ntitle: Two\n");
    assert!(program(&["fmt", "--check", &name]).status()?.success());
    Ok(())
}

#[test]
fn a_reader_that_has_gone_away_is_no_mistake() -> Result<(), Box<dyn Error>> {
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
