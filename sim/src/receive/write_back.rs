//! Writing a frame to the buffers of a receive queue, and the write-back of their descriptors (datasheet 7.1.5, 7.1.6).

use crate::chip::common::Common;
use crate::fault::Fault;
use crate::frame::address::{Cast, cast};
use crate::frame::checksum;
use crate::iommu::Access;
use crate::receive::queues::RxQueue;
use crate::receive::steering::Steered;
use crate::registers::offsets::{self, RDBAL};
use crate::violation::Rule;

/// Status and error bits of a write-back (7.1.6.2).
const DD: u64 = 1 << 0;
const EOP: u64 = 1 << 1;
const FLM: u64 = 1 << 2;
const VP: u64 = 1 << 3;
const PIF: u64 = 1 << 7;
const VEXT: u64 = 1 << 9;
const TS: u64 = 1 << 16;
const ALL_ERRORS: u64 = 0xFFF << 20;

/// The packet's data in the write-back of its last descriptor.
pub(crate) struct Report {
    /// The frame's length.
    len: usize,
    /// The first word of an advanced write-back.
    start: u64,
    /// The stripped VLAN tag.
    tag: Option<u16>,
    /// Status and error bits: checked and wrong checksums, Flow Director, and a destination of several hosts.
    status: u64,
}

impl Report {
    /// Reports a frame, with its hash if `hash_reported` is `true`.
    #[inline]
    pub(crate) fn new(frame: &[u8], steered: &Steered, hash_reported: bool, tag: Option<u16>, common: &Common) -> Self {
        let mut status = checksum::check(frame, &steered.headers) | steered.status;
        if !common.faults.none() && common.faults.has(Fault::RxUdpChecksumInvented) {
            status |= checksum::erratum_44(frame, &steered.headers);
        }
        // The 82598 sets PIF only for frames that passed an inexact filter. For the 82599, 7.1.6.2 has it set for all
        // but unicast.
        if cast(frame) != Cast::Unicast {
            status |= PIF;
        }
        let hash = if hash_reported { steered.hash } else { 0 };
        let start = u64::from(hash) << 32 | u64::from(steered.kind);
        Self { len: frame.len(), start, tag, status }
    }

    /// Reports that the packet has an outer VLAN tag, if it has one.
    pub(crate) fn set_outer_tag(&mut self, has_outer: bool) {
        self.status |= if has_outer { VEXT } else { 0 };
    }

    /// Reports that the packet has the time stamp, if it is `stamped`.
    pub(crate) fn set_stamped(&mut self, stamped: bool) {
        self.status |= if stamped { TS } else { 0 };
    }

    /// Returns `true` if a checksum of layer 3 or 4 is wrong.
    pub(crate) fn has_wrong_checksum(&self) -> bool {
        self.status & checksum::WRONG != 0
    }
}

impl RxQueue {
    /// Writes the bytes of a frame as queue `index`. Returns `true` if all buffers were written.
    #[inline]
    pub(crate) fn write_frame(
        &mut self,
        index: usize,
        bytes: &[u8],
        report: &Report,
        common: &mut Common,
        dma: &Access<'_>,
    ) -> bool {
        let mut written = true;
        let mut pieces = bytes.chunks(self.buffer_size.max(1)).peekable();
        while let Some(piece) = pieces.next() {
            let report = pieces.peek().is_none().then_some(report);
            written &= self.write_piece(index, piece, report, common, dma);
        }
        written
    }

    /// Writes one buffer and its descriptor as queue `index`, with the packet's `report` in the last one. Returns
    /// `true` if the buffer was written.
    #[inline]
    fn write_piece(
        &mut self,
        index: usize,
        piece: &[u8],
        report: Option<&Report>,
        common: &mut Common,
        dma: &Access<'_>,
    ) -> bool {
        let at = self.ring.head;
        let advanced = self.advanced;
        let Some((now, as_fetched)) = self.ring.fetch(at, dma) else {
            receive_fault(Rule::DmaOutsideMapping, index, common, || format!("descriptor {at} cannot be read"));
            return false;
        };
        let written = dma.write(now[0], piece, &mut self.buffer_hint);
        self.ring.head = self.ring.next(at);
        self.moved = true;
        let (start, tag, of_packet) = report.map_or((0, None, 0), |report| (report.start, report.tag, report.status));
        let mut status = DD | if report.is_some() { EOP } else { 0 } | if tag.is_some() { VP } else { 0 } | of_packet;
        let mut length = piece.len() as u64;
        let mut lost = false;
        if !common.faults.none() {
            lost = common.faults.has(Fault::RxWriteBackLost);
            if common.faults.has(Fault::RxNoEop) {
                status &= !EOP;
            }
            if common.faults.has(Fault::RxErrors) {
                status |= ALL_ERRORS;
            }
            length = common.faults.rx_length().map_or(length, u64::from);
            if let (Some(report), Some(deviation)) = (report, common.faults.deviation()) {
                length = deviation.rx_length(length, report.len);
            }
        }
        let tag = u64::from(tag.unwrap_or(0)) << 48;
        let words = match advanced {
            true => [start, status | length << 32 | tag],
            // The status byte starts at DD, and the error byte follows (7.1.5). A legacy status has no FLM.
            false => [now[0], length | (status & 0xFF & !FLM) << 32 | (status >> 24 & 0xFF) << 40 | tag],
        };
        let words = if common.faults.has(Fault::RxGarbage) { [u64::MAX; 2] } else { words };
        if !lost {
            self.ring.write_back(at, 0, words[0], dma);
            self.ring.write_back(at, 1, words[1], dma);
        }
        if now != as_fetched {
            receive_fault(Rule::DescriptorChanged, index, common, || {
                format!("descriptor {at} was {as_fetched:#x?} when given to the device and is now {now:#x?}")
            });
        }
        // The device writes the rest of a legacy descriptor's second word.
        let done = if advanced { now[1] & 1 } else { now[1] >> 32 & 1 };
        if done != 0 || now[0] == 0 {
            receive_fault(Rule::ReceiveDescriptorMalformed, index, common, || format!("descriptor {at} is {now:#x?}"));
        }
        if !written {
            let len = piece.len();
            receive_fault(Rule::DmaOutsideMapping, index, common, || {
                format!("descriptor {at}: {len} bytes at {:#x} are not mapped", now[0])
            });
        }
        written
    }
}

fn receive_fault(rule: Rule, queue: usize, common: &mut Common, detail: impl FnOnce() -> String) {
    common.violation(rule, offsets::rx(queue, RDBAL), || format!("receive queue {queue}: {}", detail()));
}
