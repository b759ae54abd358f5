//! Segmentation: a large packet is split into frames, each with headers of its own (datasheet 7.2.4).

use crate::transmit::offload::{Context, Transport};

/// The TCP flags kept by the first, the middle and the last segments (DTXTCPFLGL, DTXTCPFLGH).
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlagMasks {
    pub(crate) first: u16,
    pub(crate) middle: u16,
    pub(crate) last: u16,
}

/// The segments of a packet.
pub(crate) struct Segments<'a> {
    context: &'a Context,
    headers: &'a [u8],
    payload: std::slice::Chunks<'a, u8>,
    count: usize,
    done: usize,
    masks: FlagMasks,
    /// `true` if all segments have the first's sequence number: an injected fault.
    stuck: bool,
}

impl<'a> Segments<'a> {
    /// Returns `None` if the packet is no longer than its headers.
    pub(crate) fn new(packet: &'a [u8], context: &'a Context, masks: FlagMasks, stuck: bool) -> Option<Self> {
        let (headers, payload) = packet.split_at_checked(context.headers())?;
        let payload = payload.chunks(context.segment_size.max(1));
        let count = payload.len();
        Some(Self { context, headers, payload, count, done: 0, masks, stuck })
    }

    /// Builds the next frame, without checksums, and returns the length of its transport part.
    pub(crate) fn next(&mut self, frame: &mut Vec<u8>) -> Option<usize> {
        let payload = self.payload.next()?;
        let Self { context, done, .. } = *self;
        frame.clear();
        frame.extend_from_slice(self.headers);
        frame.extend_from_slice(payload);
        let transport_len = context.transport_len + payload.len();
        let (ip, transport) = (context.mac_len, context.mac_len + context.ip_len);
        if context.snap {
            // The length before LLC and SNAP counts what follows it.
            let len = frame.len() + 8 - ip;
            change(frame, ip - 10, |_| len as u16);
        }
        if context.ipv4 {
            change(frame, ip + 2, |_| (context.ip_len + transport_len) as u16);
            change(frame, ip + 4, |id| id.wrapping_add(done as u16));
        } else {
            // The length excludes the 40 bytes of IPv6's own header.
            change(frame, ip + 4, |_| (context.ip_len - 40 + transport_len) as u16);
        }
        match context.transport {
            Transport::Tcp => {
                let sent = if self.stuck { 0 } else { done * context.segment_size };
                if let Some(field) = frame.get_mut(transport + 4..transport + 8)
                    && let Some(sequence) = field.first_chunk_mut::<4>()
                {
                    *sequence = u32::from_be_bytes(*sequence).wrapping_add(sent as u32).to_be_bytes();
                }
                // A single segment is the last.
                let mask = match done {
                    _ if done + 1 == self.count => self.masks.last,
                    0 => self.masks.first,
                    _ => self.masks.middle,
                };
                // The twelve bits after the header length.
                change(frame, transport + 12, |flags| flags & (mask | 0xF000));
            }
            _ => change(frame, transport + 4, |_| transport_len as u16),
        }
        self.done += 1;
        Some(transport_len)
    }
}

/// Changes a 16-bit number in network order.
fn change(frame: &mut [u8], at: usize, to: impl FnOnce(u16) -> u16) {
    if let Some(field) = frame.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<2>()) {
        *field = to(u16::from_be_bytes(*field)).to_be_bytes();
    }
}
