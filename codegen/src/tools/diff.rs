//! Comparison of two descriptions, with the semver level of each change for the generated crate.
//!
//! The rules are in docs/semver.md: a change is major if code stops compiling.

use std::collections::HashSet;
use std::fmt;

use indexmap::IndexMap;

use crate::description::{self, Mark, Named, Range};
use crate::lower::{Descriptor, Field, FieldKind, Map, Read, Register, Write};
use crate::source::Spanned;

/// The semver level of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Code sees no change, or a correction of something that never worked.
    Patch,
    /// Code can use something new.
    Minor,
    /// Code stops compiling.
    Major,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        })
    }
}

/// All changes, grouped by their object, in the order of the newer description.
#[derive(Debug, Default)]
pub struct Difference {
    changes: IndexMap<String, Vec<(Level, String)>>,
}

impl Difference {
    /// Returns the highest level of all changes, or `None` if nothing changed.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        self.all().map(|(level, _)| *level).max()
    }

    fn all(&self) -> impl Iterator<Item = &(Level, String)> {
        self.changes.values().flatten()
    }

    fn note(&mut self, level: Level, item: &str, text: impl Into<String>) {
        self.changes.entry(item.to_owned()).or_default().push((level, text.into()));
    }

    /// Notes a change without its old and new value.
    fn text<T: PartialEq>(&mut self, item: &str, what: &str, old: &T, new: &T) {
        if old != new {
            self.note(Level::Patch, item, format!("{what} changed"));
        }
    }

    /// Notes a change of a flag, with a level for each direction.
    fn switch(&mut self, item: &str, old: bool, new: bool, gained: (Level, &str), lost: (Level, &str)) {
        match (old, new) {
            (false, true) => self.note(gained.0, item, gained.1),
            (true, false) => self.note(lost.0, item, lost.1),
            _ => {}
        }
    }

    /// Compares two lists by name: an added entry is minor, a removed one is major.
    fn names<'a, T: 'a>(
        &mut self,
        what: &str,
        old: impl IntoIterator<Item = (String, &'a T)>,
        new: impl IntoIterator<Item = (String, &'a T)>,
        mut both: impl FnMut(&mut Self, &str, &'a T, &'a T),
    ) {
        let mut old: IndexMap<String, &T> = old.into_iter().collect();
        // A register is identified by its name only; other kinds may have the same name.
        let item = |name: &str| if what == "register" { name.to_owned() } else { format!("{what} {name}") };
        for (name, new) in new {
            match old.shift_remove(&name) {
                Some(old) => both(self, &item(&name), old, new),
                None => self.note(Level::Minor, &item(&name), format!("{what} added")),
            }
        }
        for name in old.keys() {
            self.note(Level::Major, &item(name), format!("{what} removed"));
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (item, changes) in &self.changes {
            writeln!(f, "{item}")?;
            for (level, text) in changes {
                writeln!(f, "  {level}  {text}")?;
            }
        }
        let Some(verdict) = self.level() else { return writeln!(f, "Nothing changed.") };
        let count = |wanted: Level| match self.all().filter(|(level, _)| *level == wanted).count() {
            0 => None,
            count => Some(format!("{count} {wanted}")),
        };
        let counts: Vec<_> = [Level::Major, Level::Minor, Level::Patch].into_iter().filter_map(count).collect();
        writeln!(f, "\nSummary: {verdict} ({})", counts.join(", "))
    }
}

/// Returns the changes from `old` to `new`.
#[must_use]
pub fn diff(old: &Map<'_>, new: &Map<'_>) -> Difference {
    let mut difference = Difference::default();
    let (was, is) = (old.description, new.description);
    difference.text("the description", "the chip's name", &was.chip, &is.chip);
    difference.text("the description", "the title", &was.title, &is.title);
    difference.text("the description", "the datasheet's number", &was.datasheet.document, &is.datasheet.document);
    difference.text("the description", "the datasheet's revision", &was.datasheet.revision, &is.datasheet.revision);
    space(&mut difference, was, is);
    difference.names("index", entries(&was.indices), entries(&is.indices), |difference, name, old, new| {
        count(difference, name, old.count.value.into(), new.count.value.into());
        difference.text(name, "what it is", &old.doc, &new.doc);
    });
    difference.names(
        "permission",
        entries(&was.permissions),
        entries(&is.permissions),
        |difference, name, old, new| {
            // A change of `implies` is noted at the registers.
            difference.text(name, "what it is", &(&old.kind, &old.doc), &(&new.kind, &new.doc));
        },
    );
    let named = |map: &'_ [description::Pair]| -> Vec<_> {
        map.iter().map(|pair| (pair.name.value.clone(), pair.clone())).collect()
    };
    let (old_pairs, new_pairs) = (named(&was.pairs), named(&is.pairs));
    difference.names("pair", by_reference(&old_pairs), by_reference(&new_pairs), |difference, name, old, new| {
        let registers = |pair: &description::Pair| (pair.low.value.clone(), pair.high.value.clone());
        difference.text(name, "the registers", &registers(old), &registers(new));
        difference.text(name, "the order of access", &old.order, &new.order);
        difference.text(name, "what it is", &old.doc, &new.doc);
    });

    let windows = |map: &'_ [description::Window]| -> Vec<_> {
        map.iter().map(|window| (window.name.value.clone(), window.clone())).collect()
    };
    let (old_windows, new_windows) = (windows(&was.windows), windows(&is.windows));
    difference.names("window", by_reference(&old_windows), by_reference(&new_windows), window);

    let registers = |map| registers_of(map);
    difference.names("register", registers(old), registers(new), |difference, _, was, is| {
        register(difference, (old, was), (new, is));
    });
    difference.names("descriptor", descriptors(old), descriptors(new), descriptor);
    difference
}

/// Notes changes of a window. A register that moves into it or out of it is noted at the register.
fn window(difference: &mut Difference, item: &str, was: &description::Window, is: &description::Window) {
    difference.text(item, "the field with the index", &was.select, &is.select);
    if was.index == is.index {
        let elements = |window: &description::Window| window.count.map_or(0, |count| u64::from(count.value));
        count(difference, item, elements(was), elements(is));
    } else {
        difference.note(Level::Major, item, "has another index");
    }
    let possible = |window: &description::Window| {
        let commands = window.commands.as_ref();
        commands.map(|commands| [&commands.read, &commands.write].map(|values| !values.is_empty()))
    };
    if possible(was) != possible(is) {
        difference.note(Level::Major, item, "has other commands, or none");
    } else if let (Some(was), Some(is)) = (&was.commands, &is.commands) {
        let values = |commands: &description::Commands| {
            [&commands.read, &commands.write, &commands.done].map(|values| values.clone())
        };
        difference.text(item, "the fields of the commands", &values(was), &values(is));
    }
    difference.text(item, "what it is", &was.doc, &is.doc);
}

/// Notes changes of the register space. They can break extensions only, whose builds report it.
fn space(difference: &mut Difference, was: &description::Description, is: &description::Description) {
    let size = |description: &description::Description| description.size.map(|size| size.value);
    let widths = |description: &description::Description| {
        description.widths.as_ref().map(|widths| widths.iter().map(|width| width.value).collect::<Vec<_>>())
    };
    if size(was) != size(is) {
        let end = size(is)
            .map_or("where addresses of 32 bits end".to_owned(), |size| format!("at 0x{:05X}", size.saturating_sub(1)));
        difference.note(Level::Minor, "the space", format!("ends {end}"));
    }
    if widths(was) != widths(is) {
        difference.note(Level::Minor, "the space", "the supported widths changed");
    }
    if was.byte_order != is.byte_order {
        let text = format!("the byte order is corrected to {}", is.byte_order.keyword());
        difference.note(Level::Patch, "the space", text);
    }
    let item = |one: &description::Forbidden| (one.name.value.clone(), one.offset.value, one.length.value);
    let [before, after] = [was, is].map(|description| description.forbidden.iter().map(item).collect::<Vec<_>>());
    for (name, offset, _) in after.iter().filter(|one| !before.contains(one)) {
        difference.note(Level::Minor, name, format!("0x{offset:05X} is forbidden"));
    }
    for (name, offset, _) in before.iter().filter(|one| !after.contains(one)) {
        difference.note(Level::Minor, name, format!("0x{offset:05X} is no longer forbidden"));
    }
}

fn entries<T>(named: &Named<T>) -> impl Iterator<Item = (String, &T)> {
    named.iter().map(|(name, value)| (name.value.clone(), value))
}

fn by_reference<T>(list: &[(String, T)]) -> impl Iterator<Item = (String, &T)> {
    list.iter().map(|(name, value)| (name.clone(), value))
}

fn registers_of<'m, 'a>(map: &'m Map<'a>) -> impl Iterator<Item = (String, &'m Register<'a>)> {
    map.registers.iter().map(|register| (register.described.name.value.clone(), register))
}

fn descriptors<'m, 'a>(map: &'m Map<'a>) -> impl Iterator<Item = (String, &'m Descriptor<'a>)> {
    let name =
        |format: &Descriptor<'_>| format!("{} ({})", format.described.name.value, format.described.format.keyword());
    map.descriptors.iter().map(move |format| (name(format), format))
}

fn count(difference: &mut Difference, item: &str, old: u64, new: u64) {
    if old != new {
        let level = if new > old { Level::Minor } else { Level::Major };
        difference.note(level, item, format!("has {new} elements, had {old}"));
    }
}

fn register(
    difference: &mut Difference,
    (old_map, old): (&Map<'_>, &Register<'_>),
    (new_map, new): (&Map<'_>, &Register<'_>),
) {
    use Level::{Major, Minor, Patch};
    let (was, is) = (old.described, new.described);
    let name = is.name.as_str();

    difference.text(name, "the title", &was.title, &is.title);
    difference.text(name, "the section or page", &(&was.section, was.page), &(&is.section, is.page));
    difference.text(name, "the group", &was.group, &is.group);
    difference.text(name, "the doc text", &was.doc, &is.doc);
    difference.text(name, "the names in other drivers", &was.other_names, &is.other_names);
    remarks(difference, name, (&was.errata, &was.doubts), (&is.errata, &is.doubts));

    let window = |register: &Register<'_>| register.window.map(|window| window.role(&register.described.name));
    match (window(old), window(new)) {
        (here, there) if here == there => {}
        (_, None) => difference.note(Major, name, "is no longer behind a window"),
        (_, Some(role)) => difference.note(Major, name, format!("is {role}")),
    }
    if was.block != is.block {
        difference.note(Major, name, "is in another block");
    }
    difference.text(name, "the condition of its address", &was.when, &is.when);
    if was.bits() != is.bits() {
        difference.note(Major, name, format!("is {} bits wide, was {}", is.bits(), was.bits()));
    }
    let index = |described: &description::Register| {
        described.array.as_ref().map(|array| array.index.as_ref().map(|index| index.value.clone()))
    };
    if index(was) == index(is) {
        // The count of a named index is noted at the index.
        if index(is).flatten().is_none() {
            count(difference, name, was.count(), is.count());
        }
    } else {
        difference.note(Major, name, "has another index, or none");
    }
    let (here, there) = (places(&old.ranges), places(&new.ranges));
    if let Some((from, to)) = here.iter().zip(&there).find(|(from, to)| from != to) {
        difference.note(Patch, name, format!("the offset is corrected from 0x{from:05X} to 0x{to:05X}"));
    }
    let (here, there): (HashSet<_>, HashSet<_>) =
        (places(&old.aliases).into_iter().collect(), places(&new.aliases).into_iter().collect());
    difference.switch(name, !here.is_subset(&there), false, (Major, ""), (Major, "an alias removed"));
    difference.switch(name, false, !there.is_subset(&here), (Minor, "an alias added"), (Minor, ""));

    reset(difference, name, old, new);
    reads_and_writes(difference, name, old, new);
    if (old.write, new.write) != (Write::Nothing, Write::Nothing) {
        let who = |map: &Map<'_>, register: &Register<'_>| -> Vec<String> {
            let write_in = register.write_in.as_ref().unwrap_or(&map.write_in);
            write_in.effective.iter().map(|name| (*name).to_owned()).collect()
        };
        let (here, there) = (who(old_map, old), who(new_map, new));
        for gone in here.iter().filter(|name| !there.contains(name)) {
            difference.note(Major, name, format!("may no longer be written in {gone}"));
        }
        for added in there.iter().filter(|name| !here.contains(name)) {
            difference.note(Minor, name, format!("may also be written in {added}"));
        }
    }
    marks(difference, name, was.marks().collect(), is.marks().collect());
    difference.switch(name, was.doorbell, is.doorbell, (Major, "is a doorbell"), (Major, "is no longer a doorbell"));
    let reserved = |register: &Register<'_>| (register.preserve, register.must_be_zero, register.must_be_one);
    if reserved(old) != reserved(new) && was.reserved != is.reserved {
        difference.note(Patch, name, "the rule for reserved bits changed");
    }

    let all_at_once = new.whole_reset().is_none();
    fields(difference, name, (&old.fields, &new.fields), all_at_once);
}

fn places(ranges: &[Range]) -> Vec<u64> {
    ranges.iter().flat_map(|range| range.offsets()).collect()
}

fn reset(difference: &mut Difference, name: &str, old: &Register<'_>, new: &Register<'_>) {
    match (old.whole_reset(), new.whole_reset()) {
        (None, Some(value)) => {
            difference.note(Level::Minor, name, format!("the reset value is known: 0x{value:08X}"));
        }
        (Some(_), None) => {
            difference.note(Level::Major, name, "the reset value is no longer known: a write must give every field");
        }
        (Some(here), Some(there)) if here != there => {
            let text = format!("the reset value is corrected from 0x{here:08X} to 0x{there:08X}");
            difference.note(Level::Patch, name, text);
        }
        (None, None) if (old.reset, old.reset_known) != (new.reset, new.reset_known) => {
            difference.note(Level::Patch, name, "other bits of the reset value are known");
        }
        _ => {}
    }
}

fn reads_and_writes(difference: &mut Difference, name: &str, old: &Register<'_>, new: &Register<'_>) {
    use Level::{Major, Minor};
    match (old.read, new.read) {
        (Read::Nothing, Read::Pure | Read::SideEffects) => difference.note(Minor, name, "can be read"),
        (Read::Pure | Read::SideEffects, Read::Nothing) => difference.note(Major, name, "can no longer be read"),
        (Read::Pure, Read::SideEffects) => difference.note(Major, name, "a read has side effects"),
        (Read::SideEffects, Read::Pure) => difference.note(Minor, name, "a read no longer has side effects"),
        _ => {}
    }
    match (old.write, new.write) {
        (here, there) if here == there => {}
        (Write::Nothing, _) => difference.note(Minor, name, "can be written"),
        (_, Write::Nothing) => difference.note(Major, name, "can no longer be written"),
        _ => difference.note(Major, name, "a write has another effect"),
    }
    // If the access changed, this follows from it.
    if (old.read, old.write) == (new.read, new.write) {
        let (gained, lost) = ((Minor, "accepts any raw number"), (Major, "no longer accepts a raw number"));
        difference.switch(name, old.bare_write, new.bare_write, gained, lost);
    }
}

fn remarks(
    difference: &mut Difference,
    item: &str,
    (old_errata, old_doubts): (&[description::Erratum], &[description::Doubt]),
    (new_errata, new_doubts): (&[description::Erratum], &[description::Doubt]),
) {
    let errata = |errata: &[description::Erratum]| -> Vec<_> {
        errata.iter().map(|erratum| format!("{}: {}", erratum.id, erratum.text)).collect()
    };
    let doubts = |doubts: &[description::Doubt]| -> Vec<_> {
        doubts.iter().map(|doubt| format!("{}: {}", doubt.label.keyword(), doubt.text)).collect()
    };
    for (what, old, new) in
        [("erratum", errata(old_errata), errata(new_errata)), ("doubt", doubts(old_doubts), doubts(new_doubts))]
    {
        let level = if new.len() > old.len() { Level::Minor } else { Level::Patch };
        match new.len().cmp(&old.len()) {
            std::cmp::Ordering::Greater => difference.note(level, item, format!("{what} added")),
            std::cmp::Ordering::Less => difference.note(level, item, format!("{what} removed")),
            std::cmp::Ordering::Equal if old != new => difference.note(level, item, format!("{what} changed")),
            std::cmp::Ordering::Equal => {}
        }
    }
}

fn descriptor(difference: &mut Difference, item: &str, old: &Descriptor<'_>, new: &Descriptor<'_>) {
    use Level::{Major, Minor, Patch};
    let (was, is) = (old.described, new.described);
    difference.text(item, "the title", &was.title, &is.title);
    difference.text(item, "the section or page", &(&was.section, was.page), &(&is.section, is.page));
    difference.text(item, "the doc text", &was.doc, &is.doc);
    remarks(difference, item, (&was.errata, &was.doubts), (&is.errata, &is.doubts));
    if was.is_big_endian() != is.is_big_endian() {
        difference.note(Patch, item, "the byte order is corrected");
    }
    if was.whole() != is.whole() && was.bits.value == is.bits.value {
        difference.note(Minor, item, format!("is up to {} bits wide, was {}", is.whole(), was.whole()));
    }
    if was.bits.value != is.bits.value {
        difference.note(Major, item, format!("is {} bits wide, was {}", is.bits.value, was.bits.value));
    }
    for (word, old, new) in
        [("done", &was.done, &is.done), ("last", &was.last, &is.last), ("report", &was.report, &is.report)]
    {
        match (old, new) {
            (None, Some(flag)) => difference.note(Minor, item, format!("`{word}` is known: {}", flag.value)),
            (Some(_), None) => difference.note(Major, item, format!("`{word}` is no longer known")),
            (Some(old), Some(new)) if old != new => {
                difference.note(Patch, item, format!("`{word}` is corrected from {} to {}", old.value, new.value));
            }
            _ => {}
        }
    }
    fields(difference, item, (&old.fields, &new.fields), false);
}

/// Compares the fields of a register or descriptor; `all_at_once` if a write must give all of them.
fn fields(difference: &mut Difference, whole: &str, (old, new): (&[Field<'_>], &[Field<'_>]), all_at_once: bool) {
    let find = |fields: &'_ [Field<'_>], name: &str| fields.iter().position(|field| field.name.as_str() == name);
    for is in new {
        let item = format!("{whole}.{}", is.name.value);
        match find(old, is.name).and_then(|at| old.get(at)) {
            Some(was) => field(difference, &item, was, is),
            None if all_at_once && is.is_settable() => {
                let text = "field added to a register of unknown reset value: a write must give it";
                difference.note(Level::Major, &item, text);
            }
            None => difference.note(Level::Minor, &item, format!("field added, {}", is.bits().title())),
        }
    }
    for was in old.iter().filter(|was| find(new, was.name).is_none()) {
        difference.note(Level::Major, &format!("{whole}.{}", was.name.value), "field removed");
    }
}

fn field(difference: &mut Difference, item: &str, old: &Field<'_>, new: &Field<'_>) {
    use Level::{Major, Minor, Patch};
    let (was, is) = (old.described, new.described);
    difference.text(item, "the doc text", &was.doc, &is.doc);
    difference.text(item, "the unit", &was.unit, &is.unit);
    difference.text(item, "the datasheet's spelling", &was.name, &is.name);
    difference.text(item, "the names in other drivers", &was.other_names, &is.other_names);
    difference.text(item, "the condition under which the bits mean this", &was.when, &is.when);
    remarks(difference, item, (&was.errata, &was.doubts), (&is.errata, &is.doubts));

    let (here, there) = (old.bits(), new.bits());
    let bits = format!("from {} to {}", here.title(), there.title());
    match there.width.cmp(&here.width) {
        std::cmp::Ordering::Less => difference.note(Major, item, format!("narrower: {bits}")),
        std::cmp::Ordering::Greater => difference.note(Minor, item, format!("wider: {bits}")),
        std::cmp::Ordering::Equal if here != there => {
            difference.note(Patch, item, format!("the position is corrected {bits}"));
        }
        std::cmp::Ordering::Equal => {}
    }
    match (kind(old.kind), kind(new.kind)) {
        (here, there) if here != there => {
            difference.note(Major, item, format!("its values are {there}, were {here}"));
        }
        _ => values(difference, item, &was.values, &is.values),
    }

    let (gained, lost) = ((Minor, "can be written"), (Major, "can no longer be given a value"));
    difference.switch(item, old.is_settable(), new.is_settable(), gained, lost);
    if old.access != new.access && old.is_settable() == new.is_settable() {
        let text = format!("the access is corrected from {} to {}", old.access.keyword(), new.access.keyword());
        difference.note(Patch, item, text);
    }
    let always = |field: &Field<'_>| field.prescribed.or(field.described.fixed.map(|fixed| fixed.value));
    if let (Some(here), Some(there)) = (always(old), always(new))
        && here != there
    {
        difference.note(Patch, item, format!("the value that it must have is corrected from {here} to {there}"));
    }
    match (was.range.map(|range| range.value), is.range.map(|range| range.value)) {
        (None, Some((least, greatest))) => {
            difference.note(Major, item, format!("gets a range: {least} to {greatest}"));
        }
        (Some(_), None) => difference.note(Minor, item, "no longer has a range"),
        (Some(here), Some(there)) if here != there => {
            let narrower = there.0 > here.0 || there.1 < here.1;
            let (level, how) = if narrower { (Major, "smaller") } else { (Minor, "larger") };
            difference.note(level, item, format!("the range is {how}: {} to {}", there.0, there.1));
        }
        _ => {}
    }
    let marked = |field: &description::Field| field.is_marked().then_some(Mark::MemorySafety).into_iter().collect();
    marks(difference, item, marked(was), marked(is));
}

fn marks(difference: &mut Difference, item: &str, was: Vec<Mark>, is: Vec<Mark>) {
    for gained in is.iter().filter(|mark| !was.contains(mark)) {
        difference.note(Level::Major, item, format!("marked `{}`", gained.key()));
    }
    for lost in was.iter().filter(|mark| !is.contains(mark)) {
        difference.note(Level::Minor, item, format!("no longer marked `{}`", lost.key()));
    }
}

fn kind(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Flag => "true and false",
        FieldKind::Number(_) => "numbers",
        FieldKind::Enumerated => "names",
        FieldKind::Address => "addresses",
    }
}

fn values(difference: &mut Difference, item: &str, old: &Named<Spanned<u64>>, new: &Named<Spanned<u64>>) {
    for (name, there) in new {
        match old.get(name) {
            None => difference.note(Level::Minor, item, format!("value {} = {} added", name.value, there.value)),
            Some(here) if here != there => {
                let text = format!("value {} is corrected from {} to {}", name.value, here.value, there.value);
                difference.note(Level::Patch, item, text);
            }
            Some(_) => {}
        }
    }
    for (name, _) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        difference.note(Level::Major, item, format!("value {} removed", name.value));
    }
}
