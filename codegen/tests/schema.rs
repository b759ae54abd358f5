//! `codegen/schema.json` is the schema of what is read, and registers.yaml is valid by it.
//!
//! `BLESS=1 cargo test -p datasheet-codegen --test schema` writes it.
#![cfg(feature = "cli")]

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use datasheet_codegen::{emit, read_bytes};

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
    for file in ["../registers.yaml", "tests/golden/input.yaml"] {
        let mistakes: Vec<_> = validator
            .iter_errors(&yaml(file)?)
            .map(|mistake| format!("{}: {mistake}", mistake.instance_path()))
            .collect();
        assert!(mistakes.is_empty(), "{file}: {mistakes:#?}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_read_is_not_valid() -> Result<(), Box<dyn Error>> {
    let validator = validator()?;
    let golden = yaml("tests/golden/input.yaml")?;
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
        let mut description = golden.clone();
        let (parent, key) = path.rsplit_once('/').unwrap_or_default();
        description
            .pointer_mut(parent)
            .and_then(Value::as_object_mut)
            .ok_or(path)?
            .insert(key.to_owned(), wrong.clone());
        assert!(!validator.is_valid(&description), "{path}: {wrong} is valid");
        // JSON is YAML: neither does the reader accept it.
        assert!(read_bytes("input.yaml", description.to_string().as_bytes()).is_err(), "{path}: {wrong} is read");
    }
    Ok(())
}
