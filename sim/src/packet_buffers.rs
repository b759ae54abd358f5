//! The sizes of the packet buffers (datasheet 4.6.11.3.4).

use crate::chip::common::Common;
use crate::frame::longest_allowed;
use crate::pause;
use crate::receive::flow_director;
use crate::registers::offsets::*;
use crate::violation::Rule;

/// The receive packet buffer in KB.
const RECEIVE: u32 = 512;
/// The transmit packet buffer in KB.
const TRANSMIT: u32 = 160;

/// Checks the receive packet buffers when reception is enabled.
pub(crate) fn check_receive(common: &mut Common) {
    let registers = &common.registers;
    let sizes = sizes(RXPBSIZE, common);
    let used = (0..8).find(|n| {
        let [size, threshold] = [RXPBSIZE + n * 4, FCRTH + n * 4].map(|at| registers.get(at));
        size >> 10 & 0x3FF != 0 && threshold >> 5 & 0x3FFF == 0
    });
    // Flow Director's table lies in the same memory.
    let filters = flow_director::memory(registers);
    // With MRQE 0 or 1, there is neither DCB nor virtualisation.
    let single = registers.get(MRQC) & 0xF <= 1;
    if let Some(buffer) = used {
        common.violation(Rule::FlowThresholdMissing, FCRTH, || format!("of packet buffer {buffer}"));
    }
    pause::check(common);
    if let Some((rule, total)) = too_large(&sizes, RECEIVE - filters, single, Rule::ReceiveBufferTooLarge) {
        common.violation(rule, RXPBSIZE, || format!("{total} KB in all, and {filters} KB for Flow Director"));
    }
}

/// Checks the transmit packet buffers when a transmit queue is enabled.
pub(crate) fn check_transmit(common: &mut Common) {
    let sizes = sizes(TXPBSIZE, common);
    let single = common.registers.get(MTQC) == 0;
    if let Some((rule, total)) = too_large(&sizes, TRANSMIT, single, Rule::TransmitBufferTooLarge) {
        common.violation(rule, TXPBSIZE, || format!("{total} KB in all"));
    }
    let packet = longest_allowed(&common.registers).div_ceil(1024) as u32;
    for (n, size) in (0..).zip(sizes) {
        let at = TXPBTHRESH + n * 4;
        let threshold = common.registers.get(at) & 0x3FF;
        if size > 0 && threshold + packet > size {
            common.violation(Rule::TransmitThresholdTooHigh, at, || {
                format!("buffer {n} of {size} KB with a threshold of {threshold} KB has no room for {packet} KB")
            });
        }
    }
}

/// Returns the sizes in KB of the eight buffers whose registers begin at `first`.
fn sizes(first: u32, common: &Common) -> [u32; 8] {
    [0, 1, 2, 3, 4, 5, 6, 7].map(|n| common.registers.get(first + n * 4) >> 10 & 0x3FF)
}

/// Returns the rule that packet buffers of these sizes in `memory` break, and their total size. If only a `single`
/// buffer is in use, excessive sizes of the others are merely a doubt.
fn too_large(sizes: &[u32], memory: u32, single: bool, rule: Rule) -> Option<(Rule, u32)> {
    let total = sizes.iter().sum();
    let unused = single && sizes.first().is_some_and(|first| *first <= memory);
    (total > memory).then_some((if unused { Rule::UnusedBufferSized } else { rule }, total))
}
