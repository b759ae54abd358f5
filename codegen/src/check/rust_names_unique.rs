//! Rust names are unique, and none is a name that generated code uses itself.

use std::collections::HashMap;

use crate::description::extension::Extension;
use crate::description::{Description, Name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::rust_name;

struct SameName<'a> {
    what: &'a str,
    rust: &'a str,
    first: &'a Name,
    second: &'a Name,
}

impl From<SameName<'_>> for Diagnostic {
    fn from(error: SameName<'_>) -> Self {
        let SameName { what, rust, first, second } = error;
        let message = format!("`{}` and `{}` get the same {what} in Rust, `{rust}`", first.value, second.value);
        let label = format!("becomes `{rust}`");
        Diagnostic::new(message, second.span, label.clone()).secondary(first.span, label)
    }
}

struct Taken<'a> {
    what: &'a str,
    rust: &'a str,
    name: &'a Name,
}

impl From<Taken<'_>> for Diagnostic {
    fn from(error: Taken<'_>) -> Self {
        let Taken { what, rust, name } = error;
        let message = format!("`{}` gets a Rust name that is reserved", name.value);
        let other = format!("`{}_`", name.value);
        let diagnostic = Diagnostic::new(message, name.span, format!("becomes `{rust}`"))
            .note(format!("generated code has a {what} `{rust}` of its own"));
        match what {
            "constant" => diagnostic
                .help(format!("choose another key, such as {other}, and give the datasheet's spelling under `name`")),
            _ => diagnostic.help(format!("choose another name, such as {other}")),
        }
    }
}

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    let registers = || description.registers.iter().map(|register| &register.name);
    let mut names = Names { diagnostics };

    let spaces = description.indices.keys().map(|name| (name, rust_name::index_space(name)));
    let types = registers().chain(description.indices.keys()).map(|name| (name, rust_name::type_name(name)));
    let windows = || description.windows.iter().map(|window| &window.name);
    let views = windows().map(|name| (name, rust_name::window(name)));
    let views = views.chain(windows().map(|name| (name, rust_name::window_registers(name))));
    names.unique("type", types.chain(spaces).chain(views), rust_name::TAKEN_TYPES);
    names.unique("field", windows().map(|name| (name, rust_name::module(name))), &[]);

    names.apart("type", registers(), description.indices.keys(), rust_name::type_name);

    let permissions = description.permissions.keys().map(|name| (name, rust_name::type_name(name)));
    names.unique("type", permissions, rust_name::TAKEN_TYPES);

    let pairs = description.pairs.iter().map(|pair| &pair.name);
    let methods = registers().chain(pairs).map(|name| (name, rust_name::method(name)));
    names.unique("method", methods, rust_name::TAKEN_METHODS);

    let modules = description.registers.iter().filter(|register| register.has_values());
    let modules = modules.map(|register| (&register.name, rust_name::method(&register.name)));
    // The code of a block is in a module. The enumerations of each register have one in the same scope.
    let modules = modules.chain(description.blocks.keys().map(|name| (name, name.value.clone())));
    names.unique("module", modules, rust_name::TAKEN_MODULES);

    let enumerated = description.registers.iter().filter(|register| register.has_values());
    let enumerated = enumerated.map(|register| &register.name);
    names.apart("module", enumerated, description.blocks.keys(), rust_name::method);

    let descriptors =
        || description.descriptors.iter().map(|one| (&one.name, rust_name::descriptor(&one.name, one.format)));
    names.unique("type", descriptors(), rust_name::TAKEN_TYPES);
    names.unique("module", descriptors().map(|(name, rust)| (name, rust_name::module(&rust))), &[]);

    for layout in super::layouts(description) {
        let fields = layout.fields.keys().map(|name| (name, rust_name::constant(name)));
        names.unique("constant", fields, rust_name::TAKEN_CONSTANTS);
        let enumerated = layout.fields.iter().filter(|(_, field)| !field.values.is_empty());
        let types = enumerated.map(|(name, _)| (name, rust_name::type_name(name)));
        names.unique("type", types, rust_name::TAKEN_TYPES);
        for field in layout.fields.values() {
            names.unique("variant", field.values.keys().map(|name| (name, rust_name::type_name(name))), &[]);
        }
    }
}

/// Checks the traits of an extension. They share a scope with the types of the extension and of the description.
pub(super) fn check_extension(whole: &Description, extension: &Extension, diagnostics: &mut Diagnostics) {
    let mut names = Names { diagnostics };
    // `check` has reported reserved names.
    let free = |(_, rust): &(&Name, String)| !rust_name::TAKEN_TYPES.contains(&rust.as_str());

    let accessors = std::iter::once((&extension.extension, rust_name::added_registers(extension)));
    let names_of_types = whole.registers.iter().map(|register| &register.name).chain(whole.indices.keys());
    let types = names_of_types.map(|name| (name, rust_name::type_name(name)));
    let spaces = whole.indices.keys().map(|name| (name, rust_name::index_space(name)));
    let added = extension.additions.keys().map(|name| (name, rust_name::added_fields(extension, name)));
    names.unique(
        "trait or type",
        types.chain(spaces).filter(free).chain(accessors).chain(added),
        rust_name::TAKEN_TYPES,
    );

    let types = whole.descriptors.iter().map(|one| (&one.name, rust_name::descriptor(&one.name, one.format)));
    let added = extension.descriptor_additions.keys().map(|name| (name, rust_name::added_fields(extension, name)));
    names.unique("trait or type", types.filter(free).chain(added), rust_name::TAKEN_TYPES);
}

struct Names<'m> {
    diagnostics: &'m mut Diagnostics,
}

impl Names<'_> {
    /// Reports names that are in both lists, which `names_unique` allows.
    fn apart<'a>(
        &mut self,
        what: &str,
        names: impl Iterator<Item = &'a Name>,
        others: impl Iterator<Item = &'a Name>,
        rust: fn(&str) -> String,
    ) {
        let others: HashMap<&str, &Name> = others.map(|other| (other.as_str(), other)).collect();
        for name in names {
            if let Some(other) = others.get(name.as_str()) {
                self.diagnostics.report(SameName { what, rust: &rust(name), first: other, second: name });
            }
        }
    }

    fn unique<'a>(&mut self, what: &str, names: impl Iterator<Item = (&'a Name, String)>, taken: &[&str]) {
        let mut seen: HashMap<String, &Name> = HashMap::new();
        for (name, rust) in names {
            if taken.contains(&rust.as_str()) {
                self.diagnostics.report(Taken { what, rust: &rust, name });
            }
            match seen.get(&rust) {
                // `names_unique` reports a name that the description has twice.
                Some(first) if first.value != name.value => {
                    self.diagnostics.report(SameName { what, rust: &rust, first, second: name });
                }
                Some(_) => {}
                None => {
                    seen.insert(rust, name);
                }
            }
        }
    }
}
