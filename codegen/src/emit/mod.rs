//! Last stage: one file per output language.

#[cfg(feature = "cli")]
pub mod json;
pub mod rust;
#[cfg(feature = "cli")]
pub mod schema;
#[cfg(feature = "cli")]
pub mod svd;
