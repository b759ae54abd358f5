//! Recognition of the packets to stamp: PTP over Ethernet and over UDP, of both versions (datasheet 8.2.3.26.1).

use crate::frame::headers::{half, headers, packet_type::UDP};
use crate::frame::vlan::Types;
use crate::registers::RegisterFile;
use crate::registers::offsets::bit;
use crate::time::{ENABLE, ETQF, RXMTRL, TSYNCRXCTL};

/// ETQF: a packet of this EtherType is PTP, and the filter is enabled.
const ETQF_1588: u32 = bit(30) | bit(31);

/// Offsets in a PTP message, the same in both versions: the sender's address, the sequence number, and the control
/// field of version 1. In version 2 the sender's clock identity begins two bytes before.
const SENDER: usize = 22;
const SEQUENCE: usize = 30;
const CONTROL: usize = 32;
/// Length of the header of a message of version 2.
const HEADER: usize = 34;

/// Message numbers of Pdelay_Req and Pdelay_Resp, which the types for one number stamp as well.
const PEER_DELAY: [u8; 2] = [2, 3];

/// What to stamp, from TSYNCRXCTL, RXMTRL and ETQF.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filter {
    /// TSYNCRXCTL.Type.
    kind: u32,
    /// The control field of version 1, and the message number of version 2.
    control: u8,
    message: u8,
    port: u16,
    ethertypes: [Option<u16>; 8],
}

/// The parts of a PTP message that RXSATR reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) sender: [u8; 6],
    pub(crate) sequence: [u8; 2],
}

impl Filter {
    /// Returns `None` if no packets are to be stamped.
    pub(crate) fn new(registers: &RegisterFile) -> Option<Self> {
        let (control, matching) = (registers.get(TSYNCRXCTL), registers.get(RXMTRL));
        let ethertypes = [0, 1, 2, 3, 4, 5, 6, 7].map(|entry| {
            let filter = registers.get(ETQF + entry * 4);
            (filter & ETQF_1588 == ETQF_1588).then_some(filter as u16)
        });
        (control & ENABLE != 0).then_some(Self {
            kind: control >> 1 & 7,
            control: matching as u8,
            message: (matching >> 8) as u8,
            port: (matching >> 16) as u16,
            ethertypes,
        })
    }

    /// Returns `true` if the type of packets to stamp has no meaning.
    pub(crate) fn is_reserved(kind: u32) -> bool {
        !matches!(kind, 0 | 1 | 2 | 5)
    }

    /// Returns the attributes of `frame` if it is to be stamped. `tags` are the types of VLAN tags.
    pub(crate) fn matches(&self, frame: &[u8], tags: Types) -> Option<Attributes> {
        let (message, over_udp) = self.message(frame, tags)?;
        let version_2 = message.len() >= HEADER && message[1] & 0xF == 2;
        let kind = message.first()? & 0xF;
        let wanted = match (self.kind, over_udp) {
            (0, false) | (2, _) => version_2 && (kind == self.message & 0xF || PEER_DELAY.contains(&kind)),
            (1, true) => half(message, 0)? == 1 && *message.get(CONTROL)? == self.control,
            // Event messages have numbers below 8.
            (5, _) => version_2 && kind < 8,
            _ => false,
        };
        let sender = message.get(SENDER..)?.first_chunk().copied()?;
        let sequence = message.get(SEQUENCE..)?.first_chunk().copied()?;
        wanted.then_some(Attributes { sender, sequence })
    }

    /// Returns the PTP message of `frame`, and whether it is in a UDP packet.
    fn message<'a>(&self, frame: &'a [u8], tags: Types) -> Option<(&'a [u8], bool)> {
        let start = tags.ether_type_at(frame);
        let ethertype = half(frame, start)?;
        if self.ethertypes.contains(&Some(ethertype)) {
            return Some((frame.get(start + 2..)?, false));
        }
        let headers = headers(frame, tags);
        let ports = headers.ports.filter(|_| headers.packet_type & UDP != 0)?;
        (half(frame, ports + 2)? == self.port).then_some((frame.get(ports + 8..)?, true))
    }
}
