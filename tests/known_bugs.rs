//! The page about the bugs of other drivers names tests: they must be where it says.

use std::path::Path;

#[test]
fn the_tests_that_are_named_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/known-bugs.md")).unwrap();
    let mut found = 0;
    for line in page.lines() {
        let Some(see) = line.strip_suffix(" |").and_then(|line| line.rsplit(" | ").next()) else { continue };
        // Names stand before the file that they are in.
        for part in see.split_inclusive(')') {
            let Some((names, file)) = part.split_once('[') else { continue };
            let (file, _) = file.split_once(']').expect("a link");
            if !file.ends_with(".rs") {
                continue;
            }
            let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            assert!(!source.is_empty(), "{file} is named and does not exist: {line}");
            for name in names.split('`').skip(1).step_by(2).filter(|name| name.contains('_')) {
                assert!(source.contains(&format!("fn {name}(")), "{file} has no test {name}: {line}");
                found += 1;
            }
        }
    }
    assert!(found > 10, "the page is not read as it is written: {found} names");
}
