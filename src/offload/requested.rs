//! A packet with a request that was checked against it.

use core::fmt;
use core::ops::Deref;

use crate::descriptors::advanced_transmit_context_read::L4T;
use crate::descriptors::{AdvancedTransmitContextRead as Context, AdvancedTransmitDataRead as Data, Written};
use crate::field::Value;
use crate::packet::{Packet, sealed};
use crate::value;

/// A packet with what the device is to do for it: [`Request::apply`](super::Request::apply) makes it.
///
/// It dereferences to the bytes of the packet's first segment. These do not change any more: the request was checked
/// against them, and the device starts from their sum. [`into_packet`](Self::into_packet) returns the packet for changes.
///
/// A [`Packet`] converts into one without a request.
///
/// ```compile_fail,E0594
/// # use ixgbe::offload::Requested;
/// fn translate(mut packet: Requested) {
///     packet[26] = 10; // the checksum would be of another address
/// }
/// ```
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
    pub(crate) context: PackedContext,
}

impl Terms {
    const NONE: Self = Self { word: 0, context: PackedContext::NONE };

    /// Returns what is not 0 if something else is requested, for packets of any length.
    #[inline(always)]
    const fn difference(&self, other: &Self) -> u64 {
        const LENGTH: u64 = value!(Data { PAYLEN: 0x3_ffff }).bits()[1];
        (self.word ^ other.word) & !LENGTH | self.context.difference(other.context)
    }

    /// Returns the length of the longest frame that is sent for `packet`, without CRC.
    pub(crate) fn longest_of(&self, packet: &Packet) -> usize {
        self.context.longest().unwrap_or(packet.len())
    }
}

/// A context in one word, so that two are compared at once.
///
/// | bits | |
/// |---|---|
/// | 31:0 | as in the first word of the descriptor: VLAN, MACLEN, IPLEN |
/// | 34:32 | L4T and IPV4, which are bits 12:10 of the second |
/// | 63:40 | as in the second: MSS, L4LEN |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedContext(u64);

/// Where L4T and IPV4 are in the second word, and how far up they are moved.
const KIND: u64 = 7 << 10;
const MOVED: u32 = 22;
const UPPER: u64 = u64::MAX << 40;

impl PackedContext {
    /// No context.
    pub(crate) const NONE: Self = Self(0);

    /// Packs a context that names no other fields.
    pub(crate) const fn new(context: Value<Context>) -> Self {
        let [low, high] = context.bits();
        Self(low & u32::MAX as u64 | (high & KIND) << MOVED | high & UPPER)
    }

    /// Returns the words of the descriptor that sets the context.
    pub(super) const fn words(self) -> [u64; 2] {
        [self.0 & u32::MAX as u64, self.0 >> MOVED & KIND | self.0 & UPPER]
    }

    /// Returns the descriptor that sets context `index` of a queue.
    pub(crate) fn descriptor(self, index: bool) -> Written<Context> {
        Written::of_words(self.words(), Value::EMPTY.with(Context::IDX, index))
    }

    /// Returns what is not 0 if the contexts differ.
    #[inline(always)]
    pub(crate) const fn difference(self, other: Self) -> u64 {
        self.0 ^ other.0
    }

    /// Returns the length of the longest frame into which a packet is cut, if it is, without CRC.
    fn longest(self) -> Option<usize> {
        let bits = |lsb: u32, width: u32| (self.0 >> lsb & ((1 << width) - 1)) as usize;
        let (ip, mac, transport, size) = (bits(0, 9), bits(9, 7), bits(40, 8), bits(48, 16));
        (size != 0).then_some(mac + ip + transport + size)
    }
}

// All of it, and nothing of two fields at the same place.
const _: () = {
    let [low, high] =
        value!(Context { VLAN: 0xffff, MACLEN: 0x7f, IPLEN: 0x1ff, IPV4: true, L4LEN: 0xff, MSS: 0xffff }).bits();
    let [_, kind] = value!(Context { L4T: L4T::Sctp }).bits();
    assert!(low >> 32 == 0 && high & !(KIND | UPPER) == 0 && kind & !KIND == 0 && (KIND << MOVED) & UPPER == 0);
};

impl Requested {
    pub(super) fn new(packet: Packet, terms: Terms) -> Self {
        Self { packet, terms }
    }

    /// Returns the packet, with what the request has changed in it.
    #[must_use]
    #[inline(always)]
    pub fn packet(&self) -> &Packet {
        &self.packet
    }

    /// Returns the packet for changes that its request asks for.
    #[inline(always)]
    pub(super) fn packet_mut(&mut self) -> &mut Packet {
        &mut self.packet
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

impl sealed::Entry for Requested {
    #[inline(always)]
    fn packet(&self) -> &Packet {
        &self.packet
    }

    #[inline(always)]
    fn is_like(&self, other: &Self) -> bool {
        self.terms.difference(&other.terms) == 0
    }

    #[inline(always)]
    fn complete(&mut self) {
        Requested::complete(self);
    }
}

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

impl fmt::Debug for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requested").field("packet", &self.packet).field("terms", &self.terms).finish()
    }
}
