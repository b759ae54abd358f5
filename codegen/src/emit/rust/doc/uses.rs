//! Links between functions and the registers that they access.

use crate::emit::rust::{Options, Use};
use crate::lower::{Map, Register};
use crate::rust_name;

/// Returns links to the functions that access a register, if any are known.
pub(super) fn touched_by(options: &Options, register: &Register<'_>) -> Option<String> {
    let name = &register.described.name.value;
    let functions = options.uses.iter().filter(|used| used.registers.contains(name));
    let links = functions
        .map(|used| format!("[`{}`](crate::{})", short_path(&used.function), used.function))
        .collect::<Vec<_>>();
    (!links.is_empty()).then(|| format!("Accessed by: {}.", links.join(", ")))
}

/// Returns the path and the text of the list of registers that a function accesses.
pub fn function(map: &Map<'_>, used: &Use) -> (String, String) {
    let known = |name: &&String| map.registers.iter().any(|register| register.described.name.value == **name);
    let links = used.registers.iter().filter(known).map(|name| {
        let name = rust_name::type_name(name);
        format!("[`{name}`](crate::registers::{name})")
    });
    let text = format!("\n# Registers\n\nAccessed on success: {}.\n", links.collect::<Vec<_>>().join(", "));
    (format!("docs/{}.md", short_path(&used.function).replace("::", ".")), text)
}

/// Returns the last two segments of a path: a type and its method.
fn short_path(path: &str) -> &str {
    let before = path.rmatch_indices("::").nth(1);
    before.map_or(path, |(place, colons)| &path[place + colons.len()..])
}
