//! Any bytes give either errors with locations, or valid Rust code, and never a panic.
//!
//! From codegen/fuzz, for five minutes and with the stable compiler:
//!
//!     mkdir -p corpus && cargo run --release --bin any_bytes -- corpus ../tests/ui ../tests/golden -max_total_time=300 -max_len=16384
#![no_main]

use libfuzzer_sys::fuzz_target;

use datasheet_codegen::emit::rust::{self, Options};
use datasheet_codegen::source::Source;
use datasheet_codegen::{lint_extension, lint_source, lower, read_bytes, read_text};

const BASE: &str = include_str!("../../tests/golden/input.yaml");

fuzz_target!(|bytes: &[u8]| {
    match read_bytes("input.yaml", bytes) {
        Ok(checked) => {
            let map = lower::lower(&checked);
            let _ = (rust::registers(&map, &Options::default()), rust::docs(&map, &Options::default()));
            let linted =
                read_text("input.yaml", bytes).and_then(lint_source).expect("a description without errors has errors");
            assert!(
                linted.warnings.diagnostics().is_empty() || linted.warnings.to_string().contains("--> input.yaml:")
            );
        }
        Err(report) => assert!(report.to_string().contains("--> input.yaml:"), "no location"),
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        match lint_extension(Source::new("base.yaml", BASE), Source::new("extension.yaml", text)) {
            Ok(linted) => {
                assert!(!linted.warnings.to_string().contains("--> base.yaml:"), "a warning about another file");
                let (additions, options) = (lower::lower_extension(&linted.checked), Options::default());
                drop((rust::additions(&additions, &options), rust::descriptor_additions(&additions, &options)));
            }
            Err(report) => assert!(report.to_string().contains("--> extension.yaml:"), "no location"),
        }
    }
});
