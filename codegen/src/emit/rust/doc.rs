//! Documentation comments, made of texts that were not written for rustdoc.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::quote;

use super::diagram::{self, Cell, Kind};
use super::token::{hex32, ident};
use super::{Options, Use};
use crate::description::{self, Access, Bits, DescriptorFormat, Doubt, Erratum, Pair, Reserved, Word};
use crate::lower::{Additions, Descriptor, ExtendedRegister, Field, Map, Register, Write, WriteIn};
use crate::rust_name;

/// A documentation comment in the making.
struct Doc {
    lines: Vec<String>,
    /// The file that stands after the first line.
    diagram: Option<String>,
}

impl Doc {
    /// One that begins with `line`.
    fn new(line: impl Into<String>) -> Self {
        Self { lines: vec![line.into()], diagram: None }
    }

    /// Adds a paragraph of a text from the description.
    fn text(&mut self, text: &str) -> &mut Self {
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            self.paragraph(escape(paragraph));
        }
        self
    }

    fn paragraph(&mut self, line: impl Into<String>) {
        self.lines.push(String::new());
        self.lines.push(line.into());
    }

    /// Adds a list.
    fn list(&mut self, items: Vec<String>) {
        self.lines.push(String::new());
        self.lines.extend(items.into_iter().map(|item| format!("- {item}")));
    }

    /// Adds a table of bits, if there are any. Columns in which nothing would stand are left out.
    fn table(&mut self, mut rows: Vec<Row>) {
        if rows.is_empty() {
            return;
        }
        rows.sort_by_key(|row| row.bits.lsb);
        let (values, reset) =
            (rows.iter().any(|row| !row.values.is_empty()), rows.iter().any(|row| !row.reset.is_empty()));
        let line = |[bits, name, access, after_reset, meaning, named]: [&str; 6]| {
            let cells = [Some(bits), Some(name), Some(access), reset.then_some(after_reset), Some(meaning)];
            let cells: Vec<_> = cells.into_iter().chain([values.then_some(named)]).flatten().collect();
            format!("| {} |", cells.join(" | "))
        };
        self.lines.push(String::new());
        self.lines.push(line(["Bits", "Field", "Access", "Reset", "Meaning", "Values"]));
        self.lines.push(line(["---:", "---", "---", "---:", "---", "---"]));
        for Row { bits, name, access, reset, meaning, values } in rows {
            let [name, access, meaning, values] = [name, access, meaning, values].map(|cell| cell.replace('|', "\\|"));
            self.lines.push(line([&bits.text(), &name, &access, &reset, &meaning, &values]));
        }
    }

    /// Adds where the chip or the datasheet is not to be trusted.
    fn caveats(&mut self, errata: &[Erratum], doubts: &[Doubt]) -> &mut Self {
        for Erratum { id, text } in errata {
            self.paragraph(format!("**Erratum:** {} (Source: {}.)", escape(text), escape(id)));
        }
        for Doubt { label, text } in doubts {
            self.paragraph(format!("**Doubt about the datasheet** ({}): {}", label.word(), escape(text)));
        }
        self
    }

    /// The attributes.
    fn tokens(&self) -> TokenStream {
        let mut lines = self.lines.iter().map(|line| if line.is_empty() { String::new() } else { format!(" {line}") });
        let first = lines.next();
        let diagram = self.diagram.as_deref().map(file);
        quote!(#[doc = #first] #diagram #(#[doc = #lines])*)
    }
}

/// A file as documentation. Only rustdoc reads it: a compiler has no use for it, and an editor cannot show it.
pub fn file(path: &str) -> TokenStream {
    quote!(#[cfg_attr(doc, doc = include_str!(#path))])
}

/// The documentation of a thing in a few words.
pub fn line(line: impl Into<String>) -> TokenStream {
    Doc::new(line).tokens()
}

/// Names by which the same is searched for.
pub fn aliases(names: &[Word], own: &str) -> TokenStream {
    let mut seen = vec![own];
    // The compiler refuses one that stands twice or that is the name itself.
    let aliases = names.iter().map(|name| name.as_str()).filter(|name| {
        let new = !seen.contains(name);
        seen.push(name);
        new
    });
    quote!(#(#[doc(alias = #aliases)])*)
}

/// What there is to know about a register.
pub fn register(map: &Map<'_>, pairs: &Pairs<'_>, options: &Options, register: &Register<'_>) -> TokenStream {
    let described = register.described;
    let mut doc = heading(&described.title, &described.section, described.page);
    doc.diagram = Some(register_diagram_path(described));
    doc.text(described.doc.as_deref().unwrap_or_default());

    let mut facts = vec![
        reached(map, pairs, options, register),
        format!("Access: `{}`: {}.", described.access.word(), behaviour(described.access.value)),
        format!("After a reset: {}.", reset(register)),
        format!("Where: {}{}.", places(register), conditions(described)),
    ];
    if register.write != Write::Nothing {
        let write_in = permissions(register.write_in.as_ref().unwrap_or(&map.write_in));
        facts.push(if described.memory_safety {
            format!("Decides which memory the device reaches, so only the driver itself writes it, in: {write_in}.")
        } else {
            format!("May be written in: {write_in}.")
        });
    }
    facts.extend(described.software_must.iter().map(|(field, value)| {
        format!("Software must write {} into `{}`: every write does.", value.value, field.value)
    }));
    if described.doorbell {
        facts.push("A doorbell: a write hands work to the device.".to_owned());
    }
    facts.extend(touched_by(options, register));
    doc.list(facts);

    let reserved = register.reserved.iter().map(|run| {
        let rule = match run.policy {
            _ if register.write == Write::Nothing => "reserved",
            Reserved::Preserve => "reserved, left as it is",
            Reserved::Zero => "reserved, written as zero",
            Reserved::One => "reserved, written as one",
        };
        let why = run.why.map(|why| format!(" ({})", escape(why.trim_end_matches('.')))).unwrap_or_default();
        Row::reserved(run.bits, format!("{rule}{why}"))
    });
    doc.table(register.fields.iter().map(|field| Row::of_register(register, field)).chain(reserved).collect());
    doc.caveats(&described.errata, &described.doubts).tokens()
}

/// What there is to know about a descriptor format.
pub fn descriptor(descriptor: &Descriptor<'_>) -> TokenStream {
    let described = descriptor.described;
    let mut doc = heading(&described.title, &described.section, described.page);
    doc.diagram = Some(descriptor_diagram_path(described));
    doc.text(described.doc.as_deref().unwrap_or_default());
    let flags = [
        (&described.done, "tells that the device is done with it"),
        (&described.last, "marks the last descriptor of a chain"),
        (&described.report, "asks the device to tell when it is done"),
    ];
    for (flag, what) in flags {
        if let Some(flag) = flag {
            doc.text(&format!("`{}` {what}.", flag.value));
        }
    }
    let reserved = described.reserved.iter().map(|bits| Row::reserved(bits.value, "reserved".to_owned()));
    doc.table(descriptor.fields.iter().map(Row::field).chain(reserved).collect());
    doc.caveats(&described.errata, &described.doubts).tokens()
}

/// What there is to know about what is added to a register.
pub fn addition(additions: &Additions<'_>, extended: &ExtendedRegister<'_>) -> TokenStream {
    let described = extended.register.described;
    let (extension, name) = (&additions.extension.extension.value, rust_name::type_name(&described.name));
    let mut doc = Doc::new(format!("What `{extension}` adds to [`{name}`]: {}.", escape(&described.title)));
    doc.diagram = Some(addition_diagram_path(additions, described));
    let added = extended.values.iter().map(|field| {
        let module = rust_name::method(&described.name);
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
    doc.table(extended.fields.iter().map(|field| Row::of_register(&extended.register, field)).collect());
    doc.tokens()
}

fn addition_diagram_path(additions: &Additions<'_>, described: &description::Register) -> String {
    format!("docs/{}.html", rust_name::added_fields(additions.extension, &described.name))
}

/// The diagram of a register with what is added to it, and the file that it belongs into.
pub fn addition_diagram(additions: &Additions<'_>, extended: &ExtendedRegister<'_>) -> (String, String) {
    let register = &extended.register;
    let added = |cell: &Cell| extended.fields.iter().any(|field| field.bits() == cell.bits);
    let reserved = register.reserved.iter().map(|run| reserved_cell(run.bits));
    let mut cells = cells(&register.fields, reserved);
    // The others are on a page of another crate.
    cells.iter_mut().filter(|cell| !added(cell)).for_each(|cell| cell.link = None);
    let label = format!("The bits of {}", register.described.name.value);
    let path = addition_diagram_path(additions, register.described);
    (path, diagram::diagram(&label, register.described.bits(), &cells))
}

/// The file of a register's diagram.
fn register_diagram_path(described: &description::Register) -> String {
    format!("docs/{}.html", rust_name::type_name(&described.name))
}

/// The file of a descriptor format's diagram. A register may have the same name.
fn descriptor_diagram_path(described: &DescriptorFormat) -> String {
    format!("docs/{}.descriptor.html", rust_name::descriptor(&described.name, described.format))
}

/// The diagram of a register, and the file that it belongs into.
pub fn register_diagram(register: &Register<'_>) -> (String, String) {
    let described = register.described;
    let reserved = register.reserved.iter().map(|run| reserved_cell(run.bits));
    let cells = cells(&register.fields, reserved);
    let label = format!("The bits of {}", described.name.value);
    (register_diagram_path(described), diagram::diagram(&label, described.bits(), &cells))
}

/// The diagram of a descriptor format, and the file that it belongs into.
pub fn descriptor_diagram(descriptor: &Descriptor<'_>) -> (String, String) {
    let described = descriptor.described;
    let rust_name = rust_name::descriptor(&described.name, described.format);
    let cells = cells(&descriptor.fields, described.reserved.iter().map(|bits| reserved_cell(bits.value)));
    let label = format!("The bits of {rust_name}");
    (descriptor_diagram_path(described), diagram::diagram(&label, described.bits.value, &cells))
}

fn cells(fields: &[Field<'_>], reserved: impl Iterator<Item = Cell>) -> Vec<Cell> {
    let fields = fields.iter().map(|field| {
        let name = rust_name::constant(field.name);
        Cell {
            bits: field.bits(),
            // Where rustdoc puts the constant.
            link: Some(format!("#associatedconstant.{name}")),
            name,
            kind: field.prescribed.map_or(Kind::Field(field.access), Kind::Prescribed),
            when: when(field).unwrap_or_default().replace('`', ""),
        }
    });
    fields.chain(reserved).collect()
}

fn reserved_cell(bits: Bits) -> Cell {
    Cell { bits, name: String::new(), link: None, kind: Kind::Reserved, when: String::new() }
}

/// The pairs that each register is in.
pub struct Pairs<'a>(HashMap<&'a Word, Vec<&'a Pair>>);

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

/// The methods that reach a register, and where those are that belong to the same.
fn reached(map: &Map<'_>, pairs: &Pairs<'_>, options: &Options, register: &Register<'_>) -> String {
    let accessors = &options.accessors;
    let described = register.described;
    let method = rust_name::method(&described.name);
    let pairs = pairs.0.get(&described.name).into_iter().flatten();
    let pairs: String = pairs
        .map(|pair| {
            let other = rust_name::type_name(if pair.low == described.name { &pair.high } else { &pair.low });
            let method = rust_name::method(&pair.name);
            format!("; with [`{other}`] as one value: [`{method}`]({accessors}::{method})")
        })
        .collect();
    let group = &described.group;
    let heading = map.description.groups.get(group).map_or(group.as_str(), |heading| heading.as_str());
    let (slug, heading) = (super::index::slug(heading), escape(heading));
    format!("Reached by: [`{method}`]({accessors}::{method}){pairs}. Group: [{heading}](by_group#{slug}).")
}

/// The functions that touch a register, if any are known.
fn touched_by(options: &Options, register: &Register<'_>) -> Option<String> {
    let name = &register.described.name.value;
    let functions = options.uses.iter().filter(|used| used.registers.contains(name));
    let links = functions
        .map(|used| format!("[`{}`]({}::{})", short_path(&used.function), options.crate_path, used.function))
        .collect::<Vec<_>>();
    (!links.is_empty()).then(|| format!("Touched by: {}.", links.join(", ")))
}

/// The registers that a function touches, and the file that they belong into: named by the function and its type.
pub fn function(map: &Map<'_>, options: &Options, used: &Use) -> (String, String) {
    let known = |name: &&String| map.registers.iter().any(|register| register.described.name.value == **name);
    let links = used.registers.iter().filter(known).map(|name| {
        let name = rust_name::type_name(name);
        format!("[`{name}`]({}::registers::{name})", options.crate_path)
    });
    let text = format!("\n# Registers\n\nTouched, if nothing goes wrong: {}.\n", links.collect::<Vec<_>>().join(", "));
    (format!("docs/{}.md", short_path(&used.function).replace("::", ".")), text)
}

/// The last two segments of a path: a method and its type.
fn short_path(path: &str) -> &str {
    let before = path.rmatch_indices("::").nth(1);
    before.map_or(path, |(place, colons)| &path[place + colons.len()..])
}

fn heading(title: &str, section: &str, page: Option<u32>) -> Doc {
    let page = page.map(|page| format!(", page {page}")).unwrap_or_default();
    Doc::new(format!("{} (datasheet {}{page}).", escape(title), escape(section)))
}

fn behaviour(access: Access) -> &'static str {
    match access {
        Access::ReadWrite => "reads give what was written",
        Access::ReadOnly => "writes do nothing",
        Access::WriteOnly => "reads mean nothing",
        Access::ReadClears => "a read clears it",
        Access::WriteOneClears => "writing a one clears the bit",
        Access::ReadOrWriteOneClears => "a read clears it, and so does writing a one",
        Access::WriteOneSets => "writing a one sets the bit, a zero does nothing",
        Access::SelfClearing => "the device clears it when it has done what was asked",
        Access::ReadSets => "a read sets it",
    }
}

fn reset(register: &Register<'_>) -> String {
    let known = match register.reset {
        Some(value) if register.whole_reset().is_some() => return format!("`{}`", hex32(value)),
        Some(value) => {
            format!("`{}`, of which only the bits `{}` are known", hex32(value), hex32(register.reset_known))
        }
        None => "unknown".to_owned(),
    };
    match register.write {
        Write::Stores => known + ", so a write gives every field, or is a `modify`",
        Write::Nothing | Write::SetsOnes | Write::ClearsOnes => known,
    }
}

/// When a register is at its address.
fn conditions(described: &description::Register) -> String {
    let conditions = described.when.iter().map(|(field, value)| format!("`{}` is {}", field.value, value.value));
    let conditions: Vec<_> = conditions.collect();
    if conditions.is_empty() { String::new() } else { format!(", while {}", conditions.join(" and ")) }
}

pub fn places(register: &Register<'_>) -> String {
    let array = register.described.array.is_some();
    let place = |range: &crate::description::Range| {
        if !array {
            return format!("`{:#07x}`", range.base.value);
        }
        let last = u64::from(range.first) + u64::from(range.count).saturating_sub(1);
        let number = if range.first == 0 { "n".to_owned() } else { format!("(n - {})", range.first) };
        if range.count == 1 {
            format!("`{:#07x}` for element {last}", range.base.value)
        } else {
            format!("`{:#07x} + {:#x} * {number}` for n = {} to {last}", range.base.value, range.stride, range.first)
        }
    };
    let own: Vec<_> = register.ranges.iter().map(place).collect();
    let aliases: Vec<_> = register.aliases.iter().map(place).collect();
    let also = if aliases.is_empty() { String::new() } else { format!("; also {}", aliases.join(", ")) };
    own.join(", ") + &also
}

fn permissions(write_in: &WriteIn<'_>) -> String {
    let links: Vec<_> = write_in
        .effective
        .iter()
        .map(|name| format!("[`{name}`](permission::{})", ident(&rust_name::type_name(name))))
        .collect();
    links.join(", ")
}

/// Some bits in the table of a register or descriptor, in Markdown.
struct Row {
    bits: Bits,
    name: String,
    access: String,
    reset: String,
    meaning: String,
    values: String,
}

impl Row {
    fn of_register(register: &Register<'_>, field: &Field<'_>) -> Self {
        // Where all is zero nothing else needs to be said.
        let value = register.reset.filter(|value| value & register.reset_known != 0);
        let known = register.reset_known >> field.bits().lsb & field.bits().max() == field.bits().max();
        let value = value.map(|value| value >> field.bits().lsb & field.bits().max());
        let reset = match value {
            Some(value) if known && value > 9 => format!("{value:#x}"),
            Some(value) if known => value.to_string(),
            Some(_) => "?".to_owned(),
            None => String::new(),
        };
        Self { reset, ..Self::field(field) }
    }

    fn field(field: &Field<'_>) -> Self {
        let name = ident(&rust_name::constant(field.name));
        let (qualities, text) = (qualities(field).join(", "), field_text(field));
        let between = if qualities.is_empty() || text.is_empty() { "" } else { ": " };
        let values = field.described.values.iter().map(|(name, value)| format!("{}: `{}`", value.value, name.value));
        Self {
            bits: field.bits(),
            name: format!("[`{name}`](Self::{name})"),
            access: match field.prescribed {
                Some(value) => format!("always {value}"),
                None => format!("`{}`", field.access.word()),
            },
            reset: String::new(),
            meaning: format!("{qualities}{between}{text}"),
            values: values.collect::<Vec<_>>().join(", "),
        }
    }

    fn reserved(bits: Bits, meaning: String) -> Self {
        Self { bits, name: String::new(), access: String::new(), reset: String::new(), meaning, values: String::new() }
    }
}

fn field_text(field: &Field<'_>) -> String {
    field.described.doc.as_deref().map(escape).unwrap_or_default()
}

/// What a field's values mean, and when.
fn qualities(field: &Field<'_>) -> Vec<String> {
    let described = field.described;
    // "in bytes", but "in units of 128 bytes".
    let unit = described.unit.as_ref().map(|unit| {
        let units = if unit.starts_with(|c: char| c.is_ascii_digit()) { "units of " } else { "" };
        format!("in {units}{}", escape(unit))
    });
    let range = described.range.map(|range| format!("{} to {}", range.value.0, range.value.1));
    unit.into_iter().chain(range).chain(when(field)).collect()
}

fn when(field: &Field<'_>) -> Option<String> {
    let conditions = field.described.when.iter();
    let conditions: Vec<_> = conditions.map(|(other, value)| format!("`{}` is {}", other.value, value.value)).collect();
    (!conditions.is_empty()).then(|| format!("while {}", conditions.join(" and ")))
}

/// What there is to know about a field.
pub fn field(field: &Field<'_>) -> TokenStream {
    let described = field.described;
    let plural = if field.bits().width == 1 { "Bit" } else { "Bits" };
    let place = format!("{plural} {}", field.bits().text());
    let facts: Vec<_> = std::iter::once(place).chain(qualities(field)).collect();
    let text = field_text(field);
    let (facts, between) = (facts.join(", "), if text.is_empty() { "." } else { ": " });
    let mut doc = Doc::new(format!("{facts}{between}{text}"));
    if let Some(name) = described.name.as_ref().filter(|name| **name != field.name.value) {
        doc.paragraph(format!("The datasheet's name: {}.", escape(name)));
    }
    if let Some(value) = field.prescribed {
        doc.paragraph(format!("Must be {value}, which every write sees to."));
    }
    doc.caveats(&described.errata, &described.doubts).tokens()
}

/// A text as Markdown that shows it as it is; what stands between backquotes is code.
pub fn escape(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let balanced = text.matches('`').count().is_multiple_of(2);
    let mut escaped = String::new();
    for (part, piece) in text.split('`').enumerate() {
        let code = balanced && !part.is_multiple_of(2);
        if part > 0 {
            escaped += if balanced { "`" } else { "\\`" };
        }
        if code { escaped += piece } else { escape_words(piece, &mut escaped) }
    }
    // What would begin a heading, a list or a quotation.
    let digits = escaped.bytes().take_while(u8::is_ascii_digit).count();
    let (mark, after) = (escaped.as_bytes().get(digits), escaped.as_bytes().get(digits + 1));
    match mark {
        Some(b'#' | b'-' | b'+' | b'=' | b'~' | b'|') if digits == 0 => escaped.insert(0, '\\'),
        Some(b'.' | b')') if digits > 0 && matches!(after, None | Some(b' ')) => escaped.insert(digits, '\\'),
        _ => {}
    }
    escaped
}

fn escape_words(text: &str, escaped: &mut String) {
    for word in text.split_inclusive(' ') {
        if word.starts_with("http://") || word.starts_with("https://") {
            let link = word.trim_end_matches([' ', '.', ',', ')', ';', '>']);
            *escaped += &format!("<{}>", link.replace(['<', '>'], ""));
            *escaped += word.get(link.len()..).unwrap_or_default();
            continue;
        }
        for character in word.chars() {
            if matches!(character, '\\' | '[' | ']' | '<' | '>' | '*' | '&' | '~') {
                escaped.push('\\');
            }
            escaped.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_becomes_a_link_a_tag_or_a_list() {
        assert_eq!(escape("bits [7:4] of <REG>, 2*n"), r"bits \[7:4\] of \<REG\>, 2\*n");
        assert_eq!(escape("- no item"), r"\- no item");
        assert_eq!(escape("1. no item"), r"1\. no item");
        assert_eq!(escape("8.2.3"), "8.2.3");
        assert_eq!(escape("~5 us, ~6 us"), r"\~5 us, \~6 us");
        assert_eq!(escape("see https://example.com/a."), "see <https://example.com/a>.");
    }

    #[test]
    fn code_stays_code_if_it_ends() {
        assert_eq!(escape("`a[0]` is"), "`a[0]` is");
        assert_eq!(escape("a ` alone"), r"a \` alone");
    }
}
