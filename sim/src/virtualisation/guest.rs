//! What the physical function knows of a virtual function, and its answers to that function's messages.
//!
//! Written from what Linux' and DPDK's drivers of the physical function do. Both accept the versions 1.0 to 1.3.

use crate::virtualisation::host::HostConfig;
use crate::virtualisation::mailbox::Message;

/// Bits of a message's first word.
pub(crate) const SUCCESS: u32 = 1 << 31;
pub(crate) const FAILURE: u32 = 1 << 30;
pub(crate) const CTS: u32 = 1 << 29;
/// The message of the physical function that says: look at me.
pub(crate) const CONTROL: u32 = 0x100;

const RESET: u32 = 0x01;
const SET_MAC: u32 = 0x02;
const SET_MULTICAST: u32 = 0x03;
const SET_VLAN: u32 = 0x04;
const SET_LPE: u32 = 0x05;
const SET_MACVLAN: u32 = 0x06;
const NEGOTIATE: u32 = 0x08;
const GET_QUEUES: u32 = 0x09;
const GET_RETA: u32 = 0x0A;
const GET_RSS_KEY: u32 = 0x0B;
const UPDATE_XCAST: u32 = 0x0C;
const GET_LINK_STATE: u32 = 0x10;

/// The most hashes of a message.
const MOST_HASHES: usize = 30;
/// The most further MAC addresses of a function.
const MOST_ADDRESSES: usize = 8;
/// The most VLANs of a function: all functions together have 64 entries.
const MOST_VLANS: usize = 16;
/// The largest frame that is no jumbo frame, with CRC.
const STANDARD: u32 = 1518;
/// The largest frame of all, with CRC.
const LARGEST: u32 = 9728;

/// What a function wants of frames that are not for its address alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cast {
    None,
    Multicast,
    AllMulticast,
}

/// What the physical function knows of a virtual function.
#[derive(Debug)]
pub(crate) struct Guest {
    /// The address that the administrator has set.
    pub(crate) fixed_mac: Option<[u8; 6]>,
    pub(crate) mac: Option<[u8; 6]>,
    pub(crate) further_macs: Vec<[u8; 6]>,
    /// The minor number of the protocol's version.
    version: u8,
    pub(crate) clear_to_send: bool,
    pub(crate) hashes: Vec<u16>,
    pub(crate) vlans: Vec<u16>,
    pub(crate) cast: Cast,
    pub(crate) receives: bool,
    pub(crate) sends: bool,
    /// The largest frame that it asked for, with CRC.
    pub(crate) max_frame: u32,
    /// A message of the physical function's own that is to be sent.
    pub(crate) notice: Option<u32>,
}

impl Guest {
    pub(crate) fn new(fixed_mac: Option<[u8; 6]>) -> Self {
        Self {
            fixed_mac,
            mac: fixed_mac,
            further_macs: Vec::new(),
            version: 0,
            clear_to_send: false,
            hashes: Vec::new(),
            vlans: Vec::new(),
            cast: Cast::Multicast,
            receives: false,
            sends: false,
            max_frame: STANDARD,
            notice: None,
        }
    }

    /// Forgets what the function has set, because it was reset. An address without the administrator stays.
    pub(crate) fn forget(&mut self) {
        let mac = self.fixed_mac.or(self.mac);
        *self = Self { mac, ..Self::new(self.fixed_mac) };
    }

    /// Notifies the function: something has changed.
    pub(crate) fn notify(&mut self) {
        self.notice = Some(CONTROL | if self.clear_to_send { CTS } else { 0 });
    }

    /// Answers a message. Returns `None` for one that is no request.
    pub(crate) fn answer(&mut self, message: &Message, host: &HostConfig, rss: &Rss) -> Option<Message> {
        let [first, ..] = *message;
        let mut answer = *message;
        if first & (SUCCESS | FAILURE) != 0 {
            return None;
        }
        if first & 0xFFFF == RESET {
            answer[0] = first | self.reset(host, &mut answer);
            return Some(answer);
        }
        answer[0] |= if !self.clear_to_send {
            FAILURE
        } else if self.obey(first, &mut answer, host, rss).is_some() {
            SUCCESS | CTS
        } else {
            FAILURE | CTS
        };
        Some(answer)
    }

    fn reset(&mut self, host: &HostConfig, answer: &mut Message) -> u32 {
        self.forget();
        self.clear_to_send = true;
        // Without a limit for each queue, a function of version 1.0 would get frames that it does not expect.
        (self.sends, self.receives) = (true, u32::from(host.max_frame) <= STANDARD);
        let mac = self.fixed_mac.unwrap_or_default();
        answer[1] = u32::from_le_bytes([mac[0], mac[1], mac[2], mac[3]]);
        answer[2] = u32::from_le_bytes([mac[4], mac[5], 0, 0]);
        // MCSTCTRL.MO: the bits of an address that are hashed.
        answer[3] = 0;
        if self.fixed_mac.is_some() { SUCCESS } else { FAILURE }
    }

    /// Does what a message asks for, and writes what its answer says. Returns `None` if the message is refused.
    fn obey(&mut self, first: u32, words: &mut Message, host: &HostConfig, rss: &Rss) -> Option<()> {
        let info = first >> 16 & 0xFF;
        let since = |version: u8| (self.version >= version).then_some(());
        match first & 0xFFFF {
            SET_MAC => {
                let mac = unicast(words)?;
                let is_free = host.trusted || self.fixed_mac.is_none_or(|fixed| fixed == mac);
                is_free.then(|| self.mac = Some(mac))
            }
            SET_MULTICAST => {
                let hash = |n: usize| words[1 + n / 2] >> (n % 2 * 16) & 0xFFF;
                self.hashes = (0..(info as usize).min(MOST_HASHES)).map(|n| hash(n) as u16).collect();
                Some(())
            }
            SET_VLAN => self.set_vlan(info != 0, words[1]),
            SET_LPE => self.set_max_frame(words[1], host),
            SET_MACVLAN => self.set_further_mac(info, words, host),
            NEGOTIATE => {
                let version = match words[1] {
                    0 => 0,
                    // 1 is version 2.0, which is another protocol.
                    2..=4 => words[1] as u8 - 1,
                    _ => return None,
                };
                (version <= host.newest_version).then(|| self.version = version)
            }
            GET_QUEUES => {
                since(1)?;
                words[1..5].copy_from_slice(&[host.queues.into(), host.queues.into(), 0, 0]);
                Some(())
            }
            GET_RETA if host.tells_rss => {
                since(2)?;
                words[1..9].copy_from_slice(&rss.packed_table(host.queues));
                Some(())
            }
            GET_RSS_KEY if host.tells_rss => {
                since(2)?;
                words[1..11].copy_from_slice(&rss.key);
                Some(())
            }
            UPDATE_XCAST => {
                since(2)?;
                let asked = match words[1] {
                    0 => Cast::None,
                    1 => Cast::Multicast,
                    2 => Cast::AllMulticast,
                    // Promiscuous mode needs an X540 to be granted, and trust to be asked for.
                    3 if !host.trusted && self.version >= 3 => Cast::Multicast,
                    _ => return None,
                };
                self.cast = if host.trusted { asked } else { asked.min(Cast::Multicast) };
                words[1] = self.cast as u32;
                Some(())
            }
            GET_LINK_STATE => {
                since(2)?;
                words[1] = 1;
                Some(())
            }
            _ => None,
        }
    }

    fn set_vlan(&mut self, add: bool, vlan: u32) -> Option<()> {
        let vlan = u16::try_from(vlan).ok().filter(|vlan| *vlan < 4096)?;
        self.vlans.retain(|other| *other != vlan);
        if add {
            if self.vlans.len() == MOST_VLANS {
                return None;
            }
            self.vlans.push(vlan);
        }
        Some(())
    }

    /// Accepts or refuses a frame size. There is one limit for the whole port, which only ever rises.
    fn set_max_frame(&mut self, size: u32, host: &HostConfig) -> Option<()> {
        let host_is_jumbo = u32::from(host.max_frame) > STANDARD;
        self.receives = if host_is_jumbo { self.version >= 1 } else { size <= STANDARD };
        if !self.receives || size > LARGEST {
            return None;
        }
        self.max_frame = size;
        Some(())
    }

    fn set_further_mac(&mut self, index: u32, words: &Message, host: &HostConfig) -> Option<()> {
        if index <= 1 {
            self.further_macs.clear();
        }
        if index > 0 {
            let mac = unicast(words)?;
            let is_allowed = host.trusted || self.fixed_mac.is_none();
            if !is_allowed || self.further_macs.len() == MOST_ADDRESSES {
                return None;
            }
            self.further_macs.push(mac);
        }
        Some(())
    }
}

/// Returns the address in a message, if it is of one station.
fn unicast(words: &Message) -> Option<[u8; 6]> {
    let ([a, b, c, d], [e, f, ..]) = (words[1].to_le_bytes(), words[2].to_le_bytes());
    (a & 1 == 0 && [a, b, c, d, e, f] != [0; 6]).then_some([a, b, c, d, e, f])
}

/// The RSS of the port, which all functions share.
#[derive(Debug)]
pub(crate) struct Rss {
    pub(crate) key: [u32; 10],
    pub(crate) table: [u8; 128],
}

impl Default for Rss {
    fn default() -> Self {
        let key = std::array::from_fn(|n| 0x6D5A_56DA_u32.rotate_left(3 * n as u32) ^ n as u32);
        Self { key, table: std::array::from_fn(|n| n as u8 & 3) }
    }
}

impl Rss {
    /// Returns the table with 2 bits for an entry, which is a queue of a pool with `queues`.
    fn packed_table(&self, queues: u8) -> [u32; 8] {
        let entry = |n: usize| u32::from(self.table[n] & (queues - 1));
        std::array::from_fn(|word| (0..16).fold(0, |packed, n| packed | entry(word * 16 + n) << (n * 2)))
    }
}
