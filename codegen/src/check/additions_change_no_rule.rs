//! An extension does not change how a register is read, written or preserved, and fixes no bits of a descriptor.
//!
//! The type of the register is generated without the additions. Code that does not know them relies on the effect of
//! its reads, and writes back the bits that had no field. It writes descriptors with the bits that the description
//! fixes.

use super::registers_by_name;
use crate::description::extension::Extension;
use crate::description::{Description, Name, Register};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::rules::{self, Field, Write};
use crate::source::Spanned;

struct OtherRule<'a> {
    register: &'a Name,
    field: &'a Field<'a>,
    message: String,
    label: &'static str,
    rule: &'static str,
}

impl From<OtherRule<'_>> for Diagnostic {
    fn from(error: OtherRule<'_>) -> Self {
        let OtherRule { register, field, message, label, rule } = error;
        let span = field.described.access.map_or(field.described.bits.span, |access| access.span);
        Diagnostic::new(message, span, label)
            .secondary(register.span, rule)
            .note("the type of the register is generated without the extension, so its rules are fixed")
    }
}

struct Fixes<'a> {
    descriptor: &'a Name,
    field: &'a Name,
    fixed: Spanned<u64>,
}

impl From<Fixes<'_>> for Diagnostic {
    fn from(error: Fixes<'_>) -> Self {
        let Fixes { descriptor, field, fixed } = error;
        let message = format!("an extension cannot fix field `{}` of `{}`", field.value, descriptor.value);
        Diagnostic::new(message, fixed.span, "every descriptor would need this value")
            .note("the type of the descriptor is generated without the extension, so its fixed bits are known already")
            .help("remove `fixed`, and describe the value under `doc`")
    }
}

pub(super) fn check(base: &Description, whole: &Description, extension: &Extension, diagnostics: &mut Diagnostics) {
    let [described, extended] = [base, whole].map(registers_by_name);
    for (name, addition) in &extension.additions {
        let name = name.as_str();
        let (Some(before), Some(after)) = (described.get(name), extended.get(name)) else { continue };
        // `fields_inside` has reported fields beyond the register.
        if after.fields.values().any(|field| field.bits.msb() >= after.bits()) {
            continue;
        }
        let (before, after) = (rules::register(base, before), rules::register(whole, after));
        for field in after.fields.iter().filter(|field| addition.fields.contains_key(field.name)) {
            one(&before, &after, field, diagnostics);
        }
    }
    for (descriptor, addition) in &extension.descriptor_additions {
        for (field, fixed) in addition.fields.iter().filter_map(|(name, field)| Some((name, field.fixed?))) {
            diagnostics.report(Fixes { descriptor, field, fixed });
        }
    }
}

fn one(before: &rules::Register<'_>, after: &rules::Register<'_>, field: &Field<'_>, diagnostics: &mut Diagnostics) {
    let Register { name: register, .. } = before.described;
    let bits = u64::try_from(field.bits().mask()).unwrap_or(0);
    let (name, of) = (&field.name.value, &register.value);
    let mut report = |message, label, rule| diagnostics.report(OtherRule { register, field, message, label, rule });
    if before.read != after.read {
        let message = format!("field `{name}` changes what a read of `{of}` does");
        report(message, "read differently from the register", "defines how the register is read");
    } else if before.write != after.write {
        let message = format!("field `{name}` changes what a write of `{of}` does");
        report(message, "written differently from the register", "defines how the register is written");
    } else if before.neutral_ones & bits != after.neutral_ones & bits {
        let message = format!("field `{name}` would be cleared whenever `{of}` is written");
        report(message, "must be written as one", "writes these bits as zero, or as they were read");
    } else if field.is_settable() && before.write == Write::Stores && before.keep & bits != after.keep & bits {
        if after.keep & bits == 0 {
            let message = format!("field `{name}` would take effect whenever `{of}` is modified");
            report(message, "must not be written back as read", "writes back bits without a field as read");
        } else {
            let message = format!("field `{name}` would lose its value whenever `{of}` is modified");
            report(message, "must be written back as read", "does not write these bits back");
        }
    }
}
