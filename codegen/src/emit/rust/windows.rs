//! Windows as types, and the type that owns all of them.

use proc_macro2::TokenStream;
use quote::quote;

use super::token::{allow_type_name, allow_unsafe, ident, mask, number, unsafe_impls};
use super::{Options, doc, registers};
use crate::lower::{Commands, Map, Window};
use crate::rust_name;

/// Generates the windows of a block, and the type that has each of them once; nothing if there are none.
pub fn windows(map: &Map<'_>, options: &Options) -> TokenStream {
    if map.windows.is_empty() {
        return TokenStream::new();
    }
    let windows = map.windows.iter().map(|one| window(map, one));
    let owner = owner(map, options);
    quote!(#(#windows)* #owner)
}

/// Generates the type that has each window once.
fn owner(map: &Map<'_>, options: &Options) -> TokenStream {
    let title = doc::line(format!(
        "The windows of the {} on bus `B`, with permission `P`. Each has one owner.",
        doc::escape(&map.description.title)
    ));
    let fields: Vec<_> = map.windows.iter().map(|window| ident(&rust_name::module(&window.described.name))).collect();
    let types = map.windows.iter().map(|window| ident(&rust_name::window(&window.described.name)));
    let docs = map.windows.iter().map(doc::window);
    let (claims, allow_unsafe) = (registers::claims(options), allow_unsafe());
    quote! {
        #title
        #[derive(Debug)]
        pub struct Windows<'a, B, P> {
            #(#docs pub #fields: Window<'a, B, #types, P>,)*
        }
        #allow_unsafe
        impl<'a, B, P> Windows<'a, B, P> {
            /// Returns the windows on `bus` with permission `P`, for drivers and for work that no driver does.
            ///
            /// # Safety
            ///
            /// As long as a window of the result is in use:
            ///
            /// - Nothing else uses this window: two would select against each other.
            #claims
            #[must_use]
            #[inline(always)]
            pub const unsafe fn assume_permission(bus: &'a B) -> Self {
                unsafe { Self { #(#fields: Window::at(bus)),* } }
            }
        }
    }
}

/// Generates the type of a window, and the registers behind it.
fn window(map: &Map<'_>, window: &Window<'_>) -> TokenStream {
    let described = window.described;
    let rust_name = rust_name::window(&described.name);
    let (name, allow) = (ident(&rust_name), allow_type_name(&rust_name));
    let field = ident(&rust_name::module(&described.name));
    let doc = doc::line(format!("The type of the window [`{field}`](Windows::{field})."));
    let (selector, width) =
        (ident(&rust_name::type_name(window.described.selector())), registers::width(window.selector));
    let info = info(window);
    let index = match &described.index {
        Some(index) => {
            let index = ident(&rust_name::index_space(index));
            quote!(#index)
        }
        None => {
            let count = number(window.count.into());
            quote!(Below<#count>)
        }
    };
    let (sort, behind) = match &window.commands {
        None => bank(map, window),
        Some(commands) => (commanded(map, window, commands), TokenStream::new()),
    };
    let impls = unsafe_impls(quote! {
        unsafe impl View for #name {
            type Selector = #selector;
            type Index = #index;
            const SELECTOR: Offset<RegisterSpace, #width> = #selector::OFFSET;
            const INFO: WindowInfo = #info;
        }
        #sort
    });
    quote! {
        #doc
        #[derive(Debug, Clone, Copy)]
        #allow
        pub enum #name {}
        #impls
        #behind
    }
}

/// Generates a window as data.
fn info(window: &Window<'_>) -> TokenStream {
    let described = window.described;
    let (name, selector, field) = (described.name.as_str(), described.selector(), described.field());
    let [lsb, width, count] = [window.bits.lsb, window.bits.width, window.count].map(|value| number(value.into()));
    let commands = window.commands.as_ref().map_or_else(
        || quote!(None),
        |commands| {
            let bits = |value| mask(value, window.selector.bits());
            let given = |value: Option<u64>| match value.map(bits) {
                Some(value) => quote!(Some(#value)),
                None => quote!(None),
            };
            let (read, write) = (given(commands.read), given(commands.write));
            let [all, done_mask, done] = [commands.mask, commands.done_mask, commands.done].map(bits);
            quote! {
                Some(CommandInfo { mask: #all, read: #read, write: #write, done_mask: #done_mask, done: #done })
            }
        },
    );
    quote! {
        WindowInfo {
            name: #name,
            selector: #selector,
            field: #field,
            lsb: #lsb,
            width: #width,
            count: #count,
            commands: #commands,
        }
    }
}

/// Generates what makes a window a bank, and the type with the methods of its registers.
fn bank(map: &Map<'_>, window: &Window<'_>) -> (TokenStream, TokenStream) {
    let described = window.described;
    let rust_name = rust_name::window_registers(&described.name);
    let (name, allow) = (ident(&rust_name::window(&described.name)), allow_type_name(&rust_name));
    let registers = ident(&rust_name);
    let field = ident(&rust_name::module(&described.name));
    let doc = doc::line(format!(
        "The registers behind the window [`{field}`](Windows::{field}), which show the selected element, with permission `P`."
    ));
    let (handle, methods) = (registers::handle(Some(described)), registers::methods(map, Some(described)));
    let sort = quote! {
        unsafe impl Bank for #name {
            type Registers<'w, B: 'w, P> = #registers<'w, B, P>;
            #[inline(always)]
            unsafe fn registers<'w, B: 'w, P>(bus: &'w B) -> #registers<'w, B, P> {
                #registers { bus, permission: ::core::marker::PhantomData }
            }
        }
    };
    let behind = quote! {
        #doc
        #allow
        #handle
        #methods
    };
    (sort, behind)
}

/// Generates what gives a window its commands.
fn commanded(map: &Map<'_>, window: &Window<'_>, commands: &Commands) -> TokenStream {
    let described = window.described;
    let name = ident(&rust_name::window(&described.name));
    let behind = map.registers.iter().find(|register| described.registers.contains(&register.described.name));
    let data = behind.map(|register| {
        let (data, width) =
            (ident(&rust_name::type_name(&register.described.name)), registers::width(register.described));
        quote! {
            unsafe impl Commanded for #name {
                type Data = #data;
                const DATA: Offset<RegisterSpace, #width> = #data::OFFSET;
            }
        }
    });
    let bits = |value| mask(value, window.selector.bits());
    let read = commands.read.map(bits).map(|read| {
        quote! {
            unsafe impl ReadCommand for #name {
                const READ: u64 = #read;
            }
        }
    });
    let write = commands.write.map(bits).map(|write| {
        quote! {
            unsafe impl WriteCommand for #name {
                const WRITE: u64 = #write;
            }
        }
    });
    quote!(#data #read #write)
}
