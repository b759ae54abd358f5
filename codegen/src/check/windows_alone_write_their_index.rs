//! An index register holds nothing but the index and the commands of its window, which write it as a whole.
//!
//! A window is the only way to its index register. So nothing else could set a further field.

use std::collections::HashMap;

use super::registers_by_name;
use crate::description::{Access, Commands, Description, Field, Name, Named, Register, Window, ones};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};

struct FurtherField<'a> {
    window: &'a Window,
    selector: &'a Register,
    field: (&'a Name, &'a Field),
}

impl From<FurtherField<'_>> for Diagnostic {
    fn from(error: FurtherField<'_>) -> Self {
        let FurtherField { window, selector, field: (name, field) } = error;
        let message = format!("nothing could write field `{}` of index register `{}`", name.value, selector.name.value);
        Diagnostic::new(message, field.bits.span, "neither the index nor part of a command")
            .secondary(window.select.span, format!("window `{}` alone writes the register", window.name.value))
            .help("add the field to a command, or require a value with `required_values`")
    }
}

struct NotWritable<'a> {
    window: &'a Window,
    name: &'a str,
    span: Span,
}

impl From<NotWritable<'_>> for Diagnostic {
    fn from(error: NotWritable<'_>) -> Self {
        let NotWritable { window, name, span } = error;
        let message = format!("window `{}` cannot write field `{name}`", window.name.value);
        Diagnostic::new(message, span, "does not store what software writes")
    }
}

struct ResetUnknown<'a> {
    window: &'a Window,
    selector: &'a Register,
}

impl From<ResetUnknown<'_>> for Diagnostic {
    fn from(error: ResetUnknown<'_>) -> Self {
        let ResetUnknown { window, selector } = error;
        let message = format!("the reset value of index register `{}` is not known", selector.name.value);
        Diagnostic::new(message, selector.reset.span, "not known, or only in part")
            .secondary(window.select.span, "writes the register as a whole")
            .note("bits other than the index take their reset value")
    }
}

struct Useless<'a> {
    window: &'a Window,
    message: &'static str,
    span: Span,
    label: &'static str,
}

impl From<Useless<'_>> for Diagnostic {
    fn from(error: Useless<'_>) -> Self {
        let Useless { window, message, span, label } = error;
        Diagnostic::new(format!("the commands of window `{}` {message}", window.name.value), span, label)
    }
}

struct TooLarge<'a> {
    name: &'a Name,
    value: Spanned<u64>,
    field: &'a Field,
}

impl From<TooLarge<'_>> for Diagnostic {
    fn from(error: TooLarge<'_>) -> Self {
        let TooLarge { name, value, field } = error;
        let max = field.bits.max();
        let message = format!("field `{}` is never {}", name.value, value.value);
        Diagnostic::new(message, value.span, format!("greater than {max}"))
            .secondary(field.bits.span, format!("holds up to {max}"))
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let registers = registers_by_name(description);
    for window in &description.windows {
        let Some(selector) = registers.get(window.selector()).copied() else { continue };
        // `windows_name_registers` has reported an unknown field.
        let Some(field) = selector.fields.get(window.field()) else { continue };
        if !stores(selector, field) {
            diagnostics.report(NotWritable { window, name: window.field(), span: window.select.span });
        }
        let all = selector.reset.known().is_some()
            && selector.reset_known.is_none_or(|known| u128::from(known.value) == ones(selector.bits()));
        if !all {
            diagnostics.report(ResetUnknown { window, selector });
        }
        let in_commands = |name: &Name| {
            let mut commands = window.commands.iter().flat_map(lists);
            commands.any(|values| values.contains_key(name))
        };
        for field in &selector.fields {
            let (name, described) = field;
            let written = !matches!(selector.access_of(described), Access::ReadOnly | Access::ReadClears);
            let own = name.as_str() == window.field() || in_commands(name);
            if written && !own && !selector.required_values.contains_key(name) {
                diagnostics.report(FurtherField { window, selector, field });
            }
        }
        if let Some(commands) = &window.commands {
            self::commands(window, selector, commands, &registers, diagnostics);
        }
    }
}

fn commands(
    window: &Window,
    selector: &Register,
    commands: &Commands,
    registers: &HashMap<&str, &Register>,
    diagnostics: &mut Diagnostics,
) {
    let name = &window.name;
    let mut report = |message, span, label| diagnostics.report(Useless { window, message, span, label });
    if commands.read.is_empty() && commands.write.is_empty() {
        report("neither read nor write", name.span, "has neither `read` nor `write`");
    }
    if commands.done.is_empty() {
        report("never end", name.span, "`done` has no field");
    }
    if let Some(second) = window.registers.get(1) {
        report("transfer one register", second.span, "a second one");
    }
    for data in &window.registers {
        if registers.get(data.as_str()).is_some_and(|register| register.array.is_some()) {
            report("transfer one register", data.span, "an array");
        }
    }
    let unreadable = |access: &Spanned<Access>| {
        matches!(access.value, Access::WriteOnly | Access::ReadClears | Access::ReadOrWriteOneClears | Access::ReadSets)
    };
    if let Some(access) = selector.accesses().chain([selector.access]).find(unreadable) {
        report("cannot be waited for", access.span, "not readable without a side effect");
    }
    for (name, value) in lists(commands).into_iter().flatten() {
        if let Some(field) = selector.fields.get(name).filter(|field| value.value > field.bits.max()) {
            diagnostics.report(TooLarge { name, value: *value, field });
        }
    }
    for (word, _) in commands.read.iter().chain(&commands.write) {
        let Some(field) = selector.fields.get(word) else { continue };
        let is_index = word.as_str() == window.field();
        if is_index {
            diagnostics.report(Useless { window, message: "overwrite the index", span: word.span, label: "the index" });
        } else if !(stores(selector, field) || selector.access_of(field) == Access::WriteOneSets) {
            diagnostics.report(NotWritable { window, name: word.as_str(), span: word.span });
        }
    }
}

/// Returns `true` if software can give the field any value.
fn stores(selector: &Register, field: &Field) -> bool {
    let access = selector.access_of(field);
    matches!(access, Access::ReadWrite | Access::WriteOnly | Access::SelfClearing | Access::ReadSets)
}

fn lists(commands: &Commands) -> [&Named<Spanned<u64>>; 3] {
    [&commands.read, &commands.write, &commands.done]
}
