//! A window names an index register with its field, an index and registers, which exist and are in one block.

use std::collections::HashMap;

use super::{Unknown, keys, known, registers_by_name};
use crate::description::{Description, Name, Register, Window};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;

struct NoField<'a> {
    window: &'a Window,
}

impl From<NoField<'_>> for Diagnostic {
    fn from(error: NoField<'_>) -> Self {
        let Window { name, select, .. } = error.window;
        Diagnostic::new(
            format!("window `{}` does not name the field with the index", name.value),
            select.span,
            "names no field",
        )
        .help(format!("write the register and the field: `select: {}.FIELD`", select.value))
    }
}

struct ArrayOfIndices<'a> {
    select: &'a Name,
    selector: &'a Register,
}

impl From<ArrayOfIndices<'_>> for Diagnostic {
    fn from(error: ArrayOfIndices<'_>) -> Self {
        let ArrayOfIndices { select, selector } = error;
        let message = format!("`{}` is an array, which has no one index", selector.name.value);
        Diagnostic::new(message, select.span, "names an array").secondary(selector.name.span, "the array")
    }
}

struct OtherBlock<'a> {
    window: &'a Window,
    register: (&'a Name, &'a Register),
}

impl From<OtherBlock<'_>> for Diagnostic {
    fn from(error: OtherBlock<'_>) -> Self {
        let OtherBlock { window, register: (name, register) } = error;
        let place = register
            .block
            .as_ref()
            .map_or("in the first block".to_owned(), |block| format!("in block `{}`", block.value));
        let message = format!("window `{}` has registers of several blocks", window.name.value);
        Diagnostic::new(message, name.span, place)
            .secondary(window.select.span, "in another block")
            .note("one bus reaches both the index register and the registers behind it")
    }
}

struct NotOneIndex<'a> {
    window: &'a Window,
    label: &'static str,
}

impl From<NotOneIndex<'_>> for Diagnostic {
    fn from(error: NotOneIndex<'_>) -> Self {
        let NotOneIndex { window, label } = error;
        let message = format!("window `{}` needs either `index` or `count`", window.name.value);
        Diagnostic::new(message, window.name.span, label)
            .help("name an index under `index`, or give the number of indices under `count`")
    }
}

struct NoRegisters<'a> {
    window: &'a Window,
}

impl From<NoRegisters<'_>> for Diagnostic {
    fn from(error: NoRegisters<'_>) -> Self {
        let name = &error.window.name;
        Diagnostic::new(format!("no register is behind window `{}`", name.value), name.span, "`registers` is empty")
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let registers = registers_by_name(description);
    for window in &description.windows {
        let selector = selector(description, window, &registers, diagnostics);
        index(description, window, diagnostics);
        if window.registers.is_empty() {
            diagnostics.report(NoRegisters { window });
        }
        for name in &window.registers {
            match (registers.get(name.as_str()), selector) {
                (None, _) => unknown_register(description, name.as_str(), name.span, diagnostics),
                (Some(register), Some(selector)) if register.block != selector.block => {
                    diagnostics.report(OtherBlock { window, register: (name, register) });
                }
                _ => {}
            }
        }
        let commands = window.commands.iter().flat_map(|commands| [&commands.read, &commands.write, &commands.done]);
        for word in commands.flat_map(|values| values.keys()) {
            if let Some(selector) = selector.filter(|selector| !selector.fields.contains_key(word)) {
                let known = keys(&selector.fields, diagnostics);
                diagnostics.report(Unknown { what: "field", word, known });
            }
        }
    }
}

/// Returns the index register, after a check of `select`.
fn selector<'a>(
    description: &'a Description,
    window: &'a Window,
    registers: &HashMap<&str, &'a Register>,
    diagnostics: &mut Diagnostics,
) -> Option<&'a Register> {
    let select = &window.select;
    let Some((register, field)) = select.split_once('.') else {
        diagnostics.report(NoField { window });
        return None;
    };
    let Some(selector) = registers.get(register).copied() else {
        unknown_register(description, register, select.span, diagnostics);
        return None;
    };
    if !selector.fields.contains_key(field) {
        let word = &Name { value: field.to_owned(), span: select.span };
        let known = keys(&selector.fields, diagnostics);
        let message = format!("has the fields of `{}`", selector.name.value);
        let unknown = Diagnostic::from(Unknown { what: "field", word, known });
        diagnostics.report(unknown.secondary(selector.name.span, message));
    }
    if selector.array.is_some() {
        diagnostics.report(ArrayOfIndices { select, selector });
    }
    Some(selector)
}

fn unknown_register(description: &Description, register: &str, span: Span, diagnostics: &mut Diagnostics) {
    // A register that could not be read was reported, and is not missing.
    if description.registers.is_complete() {
        let word = &Name { value: register.to_owned(), span };
        let known = known(description.registers.iter().map(|register| register.name.as_str()), diagnostics);
        diagnostics.report(Unknown { what: "register", word, known });
    }
}

fn index(description: &Description, window: &Window, diagnostics: &mut Diagnostics) {
    match (&window.index, window.count) {
        (Some(_), Some(_)) => diagnostics.report(NotOneIndex { window, label: "has both" }),
        (None, None) => diagnostics.report(NotOneIndex { window, label: "has neither" }),
        (Some(index), None) if !description.indices.contains_key(index) => {
            let known = keys(&description.indices, diagnostics);
            diagnostics.report(Unknown { what: "index", word: index, known });
        }
        _ => {}
    }
}
