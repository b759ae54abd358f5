//! What the chip is asked to do with frames of the kernel, and what was moved.

use std::fmt;

use ixgbe::offload::drivers::Verdict;
use ixgbe::offload::{Received, Request, Requested};
use ixgbe::packet::{Headers, Packet, Transport};

use super::frames::Frame;

/// What a bridge has moved, in frames.
#[derive(Debug, Default)]
pub struct Counts {
    pub to_port: u64,
    /// Of these, those that the chip was to cut, and those whose checksum software computed.
    pub cut: u64,
    pub by_software: u64,
    pub from_port: u64,
    /// Of these, those whose checksum the chip found right.
    pub checked: u64,
    pub dropped: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { to_port, cut, by_software, from_port, checked, dropped } = self;
        write!(f, "{to_port} frames sent, {cut} cut by the chip, {by_software} checksums by software; ")?;
        write!(f, "{from_port} received, {checked} found right by the chip; {dropped} dropped")
    }
}

/// Makes the request for a frame of the kernel, of which `packet` is a copy. What the chip does not do, software does.
/// `None` for a packet that can only be dropped.
pub fn request(packet: Packet, frame: &Frame<'_>, counts: &mut Counts) -> Option<Requested> {
    let Some((start, offset)) = frame.checksum else { return Some(packet.into()) };
    let is_meant = |headers: &Headers| {
        let field = headers.transport().map(|transport| if transport == Transport::Tcp { 16 } else { 6 });
        headers.transport_at() == usize::from(start) && field == Some(offset)
    };
    let packet = match Headers::parse(&packet).ok().filter(is_meant).map(|headers| Request::new().with_headers(headers))
    {
        None => packet,
        Some(request) => {
            let request = match frame.segment {
                Some(payload) => request.segments(payload.get()),
                None => request.transport_checksum(),
            };
            match request.apply(packet) {
                Ok(requested) => {
                    counts.cut += u64::from(frame.segment.is_some());
                    return Some(requested);
                }
                Err(refused) => refused.packet,
            }
        }
    };
    if frame.segment.is_some() {
        return None;
    }
    let mut packet = Received::reported(packet, Verdict::Partial { start, offset }, None).ok()?;
    packet.complete_checksum();
    counts.by_software += 1;
    Some(packet.into_packet().into())
}
