//! What Beta's boards add to the map. It compiles without the prelude and without a warning.
#![no_implicit_prelude]
#![deny(warnings, missing_docs, unused_qualifications)]

::core::include!(::core::concat!(::core::env!("OUT_DIR"), "/registers.rs"));
