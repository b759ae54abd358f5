//! Maps without a mistake, of everything that a register can be.

use std::error::Error;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::map::{Commands, Field, Kind, Map, Pair, Place, Range, Register, ReservedBits, Trial, Window};

/// The map of that number: the same each time, and however many are asked for.
pub fn map(seed: usize, number: usize) -> Result<Map, Box<dyn Error>> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(seed as u64).to_le_bytes());
    bytes[8..16].copy_from_slice(&(number as u64).to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let tree = maps().new_tree(&mut TestRunner::new_with_rng(Config::default(), rng));
    Ok(tree.map_err(|reason| reason.to_string())?.current())
}

const ACCESS: [&str; 10] = ["rw", "ro", "wo", "rc", "w1c", "rc_w1c", "w0c", "w1s", "sc", "read_sets"];
const RESERVED: [&str; 3] = ["preserve", "zero", "one"];

fn maps() -> impl Strategy<Value = Map> {
    let permissions = vec(vec(any::<Index>(), 0..2), 1..4);
    let indices = vec(1..12_u32, 1..3);
    // At the start, anywhere, and where the last addresses are near.
    let start = select(vec![0_u32, 0x1_0040, 0xFFFF_0000]);
    let pairs = vec((any::<Index>(), any::<Index>(), select(vec!["low_first", "high_first", "either"])), 0..10);
    let registers = (vec(registers(), 1..8), vec(windows(), 0..3));
    (permissions, vec(any::<Index>(), 1..3), indices, start, registers, pairs).prop_map(
        |(permissions, write_in, indices, start, (registers, windows), pairs)| {
            let count = permissions.len();
            let some = |chosen: &[Index]| -> Vec<usize> {
                let mut some: Vec<_> = chosen.iter().map(|one| one.index(count)).collect();
                some.sort_unstable();
                some.dedup();
                some
            };
            let mut next = start;
            let mut registers: Vec<_> = registers
                .into_iter()
                .map(|DraftRegister { mut register, layout, write_in }| {
                    register.place = place(&layout, &indices, register.width / 8, &mut next);
                    let written = accesses(&register).any(|access| !matches!(access, "ro" | "rc"));
                    register.write_in = write_in.filter(|_| written).map(|chosen| some(&chosen));
                    register
                })
                .collect();
            let pairs = pairs.iter().map(|(low, high, order)| {
                let (low, high) = (low.index(registers.len()), high.index(registers.len()));
                Pair { low, high, order }
            });
            let pairs: Vec<_> = pairs.collect();
            let windows = put_behind(windows, &indices, &mut registers, &mut next);
            let permissions = permissions.iter().map(|implied| some(implied)).collect();
            let mut map =
                Map { permissions, write_in: some(&write_in), indices, pairs: Vec::new(), registers, windows };
            let can_be = |pair: &Pair| {
                let (low, high) = (&map.registers[pair.low], &map.registers[pair.high]);
                let [one, other] = [pair.low, pair.high].map(|half| map.window_of(half));
                let together = one.map(|(number, _)| number) == other.map(|(number, _)| number)
                    && one.is_none_or(|(_, window)| window.commands.is_none());
                pair.low != pair.high && alike(low, high) && low.width + high.width <= 64 && together
            };
            map.pairs = pairs.into_iter().filter(can_be).collect();
            map
        },
    )
}

/// Whether two registers have the same elements.
fn alike(one: &Register, other: &Register) -> bool {
    let index = |register: &Register| match &register.place {
        Place::At(_) => None,
        Place::Array(index, ranges) => Some((*index, ranges.iter().map(|range| range.count).sum::<u32>())),
    };
    index(one) == index(other)
}

fn accesses(register: &Register) -> impl Iterator<Item = &'static str> {
    let own = register.fields.is_empty().then_some(register.access);
    register.fields.iter().map(|field| register.access_of(field)).chain(own)
}

/// A register of which it is not said yet where it is, and who may write it.
#[derive(Debug, Clone)]
struct DraftRegister {
    register: Register,
    layout: Layout,
    write_in: Option<Vec<Index>>,
}

/// How a register's elements lie: how many before the next range, and what is left out between them.
#[derive(Debug, Clone)]
enum Layout {
    Single,
    Plain(Vec<(u32, u32)>),
    Indexed(Index, Vec<(u32, u32)>),
}

/// Puts a register behind the one before.
fn place(layout: &Layout, indices: &[u32], bytes: u32, next: &mut u32) -> Place {
    *next = next.next_multiple_of(bytes);
    let mut range = |count: u32, gap: u32| {
        let (base, stride) = (*next, bytes * (1 + gap));
        *next += count * stride;
        Range { count, base, stride }
    };
    match layout {
        Layout::Single => Place::At(range(1, 0).base),
        Layout::Plain(ranges) => Place::Array(None, ranges.iter().map(|(count, gap)| range(*count, *gap)).collect()),
        Layout::Indexed(index, ranges) => {
            let index = index.index(indices.len());
            let mut left = indices[index];
            let mut filled = Vec::new();
            for (count, gap) in ranges {
                let count = (*count).min(left);
                left -= count;
                filled.extend((count > 0).then(|| range(count, *gap)));
            }
            filled.extend((left > 0).then(|| range(left, 3)));
            Place::Array(Some(index), filled)
        }
    }
}

/// A window of which it is not said yet what is behind it.
#[derive(Debug, Clone)]
struct DraftWindow {
    selector: Register,
    index: Option<Index>,
    count: u32,
    behind: usize,
    commands: Option<Commands>,
}

fn windows() -> impl Strategy<Value = DraftWindow> {
    let fields = (0..4_u32, 1..9_u32, select(vec!["rw", "wo", "sc"]), select(vec!["rw", "ro"]));
    let register = (select(vec![16, 32, 64]), any::<u64>(), select(&RESERVED[..]), prop::option::of(any::<u64>()));
    let commands = prop::option::of((prop::bool::ANY, prop::bool::ANY, 0..2_u64));
    (fields, register, prop::option::of(any::<Index>()), any::<u32>(), 1..4_usize, commands).prop_map(
        |((lsb, bits, access, done_access), (width, reset, reserved, must), index, count, behind, commands)| {
            let commands = commands.map(|(read, write, done)| Commands {
                read: (read || !write).then_some(1),
                write: write.then_some(2),
                done,
            });
            let field = |lsb, width, access| Field { lsb, width, access, kind: Kind::Number, must: None, when: None };
            // What is read back must be readable.
            let access = if commands.is_some() && access == "wo" { "rw" } else { access };
            let mut fields = vec![field(lsb, bits, Some(if access == "sc" { "rw" } else { access }))];
            if commands.is_some() {
                fields.extend([field(12, 2, Some(access)), field(15, 1, Some(done_access))]);
            } else {
                let must = must.map(|must| must & 3);
                fields.extend(must.map(|must| Field { must: Some(must), ..field(13, 2, None) }));
            }
            let selector = Register {
                width,
                place: Place::At(0),
                access: "rw",
                reset: Some(reset & u64::MAX >> (64 - width)),
                known: None,
                reserved,
                reserved_bits: Vec::new(),
                write_in: None,
                memory_safety: false,
                device_state: false,
                hardware_damage: false,
                doorbell: false,
                fields,
                trials: Vec::new(),
            };
            DraftWindow { selector, index, count: 1 + count % (1 << bits), behind, commands }
        },
    )
}

/// Puts the first registers behind windows, and adds the index registers.
fn put_behind(drafts: Vec<DraftWindow>, indices: &[u32], registers: &mut Vec<Register>, next: &mut u32) -> Vec<Window> {
    let mut left = 0..registers.len();
    let mut windows = Vec::new();
    for DraftWindow { mut selector, index, count, behind, commands } in drafts {
        let first = left.start;
        // One register that is no array is behind a window with commands.
        let commands = commands.filter(|_| matches!(registers.get(first), Some(Register { place: Place::At(_), .. })));
        let behind: Vec<_> = left.by_ref().take(if commands.is_some() { 1 } else { behind }).collect();
        if behind.is_empty() {
            break;
        }
        if commands.is_none() {
            selector.fields.retain(|field| field.lsb < 12 || field.must.is_some());
        }
        selector.place = place(&Layout::Single, indices, selector.width / 8, next);
        let index = index.map(|index| index.index(indices.len()));
        let index = index.filter(|index| u64::from(indices[*index]) <= 1 << selector.fields[0].width);
        let count = index.map_or(count, |index| indices[index]);
        windows.push(Window { selector: registers.len(), index, count, registers: behind, commands });
        registers.push(selector);
    }
    windows
}

fn registers() -> impl Strategy<Value = DraftRegister> {
    let ranges = || vec((1..6_u32, select(vec![0, 1, 7])), 1..4);
    let layout = prop_oneof![
        2 => Just(Layout::Single),
        1 => ranges().prop_map(Layout::Plain),
        1 => (any::<Index>(), ranges()).prop_map(|(index, ranges)| Layout::Indexed(index, ranges)),
    ];
    let width = select(vec![8, 16, 32, 32, 64]);
    let reset = prop_oneof![Just(None), Just(Some(0)), any::<u64>().prop_map(Some)];
    let known = prop::option::weighted(0.2, any::<u64>());
    let access = prop_oneof![3 => Just("rw"), 2 => select(&ACCESS[..])];
    let fields = vec((select(vec![0, 1, 2, 2, 17]), fields()), 0..6);
    let reserved_bits = vec((any::<Index>(), 1..4_u32, select(&RESERVED[..])), 0..3);
    let marks = (prop_oneof![8 => Just(0), 1 => 1..4], prop::bool::weighted(0.3));
    let write_in = prop::option::of(vec(any::<Index>(), 1..3));
    let trials = vec(trials(), 2..4);
    let reserved = (select(&RESERVED[..]), reserved_bits);
    (layout, width, access, (reset, known), fields, reserved, marks, write_in, trials).prop_map(
        |(layout, width, access, (reset, known), drafts, (reserved, reserved_bits), marks, write_in, trials)| {
            let all = u64::MAX >> (64 - width);
            let known = known.filter(|_| reset.is_some()).map(|known| known & all);
            let mut register = Register {
                width,
                place: Place::At(0),
                access,
                reset: reset.map(|reset| reset & known.unwrap_or(all)),
                known,
                reserved,
                reserved_bits: Vec::new(),
                write_in: None,
                memory_safety: marks.0 == 1,
                device_state: marks.0 == 2,
                hardware_damage: marks.0 == 3,
                doorbell: false,
                fields: lay_out(drafts, access, width),
                trials,
            };
            register.doorbell = marks.1 && accesses(&register).all(|access| matches!(access, "rw" | "wo"));
            // What it holds after a reset must be in a field's range.
            if let Some(reset) = register.reset {
                for field in &mut register.fields {
                    if let Kind::Within(least, greatest) = &mut field.kind {
                        let value = reset >> field.lsb & u64::MAX >> (64 - field.width);
                        (*least, *greatest) = (value.min(*least), value.max(*greatest));
                    }
                }
            }
            for (lsb, width, policy) in reserved_bits {
                let lsb = lsb.index(register.width as usize) as u32;
                let taken = register.fields.iter().map(|field| (field.lsb, field.width));
                let mut taken = taken.chain(register.reserved_bits.iter().map(|own| (own.lsb, own.width)));
                if lsb + width <= register.width
                    && taken.all(|taken| taken.0 + taken.1 <= lsb || lsb + width <= taken.0)
                {
                    register.reserved_bits.push(ReservedBits { lsb, width, policy });
                }
            }
            DraftRegister { register, layout, write_in }
        },
    )
}

/// A field whose bits, and what fits in them, are not settled yet.
#[derive(Debug, Clone)]
struct DraftField {
    width: u32,
    access: Option<&'static str>,
    kind: DraftKind,
    must: Option<u64>,
    /// Another access of an alternative at the same bits.
    alternative: Option<Option<&'static str>>,
}

#[derive(Debug, Clone)]
enum DraftKind {
    Number,
    Within(u64, u64),
    Named(Vec<u64>),
}

fn fields() -> impl Strategy<Value = DraftField> {
    let width = select(vec![1, 1, 1, 2, 3, 4, 5, 8, 11, 16, 32, 33, 64]);
    let access = || prop::option::weighted(0.3, select(&ACCESS[..]));
    let kind = prop_oneof![
        2 => Just(DraftKind::Number),
        1 => (any::<u64>(), any::<u64>()).prop_map(|(one, other)| DraftKind::Within(one, other)),
        1 => vec(any::<u64>(), 1..6).prop_map(DraftKind::Named),
    ];
    let must = prop::option::weighted(0.15, any::<u64>());
    (width, access(), kind, must, prop::option::weighted(0.1, access()))
        .prop_map(|(width, access, kind, must, alternative)| DraftField { width, access, kind, must, alternative })
}

/// Puts fields one above the other, as far as there is room.
fn lay_out(drafts: Vec<(u32, DraftField)>, access: &'static str, width: u32) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let mut next = 0;
    for (gap, draft) in drafts {
        let lsb = next + gap;
        if lsb + draft.width > width {
            continue;
        }
        next = lsb + draft.width;
        let max = u64::MAX >> (64 - draft.width);
        let kind = match draft.kind {
            DraftKind::Within(one, other) if draft.width > 1 => {
                Kind::Within((one & max).min(other & max), (one & max).max(other & max))
            }
            DraftKind::Within(..) | DraftKind::Number => Kind::Number,
            DraftKind::Named(values) => {
                let mut values: Vec<_> = values.iter().map(|value| value & max).collect();
                values.sort_unstable();
                values.dedup();
                Kind::Named(values)
            }
        };
        // What the bits are is told by the first field, if that is another.
        let alternative = draft.alternative.filter(|_| !fields.is_empty());
        let plain = matches!(draft.access.unwrap_or(access), "rw" | "wo");
        let must = draft.must.filter(|_| plain && alternative.is_none()).map(|value| value & max);
        let when = alternative.map(|_| (0, 0));
        fields.push(Field { lsb, width: draft.width, access: draft.access, kind, must, when });
        if let Some(access) = alternative {
            let when = Some((0, 1));
            fields.push(Field { lsb, width: draft.width, access, kind: Kind::Number, must: None, when });
        }
    }
    fields
}

fn trials() -> impl Strategy<Value = Trial> {
    (any::<usize>(), any::<[u64; 2]>(), any::<u32>(), any::<u64>()).prop_map(|(element, answers, given, value)| Trial {
        element,
        answers,
        given,
        value,
    })
}
