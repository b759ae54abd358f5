//! Permissions as types, and the permissions that each register requires as traits.

use proc_macro2::TokenStream;
use quote::quote;

use super::doc;
use super::token::{allow_type_name, ident, unsafe_impls};
use crate::description::{Mark, Name, Permission};
use crate::lower::{Additions, Map, Permits, Register, Write, WriteIn};
use crate::rust_name;

/// Generates the module of the permissions.
pub fn permissions(map: &Map<'_>) -> TokenStream {
    let prelude = (!map.description.permissions.is_empty()).then(|| {
        quote!(
            use ::core::prelude::v1::*;
        )
    });
    let types = map.description.permissions.iter().map(permission);
    quote! {
        /// The permissions: compile-time evidence of a state, which a write needs.
        pub mod permission {
            #prelude
            #(#types)*
        }
    }
}

fn permission((name, permission): (&Name, &Permission)) -> TokenStream {
    let name = rust_name::type_name(name);
    let (doc, allow, name) = (doc::line(doc::escape(&permission.doc)), allow_type_name(&name), ident(&name));
    quote! {
        #doc
        #[derive(Debug)]
        #allow
        pub enum #name {}
    }
}

/// Generates the module of the permissions that an extension adds, beside the permissions of the crate at `root`;
/// nothing if there are none.
pub fn added(additions: &Additions<'_>, root: &TokenStream) -> TokenStream {
    if additions.extension.permissions.is_empty() {
        return TokenStream::new();
    }
    let types = additions.extension.permissions.iter().map(permission);
    // Named one by one, they hide names of the prelude.
    let described = additions.map.description.permissions.keys();
    let described = described.filter(|name| !additions.extension.permissions.contains_key(*name));
    let described: Vec<_> = described.map(|name| ident(&rust_name::type_name(name))).collect();
    let described = (!described.is_empty()).then(|| quote!(pub use #root::registers::permission::{#(#described),*};));
    let impls = additions.permits.iter().map(|Permits { permission, registers, any_register }| {
        let permission = ident(&rust_name::type_name(permission));
        let registers = registers.iter().map(|register| ident(&rust_name::type_name(register)));
        let any = any_register.then(|| {
            let any = ident(ANY_REGISTER);
            quote! {
                #[diagnostic::do_not_recommend]
                unsafe impl<R> #root::registers::permit::#any<R> for permission::#permission {}
            }
        });
        quote! {
            #any
            #(
                #[diagnostic::do_not_recommend]
                unsafe impl #root::registers::permit::#registers for permission::#permission {}
            )*
        }
    });
    let impls = (!additions.permits.is_empty()).then(|| unsafe_impls(quote!(#(#impls)*)));
    quote! {
        /// The permissions: compile-time evidence of a state, which a write needs.
        pub mod permission {
            use ::core::prelude::v1::*;
            #described
            #(#types)*
        }
        #impls
    }
}

/// Generates the module of the traits. Each register with its own rule has one, so that the compiler can name the rule.
pub fn permits(map: &Map<'_>) -> TokenStream {
    let list = map.write_in.effective.join(", ");
    let default = Permit {
        name: ANY_REGISTER,
        what: "The permissions to write registers without their own rule.".to_owned(),
        write_in: &map.write_in,
        marks: Vec::new(),
        message: "register `{R}` may not be written in state `{Self}`".to_owned(),
        note: format!("`{{R}}` has no rule of its own: such registers may be written in: {list}"),
    };
    let own = writable(map).filter(|register| register.write_in.is_some());
    permits_module(std::iter::once(default).chain(own.map(|register| permit(map, register))).collect())
}

/// Generates the module of the traits for a part of a map.
///
/// The common trait is in another module, so each register has its own.
pub fn permits_of_each(map: &Map<'_>) -> TokenStream {
    permits_module(writable(map).map(|register| permit(map, register)).collect())
}

fn writable<'a>(map: &'a Map<'_>) -> impl Iterator<Item = &'a Register<'a>> {
    map.registers.iter().filter(|register| register.write != Write::Nothing)
}

fn permit<'a>(map: &'a Map<'_>, register: &'a Register<'_>) -> Permit<'a> {
    let name = register.described.name.as_str();
    let write_in = register.write_in.as_ref().unwrap_or(&map.write_in);
    let (section, list) = (register.described.section.replace(['{', '}'], ""), write_in.effective.join(", "));
    let marks: Vec<_> = register.described.marks().collect();
    let (message, note) = if !marks.is_empty() {
        // The state may be one of those listed. Then only the driver's permission is missing.
        let list: Vec<_> = write_in.effective.iter().map(|permission| format!("Driver<{permission}>")).collect();
        (
            format!("register `{name}` may not be written with permission `{{Self}}`"),
            format!("datasheet {section}: `{name}` may be written with: {}", list.join(", ")),
        )
    } else {
        (
            format!("register `{name}` may not be written in state `{{Self}}`"),
            format!("datasheet {section}: `{name}` may be written in: {list}"),
        )
    };
    Permit { name, what: format!("The permissions to write `{name}`."), write_in, marks, message, note }
}

fn permits_module(permits: Vec<Permit<'_>>) -> TokenStream {
    let traits = permits.iter().map(Permit::tokens);
    let uses = match permits.iter().all(Permit::is_the_drivers) {
        _ if permits.is_empty() => return TokenStream::new(),
        true => quote!(
            use super::{Driver, permission};
        ),
        false => quote!(
            use super::{Driver, Exclusive, permission};
        ),
    };
    quote! {
        /// The permissions to write each register.
        ///
        /// # Safety
        ///
        /// A permission may have the trait of a register only if the description lets it write that register.
        #[doc(hidden)]
        #[allow(unsafe_code, clippy::missing_safety_doc, clippy::undocumented_unsafe_blocks)]
        pub mod permit {
            #uses
            #(#traits)*
        }
    }
}

/// The trait of the registers without their own rule. Its parameter names the register in errors of the compiler.
pub const ANY_REGISTER: &str = "AnyRegister";

struct Permit<'a> {
    name: &'a str,
    what: String,
    write_in: &'a WriteIn<'a>,
    marks: Vec<Mark>,
    message: String,
    note: String,
}

impl Permit<'_> {
    fn is_the_drivers(&self) -> bool {
        !self.marks.is_empty()
    }

    fn tokens(&self) -> TokenStream {
        let Self { what, name: register, message, note, .. } = self;
        let rust_name = rust_name::type_name(self.name);
        let (doc, allow, name) = (doc::line(what), allow_type_name(&rust_name), ident(&rust_name));
        let permissions = self.write_in.effective.iter().map(|permission| ident(&rust_name::type_name(permission)));
        let (parameter, parameters) = match self.name {
            ANY_REGISTER => (quote!(<R>), quote!(R,)),
            _ => Default::default(),
        };
        let label = if self.is_the_drivers() { "not with permission `{Self}`" } else { "not in state `{Self}`" };
        let why = self.marks.iter().map(|mark| mark.refusal(register));
        let impls = if self.is_the_drivers() {
            quote! {
                #(
                    #[diagnostic::do_not_recommend]
                    unsafe impl #name for Driver<permission::#permissions> {}
                )*
            }
        } else {
            quote! {
                #(
                    #[diagnostic::do_not_recommend]
                    unsafe impl #parameter #name #parameter for permission::#permissions {}
                )*
                unsafe impl<#parameters P: #name #parameter> #name #parameter for Exclusive<P> {}
                unsafe impl<#parameters P: #name #parameter> #name #parameter for Driver<P> {}
            }
        };
        quote! {
            #doc
            #[diagnostic::on_unimplemented(message = #message, label = #label, note = #note #(, note = #why)*)]
            #allow
            pub unsafe trait #name #parameter {}
            #impls
        }
    }
}
