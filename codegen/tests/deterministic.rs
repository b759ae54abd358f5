//! The output depends only on the description: not on the process, whose hashes have another seed each time, and not on
//! the location of the files or the working directory.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use datasheet_codegen::Generator;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The environment variable with the directory of the files, for the test in its own process.
const SOURCES: &str = "DETERMINISTIC_SOURCES";

#[test]
fn the_output_is_the_same_for_each_process_and_directory() -> Result {
    // In its own process, it does the work of a build script.
    if let Some(sources) = std::env::var_os(SOURCES).map(PathBuf::from) {
        return generate(&sources);
    }
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deterministic");
    // Removes files of older runs.
    let _ = fs::remove_dir_all(&root);
    let mut first = None;
    // In the directory of the files, from another directory, and with a path of another length.
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
            .args(["--exact", "the_output_is_the_same_for_each_process_and_directory"])
            .current_dir(&directory)
            // The last one gets an absolute path.
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

/// Descriptions, and their names in one directory.
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

/// Collects all files in a directory, by their relative paths.
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
    assert!(first.keys().eq(second.keys()), "the names of the files differ");
    for ((path, first), second) in first.iter().zip(second.values()) {
        let mut lines = first.lines().zip(second.lines());
        let other = lines.find(|(first, second)| first != second);
        assert!(first == second, "{} differs: {other:?}", path.display());
    }
}
