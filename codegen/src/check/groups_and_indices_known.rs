//! Every register's group and index is one that the description lists.

use super::{Unknown, keys};
use crate::description::Description;
use crate::diagnostic::Mistakes;

pub(super) fn check(description: &Description, mistakes: &mut Mistakes) {
    for register in &description.registers {
        if !description.groups.contains_key(register.group.as_str()) {
            mistakes.report(Unknown { what: "group", word: &register.group, known: keys(&description.groups) });
        }
        let index = register.array.as_ref().and_then(|array| array.index.as_ref());
        if let Some(word) = index.filter(|index| !description.indices.contains_key(index.as_str())) {
            mistakes.report(Unknown { what: "index", word, known: keys(&description.indices) });
        }
    }
}
