//! Small pieces of Rust.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::quote;

use crate::description::{Access, Range};

/// Returns an identifier. `check` has verified that the name is valid.
pub fn ident(name: &str) -> Ident {
    Ident::new(name, Span::call_site())
}

/// Returns a decimal number.
pub fn number(value: u64) -> Literal {
    Literal::u64_unsuffixed(value)
}

/// Returns a number with the digits of an offset.
pub fn offset(value: u64) -> Literal {
    literal(&format!("{value:#07x}"), value)
}

/// Returns a number with the digits of a register of `width` bits.
pub fn mask(value: u64, width: u32) -> Literal {
    literal(&hex(value, width), value)
}

/// Returns the halves of a number, with all digits.
pub fn mask64(value: u128) -> [Literal; 2] {
    [value, value >> 64].map(|half| {
        let half = (half & u128::from(u64::MAX)) as u64;
        if half == 0 { number(0) } else { mask(half, 64) }
    })
}

/// Formats a number with the digits of a register of `width` bits.
pub fn hex(value: u64, width: u32) -> String {
    match width {
        0..=8 => format!("0x{value:02x}"),
        9..=16 => format!("0x{value:04x}"),
        17..=32 => format!("0x{:04x}_{:04x}", value >> 16, value & 0xffff),
        _ => format!(
            "0x{:04x}_{:04x}_{:04x}_{:04x}",
            value >> 48,
            value >> 32 & 0xffff,
            value >> 16 & 0xffff,
            value & 0xffff
        ),
    }
}

/// Formats an address, as in a datasheet.
pub fn address(value: u64) -> String {
    format!("0x{value:05X}")
}

fn literal(text: &str, value: u64) -> Literal {
    text.parse().unwrap_or_else(|_| number(value))
}

/// Elements at equal distances.
pub fn range(range: &Range) -> TokenStream {
    let (first, count) = (number(range.first.into()), number(range.count.into()));
    let (base, stride) = (offset(range.base.value), literal(&format!("{:#x}", range.stride), range.stride));
    quote!(Range { first: #first, count: #count, base: #base, stride: #stride })
}

/// Returns a kind of access as data.
pub fn access_kind(access: Access) -> TokenStream {
    let name = ident(match access {
        Access::ReadWrite => "Rw",
        Access::ReadOnly => "Ro",
        Access::WriteOnly => "Wo",
        Access::ReadClears => "Rc",
        Access::WriteOneClears => "W1c",
        Access::ReadOrWriteOneClears => "RcW1c",
        Access::WriteZeroClears => "W0c",
        Access::WriteOneSets => "W1s",
        Access::SelfClearing => "Sc",
        Access::ReadSets => "ReadSets",
    });
    quote!(AccessKind::#name)
}

/// Allows the names of the datasheet for types.
pub fn allow_type_name(name: &str) -> TokenStream {
    if name.contains('_') { quote!(#[allow(non_camel_case_types)]) } else { TokenStream::new() }
}

/// Allows the names of the datasheet for constants.
pub fn allow_constant_name(name: &str) -> TokenStream {
    let usual = !name.contains(|c: char| c.is_lowercase());
    if usual { TokenStream::new() } else { quote!(#[allow(non_upper_case_globals)]) }
}

/// Allows `unsafe` for an item, even if the including crate denies it. The checked description is the proof of each.
pub fn allow_unsafe() -> TokenStream {
    quote!(#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)])
}

/// Groups implementations of unsafe traits in one item, under one attribute.
pub fn unsafe_impls(impls: TokenStream) -> TokenStream {
    let allow = allow_unsafe();
    quote! {
        #allow
        const _: () = { #impls };
    }
}
