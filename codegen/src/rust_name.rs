//! From the datasheet's names to Rust's.
//!
//! They stay what they are as far as Rust allows: a reader looks for the datasheet's name.

use crate::description::Format;
use crate::description::extension::Extension;

/// Types that generated code uses, so that nothing described may get their name.
#[rustfmt::skip]
pub(crate) const TAKEN_TYPES: &[&str] = &[
    "AccessKind", "Added", "Address", "AnyRegister", "Array", "B", "Below", "Bits", "Clone", "Copy",
    "DescriptorFormat", "DescriptorInfo", "DmaAddr", "Doorbell", "Driver", "DriverOnly", "Enumerated", "Enumeration",
    "Exclusive", "FieldInfo", "Fixed", "Flag", "Index", "IndexSpace", "Layout", "None", "Offset", "OneToClear",
    "OneToSet", "Option", "P", "Pair", "PlainWrite", "PureRead", "REGISTERS", "Range", "RawWrite", "ReadOnly",
    "ReadToClear", "ReadToSet", "ReadWrite", "Reg", "Register", "RegisterInfo", "RegisterSpace", "Registers", "Resettable",
    "SelfClearing", "SideEffectRead", "Sized", "Some", "Space", "ValueOf", "WritableIn", "WriteBack",
    "WriteOneToClear", "WriteOneToSet", "WriteOnly",
];

/// Modules beside those of the registers, and the crates and types that code in the same place means by these words.
#[rustfmt::skip]
pub(crate) const TAKEN_MODULES: &[&str] = &[
    "alloc", "bool", "by_address", "by_group", "by_name", "core", "diagnostic", "permission", "permit", "std", "str",
    "u16", "u32", "u64", "u8", "usize",
];

/// Methods that are there beside those of the registers.
pub(crate) const TAKEN_METHODS: &[&str] = &["added", "assume_permission"];

/// Constants that a register has beside its fields: its place, and those of the runtime's traits.
#[rustfmt::skip]
pub(crate) const TAKEN_CONSTANTS: &[&str] = &[
    "ARRAY", "FIXED", "FORCED_ONES", "INFO", "NAME", "OFFSET", "PRESERVE_MASK", "RESET_VALUE", "WRITABLE",
];

/// Words that Rust keeps to itself.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match",
    "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait",
    "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

fn not_a_keyword(name: String) -> String {
    if KEYWORDS.contains(&name.as_str()) { name + "_" } else { name }
}

/// A register's type, an index's, a permission's, an enumerated field's or one of its variants.
///
/// It begins with a capital, so that it cannot be confused with a module.
pub(crate) fn type_name(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    not_a_keyword(first.into_iter().chain(characters).collect())
}

/// A field's constant.
pub(crate) fn constant(name: &str) -> String {
    not_a_keyword(name.to_owned())
}

/// The type that says how many of an index there are.
pub(crate) fn index_space(name: &str) -> String {
    type_name(name) + "Space"
}

/// A register's method, or the module of the values of its fields.
pub(crate) fn method(name: &str) -> String {
    not_a_keyword(name.to_lowercase())
}

/// The trait that brings the methods of the registers that an extension adds.
pub(crate) fn added_registers(extension: &Extension) -> String {
    type_name(&extension.extension) + "Registers"
}

/// The trait that brings the fields that an extension adds to a register.
pub(crate) fn added_fields(extension: &Extension, register: &str) -> String {
    type_name(&extension.extension) + &type_name(register)
}

/// A descriptor format's type.
pub(crate) fn descriptor(name: &str, format: Format) -> String {
    let format = match format {
        Format::Read => "Read",
        Format::WriteBack => "WriteBack",
        Format::Memory => "Memory",
    };
    type_name(name) + format
}

/// The module of the values of a descriptor format's fields, from the type's name.
pub(crate) fn module(type_name: &str) -> String {
    let mut module = String::new();
    let mut after_lower = false;
    for character in type_name.chars() {
        if character.is_uppercase() && after_lower {
            module.push('_');
        }
        after_lower = character.is_lowercase() || character.is_ascii_digit();
        module.extend(character.to_lowercase());
    }
    not_a_keyword(module)
}

#[cfg(test)]
mod tests {
    use super::{method, module, type_name};

    #[test]
    fn names_stay_the_datasheets() {
        assert_eq!(type_name("TXCTL"), "TXCTL");
        assert_eq!(method("TXCTL"), "txctl");
        assert_eq!(module("TransmitDataWriteBack"), "transmit_data_write_back");
    }

    #[test]
    fn no_name_is_a_keyword_or_a_module_and_a_type() {
        assert_eq!(method("TYPE"), "type_");
        assert_eq!(type_name("self"), "Self_");
        assert_eq!(type_name("status"), "Status");
    }
}
