//! The group, the block and the index of every register are defined.

use super::{Unknown, keys};
use crate::description::Description;
use crate::diagnostic::Diagnostics;

pub(super) fn check(description: &Description, diagnostics: &mut Diagnostics) {
    for register in &description.registers {
        if !description.groups.contains_key(register.group.as_str()) {
            diagnostics.report(Unknown {
                what: "group",
                word: &register.group,
                known: keys(&description.groups, diagnostics),
            });
        }
        if let Some(word) = register.block.as_ref().filter(|block| !description.blocks.contains_key(block.as_str())) {
            diagnostics.report(Unknown { what: "block", word, known: keys(&description.blocks, diagnostics) });
        }
        let index = register.array.as_ref().and_then(|array| array.index.as_ref());
        if let Some(word) = index.filter(|index| !description.indices.contains_key(index.as_str())) {
            diagnostics.report(Unknown { what: "index", word, known: keys(&description.indices, diagnostics) });
        }
    }
}
