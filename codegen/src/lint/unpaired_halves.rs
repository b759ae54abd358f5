//! Two neighbours look like the halves of one value, and are no pair.
//!
//! Every user then has to know in which order to access them.

use std::collections::{HashMap, HashSet};

use super::Lints;
use crate::description::{Description, Lint, Register};
use crate::diagnostic::Diagnostic;

/// The ends of the names of the halves, which digits may follow.
const HALVES: [(&str, &str); 3] = [("LOW", "HIGH"), ("LO", "HI"), ("L", "H")];

pub(super) fn lint(description: &Description, lints: &mut Lints<'_>) {
    let registers: HashMap<_, _> =
        description.registers.iter().map(|one| (one.name.to_ascii_uppercase(), one)).collect();
    let halves = description.pairs.iter().flat_map(|pair| [pair.low.as_str(), pair.high.as_str()]);
    let paired: HashSet<_> = halves.collect();
    for low in &description.registers {
        let name = low.name.to_ascii_uppercase();
        let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let (stem, number) = name.split_at(name.len() - digits);
        let other = |(end, other): &(&str, &str)| registers.get(&format!("{}{other}{number}", stem.strip_suffix(end)?));
        let Some(high) = HALVES.iter().find_map(other).filter(|high| are_neighbours(low, high)) else { continue };
        let is_paired = [low, high].iter().any(|half| paired.contains(half.name.as_str()));
        if !is_paired && description.window_of(&low.name).is_none_or(|window| window.commands.is_none()) {
            let (low_name, high_name) = (&low.name.value, &high.name.value);
            let message = format!("`{low_name}` and `{high_name}` look like one value, and are no pair");
            let warning = Diagnostic::new(message, high.name.span, "the high half")
                .secondary(low.name.span, "the low half")
                .help(format!("add it to `pairs`: `{{ name: ..., low: {low_name}, high: {high_name}, order: ... }}`"));
            lints.report(Lint::UnpairedHalves, &[&high.allow, &low.allow], warning);
        }
    }
}

/// Returns `true` if the high half follows the low one, for each element if they are arrays.
fn are_neighbours(low: &Register, high: &Register) -> bool {
    let bytes = u64::from(low.bits() / 8);
    let (ranges, others) = (low.ranges(), high.ranges());
    low.block == high.block
        && low.bits() == high.bits()
        && low.bits() <= 32
        && ranges.len() == others.len()
        && ranges
            .iter()
            .zip(&others)
            .all(|(low, high)| low.count == high.count && low.base.value.checked_add(bytes) == Some(high.base.value))
}
