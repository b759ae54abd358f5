//! A write changes reserved bits: they are written as zero and are one after a reset, or the reverse.
//!
//! An entry of `reserved_bits` says why.

use super::Lints;
use crate::description::{Description, Lint, Reserved};
use crate::diagnostic::Diagnostic;
use crate::rules::{self, Write};

pub(super) fn lint(description: &Description, lints: &mut Lints<'_>) {
    for described in &description.registers {
        let register = rules::register(description, described);
        let (Write::Stores, Some(reset)) = (register.write, register.reset) else { continue };
        for run in register.reserved.iter().filter(|run| run.why.is_none()) {
            let bits = u64::try_from(run.bits.mask()).unwrap_or(0) & register.reset_known;
            let (wrong, written) = match run.policy {
                Reserved::Preserve => continue,
                Reserved::Zero => (reset & bits, "zero"),
                Reserved::One => (!reset & bits, "one"),
            };
            if wrong != 0 {
                let name = &described.name.value;
                let message = format!("every write of `{name}` changes reserved {}", run.bits.title());
                let warning = Diagnostic::new(message, described.reset.span, "the value after a reset")
                    .secondary(described.name.span, format!("writes these bits as {written}"))
                    .help("correct the value after a reset, or give the bits a rule and the reason in `reserved_bits`");
                lints.report(Lint::ReservedReset, &[&described.allow], warning);
            }
        }
    }
}
