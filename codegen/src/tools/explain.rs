//! All facts about a register, a descriptor or a field, for a terminal.

use super::CommandError;
use super::find::{Entry, Found, find};
use super::table::Table;
use crate::description::{Doubt, Erratum, Format, Mark, Order, Range, Reserved};
use crate::lower::{Descriptor, Field, FieldKind, Map, Register};

/// Returns all facts about the register, descriptor or field `name`.
///
/// # Errors
///
/// [`CommandError`] if there is no such register, descriptor or field.
pub fn explain(map: &Map<'_>, name: &str) -> Result<String, CommandError> {
    let Found { entry, element, field } = find(map, name)?;
    Ok(match (entry, field) {
        (Entry::Register(register), None) => whole_register(map, register, element),
        (Entry::Register(register), Some(name)) => register
            .fields
            .iter()
            .filter(|field| field.name.as_str() == name)
            .map(|field| {
                let described = register.described;
                let whole = format!("register {}", described.name.value);
                let reset = field_reset(register, field);
                let mut about = Table::default();
                if let Some((name, block)) =
                    described.block.as_ref().and_then(|name| map.description.blocks.get_key_value(name))
                {
                    about.row(["block", &format!("{} ({})", name.value, block.title)]);
                }
                places(map, register, element, &mut about);
                window(register, &mut about);
                for (field, value) in &described.when {
                    about.row(["while", &format!("{} is {}", field.value, value.value)]);
                }
                one_field(&described.name, &whole, &described.title, &described.section, (field, reset), about)
            })
            .collect(),
        (Entry::Descriptor(formats), None) => {
            formats.iter().map(|format| descriptor(map, format)).collect::<Vec<_>>().join("\n")
        }
        (Entry::Descriptor(formats), Some(name)) => {
            let text = |format: &&Descriptor<'_>| {
                let described = format.described;
                let field = format.fields.iter().find(|field| field.name.as_str() == name)?;
                let whole = format!("descriptor {}, {}", described.name.value, written(described.format));
                let (name, about) = (&described.name, Table::default());
                Some(one_field(name, &whole, &described.title, &described.section, (field, None), about))
            };
            formats.iter().filter_map(text).collect::<Vec<_>>().join("\n")
        }
    })
}

fn whole_register(map: &Map<'_>, register: &Register<'_>, element: Option<u64>) -> String {
    let described = register.described;
    let mut text = format!("{}  {}\n", described.name.value, described.title);
    text += &format!("  {}\n\n", source(map, &described.section, described.page));

    let mut about = Table::default();
    if let Some(heading) = map.description.groups.get(&described.group) {
        about.row(["group", &format!("{} ({heading})", described.group.value)]);
    }
    if let Some((name, block)) = described.block.as_ref().and_then(|name| map.description.blocks.get_key_value(name)) {
        about.row(["block", &format!("{} ({})", name.value, block.title)]);
    }
    places(map, register, element, &mut about);
    window(register, &mut about);
    for (field, value) in &described.when {
        about.row(["while", &format!("{} is {}", field.value, value.value)]);
    }
    about.row(["width", &format!("{} bits", described.bits())]);
    about.row(["access", &format!("{}: {}", described.access.keyword(), described.access.behaviour())]);
    about.row(["reset", &reset(register)]);
    if register.write != crate::lower::Write::Nothing {
        let write_in = register.write_in.as_ref().unwrap_or(&map.write_in);
        let implied = write_in.effective.iter().filter(|name| !write_in.named.contains(name));
        let implied: Vec<_> = implied.copied().collect();
        let also = match implied.as_slice() {
            [] => String::new(),
            [one] => format!("; {one} implies one of them"),
            many => format!("; {} imply one of them", many.join(", ")),
        };
        about.row(["written in", &format!("{}{also}", write_in.named.join(", "))]);
    }
    for mark in described.marks() {
        about.row(match mark {
            Mark::MemorySafety => [
                "memory safety",
                "a wrong value lets the chip reach memory that it was not given: only the driver writes it",
            ],
            Mark::DeviceState => {
                ["device state", "a write makes untrue what the driver knows of the chip: only the driver writes it"]
            }
            Mark::HardwareDamage => {
                ["hardware damage", "a wrong write can destroy hardware, so no safe code may write it"]
            }
        });
    }
    if described.doorbell {
        about.row(["doorbell", "a write hands work to the chip"]);
    }
    for (field, value) in &described.required_values {
        about.row(["must write", &format!("{} = {}", field.value, value.value)]);
    }
    for pair in &map.description.pairs {
        let half = if pair.low == described.name { "low" } else { "high" };
        if pair.low == described.name || pair.high == described.name {
            let order = match pair.order {
                Order::LowFirst => "the low one is accessed first",
                Order::HighFirst => "the high one is accessed first",
                Order::Either => "in any order",
            };
            let (low, high) = (&pair.low.value, &pair.high.value);
            about.row(["pair", &format!("the {half} half of {}, in {low} and {high}, {order}", pair.name.value)]);
        }
    }
    if !described.other_names.is_empty() {
        let names: Vec<_> = described.other_names.iter().map(|name| name.as_str()).collect();
        about.row(["also called", &names.join(", ")]);
    }
    text += &about.render(2);

    let mut rows: Vec<_> = register.fields.iter().map(|field| (field.bits().lsb, Row::Field(field))).collect();
    rows.extend(register.reserved.iter().map(|run| (run.bits.lsb, Row::Reserved(run))));
    rows.sort_by_key(|(lsb, _)| *lsb);
    let mut table = Table::default();
    if !register.fields.is_empty() {
        table.row(["bits", "field", "access", "reset", "meaning"]);
    }
    for (_, row) in rows.iter().filter(|_| !register.fields.is_empty()) {
        match row {
            Row::Field(field) => field_rows(field, &field_reset(register, field).unwrap_or_default(), &mut table),
            Row::Reserved(run) => {
                let why = run.why.map(|why| format!(": {why}")).unwrap_or_default();
                table.row([&run.bits.text(), "-", "", "", &format!("{}{why}", policy(run.policy))]);
            }
        }
    }
    section("", &table, &mut text);
    remarks(described.doc.as_deref(), &described.errata, &described.doubts, &mut text);
    text
}

enum Row<'a> {
    Field(&'a Field<'a>),
    Reserved(&'a crate::lower::ReservedRun<'a>),
}

fn descriptor(map: &Map<'_>, format: &Descriptor<'_>) -> String {
    let described = format.described;
    let mut text = format!("{} ({})  {}\n", described.name.value, described.format.keyword(), described.title);
    text += &format!("  {}\n\n", source(map, &described.section, described.page));
    let mut about = Table::default();
    about.row(["width", &format!("{} bits", described.bits.value)]);
    if let Some(tail) = described.tail {
        about.row(["tail", &format!("{} bits, which may be missing", tail.value)]);
    }
    if let Some(order) = described.byte_order {
        about.row(["byte order", order.keyword()]);
    }
    let flags = [
        ("done", &described.done, "returns it to software"),
        ("last", &described.last, "ends a chain"),
        ("report", &described.report, "requests a status write-back"),
    ];
    for (word, flag, meaning) in flags {
        if let Some(flag) = flag {
            about.row([word, &format!("{} {meaning}", flag.value)]);
        }
    }
    let reserved: Vec<_> = described.reserved.iter().map(|bits| bits.text()).collect();
    if !reserved.is_empty() {
        about.row(["reserved", &format!("bits {}", reserved.join(", "))]);
    }
    text += &about.render(2);
    let mut table = Table::default();
    table.row(["bits", "field", "access", "", "meaning"]);
    for field in &format.fields {
        field_rows(field, "", &mut table);
    }
    section("", &table, &mut text);
    remarks(described.doc.as_deref(), &described.errata, &described.doubts, &mut text);
    text
}

fn one_field(
    owner: &str,
    whole: &str,
    title: &str,
    datasheet_section: &str,
    (field, reset): (&Field<'_>, Option<String>),
    mut about: Table,
) -> String {
    let mut text = format!("{owner}.{}  {} of {whole}\n", field.name.value, field.bits().title());
    text += &format!("  {title}, {datasheet_section}\n\n");
    let described = field.described;
    if let Some(name) = &described.name {
        about.row(["datasheet", &format!("calls it {name}")]);
    }
    about.row(["access", &format!("{}: {}", field.access.keyword(), field.access.behaviour())]);
    if let Some(reset) = reset {
        about.row(["reset", &reset]);
    }
    about.row(["meaning", &field_meaning(field)]);
    if !described.other_names.is_empty() {
        let names: Vec<_> = described.other_names.iter().map(|name| name.as_str()).collect();
        about.row(["also called", &names.join(", ")]);
    }
    text += &about.render(2);
    let mut values = Table::default();
    for (name, value) in &described.values {
        values.row([&value.value.to_string(), &name.value]);
    }
    section("values", &values, &mut text);
    remarks(None, &described.errata, &described.doubts, &mut text);
    text
}

fn field_rows(field: &Field<'_>, reset: &str, table: &mut Table) {
    let access = field.access.keyword();
    let mut meaning = field_meaning(field);
    for (name, value) in &field.described.values {
        meaning += &format!("\n  {} {}", value.value, name.value);
    }
    table.row([&field.bits().text(), field.name.as_str(), access, reset, meaning.trim_start()]);
    for erratum in &field.described.errata {
        table.row(["", "", "", "", &format!("  {}: {}", erratum.id, erratum.text)]);
    }
    for doubt in &field.described.doubts {
        table.row(["", "", "", "", &format!("  {}: {}", doubt.label.keyword(), doubt.text)]);
    }
}

fn field_meaning(field: &Field<'_>) -> String {
    let described = field.described;
    let mut parts: Vec<String> = Vec::new();
    let conditions: Vec<_> =
        described.when.iter().map(|(name, value)| format!("{} is {}", name.value, value.value)).collect();
    if !conditions.is_empty() {
        parts.push(format!("When {}:", conditions.join(" and ")));
    }
    parts.extend(described.doc.clone());
    if let Some(unit) = &described.unit {
        parts.push(format!("In units of {unit}."));
    }
    if let Some(range) = described.range {
        parts.push(format!("From {} to {}.", range.value.0, range.value.1));
    }
    if let Some(value) = field.prescribed.or(described.fixed.map(|fixed| fixed.value)) {
        parts.push(format!("Always {value}."));
    }
    if field.kind == FieldKind::Address {
        parts.push("An address that the chip accesses.".to_owned());
    }
    parts.join(" ")
}

/// Returns the reset value of a field.
fn field_reset(register: &Register<'_>, field: &Field<'_>) -> Option<String> {
    let bits = field.bits();
    let part = |word: u64| word.checked_shr(bits.lsb).unwrap_or(0) & bits.max();
    match register.reset {
        Some(reset) if part(register.reset_known) == bits.max() => Some(part(reset).to_string()),
        _ => Some("?".to_owned()),
    }
}

fn reset(register: &Register<'_>) -> String {
    let digits = register.described.bits() as usize / 4;
    match (register.reset, register.whole_reset()) {
        (None, _) => "unknown: a write must give every field".to_owned(),
        (Some(reset), None) => {
            format!("0x{reset:0digits$X}, known in the bits 0x{:0digits$X}", register.reset_known)
        }
        (Some(reset), Some(_)) => format!("0x{reset:0digits$X}"),
    }
}

/// Adds rows with the addresses and aliases of a register.
fn places(map: &Map<'_>, register: &Register<'_>, element: Option<u64>, table: &mut Table) {
    let array = register.described.array.as_ref();
    for (title, ranges) in [("where", &register.ranges), ("also at", &register.aliases)] {
        for (number, range) in ranges.iter().enumerate() {
            let title = if number == 0 { title } else { "" };
            table.row([title, &place(range, array.is_some() && range.count > 1)]);
        }
    }
    if let Some(index) = array.and_then(|array| array.index.as_ref()) {
        let doc = map.description.indices.get(index).map(|index| index.doc.as_str()).unwrap_or_default();
        table.row(["index", &format!("{}: {doc}", index.value)]);
    }
    if let Some(element) = element {
        let at = |range: &Range| {
            let nth = element.checked_sub(range.first.into()).filter(|nth| *nth < range.count.into())?;
            Some(range.base.value.saturating_add(nth.saturating_mul(range.stride)))
        };
        let everywhere = register.ranges.iter().chain(&register.aliases).filter_map(at);
        let everywhere: Vec<_> = everywhere.map(|offset| format!("0x{offset:05X}")).collect();
        table.row(["element", &format!("{element} is at {}", everywhere.join(" and "))]);
    }
}

/// Adds the window that a register is behind, or whose index it has.
fn window(register: &Register<'_>, table: &mut Table) {
    if let Some(window) = register.window {
        table.row(["window", &window.role(&register.described.name)]);
    }
}

fn place(range: &Range, is_array: bool) -> String {
    let (base, stride, first) = (range.base.value, range.stride, range.first);
    if !is_array {
        return format!("0x{base:05X}");
    }
    let nth = if first == 0 { "n".to_owned() } else { format!("(n - {first})") };
    let last = u64::from(first) + u64::from(range.count) - 1;
    format!("0x{base:05X} + 0x{stride:X} * {nth}, n from {first} to {last}")
}

fn source(map: &Map<'_>, section: &str, page: Option<u32>) -> String {
    let datasheet = &map.description.datasheet;
    let page = page.map(|page| format!(", page {page}")).unwrap_or_default();
    format!("{} revision {}, {section}{page}", datasheet.document, datasheet.revision)
}

fn section(title: &str, table: &Table, text: &mut String) {
    if !table.is_empty() {
        text.push('\n');
        if !title.is_empty() {
            *text += &format!("  {title}\n");
        }
        *text += &table.render(if title.is_empty() { 2 } else { 4 });
    }
}

fn remarks(doc: Option<&str>, errata: &[Erratum], doubts: &[Doubt], text: &mut String) {
    let mut table = Table::default();
    doc.iter().for_each(|doc| table.row([*doc]));
    section("", &table, text);
    let mut table = Table::default();
    errata.iter().for_each(|erratum| table.row([&erratum.id, &erratum.text]));
    section("errata", &table, text);
    let mut table = Table::default();
    doubts.iter().for_each(|doubt| table.row([doubt.label.keyword(), &doubt.text]));
    section("doubts about the datasheet", &table, text);
}

fn written(format: Format) -> &'static str {
    match format {
        Format::Read => "as software writes it",
        Format::WriteBack => "as the chip writes it back",
        Format::Memory => "in memory",
        Format::Structure => "a structure of bytes",
    }
}

fn policy(policy: Reserved) -> &'static str {
    match policy {
        Reserved::Preserve => "reserved, preserved",
        Reserved::Zero => "reserved, written as zero",
        Reserved::One => "reserved, written as one",
    }
}
