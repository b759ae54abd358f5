//! Fields as constants of their register or descriptor, and the enumerations of their values.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::token::{allow_constant_name, allow_type_name, allow_unsafe, ident, number};
use super::{doc, token};
use crate::description::Access;
use crate::lower::{Field, FieldKind};
use crate::rust_name;

/// Generates the field constants of type `owner`, whose enumerations are in `module`.
pub fn constants(fields: &[Field<'_>], owner: &Ident, module: &Ident) -> TokenStream {
    fields.iter().map(|field| constant(field, owner, module, false)).collect()
}

/// Generates the field constants that an extension adds to type `owner`, for a trait.
pub fn added_constants(fields: &[Field<'_>], owner: &Ident, module: &Ident) -> TokenStream {
    fields.iter().map(|field| constant(field, owner, module, true)).collect()
}

fn constant(field: &Field<'_>, owner: &Ident, module: &Ident, added: bool) -> TokenStream {
    let text = field.name.as_str();
    let rust_name = rust_name::constant(text);
    let (lsb, width) = (number(field.bits().lsb.into()), number(field.bits().width.into()));
    let access = access(field, added);
    let (kind, new) = match field.kind {
        FieldKind::Flag => (quote!(Flag<#owner, #lsb #access>), quote!(Flag::new(#text))),
        FieldKind::Address => (quote!(Address<#owner, #lsb>), quote!(Address::new(#text))),
        FieldKind::Number(None) => (quote!(Bits<#owner, #lsb, #width #access>), quote!(Bits::new(#text))),
        FieldKind::Number(Some((least, greatest))) => {
            let (least, greatest) = (number(least), number(greatest));
            (quote!(Bits<#owner, #lsb, #width #access>), quote!(Bits::ranged(#text, #least, #greatest)))
        }
        FieldKind::Enumerated => {
            let values = ident(&rust_name::type_name(text));
            (quote!(Enumerated<#owner, #lsb, #width, #module::#values #access>), quote!(Enumerated::new(#text)))
        }
    };
    let new = quote!(unsafe { #new });
    let (kind, new) = if field.tail { (quote!(Tail<#kind>), quote!(Tail::new(#new))) } else { (kind, new) };
    let aliases = doc::aliases(&field.described.other_names, &rust_name);
    let visibility = (!added).then(|| quote!(pub));
    let (doc, allow, name) = (doc::field(field), allow_constant_name(&rust_name), ident(&rust_name));
    quote! {
        #doc
        #aliases
        #allow
        #visibility const #name: #kind = #new;
    }
}

/// Returns the last parameter of a field's type, which is left out for a read-write field.
fn access(field: &Field<'_>, added: bool) -> TokenStream {
    let kind = match field.access {
        _ if field.prescribed.is_some() => "Fixed",
        _ if field.guarded => "DriverOnly",
        Access::ReadWrite if added => return quote!(, Added),
        Access::ReadWrite => return TokenStream::new(),
        Access::ReadOnly => "ReadOnly",
        Access::WriteOnly => "WriteOnly",
        Access::ReadClears => "ReadToClear",
        Access::WriteOneClears | Access::ReadOrWriteOneClears => "OneToClear",
        Access::WriteZeroClears => "ZeroToClear",
        Access::WriteOneSets => "OneToSet",
        Access::SelfClearing => "SelfClearing",
        Access::ReadSets => "ReadToSet",
    };
    let kind = ident(kind);
    // The type of the register is generated without the field, and may treat its bits as reserved.
    if added && field.is_settable() && !field.guarded { quote!(, Added<#kind>) } else { quote!(, #kind) }
}

/// Generates the module of the enumerations, if there are any.
pub fn values<'a>(fields: impl IntoIterator<Item = &'a Field<'a>>, owner: &str, module: &Ident) -> TokenStream {
    let enums: Vec<_> =
        fields.into_iter().filter(|field| field.kind == FieldKind::Enumerated).map(enumeration).collect();
    if enums.is_empty() {
        return TokenStream::new();
    }
    let doc = doc::line(format!("Values of the fields of [`{owner}`]."));
    quote! {
        #doc
        pub mod #module {
            use ::core::prelude::v1::*;
            #(#enums)*
        }
    }
}

fn enumeration(field: &Field<'_>) -> TokenStream {
    let rust_name = rust_name::type_name(field.name);
    let summary = match &field.described.doc {
        Some(doc) => doc::escape(doc),
        None => format!("Values of `{}`.", field.name.value),
    };
    let (doc, allow, name) = (doc::line(summary), allow_type_name(&rust_name), ident(&rust_name));
    let values = &field.described.values;
    let wide = values.values().any(|value| value.value > u64::from(u32::MAX));
    let representation = ident(if wide { "u64" } else { "u32" });
    let variants: Vec<_> = values.keys().map(|name| ident(&rust_name::type_name(name))).collect();
    let numbers: Vec<_> = values.values().map(|value| number(value.value)).collect();
    let docs = values.values().map(|value| doc::line(value.value.to_string()));
    let allows = values.keys().map(|name| allow_type_name(name));
    let allow_unsafe = allow_unsafe();
    quote! {
        #doc
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(#representation)]
        #allow
        pub enum #name {
            #(#docs #allows #variants = #numbers,)*
        }
        #allow_unsafe
        unsafe impl super::Enumeration for #name {
            #[inline(always)]
            fn from_bits(raw: u64) -> Option<Self> {
                match raw {
                    #(#numbers => Some(Self::#variants),)*
                    _ => None,
                }
            }
            #[inline(always)]
            fn to_bits(self) -> u64 {
                self as u64
            }
        }
    }
}

/// Generates the fields as data.
pub fn table(fields: &[Field<'_>]) -> TokenStream {
    let infos = fields.iter().map(|field| {
        let (name, access) = (field.name.as_str(), token::access_kind(field.access));
        let (lsb, width) = (number(field.bits().lsb.into()), number(field.bits().width.into()));
        let names = field.described.values.keys().map(|name| name.as_str());
        let numbers = field.described.values.values().map(|value| number(value.value));
        quote!(FieldInfo { name: #name, lsb: #lsb, width: #width, access: #access, values: &[#((#names, #numbers)),*] })
    });
    quote!(&[#(#infos),*])
}
