//! The description as data, for use at run time.

use proc_macro2::TokenStream;
use quote::quote;

use super::token::{access_kind, ident, mask, number, range};
use super::{doc, fields};
use crate::lower::{Map, Register, Write};
use crate::rust_name;

/// Generates the table of the registers.
pub fn registers(map: &Map<'_>) -> TokenStream {
    let doc = doc::line(format!("All registers of the {}.", doc::escape(&map.description.title)));
    let registers = map.registers.iter().map(|register| ident(&rust_name::type_name(&register.described.name)));
    quote! {
        #doc
        pub static REGISTERS: &[RegisterInfo] = &[#(<#registers as Register>::INFO),*];
    }
}

/// Generates a register as data.
pub fn register(map: &Map<'_>, register: &Register<'_>) -> TokenStream {
    let described = register.described;
    let (name, title, section) = (described.name.as_str(), &described.title, &described.section);
    let (page, group) = (number(described.page.unwrap_or(0).into()), described.group.as_str());
    let (width, access) = (number(described.bits().into()), access_kind(described.access.value));
    let mask = |value| mask(value, described.bits());
    let reset = match register.reset.map(mask) {
        Some(value) => quote!(Some(#value)),
        None => quote!(None),
    };
    let masks = [register.reset_known, register.preserve, register.must_be_zero, register.must_be_one];
    let [reset_known, preserve, must_be_zero, must_be_one] = masks.map(mask);
    let (ranges, aliases) = (register.ranges.iter().map(range), register.aliases.iter().map(range));
    let named = match register.write {
        Write::Nothing => &[],
        _ => register.write_in.as_ref().unwrap_or(&map.write_in).named.as_slice(),
    };
    let (memory_safety, device_state) = (described.memory_safety, described.device_state);
    let (hardware_damage, doorbell) = (described.hardware_damage, described.doorbell);
    let when = described.when.iter().map(|(condition, value)| {
        let (register, field) = condition.as_str().split_once('.').unwrap_or((condition.as_str(), ""));
        let value = number(value.value);
        quote!((#register, #field, #value))
    });
    let window = match register.window.filter(|window| window.selector() != name) {
        Some(window) => {
            let window = ident(&rust_name::window(&window.name));
            quote!(Some(&<#window as View>::INFO))
        }
        None => quote!(None),
    };
    let fields = fields::table(&register.fields);
    quote! {
        RegisterInfo {
            name: #name,
            title: #title,
            section: #section,
            page: #page,
            group: #group,
            width: #width,
            access: #access,
            reset: #reset,
            reset_known: #reset_known,
            preserve: #preserve,
            must_be_zero: #must_be_zero,
            must_be_one: #must_be_one,
            ranges: &[#(#ranges),*],
            aliases: &[#(#aliases),*],
            write_in: &[#(#named),*],
            memory_safety: #memory_safety,
            device_state: #device_state,
            hardware_damage: #hardware_damage,
            doorbell: #doorbell,
            when: &[#(#when),*],
            window: #window,
            fields: #fields,
        }
    }
}

/// Generates the table of the descriptor formats.
pub fn descriptors(map: &Map<'_>) -> TokenStream {
    let doc = doc::line(format!("All descriptor formats of the {}.", doc::escape(&map.description.title)));
    let descriptors = map.descriptors.iter().map(|descriptor| {
        let described = descriptor.described;
        let (name, format, section) = (described.name.as_str(), described.format.keyword(), &described.section);
        let (bits, fields) = (number(described.whole().into()), fields::table(&descriptor.fields));
        quote!(DescriptorInfo { name: #name, format: #format, section: #section, bits: #bits, fields: #fields })
    });
    quote! {
        #doc
        pub static DESCRIPTORS: &[DescriptorInfo] = &[#(#descriptors),*];
    }
}
