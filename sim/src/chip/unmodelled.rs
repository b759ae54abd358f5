//! Features that the model does not play.

use crate::chip::common::Common;
use crate::registers::offsets::*;
use crate::violation::Rule;

/// Records a violation if a write of `value` at `at` enables a feature that is not modelled.
pub(crate) fn note(at: u32, value: u32, common: &mut Common) {
    let unmodelled = match at {
        MTQC if value != 0 => "several transmit classes or pools",
        PFVTCTL if value & 1 != 0 => "virtualisation",
        FDIRCTRL if value & FDIRCTRL_UNMODELLED != 0 => "perfect filters, or reports of Flow Director",
        FDIRDIP4M | FDIRSIP4M | FDIRTCPM | FDIRUDPM | FDIRIP6M | FDIRM if value != 0 => "masks of Flow Director",
        RXCSUM if value & RXCSUM_IPPCSE != 0 => "checksums of fragments",
        DMATXCTL if value & DMATXCTL_GDV != 0 => "double VLAN tags",
        TSYNCRXCTL | TSYNCTXCTL if value & TSYNC_EN != 0 => "time stamps",
        TIMINCA if value != 0 => "the clock of time stamps",
        SYNQF if value & 1 != 0 => "the filter for SYN packets",
        HLREG0 if value & HLREG0_RXPADSTRIPEN != 0 => "stripping of padding",
        _ if (ETQF..ETQF + 0x20).contains(&at) && value & bit(31) != 0 => "filters by EtherType",
        _ => return,
    };
    common.violation(Rule::NotModelled, at, || format!("{unmodelled} ({value:#x})"));
}
