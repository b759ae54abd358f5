//! Output as Rust: two files for `include!` in a crate with the runtime, and the files that their documentation
//! includes.
//!
//! `tests/golden` has the output for a small description.

mod descriptors;
mod diagram;
mod doc;
mod extension;
mod fields;
mod imports;
mod index;
mod permissions;
mod registers;
mod table;
mod token;
mod windows;

use std::collections::HashSet;

use proc_macro2::{Group, TokenStream, TokenTree};

use crate::lower::{Additions, Map};
use crate::rust_name;

/// The options of generated code.
#[derive(Debug, Clone)]
pub struct Options {
    /// The path of the runtime. For an extension, the path of the extended crate, which has the runtime as module
    /// `runtime`.
    pub crate_path: String,
    /// `true` if the code extends the crate at that path.
    pub extends: bool,
    /// The type or trait with the methods of the registers.
    pub accessors: String,
    /// `true` if this is a part of a map, whose permissions and general rules are in another module.
    pub part: bool,
    /// `true` if the including crate has no prelude, and so no tool attributes.
    pub no_prelude: bool,
    /// The registers that functions of the crate access.
    pub uses: Vec<Use>,
}

/// A function and the registers that it accesses.
#[derive(Debug, Clone)]
pub struct Use {
    /// Its path from the root of the crate.
    pub function: String,
    /// The names of the registers.
    pub registers: Vec<String>,
}

impl Use {
    /// Reads the lines `function: REGISTER REGISTER` of a text.
    pub(crate) fn read(text: &str) -> Vec<Self> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let uses = lines.filter_map(|line| line.rsplit_once(": "));
        let uses = uses.map(|(function, registers)| Self {
            function: function.to_owned(),
            registers: registers.split_whitespace().map(str::to_owned).collect(),
        });
        uses.collect()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            crate_path: "::datasheet_runtime".to_owned(),
            extends: false,
            accessors: "Registers".to_owned(),
            part: false,
            no_prelude: false,
            uses: Vec::new(),
        }
    }
}

/// Generates the registers: types, fields, rules, methods and the table.
pub fn registers(map: &Map<'_>, options: &Options) -> String {
    let mut code = Code::new(options);
    code.push(permissions::permissions(map));
    code.push(registers::indices(&map.description.indices));
    code.push(permissions::permits(map));
    code.push_registers(map, registers::accessors(map, code.options));
    code.push(index::modules(None));
    code.finish(map, ("registers", &[]))
}

/// Generates the registers of a further block, for a module inside the one of the first block.
pub fn block(map: &Map<'_>, name: &str, options: &Options) -> String {
    let options = Options { part: true, ..options.clone() };
    let mut code = Code::new(&options);
    code.push(permissions::permits_of_each(map));
    code.push_registers(map, registers::accessors(map, code.options));
    code.push(index::modules(Some(name)));
    let indices = map.description.indices.keys();
    let mut elsewhere: Vec<_> =
        indices.flat_map(|name| [rust_name::type_name(name), rust_name::index_space(name)]).collect();
    elsewhere.push("permission".to_owned());
    code.finish(map, ("registers", &elsewhere))
}

/// Returns the files that the documentation of a block includes.
pub fn block_docs(map: &Map<'_>, name: &str) -> Vec<(String, String)> {
    let mut files = index::files(map, Some(name));
    files.extend(map.registers.iter().map(doc::register_diagram));
    files
}

/// Generates the formats of the DMA descriptors: types, fields and the table.
pub fn descriptors(map: &Map<'_>, options: &Options) -> String {
    let mut code = Code::new(options);
    for descriptor in &map.descriptors {
        code.push(descriptors::descriptor(descriptor));
    }
    code.push(table::descriptors(map));
    code.finish(map, ("registers", &[]))
}

/// Generates the additions of an extension to the registers.
pub fn additions(additions: &Additions<'_>, options: &Options) -> String {
    extension::additions(additions, &of_extension(additions, options))
}

/// Generates the additions of an extension to the descriptors.
pub fn descriptor_additions(additions: &Additions<'_>, options: &Options) -> String {
    extension::descriptor_additions(additions, &of_extension(additions, options))
}

fn of_extension(additions: &Additions<'_>, options: &Options) -> Options {
    let accessors = rust_name::added_registers(additions.extension);
    Options { accessors, part: true, extends: true, ..options.clone() }
}

/// Returns the files that the documentation of an extension includes.
pub fn additions_docs(additions: &Additions<'_>) -> Vec<(String, String)> {
    extension::docs(additions)
}

/// Returns the files that the documentation of both includes: relative paths, and texts.
pub fn docs(map: &Map<'_>, options: &Options) -> Vec<(String, String)> {
    let mut files = index::files(map, None);
    files.extend(options.uses.iter().map(|used| doc::function(map, used)));
    files.extend(map.registers.iter().map(doc::register_diagram));
    files.extend(map.descriptors.iter().map(doc::descriptor_diagram));
    files
}

/// Removes the attributes `#[diagnostic::...]`.
fn without_diagnostics(tokens: TokenStream) -> TokenStream {
    let is_diagnostic = |token: &TokenTree| match token {
        TokenTree::Group(group) => {
            group.stream().into_iter().next().is_some_and(|first| first.to_string() == "diagnostic")
        }
        _ => false,
    };
    let mut kept = Vec::new();
    for token in tokens {
        match token {
            // The `#` before it is removed, too.
            token if is_diagnostic(&token) => drop(kept.pop()),
            TokenTree::Group(group) => {
                kept.push(Group::new(group.delimiter(), without_diagnostics(group.stream())).into());
            }
            token => kept.push(token),
        }
    }
    kept.into_iter().collect()
}

/// Code under construction. Each piece is printed at once, because tokens need a hundred times the memory of text.
struct Code<'a> {
    options: &'a Options,
    text: String,
    words: HashSet<String>,
}

impl<'a> Code<'a> {
    fn new(options: &'a Options) -> Self {
        Self { options, text: String::new(), words: HashSet::new() }
    }

    /// Adds items.
    fn push(&mut self, items: TokenStream) {
        let items = if self.options.no_prelude { without_diagnostics(items) } else { items };
        imports::collect(items.clone(), &mut self.words);
        self.text += &print(items);
    }

    /// Adds the types of the registers.
    fn push_types(&mut self, map: &Map<'_>) {
        let pairs = doc::Pairs::of(map);
        for register in &map.registers {
            self.push(registers::register(map, &pairs, self.options, register));
        }
    }

    /// Adds the types of the registers, their `accessors`, and the table.
    fn push_registers(&mut self, map: &Map<'_>, accessors: TokenStream) {
        self.push_types(map);
        self.push(accessors);
        self.push(windows::windows(map, self.options));
        self.push(table::registers(map));
    }

    /// Returns the whole file. Some identifiers may be among the names in a module of the extended crate.
    fn finish(self, map: &Map<'_>, extended: (&str, &[String])) -> String {
        let title = map.description.title.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut text = format!("// {title}: generated from its description. Edit the description, not this file.\n");
        text +=
            "// SAFETY: each `unsafe` item states a fact of the description, which was checked during generation.\n";
        let imports = print(imports::of(&self.words, self.options, extended));
        let mut before = "";
        for line in imports.lines().chain(self.text.lines()) {
            // A documented item and the methods get a blank line before them. Documentation may continue after an
            // attribute, which may have several lines.
            let begins = line.starts_with("///") || line.starts_with("impl<'a, ");
            let documents = |line: &str| line.starts_with("///") || line.starts_with("#[") || line == ")]";
            if before.is_empty() || (begins && !documents(before)) {
                text.push('\n');
            }
            text += line;
            text.push('\n');
            before = line;
        }
        text
    }
}

fn print(items: TokenStream) -> String {
    match syn::parse2(items.clone()) {
        Ok(file) => prettyplease::unparse(&file),
        // The compiler reports the error with its location.
        Err(_) => format!("{items}\n"),
    }
}
