//! Names of an SVD as names of a description.

use std::collections::{HashMap, HashSet};

use crate::rust_name;

/// Returns a name with the characters that a description allows. `lead` goes before one that begins with no letter.
pub(super) fn identifier(text: &str, lead: char) -> String {
    let mut name: String = text.trim().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name = format!("{lead}{}", name.trim_start_matches('_'));
    }
    name
}

/// Names that must differ in Rust.
pub(super) struct Names {
    used: HashSet<String>,
    /// The number of the last name that was made from a wanted one.
    last: HashMap<String, u32>,
    /// Returns the Rust name that must be unique.
    key: fn(&str) -> String,
    /// Returns `true` if generated code uses the name itself.
    taken: fn(&str) -> bool,
}

impl Names {
    fn new(key: fn(&str) -> String, taken: fn(&str) -> bool) -> Self {
        Self { used: HashSet::new(), last: HashMap::new(), key, taken }
    }

    /// Returns the names of register blocks, which are modules.
    pub fn of_blocks() -> Self {
        Self::new(rust_name::method, |name| rust_name::TAKEN_MODULES.contains(&name) || rust_name::method(name) != name)
    }

    /// Returns the names of registers, which differ from the names of the `blocks`.
    pub fn of_registers<'a>(blocks: impl Iterator<Item = &'a str>) -> Self {
        let mut names = Self::new(rust_name::method, |name| {
            rust_name::TAKEN_TYPES.contains(&rust_name::type_name(name).as_str())
                || rust_name::TAKEN_METHODS.contains(&rust_name::method(name).as_str())
                || rust_name::TAKEN_MODULES.contains(&rust_name::method(name).as_str())
        });
        names.used.extend(blocks.map(rust_name::method));
        names
    }

    /// Returns the names of the fields of one register.
    pub fn of_fields() -> Self {
        Self::new(rust_name::type_name, |name| {
            rust_name::TAKEN_TYPES.contains(&rust_name::type_name(name).as_str())
                || rust_name::TAKEN_CONSTANTS.contains(&rust_name::constant(name).as_str())
        })
    }

    /// Returns the names of the values of one field.
    pub fn of_values() -> Self {
        Self::new(rust_name::type_name, |_| false)
    }

    /// Returns `wanted`, or a name like it that is free.
    pub fn unique(&mut self, wanted: String) -> String {
        let wanted = if (self.taken)(&wanted) { wanted + "_" } else { wanted };
        let mut name = wanted.clone();
        while (self.taken)(&name) || !self.used.insert((self.key)(&name)) {
            let last = self.last.entry(wanted.clone()).or_insert(1);
            *last += 1;
            name = format!("{wanted}_{last}");
        }
        name
    }
}
