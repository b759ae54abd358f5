//! What is generated depends on the description alone: not on the process, whose hashes have another seed each time, and not
//! on where the files are or from where they are read.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use datasheet_codegen::Generator;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Tells the test, when it runs in a process of its own, where the files are.
const SOURCES: &str = "DETERMINISTIC_SOURCES";

#[test]
fn every_process_and_place_gives_the_same() -> Result {
    // Started by itself, it does what a build script does.
    if let Some(sources) = std::env::var_os(SOURCES).map(PathBuf::from) {
        return generate(&sources);
    }
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deterministic");
    // What an older run left behind is not generated now.
    let _ = fs::remove_dir_all(&root);
    let mut first = None;
    // Beside the files, from elsewhere, and in another place of another length.
    for (place, from, sources) in
        [("here", "", "."), ("here", "from/elsewhere", "../.."), ("a/place far from here", "", "")]
    {
        let place = root.join(place);
        let directory = place.join(from);
        fs::create_dir_all(&directory)?;
        for (source, name) in SOURCE_FILES {
            fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(source), place.join(name))?;
        }
        let output = Command::new(std::env::current_exe()?)
            .args(["--exact", "every_process_and_place_gives_the_same"])
            .current_dir(&directory)
            // The last one is told an absolute path.
            .env(SOURCES, if sources.is_empty() { place } else { sources.into() })
            .output()?;
        assert!(output.status.success(), "nothing is generated:\n{}", String::from_utf8_lossy(&output.stdout));
        let mut files = BTreeMap::new();
        collect(&directory.join("generated"), Path::new(""), &mut files)?;
        match &first {
            None => first = Some(files),
            Some(first) => compare(first, &files),
        }
    }
    // Registers, descriptors, blocks, an extension and their documentation.
    assert!(first.is_some_and(|files| files.len() > 400), "not everything is generated");
    Ok(())
}

/// Descriptions, and what they are called beside one another.
const SOURCE_FILES: [(&str, &str); 4] = [
    ("../registers.yaml", "chip.yaml"),
    ("tests/golden/input.yaml", "demo.yaml"),
    ("tests/golden/extension.yaml", "extension.yaml"),
    ("tests/golden/uses.txt", "uses.txt"),
];

fn generate(sources: &Path) -> Result {
    let emit = |generator: Generator, name: &str| {
        let place = Path::new("generated").join(name);
        fs::create_dir_all(&place)?;
        generator.emit_to(place).map_err(Box::<dyn Error>::from)
    };
    emit(Generator::new(sources.join("chip.yaml")), "chip")?;
    emit(Generator::new(sources.join("demo.yaml")).uses(sources.join("uses.txt")), "demo")?;
    emit(Generator::extending(sources.join("demo.yaml"), sources.join("extension.yaml")), "extension")
}

/// All files in a directory, by their paths in it.
fn collect(directory: &Path, path: &Path, files: &mut BTreeMap<PathBuf, String>) -> Result {
    for entry in fs::read_dir(directory.join(path))? {
        let path = path.join(entry?.file_name());
        if directory.join(&path).is_dir() {
            collect(directory, &path, files)?;
        } else {
            files.insert(path.clone(), fs::read_to_string(directory.join(path))?);
        }
    }
    Ok(())
}

fn compare(first: &BTreeMap<PathBuf, String>, second: &BTreeMap<PathBuf, String>) {
    assert!(first.keys().eq(second.keys()), "other files are generated");
    for ((path, first), second) in first.iter().zip(second.values()) {
        let mut lines = first.lines().zip(second.lines());
        let other = lines.find(|(first, second)| first != second);
        assert!(first == second, "{} is not the same: {other:?}", path.display());
    }
}
