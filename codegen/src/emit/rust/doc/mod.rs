//! Documentation comments, generated from the texts of a description.

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
pub use diagrams::{addition_diagram, descriptor_addition_diagram, descriptor_diagram, register_diagram};
pub use escape::escape;
pub use facts::{Pairs, places};
pub use pages::{addition, descriptor, descriptor_addition, register, window};
pub use uses::function;

/// A documentation comment under construction.
struct Doc {
    lines: Vec<String>,
    /// The file to include after the first line.
    diagram: Option<String>,
}

impl Doc {
    /// Creates a comment with a first line.
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

    /// Adds a block of lines.
    fn block(&mut self, lines: Vec<String>) {
        self.lines.push(String::new());
        self.lines.extend(lines);
    }

    /// Adds the errata and the doubts.
    fn caveats(&mut self, errata: &[Erratum], doubts: &[Doubt]) -> &mut Self {
        for Erratum { id, text } in errata {
            self.paragraph(format!("**Erratum:** {} (Source: {}.)", escape(text), escape(id)));
        }
        for Doubt { label, text } in doubts {
            self.paragraph(format!("**Doubt about the datasheet** ({}): {}", label.keyword(), escape(text)));
        }
        self
    }

    /// Returns the attributes.
    fn tokens(&self) -> TokenStream {
        let mut lines = self.lines.iter().map(|line| if line.is_empty() { String::new() } else { format!(" {line}") });
        let first = lines.next();
        let diagram = self.diagram.as_deref().map(file);
        quote!(#[doc = #first] #diagram #(#[doc = #lines])*)
    }
}

/// Includes a file as documentation, for rustdoc only: a compiler does not need it, and an editor cannot show it.
pub fn file(path: &str) -> TokenStream {
    quote!(#[cfg_attr(doc, doc = include_str!(#path))])
}

/// Generates a documentation comment of one line.
pub fn line(line: impl Into<String>) -> TokenStream {
    Doc::new(line).tokens()
}

/// Generates search aliases.
pub fn aliases(names: &[Name], own: &str) -> TokenStream {
    let mut seen = vec![own];
    // The compiler rejects repeated aliases, and an alias equal to the name.
    let aliases = names.iter().map(|name| name.as_str()).filter(|name| {
        let new = !seen.contains(name);
        seen.push(name);
        new
    });
    quote!(#(#[doc(alias = #aliases)])*)
}
