//! The additions of an extension, for a crate that depends on the extended crate.
//!
//! Fields are constants of a trait that the type of the register implements, so that `value!` accepts them. Registers
//! are methods of a trait that the register block implements.

use proc_macro2::TokenStream;
use quote::quote;

use super::token::{allow_type_name, allow_unsafe, ident};
use super::{Code, Options, doc, fields, imports, index, permissions, registers};
use crate::lower::{Additions, ExtendedRegister};
use crate::rust_name;

/// Generates the additions, for `include!`.
pub fn additions(additions: &Additions<'_>, options: &Options) -> String {
    let map = &additions.map;
    let mut code = Code::new(options);
    for register in &additions.extended {
        code.push(extended(additions, options, register));
    }
    code.push(registers::indices(&additions.extension.indices));
    if !map.registers.is_empty() {
        code.push(permissions::permits_of_each(map));
        code.push_registers(map, accessors(additions));
        code.push(index::modules(None));
    }
    code.finish(map, &of_the_extended(additions))
}

/// Returns the files that the documentation includes.
pub fn docs(additions: &Additions<'_>) -> Vec<(String, String)> {
    let mut files: Vec<_> =
        additions.extended.iter().map(|register| doc::addition_diagram(additions, register)).collect();
    if !additions.map.registers.is_empty() {
        files.extend(index::files(&additions.map, None));
        files.extend(additions.map.registers.iter().map(doc::register_diagram));
    }
    files
}

/// Returns the names in the register module of the extended crate that generated code may use.
fn of_the_extended(additions: &Additions<'_>) -> Vec<String> {
    let (description, extension) = (additions.map.description, additions.extension);
    let indices = description.indices.keys().filter(|name| !extension.indices.contains_key(*name));
    let mut names: Vec<_> =
        indices.flat_map(|name| [rust_name::type_name(name), rust_name::index_space(name)]).collect();
    names.extend(additions.extended.iter().map(|extended| rust_name::type_name(&extended.register.described.name)));
    names.extend(["RegisterSpace", "Registers", "permission"].map(str::to_owned));
    names.sort();
    names
}

fn extended(additions: &Additions<'_>, options: &Options, extended: &ExtendedRegister<'_>) -> TokenStream {
    let register = extended.register.described.name.as_str();
    let rust_name = rust_name::type_name(register);
    let (owner, module) = (ident(&rust_name), ident(&rust_name::method(register)));
    let name = rust_name::added_fields(additions.extension, register);
    let (allow, doc, name) = (allow_type_name(&name), doc::addition(additions, extended), ident(&name));
    let constants = fields::added_constants(&extended.fields, &owner, &module);
    let values = fields::values(extended.fields.iter().chain(&extended.values), &rust_name, &module);
    let root = imports::extended(options);
    let allow_unsafe = allow_unsafe();
    let added = extended.values.iter().map(|field| {
        let values = ident(&rust_name::type_name(field.name));
        quote! {
            #[diagnostic::do_not_recommend]
            #allow_unsafe
            unsafe impl ValueOf<#root::registers::#module::#values> for #module::#values {}
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

/// Generates the methods that return the added registers on a bus.
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
    quote! {
        #doc
        #allow
        pub trait #name<'a, B, P>: Sized {
            #(#declared)*
        }
        impl<'a, B, P> #name<'a, B, P> for Registers<'a, B, P> {
            #(#defined)*
        }
    }
}
