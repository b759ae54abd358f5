//! What an extension adds to a register leaves alone how that register is read, written and kept.
//!
//! The register's type was made without the additions, so code that knows nothing of them goes on as before: it takes
//! reads for what they were, and writes back the bits that nobody had described.

use super::registers_by_name;
use crate::description::extension::Extension;
use crate::description::{Description, Name, Register};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lower::{self, Field, Write};

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
            .note("the register's type was made without this field, and its rules cannot be changed from outside")
    }
}

pub(super) fn check(base: &Description, whole: &Description, extension: &Extension, diagnostics: &mut Diagnostics) {
    let [described, extended] = [base, whole].map(registers_by_name);
    for (name, addition) in &extension.additions {
        let name = name.as_str();
        let (Some(before), Some(after)) = (described.get(name), extended.get(name)) else { continue };
        // What has no place in the register has been told of.
        if after.fields.values().any(|field| field.bits.msb() >= after.bits()) {
            continue;
        }
        let (before, after) = (lower::register(base, before), lower::register(whole, after));
        for field in after.fields.iter().filter(|field| addition.fields.contains_key(field.name)) {
            one(&before, &after, field, diagnostics);
        }
    }
}

fn one(before: &lower::Register<'_>, after: &lower::Register<'_>, field: &Field<'_>, diagnostics: &mut Diagnostics) {
    let Register { name: register, .. } = before.described;
    let bits = u64::try_from(field.bits().mask()).unwrap_or(0);
    let (name, of) = (&field.name.value, &register.value);
    let mut report = |message, label, rule| diagnostics.report(OtherRule { register, field, message, label, rule });
    if before.read != after.read {
        let message = format!("field `{name}` changes what a read of `{of}` does");
        report(message, "is read otherwise than the register", "how this register is read was decided here");
    } else if before.write != after.write {
        let message = format!("field `{name}` changes what a write of `{of}` does");
        report(message, "is written otherwise than the register", "how this register is written was decided here");
    } else if field.is_settable() && before.write == Write::Stores && before.keep & bits != after.keep & bits {
        if after.keep & bits == 0 {
            let message = format!("field `{name}` would act whenever `{of}` is changed");
            report(message, "what is read must not be written back", "bits of no field are written back as read");
        } else {
            let message = format!("field `{name}` would be lost whenever `{of}` is changed");
            report(message, "must be written back as read", "these bits are not written back");
        }
    }
}
