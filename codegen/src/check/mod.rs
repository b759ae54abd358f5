//! Second stage: finds all errors of a description in one run.
//!
//! Each file is one pass. Its name is the property that holds if the pass reports nothing. Only the passes create a
//! [`Checked`], so the later stages rely on all of these properties.

mod added_pairs_reached_directly;
mod added_permissions_spare_marks;
mod additions_change_no_rule;
mod additions_inside_the_space;
mod addresses_disjoint;
mod aliases_inside_arrays;
mod allowed_lints_exist;
mod descriptor_fields_inside_words;
mod descriptors_covered;
mod elements_countable;
mod enumerated_values_fit;
mod enumerated_values_unique;
mod fields_do_not_overlap;
mod fields_inside;
mod fixed_values_fit;
mod forbidden_addresses_free;
mod groups_and_indices_known;
mod handover_flags_known;
mod indices_filled;
mod memory_safety_of_whole_registers;
mod names_are_identifiers;
mod names_unique;
mod offsets_addressable;
mod overlaps_known;
mod pairs_exist;
mod permissions_exist;
mod ranges_fit;
mod register_conditions_known;
mod register_has_one_place;
mod required_values_writable;
mod reserved_bits_belong_to_no_field;
mod reset_values_fit;
mod reset_values_in_range;
mod rust_names_unique;
mod strides_hold_elements;
mod structures_are_bytes;
mod when_conditions_known;
mod widths_supported;
mod windows_alone_write_their_index;
mod windows_disjoint;
mod windows_hold_every_index;
mod windows_name_registers;
mod write_rules_apply;

use std::collections::HashMap;
use std::ops::Deref;

use crate::description::extension::Extension;
use crate::description::{Description, Field, Name, Named, Register};
use crate::diagnostic::Diagnostics;
use crate::extend::{self, AllAddedValues};
use crate::parse::{Parsed, Places};
use crate::share;
use crate::source::Spanned;
use crate::unknown::{Unknown, keys, known};

/// A description without errors. Only [`check`] creates it.
#[derive(Debug)]
pub struct Checked(Description);

impl Deref for Checked {
    type Target = Description;

    fn deref(&self) -> &Description {
        &self.0
    }
}

/// A description that includes an extension, both without errors. Only [`check_extension`] creates it.
#[derive(Debug)]
pub struct Extended {
    pub(crate) whole: Checked,
    pub(crate) extension: Extension,
    pub(crate) values: AllAddedValues,
}

/// Checks a parsed description, and returns all errors.
pub fn check(parsed: Parsed) -> Result<Checked, Diagnostics> {
    run_checks(parsed.values, || parsed.places.describe(), pass)
}

/// Checks a parsed description as [`check`] does, and returns it a second time, with the span of every value.
pub fn check_with_spans(parsed: Parsed) -> Result<(Checked, Checked), Diagnostics> {
    let places = || parsed.places.describe();
    with_spans(run_checks(parsed.values, places, pass)?, places, pass)
}

/// Checks a parsed description together with an extension of it, and returns all errors.
pub fn check_extension(parsed: Parsed, extension: Parsed<Extension>) -> Result<Extended, Diagnostics> {
    run_checks(both(parsed.values, extension.values), || places(&parsed.places, &extension.places), pass_extension)
}

/// Checks both as [`check_extension`] does, and returns them a second time, with the span of every value.
pub fn check_extension_with_spans(
    parsed: Parsed,
    extension: Parsed<Extension>,
) -> Result<(Extended, Extended), Diagnostics> {
    let places = || places(&parsed.places, &extension.places);
    let checked = run_checks(both(parsed.values, extension.values), places, pass_extension)?;
    with_spans(checked, places, pass_extension)
}

fn both(
    description: Result<Description, Diagnostics>,
    extension: Result<Extension, Diagnostics>,
) -> Result<(Description, Extension), Diagnostics> {
    Ok((description?, extension?))
}

fn places(description: &Places, extension: &Places) -> (Option<(Description, Extension)>, Diagnostics) {
    let (description, mut diagnostics) = description.describe();
    let (extension, more) = extension.describe();
    diagnostics.append(more);
    (description.zip(extension), diagnostics)
}

/// Adds to what was checked the same values, with spans.
fn with_spans<T, C>(
    checked: C,
    places: impl FnOnce() -> (Option<T>, Diagnostics),
    pass: impl Fn(T, &mut Diagnostics) -> C,
) -> Result<(C, C), Diagnostics> {
    let (described, mut diagnostics) = places();
    match described {
        Some(described) if diagnostics.is_empty() => Ok((checked, pass(described, &mut diagnostics))),
        // The first reader accepts nothing that the second one rejects.
        _ => Err(diagnostics),
    }
}

/// Runs the passes on the values of the first reader. If there are errors, repeats them on the values of the second
/// reader, which have spans.
fn run_checks<T, C>(
    values: Result<T, Diagnostics>,
    places: impl FnOnce() -> (Option<T>, Diagnostics),
    pass: impl Fn(T, &mut Diagnostics) -> C,
) -> Result<C, Diagnostics> {
    let unplaced = match values {
        Ok(described) => {
            let mut diagnostics = Diagnostics::default();
            let checked = pass(described, &mut diagnostics);
            if diagnostics.is_empty() {
                return Ok(checked);
            }
            diagnostics
        }
        Err(diagnostics) => diagnostics,
    };
    let (described, mut diagnostics) = places();
    if let Some(described) = described {
        pass(described, &mut diagnostics);
    }
    // An error that only the first reader finds counts, too.
    Err(if diagnostics.is_empty() { unplaced } else { diagnostics })
}

fn pass(mut description: Description, diagnostics: &mut Diagnostics) -> Checked {
    share::share(&mut description, diagnostics);
    for pass in PASSES {
        pass(&description, diagnostics);
    }
    Checked(description)
}

fn pass_extension((mut base, extension): (Description, Extension), diagnostics: &mut Diagnostics) -> Extended {
    share::share(&mut base, diagnostics);
    let mut whole = base.clone();
    let values = extend::extend(&mut whole, &extension, diagnostics);
    let whole = pass(whole, diagnostics);
    names_are_identifiers::check_extension(&extension, diagnostics);
    allowed_lints_exist::one(&extension.allow, diagnostics);
    rust_names_unique::check_extension(&whole, &extension, diagnostics);
    additions_change_no_rule::check(&base, &whole, &extension, diagnostics);
    additions_inside_the_space::check(&base, &extension, diagnostics);
    added_pairs_reached_directly::check(&base, &extension, diagnostics);
    added_permissions_spare_marks::check(&base, &whole, &extension, diagnostics);
    Extended { whole, extension, values }
}

const PASSES: &[fn(&Description, &mut Diagnostics)] = &[
    names_are_identifiers::check,
    names_unique::check,
    rust_names_unique::check,
    groups_and_indices_known::check,
    permissions_exist::check,
    widths_supported::check,
    register_has_one_place::check,
    register_conditions_known::check,
    elements_countable::check,
    indices_filled::check,
    aliases_inside_arrays::check,
    strides_hold_elements::check,
    offsets_addressable::check,
    addresses_disjoint::check,
    forbidden_addresses_free::check,
    fields_inside::check,
    fields_do_not_overlap::check,
    overlaps_known::check,
    when_conditions_known::check,
    enumerated_values_fit::check,
    enumerated_values_unique::check,
    ranges_fit::check,
    fixed_values_fit::check,
    reset_values_fit::check,
    reset_values_in_range::check,
    reserved_bits_belong_to_no_field::check,
    required_values_writable::check,
    write_rules_apply::check,
    memory_safety_of_whole_registers::check,
    pairs_exist::check,
    windows_name_registers::check,
    windows_disjoint::check,
    windows_hold_every_index::check,
    windows_alone_write_their_index::check,
    descriptors_covered::check,
    descriptor_fields_inside_words::check,
    structures_are_bytes::check,
    handover_flags_known::check,
    allowed_lints_exist::check,
];

/// The common part of registers and descriptors: fields in a number of bits.
struct Layout<'a> {
    kind: &'static str,
    name: &'a Name,
    width: u32,
    fields: &'a Named<Field>,
    overlaps: &'a [(Name, Name)],
}

impl Layout<'_> {
    /// Returns the kind and the name, for a message.
    fn title(&self) -> String {
        format!("{} `{}`", self.kind, self.name.value)
    }
}

fn layouts(description: &Description) -> impl Iterator<Item = Layout<'_>> {
    let registers = description.registers.iter().map(|register| Layout {
        kind: "register",
        name: &register.name,
        width: register.bits(),
        fields: &register.fields,
        overlaps: &register.overlaps,
    });
    let descriptors = description.descriptors.iter().map(|descriptor| Layout {
        kind: "descriptor",
        name: &descriptor.name,
        width: descriptor.whole(),
        fields: &descriptor.fields,
        overlaps: &descriptor.overlaps,
    });
    registers.chain(descriptors)
}

/// Returns `true` if the two conditions contradict each other.
fn alternatives(a: &Named<Spanned<u64>>, b: &Named<Spanned<u64>>) -> bool {
    a.iter().any(|(field, value)| b.get(field).is_some_and(|other| other.value != value.value))
}

/// Returns the registers by name. If several have the same name, the first counts.
fn registers_by_name(description: &Description) -> HashMap<&str, &Register> {
    let registers = description.registers.iter().rev();
    registers.map(|register| (register.name.as_str(), register)).collect()
}
