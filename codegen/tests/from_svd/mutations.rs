//! Any file is either refused with a message, or becomes a description that is accepted.

use proptest::prelude::*;

use super::{FEATURES, converted};
use datasheet_codegen::read_bytes;

/// Pieces with a meaning in SVD.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "", " ", "<", ">", "/", "\"", "&amp;", "%s", "[%s]", "0", "1", "7", "-1", "63", "64", "255", "256", "65535", "65536",
    "4294967295", "4294967296", "18446744073709551615", "0x", "0xFFFFFFFC", "#1x", "0b", "[31:0]", "[0:31]", "[", "A-Z",
    "0-9", "A,B,C", "read-only", "write-only", "writeOnce", "read-writeOnce", "oneToToggle", "zeroToClear", "clear", "modify",
    "<dim>3</dim>", "<dimIncrement>1</dimIncrement>", "<size>64</size>", "<size>8</size>", "<access>read-only</access>",
    "<resetMask>0xF</resetMask>", "derivedFrom=\"CTRL\"", "derivedFrom=\"TIMER0.CTRL\"", "derivedFrom=\"TIMER0\"",
    "derivedFrom=\"CHANNEL[%s]\"", "MODE", "CTRL", "TIMER0", "true", "false", "null", "self", "Registers", "é", "日本", "\u{202E}",
    "\u{FEFF}", "# ", ": ", "- ", "'", "\\", "{", "}", "`", "\n", "<!--", "-->", "<![CDATA[", "<cluster>", "</cluster>",
    "<register>", "</register>", "<fields>", "</fields>",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_makes_it_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, prop::sample::select(PIECES)), 1..4),
    ) {
        // Whole words and tags are replaced, because most other changes are not XML any more.
        let mut pieces: Vec<String> = Vec::new();
        let mut was_word = false;
        for character in FEATURES.chars() {
            let is_word = character.is_alphanumeric() || character == '_';
            match pieces.last_mut() {
                Some(last) if is_word && was_word => last.push(character),
                _ => pieces.push(character.into()),
            }
            was_word = is_word;
        }
        for (at, removed, piece) in edits {
            let start = at.index(pieces.len());
            pieces.splice(start..(start + removed).min(pieces.len()), [piece.to_owned()]);
        }
        let svd: String = pieces.concat();
        match converted("changed.svd", &svd) {
            Ok(converted) => {
                let read = read_bytes("changed.yaml", converted.text.as_bytes()).map_err(|report| report.to_string());
                prop_assert!(read.is_ok(), "{}\n{}", read.err().unwrap_or_default(), svd);
            }
            Err(error) => {
                let error = error.to_string();
                prop_assert!(error.starts_with("error: cannot convert changed.svd: ") && !error.contains('\n'), "{}", error);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(text in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        let svd = format!("<device><name>D</name><peripherals>{}</peripherals></device>", text.concat());
        let _ = converted("pieces.svd", &svd);
    }
}
