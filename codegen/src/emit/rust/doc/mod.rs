//! Documentation comments, made of texts that were not written for rustdoc.

mod bits;
mod diagrams;
mod escape;
mod facts;
mod pages;
mod uses;

use proc_macro2::TokenStream;
use quote::quote;

use crate::description::{Doubt, Erratum, Name};

pub use bits::field;
pub use diagrams::{addition_diagram, descriptor_diagram, register_diagram};
pub use escape::escape;
pub use facts::{Pairs, places};
pub use pages::{addition, descriptor, register};
pub use uses::function;

/// A documentation comment in the making.
struct Doc {
    lines: Vec<String>,
    /// The file that stands after the first line.
    diagram: Option<String>,
}

impl Doc {
    /// One that begins with `line`.
    fn new(line: impl Into<String>) -> Self {
        Self { lines: vec![line.into()], diagram: None }
    }

    /// Adds a paragraph of a text from the description.
    fn text(&mut self, text: &str) -> &mut Self {
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            self.paragraph(escape(paragraph));
        }
        self
    }

    fn paragraph(&mut self, line: impl Into<String>) {
        self.lines.push(String::new());
        self.lines.push(line.into());
    }

    /// Adds a list.
    fn list(&mut self, items: Vec<String>) {
        self.block(items.into_iter().map(|item| format!("- {item}")).collect());
    }

    /// Adds lines that belong together.
    fn block(&mut self, lines: Vec<String>) {
        self.lines.push(String::new());
        self.lines.extend(lines);
    }

    /// Adds where the chip or the datasheet is not to be trusted.
    fn caveats(&mut self, errata: &[Erratum], doubts: &[Doubt]) -> &mut Self {
        for Erratum { id, text } in errata {
            self.paragraph(format!("**Erratum:** {} (Source: {}.)", escape(text), escape(id)));
        }
        for Doubt { label, text } in doubts {
            self.paragraph(format!("**Doubt about the datasheet** ({}): {}", label.keyword(), escape(text)));
        }
        self
    }

    /// The attributes.
    fn tokens(&self) -> TokenStream {
        let mut lines = self.lines.iter().map(|line| if line.is_empty() { String::new() } else { format!(" {line}") });
        let first = lines.next();
        let diagram = self.diagram.as_deref().map(file);
        quote!(#[doc = #first] #diagram #(#[doc = #lines])*)
    }
}

/// A file as documentation. Only rustdoc reads it: a compiler has no use for it, and an editor cannot show it.
pub fn file(path: &str) -> TokenStream {
    quote!(#[cfg_attr(doc, doc = include_str!(#path))])
}

/// The documentation of a thing in a few words.
pub fn line(line: impl Into<String>) -> TokenStream {
    Doc::new(line).tokens()
}

/// Names by which the same is searched for.
pub fn aliases(names: &[Name], own: &str) -> TokenStream {
    let mut seen = vec![own];
    // The compiler refuses one that stands twice or that is the name itself.
    let aliases = names.iter().map(|name| name.as_str()).filter(|name| {
        let new = !seen.contains(name);
        seen.push(name);
        new
    });
    quote!(#(#[doc(alias = #aliases)])*)
}
