//! Reports of sent packets: the write-back of descriptors, or of a queue's head (datasheet 7.2.3.4).

use crate::chip::common::Common;
use crate::fault::Fault;
use crate::interrupts::Interrupts;
use crate::iommu::Access;
use crate::registers::offsets::{self, TDBAL};
use crate::transmit::gather::{DD, DEXT, Found, RS};
use crate::transmit::queues::TxQueue;
use crate::violation::Rule;

impl TxQueue {
    /// Moves the head behind a packet, and notes which of its descriptors request a report.
    pub(crate) fn complete(&mut self, found: &Found) {
        if found.report || self.write_back_threshold > 0 {
            let mut at = self.ring.head;
            for _ in 0..found.descriptors {
                if self.ring.as_fetched(at)[1] & RS != 0 {
                    self.pending.push(at);
                }
                at = self.ring.next(at);
            }
        }
        self.ring.head = self.ring.next(found.last);
    }

    /// Returns `true` if enough reports are pending to write them back.
    pub(crate) fn is_report_due(&self) -> bool {
        let pending = self.pending.len();
        pending > 0 && pending >= self.write_back_threshold
    }

    /// Performs the pending write-backs of queue `index`: the head, or DD in each descriptor with RS.
    pub(crate) fn report(&mut self, index: usize, common: &mut Common, interrupts: &mut Interrupts, dma: &Access<'_>) {
        let Self { ring, pending, .. } = self;
        let mut written = true;
        if common.faults.has(Fault::TxWriteBackLost) {
            pending.clear();
        } else if let Some(address) = self.head_write_back {
            pending.clear();
            written = dma.write_half(address, ring.head as u32, &mut 0);
        } else {
            for at in pending.drain(..) {
                let descriptor = ring.as_fetched(at);
                // A legacy descriptor keeps its words, an advanced one does not (7.2.3.2.4).
                let legacy = descriptor[1] & DEXT == 0;
                if !legacy {
                    ring.write_back(at, 0, 0, dma);
                }
                written &= ring.write_back(at, 1, if legacy { descriptor[1] | DD } else { DD }, dma);
            }
        }
        interrupts.queue_cause(index, true, common);
        if !written {
            let at = offsets::tx(index, TDBAL);
            common.violation(Rule::DmaOutsideMapping, at, || format!("transmit queue {index}: a write-back"));
        }
    }
}
