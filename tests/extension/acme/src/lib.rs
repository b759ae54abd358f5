//! What Acme's boards add to the map.
#![deny(warnings, missing_docs, unsafe_code, clippy::all, clippy::pedantic, clippy::undocumented_unsafe_blocks)]

include!(concat!(env!("OUT_DIR"), "/registers.rs"));

/// What Acme's boards add to the descriptors.
pub mod descriptors {
    include!(concat!(env!("OUT_DIR"), "/descriptors.rs"));
}
