//! Lists of all registers, as modules that exist only in the documentation.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::quote;

use super::doc::{escape, line};
use super::token::{address, ident};
use crate::lower::{Map, Register};
use crate::rust_name;

/// A list: its module, and its documentation.
const LISTS: [(&str, &str); 3] = [
    ("by_address", "All registers by address. An array is listed at its first element, once for each range."),
    ("by_name", "All registers by name."),
    ("by_group", "All registers by group."),
];

/// Generates the modules of a block.
pub fn modules(block: Option<&str>) -> TokenStream {
    let modules = LISTS.iter().map(|(name, what)| {
        let (doc, file, name) = (line(*what), path(block, name), ident(name));
        quote! {
            #doc
            #[cfg(doc)]
            #[doc = include_str!(#file)]
            pub mod #name {}
        }
    });
    modules.collect()
}

/// Returns the files of the lists.
pub fn files(map: &Map<'_>, block: Option<&str>) -> Vec<(String, String)> {
    let texts = [by_address(map), by_name(map), by_group(map)];
    // Names and addresses must not wrap on a narrow screen.
    let style = format!("\n<style>\n{}</style>\n", include_str!("table.css"));
    LISTS.iter().zip(texts).map(|((name, _), text)| (path(block, name), format!("{style}{text}"))).collect()
}

fn path(block: Option<&str>, module: &str) -> String {
    let block = block.map(|block| format!("{block}.")).unwrap_or_default();
    format!("docs/{block}{module}.md")
}

fn by_address(map: &Map<'_>) -> String {
    let mut rows: Vec<_> = map
        .registers
        .iter()
        .flat_map(|register| {
            let own = register.ranges.iter().map(|range| (range, ""));
            let aliases = register.aliases.iter().map(|range| (range, " (alias)"));
            own.chain(aliases).map(move |(range, alias)| (range.base.value, register, range, alias))
        })
        .collect();
    rows.sort_by_key(|(base, ..)| *base);
    let mut text =
        "\n| Address | Elements | Register | Title | Access | Section |\n|---|---|---|---|---|---|\n".to_owned();
    for (base, register, range, alias) in rows {
        let elements = match (&register.described.array, range.count) {
            (None, _) => String::new(),
            (Some(_), 1) => format!("{}", range.first),
            (Some(_), count) => {
                let last = u64::from(range.first) + u64::from(count) - 1;
                format!("{} to {last}, every 0x{:X}", range.first, range.stride)
            }
        };
        text += &row(&[format!("`{}`{alias}", address(base)), elements], register);
    }
    text
}

fn by_name(map: &Map<'_>) -> String {
    let mut registers: Vec<_> = map.registers.iter().collect();
    registers.sort_by_key(|register| register.described.name.as_str());
    table(registers.into_iter())
}

fn by_group(map: &Map<'_>) -> String {
    let mut groups: HashMap<_, Vec<_>> = HashMap::new();
    for register in &map.registers {
        groups.entry(&register.described.group).or_default().push(register);
    }
    // In a part of a map, some groups have no register.
    let groups = map.description.groups.iter().filter_map(|(group, heading)| Some((heading, groups.remove(group)?)));
    groups.map(|(heading, registers)| format!("\n# {}\n{}", escape(heading), table(registers.into_iter()))).collect()
}

/// Returns a table of registers with their addresses.
fn table<'a>(registers: impl Iterator<Item = &'a Register<'a>>) -> String {
    let mut text = "\n| Register | Title | Access | Section | Address |\n|---|---|---|---|---|\n".to_owned();
    for register in registers {
        let line = row(&[], register);
        text += &format!("{} {} |\n", line.trim_end(), super::doc::places(register));
    }
    text
}

/// Returns a row with the address and the facts of a register.
fn row(before: &[String], register: &Register<'_>) -> String {
    let described = register.described;
    let name = rust_name::type_name(&described.name);
    let access = format!("`{}`", described.access.keyword());
    let cells = [format!("[`{name}`]"), escape(&described.title), access, escape(&described.section)];
    let cells: Vec<_> = before.iter().chain(&cells).map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// Returns the fragment that rustdoc gives a heading.
pub fn slug(heading: &str) -> String {
    heading
        .chars()
        .filter_map(|character| match character {
            '-' | '_' => Some(character),
            _ if character.is_alphanumeric() => Some(character.to_ascii_lowercase()),
            _ if character.is_whitespace() => Some('-'),
            _ => None,
        })
        .collect()
}
