//! The diagrams of pages, and their files.

use super::bits::when;
use crate::description::{self, Bits, DescriptorFormat};
use crate::emit::rust::diagram::{self, Cell, Kind};
use crate::lower::{Additions, Descriptor, ExtendedDescriptor, ExtendedRegister, Field, Register};
use crate::rust_name;

/// Returns the path of a register's diagram.
pub(super) fn register_diagram_path(described: &description::Register) -> String {
    format!("docs/{}.html", rust_name::type_name(&described.name))
}

/// Returns the path and the diagram of a register.
pub fn register_diagram(register: &Register<'_>) -> (String, String) {
    let described = register.described;
    let reserved = register.reserved.iter().map(|run| reserved_cell(run.bits));
    let cells = cells(&register.fields, reserved);
    let label = format!("The bits of {}", described.name.value);
    (register_diagram_path(described), diagram::diagram(&label, described.bits(), &cells))
}

/// Returns the path of a descriptor format's diagram. A register may have the same name.
pub(super) fn descriptor_diagram_path(described: &DescriptorFormat) -> String {
    format!("docs/{}.descriptor.html", rust_name::descriptor(&described.name, described.format))
}

/// Returns the path and the diagram of a descriptor format.
pub fn descriptor_diagram(descriptor: &Descriptor<'_>) -> (String, String) {
    let described = descriptor.described;
    let rust_name = rust_name::descriptor(&described.name, described.format);
    let cells = cells(&descriptor.fields, described.reserved.iter().map(|bits| reserved_cell(bits.value)));
    let label = format!("The bits of {rust_name}");
    (descriptor_diagram_path(described), diagram::diagram(&label, described.whole(), &cells))
}

pub(super) fn addition_diagram_path(additions: &Additions<'_>, described: &description::Register) -> String {
    format!("docs/{}.html", rust_name::added_fields(additions.extension, &described.name))
}

/// Returns the path and the diagram of a register with its additions.
pub fn addition_diagram(additions: &Additions<'_>, extended: &ExtendedRegister<'_>) -> (String, String) {
    let register = &extended.register;
    let reserved = register.reserved.iter().map(|run| reserved_cell(run.bits));
    let cells = linked(cells(&register.fields, reserved), &extended.fields);
    let label = format!("The bits of {}", register.described.name.value);
    let path = addition_diagram_path(additions, register.described);
    (path, diagram::diagram(&label, register.described.bits(), &cells))
}

pub(super) fn descriptor_addition_diagram_path(additions: &Additions<'_>, described: &DescriptorFormat) -> String {
    let name = rust_name::descriptor(&described.name, described.format);
    format!("docs/{}.descriptor.html", rust_name::added_fields(additions.extension, &name))
}

/// Returns the path and the diagram of a descriptor format with its additions.
pub fn descriptor_addition_diagram(additions: &Additions<'_>, extended: &ExtendedDescriptor<'_>) -> (String, String) {
    let descriptor = &extended.descriptor;
    let described = descriptor.described;
    let reserved = described.reserved.iter().map(|bits| reserved_cell(bits.value));
    let cells = linked(cells(&descriptor.fields, reserved), &extended.fields);
    let label = format!("The bits of {}", rust_name::descriptor(&described.name, described.format));
    let path = descriptor_addition_diagram_path(additions, described);
    (path, diagram::diagram(&label, described.whole(), &cells))
}

/// Keeps the links of the added fields only: the other fields are on a page of another crate.
fn linked(mut cells: Vec<Cell>, added: &[Field<'_>]) -> Vec<Cell> {
    let is_added = |cell: &Cell| added.iter().any(|field| field.bits() == cell.bits);
    cells.iter_mut().filter(|cell| !is_added(cell)).for_each(|cell| cell.link = None);
    cells
}

fn cells(fields: &[Field<'_>], reserved: impl Iterator<Item = Cell>) -> Vec<Cell> {
    let fields = fields.iter().map(|field| {
        let name = rust_name::constant(field.name);
        Cell {
            bits: field.bits(),
            // The anchor that rustdoc gives the constant.
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
