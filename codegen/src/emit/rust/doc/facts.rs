//! The facts about a whole register, one phrase each.

use std::collections::HashMap;

use super::escape;
use crate::description::{self, Name, Pair, Range};
use crate::emit::rust::token::{address, hex, ident};
use crate::emit::rust::{Options, index};
use crate::lower::{Map, Register, Write, WriteIn};
use crate::rust_name;

/// The pairs that each register is in.
pub struct Pairs<'a>(HashMap<&'a Name, Vec<&'a Pair>>);

impl<'a> Pairs<'a> {
    pub fn of(map: &Map<'a>) -> Self {
        let mut pairs: HashMap<_, Vec<_>> = HashMap::new();
        for pair in &map.description.pairs {
            for register in [&pair.low, &pair.high] {
                pairs.entry(register).or_default().push(pair);
            }
        }
        Self(pairs)
    }
}

/// Returns links to the methods of a register, to its pair and to its group.
pub(super) fn reached(map: &Map<'_>, pairs: &Pairs<'_>, options: &Options, register: &Register<'_>) -> String {
    let described = register.described;
    let method = rust_name::method(&described.name);
    let accessors = match register.window {
        Some(window) => &rust_name::window_registers(&window.name),
        None => &options.accessors,
    };
    let own = match register.window.map(|window| (window, rust_name::module(&window.name))) {
        None => format!("[`{method}`]({accessors}::{method})"),
        Some((window, field)) if window.selector() == described.name.as_str() => {
            format!("the window [`{field}`](Windows::{field}), whose index it holds")
        }
        Some((window, field)) if window.commands.is_some() => {
            format!("the window [`{field}`](Windows::{field}), whose commands transfer it")
        }
        Some((_, field)) => {
            format!("[`{method}`]({accessors}::{method}), behind the window [`{field}`](Windows::{field})")
        }
    };
    let pairs = pairs.0.get(&described.name).into_iter().flatten();
    let pairs: String = pairs
        .map(|pair| {
            let other = rust_name::type_name(if pair.low == described.name { &pair.high } else { &pair.low });
            let method = rust_name::method(&pair.name);
            format!("; together with [`{other}`] as one value: [`{method}`]({accessors}::{method})")
        })
        .collect();
    let group = &described.group;
    let heading = map.description.groups.get(group).map_or(group.as_str(), |heading| heading.as_str());
    let (slug, heading) = (index::slug(heading), escape(heading));
    format!("Reached by: {own}{pairs}. Group: [{heading}](by_group#{slug}).")
}

pub(super) fn reset(register: &Register<'_>) -> String {
    let hex = |value| hex(value, register.described.bits());
    let known = match register.reset {
        Some(value) if register.whole_reset().is_some() => return format!("`{}`", hex(value)),
        Some(value) => {
            format!("`{}`, of which only the bits `{}` are known", hex(value), hex(register.reset_known))
        }
        None => "unknown".to_owned(),
    };
    match register.write {
        Write::Stores => known + ", so a write must give every field, or use `modify`",
        Write::Nothing | Write::SetsOnes | Write::ClearsOnes => known,
    }
}

pub fn places(register: &Register<'_>) -> String {
    let array = register.described.array.is_some();
    let place = |range: &Range| {
        let base = address(range.base.value);
        if !array {
            return format!("`{base}`");
        }
        let last = u64::from(range.first) + u64::from(range.count).saturating_sub(1);
        let number = if range.first == 0 { "n".to_owned() } else { format!("(n - {})", range.first) };
        if range.count == 1 {
            format!("`{base}` for element {last}")
        } else {
            format!("`{base} + 0x{:X} * {number}` for n = {} to {last}", range.stride, range.first)
        }
    };
    let own: Vec<_> = register.ranges.iter().map(place).collect();
    let aliases: Vec<_> = register.aliases.iter().map(place).collect();
    let also = if aliases.is_empty() { String::new() } else { format!("; also {}", aliases.join(", ")) };
    let window = register.window.map(|window| format!(", {}", escape(&window.role(&register.described.name))));
    own.join(", ") + &also + &window.unwrap_or_default()
}

/// Returns the conditions under which a register is at its address.
pub(super) fn conditions(described: &description::Register) -> String {
    let conditions = described.when.iter().map(|(field, value)| format!("`{}` is {}", field.value, value.value));
    let conditions: Vec<_> = conditions.collect();
    if conditions.is_empty() { String::new() } else { format!(", while {}", conditions.join(" and ")) }
}

pub(super) fn permissions(write_in: &WriteIn<'_>) -> String {
    let links: Vec<_> = write_in
        .effective
        .iter()
        .map(|name| format!("[`{name}`](permission::{})", ident(&rust_name::type_name(name))))
        .collect();
    links.join(", ")
}
