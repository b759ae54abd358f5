//! Decoding of a value into fields, with marks at invalid ones.

use super::find::{Entry, find};
use super::table::Table;
use super::{CommandError, number};
use crate::description::{Bits, Format, Reserved};
use crate::lower::{Descriptor, Field, Map, Register};

/// Decodes `value` as the register or descriptor `name`.
///
/// # Errors
///
/// [`CommandError`] if there is no such register or descriptor, or if the value does not fit in it.
pub fn decode(map: &Map<'_>, name: &str, value: &str) -> Result<String, CommandError> {
    let found = find(map, name)?;
    if let Some(field) = found.field {
        let whole = name.split_once('.').map_or(name, |(whole, _)| whole);
        return Err(CommandError::new(format!(
            "`{field}` is a field, and `decode` needs the value of a whole register or descriptor"
        ))
        .help(format!("give the value of `{whole}`")));
    }
    let Some(value) = number(value) else {
        return Err(CommandError::new(format!("`{value}` is not a number"))
            .help("write a number such as 7, 0x1C, 0b101 or 0xFFFF_0000"));
    };
    match found.entry {
        Entry::Register(register) => one_register(register, value),
        Entry::Descriptor(formats) => {
            let texts: Result<Vec<_>, _> = formats.iter().map(|format| one_format(format, value)).collect();
            Ok(texts?.join("\n"))
        }
    }
}

fn one_register(register: &Register<'_>, value: u128) -> Result<String, CommandError> {
    let described = register.described;
    fits(&described.name, described.bits(), value)?;
    let reset = register.reset.map(u128::from);
    let reserved = register.reserved.iter().map(|run| {
        let known = u128::from(register.reset_known) & run.bits.mask();
        let wrong = match run.policy {
            Reserved::Zero => value & run.bits.mask() != 0,
            Reserved::One => value & run.bits.mask() != run.bits.mask(),
            Reserved::Preserve => reset.is_some_and(|reset| (reset ^ value) & known != 0),
        };
        let should = match (run.policy, reset) {
            (Reserved::Zero, _) => "must be zero".to_owned(),
            (Reserved::One, _) => "must be all ones".to_owned(),
            (Reserved::Preserve, Some(reset)) => format!("must keep the reset value {}", shown(part(reset, run.bits))),
            (Reserved::Preserve, None) => String::new(),
        };
        (run.bits, wrong.then_some(should))
    });
    let head = format!("{}  {}", described.name.value, described.title);
    Ok(text(&head, described.bits(), value, &register.fields, reserved.collect()))
}

fn one_format(format: &Descriptor<'_>, value: u128) -> Result<String, CommandError> {
    let described = format.described;
    fits(&described.name, described.whole(), value)?;
    // The chip may write any value to reserved bits.
    let wrong = |bits: Bits| value & bits.mask() != 0 && described.format != Format::WriteBack;
    let reserved = described.reserved.iter().map(|bits| bits.value);
    let reserved = reserved.map(|bits| (bits, wrong(bits).then(|| "must be zero".to_owned()))).collect();
    let head = format!("{} ({})  {}", described.name.value, described.format.keyword(), described.title);
    Ok(text(&head, described.whole(), value, &format.fields, reserved))
}

fn fits(name: &str, width: u32, value: u128) -> Result<(), CommandError> {
    if value & crate::description::ones(width) == value {
        Ok(())
    } else {
        Err(CommandError::new(format!("0x{value:X} does not fit in the {width} bits of `{name}`")))
    }
}

fn text(head: &str, width: u32, value: u128, fields: &[Field<'_>], reserved: Vec<(Bits, Option<String>)>) -> String {
    let mut rows: Vec<(u32, [String; 4])> = Vec::new();
    for field in fields {
        let (meaning, flag) = meaning(field, fields, value);
        let shown = shown(part(value, field.bits()));
        let meaning = match flag {
            Some(flag) => format!("{meaning}  <- {flag}").trim_start().to_owned(),
            None => meaning,
        };
        rows.push((field.bits().lsb, [field.bits().text(), field.name.value.clone(), shown, meaning]));
    }
    for (bits, wrong) in reserved {
        let meaning = wrong.map(|should| format!("<- reserved bits {should}"));
        rows.push((bits.lsb, [bits.text(), "-".to_owned(), shown(part(value, bits)), meaning.unwrap_or_default()]));
    }
    rows.sort_by_key(|(lsb, _)| *lsb);
    let mut table = Table::default();
    rows.into_iter().for_each(|(_, row)| table.row(row));
    let digits = width as usize / 4;
    format!("{head}\n  0x{value:0digits$X}\n\n{}", table.render(2))
}

/// Returns the meaning of a field's value, and the reason if it is invalid.
fn meaning(field: &Field<'_>, fields: &[Field<'_>], value: u128) -> (String, Option<String>) {
    let described = field.described;
    let own = part(value, field.bits());
    let other = |name: &str| fields.iter().find(|other| other.name.as_str() == name);
    let unmet = described
        .when
        .iter()
        .find(|(name, wanted)| other(name).is_some_and(|other| part(value, other.bits()) != u128::from(wanted.value)));
    if let Some((name, wanted)) = unmet {
        return (format!("(does not apply: {} is not {})", name.value, wanted.value), None);
    }
    let prescribed = field.prescribed.or(described.fixed.map(|fixed| fixed.value)).map(u128::from);
    let range = described.range.map(|range| range.value);
    let named = described.values.iter().find(|(_, value)| u128::from(value.value) == own);
    let meaning = match (named, &described.unit) {
        (Some((name, _)), _) => name.value.clone(),
        (None, Some(unit)) => format!("x {unit}"),
        (None, None) => String::new(),
    };
    let flag = if let Some(prescribed) = prescribed.filter(|prescribed| *prescribed != own) {
        Some(format!("must be {prescribed}"))
    } else if let Some((least, greatest)) =
        range.filter(|(least, greatest)| own < u128::from(*least) || own > u128::from(*greatest))
    {
        Some(format!("must be {least} to {greatest}"))
    } else if !described.values.is_empty() && named.is_none() {
        Some("unnamed value".to_owned())
    } else {
        None
    };
    (meaning, flag)
}

fn part(value: u128, bits: Bits) -> u128 {
    value.checked_shr(bits.lsb).unwrap_or(0) & crate::description::ones(bits.width)
}

/// Formats a number: small ones in decimal, addresses and masks in hexadecimal.
fn shown(number: u128) -> String {
    if number < 10_000 { number.to_string() } else { format!("0x{number:X}") }
}
