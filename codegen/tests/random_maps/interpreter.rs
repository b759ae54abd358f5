//! What must happen on the bus, from the map alone.
//!
//! It follows the words of codegen/README.md, bit by bit and element by element, and knows no masks: so that
//! it shares no mistake with the generator.

use super::map::{Field, Kind, Map, Place, Range, Register, Window};

/// A read, as the recording bus writes it.
pub fn read(register: &Register, offset: u32, value: u64) -> String {
    format!("read {} at {offset:#x}: {value:#x}; ", register.width)
}

/// A write, as the recording bus writes it.
pub fn wrote(register: &Register, offset: u32, value: u64) -> String {
    format!("write {} at {offset:#x}: {value:#x}; ", register.width)
}

/// The bits of a register.
pub fn cut(register: &Register, value: u64) -> u64 {
    (0..register.width).filter(|bit| value >> bit & 1 == 1).fold(0, |cut, bit| cut | 1 << bit)
}

/// Where all its elements are, in the order of their indices.
pub fn offsets(register: &Register) -> Vec<u32> {
    match &register.place {
        Place::At(offset) => vec![*offset],
        Place::Array(_, ranges) => {
            let elements = |range: &Range| (0..range.count).map(|n| range.base + n * range.stride).collect::<Vec<_>>();
            ranges.iter().flat_map(elements).collect()
        }
    }
}

/// The values that some fields are given.
pub type Values = Vec<(usize, u64)>;

/// What a register is written with that held, or that a reset left, `old`.
pub fn stored(register: &Register, old: u64, values: &Values) -> u64 {
    let stored = |bit: u32| {
        let holding = || register.fields.iter().enumerate().filter(|(_, field)| holds(field, bit));
        let of = |field: &Field, value: u64| value >> (bit - field.lsb) & 1 == 1;
        // Software gives it, or must give it.
        for (number, field) in holding() {
            if let Some((_, value)) = values.iter().find(|(given, _)| *given == number) {
                return of(field, *value);
            }
            if let Some(value) = field.must {
                return of(field, value);
            }
        }
        if holding().next().is_none() {
            return match rule(register, bit) {
                "preserve" => old >> bit & 1 == 1,
                policy => policy == "one",
            };
        }
        // A zero would clear it.
        if holding().any(|(_, field)| register.access_of(field) == "w0c") {
            return true;
        }
        // Written back is what then stays as it was; a one must not act, and what means nothing is not read.
        let kept = holding().all(|(_, field)| matches!(register.access_of(field), "rw" | "ro" | "read_sets"));
        kept && old >> bit & 1 == 1
    };
    (0..register.width).filter(|bit| stored(*bit)).fold(0, |value, bit| value | 1 << bit)
}

/// What a register of a pair is written with: its part of the pair's value, as far as software gives the bits.
pub fn stored_whole(register: &Register, value: u64) -> u64 {
    let rest = stored(register, register.reset.unwrap_or(0), &Values::new());
    let given = |bit: u32| register.fields.iter().any(|field| is_settable(register, field) && holds(field, bit));
    let source = |bit: u32| if given(bit) { value } else { rest };
    (0..register.width).filter(|bit| source(*bit) >> bit & 1 == 1).fold(0, |whole, bit| whole | 1 << bit)
}

/// What is written where ones act and zeros do nothing.
pub fn ones(register: &Register, values: &Values) -> u64 {
    let bits = values.iter().flat_map(|(number, value)| {
        let field = &register.fields[*number];
        (0..field.width).filter(move |bit| value >> bit & 1 == 1).map(|bit| field.lsb + bit)
    });
    bits.fold(0, |ones, bit| ones | 1 << bit)
}

/// The fields of what was read, as the program prints them.
pub fn fields(register: &Register, read: u64) -> String {
    let show = |(number, field): (usize, &Field)| {
        let value = value_of(field, read);
        match &field.kind {
            Kind::Named(values) if values.contains(&value) => format!("F{number}=Some(V{value}) "),
            Kind::Named(_) => format!("F{number}=None "),
            _ if field.width == 1 => format!("F{number}={} ", value == 1),
            _ => format!("F{number}={value} "),
        }
    };
    register.fields.iter().enumerate().map(show).collect()
}

fn value_of(field: &Field, register: u64) -> u64 {
    (0..field.width).filter(|bit| register >> (field.lsb + bit) & 1 == 1).fold(0, |value, bit| value | 1 << bit)
}

fn holds(field: &Field, bit: u32) -> bool {
    (field.lsb..field.lsb + field.width).contains(&bit)
}

/// What software does with a bit of no field.
fn rule(register: &Register, bit: u32) -> &'static str {
    let own = register.reserved_bits.iter().find(|own| (own.lsb..own.lsb + own.width).contains(&bit));
    own.map_or(register.reserved, |own| own.policy)
}

/// Whether software gives a field a value.
pub fn is_settable(register: &Register, field: &Field) -> bool {
    field.must.is_none() && !matches!(register.access_of(field), "ro" | "rc")
}

/// What may be done with a register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abilities {
    pub read_pure: bool,
    pub has_read_side_effects: bool,
    pub plain_write: bool,
    pub ones_set: bool,
    pub ones_clear: bool,
    pub known_reset: bool,
    pub bare_write: bool,
    pub doorbell: bool,
    /// The permissions that allow to write it, by themselves and in the hands of the driver.
    pub writable_in: Vec<(bool, bool)>,
}

pub fn abilities(map: &Map, register: &Register) -> Abilities {
    let mut kinds: Vec<_> = register.fields.iter().map(|field| register.access_of(field)).collect();
    if kinds.is_empty() {
        kinds.push(register.access);
    }
    let any = |wanted: &[&str]| kinds.iter().any(|kind| wanted.contains(kind));
    let acts = ["rc", "rc_w1c", "read_sets"];
    let has_read_side_effects = any(&acts) || acts.contains(&register.access);
    let (stores, sets, clears) = (any(&["rw", "wo", "sc", "read_sets", "w0c"]), any(&["w1s"]), any(&["w1c", "rc_w1c"]));
    let plain_write = stores || (sets && clears);
    let written = stores || sets || clears;
    let all_known = register.reset.is_some() && register.known.is_none_or(|known| known == cut(register, u64::MAX));
    // No bit acts, is reserved with a rule that a number could break, or decides over memory.
    let free = |bit: u32| {
        let mut holding = register.fields.iter().filter(|field| holds(field, bit)).peekable();
        match holding.peek() {
            None => rule(register, bit) == "zero",
            Some(_) => holding.all(|field| {
                let plain = matches!(register.access_of(field), "rw" | "wo");
                plain && field.must.is_none() && !matches!(field.kind, Kind::Within(..))
            }),
        }
    };
    let bare = (0..register.width).all(free) && register.reset == Some(0) && all_known && !register.is_marked();
    let named = register.write_in.as_ref().unwrap_or(&map.write_in);
    let writable_in = (0..map.permissions.len()).map(|permission| {
        let reaches = named.iter().any(|named| implied(map, permission).contains(named));
        (!written || (reaches && !register.is_marked()), !written || reaches)
    });
    Abilities {
        has_read_side_effects,
        read_pure: !has_read_side_effects && register.access != "wo",
        plain_write,
        ones_set: sets && !plain_write,
        ones_clear: clears && !plain_write,
        known_reset: all_known || !written,
        bare_write: plain_write && bare,
        doorbell: register.doorbell,
        writable_in: writable_in.collect(),
    }
}

/// A permission, and all that it implies.
fn implied(map: &Map, permission: usize) -> Vec<usize> {
    let mut all = vec![permission];
    let mut next = 0;
    while let Some(one) = all.get(next) {
        let more: Vec<_> = map.permissions[*one].iter().filter(|more| !all.contains(more)).copied().collect();
        all.extend(more);
        next += 1;
    }
    all
}

/// What selecting element `index` of a window writes, perhaps with a command.
pub fn selected(map: &Map, window: &Window, index: u64, command: Option<u64>) -> String {
    let selector = &map.registers[window.selector];
    let values: Values = [(0, index)].into_iter().chain(command.map(|command| (1, command))).collect();
    wrote(selector, offsets(selector)[0], stored(selector, selector.reset.unwrap_or(0), &values))
}

/// The register in the table of all, as the program prints it.
pub fn info(map: &Map, number: usize) -> String {
    let register = &map.registers[number];
    let bits = |wanted: &str| {
        let is = |bit: &u32| {
            let mut holding = register.fields.iter().filter(|field| holds(field, *bit)).peekable();
            match holding.peek() {
                None => rule(register, *bit) == wanted,
                Some(_) => holding
                    .filter_map(|field| Some((field, field.must?)))
                    .any(|(field, value)| wanted == if value >> (bit - field.lsb) & 1 == 1 { "one" } else { "zero" }),
            }
        };
        (0..register.width).filter(is).fold(0_u64, |bits, bit| bits | 1 << bit)
    };
    let known = register.reset.map_or(0, |_| register.known.unwrap_or(cut(register, u64::MAX)));
    let mut info = format!(
        "{} {:?} known {known:#x} preserve {:#x} zero {:#x} one {:#x} at {:x?}",
        register.width,
        register.reset,
        bits("preserve"),
        bits("zero"),
        bits("one"),
        offsets(register),
    );
    let mut fields: Vec<_> = register.fields.iter().enumerate().collect();
    fields.sort_by_key(|(_, field)| field.lsb);
    for (number, field) in fields {
        info += &format!(" F{number} {} {}", field.lsb, field.width);
    }
    if let Some((number, window)) = map.window_of(number) {
        let index = &map.registers[window.selector].fields[0];
        info += &format!(" behind W{number} of {} by {} bits at {}", window.count, index.width, index.lsb);
    }
    info
}
