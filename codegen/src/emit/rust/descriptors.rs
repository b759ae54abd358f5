//! Descriptor formats as types.

use proc_macro2::TokenStream;
use quote::quote;

use super::doc;
use super::fields;
use super::token::{allow_type_name, allow_unsafe, ident, mask64, number, unsafe_impls};
use crate::description::Format;
use crate::lower::Descriptor;
use crate::rust_name;

/// Generates the type of a descriptor format and its fields.
pub fn descriptor(descriptor: &Descriptor<'_>) -> TokenStream {
    let described = descriptor.described;
    let text = described.name.as_str();
    let rust_name = rust_name::descriptor(text, described.format);
    let (allow, name, module) = (allow_type_name(&rust_name), ident(&rust_name), ident(&rust_name::module(&rust_name)));
    let doc = doc::descriptor(descriptor);
    let constants = fields::constants(&descriptor.fields, &name, &module);
    let values = fields::values(&descriptor.fields, &rust_name, &module);
    let [writable_low, writable_high] = mask64(descriptor.writable);
    let [fixed_low, fixed_high] = mask64(descriptor.fixed);
    let section = &described.section;
    let done = descriptor.done.map(|bit| number(bit.into())).map(|bit| {
        quote! {
            #[diagnostic::do_not_recommend]
            unsafe impl WriteBack for #name {
                const DONE: u32 = #bit;
            }
        }
    });
    let format = match described.format {
        Format::Structure => {
            let (least, big_endian) = (number((described.bits.value / 8).into()), described.is_big_endian());
            quote! {
                impl Structure for #name {
                    const LEAST: usize = #least;
                    const BIG_ENDIAN: bool = #big_endian;
                }
            }
        }
        _ => quote! {
            unsafe impl DescriptorFormat for #name {
                const SECTION: &'static str = #section;
                const FIXED: [u64; 2] = [#fixed_low, #fixed_high];
            }
        },
    };
    let allow_unsafe = allow_unsafe();
    let impls = unsafe_impls(quote! {
        unsafe impl Layout for #name {
            const NAME: &'static str = #text;
            const WRITABLE: [u64; 2] = [#writable_low, #writable_high];
        }
        #format
        #done
    });
    quote! {
        #doc
        #[derive(Debug, Clone, Copy)]
        #allow
        pub enum #name {}
        #allow_unsafe
        impl #name {
            #constants
        }
        #impls
        #values
    }
}
