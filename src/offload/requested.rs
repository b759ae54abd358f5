//! A packet with a request that was checked against it.

use core::fmt;
use core::ops::{Deref, DerefMut};

use crate::descriptors::AdvancedTransmitContextRead as Context;
use crate::descriptors::Written;
use crate::field::Value;
use crate::packet::{Packet, sealed};

/// A packet with what the device is to do for it: [`Request::apply`](super::Request::apply) makes it.
///
/// It dereferences to the bytes of the packet's first segment, which may change. Its length may not, because the request
/// was checked against it: [`into_packet`](Self::into_packet) returns the packet for that.
///
/// A [`Packet`] converts into one without a request.
pub struct Requested {
    packet: Packet,
    terms: Terms,
}

/// What is requested, as in descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The second word of the packet's first data descriptor, without the length of its data. 0 if nothing is
    /// requested.
    pub(crate) word: u64,
    /// The context that the packet needs, or zeros.
    pub(crate) context: [u64; 2],
    /// The length of the longest frame that the packet is cut into, without CRC. 0 if it is not cut.
    pub(crate) longest: u16,
}

impl Terms {
    const NONE: Self = Self { word: 0, context: [0; 2], longest: 0 };

    /// Returns the length of the longest frame that is sent for `packet`, without CRC.
    pub(crate) fn longest_of(&self, packet: &Packet) -> usize {
        if self.longest == 0 { packet.len() } else { self.longest.into() }
    }

    /// Returns the descriptor that sets context `index` of the queue to that of the packet.
    pub(crate) fn context(&self, index: bool) -> Written<Context> {
        Written::of_words(self.context, Value::EMPTY.with(Context::IDX, index))
    }
}

impl Requested {
    pub(super) fn new(packet: Packet, terms: Terms) -> Self {
        Self { packet, terms }
    }

    #[inline(always)]
    pub(crate) fn packet(&self) -> &Packet {
        &self.packet
    }

    #[inline(always)]
    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Returns the packet without the request.
    ///
    /// The request has changed it: fields that the device was to compute hold what the device starts from.
    #[must_use]
    pub fn into_packet(self) -> Packet {
        self.packet
    }

    /// Returns the number of bytes of the packet in all its segments, before the device cuts it.
    #[must_use]
    pub fn packet_len(&self) -> usize {
        self.packet.len()
    }
}

impl sealed::Entry for Requested {}

impl From<Requested> for Packet {
    fn from(requested: Requested) -> Self {
        requested.packet
    }
}

impl From<Packet> for Requested {
    #[inline(always)]
    fn from(packet: Packet) -> Self {
        Self { packet, terms: Terms::NONE }
    }
}

impl Deref for Requested {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.packet
    }
}

impl DerefMut for Requested {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.packet
    }
}

impl fmt::Debug for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requested").field("packet", &self.packet).field("terms", &self.terms).finish()
    }
}
