//! Formatting changes neither the meaning nor the comments of a description, and is idempotent.
#![cfg(feature = "cli")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use datasheet_codegen::read_bytes;
use datasheet_codegen::source::Source;
use datasheet_codegen::tools::format::format;

const GOLDEN: &str = include_str!("golden/input.yaml");

fn formatted(text: &str) -> Option<String> {
    format(&Source::new("input.yaml", text)).ok()
}

/// Returns the content of a description, if it has no errors.
fn said(text: &str) -> Option<String> {
    read_bytes("input.yaml", text.as_bytes()).ok().map(|checked| format!("{checked:?}"))
}

/// Checks the properties of formatting for any text.
fn holds(text: &str) -> Result<(), TestCaseError> {
    match formatted(text) {
        Some(once) => {
            prop_assert_eq!(said(text), said(&once), "the meaning differs:\n{}", once);
            prop_assert_eq!(Some(once.clone()), formatted(&once), "formatting is not idempotent:\n{}", text);
        }
        None => prop_assert!(said(text).is_none(), "a description that cannot be formatted:\n{text}"),
    }
    Ok(())
}

fn files() -> std::io::Result<Vec<PathBuf>> {
    let codegen = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![codegen.join("../registers.yaml"), codegen.join("tests/golden/input.yaml")];
    for case in fs::read_dir(codegen.join("tests/ui"))? {
        let file = case?.path().join("input.yaml");
        // Some cases are extensions, without their own description.
        if file.is_file() {
            files.push(file);
        }
    }
    Ok(files)
}

#[test]
fn all_descriptions_keep_their_meaning() -> Result<(), Box<dyn Error>> {
    for file in files()? {
        if let Ok(text) = String::from_utf8(fs::read(&file)?) {
            holds(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        }
    }
    Ok(())
}

#[test]
fn our_descriptions_are_formatted() -> Result<(), Box<dyn Error>> {
    for file in ["registers.yaml", "tests/extension/acme/acme.yaml", "tests/extension/beta/beta.yaml"] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file))?;
        assert!(formatted(&text).as_ref() == Some(&text), "run `datasheet-codegen fmt {file}`");
    }
    Ok(())
}

#[test]
fn keys_are_ordered_numbers_widened_and_comments_kept() {
    let text = r#"# What this is.
title: A, with a comma
chip: "X"   # the chip
datasheet:
    revision: "2"
    # The number on its cover.
    document: "1"
registers:


- title: 'First, of two'
  name: ONE
  section: "1"
  # It has a group.
  group: g


  reset: 5
  access: rw
  offset: 16
  fields:
    A: {doc: Low bits, bits: "3:0"}
    B:
      doc: High, and last   # of all
      bits: "7:4"
      values: {Slow: 0,
               Fast: 1}
  doc: |
        Two lines,
          kept.
# The second.
- {name: TWO, title: Second, section: "2", group: g, offset: 0x14, access: ro, reset: unknown}
groups: {g: Group}
# The end.
"#;
    let expected = r#"# What this is.
chip: "X"  # the chip
title: A, with a comma
# The number on its cover.
datasheet: { document: "1", revision: "2" }

groups:
  g: Group

registers:
  - name: ONE
    title: 'First, of two'
    section: "1"
    # It has a group.
    group: g
    offset: 0x00010
    access: rw
    reset: 0x00000005
    fields:
      A: { bits: "3:0", doc: Low bits }
      B: { bits: "7:4", doc: "High, and last", values: { Slow: 0, Fast: 1 } }  # of all
    doc: |
      Two lines,
        kept.

  # The second.
  - name: TWO
    title: Second
    section: "2"
    group: g
    offset: 0x00014
    access: ro
    reset: unknown
# The end.
"#;
    assert_eq!(formatted(text).as_deref(), Some(expected));
}

/// Cases that the tests below have found.
#[test]
fn regressions_hold() -> Result<(), Box<dyn Error>> {
    for text in [" |\n        a #\n", "'? é\n\n'", "# >-\n        a\n        b\n", "doc: # >-\n  a\n  b\n"] {
        holds(text).map_err(|error| format!("{text:?}: {error}"))?;
    }
    Ok(())
}

#[test]
fn invalid_yaml_is_rejected() {
    assert_eq!(formatted("a: [1, 2\n"), None);
}

#[test]
fn a_block_scalar_between_braces_is_rejected() {
    for text in ["a: { b: >-\n    c\n    d\n }\n", "a: { b: |2-\n    c }\n", "a: [ |\n    c\n ]\n"] {
        assert_eq!(formatted(text), None, "{text:?}");
    }
}

#[test]
fn a_key_between_braces_without_a_colon_on_its_line_is_rejected() {
    assert_eq!(formatted("groups: { control\n  : Control }\n"), None);
}

#[test]
fn an_empty_value_between_braces_does_not_become_empty_text() {
    let text = "datasheet: { document: \"1\", revision:  }\n";
    assert_eq!(formatted(text).as_deref(), Some("datasheet: { document: \"1\", revision: ~ }\n"));
}

#[test]
fn a_byte_order_mark_as_a_value_is_empty() {
    assert_eq!(formatted("---\n\u{FEFF}# ").as_deref(), Some(""));
}

#[test]
fn an_empty_key_is_written_as_empty_text() {
    let text = "groups:\n  ? \n  : Control\n";
    assert_eq!(formatted(text).as_deref(), Some("groups:\n  \"\": Control\n"));
    assert_eq!(formatted("groups: { ? : Control }\n").as_deref(), Some("groups:\n  \"\": Control\n"));
}

#[test]
fn a_text_that_begins_with_a_blank_line_is_put_in_quotes() {
    for text in ["doc: |\n\n  One.\n", "doc: |\r\n\r\n  One.\r\n"] {
        assert_eq!(formatted(text).as_deref(), Some("doc: \"\\nOne.\\n\"\n"), "{text:?}");
    }
}

#[test]
fn a_text_with_spaces_at_the_end_of_a_line_is_put_in_quotes() {
    let text = "doc: |\n  One \n  two.\n";
    assert_eq!(formatted(text).as_deref(), Some("doc: \"One \\ntwo.\\n\"\n"));
}

#[test]
fn a_text_that_ends_with_a_line_of_spaces_is_put_in_quotes() {
    let text = "doc: |\n  One.\n    \n";
    assert_eq!(formatted(text).as_deref(), Some("doc: \"One.\\n  \\n\"\n"));
}

#[test]
fn a_text_that_keeps_the_blank_lines_behind_it_is_put_in_quotes() {
    let text = "doc: |+\n  One.\n\n\nchip: X\n";
    assert_eq!(formatted(text).as_deref(), Some("chip: X\ndoc: \"One.\\n\\n\\n\"\n"));
}

/// Pieces with a meaning in YAML or for the formatter.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "", " ", "\n", "\n\n", "\n  ", "\n    - ", "\r\n", "- ", ": ", ",", "{", "}", "[", "]", "{}", "[]", "\"", "'", "# ", " # x\n",
    "|", "|\n        a #\n", ">-\n        a\n        b\n", "|2-\n", "---\n", "? ", "~", "0", "0x0", "01", "+1", "1_0", "unknown", "é",
    "\u{FEFF}", "\\", "\"a\\\n  b\"", "'it''s'", "a, b", "width: 64", "reset: 7", "doc: a", "when: { SPEED: 1 }",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edited_description(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..8_usize, prop::sample::select(PIECES)), 1..4),
    ) {
        let mut text: Vec<char> = GOLDEN.chars().collect();
        for (at, removed, piece) in edits {
            let start = at.index(text.len());
            let end = (start + removed).min(text.len());
            text.splice(start..end, piece.chars());
        }
        holds(&text.iter().collect::<String>())?;
    }

    #[test]
    fn any_pieces_of_yaml(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        holds(&pieces.concat())?;
    }

    #[test]
    fn any_text(text in prop::collection::vec(any::<char>(), 0..60)) {
        holds(&text.into_iter().collect::<String>())?;
    }

    #[test]
    fn comments_are_kept(places in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..8)) {
        let mut lines: Vec<String> = GOLDEN.lines().map(str::to_owned).collect();
        for (number, (place, own_line)) in places.iter().enumerate() {
            let at = place.index(lines.len());
            match own_line {
                true => lines.insert(at, format!("    # comment {number}.")),
                false => lines[at] += &format!(" # comment {number}."),
            }
        }
        let text = lines.join("\n") + "\n";
        holds(&text)?;
        let formatted = formatted(&text).unwrap_or_default();
        for number in 0..places.len() {
            prop_assert_eq!(formatted.matches(&format!("# comment {number}.")).count(), 1, "{}", formatted);
        }
    }
}

#[test]
fn extensions_have_their_own_order_of_keys() {
    let text = r#"additions:
  MODE: { values: { SPEED: { Turbo: 2 } }, fields: { FAN: { doc: Its fan., bits: "4" } }, memory_safety: true }
registers:
  - { title: A lamp, name: LAMP, section: "1", group: g, offset: 16, access: rw, reset: 0 }
extends: "X"
# What it brings.
extension: Acme
groups: { g: Lamps }
"#;
    let expected = r#"# What it brings.
extension: Acme
extends: "X"

groups:
  g: Lamps

registers:
  - name: LAMP
    title: A lamp
    section: "1"
    group: g
    offset: 0x00010
    access: rw
    reset: 0x00000000

additions:
  MODE:
    memory_safety: true
    fields:
      FAN: { bits: "4", doc: Its fan. }
    values:
      SPEED: { Turbo: 2 }
"#;
    assert_eq!(formatted(text).as_deref(), Some(expected));
    assert_eq!(formatted(expected).as_deref(), Some(expected));
}
