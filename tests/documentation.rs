//! The documentation leads where it says: links have a target, and the table of errors has a row for each.

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

/// Compares the variants of the enum `name` in a source file with the rows of the table under `heading`.
fn each_variant_has_a_row(source: &str, name: &str, heading: &str) {
    let source = fs::read_to_string(root().join(source)).unwrap();
    let page = fs::read_to_string(root().join("docs/hardware.md")).unwrap();
    let (_, variants) = source.split_once(&format!("pub enum {name} {{\n")).unwrap();
    let (variants, _) = variants.split_once("\n}").unwrap();
    let variants = variants
        .lines()
        .filter_map(|line| line.strip_prefix("    ").filter(|line| line.starts_with(char::is_uppercase)));
    let variants: Vec<_> =
        variants.map(|line| line.split(|letter: char| !letter.is_alphanumeric()).next().unwrap()).collect();
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).expect("the page has the heading");
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<_> = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(variants.len() > 10, "the enum is not read as it is written: {variants:?}");
    assert_eq!(rows, variants, "docs/hardware.md has other rows than the variants of {name}, or in another order");
}

#[test]
fn every_error_of_the_linux_back_ends_has_a_row() {
    each_variant_has_a_row("src/linux/error.rs", "Error", "Troubleshooting");
}

#[test]
fn every_reason_for_no_link_has_a_row() {
    each_variant_has_a_row("src/device/diagnosis.rs", "Diagnosis", "An optical port that stays dark");
}
