//! Preconditions of enabling reception (datasheet 4.6.7).

use std::ops::Range;

use crate::chip::common::Common;
use crate::packet_buffers;
use crate::registers::offsets::{self, *};
use crate::violation::Rule;

/// Checks the rules when RXCTRL.RXEN becomes 1, with the enabled queues. `dma_init_seen` is `true` if software has read
/// RDRXCTL.DMAIDONE as 1.
pub(crate) fn check(working: &[usize], dma_init_seen: bool, common: &mut Common) {
    if !dma_init_seen && common.registers.get(RDRXCTL) & RDRXCTL_DMAIDONE == 0 {
        common.violation(Rule::DmaInitNotAwaited, RDRXCTL, || "DMAIDONE is 0".to_owned());
    } else if !dma_init_seen {
        common.violation(Rule::DmaInitNotAwaited, RDRXCTL, || "DMAIDONE was not read as 1".to_owned());
    }
    if working.is_empty() {
        common.violation(Rule::ReceiveEnabledWithoutQueue, RXCTRL, || "no RXDCTL.ENABLE reads as 1".to_owned());
    }
    for &queue in working {
        check_dca(queue, common);
    }
    check_dma(common);
    check_filters(common);
    packet_buffers::check_receive(common);
}

/// Checks that bit 12 is 0 in an enabled receive queue.
pub(crate) fn check_dca(queue: usize, common: &mut Common) {
    let at = offsets::rx(queue, DCA_RXCTRL);
    if common.registers.get(at) & DCA_RXCTRL_RESERVED != 0 {
        common.violation(Rule::DcaReservedBitSet, at, || format!("of receive queue {queue}"));
    }
}

fn check_dma(common: &mut Common) {
    let control = common.registers.get(RDRXCTL);
    let ones = RDRXCTL_RSCACKC | RDRXCTL_FCOE_WRFIX;
    if control & ones != ones || control & RDRXCTL_RSCFRSTSIZE != 0 {
        common.violation(Rule::ReceiveDmaNotPrepared, RDRXCTL, || format!("RDRXCTL is {control:#010x}"));
    }
    let mac = common.registers.get(HLREG0) & HLREG0_RXCRCSTRP != 0;
    if (control & RDRXCTL_CRCSTRIP != 0) != mac {
        common.violation(Rule::CrcStripMismatch, RDRXCTL, || format!("HLREG0.RXCRCSTRP is {mac}, CRCSTRIP is not"));
    }
}

/// Checks that software has written all tables of unknown value after a reset.
fn check_filters(common: &mut Common) {
    let tables = [(MTA, 128), (PFUTA, 128), (PFVLVF, 64), (PFVLVFB, 128), (MPSAR, 256)];
    for (base, count) in tables {
        check_written(Rule::FilterNotInitialised, base, 4, 0..count, common);
    }
    // Entry 0 comes from the EEPROM.
    check_written(Rule::AddressEntryNotCleared, RAH, 8, 1..128, common);
    if common.registers.get(VLNCTRL) & VLNCTRL_VFE != 0 {
        check_written(Rule::FilterNotInitialised, VFTA, 4, 0..128, common);
    }
    check_written(Rule::FiveTupleFilterUndefined, FTQF, 4, 0..128, common);
}

fn check_written(rule: Rule, base: u32, stride: u32, range: Range<u32>, common: &mut Common) {
    let missing = range.filter(|n| !common.registers.is_written(base + n * stride));
    let missing: Vec<u32> = missing.collect();
    if let Some(first) = missing.first() {
        let count = missing.len();
        common.violation(rule, base, || format!("{count} entries were never written, the first is {first}"));
    }
}
