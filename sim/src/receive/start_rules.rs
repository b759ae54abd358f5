//! Preconditions of enabling reception (datasheet 4.6.7), and the sizes of the packet buffers (4.6.11.3.4).

use crate::chip::Chip;
use crate::registers::offsets::{self, *};
use crate::violation::Rule;

/// The receive packet buffer in KB.
const RECEIVE_BUFFER: u32 = 512;
/// The transmit packet buffer in KB.
const TRANSMIT_BUFFER: u32 = 160;

impl Chip {
    /// Checks the rules when RXCTRL.RXEN becomes 1.
    pub(crate) fn check_receive_enable(&mut self) {
        if !self.startup.dma_init_seen && self.common.registers.get(RDRXCTL) & RDRXCTL_DMAIDONE == 0 {
            self.common.violation(Rule::DmaInitNotAwaited, RDRXCTL, || "DMAIDONE is 0".to_owned());
        } else if !self.startup.dma_init_seen {
            self.common.violation(Rule::DmaInitNotAwaited, RDRXCTL, || "DMAIDONE was not read as 1".to_owned());
        }
        let working: Vec<usize> = self.receiver.working().collect();
        if working.is_empty() {
            self.common
                .violation(Rule::ReceiveEnabledWithoutQueue, RXCTRL, || "no RXDCTL.ENABLE reads as 1".to_owned());
        }
        for queue in working {
            self.check_dca(queue);
        }
        self.check_receive_dma();
        self.check_filters();
        let sizes = (0..8).map(|n| self.common.registers.get(RXPBSIZE + n * 4) >> 10 & 0x3FF);
        let sizes: Vec<u32> = sizes.collect();
        let used = (0..8).find(|n| {
            let [size, threshold] = [RXPBSIZE + n * 4, FCRTH + n * 4].map(|at| self.common.registers.get(at));
            size >> 10 & 0x3FF != 0 && threshold >> 5 & 0x3FFF == 0
        });
        if let Some(buffer) = used {
            self.common.violation(Rule::FlowThresholdMissing, FCRTH, || format!("of packet buffer {buffer}"));
        }
        // Flow Director's table lies in the same memory.
        let filters = match self.common.registers.get(FDIRCTRL) & FDIRCTRL_PBALLOC {
            0 => 0,
            size => 32 << size,
        };
        // With MRQE 0 or 1, there is neither DCB nor virtualisation.
        let single = self.common.registers.get(MRQC) & 0xF <= 1;
        if let Some((rule, total)) = too_large(&sizes, RECEIVE_BUFFER - filters, single, Rule::ReceiveBufferTooLarge) {
            self.common.violation(rule, RXPBSIZE, || format!("{total} KB in all, and {filters} KB for Flow Director"));
        }
    }

    /// Checks that bit 12 is 0 in an enabled receive queue.
    pub(crate) fn check_dca(&mut self, queue: usize) {
        let at = offsets::rx(queue, DCA_RXCTRL);
        if self.common.registers.get(at) & DCA_RXCTRL_RESERVED != 0 {
            self.common.violation(Rule::DcaReservedBitSet, at, || format!("of receive queue {queue}"));
        }
    }

    fn check_receive_dma(&mut self) {
        let control = self.common.registers.get(RDRXCTL);
        let ones = RDRXCTL_RSCACKC | RDRXCTL_FCOE_WRFIX;
        if control & ones != ones || control & RDRXCTL_RSCFRSTSIZE != 0 {
            self.common.violation(Rule::ReceiveDmaNotPrepared, RDRXCTL, || format!("RDRXCTL is {control:#010x}"));
        }
        let mac = self.common.registers.get(HLREG0) & HLREG0_RXCRCSTRP != 0;
        if (control & RDRXCTL_CRCSTRIP != 0) != mac {
            self.common
                .violation(Rule::CrcStripMismatch, RDRXCTL, || format!("HLREG0.RXCRCSTRP is {mac}, CRCSTRIP is not"));
        }
    }

    /// Checks that software has written all tables of unknown value after a reset.
    fn check_filters(&mut self) {
        let tables = [(MTA, 128), (PFUTA, 128), (PFVLVF, 64), (PFVLVFB, 128), (MPSAR, 256)];
        for (base, count) in tables {
            self.check_written(Rule::FilterNotInitialised, base, 4, 0..count);
        }
        // Entry 0 comes from the EEPROM.
        self.check_written(Rule::AddressEntryNotCleared, RAH, 8, 1..128);
        if self.common.registers.get(VLNCTRL) & VLNCTRL_VFE != 0 {
            self.check_written(Rule::FilterNotInitialised, VFTA, 4, 0..128);
        }
        self.check_written(Rule::FiveTupleFilterUndefined, FTQF, 4, 0..128);
        let filter = (0..128).find(|n| {
            let at = FTQF + n * 4;
            self.common.registers.is_written(at) && self.common.registers.get(at) & FTQF_QUEUE_ENABLE != 0
        });
        if let Some(filter) = filter {
            self.common.violation(Rule::NotModelled, FTQF, || format!("five-tuple filter {filter} is enabled"));
        }
    }

    fn check_written(&mut self, rule: Rule, base: u32, stride: u32, range: std::ops::Range<u32>) {
        let missing = range.filter(|n| !self.common.registers.is_written(base + n * stride));
        let missing: Vec<u32> = missing.collect();
        if let Some(first) = missing.first() {
            let count = missing.len();
            self.common.violation(rule, base, || format!("{count} entries were never written, the first is {first}"));
        }
    }

    /// Checks the transmit packet buffers against 4.6.11.3.4 when a transmit queue is enabled.
    pub(crate) fn check_transmit_buffers(&mut self) {
        let sizes = [0, 1, 2, 3, 4, 5, 6, 7].map(|n| self.common.registers.get(TXPBSIZE + n * 4) >> 10 & 0x3FF);
        let single = self.common.registers.get(MTQC) == 0;
        if let Some((rule, total)) = too_large(&sizes, TRANSMIT_BUFFER, single, Rule::TransmitBufferTooLarge) {
            self.common.violation(rule, TXPBSIZE, || format!("{total} KB in all"));
        }
        let packet = self.longest_frame().div_ceil(1024) as u32;
        for (n, size) in (0..).zip(sizes) {
            let at = TXPBTHRESH + n * 4;
            let threshold = self.common.registers.get(at) & 0x3FF;
            if size > 0 && threshold + packet > size {
                self.common.violation(Rule::TransmitThresholdTooHigh, at, || {
                    format!("buffer {n} of {size} KB with a threshold of {threshold} KB has no room for {packet} KB")
                });
            }
        }
    }

    /// Returns the maximum frame length, with CRC but without VLAN tag.
    pub(crate) fn longest_frame(&self) -> usize {
        match self.common.registers.get(HLREG0) & HLREG0_JUMBOEN != 0 {
            true => (self.common.registers.get(MAXFRS) >> 16) as usize,
            false => 1518,
        }
    }
}

/// Returns the rule that packet buffers of these sizes in `memory` break, and their total size. If only a `single`
/// buffer is in use, excessive sizes of the others are merely a doubt.
fn too_large(sizes: &[u32], memory: u32, single: bool, rule: Rule) -> Option<(Rule, u32)> {
    let total = sizes.iter().sum();
    let unused = single && sizes.first().is_some_and(|first| *first <= memory);
    (total > memory).then_some((if unused { Rule::UnusedBufferSized } else { rule }, total))
}
