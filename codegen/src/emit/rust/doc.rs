//! Documentation comments, made of texts that were not written for rustdoc.

use proc_macro2::TokenStream;
use quote::quote;

use super::token::{hex32, ident};
use crate::description::{Doubt, Erratum, Reserved, Word};
use crate::lower::{Field, Read, Register, Write, WriteIn};

/// A documentation comment in the making.
#[derive(Default)]
pub struct Doc {
    lines: Vec<String>,
}

impl Doc {
    /// One that begins with `line`.
    pub fn new(line: impl Into<String>) -> Self {
        Self { lines: vec![line.into()] }
    }

    /// Adds a paragraph of a text from the description.
    pub fn text(&mut self, text: &str) -> &mut Self {
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
        if !items.is_empty() {
            self.lines.push(String::new());
            self.lines.extend(items.into_iter().map(|item| format!("- {item}")));
        }
    }

    /// Adds where the chip or the datasheet is not to be trusted.
    pub fn caveats(&mut self, errata: &[Erratum], doubts: &[Doubt]) -> &mut Self {
        let errata =
            errata.iter().map(|erratum| format!("**Erratum** ({}): {}", escape(&erratum.id), escape(&erratum.text)));
        let doubts = doubts
            .iter()
            .map(|doubt| format!("**Doubt** about the datasheet ({}): {}", doubt.label.word(), escape(&doubt.text)));
        self.list(errata.chain(doubts).collect());
        self
    }

    /// The attributes.
    pub fn tokens(&self) -> TokenStream {
        let lines = self.lines.iter().map(|line| if line.is_empty() { String::new() } else { format!(" {line}") });
        quote!(#(#[doc = #lines])*)
    }
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
pub fn register(register: &Register<'_>) -> TokenStream {
    let described = register.described;
    let page = described.page.map(|page| format!(", page {page}")).unwrap_or_default();
    let mut doc = Doc::new(format!("{} (datasheet {}{page}).", escape(&described.title), escape(&described.section)));
    doc.text(described.doc.as_deref().unwrap_or_default());

    let mut facts = vec![format!("Access: `{}`.{}", described.access.word(), behaviour(register))];
    facts.push(match register.reset {
        Some(value) if register.whole_reset().is_some() => format!("After a reset: `{}`.", hex32(value)),
        Some(value) => {
            format!(
                "After a reset: `{}` in the bits `{}`, unknown in the others.",
                hex32(value),
                hex32(register.reset_known)
            )
        }
        None => "After a reset: unknown, so a write gives every field, or is a `modify`.".to_owned(),
    });
    facts.push(format!("Where: {}.", places(register)));
    facts.extend(reserved(register));
    facts.extend(described.software_must.iter().map(|(field, value)| {
        format!("Software must write {} into `{}`: every write does.", value.value, field.value)
    }));
    if register.write != Write::Nothing {
        if let Some(write_in) = &register.write_in {
            facts.push(format!("May be written in: {}.", permissions(write_in)));
        }
        if described.memory_safety {
            facts.push("Decides which memory the device reaches: only the driver writes it.".to_owned());
        }
    }
    if described.doorbell {
        facts.push("A doorbell: a write hands work to the device.".to_owned());
    }
    doc.list(facts);
    doc.caveats(&described.errata, &described.doubts).tokens()
}

fn behaviour(register: &Register<'_>) -> &'static str {
    match (register.read, register.write) {
        (Read::Acts, _) => " A read changes it.",
        (_, Write::SetsOnes) => " Writing a one sets the bit.",
        (_, Write::ClearsOnes) => " Writing a one clears the bit.",
        _ => "",
    }
}

fn places(register: &Register<'_>) -> String {
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

fn reserved(register: &Register<'_>) -> impl Iterator<Item = String> {
    let described = register.described;
    let general = match described.reserved {
        Reserved::Preserve => None,
        Reserved::Zero => Some("Reserved bits are written as zeros.".to_owned()),
        Reserved::One => Some("Reserved bits are written as ones.".to_owned()),
    };
    let own = described.reserved_bits.iter().map(|entry| {
        let how = match entry.policy {
            Reserved::Preserve => "left as it was",
            Reserved::Zero => "written as zero",
            Reserved::One => "written as one",
        };
        format!("Reserved, {how}: {} ({}).", entry.bits.text(), escape(entry.why.trim_end_matches('.')))
    });
    general.into_iter().chain(own)
}

fn permissions(write_in: &WriteIn<'_>) -> String {
    let links: Vec<_> = write_in
        .effective
        .iter()
        .map(|name| format!("[`{name}`](permission::{})", ident(&crate::rust_name::type_name(name))))
        .collect();
    links.join(", ")
}

/// What there is to know about a field.
pub fn field(field: &Field<'_>) -> TokenStream {
    let described = field.described;
    let plural = if field.bits().width == 1 { "Bit" } else { "Bits" };
    let mut line = format!("{plural} {}", field.bits().text());
    if let Some(unit) = &described.unit {
        // "in bytes", but "in units of 128 bytes".
        let units = if unit.starts_with(|c: char| c.is_ascii_digit()) { "units of " } else { "" };
        line += &format!(", in {units}{}", escape(unit));
    }
    if let Some(range) = described.range {
        line += &format!(", {} to {}", range.value.0, range.value.1);
    }
    let conditions: Vec<_> =
        described.when.iter().map(|(other, value)| format!("`{}` is {}", other.value, value.value)).collect();
    if !conditions.is_empty() {
        line += &format!(", while {}", conditions.join(" and "));
    }
    match described.doc.as_deref().map(escape).filter(|text| !text.is_empty()) {
        Some(text) => line += &format!(": {text}"),
        None => line.push('.'),
    }
    let mut doc = Doc::new(line);
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
            if matches!(character, '\\' | '[' | ']' | '<' | '>' | '*' | '&') {
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
        assert_eq!(escape("see https://example.com/a."), "see <https://example.com/a>.");
    }

    #[test]
    fn code_stays_code_if_it_ends() {
        assert_eq!(escape("`a[0]` is"), "`a[0]` is");
        assert_eq!(escape("a ` alone"), r"a \` alone");
    }
}
