//! Output as JSON: all offsets computed, keywords as in the file.

use serde_json::{Map as Object, Value, json};

use crate::description::{Mark, Named, Range};
use crate::lower::{Descriptor, Field, Map, Register, Window};
use crate::source::Spanned;

/// Returns the registers and descriptors of a map as JSON.
pub fn dump(map: &Map<'_>) -> String {
    let registers: Vec<_> = map.registers.iter().map(register).collect();
    let descriptors: Vec<_> = map.descriptors.iter().map(descriptor).collect();
    let windows: Vec<_> = map.windows.iter().map(window).collect();
    let byte_order = map.description.byte_order.keyword();
    format!(
        "{:#}",
        json!({ "byte_order": byte_order, "registers": registers, "windows": windows, "descriptors": descriptors })
    )
}

fn window(window: &Window<'_>) -> Value {
    let described = window.described;
    json!({
        "name": described.name.value,
        "select": described.select.value,
        "count": window.count,
        "registers": described.registers.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
        "commands": window.commands.is_some(),
    })
}

fn register(register: &Register<'_>) -> Value {
    let described = register.described;
    let fields = register.fields.iter().map(|one| field(one, reset(register, one))).collect::<Vec<_>>();
    json!({
        "name": described.name.value,
        "group": described.group.value,
        "block": described.block.as_ref().map(|block| &block.value),
        "section": described.section,
        "width": described.bits(),
        "access": described.access.keyword(),
        "reset": register.reset,
        "marks": described.marks().map(Mark::key).collect::<Vec<_>>(),
        "window": register.window.map(|window| &window.name.value),
        "offsets": offsets(&register.ranges),
        "aliases": offsets(&register.aliases),
        "fields": fields,
    })
}

fn descriptor(descriptor: &Descriptor<'_>) -> Value {
    let described = descriptor.described;
    json!({
        "name": described.name.value,
        "format": described.format.keyword(),
        "section": described.section,
        "bits": described.bits.value,
        "tail": described.tail.map(|tail| tail.value),
        "byte_order": described.byte_order.map(|order| order.keyword()),
        "fields": descriptor.fields.iter().map(|one| field(one, None)).collect::<Vec<_>>(),
    })
}

fn field(field: &Field<'_>, reset: Option<u64>) -> Value {
    json!({
        "name": field.name.value,
        "lsb": field.bits().lsb,
        "width": field.bits().width,
        "access": field.access.keyword(),
        "reset": reset,
        "values": values(&field.described.values),
    })
}

/// Returns the reset value of a field, if all of it is known.
fn reset(register: &Register<'_>, field: &Field<'_>) -> Option<u64> {
    let (lsb, max) = (field.bits().lsb, field.bits().max());
    register.reset.filter(|_| register.reset_known >> lsb & max == max).map(|value| value >> lsb & max)
}

fn values(values: &Named<Spanned<u64>>) -> Object<String, Value> {
    values.iter().map(|(name, value)| (name.value.clone(), json!(value.value))).collect()
}

fn offsets(ranges: &[Range]) -> Vec<u64> {
    ranges.iter().flat_map(|range| range.offsets()).collect()
}
