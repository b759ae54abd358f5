//! Features that the model does not play.

use crate::chip::common::Common;
use crate::receive::flow_director::FDIRCTRL;
use crate::registers::offsets::{CTRL_EXT, CTRL_EXT_EXTENDED_VLAN, HLREG0, MTQC, RXCSUM, bit};
use crate::violation::Rule;

const RXCSUM_IPPCSE: u32 = bit(12);
const PFVTCTL: u32 = 0x051B0;
const ETQF: u32 = 0x05128;
const ETQF_1588: u32 = bit(30);
const ETQF_ENABLE: u32 = bit(31);
const SYNQF: u32 = 0x0EC30;
/// Perfect-Match, Report-Status and Report-Status-always.
const FDIRCTRL_UNMODELLED: u32 = bit(4) | bit(5) | bit(7);
const FDIRDIP4M: u32 = 0x0EE3C;
const FDIRSIP4M: u32 = 0x0EE40;
const FDIRTCPM: u32 = 0x0EE44;
const FDIRUDPM: u32 = 0x0EE48;
const FDIRIP6M: u32 = 0x0EE74;
const FDIRM: u32 = 0x0EE70;
const HLREG0_RXPADSTRIPEN: u32 = bit(28);

/// Records a violation if a write of `value` at `at` enables a feature that is not modelled.
pub(crate) fn note(at: u32, value: u32, common: &mut Common) {
    let unmodelled = match at {
        MTQC if value != 0 => "several transmit classes or pools",
        PFVTCTL if value & 1 != 0 => "virtualisation",
        FDIRCTRL if value & FDIRCTRL_UNMODELLED != 0 => "perfect filters, or reports of Flow Director",
        FDIRDIP4M | FDIRSIP4M | FDIRTCPM | FDIRUDPM | FDIRIP6M | FDIRM if value != 0 => "masks of Flow Director",
        RXCSUM if value & RXCSUM_IPPCSE != 0 => "checksums of fragments",
        CTRL_EXT if value & CTRL_EXT_EXTENDED_VLAN != 0 => "double VLAN tags of received packets",
        SYNQF if value & 1 != 0 => "the filter for SYN packets",
        HLREG0 if value & HLREG0_RXPADSTRIPEN != 0 => "stripping of padding",
        _ if (ETQF..ETQF + 0x20).contains(&at) && value & (ETQF_ENABLE | ETQF_1588) == ETQF_ENABLE => {
            "filters by EtherType"
        }
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
        assert_in_table(&[
            ("PFVTCTL", PFVTCTL),
            ("ETQF", ETQF),
            ("SYNQF", SYNQF),
            ("FDIRDIP4M", FDIRDIP4M),
            ("FDIRSIP4M", FDIRSIP4M),
            ("FDIRTCPM", FDIRTCPM),
            ("FDIRUDPM", FDIRUDPM),
            ("FDIRIP6M", FDIRIP6M),
            ("FDIRM", FDIRM),
        ]);
    }
}
