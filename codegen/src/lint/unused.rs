//! Nothing uses a group, an index, a permission or a block.

use std::collections::HashSet;

use super::Lints;
use crate::description::{Description, Lint, Name};
use crate::diagnostic::Diagnostic;
use crate::rules::write_in;

pub(super) fn lint(description: &Description, lints: &mut Lints<'_>) {
    let registers = &description.registers;
    let arrays = registers.iter().filter_map(|register| register.array.as_ref()?.index.as_ref());
    let windows = description.windows.iter().filter_map(|window| window.index.as_ref());
    let asked = registers.iter().filter_map(|register| register.write_in.as_deref());
    let asked: Vec<Name> = asked.chain([description.write_in.as_slice()]).flatten().cloned().collect();
    let groups = registers.iter().map(|register| register.group.as_str()).collect();
    let indices = arrays.chain(windows).map(|name| name.as_str()).collect();
    let blocks = registers.iter().filter_map(|register| register.block.as_ref()).map(|name| name.as_str()).collect();
    let permissions = write_in(description, &asked).effective.into_iter().collect();
    let mut report = |what: &str, how: &str, names: Vec<&Name>, used: HashSet<&str>| {
        for name in names.into_iter().filter(|name| !used.contains(name.as_str())) {
            let message = format!("{what} `{}` is not used", name.value);
            lints.report(Lint::Unused, &[], Diagnostic::new(message, name.span, how));
        }
    };
    report("group", "no register belongs to it", description.groups.keys().collect(), groups);
    report("index", "no array and no window has it", description.indices.keys().collect(), indices);
    report("block", "no register is in it", description.blocks.keys().collect(), blocks);
    report("permission", "it allows no write", description.permissions.keys().collect(), permissions);
}
