//! Registers as types, indices of arrays as types, and the methods that combine them.

use std::collections::HashMap;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::Options;
use super::permissions::ANY_REGISTER;
use super::token::{allow_type_name, allow_unsafe, ident, mask, mask64, number, offset, unsafe_impls};
use super::{doc, fields, imports, table, token};
use crate::description::{self, ByteOrder, Named, Order, Pair};
use crate::lower::{Map, Read, Register, Write};
use crate::rust_name;

/// Generates the types of the indices of array registers.
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

/// Generates the type of a register, with its fields and rules.
pub fn register(map: &Map<'_>, pairs: &doc::Pairs<'_>, options: &Options, register: &Register<'_>) -> TokenStream {
    let described = register.described;
    let text = described.name.as_str();
    let rust_name = rust_name::type_name(text);
    let (doc, aliases) =
        (doc::register(map, pairs, options, register), doc::aliases(&described.other_names, &rust_name));
    let (allow, name) = (allow_type_name(&rust_name), ident(&rust_name));
    let module = ident(&rust_name::method(text));
    let place = place(register);
    let constants = fields::constants(&register.fields, &name, &module);
    let [low, high] = mask64(register.writable.into());
    let reset = register.reset.map_or(0, |reset| reset & register.reset_known);
    let neutral = (register.neutral_ones != 0).then(|| mask(register.neutral_ones, described.bits()));
    let neutral = neutral.map(|ones| quote!(const NEUTRAL_ONES: u64 = #ones;));
    let [preserve, ones, reset] = [register.keep, register.must_be_one, reset].map(|bits| mask(bits, described.bits()));
    let (width, info, root) = (width(described), table::register(map, register), imports::root(options));
    let abilities = abilities(register, options, &name);
    let allow_unsafe = allow_unsafe();
    let impls = unsafe_impls(quote! {
        unsafe impl Layout for #name {
            const NAME: &'static str = #text;
            const WRITABLE: [u64; 2] = [#low, #high];
        }
        unsafe impl Register for #name {
            type Space = RegisterSpace;
            type Width = #width;
            const INFO: RegisterInfo = #info;
            const PRESERVE_MASK: u64 = #preserve;
            const FORCED_ONES: u64 = #ones;
            #neutral
            const RESET_VALUE: u64 = #reset;
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
        #root::register_long_name!(#name);
        #impls
        #values
    }
}

/// Returns the integer type of a register.
pub fn width(described: &description::Register) -> Ident {
    ident(match described.bits() {
        8 => "u8",
        16 => "u16",
        64 => "u64",
        _ => "u32",
    })
}

fn place(register: &Register<'_>) -> TokenStream {
    let width = width(register.described);
    match &register.described.array {
        None => {
            let offset = offset(register.ranges.first().map_or(0, |range| range.base.value));
            quote! {
                /// The offset of the register.
                pub const OFFSET: Offset<RegisterSpace, #width> = Offset::constant(#offset);
            }
        }
        Some(_) => {
            let ranges: Vec<_> = register.ranges.iter().map(token::range).collect();
            let (space, count) = (space(register.described), number(ranges.len() as u64));
            quote! {
                /// The offsets of the elements.
                pub const ARRAY: Array<#space, RegisterSpace, #width, #count> = Array::constant([#(#ranges),*]);
            }
        }
    }
}

/// Generates the implementations of the traits of the runtime, which allow what the datasheet allows.
fn abilities(register: &Register<'_>, options: &Options, name: &Ident) -> TokenStream {
    let read = match register.read {
        Read::Nothing => None,
        Read::Pure => Some(marker("PureRead", name)),
        Read::SideEffects => Some(marker("SideEffectRead", name)),
    };
    let write = match register.write {
        // The compiler should report only one missing trait, so the other traits of a write are implemented.
        Write::Nothing => {
            let resettable = marker("Resettable", name);
            return quote! {
                #read
                #resettable
                #[diagnostic::do_not_recommend]
                unsafe impl<P> WritableIn<P> for #name {}
            };
        }
        Write::Stores => marker("PlainWrite", name),
        Write::SetsOnes => marker("WriteOneToSet", name),
        Write::ClearsOnes => marker("WriteOneToClear", name),
    };
    let resettable = register.whole_reset().map(|_| marker("Resettable", name));
    let bare = register.bare_write.then(|| marker("RawWrite", name));
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
        #resettable
        #bare
        #doorbell
        unsafe impl<P: permit::#permit> WritableIn<P> for #name {}
    }
}

/// Generates one implementation, hidden from lists in errors: other registers with the trait do not help.
fn marker(ability: &str, name: &Ident) -> TokenStream {
    let ability = ident(ability);
    quote! {
        #[diagnostic::do_not_recommend]
        unsafe impl #ability for #name {}
    }
}

/// Returns the type with the number of elements of an array.
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

/// Returns the parameter of the method of an array register, and the argument that forwards it.
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

/// The parts of the method that returns a register on a bus.
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

/// Generates the register space, and the methods that return each register on a bus.
pub fn accessors(map: &Map<'_>, options: &Options) -> TokenStream {
    let (space, block) = (register_space(map, options), block(map, options));
    let methods = methods(map, None);
    quote! {
        #space
        #block
        #methods
    }
}

/// Generates the methods that return the registers behind a window or, without a window, those behind none.
pub fn methods(map: &Map<'_>, window: Option<&description::Window>) -> TokenStream {
    let of = |register: &&Register<'_>| match (register.window, window) {
        (Some(own), Some(window)) => own.name == window.name && own.selector() != register.described.name.as_str(),
        (own, window) => own.is_none() && window.is_none(),
    };
    let registers: Vec<_> = map.registers.iter().filter(of).collect();
    let described = registers.iter().map(|register| (&register.described.name, register.described));
    let described: HashMap<_, _> = described.collect();
    let registers = registers.iter().map(|register| {
        let Accessor { doc, head, place } = Accessor::of(register);
        quote! {
            #doc
            #[inline(always)]
            pub const #head {
                unsafe { Reg::at(self.bus, #place) }
            }
        }
    });
    let pairs = map
        .description
        .pairs
        .iter()
        .filter_map(|pair| Some(PairAccessor::of([described.get(&pair.low)?, described.get(&pair.high)?], pair)))
        .map(|PairAccessor { doc, head, body }| {
            quote! {
                #doc
                #[inline(always)]
                pub const #head {
                    #body
                }
            }
        });
    let misses = map.registers.iter().filter(|register| window.is_none() && register.window.is_some()).map(miss);
    let (allow_unsafe, handle) = (allow_unsafe(), handle_name(window));
    quote! {
        #allow_unsafe
        impl<'a, B, P> #handle<'a, B, P> {
            #(#registers)*
            #(#pairs)*
            #(#misses)*
        }
    }
}

/// Generates a method that nobody can call: the compiler says instead that the register is behind a window.
fn miss(register: &Register<'_>) -> TokenStream {
    let Accessor { head, place, .. } = Accessor::of(register);
    let name = ident(&rust_name::type_name(&register.described.name));
    quote! {
        #[doc(hidden)]
        pub const #head where #name: ReachedDirectly<P> {
            unsafe { Reg::at(self.bus, #place) }
        }
    }
}

/// Returns the name of the type with the methods of the registers behind a window, or behind none.
fn handle_name(window: Option<&description::Window>) -> Ident {
    window.map_or_else(|| ident("Registers"), |window| ident(&rust_name::window_registers(&window.name)))
}

/// Generates the type with the methods of the registers behind a window, or behind none.
pub fn handle(window: Option<&description::Window>) -> TokenStream {
    let name = handle_name(window);
    let text = format!("{name}<{{}}>");
    quote! {
        pub struct #name<'a, B, P> {
            bus: &'a B,
            permission: ::core::marker::PhantomData<P>,
        }
        impl<B, P> Clone for #name<'_, B, P> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<B, P> Copy for #name<'_, B, P> {}
        impl<B, P> ::core::fmt::Debug for #name<'_, B, P> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::write!(f, #text, ::core::any::type_name::<P>())
            }
        }
    }
}

/// Generates the register space of a block.
fn register_space(map: &Map<'_>, options: &Options) -> TokenStream {
    let ends = map.registers.iter().flat_map(|register| register.described.ends()).map(|(_, end)| end);
    let size = match &map.description.size {
        Some(size) if !options.part => size.value,
        _ => ends.max().unwrap_or(0),
    };
    let size = offset(size);
    let order = ident(match map.description.byte_order {
        ByteOrder::Little => "LittleEndian",
        ByteOrder::Big => "BigEndian",
    });
    quote! {
        /// The space that the registers are in.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum RegisterSpace {}
        impl Space for RegisterSpace {
            const SIZE: u32 = #size;
            const REGISTERS: &'static [RegisterInfo] = REGISTERS;
            type ByteOrder = #order;
        }
    }
}

/// Generates the type with a method for each register.
fn block(map: &Map<'_>, options: &Options) -> TokenStream {
    let title = doc::line(format!(
        "The registers of the {} on bus `B`, with permission `P`.",
        doc::escape(&map.description.title)
    ));
    let allow_unsafe = allow_unsafe();
    let (claims, handle) = (claims(options), handle(None));
    quote! {
        #title
        ///
        /// A write compiles only if `P` allows it.
        #handle
        #allow_unsafe
        impl<'a, B, P> Registers<'a, B, P> {
            /// Returns the registers on `bus` with permission `P`, for drivers and for work that no driver does.
            ///
            /// # Safety
            ///
            /// As long as the result or a copy of it is in use:
            ///
            #claims
            #[must_use]
            #[inline(always)]
            pub const unsafe fn assume_permission(bus: &'a B) -> Self {
                Self { bus, permission: ::core::marker::PhantomData }
            }
            /// Returns the register `R` at `offset`, which an extension of the map adds. For generated code.
            ///
            /// # Safety
            ///
            /// `R` is at `offset`, and no write that its own rules allow lets the device access memory that was not given
            /// to it.
            #[doc(hidden)]
            #[must_use]
            #[inline(always)]
            pub const unsafe fn added<R: Register<Space = RegisterSpace>>(
                self,
                offset: Offset<RegisterSpace, R::Width>,
            ) -> Reg<'a, B, R, P> {
                unsafe { Reg::at(self.bus, offset) }
            }
        }
    }
}

/// Generates the list of what a caller promises who takes registers with permission `P`.
pub fn claims(options: &Options) -> TokenStream {
    let register = format!("{}::register", options.crate_path.trim_start_matches("::"));
    let exclusive = doc::line(format!(
        "- For an [exclusive]({register}::Exclusive) or a [driver]({register}::Driver) permission: nothing else reads with side \
         effects, or does read-modify-write, on these registers.",
    ));
    let driver = doc::line(format!(
        "- For a [driver]({register}::Driver) permission: no write lets the device access memory that it was not given, makes \
         untrue what the driver's types say of its state, or destroys hardware. Only this permission can \
         write the registers that could.",
    ));
    quote! {
        /// - The device, or the part of it that a register belongs to, is in the state that `P` names.
        #exclusive
        #driver
    }
}

/// The parts of the method that returns both registers of a pair, which have the same elements.
pub struct PairAccessor {
    pub doc: TokenStream,
    pub head: TokenStream,
    pub body: TokenStream,
}

impl PairAccessor {
    /// Makes the parts for a pair with these registers.
    ///
    /// If both are marked `memory_safety`, the value is an address, as it is for a marked field of 64 bits.
    pub fn of(halves: [&description::Register; 2], pair: &Pair) -> Self {
        let (parameter, argument) = index(halves[0]);
        let value = halves.iter().all(|half| half.memory_safety).then(|| quote!(, DmaAddr));
        let method = ident(&rust_name::method(&pair.name));
        let [low, high] = [&pair.low, &pair.high].map(|name| ident(&rust_name::type_name(name)));
        let [low_method, high_method] = [&pair.low, &pair.high].map(|name| ident(&rust_name::method(name)));
        // Each order of access has a constructor in the runtime.
        let new = ident(match pair.order {
            Order::LowFirst | Order::Either => "new",
            Order::HighFirst => "high_first",
        });
        let what = pair.doc.as_deref().map(|doc| format!(": {}", doc::escape(doc))).unwrap_or_else(|| ".".to_owned());
        Self {
            doc: doc::line(format!("[`{low}`] and [`{high}`] as one value{what}")),
            head: quote!(fn #method(self #parameter) -> Pair<'a, B, #low, #high, P #value>),
            body: quote!(Pair::#new(self.#low_method(#argument), self.#high_method(#argument))),
        }
    }
}
