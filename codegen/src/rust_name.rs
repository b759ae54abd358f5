//! Conversion of datasheet names to Rust names.
//!
//! Names keep the spelling of the datasheet as far as Rust allows, because readers search for it.

use crate::description::Format;
use crate::description::extension::Extension;

/// The types that generated code uses. No described type may have their names.
#[rustfmt::skip]
pub(crate) const TAKEN_TYPES: &[&str] = &[
    "AccessKind", "Added", "Address", "AnyRegister", "Array", "B", "Bank", "Below", "BigEndian", "Bits", "Clone",
    "CommandInfo", "Commanded", "Copy", "DescriptorFormat", "DescriptorInfo", "DmaAddr", "Doorbell", "Driver", "DriverOnly",
    "Enumerated", "Enumeration", "Exclusive", "FieldInfo", "Fixed", "Flag", "Index", "IndexSpace", "Layout",
    "LittleEndian", "None", "Offset", "OneToClear", "OneToSet", "Option", "P", "Pair", "PlainWrite", "PureRead",
    "REGISTERS", "Range", "RawWrite", "ReachedDirectly", "ReadOnly", "ReadCommand", "ReadToClear", "ReadToSet", "ReadWrite", "Reg", "Register",
    "RegisterInfo", "RegisterSpace", "Registers", "Resettable", "SelfClearing", "SideEffectRead", "Sized", "Some",
    "Space", "Structure", "Tail", "ValueOf", "View", "Window", "WindowInfo", "Windows", "WritableIn", "WriteBack", "WriteOneToClear",
    "WriteOneToSet", "WriteOnly", "WriteCommand", "ZeroToClear",
];

/// The modules, crates and types that generated code uses in the scope of the modules of registers.
#[rustfmt::skip]
pub(crate) const TAKEN_MODULES: &[&str] = &[
    "alloc", "bool", "by_address", "by_group", "by_name", "core", "diagnostic", "permission", "permit", "std", "str",
    "u16", "u32", "u64", "u8", "usize",
];

/// The methods in the same scope as the methods of registers.
pub(crate) const TAKEN_METHODS: &[&str] = &["added", "assume_permission"];

/// The constants of a register other than its fields: its offset, and the constants of the runtime's traits.
#[rustfmt::skip]
pub(crate) const TAKEN_CONSTANTS: &[&str] = &[
    "ARRAY", "FIXED", "FORCED_ONES", "INFO", "NAME", "NEUTRAL_ONES", "OFFSET", "PRESERVE_MASK", "RESET_VALUE", "WRITABLE",
];

/// The keywords of Rust.
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

/// Returns the name of the type of a register, an index, a permission or an enumerated field, or of a variant.
///
/// It begins with a capital letter, so that it differs from the name of a module.
pub(crate) fn type_name(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    not_a_keyword(first.into_iter().chain(characters).collect())
}

/// Returns the name of the constant of a field.
pub(crate) fn constant(name: &str) -> String {
    not_a_keyword(name.to_owned())
}

/// Returns the name of the type with the number of elements of an index.
pub(crate) fn index_space(name: &str) -> String {
    type_name(name) + "Space"
}

/// Returns the name of the method of a register, and of the module of its enumerations.
pub(crate) fn method(name: &str) -> String {
    not_a_keyword(name.to_lowercase())
}

/// Returns the name of the type that a window is known by.
pub(crate) fn window(name: &str) -> String {
    type_name(name) + "Window"
}

/// Returns the name of the type with the methods of the registers behind a window.
pub(crate) fn window_registers(name: &str) -> String {
    type_name(name) + "Registers"
}

/// Returns the name of the trait with the methods of the registers of an extension.
pub(crate) fn added_registers(extension: &Extension) -> String {
    type_name(&extension.extension) + "Registers"
}

/// Returns the name of the trait with the fields that an extension adds to a register.
pub(crate) fn added_fields(extension: &Extension, register: &str) -> String {
    type_name(&extension.extension) + &type_name(register)
}

/// Returns the name of the type of a descriptor format.
pub(crate) fn descriptor(name: &str, format: Format) -> String {
    let format = match format {
        Format::Read => "Read",
        Format::WriteBack => "WriteBack",
        Format::Memory => "Memory",
        Format::Structure => "",
    };
    type_name(name) + format
}

/// Returns the name of the module of a descriptor format's enumerations, from the name of its type.
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
