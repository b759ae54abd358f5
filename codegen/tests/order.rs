//! The modules use each other in one direction.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the crate: each uses only those before it.
const ORDER: &[&str] = &[
    "source",
    "diagnostic",
    "yaml",
    "description",
    "unknown",
    "rust_name",
    "parse",
    "share",
    "extend",
    "rules",
    "check",
    "lint",
    "lower",
    "tools",
    "emit",
    "generate",
];

fn sources(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[test]
fn modules_use_only_those_before_them() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files)?;
    let place = |module: &str| ORDER.iter().position(|known| *known == module);
    let (mut uses, mut failures) = (0, Vec::new());
    for file in files {
        let path = file.strip_prefix(&root)?.with_extension("");
        let module = path.iter().next().and_then(|module| module.to_str()).unwrap_or_default();
        // The root of the crate and of the program use all of them.
        let Some(own) = place(module) else {
            assert!(matches!(module, "lib" | "main"), "`{module}` is missing in the order");
            continue;
        };
        let text = fs::read_to_string(&file)?;
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let uses_of = |line: &'_ str| -> Vec<String> {
            let uses = line.split("crate::").skip(1).flat_map(|rest| match rest.strip_prefix('{') {
                Some(list) => list.split(',').collect(),
                None => vec![rest],
            });
            let is_name = |letter: char| letter == '_' || letter.is_alphanumeric();
            uses.map(|used| used.trim_start().chars().take_while(|letter| is_name(*letter)).collect()).collect()
        };
        for used in code.flat_map(uses_of) {
            let Some(used) = place(&used) else { continue };
            uses += 1;
            if used > own {
                failures.push(format!("{} uses {}", path.display(), ORDER[used]));
            }
        }
    }
    assert!(uses > ORDER.len(), "only {uses} uses were found");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}
