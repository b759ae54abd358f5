//! Registers as types, the indices of arrays, and the methods by which both come together.

use std::collections::HashMap;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::Options;
use super::permissions::ANY_REGISTER;
use super::token::{allow_type_name, allow_unsafe, ident, mask32, mask64, number, offset, unsafe_impls};
use super::{doc, fields, token};
use crate::description::{self, Named, Order, Pair};
use crate::lower::{Map, Read, Register, Write};
use crate::rust_name;

/// The types by which array registers are indexed.
pub fn indices(indices: &Named<description::Index>) -> TokenStream {
    let indices = indices.iter().map(|(name, index)| {
        let (text, count) = (name.as_str(), number(index.count.value.into()));
        let (alias, space) = (ident(&rust_name::type_name(name)), ident(&rust_name::index_space(name)));
        let space_doc = doc::line(format!("How many [`{alias}`] there are."));
        let (doc, allow) = (doc::line(doc::escape(&index.doc)), allow_type_name(name));
        quote! {
            #space_doc
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            #allow
            pub enum #space {}
            impl IndexSpace for #space {
                const COUNT: u32 = #count;
                const NAME: &'static str = #text;
            }
            #doc
            #allow
            pub type #alias = Index<#space>;
        }
    });
    quote!(#(#indices)*)
}

/// A register's type: its fields and what may be done with it.
pub fn register(map: &Map<'_>, pairs: &doc::Pairs<'_>, options: &Options, register: &Register<'_>) -> TokenStream {
    let described = register.described;
    let text = described.name.as_str();
    let rust_name = rust_name::type_name(text);
    let (doc, aliases) =
        (doc::register(map, pairs, options, register), doc::aliases(&described.header_names, &rust_name));
    let (allow, name) = (allow_type_name(&rust_name), ident(&rust_name));
    let module = ident(&rust_name::method(text));
    let place = place(register);
    let constants = fields::constants(&register.fields, &name, &module);
    let [low, high] = mask64(register.writable.into());
    let section = &described.section;
    let (keep, ones) = (mask32(register.keep), mask32(register.must_be_one));
    let reset = mask32(register.reset.map_or(0, |reset| reset & register.reset_known));
    // A runtime that knows other widths than the usual one asks for it.
    let width = (described.bits() != 32).then(|| {
        let width = number(described.bits().into());
        quote!(const WIDTH: u32 = #width;)
    });
    let abilities = abilities(register, options, &name);
    let allow_unsafe = allow_unsafe();
    let impls = unsafe_impls(quote! {
        unsafe impl Layout for #name {
            const NAME: &'static str = #text;
            const WRITABLE: [u64; 2] = [#low, #high];
        }
        unsafe impl Register for #name {
            const SECTION: &'static str = #section;
            #width
            const KEEP: u32 = #keep;
            const ONES: u32 = #ones;
            const RESET: u32 = #reset;
        }
        #abilities
    });
    let values = fields::values(&register.fields, &rust_name, &module);
    quote! {
        #doc
        #[derive(Debug, Clone, Copy)]
        #aliases
        #allow
        pub enum #name {}
        #allow_unsafe
        impl #name {
            #place
            #constants
        }
        impl RegisterLongName for #name {}
        #impls
        #values
    }
}

fn place(register: &Register<'_>) -> TokenStream {
    match &register.described.array {
        None => {
            let offset = offset(register.ranges.first().map_or(0, |range| range.base.value));
            quote! {
                /// Where the register is.
                pub const OFFSET: Offset = Offset::constant(#offset);
            }
        }
        Some(_) => {
            let ranges: Vec<_> = register.ranges.iter().map(token::range).collect();
            let (space, count) = (space(register.described), number(ranges.len() as u64));
            quote! {
                /// Where the elements are.
                pub const ARRAY: Array<#space, #count> = Array::constant([#(#ranges),*]);
            }
        }
    }
}

/// The traits by which the runtime allows what the datasheet allows.
fn abilities(register: &Register<'_>, options: &Options, name: &Ident) -> TokenStream {
    let read = match register.read {
        Read::Nothing => None,
        Read::Pure => Some(marker("ReadPure", name)),
        Read::Acts => Some(marker("ReadActs", name)),
    };
    let write = match register.write {
        // That no write stores is said once: what a write would need besides is granted.
        Write::Nothing => {
            let known_reset = marker("KnownReset", name);
            return quote! {
                #read
                #known_reset
                #[diagnostic::do_not_recommend]
                unsafe impl<P> WritableIn<P> for #name {}
            };
        }
        Write::Stores => marker("PlainWrite", name),
        Write::SetsOnes => marker("OnesSet", name),
        Write::ClearsOnes => marker("OnesClear", name),
    };
    let known_reset = register.whole_reset().map(|_| marker("KnownReset", name));
    let bare = register.bare_write.then(|| marker("BareWrite", name));
    let doorbell = register.described.doorbell.then(|| marker("Doorbell", name));
    let permit = match register.write_in {
        _ if options.part => quote!(#name),
        Some(_) => quote!(#name),
        None => {
            let any = ident(ANY_REGISTER);
            quote!(#any<#name>)
        }
    };
    quote! {
        #read
        #write
        #known_reset
        #bare
        #doorbell
        unsafe impl<P: permit::#permit> WritableIn<P> for #name {}
    }
}

/// One ability. Which other registers have it is no help to who looks for a mistake.
fn marker(ability: &str, name: &Ident) -> TokenStream {
    let ability = ident(ability);
    quote! {
        #[diagnostic::do_not_recommend]
        unsafe impl #ability for #name {}
    }
}

/// The type that says how many elements an array has.
fn space(described: &description::Register) -> TokenStream {
    match described.array.as_ref().and_then(|array| array.index.as_ref()) {
        Some(index) => {
            let space = ident(&rust_name::index_space(index));
            quote!(#space)
        }
        None => {
            let count = number(described.count());
            quote!(Below<#count>)
        }
    }
}

/// The parameter of a method that reaches an array register, and the argument that hands it on.
fn index(described: &description::Register) -> (TokenStream, TokenStream) {
    let Some(array) = &described.array else { return Default::default() };
    let parameter = match &array.index {
        Some(index) => {
            let index = ident(&rust_name::type_name(index));
            quote!(, index: #index)
        }
        None => {
            let space = space(described);
            quote!(, index: Index<#space>)
        }
    };
    (parameter, quote!(index))
}

/// The method that gives a register its place on a bus, in pieces.
pub struct Accessor {
    pub doc: TokenStream,
    pub head: TokenStream,
    pub place: TokenStream,
}

impl Accessor {
    pub fn of(register: &Register<'_>) -> Self {
        let described = register.described;
        let text = described.name.as_str();
        let (name, method) = (ident(&rust_name::type_name(text)), ident(&rust_name::method(text)));
        let doc =
            doc::line(format!("[`{name}`]: {} ({}).", doc::escape(&described.title), doc::escape(&described.section)));
        let (parameter, argument) = index(described);
        let place = if argument.is_empty() { quote!(#name::OFFSET) } else { quote!(#name::ARRAY.offset(#argument)) };
        Self { doc, head: quote!(fn #method(self #parameter) -> Reg<'a, B, #name, P>), place }
    }
}

/// The methods that give all registers their place on a bus.
pub fn accessors(map: &Map<'_>) -> TokenStream {
    let registers = map.registers.iter().map(|register| {
        let Accessor { doc, head, place } = Accessor::of(register);
        quote! {
            #doc
            #[inline(always)]
            pub const #head {
                Reg::at(self.bus, #place)
            }
        }
    });
    let described = map.registers.iter().map(|register| (&register.described.name, register.described));
    let described: HashMap<_, _> = described.collect();
    let pairs = map
        .description
        .pairs
        .iter()
        .filter_map(|pair| Some(accessor_of_pair([described.get(&pair.low)?, described.get(&pair.high)?], pair)));
    quote! {
        impl<'a, B: Bus, P> Registers<'a, B, P> {
            #(#registers)*
            #(#pairs)*
        }
    }
}

/// The method that gives both registers of a pair, which have the same elements. Where both are marked
/// `memory_safety`, the value is an address, as that of a marked field of 64 bits is.
fn accessor_of_pair(halves: [&description::Register; 2], pair: &Pair) -> TokenStream {
    let (parameter, argument) = index(halves[0]);
    let value = halves.iter().all(|half| half.memory_safety).then(|| quote!(, DmaAddr));
    let method = ident(&rust_name::method(&pair.name));
    let [low, high] = [&pair.low, &pair.high].map(|name| ident(&rust_name::type_name(name)));
    let [low_method, high_method] = [&pair.low, &pair.high].map(|name| ident(&rust_name::method(name)));
    // The order of access is the pair's own business: of the runtime's constructors each has one.
    let new = ident(match pair.order {
        Order::LowFirst | Order::Either => "new",
        Order::HighFirst => "high_first",
    });
    let what = pair.doc.as_deref().map(|doc| format!(": {}", doc::escape(doc))).unwrap_or_else(|| ".".to_owned());
    let doc = doc::line(format!("[`{low}`] and [`{high}`] as one value{what}"));
    quote! {
        #doc
        #[inline(always)]
        pub const fn #method(self #parameter) -> Pair<'a, B, #low, #high, P #value> {
            Pair::#new(self.#low_method(#argument), self.#high_method(#argument))
        }
    }
}
