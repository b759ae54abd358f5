//! A field looks like an address, and nothing reserves it for the driver.
//!
//! If the chip accesses memory at it, safe code can make the chip overwrite any memory.

use super::Lints;
use crate::description::{Access, Description, Field, Format, Lint, Name};
use crate::diagnostic::Diagnostic;

/// Words for an address, as parts of a name.
const WORDS: &[&str] = &["ADDR", "ADDRESS", "ADR", "BASE", "POINTER", "PTR"];

/// The least width of an address.
const WIDTH: u32 = 16;

pub(super) fn lint(description: &Description, lints: &mut Lints<'_>) {
    for register in description.registers.iter().filter(|register| !register.is_marked()) {
        for (name, field) in &register.fields {
            let is_written = !matches!(register.access_of(field), Access::ReadOnly | Access::ReadClears);
            let is_named = is_address(name) || is_address(&register.name);
            if is_written && is_named && may_be(field) && !register.required_values.contains_key(name) {
                let help = "if the chip accesses memory there, mark the register: `memory_safety: true`";
                let warning = warning(name, &register.name, "any code may write it").help(help);
                lints.report(Lint::UnmarkedAddress, &[&field.allow, &register.allow], warning);
            }
        }
    }
    let written = description.descriptors.iter().filter(|one| matches!(one.format, Format::Read | Format::Memory));
    for descriptor in written {
        for (name, field) in &descriptor.fields {
            if is_address(name) && may_be(field) && field.memory_safety.is_none() && field.fixed.is_none() {
                let help = "if the chip accesses memory there, mark the field: `memory_safety: true`";
                let warning = warning(name, &descriptor.name, "takes any number").help(help);
                lints.report(Lint::UnmarkedAddress, &[&field.allow, &descriptor.allow], warning);
            }
        }
    }
}

fn may_be(field: &Field) -> bool {
    field.bits.width >= WIDTH && field.values.is_empty()
}

fn warning(field: &Name, owner: &Name, label: &str) -> Diagnostic {
    let message = format!("field `{}` of `{}` looks like an address, and has no mark", field.value, owner.value);
    Diagnostic::new(message, field.span, label)
}

/// Returns `true` if a part of a name, such as `BASE` of `RX_BASE_LO` or `Base` of `RxBaseLo`, is a word for an
/// address.
fn is_address(name: &str) -> bool {
    let mut parts = vec![String::new()];
    let mut after_lower = false;
    for character in name.chars() {
        if !character.is_ascii_alphabetic() || (after_lower && character.is_ascii_uppercase()) {
            parts.push(String::new());
        }
        after_lower = character.is_ascii_lowercase();
        if let Some(part) = parts.last_mut().filter(|_| character.is_ascii_alphabetic()) {
            part.push(character.to_ascii_uppercase());
        }
    }
    // `IPADDR` and `BASEADDR` end with a word.
    parts.iter().any(|part| WORDS.iter().any(|word| part.ends_with(word)))
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn parts_of_names_are_words() {
        for name in ["ADDR", "RxBaseLo", "tx_base", "BUF0PTR", "IPV4ADDR", "HDR_ADDR", "BASE1"] {
            assert!(is_address(name), "{name}");
        }
        for name in ["ADDRESSES", "BASELINE", "PTRS", "SIZE", "basement", ""] {
            assert!(!is_address(name), "{name}");
        }
    }
}
