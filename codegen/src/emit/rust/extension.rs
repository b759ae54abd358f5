//! The additions of an extension, for a crate that depends on the extended crate.
//!
//! Fields are constants of a trait that the type of the register or descriptor implements, so that `value!` accepts
//! them. Registers and pairs are methods of a trait that the register block implements.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::quote;

use super::token::{allow_type_name, allow_unsafe, ident};
use super::{Code, Options, descriptors, doc, fields, imports, index, permissions, registers, table};
use crate::lower::{Additions, ExtendedDescriptor, ExtendedRegister, Field};
use crate::rust_name;

/// Generates the additions to the registers, for `include!`.
pub fn additions(additions: &Additions<'_>, options: &Options) -> String {
    let map = &additions.map;
    let mut code = Code::new(options);
    for register in &additions.extended {
        code.push(extended(additions, options, register));
    }
    code.push(registers::indices(&additions.extension.indices));
    code.push(permissions::added(additions, &imports::extended(options)));
    if !map.registers.is_empty() {
        code.push(permissions::permits_of_each(map));
        code.push_types(map);
    }
    if !map.registers.is_empty() || !additions.pairs.is_empty() {
        code.push(accessors(additions));
    }
    if !map.registers.is_empty() {
        code.push(table::registers(map));
        code.push(index::modules(None));
    }
    code.finish(map, ("registers", &of_the_extended(additions)))
}

/// Generates the additions to the descriptors, for `include!`.
pub fn descriptor_additions(additions: &Additions<'_>, options: &Options) -> String {
    let map = &additions.map;
    let mut code = Code::new(options);
    for descriptor in &additions.extended_descriptors {
        code.push(extended_descriptor(additions, options, descriptor));
    }
    for descriptor in &map.descriptors {
        code.push(descriptors::descriptor(descriptor));
    }
    if !map.descriptors.is_empty() {
        code.push(table::descriptors(map));
    }
    let described = additions.extended_descriptors.iter().map(|extended| extended.descriptor.described);
    let mut types: Vec<_> = described.map(|one| rust_name::descriptor(&one.name, one.format)).collect();
    types.sort();
    code.finish(map, ("descriptors", &types))
}

/// Returns the files that the documentation includes.
pub fn docs(additions: &Additions<'_>) -> Vec<(String, String)> {
    let extended = additions.extended.iter().map(|register| doc::addition_diagram(additions, register));
    let descriptors = additions.extended_descriptors.iter();
    let descriptors = descriptors.map(|descriptor| doc::descriptor_addition_diagram(additions, descriptor));
    let mut files: Vec<_> = extended.chain(descriptors).collect();
    if !additions.map.registers.is_empty() {
        files.extend(index::files(&additions.map, None));
        files.extend(additions.map.registers.iter().map(doc::register_diagram));
    }
    files.extend(additions.map.descriptors.iter().map(doc::descriptor_diagram));
    files
}

/// Returns the names in the register module of the extended crate that generated code may use.
fn of_the_extended(additions: &Additions<'_>) -> Vec<String> {
    let (description, extension) = (additions.map.description, additions.extension);
    let indices = description.indices.keys().filter(|name| !extension.indices.contains_key(*name));
    let mut names: Vec<_> =
        indices.flat_map(|name| [rust_name::type_name(name), rust_name::index_space(name)]).collect();
    let added: HashSet<_> = extension.registers.iter().map(|register| &register.name).collect();
    let paired = additions.pairs.iter().flat_map(|(_, halves)| halves).map(|register| &register.name);
    let extended = additions.extended.iter().map(|extended| &extended.register.described.name);
    let mut used: Vec<_> = extended.chain(paired).filter(|name| !added.contains(name)).collect();
    used.sort_by_key(|name| name.as_str());
    used.dedup();
    names.extend(used.into_iter().map(|name| rust_name::type_name(name)));
    names.extend(["RegisterSpace", "Registers"].map(str::to_owned));
    if extension.permissions.is_empty() {
        names.push("permission".to_owned());
    }
    names.sort();
    names
}

fn extended(additions: &Additions<'_>, options: &Options, extended: &ExtendedRegister<'_>) -> TokenStream {
    let register = extended.register.described.name.as_str();
    let added = Added {
        name: rust_name::added_fields(additions.extension, register),
        doc: doc::addition(additions, extended),
        owner: rust_name::type_name(register),
        module: rust_name::method(register),
        part: "registers",
        fields: &extended.fields,
        values: &extended.values,
    };
    added.tokens(options)
}

fn extended_descriptor(additions: &Additions<'_>, options: &Options, extended: &ExtendedDescriptor<'_>) -> TokenStream {
    let described = extended.descriptor.described;
    let owner = rust_name::descriptor(&described.name, described.format);
    let added = Added {
        name: rust_name::added_fields(additions.extension, &owner),
        doc: doc::descriptor_addition(additions, extended),
        module: rust_name::module(&owner),
        owner,
        part: "descriptors",
        fields: &extended.fields,
        values: &extended.values,
    };
    added.tokens(options)
}

/// Additions to a register or a descriptor, which become a trait.
struct Added<'a> {
    /// The name of the trait.
    name: String,
    doc: TokenStream,
    /// The name of the type with the additions.
    owner: String,
    /// The name of the module with its enumerations.
    module: String,
    /// The module of the extended crate with both.
    part: &'static str,
    fields: &'a [Field<'a>],
    values: &'a [Field<'a>],
}

impl Added<'_> {
    fn tokens(&self, options: &Options) -> TokenStream {
        let Self { name, doc, fields, .. } = self;
        let [owner, module, part] = [&self.owner, &self.module, self.part].map(ident);
        let (allow, name) = (allow_type_name(name), ident(name));
        let constants = fields::added_constants(fields, &owner, &module);
        let values = fields::values(fields.iter().chain(self.values), &self.owner, &module);
        let root = imports::extended(options);
        let allow_unsafe = allow_unsafe();
        let added = self.values.iter().map(|field| {
            let values = ident(&rust_name::type_name(field.name));
            quote! {
                #[diagnostic::do_not_recommend]
                #allow_unsafe
                unsafe impl ValueOf<#root::#part::#module::#values> for #module::#values {}
            }
        });
        quote! {
            #doc
            #allow
            #allow_unsafe
            pub trait #name {
                #constants
            }
            impl #name for #owner {}
            #values
            #(#added)*
        }
    }
}

/// Generates the methods that return the added registers and pairs on a bus.
fn accessors(additions: &Additions<'_>) -> TokenStream {
    let name = rust_name::added_registers(additions.extension);
    let doc = doc::line(format!("The registers that `{}` adds.", additions.extension.extension.value));
    let (allow, name) = (allow_type_name(&name), ident(&name));
    let accessors: Vec<_> = additions.map.registers.iter().map(registers::Accessor::of).collect();
    let declared = accessors.iter().map(|accessor| {
        let (doc, head) = (&accessor.doc, &accessor.head);
        quote!(#doc #head;)
    });
    let allow_unsafe = allow_unsafe();
    let defined = accessors.iter().map(|accessor| {
        let (head, place) = (&accessor.head, &accessor.place);
        quote! {
            #[inline(always)]
            #allow_unsafe
            #head {
                unsafe { self.added(#place) }
            }
        }
    });
    let pairs: Vec<_> =
        additions.pairs.iter().map(|(pair, halves)| registers::PairAccessor::of(*halves, pair)).collect();
    let declared_pairs = pairs.iter().map(|pair| {
        let (doc, head) = (&pair.doc, &pair.head);
        quote!(#doc #head;)
    });
    let defined_pairs = pairs.iter().map(|pair| {
        let (head, body) = (&pair.head, &pair.body);
        quote! {
            #[inline(always)]
            #head {
                #body
            }
        }
    });
    quote! {
        #doc
        #allow
        pub trait #name<'a, B, P>: Sized {
            #(#declared)*
            #(#declared_pairs)*
        }
        impl<'a, B, P> #name<'a, B, P> for Registers<'a, B, P> {
            #(#defined)*
            #(#defined_pairs)*
        }
    }
}
