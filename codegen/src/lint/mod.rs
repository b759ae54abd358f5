//! Lints of a description without errors: what is probably wrong, or hard to use.
//!
//! Each file is one lint, with its name. A lint warns; the author of a description can allow it, with a reason, for the
//! file, a register, a descriptor or a field.

mod no_fields;
mod placeholder;
mod reserved_reset;
mod undocumented;
mod unmarked_address;
mod unnamed_value;
mod unpaired_halves;
mod unused;

use std::collections::HashSet;

use crate::check::{Checked, Extended};
use crate::description::{Allow, Description, Field, Lint, Name, Named};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;

const PASSES: &[fn(&Description, &mut Lints<'_>)] = &[
    undocumented::lint,
    placeholder::lint,
    unused::lint,
    no_fields::lint,
    unnamed_value::lint,
    reserved_reset::lint,
    unmarked_address::lint,
    unpaired_halves::lint,
];

/// Returns the warnings about a description, which has the span of every value.
pub fn lint(description: &Checked) -> Diagnostics {
    run(description, &description.allow, 0)
}

/// Returns the warnings about an extension, whose spans begin at `start`, and none about what it extends.
pub fn lint_extension(extended: &Extended, start: usize) -> Diagnostics {
    run(&extended.whole, &extended.extension.allow, start)
}

fn run(description: &Description, allow: &Allow, start: usize) -> Diagnostics {
    let mut lints = Lints::of(allow, start);
    for pass in PASSES {
        pass(description, &mut lints);
    }
    lints.report_unused(allows(description).chain([allow]).flat_map(Named::keys).collect());
    lints.warnings
}

/// Returns what registers, descriptors and fields allow.
fn allows(description: &Description) -> impl Iterator<Item = &Allow> {
    let registers = description.registers.iter().map(|one| (&one.allow, &one.fields));
    let descriptors = description.descriptors.iter().map(|one| (&one.allow, &one.fields));
    let owners = registers.chain(descriptors);
    owners.flat_map(|(allow, fields)| std::iter::once(allow).chain(fields.values().map(|field| &field.allow)))
}

/// A register or a descriptor: what has fields, and can allow lints.
struct Owner<'a> {
    kind: &'static str,
    name: &'a Name,
    allow: &'a Allow,
    fields: &'a Named<Field>,
}

fn owners(description: &Description) -> impl Iterator<Item = Owner<'_>> {
    let registers = description.registers.iter().map(|register| Owner {
        kind: "register",
        name: &register.name,
        allow: &register.allow,
        fields: &register.fields,
    });
    let descriptors = description.descriptors.iter().map(|descriptor| Owner {
        kind: "descriptor",
        name: &descriptor.name,
        allow: &descriptor.allow,
        fields: &descriptor.fields,
    });
    registers.chain(descriptors)
}

/// The warnings so far.
struct Lints<'a> {
    /// What the whole file allows.
    file: &'a Allow,
    /// The first position of the file. Another file is another author's.
    start: usize,
    warnings: Diagnostics,
    /// The places that a lint has warned about. Registers that share a field share its places.
    seen: HashSet<(Lint, Span)>,
    /// The places of the entries of `allow` that have allowed something.
    used: HashSet<Span>,
}

impl<'a> Lints<'a> {
    fn of(file: &'a Allow, start: usize) -> Self {
        Self { file, start, warnings: Diagnostics::default(), seen: HashSet::new(), used: HashSet::new() }
    }

    /// Reports a warning, unless one of `allows` or the file allows it.
    fn report(&mut self, lint: Lint, allows: &[&Allow], warning: impl Into<Diagnostic>) {
        let warning = warning.into();
        let span = warning.primary_span();
        if span.start < self.start {
            return;
        }
        let allowed = allows.iter().copied().chain([self.file]).find_map(|allow| allow.get_key_value(lint.name()));
        if let Some((key, _)) = allowed {
            self.used.insert(key.span);
        } else if self.seen.insert((lint, span)) {
            self.warnings.report(warning.lint(lint.name()));
        }
    }

    /// Reports the keys of `allow` that have allowed nothing.
    fn report_unused(&mut self, keys: Vec<&Name>) {
        // The last keys to be used are those that allow this lint.
        let (last, keys): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.as_str() == Lint::UnusedAllow.name());
        for key in keys.into_iter().chain(last) {
            if !self.used.contains(&key.span) {
                let message = format!("this `allow` of `{}` allows nothing", key.value);
                let warning = Diagnostic::new(message, key.span, "no such warning here").help("remove it");
                self.report(Lint::UnusedAllow, &[], warning);
            }
        }
    }
}
