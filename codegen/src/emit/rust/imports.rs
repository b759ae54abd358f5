//! The `use` lines, with the names of the runtime that the code uses.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

use super::Options;
use super::token::ident;

/// The modules of the runtime, and the names in them that generated code uses.
#[rustfmt::skip]
const RUNTIME: &[(&[&str], &[&str])] = &[
    (&["address"], &["DmaAddr"]),
    (&["array"], &["Array", "Below", "Index", "IndexSpace", "Range"]),
    (&["descriptor"], &["DescriptorFormat", "WriteBack"]),
    (
        &["field", "access"],
        &["Added", "DriverOnly", "Fixed", "OneToClear", "OneToSet", "ReadOnly", "ReadToClear", "ReadToSet", "SelfClearing", "WriteOnly", "ZeroToClear"],
    ),
    (&["field"], &["Address", "Bits", "Enumerated", "Enumeration", "Flag", "Layout", "ValueOf"]),
    (&["info"], &["AccessKind", "CommandInfo", "DescriptorInfo", "FieldInfo", "RegisterInfo", "WindowInfo"]),
    (
        &["register"],
        &[
            "Doorbell", "Driver", "Exclusive", "Pair", "PlainWrite", "PureRead", "RawWrite", "ReachedDirectly", "Reg", "Register",
            "Resettable", "SideEffectRead", "WritableIn", "WriteOneToClear", "WriteOneToSet",
        ],
    ),
    (&["space"], &["BigEndian", "LittleEndian", "Offset", "Space"]),
    (&["structure"], &["Structure", "Tail"]),
    (&["window"], &["Bank", "Commanded", "ReadCommand", "View", "Window", "WriteCommand"]),
];

/// Generates the `use` lines for code that contains the identifiers `used`.
///
/// `names` are names that an extension takes from the module `part` of the crate that it extends.
pub fn of(used: &HashSet<String>, options: &Options, (part, names): (&str, &[String])) -> TokenStream {
    let (runtime, map) = (root(options), extended(options));
    // A register block is a module inside the one with the rest of the map.
    let part = ident(part);
    let map = if options.extends { quote!(#map::#part) } else { quote!(super) };
    let runtime = RUNTIME.iter().map(|(path, names)| (&runtime, *path, names.to_vec()));
    let extended = (&map, [].as_slice(), names.iter().map(String::as_str).collect());
    let uses = runtime.chain([extended]).filter_map(|(root, path, names)| {
        let path = path.iter().map(|segment| ident(segment));
        let names: Vec<_> = names.iter().filter(|name| used.contains(**name)).map(|name| ident(name)).collect();
        match names.as_slice() {
            [] => None,
            [name] => Some(quote!(use #root #(::#path)*::#name;)),
            names => Some(quote!(use #root #(::#path)*::{#(#names),*};)),
        }
    });
    // An identifier may be only the name of a field, which needs no import.
    let uses = uses.map(|line| quote!(#[allow(unused_imports)] #line));
    // The including crate may have no prelude.
    quote!(use ::core::prelude::v1::*; #(#uses)*)
}

/// Returns the path of the runtime.
pub fn root(options: &Options) -> TokenStream {
    let root = extended(options);
    if options.extends { quote!(#root::runtime) } else { root }
}

/// Returns the path of the extended crate.
pub fn extended(options: &Options) -> TokenStream {
    options.crate_path.parse().unwrap_or_else(|_| quote!(::datasheet_runtime))
}

/// Adds the identifiers of some code.
pub fn collect(tokens: TokenStream, words: &mut HashSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                words.insert(word.to_string());
            }
            TokenTree::Group(group) => collect(group.stream(), words),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}
