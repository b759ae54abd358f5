//! The registers of an added pair are in the first block, behind no window, and in no pair of the description.
//!
//! The methods of an extension are on the registers of the first block. The order of access to a pair is a rule of the
//! description, which another pair of the same registers could break.

use std::collections::HashMap;

use crate::description::extension::Extension;
use crate::description::{Description, Name, Pair};
use crate::diagnostic::{Diagnostic, Diagnostics};

use super::registers_by_name;

struct InOtherBlock<'a> {
    pair: &'a Pair,
    half: &'a Name,
    block: &'a Name,
}

impl From<InOtherBlock<'_>> for Diagnostic {
    fn from(error: InOtherBlock<'_>) -> Self {
        let InOtherBlock { pair, half, block } = error;
        let message = format!("pair `{}` is of registers in block `{}`", pair.name.value, block.value);
        Diagnostic::new(message, half.span, "in another block")
            .secondary(block.span, format!("`{}` is in block `{}`", half.value, block.value))
            .note("an extension can add pairs only of registers of the first block")
    }
}

struct BehindAWindow<'a> {
    pair: &'a Pair,
    half: &'a Name,
    window: &'a Name,
}

impl From<BehindAWindow<'_>> for Diagnostic {
    fn from(error: BehindAWindow<'_>) -> Self {
        let BehindAWindow { pair, half, window } = error;
        let message = format!("pair `{}` is of registers of window `{}`", pair.name.value, window.value);
        Diagnostic::new(message, half.span, "reached through the window alone")
            .secondary(window.span, "the window")
            .note("the type of the window is generated without the extension")
            .help("describe the pair in the description itself")
    }
}

struct Paired<'a> {
    pair: &'a Pair,
    half: &'a Name,
    described: &'a Pair,
}

impl From<Paired<'_>> for Diagnostic {
    fn from(error: Paired<'_>) -> Self {
        let Paired { pair, half, described } = error;
        let name = &described.name.value;
        let message = format!("pair `{}` has a register of pair `{name}`", pair.name.value);
        Diagnostic::new(message, half.span, format!("half of `{name}`"))
            .secondary(described.name.span, "first paired here")
            .note(format!("the description of `{name}` decides in which order its registers are accessed"))
            .help(format!("remove this pair, and use `{name}`"))
    }
}

pub(super) fn check(base: &Description, extension: &Extension, diagnostics: &mut Diagnostics) {
    let registers = registers_by_name(base);
    let halves = base.pairs.iter().flat_map(|pair| [(pair.low.as_str(), pair), (pair.high.as_str(), pair)]);
    let paired: HashMap<_, _> = halves.collect();
    for pair in &extension.pairs {
        let halves = || [&pair.low, &pair.high].into_iter();
        let block = |half: &Name| registers.get(half.as_str()).and_then(|register| register.block.as_ref());
        if let Some((half, block)) = halves().find_map(|half| Some((half, block(half)?))) {
            diagnostics.report(InOtherBlock { pair, half, block });
        } else if let Some((half, window)) = halves().find_map(|half| Some((half, base.window_of(half)?))) {
            diagnostics.report(BehindAWindow { pair, half, window: &window.name });
        } else if let Some((half, described)) = halves().find_map(|half| Some((half, *paired.get(half.as_str())?))) {
            diagnostics.report(Paired { pair, half, described });
        }
    }
}
