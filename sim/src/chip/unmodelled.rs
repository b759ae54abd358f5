//! Features that the model does not play.

use crate::chip::common::Common;
use crate::receive::ethertype::{self, ETQF, ETQF_FILTER_ENABLE, ETQS};
use crate::receive::five_tuple::{L34TIMIR, L34TIMIR_END, L34TIMIR_LLI};
use crate::receive::flow_director::{FDIRCMD, FDIRCMD_INT};
use crate::registers::offsets::{HLREG0, MTQC, RXCSUM, RXCSUM_PCSD, bit};
use crate::violation::Rule;

const RXCSUM_IPPCSE: u32 = bit(12);
const PFVTCTL: u32 = 0x051B0;
const ETQF_END: u32 = ETQF + ethertype::COUNT * 4;
/// UP-enable, Pool-enable and FCoE.
const ETQF_UNMODELLED: u32 = bit(19) | bit(26) | bit(27);
const ETQS_END: u32 = ETQS + ethertype::COUNT * 4;
const ETQS_LLI: u32 = bit(29);
const HLREG0_RXPADSTRIPEN: u32 = bit(28);

/// Records a violation if a write of `value` at `at` enables a feature that is not modelled.
pub(crate) fn note(at: u32, value: u32, common: &mut Common) {
    let unmodelled = match at {
        MTQC if value != 0 => "several transmit classes or pools",
        PFVTCTL if value & 1 != 0 => "virtualisation",
        // With PCSD, the hash takes their place in the descriptor.
        RXCSUM if value & (RXCSUM_IPPCSE | RXCSUM_PCSD) == RXCSUM_IPPCSE => "checksums of fragments",
        HLREG0 if value & HLREG0_RXPADSTRIPEN != 0 => "stripping of padding",
        ETQF..ETQF_END if value & ETQF_FILTER_ENABLE != 0 && value & ETQF_UNMODELLED != 0 => {
            "an EtherType filter with a priority or a pool, or for FCoE"
        }
        ETQS..ETQS_END if value & ETQS_LLI != 0 => "low latency interrupts",
        L34TIMIR..L34TIMIR_END if value & L34TIMIR_LLI != 0 => "low latency interrupts",
        FDIRCMD if value & FDIRCMD_INT != 0 => "low latency interrupts",
        _ => return,
    };
    common.violation(Rule::NotModelled, at, || format!("{unmodelled} ({value:#x})"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::assert_in_table;

    #[test]
    fn offsets_agree_with_the_generated_table() {
        assert_in_table(&[("PFVTCTL", PFVTCTL)]);
    }
}
