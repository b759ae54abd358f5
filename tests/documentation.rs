//! The documentation leads where it says: links have a target, and the tables of errors and examples have a row for each.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages of the repository.
fn pages() -> Vec<PathBuf> {
    let root = root();
    let named = [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "codegen/README.md",
        "runtime/README.md",
        "sim/README.md",
        "tool/README.md",
    ];
    let mut pages: Vec<_> = named.iter().map(|page| root.join(page)).collect();
    for directory in ["docs", "docs/decisions"] {
        let files = fs::read_dir(root.join(directory)).unwrap().map(|file| file.unwrap().path());
        pages.extend(files.filter(|file| file.extension().is_some_and(|extension| extension == "md")));
    }
    pages
}

/// The lines of a page that are not within a fenced block.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// The name by which a page's heading is linked to.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[test]
fn links_have_a_target() {
    let mut found = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for line in prose(&text) {
            for link in line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(link, _)| link)) {
                if link.starts_with("https://") {
                    continue;
                }
                let (file, heading) = link.split_once('#').unwrap_or((link, ""));
                let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
                assert!(target.exists(), "{}: {link} does not exist", page.display());
                if !heading.is_empty() {
                    let text = fs::read_to_string(&target).unwrap();
                    let mut headings = prose(&text).filter(|line| line.starts_with('#')).map(anchor);
                    assert!(headings.any(|anchor| anchor == heading), "{}: {link} has no heading", page.display());
                }
                found += 1;
            }
        }
    }
    assert!(found > 100, "the pages are not read as they are written: {found} links");
}

/// The variants of the enum that `head` begins in the file `source`.
fn variants(source: &str, head: &str) -> Vec<String> {
    let source = fs::read_to_string(root().join(source)).unwrap();
    let (_, variants) = source.split_once(head).unwrap();
    let (variants, _) = variants.split_once("\n}").unwrap();
    let variants = variants.lines().filter_map(|line| line.strip_prefix("    "));
    let variants = variants.filter(|line| line.starts_with(char::is_uppercase));
    variants.map(|line| line.split(|letter: char| !letter.is_alphanumeric()).next().unwrap().to_owned()).collect()
}

/// The names in the first column of the table under a head that begins with `head`, in docs/hardware.md.
fn rows(head: &str) -> Vec<String> {
    let page = fs::read_to_string(root().join("docs/hardware.md")).unwrap();
    let table = page.lines().skip_while(|line| !line.starts_with(head)).take_while(|line| line.starts_with('|'));
    let names = table.filter_map(|line| Some(line.strip_prefix("| `")?.split(" | ").next()?.to_owned()));
    names.flat_map(|names| names.split(", ").map(|name| name.replace('`', "")).collect::<Vec<_>>()).collect()
}

#[test]
fn every_error_of_the_linux_back_ends_has_a_row() {
    let variants = variants("src/linux/error.rs", "pub enum Error {\n");
    assert!(variants.len() > 20, "the enum is not read as it is written: {variants:?}");
    let rows = rows("| variant |");
    assert_eq!(rows, variants, "docs/hardware.md has other rows than linux::Error has variants, or in another order");
}

#[test]
fn every_finding_of_a_reset_has_a_row() {
    let variants = variants("src/device/bring_up.rs", "pub enum Finding {\n");
    assert!(variants.len() > 5, "the enum is not read as it is written: {variants:?}");
    let rows = rows("| finding |");
    assert_eq!(rows, variants, "docs/hardware.md has other rows than Finding has variants, or in another order");
}

#[test]
fn every_reason_for_no_link_has_a_row() {
    let variants = variants("src/device/diagnosis.rs", "pub enum Diagnosis {\n");
    assert!(variants.len() > 5, "the enum is not read as it is written: {variants:?}");
    let rows = rows("| diagnosis |");
    assert_eq!(rows, variants, "docs/hardware.md has other rows than Diagnosis has variants, or in another order");
}

/// The folders of examples.
const EXAMPLES: [&str; 4] = ["examples", "smoltcp/examples", "virtio/examples", "codegen/examples/e1000/examples"];

/// The paths in a folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The lengths of all files in a folder and its folders, in lines. A folder that is a package, as `bare-metal` is, is no
/// example but a library.
fn lengths(folder: &Path) -> Vec<(PathBuf, usize)> {
    let of = |path: PathBuf| match path.is_dir() {
        true if path.join("Cargo.toml").exists() => vec![],
        true => lengths(&path),
        false => vec![(path.clone(), fs::read_to_string(path).unwrap().lines().count())],
    };
    entries(folder).into_iter().flat_map(of).collect()
}

#[test]
fn examples_are_short() {
    let all: Vec<_> = EXAMPLES.iter().flat_map(|folder| lengths(&root().join(folder))).collect();
    assert!(all.len() > 30, "the folders are not read as they are: {all:?}");
    let shared = lengths(&root().join("examples/common"));
    let long: Vec<_> = all.iter().filter(|file| file.1 > 150 && !shared.contains(file)).collect();
    assert!(long.is_empty(), "files of examples have at most 150 lines: {long:?}");
    let shared: usize = shared.iter().map(|(_, lines)| lines).sum();
    assert!(
        shared <= 600,
        "what examples share has at most 600 lines in all, and has {shared}: give what one needs to it"
    );
}

#[test]
fn each_example_has_a_row_and_runs() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let (readme, scripts) = (read("README.md"), [".ci/smoke", "tests/taps"].map(read).concat());
    // Drivers of devices that the model does not play run in a virtual machine.
    let guests: String =
        entries(&root().join("tests/vm/guest")).iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
    let mut found = 0;
    for folder in EXAMPLES {
        for path in entries(&root().join(folder)) {
            let main = if path.is_dir() { path.join("main.rs") } else { path.clone() };
            if !main.exists() {
                continue;
            }
            let name = path.file_stem().unwrap().to_str().unwrap();
            let link = main.strip_prefix(root()).unwrap().display();
            assert!(readme.contains(&format!("| [{name}]({link}) |")), "README.md has no row of the example {name}");
            let runs = scripts.contains(&format!("$examples/{name}\""));
            assert!(runs || guests.contains(name), "nothing in .ci/smoke, tests/taps and tests/vm/guest runs {name}");
            found += 1;
        }
    }
    assert!(found >= 12, "the folders are not read as they are: {found} examples");
}
