//! The `use` lines: of the runtime's names those that the code has a use for.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

use super::Options;
use super::token::ident;

/// The modules of the runtime and what is in them. All that generated code knows of it stands here, but for
/// `Registers`, `Descriptor` and `WriteBack`: those are defined in the modules that include it.
#[rustfmt::skip]
const RUNTIME: &[(&[&str], &[&str])] = &[
    (
        &["field", "access"],
        &[
            "Added", "Fixed", "Guarded", "ReadClears", "ReadOnly", "ReadSets", "SelfClearing", "WriteOneClears", "WriteOneSets", "WriteOnly",
        ],
    ),
    (&["dma"], &["DmaAddr"]),
    (&["field"], &["Address", "Bits", "Enumerated", "Enumeration", "Flag", "Layout", "ValueOf"]),
    (&["info"], &["AccessKind", "DescriptorInfo", "FieldInfo", "RegisterInfo"]),
    (&["mmio"], &["Array", "Below", "Bus", "Index", "IndexSpace", "Offset", "Range"]),
    (
        &["register"],
        &[
            "BareWrite", "Doorbell", "Driver", "Exclusive", "KnownReset", "OnesClear", "OnesSet", "Pair", "PlainWrite",
            "ReadActs", "ReadPure", "Reg", "Register", "RegisterLongName", "WritableIn",
        ],
    ),
];

/// The `use` lines of code that has the words `used`, where some are among the `registers` of the crate that is extended.
pub fn of(used: &HashSet<String>, options: &Options, registers: &[String]) -> TokenStream {
    let root = root(options);
    let runtime = RUNTIME.iter().map(|(path, names)| (*path, names.to_vec()));
    let registers = (["registers"].as_slice(), registers.iter().map(String::as_str).collect());
    let uses = runtime.chain([registers]).filter_map(|(path, names)| {
        let path = path.iter().map(|segment| ident(segment));
        let names: Vec<_> = names.iter().filter(|name| used.contains(**name)).map(|name| ident(name)).collect();
        match names.as_slice() {
            [] => None,
            [name] => Some(quote!(use #root #(::#path)*::#name;)),
            names => Some(quote!(use #root #(::#path)*::{#(#names),*};)),
        }
    });
    // A word of the map may be there as the name of a field only, which needs no import.
    let uses = uses.map(|line| quote!(#[allow(unused_imports)] #line));
    // Whoever includes it may have no prelude.
    quote!(use ::core::prelude::v1::*; #(#uses)*)
}

/// The crate that has the runtime.
pub fn root(options: &Options) -> TokenStream {
    options.crate_path.parse().unwrap_or_else(|_| quote!(crate))
}

/// Adds the words of some code to others.
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
