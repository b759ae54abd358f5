//! Any bytes give either errors with locations, or code, and never a panic.

use proptest::prelude::*;

use datasheet_codegen::emit::rust::{self, Options};
use datasheet_codegen::source::Source;
#[cfg(feature = "cli")]
use datasheet_codegen::{emit, tools};
use datasheet_codegen::{lint_extension, lint_source, lower, read_bytes, read_text};

const GOLDEN: &str = include_str!("golden/input.yaml");
const EXTENSION: &str = include_str!("golden/extension.yaml");

/// Pieces with a meaning in YAML or in a description.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "", " ", "\n", "\n  ", "\n    - ", "\t", "\r\n", "- ", ": ", ":", ",", "{", "}", "[", "]", "{}", "[]", "\"", "'", "#",
    "# ", "&a ", "*a", "!!str ", "! ", "|", ">", "%", "@", "---\n", "...\n", "? ", "~", "null", "true", "0", "1", "-1",
    "0x", "0xFFFFFFFF", "18446744073709551616", "18446744073709551615", "4294967295", "65537", "127:0", "31:0", "0:31",
    "unknown", "Self", "self", "type", "é", "日本", "\u{FEFF}", "\u{0}", "`", "\\", "<b>", "fields", "array", "range",
    "reset: 7", "count: 0", "name: MODE", "when: { SPEED: 1 }", "w1c", "width: 64", "implies: [Idle]", "write_in: [Dark]", "COUNT_L",
    "TransferRead", "descriptor_additions", "fixed: 1", "memory_safety: true", "allow: { undocumented: why }", "allow: {}",
    "no-fields: why", "\"?\"", "BASE_H",
];

/// Runs all stages, as far as the input allows.
fn all_stages(bytes: &[u8]) -> Result<(), TestCaseError> {
    match read_bytes("input.yaml", bytes) {
        Ok(checked) => {
            let map = lower::lower(&checked);
            let linted = read_text("input.yaml", bytes).and_then(lint_source);
            let warnings = linted.map_err(|report| TestCaseError::fail(report.to_string()))?.warnings;
            prop_assert!(warnings.diagnostics().is_empty() || warnings.render(true).contains("input.yaml"));
            let files = rust::docs(&map, &Options::default());
            prop_assert!(files.iter().all(|(_, text)| !text.contains("NaN")), "a diagram has no size");
            #[cfg(feature = "cli")]
            commands(&map);
            for code in [rust::registers(&map, &Options::default()), rust::descriptors(&map, &Options::default())] {
                prop_assert!(syn::parse_file(&code).is_ok(), "the generated code is not Rust:\n{code}");
            }
        }
        Err(report) => {
            prop_assert!(!report.diagnostics().is_empty(), "rejected without an error");
            for colour in [false, true] {
                prop_assert!(report.render(colour).contains("input.yaml"), "an error without a location");
            }
        }
    }
    Ok(())
}

/// Runs the commands that print facts about a description.
#[cfg(feature = "cli")]
fn commands(map: &lower::Map<'_>) {
    let _ = emit::svd::svd(map);
    let _ = tools::diff::diff(map, map).to_string();
    let registers = map.registers.iter().map(|register| &register.described.name);
    for name in registers.chain(map.descriptors.iter().map(|format| &format.described.name)) {
        for element in ["", "[0]", "[18446744073709551615]", ".", "[", ".SPEED"] {
            let _ = tools::explain::explain(map, &format!("{}{element}", name.value));
        }
        for value in ["0", "0xFFFF_FFFF", "0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", "-1", "0x"] {
            let _ = tools::decode::decode(map, name, value);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        all_stages(&bytes)?;
    }

    #[test]
    fn on_any_text(text in prop::collection::vec(any::<char>(), 0..100)) {
        all_stages(text.into_iter().collect::<String>().as_bytes())?;
    }

    #[test]
    fn on_any_pieces_of_yaml(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        all_stages(pieces.concat().as_bytes())?;
    }

    #[test]
    fn on_an_edited_description(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, prop::sample::select(PIECES)), 1..4),
    ) {
        let mut text: Vec<char> = GOLDEN.chars().collect();
        for (at, removed, piece) in edits {
            let start = at.index(text.len());
            let end = (start + removed).min(text.len());
            text.splice(start..end, piece.chars());
        }
        all_stages(text.iter().collect::<String>().as_bytes())?;
    }

    #[test]
    fn on_an_edited_extension(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, prop::sample::select(PIECES)), 0..4),
    ) {
        let mut text: Vec<char> = EXTENSION.chars().collect();
        for (at, removed, piece) in edits {
            let start = at.index(text.len());
            let end = (start + removed).min(text.len());
            text.splice(start..end, piece.chars());
        }
        let extension = Source::new("extension.yaml", text.into_iter().collect::<String>());
        match lint_extension(Source::new("input.yaml", GOLDEN), extension) {
            Ok(linted) => {
                prop_assert!(!linted.warnings.render(false).contains("--> input.yaml"), "a warning about another file");
                let additions = lower::lower_extension(&linted.checked);
                let options = Options::default();
                for code in [rust::additions(&additions, &options), rust::descriptor_additions(&additions, &options)] {
                    prop_assert!(syn::parse_file(&code).is_ok(), "the generated code is not Rust:\n{code}");
                }
                prop_assert!(!rust::additions_docs(&additions).is_empty());
            }
            Err(report) => {
                prop_assert!(!report.diagnostics().is_empty(), "rejected without an error");
                prop_assert!(report.render(false).contains("extension.yaml"), "an error without a location");
            }
        }
    }

    #[test]
    fn on_a_description_with_lines_moved(
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        replaced in any::<prop::sample::Index>(),
    ) {
        let mut lines: Vec<_> = GOLDEN.lines().collect();
        let line = lines[from.index(lines.len())];
        let (to, replaced) = (to.index(lines.len()), replaced.index(lines.len()));
        lines.insert(to, line);
        lines.remove(replaced);
        all_stages(lines.join("\n").as_bytes())?;
    }
}
