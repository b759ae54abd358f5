//! From the datasheet's names to Rust's.
//!
//! They stay what they are as far as Rust allows: a reader looks for the datasheet's name.

use crate::description::Format;

/// Types that generated code uses, so that nothing described may get their name.
pub(crate) const TAKEN_TYPES: &[&str] = &[
    "AccessKind",
    "Address",
    "Array",
    "BareWrite",
    "Below",
    "Bits",
    "Bus",
    "Descriptor",
    "DescriptorInfo",
    "Doorbell",
    "Driver",
    "Enumerated",
    "Enumeration",
    "Exclusive",
    "FieldInfo",
    "Fixed",
    "Flag",
    "Index",
    "IndexSpace",
    "KnownReset",
    "Layout",
    "None",
    "Offset",
    "OnesClear",
    "OnesSet",
    "Option",
    "Pair",
    "PlainWrite",
    "Range",
    "ReadActs",
    "ReadClears",
    "ReadOnly",
    "ReadPure",
    "ReadSets",
    "ReadWrite",
    "Reg",
    "Register",
    "RegisterInfo",
    "Registers",
    "SelfClearing",
    "Self_",
    "Some",
    "WritableIn",
    "WriteBack",
    "WriteOneClears",
    "WriteOneSets",
    "WriteOnly",
    "Words",
    "Done",
    "AnyRegister",
    "u32",
    "u64",
    "str",
    "bool",
];

/// Modules beside those of the registers.
pub(crate) const TAKEN_MODULES: &[&str] = &["permission", "permit", "core"];

/// Constants that a register has beside its fields.
pub(crate) const TAKEN_CONSTANTS: &[&str] = &["OFFSET", "ARRAY"];

/// Words that Rust keeps to itself.
const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super",
    "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

fn not_a_keyword(name: String) -> String {
    if KEYWORDS.contains(&name.as_str()) { name + "_" } else { name }
}

/// A register's type, an index's, a permission's, an enumerated field's or one of its variants.
pub(crate) fn type_name(name: &str) -> String {
    not_a_keyword(name.to_owned())
}

/// A field's constant.
pub(crate) fn constant(name: &str) -> String {
    not_a_keyword(name.to_owned())
}

/// The type that says how many of an index there are.
pub(crate) fn index_space(name: &str) -> String {
    format!("{name}Space")
}

/// A register's method, or the module of the values of its fields.
pub(crate) fn method(name: &str) -> String {
    not_a_keyword(name.to_lowercase())
}

/// A descriptor format's type.
pub(crate) fn descriptor(name: &str, format: Format) -> String {
    let format = match format {
        Format::Read => "Read",
        Format::WriteBack => "WriteBack",
        Format::Memory => "Memory",
    };
    format!("{name}{format}")
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
