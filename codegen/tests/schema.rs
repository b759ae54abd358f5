//! `codegen/schema.json` is the current schema, and the descriptions and extensions are valid by it.
//!
//! `BLESS=1 cargo test -p datasheet-codegen --test schema` writes it.
#![cfg(feature = "cli")]

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use datasheet_codegen::source::Source;
use datasheet_codegen::{emit, read_bytes, read_extension};

fn codegen() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn yaml(path: &str) -> Result<Value, Box<dyn Error>> {
    Ok(serde_yaml::from_str(&fs::read_to_string(codegen().join(path))?)?)
}

fn validator() -> Result<jsonschema::Validator, Box<dyn Error>> {
    let schema: Value = serde_json::from_str(&emit::schema::schema())?;
    jsonschema::draft202012::meta::validate(&schema).map_err(|error| error.to_string())?;
    Ok(jsonschema::draft202012::new(&schema)?)
}

#[test]
fn the_file_is_current() -> Result<(), Box<dyn Error>> {
    let file = codegen().join("schema.json");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, emit::schema::schema())?;
    }
    let current = fs::read_to_string(file).unwrap_or_default() == emit::schema::schema();
    assert!(current, "run `BLESS=1 cargo test -p datasheet-codegen --test schema`");
    Ok(())
}

#[test]
fn descriptions_are_valid() -> Result<(), Box<dyn Error>> {
    let validator = validator()?;
    for file in [
        "../registers.yaml",
        "tests/golden/input.yaml",
        "tests/golden/extension.yaml",
        "../tests/extension/acme/acme.yaml",
        "../tests/extension/beta/beta.yaml",
    ] {
        let errors: Vec<_> =
            validator.iter_errors(&yaml(file)?).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{file}: {errors:#?}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_read_is_not_valid() -> Result<(), Box<dyn Error>> {
    let golden = fs::read_to_string(codegen().join("tests/golden/input.yaml"))?;
    let (description, extension) = (yaml("tests/golden/input.yaml")?, yaml("tests/golden/extension.yaml")?);
    // JSON is YAML, so the reader must reject the same files.
    let reads = |text: &str| read_bytes("input.yaml", text.as_bytes()).is_ok();
    let extends =
        |text: &str| read_extension(Source::new("input.yaml", &*golden), Source::new("extension.yaml", text)).is_ok();
    let validator = validator()?;
    let refused = |right: &Value, path: &str, wrong: Value, reads: &dyn Fn(&str) -> bool| {
        let mut file = right.clone();
        let (parent, key) = path.rsplit_once('/').ok_or("a path begins with a slash")?;
        let parent = file.pointer_mut(parent).and_then(Value::as_object_mut).ok_or("nothing is there")?;
        parent.insert(key.to_owned(), wrong);
        assert!(!validator.is_valid(&file), "{path} is valid: {file}");
        assert!(!reads(&file.to_string()), "{path} is read: {file}");
        Ok::<_, Box<dyn Error>>(())
    };
    assert!(reads(&description.to_string()) && extends(&extension.to_string()), "what is right is not read");
    for (path, wrong) in [
        ("/registers/0/page", json!(null)),
        ("/registers/0/array", json!(null)),
        ("/registers/0/access", json!("rwx")),
        ("/registers/0/reset", json!("none")),
        ("/registers/0/reset", json!(-1)),
        ("/registers/0/fields/SPEED/bits", json!("0 to 1")),
        ("/registers/0/fields/SPEED/bits", json!(1)),
        ("/registers/0/fields/SIZE/range", json!([1, 2, 3])),
        ("/registers/0/fields/SPEED", json!({ "doc": "Has no bits." })),
        ("/registers/0/fields/SPEED", json!({ "bits": "1:0", "docs": "No such key." })),
        ("/datasheet", json!({ "document": "1" })),
        ("/pairs/0/order", json!("low")),
        ("/descriptors/0/format", json!("both")),
    ] {
        refused(&description, path, wrong, &reads)?;
    }
    for (path, wrong) in [
        ("/chip", json!("Demo")),
        ("/extends", json!(null)),
        ("/registers/0/access", json!("rwx")),
        ("/additions/MODE/fields", json!([])),
        ("/additions/MODE/fields/ACME", json!({ "doc": "Has no bits." })),
        ("/additions/MODE/values/SPEED", json!({ "Ludicrous": "3" })),
        ("/additions/MODE/reset", json!(0)),
    ] {
        refused(&extension, path, wrong, &extends)?;
    }
    Ok(())
}
