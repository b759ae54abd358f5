//! What makes a write legal, as types; and which of them which register asks for, as traits.

use proc_macro2::TokenStream;
use quote::quote;

use super::doc;
use super::token::{allow_type_name, ident};
use crate::lower::{Map, Write, WriteIn};
use crate::rust_name;

/// The module of the permissions.
pub fn permissions(map: &Map<'_>) -> TokenStream {
    let types = map.description.permissions.iter().map(|(name, permission)| {
        let name = rust_name::type_name(name);
        let (doc, allow, name) = (doc::line(doc::escape(&permission.doc)), allow_type_name(&name), ident(&name));
        quote! {
            #doc
            #[derive(Debug)]
            #allow
            pub enum #name {}
        }
    });
    quote! {
        /// What makes a write legal.
        pub mod permission {
            #(#types)*
        }
    }
}

/// The module of the traits, one a register that has a rule of its own, so that the compiler can say which rule.
pub fn permits(map: &Map<'_>) -> TokenStream {
    let list = map.write_in.effective.join(", ");
    let default = Permit {
        name: "AnyRegister",
        what: "Who may write the registers that have no rule of their own.".to_owned(),
        write_in: &map.write_in,
        memory_safety: false,
        message: "registers may not be written in state `{Self}`".to_owned(),
        note: format!("registers without a rule of their own may be written in: {list}"),
    };
    let writable = map.registers.iter().filter(|register| register.write != Write::Nothing);
    let own = writable.filter_map(|register| {
        let name = register.described.name.as_str();
        let write_in = register.write_in.as_ref()?;
        let (section, list) = (register.described.section.replace(['{', '}'], ""), write_in.effective.join(", "));
        Some(Permit {
            name,
            what: format!("Who may write `{name}`."),
            write_in,
            memory_safety: register.described.memory_safety,
            message: format!("register `{name}` may not be written in state `{{Self}}`"),
            note: format!("datasheet {section}: `{name}` may be written in: {list}"),
        })
    });
    let traits: Vec<_> = std::iter::once(default).chain(own).map(|permit| permit.tokens()).collect();
    quote! {
        /// Who may write which register.
        #[doc(hidden)]
        pub mod permit {
            use super::{Driver, Exclusive, permission};
            #(#traits)*
        }
    }
}

struct Permit<'a> {
    name: &'a str,
    what: String,
    write_in: &'a WriteIn<'a>,
    memory_safety: bool,
    message: String,
    note: String,
}

impl Permit<'_> {
    fn tokens(&self) -> TokenStream {
        let Self { what, message, note, .. } = self;
        let rust_name = rust_name::type_name(self.name);
        let (doc, allow, name) = (doc::line(what), allow_type_name(&rust_name), ident(&rust_name));
        let permissions = self.write_in.effective.iter().map(|permission| ident(&rust_name::type_name(permission)));
        let (safety, impls) = if self.memory_safety {
            let why = format!(
                "`{}` decides which memory the device reaches: only the driver, which owns that memory, writes it",
                self.name
            );
            (quote!(, note = #why), quote!(#(impl #name for Driver<permission::#permissions> {})*))
        } else {
            let impls = quote! {
                #(impl #name for permission::#permissions {})*
                impl<P: #name> #name for Exclusive<P> {}
                impl<P: #name> #name for Driver<P> {}
            };
            (TokenStream::new(), impls)
        };
        quote! {
            #doc
            #[diagnostic::on_unimplemented(message = #message, label = "not in state `{Self}`", note = #note #safety)]
            #allow
            pub trait #name {}
            #impls
        }
    }
}
