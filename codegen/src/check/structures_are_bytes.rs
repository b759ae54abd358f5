//! A structure consists of whole bytes, and code can read each of its fields from at most eight of them.
//!
//! No field is partly in the tail, because it would be missing in part. Only a structure has a tail and a byte order.

use crate::description::{Bits, Description, DescriptorFormat, Field, Format, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};

/// The limit of a structure in bits: 256 bytes, more than any header has.
pub(super) const MAX_STRUCTURE: u32 = 2048;

struct NotBytes {
    what: &'static str,
    width: Spanned<u32>,
}

impl From<NotBytes> for Diagnostic {
    fn from(error: NotBytes) -> Self {
        let NotBytes { what, width } = error;
        let message = format!("{what} cannot have {} bits", width.value);
        Diagnostic::new(message, width.span, format!("must be a multiple of 8, at most {MAX_STRUCTURE} with the tail"))
    }
}

struct OnlyInStructures<'a> {
    key: &'static str,
    span: Span,
    descriptor: &'a DescriptorFormat,
}

impl From<OnlyInStructures<'_>> for Diagnostic {
    fn from(error: OnlyInStructures<'_>) -> Self {
        let OnlyInStructures { key, span, descriptor } = error;
        Diagnostic::new(format!("`{key}` applies to structures only"), span, "")
            .secondary(descriptor.name.span, format!("its format is `{}`", descriptor.format.keyword()))
            .help(format!("remove `{key}`, or write `format: structure`"))
    }
}

struct NotInStructures<'a> {
    key: &'static str,
    span: Span,
    descriptor: &'a DescriptorFormat,
}

impl From<NotInStructures<'_>> for Diagnostic {
    fn from(error: NotInStructures<'_>) -> Self {
        let NotInStructures { key, span, descriptor } = error;
        Diagnostic::new(format!("`{key}` does not apply to structures"), span, "")
            .secondary(descriptor.name.span, "a structure")
            .note("safe code sets the fields of a structure in bytes of its own")
            .help(format!("remove `{key}`, or write `format: memory`"))
    }
}

struct Split<'a> {
    field: &'a Name,
    bits: Spanned<Bits>,
    label: String,
    help: Option<&'static str>,
}

impl From<Split<'_>> for Diagnostic {
    fn from(error: Split<'_>) -> Self {
        let Split { field, bits, label, help } = error;
        let message = format!("field `{}` cannot have {}", field.value, bits.title());
        let diagnostic = Diagnostic::new(message, bits.span, label);
        match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for descriptor in &description.descriptors {
        if descriptor.format == Format::Structure {
            structure(descriptor, diagnostics);
            continue;
        }
        let keys = [
            ("tail", descriptor.tail.map(|tail| tail.span)),
            ("byte_order", descriptor.byte_order.map(|order| order.span)),
        ];
        for (key, span) in keys {
            if let Some(span) = span {
                diagnostics.report(OnlyInStructures { key, span, descriptor });
            }
        }
    }
}

fn structure(descriptor: &DescriptorFormat, diagnostics: &mut Diagnostics) {
    let required = descriptor.bits;
    if !required.value.is_multiple_of(8) || required.value == 0 || required.value > MAX_STRUCTURE {
        diagnostics.report(NotBytes { what: "a structure", width: required });
    }
    if let Some(tail) =
        descriptor.tail.filter(|tail| !tail.value.is_multiple_of(8) || descriptor.whole() > MAX_STRUCTURE)
    {
        diagnostics.report(NotBytes { what: "a tail", width: tail });
    }
    for (key, flag) in [("done", &descriptor.done), ("last", &descriptor.last), ("report", &descriptor.report)] {
        if let Some(flag) = flag {
            diagnostics.report(NotInStructures { key, span: flag.span, descriptor });
        }
    }
    for (name, field) in &descriptor.fields {
        if let Some(fixed) = field.fixed {
            diagnostics.report(NotInStructures { key: "fixed", span: fixed.span, descriptor });
        }
        if let Some(mark) = field.memory_safety {
            diagnostics.report(NotInStructures { key: "memory_safety", span: mark.span, descriptor });
        }
        place(descriptor, name, field, diagnostics);
    }
}

/// Checks the bits of one field.
fn place(descriptor: &DescriptorFormat, name: &Name, field: &Field, diagnostics: &mut Diagnostics) {
    let (bits, required) = (field.bits, descriptor.bits.value);
    let (first, last) = (bits.lsb / 8, bits.msb() / 8);
    let is_whole = bits.lsb.is_multiple_of(8) && bits.width.is_multiple_of(8);
    let split = |label: String, help| Split { field: name, bits, label, help };
    if bits.lsb < required && bits.msb() >= required {
        let label = format!("the part that is never missing ends with bit {}", required.saturating_sub(1));
        diagnostics.report(split(label, None));
    } else if last - first >= 8 {
        diagnostics.report(split(format!("spans {} bytes, and code reads 8 at most", last - first + 1), None));
    } else if descriptor.is_big_endian() && first != last && !is_whole {
        let help = "the bits count from the lowest one of the first byte: write whole bytes, or bits of one byte";
        diagnostics.report(split("is neither whole bytes nor inside one".to_owned(), Some(help)));
    }
}
