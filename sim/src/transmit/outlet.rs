//! The way of a packet out of the chip: its segments, its offloads, padding, and the wire.

use crate::chip::common::Common;
use crate::fault::Fault;
use crate::frame::address::cast;
use crate::frame::crc::crc32;
use crate::frame::vlan::Types;
use crate::frame::{CRC, SHORTEST};
use crate::interrupts::Interrupts;
use crate::iommu::Access;
use crate::receive::Receiver;
use crate::registers::RegisterFile;
use crate::registers::offsets::*;
use crate::transmit::gather::Found;
use crate::transmit::segmentation::{FlagMasks, Segments};
use crate::violation::Rule;
use crate::wire::Wire;
use crate::{statistics, time};

/// The configuration of frames to send.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Format {
    /// The types of VLAN tags.
    pub(crate) tags: Types,
    /// `true` if short frames are padded.
    pad: bool,
    /// `true` if frames return to the receive side instead of the wire.
    pub(crate) loopback: bool,
}

impl Format {
    pub(crate) fn new(registers: &RegisterFile) -> Self {
        let mac = registers.get(HLREG0);
        let control = registers.get(DMATXCTL);
        let outer = (control & DMATXCTL_GDV != 0).then(|| (registers.get(EXVET) >> 16) as u16);
        let tags = Types { inner: (control >> 16) as u16, outer };
        Self { tags, pad: mac & HLREG0_TXPADEN != 0, loopback: mac & HLREG0_LPBK != 0 }
    }
}

/// The wire, with what else a packet meets on its way out.
pub(crate) struct Outlet<'a, 'b> {
    pub(crate) wire: &'a mut dyn Wire,
    /// Number of frames that the wire still takes.
    pub(crate) room: usize,
    pub(crate) format: Format,
    /// Scratch memory for a segment of a packet.
    pub(crate) piece: &'a mut Vec<u8>,
    /// The receive side, for loopback.
    pub(crate) receiver: &'a mut Receiver,
    pub(crate) interrupts: &'a mut Interrupts,
    pub(crate) dma: &'a Access<'b>,
}

impl Outlet<'_, '_> {
    /// Sends a packet of queue `index`, in segments if requested.
    #[inline]
    pub(crate) fn send(&mut self, index: usize, packet: &mut Vec<u8>, found: &Found, common: &mut Common) {
        if packet.is_empty() || found.lost {
            return;
        }
        if found.has_crc && !take_crc(packet) {
            // The link partner drops a frame with a wrong CRC, and a wire carries only frames that arrive.
            common.counters.transmit_dropped += 1;
            return;
        }
        if found.offload.stamp {
            // With segmentation, which frame is stamped is not documented: the model stamps the first.
            time::stamp_sent(common);
        }
        let tags = self.format.tags;
        let wrong = common.faults.has(Fault::TxChecksumsWrong);
        let Some(context) = found.offload.segments() else {
            found.offload.apply(packet, tags, None, wrong);
            self.send_frame(index, packet, common);
            return;
        };
        let (low, high) = (common.registers.get(DTXTCPFLGL), common.registers.get(DTXTCPFLGH));
        let masks = FlagMasks { first: low as u16, middle: (low >> 16) as u16, last: high as u16 };
        let stuck = common.faults.has(Fault::TxSegmentsWrong);
        let Some(mut segments) = Segments::new(packet, context, masks, stuck) else { return };
        let mut piece = std::mem::take(self.piece);
        while let Some(transport) = segments.next(&mut piece) {
            found.offload.apply(&mut piece, tags, Some(transport), wrong);
            self.send_frame(index, &mut piece, common);
        }
        *self.piece = piece;
    }

    /// Sends a frame unchanged, except for padding.
    #[inline]
    fn send_frame(&mut self, index: usize, frame: &mut Vec<u8>, common: &mut Common) {
        let (len, may_pad) = common.faults.deviation().map_or((frame.len(), true), |it| it.sent(frame.len()));
        frame.truncate(len);
        if frame.len() < SHORTEST {
            if self.format.pad && may_pad {
                frame.resize(SHORTEST, 0);
            } else if may_pad {
                common.violation(Rule::TransmitTooShort, HLREG0, || format!("a packet of {len} bytes"));
            }
        }
        if !self.receiver.switch(index, frame, common, self.dma) {
            return;
        }
        statistics::count_sent(&mut common.registers, index, frame.len(), cast(frame));
        common.counters.transmitted += 1;
        common.counters.transmitted_bytes += frame.len() as u64;
        self.room = self.room.saturating_sub(1);
        if self.format.loopback {
            self.receiver.arrive(frame, common, self.interrupts, self.dma);
        } else {
            self.wire.transmit(frame);
        }
    }
}

/// Removes the CRC from the end of a frame that includes one. Returns `true` if the CRC was correct.
fn take_crc(frame: &mut Vec<u8>) -> bool {
    let Some((bytes, crc)) = frame.split_last_chunk::<CRC>() else { return false };
    let right = crc32(bytes).to_le_bytes() == *crc;
    frame.truncate(frame.len() - CRC);
    right
}
