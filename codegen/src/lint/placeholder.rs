//! A text is `?`: somebody has still to read the datasheet.

use super::Lints;
use crate::description::{Allow, Description, Lint};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

const PLACEHOLDER: &str = "?";

/// Texts at one place: who allows it, the place, whose texts they are, and each with its key.
type Texts<'a> = (Option<&'a Allow>, Span, String, Vec<(&'a str, &'a str)>);

pub(super) fn lint(description: &Description, lints: &mut Lints<'_>) {
    let Description { chip, title, datasheet, permissions, indices, registers, descriptors, .. } = description;
    let of_chip = vec![
        ("title", title.as_str()),
        ("document", datasheet.document.as_str()),
        ("revision", datasheet.revision.as_str()),
    ];
    let mut texts: Vec<Texts<'_>> = vec![(None, chip.span, format!("chip `{}`", chip.value), of_chip)];
    texts.extend(
        permissions.iter().map(|(name, one)| {
            (None, name.span, format!("permission `{}`", name.value), vec![("doc", one.doc.as_str())])
        }),
    );
    texts.extend(
        indices
            .iter()
            .map(|(name, one)| (None, name.span, format!("index `{}`", name.value), vec![("doc", one.doc.as_str())])),
    );
    texts.extend(registers.iter().map(|one| {
        let texts = vec![("title", one.title.as_str()), ("section", one.section.as_str())];
        (Some(&one.allow), one.name.span, format!("register `{}`", one.name.value), texts)
    }));
    texts.extend(descriptors.iter().map(|one| {
        let texts = vec![("title", one.title.as_str()), ("section", one.section.as_str())];
        (Some(&one.allow), one.name.span, format!("descriptor `{}`", one.name.value), texts)
    }));
    for (allow, span, whose, texts) in texts {
        let open = texts.into_iter().filter(|(_, text)| text.trim() == PLACEHOLDER);
        let open: Vec<_> = open.map(|(key, _)| format!("`{key}`")).collect();
        if !open.is_empty() {
            let message = format!("{} of {whose} is `{PLACEHOLDER}`", open.join(" and "));
            let warning = Diagnostic::new(message, span, "left to be read in the datasheet");
            lints.report(Lint::Placeholder, allow.as_slice(), warning);
        }
    }
}
