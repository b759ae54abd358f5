//! `ixgbectl registers`: registers of a port that anybody may drive, field by field.

use std::error::Error;
use std::io::Write;

use ixgbe::info::RegisterInfo;
use ixgbe::registers::REGISTERS;
use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::arguments::Registers;
use crate::view::{self, View};

pub fn run(arguments: &Registers, out: &mut dyn Write) -> Result<Outcome, Box<dyn Error>> {
    // Before the port is opened: a name that is wrong is wrong on every port.
    let selected = select(&arguments.names)?;
    let view = view::open(arguments.target)?;
    if arguments.json {
        writeln!(out, "{:#}", describe(&*view, &selected, arguments.all))?;
    } else {
        for info in selected {
            print(&*view, info, arguments.all, out)?;
        }
    }
    Ok(Outcome::Fine)
}

/// Returns the registers with these names, in their order; without names, all.
fn select(names: &[String]) -> Result<Vec<&'static RegisterInfo>, Box<dyn Error>> {
    if names.is_empty() {
        return Ok(REGISTERS.iter().collect());
    }
    names.iter().map(|name| find(name)).collect()
}

fn find(name: &str) -> Result<&'static RegisterInfo, Box<dyn Error>> {
    if let Some(info) = REGISTERS.iter().find(|info| info.name.eq_ignore_ascii_case(name)) {
        return Ok(info);
    }
    let part = name.to_ascii_uppercase();
    let similar: Vec<_> =
        REGISTERS.iter().map(|info| info.name).filter(|other| other.contains(&part)).take(8).collect();
    Err(match similar[..] {
        [] => format!("there is no register {name}: `ixgbectl registers ADDRESS` prints all"),
        _ => format!("there is no register {name}, but {}", similar.join(", ")),
    }
    .into())
}

/// Returns why a register cannot be looked at.
fn why_not(info: &RegisterInfo) -> &'static str {
    match info {
        _ if !info.access.is_readable() => "write-only",
        _ if info.has_read_side_effects() => "a read changes it",
        _ if info.window.is_some() => "behind an index register",
        _ => "another register at its address is changed by a read",
    }
}

/// Reads the elements of a register: all, or the first.
fn elements(view: &dyn View, info: &RegisterInfo, all: bool) -> Vec<(u32, u32)> {
    let count = if all { info.count() } else { 1 };
    let offsets = (0..count).map_while(|index| view::offset(info, index as usize));
    offsets.filter_map(|offset| Some((offset.bytes(), view.read(offset)?))).collect()
}

fn print(view: &dyn View, info: &RegisterInfo, all: bool, out: &mut dyn Write) -> std::io::Result<()> {
    let values = elements(view, info, all);
    if values.is_empty() {
        return writeln!(out, "{:<12} -          ({})", info.name, why_not(info));
    }
    for (index, (offset, value)) in values.into_iter().enumerate() {
        let name = if info.count() == 1 { info.name.to_owned() } else { format!("{}[{index}]", info.name) };
        writeln!(out, "{name:<12} {value:#010x} at {offset:#07x}  {} (datasheet {})", info.title, info.section)?;
        for field in info.fields {
            writeln!(out, "    {}", field.show(value.into()))?;
        }
    }
    Ok(())
}

/// Returns the registers by their names. One that cannot be looked at has the reason instead of values.
fn describe(view: &dyn View, selected: &[&RegisterInfo], all: bool) -> Value {
    let describe = |info: &&RegisterInfo| {
        let element = |(offset, value): (u32, u32)| {
            let fields = info.fields.iter().map(|field| (field.name.to_owned(), field.of(value.into()).into()));
            json!({ "offset": offset, "value": value, "fields": fields.collect::<Map<_, _>>() })
        };
        let values: Vec<_> = elements(view, info, all).into_iter().map(element).collect();
        let said = if values.is_empty() { json!({ "not_read": why_not(info) }) } else { json!({ "values": values }) };
        (info.name.to_owned(), said)
    };
    selected.iter().map(describe).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_wrong_ones_get_help() {
        assert_eq!(find("rxdctl").unwrap().name, "RXDCTL");
        let said = |name: &str| find(name).unwrap_err().to_string();
        assert!(said("XDCT").starts_with("there is no register XDCT, but "), "{}", said("XDCT"));
        assert!(said("eth0").ends_with("`ixgbectl registers ADDRESS` prints all"));
        assert_eq!(select(&[]).unwrap().len(), REGISTERS.len());
    }

    #[cfg(feature = "model")]
    #[test]
    fn registers_are_decoded_and_those_that_reads_change_are_left_out() {
        let port = ixgbe_sim::Port::new(Default::default());
        let mut text = Vec::new();
        for name in ["STATUS", "EICR", "RXDCTL"] {
            print(&port, find(name).unwrap(), false, &mut text).unwrap();
        }
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.starts_with("STATUS       0x00080000 at 0x00008  Device Status (datasheet 8.2.3.1.2)\n"),
            "{text}"
        );
        assert!(text.contains("\nEICR         -          (a read changes it)\nRXDCTL[0] "), "{text}");
        assert_eq!(text.matches("RXDCTL[").count(), 1);
        assert_eq!(elements(&port, find("RXDCTL").unwrap(), true).len(), 128);
        let json = describe(&port, &[find("STATUS").unwrap(), find("EICR").unwrap()], false);
        assert_eq!(json["STATUS"]["values"][0]["fields"]["PCIE_MASTER_ENABLE_STATUS"], 1);
        assert_eq!(json["EICR"]["not_read"], "a read changes it");
    }
}
