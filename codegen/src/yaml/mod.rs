//! YAML as a tree with spans, and how values are decoded from it. It knows nothing of descriptions.

pub(crate) mod decode;
pub(crate) mod tree;
