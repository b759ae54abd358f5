//! The pages of registers, descriptor formats and additions.

use proc_macro2::TokenStream;

use super::bits::{Row, table};
use super::facts::Pairs;
use super::{Doc, diagrams, escape, facts, uses};
use crate::description::{Format, Mark, Reserved};
use crate::emit::rust::Options;
use crate::lower::{Additions, Descriptor, ExtendedDescriptor, ExtendedRegister, Field, Map, Register, Window, Write};
use crate::rust_name;

/// Generates the page of a register.
pub fn register(map: &Map<'_>, pairs: &Pairs<'_>, options: &Options, register: &Register<'_>) -> TokenStream {
    let described = register.described;
    let mut doc = heading(&described.title, &described.section, described.page);
    doc.diagram = Some(diagrams::register_diagram_path(described));
    doc.text(described.doc.as_deref().unwrap_or_default());

    let mut known = vec![
        facts::reached(map, pairs, options, register),
        format!("Access: `{}`: {}.", described.access.keyword(), described.access.behaviour()),
        format!("After a reset: {}.", facts::reset(register)),
        format!("Where: {}{}.", facts::places(register), facts::conditions(described)),
    ];
    if register.write != Write::Nothing {
        let write_in = facts::permissions(register.write_in.as_ref().unwrap_or(&map.write_in));
        let why: Vec<_> = described.marks().map(Mark::sentence).collect();
        known.push(match why.as_slice() {
            [] => format!("May be written in: {write_in}."),
            why => format!("{}, so only the driver may write it, in: {write_in}.", why.join(". ")),
        });
    }
    known.extend(
        described
            .required_values
            .iter()
            .map(|(field, value)| format!("Must write {} to `{}`: every write sets it.", value.value, field.value)),
    );
    if described.doorbell {
        known.push("A doorbell: a write notifies the device of new work.".to_owned());
    }
    known.extend(uses::touched_by(options, register));
    doc.list(known);

    let reserved = register.reserved.iter().map(|run| {
        let rule = match run.policy {
            _ if register.write == Write::Nothing => "reserved",
            Reserved::Preserve => "reserved, preserved",
            Reserved::Zero => "reserved, written as zero",
            Reserved::One => "reserved, written as one",
        };
        let why = run.why.map(|why| format!(" ({})", escape(why.trim_end_matches('.')))).unwrap_or_default();
        Row::reserved(run.bits, format!("{rule}{why}"))
    });
    doc.block(table(register.fields.iter().map(|field| Row::of_register(register, field)).chain(reserved).collect()));
    doc.caveats(&described.errata, &described.doubts).tokens()
}

/// Generates the documentation of a window.
pub fn window(window: &Window<'_>) -> TokenStream {
    let described = window.described;
    let link = |name: &str| format!("[`{0}`]", rust_name::type_name(name));
    let behind: Vec<_> = described.registers.iter().map(|name| link(name)).collect();
    let element = match &described.index {
        Some(index) => format!("the {}", link(index)),
        None => format!("one of {} elements", window.count),
    };
    let what = match &window.commands {
        None => format!("{element} of {}", behind.join(", ")),
        Some(_) => format!("{element}, which commands transfer to or from {}", behind.join(", ")),
    };
    let (selector, field) = (rust_name::type_name(described.selector()), rust_name::constant(described.field()));
    let mut doc = Doc::new(format!("`{}`: [`{selector}::{field}`] selects {what}.", escape(&described.name)));
    doc.text(described.doc.as_deref().unwrap_or_default());
    doc.tokens()
}

/// Generates the page of a descriptor format.
pub fn descriptor(descriptor: &Descriptor<'_>) -> TokenStream {
    let described = descriptor.described;
    let mut doc = heading(&described.title, &described.section, described.page);
    doc.diagram = Some(diagrams::descriptor_diagram_path(described));
    doc.text(described.doc.as_deref().unwrap_or_default());
    if described.format == Format::Structure {
        let (least, most) = (described.bits.value / 8, described.whole() / 8);
        let order = if described.is_big_endian() { "big-endian" } else { "little-endian" };
        let tail = match described.tail {
            Some(_) => format!(", and up to {most} with its tail, which may be missing from any byte on"),
            None => String::new(),
        };
        doc.text(&format!(
            "A structure of {least} bytes{tail}. Fields are {order}; bit 0 is the lowest of the first byte."
        ));
    }
    let flags = [
        (&described.done, "is set by the device when it is done"),
        (&described.last, "marks the last descriptor of a chain"),
        (&described.report, "requests a status write-back"),
    ];
    for (flag, what) in flags {
        if let Some(flag) = flag {
            doc.text(&format!("`{}` {what}.", flag.value));
        }
    }
    let reserved = described.reserved.iter().map(|bits| Row::reserved(bits.value, "reserved".to_owned()));
    doc.block(table(descriptor.fields.iter().map(Row::field).chain(reserved).collect()));
    doc.caveats(&described.errata, &described.doubts).tokens()
}

/// Generates the page of the additions to a register.
pub fn addition(additions: &Additions<'_>, extended: &ExtendedRegister<'_>) -> TokenStream {
    let described = extended.register.described;
    let (name, module) = (rust_name::type_name(&described.name), rust_name::method(&described.name));
    let mut doc = added(additions, &name, &described.title);
    doc.diagram = Some(diagrams::addition_diagram_path(additions, described));
    let rows = extended.fields.iter().map(|field| Row::of_register(&extended.register, field));
    added_fields(doc, (&name, &module), &extended.values, rows.collect())
}

/// Generates the page of the additions to a descriptor format.
pub fn descriptor_addition(additions: &Additions<'_>, extended: &ExtendedDescriptor<'_>) -> TokenStream {
    let described = extended.descriptor.described;
    let name = rust_name::descriptor(&described.name, described.format);
    let mut doc = added(additions, &name, &described.title);
    doc.diagram = Some(diagrams::descriptor_addition_diagram_path(additions, described));
    let rows = extended.fields.iter().map(Row::field);
    added_fields(doc, (&name, &rust_name::module(&name)), &extended.values, rows.collect())
}

fn added(additions: &Additions<'_>, name: &str, title: &str) -> Doc {
    let extension = &additions.extension.extension.value;
    Doc::new(format!("Additions of `{extension}` to [`{name}`]: {}.", escape(title)))
}

/// Adds the values and the fields that an extension adds to a type, whose enumerations are in a module.
fn added_fields(mut doc: Doc, (name, module): (&str, &str), values: &[Field<'_>], rows: Vec<Row>) -> TokenStream {
    let added = values.iter().map(|field| {
        let (constant, values) = (rust_name::constant(field.name), rust_name::type_name(field.name));
        let named = field.described.values.iter().map(|(name, value)| format!("{}: `{}`", value.value, name.value));
        let named: Vec<_> = named.collect();
        format!(
            "Further values of [`{constant}`]({name}::{constant}), in [`{values}`]({module}::{values}): {}.",
            named.join(", ")
        )
    });
    let added: Vec<_> = added.collect();
    if !added.is_empty() {
        doc.list(added);
    }
    if !rows.is_empty() {
        doc.block(table(rows));
    }
    doc.tokens()
}

fn heading(title: &str, section: &str, page: Option<u32>) -> Doc {
    let page = page.map(|page| format!(", page {page}")).unwrap_or_default();
    Doc::new(format!("{} (datasheet {}{page}).", escape(title), escape(section)))
}
