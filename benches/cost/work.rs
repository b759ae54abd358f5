//! What a program does with a packet between receiving and transmitting it.

use std::sync::atomic::{AtomicU8, Ordering};

use ixgbe::packet::Batch;
use ixgbe::queue::Route;

use crate::traffic::{SHORTEST, at};

/// Work on each packet. The driver and the baselines are measured with the same.
pub trait Work {
    /// Whether there are packets that do not go to output 0.
    const SELECTS: bool = false;
    /// How many bytes the frame begins further in front afterwards.
    const GROWS: i64 = 0;

    /// Works on a frame, and returns where it goes.
    fn decide(frame: &mut [u8]) -> Route;

    /// Works on the packets of a batch, and drops those that do not go to output 0.
    #[inline(always)]
    fn on_batch(batch: &mut Batch) {
        if Self::SELECTS {
            batch.retain(|packet| matches!(Self::decide(packet), Route::Output(0)));
        } else {
            for packet in &mut *batch {
                Self::decide(packet);
            }
        }
    }

    /// Returns the output that gets the frame, if one does, and does to it what must have been done to it there. `head`
    /// has room for a header, and then the frame begins.
    fn expect(head: &mut Head) -> Option<usize> {
        match Self::decide(&mut head[HEADER.len()..]) {
            Route::Output(output) => Some(output),
            _ => None,
        }
    }
}

/// A VLAN tag, which goes in front of the whole frame: where it goes costs nothing here.
pub const HEADER: [u8; 4] = [0x81, 0, 0, 1];

/// The beginning of a frame, and room for a header in front of it.
pub type Head = [u8; HEADER.len() + SHORTEST];

/// Changes one byte.
pub struct Touch;

impl Work for Touch {
    #[inline(always)]
    fn decide(frame: &mut [u8]) -> Route {
        frame[at::TOUCHED] ^= 1;
        Route::Output(0)
    }
}

/// Changes one byte, and takes the output from another.
pub struct Byte;

impl Work for Byte {
    const SELECTS: bool = true;

    #[inline(always)]
    fn decide(frame: &mut [u8]) -> Route {
        frame[at::TOUCHED] ^= 1;
        Route::Output(usize::from(frame[at::OUTPUT]))
    }
}

/// Changes one byte, but drops the frame if another says so.
pub struct DropSome;

impl Work for DropSome {
    const SELECTS: bool = true;

    #[inline(always)]
    fn decide(frame: &mut [u8]) -> Route {
        if frame[at::DROP] != 0 {
            return Route::Drop;
        }
        frame[at::TOUCHED] ^= 1;
        Route::Output(0)
    }
}

/// Swaps the MAC addresses, as a reflector does.
pub struct SwapMacs;

impl Work for SwapMacs {
    #[inline(always)]
    fn decide(frame: &mut [u8]) -> Route {
        if let Some((to, from)) = frame.split_at_mut_checked(6)
            && let (Some(to), Some(from)) = (to.first_chunk_mut::<6>(), from.first_chunk_mut::<6>())
        {
            core::mem::swap(to, from);
        }
        Route::Output(0)
    }
}

/// Decrements the TTL of an IPv4 packet and updates its checksum (RFC 1624), as a router does. Drops what is none, or
/// has no hop left.
pub struct Ttl;

impl Work for Ttl {
    const SELECTS: bool = true;

    #[inline(always)]
    fn decide(frame: &mut [u8]) -> Route {
        let Some(header) = frame.first_chunk_mut::<34>() else { return Route::Drop };
        if header[at::ETHER_TYPE..][..2] != [0x08, 0x00] || header[at::TTL] <= 1 {
            return Route::Drop;
        }
        header[at::TTL] -= 1;
        // The sum is one's complement, so it may be computed in either byte order.
        let old = u16::from_ne_bytes([header[at::CHECKSUM], header[at::CHECKSUM + 1]]);
        let (sum, carry) = old.overflowing_add(u16::from_ne_bytes([1, 0]));
        header[at::CHECKSUM..][..2].copy_from_slice(&(sum + u16::from(carry)).to_ne_bytes());
        Route::Output(0)
    }
}

/// Makes the frame an IPv4 packet without a checksum, as it is when the device is to insert that.
pub struct Ipv4;

impl Work for Ipv4 {
    #[inline(always)]
    fn decide(frame: &mut [u8]) -> Route {
        let len = frame.len() - at::VERSION;
        frame[at::LENGTH..][..2].copy_from_slice(&(len as u16).to_be_bytes());
        frame[at::CHECKSUM..][..2].fill(0);
        Route::Output(0)
    }
}

/// Makes the frame a TCP packet of IPv4 without a checksum. What leaves has the sum of the pseudo header there, as it is
/// when the device is to insert the checksum.
pub struct Tcp;

/// The number of TCP in an IPv4 header.
const TCP: u8 = 6;

impl Work for Tcp {
    #[inline(always)]
    fn decide(frame: &mut [u8]) -> Route {
        Ipv4::decide(frame);
        frame[at::FRAGMENT..][..2].fill(0);
        frame[at::PROTOCOL] = TCP;
        frame[at::TCP_LENGTH] = 5 << 4;
        frame[at::TCP_CHECKSUM..][..2].fill(0);
        Route::Output(0)
    }

    /// The frame is of the shortest.
    fn expect(head: &mut Head) -> Option<usize> {
        let frame = &mut head[HEADER.len()..];
        Self::decide(frame);
        let addresses = frame[at::ADDRESSES..at::TRANSPORT].chunks(2);
        let sum: u32 = addresses.map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
        let sum = sum + u32::from(TCP) + (frame.len() - at::TRANSPORT) as u32;
        let sum = (sum & 0xffff) + (sum >> 16);
        frame[at::TCP_CHECKSUM..][..2].copy_from_slice(&((sum + (sum >> 16)) as u16).to_be_bytes());
        Some(0)
    }
}

/// The output of each hash. Atomics, so that the compiler does not know what is in it: zeros.
static TABLE: [AtomicU8; 256] = [const { AtomicU8::new(0) }; 256];

/// Hashes the IPv4 addresses, and looks the output up, as a load balancer does.
pub struct Hash;

impl Work for Hash {
    const SELECTS: bool = true;

    #[inline(always)]
    fn decide(frame: &mut [u8]) -> Route {
        let Some(addresses) = frame.get(at::ADDRESSES..).and_then(|rest| rest.first_chunk()) else {
            return Route::Drop;
        };
        let hash = u64::from_ne_bytes(*addresses).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
        Route::Output(usize::from(TABLE[hash as usize].load(Ordering::Relaxed)))
    }
}

/// Puts a header in front.
pub struct Prepend;

impl Work for Prepend {
    const GROWS: i64 = 4;

    #[inline(always)]
    fn decide(_frame: &mut [u8]) -> Route {
        Route::Output(0)
    }

    #[inline(always)]
    fn on_batch(batch: &mut Batch) {
        for packet in &mut *batch {
            // There is room: nothing was put there before.
            _ = packet.prepend(&HEADER);
        }
    }

    fn expect(head: &mut Head) -> Option<usize> {
        head[..HEADER.len()].copy_from_slice(&HEADER);
        Some(0)
    }
}

/// Takes a header of 4 bytes away.
pub struct Trim;

impl Work for Trim {
    const GROWS: i64 = -4;

    #[inline(always)]
    fn decide(_frame: &mut [u8]) -> Route {
        Route::Output(0)
    }

    #[inline(always)]
    fn on_batch(batch: &mut Batch) {
        for packet in &mut *batch {
            packet.trim_front(4);
        }
    }
}
