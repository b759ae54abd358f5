//! A text is `?`: somebody has still to read the datasheet.

use super::Lints;
use crate::description::{Allow, Description, Lint};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

const PLACEHOLDER: &str = "?";

pub(super) fn lint(description: &Description, lints: &mut Lints<'_>) {
    let none = Allow::default();
    let mut texts: Vec<(&Allow, Span, String, &str)> = Vec::new();
    let chip = (&none, description.chip.span);
    let datasheet = &description.datasheet;
    texts.extend([
        (chip.0, chip.1, "title of the chip".to_owned(), description.title.as_str()),
        (chip.0, chip.1, "document of the datasheet".to_owned(), datasheet.document.as_str()),
        (chip.0, chip.1, "revision of the datasheet".to_owned(), datasheet.revision.as_str()),
    ]);
    for (name, permission) in &description.permissions {
        texts.push((&none, name.span, format!("`doc` of permission `{}`", name.value), &permission.doc));
    }
    for (name, index) in &description.indices {
        texts.push((&none, name.span, format!("`doc` of index `{}`", name.value), &index.doc));
    }
    for one in &description.registers {
        let of = |key| format!("`{key}` of register `{}`", one.name.value);
        texts.push((&one.allow, one.name.span, of("title"), &one.title));
        texts.push((&one.allow, one.name.span, of("section"), &one.section));
    }
    for one in &description.descriptors {
        let of = |key| format!("`{key}` of descriptor `{}`", one.name.value);
        texts.push((&one.allow, one.name.span, of("title"), &one.title));
        texts.push((&one.allow, one.name.span, of("section"), &one.section));
    }
    for (allow, span, what, _) in texts.into_iter().filter(|(.., text)| text.trim() == PLACEHOLDER) {
        let warning =
            Diagnostic::new(format!("the {what} is `{PLACEHOLDER}`"), span, "left to be read in the datasheet");
        lints.report(Lint::Placeholder, &[allow], warning);
    }
}
