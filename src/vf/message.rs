//! The messages between a virtual function and its physical function.
//!
//! A message is up to 16 words. The first has the id of a request in its low half, a number in bits 23:16, and in an
//! answer, whether the request was granted (31) or refused (30), and whether the physical function knows the function
//! (29: clear to send). The datasheet leaves all of that to drivers. The drivers of Linux and DPDK agree on this.

use core::fmt;

/// Number of words of a message.
pub(crate) const WORDS: usize = 16;
/// The words of a message.
pub(crate) type Words = [u32; WORDS];

/// The request was granted.
pub(crate) const GRANTED: u32 = 1 << 31;
/// The request was refused.
pub(crate) const REFUSED: u32 = 1 << 30;
/// The physical function knows the function: it is clear to send.
pub(crate) const KNOWN: u32 = 1 << 29;
/// The id of a message of the physical function's own.
pub(crate) const CONTROL: u32 = 0x100;

/// The maximum number of multicast addresses of a function.
pub const MAX_MULTICASTS: usize = 30;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Version {
    /// 1.0: addresses, VLANs, frames of up to 1518 bytes. The function has one queue pair.
    V1_0,
    /// 1.1: tells the number of queues, and allows jumbo frames.
    V1_1,
    /// 1.2: tells RSS and the state of the link, and allows more than one kind of multicast mode.
    V1_2,
    /// 1.3: knows promiscuous mode, which an 82599 does not grant.
    V1_3,
}

impl Version {
    /// All versions, the newest first.
    pub const ALL: [Self; 4] = [Self::V1_3, Self::V1_2, Self::V1_1, Self::V1_0];

    /// Returns the number of the version in a message. 1 is version 2.0, another protocol.
    const fn word(self) -> u32 {
        match self {
            Self::V1_0 => 0,
            Self::V1_1 => 2,
            Self::V1_2 => 3,
            Self::V1_3 => 4,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", *self as u8)
    }
}

/// What a function receives besides frames for its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cast {
    /// Nothing: no broadcasts either.
    None,
    /// Broadcasts, and the multicasts that were [set](super::Control::set_multicast).
    Multicast,
    /// All broadcasts and multicasts. The administrator must trust the function.
    AllMulticast,
    /// Everything. An 82599 does not have it, later chips do.
    Promiscuous,
}

impl Cast {
    const ALL: [Self; 4] = [Self::None, Self::Multicast, Self::AllMulticast, Self::Promiscuous];
}

/// A request to the physical function.
///
/// The driver makes these; errors name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request<'a> {
    /// To begin anew after a reset of the function.
    FunctionReset,
    /// To receive frames for this address.
    SetMac([u8; 6]),
    /// To receive multicasts with these hashes, of 12 bits each, in place of earlier ones. At most [`MAX_MULTICASTS`].
    SetMulticast(&'a [u16]),
    /// To receive frames of a VLAN, or not any more.
    SetVlan {
        /// The VLAN, below 4096.
        id: u16,
        /// `true` to receive its frames.
        on: bool,
    },
    /// To receive frames of up to this many bytes, with CRC.
    SetMaxFrame(u16),
    /// To receive frames for a further address.
    AddMac {
        /// The address.
        mac: [u8; 6],
        /// `true` if it takes the place of all earlier ones.
        first: bool,
    },
    /// To receive no frames for further addresses any more.
    ClearMacs,
    /// To talk in this version.
    Negotiate(Version),
    /// The number of queues.
    Queues,
    /// The redirection table of RSS.
    RedirectionTable,
    /// The key of RSS.
    RssKey,
    /// To receive these frames besides.
    SetCast(Cast),
    /// Whether the administrator has enabled the link.
    LinkState,
}

impl Request<'_> {
    /// Returns the oldest version that has the request.
    #[must_use]
    pub const fn since(&self) -> Version {
        match self {
            Self::FunctionReset
            | Self::SetMac(_)
            | Self::SetMulticast(_)
            | Self::SetVlan { .. }
            | Self::SetMaxFrame(_)
            | Self::AddMac { .. }
            | Self::ClearMacs
            | Self::Negotiate(_) => Version::V1_0,
            Self::Queues => Version::V1_1,
            Self::RedirectionTable | Self::RssKey | Self::LinkState => Version::V1_2,
            Self::SetCast(Cast::Promiscuous) => Version::V1_3,
            Self::SetCast(_) => Version::V1_2,
        }
    }

    /// Returns the name, as in an error.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::FunctionReset => "VF_RESET",
            Self::SetMac(_) => "SET_MAC_ADDR",
            Self::SetMulticast(_) => "SET_MULTICAST",
            Self::SetVlan { .. } => "SET_VLAN",
            Self::SetMaxFrame(_) => "SET_LPE",
            Self::AddMac { .. } | Self::ClearMacs => "SET_MACVLAN",
            Self::Negotiate(_) => "API_NEGOTIATE",
            Self::Queues => "GET_QUEUES",
            Self::RedirectionTable => "GET_RETA",
            Self::RssKey => "GET_RSS_KEY",
            Self::SetCast(_) => "UPDATE_XCAST_MODE",
            Self::LinkState => "GET_LINK_STATE",
        }
    }

    const fn id(&self) -> u32 {
        match self {
            Self::FunctionReset => 0x01,
            Self::SetMac(_) => 0x02,
            Self::SetMulticast(_) => 0x03,
            Self::SetVlan { .. } => 0x04,
            Self::SetMaxFrame(_) => 0x05,
            Self::AddMac { .. } | Self::ClearMacs => 0x06,
            Self::Negotiate(_) => 0x08,
            Self::Queues => 0x09,
            Self::RedirectionTable => 0x0a,
            Self::RssKey => 0x0b,
            Self::SetCast(_) => 0x0c,
            Self::LinkState => 0x10,
        }
    }

    /// Returns the words of the message, and how many are sent.
    pub(crate) fn encode(&self) -> (Words, usize) {
        let mut words = [0; WORDS];
        let (mut info, mut len) = (0, 1);
        match self {
            Self::FunctionReset | Self::RedirectionTable | Self::RssKey => {}
            Self::SetMac(mac) => {
                put_mac(&mut words, mac);
                len = 3;
            }
            Self::SetMulticast(hashes) => {
                let hashes = hashes.get(..MAX_MULTICASTS).unwrap_or(hashes);
                for (n, hash) in hashes.iter().enumerate() {
                    if let Some(word) = words.get_mut(1 + n / 2) {
                        *word |= u32::from(hash & 0xfff) << (n % 2 * 16);
                    }
                }
                info = hashes.len() as u32;
                len = WORDS;
            }
            Self::SetVlan { id, on } => {
                (words[1], info, len) = (u32::from(*id), u32::from(*on), 2);
            }
            Self::SetMaxFrame(size) => (words[1], len) = (u32::from(*size), 2),
            Self::AddMac { mac, first } => {
                put_mac(&mut words, mac);
                (info, len) = (if *first { 1 } else { 2 }, 3);
            }
            Self::ClearMacs => len = 3,
            Self::Negotiate(version) => (words[1], len) = (version.word(), 3),
            Self::Queues => len = 5,
            Self::SetCast(cast) => (words[1], len) = (*cast as u32, 2),
            Self::LinkState => len = 2,
        }
        words[0] = self.id() | info << 16;
        (words, len)
    }

    /// Reads the first word of an answer to the request.
    pub(crate) fn verdict(&self, first: u32) -> Verdict {
        if first & 0xffff == CONTROL && first & (GRANTED | REFUSED) == 0 {
            return Verdict::Notice { known: first & KNOWN != 0 };
        }
        match (first & GRANTED != 0, first & REFUSED != 0) {
            (true, false) if first & 0xffff == self.id() => Verdict::Granted,
            // The answer to the reset never says that the function is known.
            (false, true) if first & 0xffff == self.id() && matches!(self, Self::FunctionReset) => Verdict::Refused,
            (false, true) if first & KNOWN == 0 => Verdict::Forgotten,
            (false, true) if first & 0xffff == self.id() => Verdict::Refused,
            _ => Verdict::Nonsense,
        }
    }
}

/// What the first word of an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Granted,
    Refused,
    /// The physical function does not know the function any more.
    Forgotten,
    /// This is no answer, but a message of the physical function's own.
    Notice {
        /// Whether it knows the function.
        known: bool,
    },
    Nonsense,
}

/// Writes an address into words 1 and 2.
fn put_mac(words: &mut Words, mac: &[u8; 6]) {
    let [a, b, c, d, e, f] = *mac;
    words[1] = u32::from_le_bytes([a, b, c, d]);
    words[2] = u32::from_le_bytes([e, f, 0, 0]);
}

/// Reads the address in words 1 and 2.
pub(crate) fn mac(words: &Words) -> [u8; 6] {
    let ([a, b, c, d], [e, f, ..]) = (words[1].to_le_bytes(), words[2].to_le_bytes());
    [a, b, c, d, e, f]
}

/// Reads the answer to [`Request::SetCast`].
pub(crate) fn cast(words: &Words) -> Option<Cast> {
    Cast::ALL.into_iter().find(|cast| *cast as u32 == words[1])
}

/// Reads the key of RSS.
pub(crate) fn rss_key(words: &Words) -> [u8; 40] {
    let mut key = [0; 40];
    for (bytes, word) in key.as_chunks_mut().0.iter_mut().zip(&words[1..]) {
        *bytes = word.to_le_bytes();
    }
    key
}

/// Reads the redirection table: 128 entries of 2 bits.
pub(crate) fn redirection_table(words: &Words) -> [u8; 128] {
    let mut table = [0; 128];
    for (entries, word) in table.as_chunks_mut::<16>().0.iter_mut().zip(&words[1..]) {
        for (n, entry) in entries.iter_mut().enumerate() {
            *entry = (word >> (2 * n)) as u8 & 3;
        }
    }
    table
}

/// Returns the hash of a multicast address, of which `bits` (MCSTCTRL.MO, 0 to 3) says which bits count (8.2.3.7.3).
pub(crate) fn multicast_hash(mac: [u8; 6], bits: u8) -> u16 {
    let high = u16::from_le_bytes([mac[4], mac[5]]);
    high >> (4 - (bits & 3).min(4)) & 0xfff
}

/// A request that the physical function refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The address: the administrator has set another, or it is none of a station.
    Mac([u8; 6]),
    /// The further address: the administrator does not trust the function, or there is no room.
    FurtherMac([u8; 6]),
    /// The VLAN: the administrator has set one, or there is no room.
    Vlan(u16),
    /// The largest frame: the physical function has none so large.
    MaxFrame(u16),
    /// The mode.
    Cast(Cast),
    /// Another request, by its name.
    Other(&'static str),
}

impl From<&Request<'_>> for Refusal {
    fn from(request: &Request<'_>) -> Self {
        match request {
            Request::SetMac(mac) => Self::Mac(*mac),
            Request::AddMac { mac, .. } => Self::FurtherMac(*mac),
            Request::SetVlan { id, .. } => Self::Vlan(*id),
            Request::SetMaxFrame(size) => Self::MaxFrame(*size),
            Request::SetCast(cast) => Self::Cast(*cast),
            other => Self::Other(other.name()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the physical function refused ")?;
        match self {
            Self::Mac(mac) => write!(f, "the MAC address {mac:02x?}: its administrator may have set another one"),
            Self::FurtherMac(mac) => {
                write!(f, "the further MAC address {mac:02x?}: its administrator must trust the function")
            }
            Self::Vlan(id) => write!(f, "VLAN {id}: its administrator may have set one for the function"),
            Self::MaxFrame(size) => {
                write!(f, "frames of {size} bytes: set its own MTU above 1500, or Config::max_frame to 1518")
            }
            Self::Cast(cast) => write!(f, "the mode {cast:?}"),
            Self::Other(name) => write!(f, "the request {name}"),
        }
    }
}

/// A request that the agreed version of the protocol does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownVersion {
    /// The request.
    pub request: &'static str,
    /// The agreed version.
    pub agreed: Version,
    /// The version that has the request.
    pub needed: Version,
}

impl fmt::Display for UnknownVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, agreed, needed } = self;
        write!(
            f,
            "the request {request} needs version {needed} of the protocol, and the physical function has {agreed}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_has_its_words() {
        let mac = [1, 2, 3, 4, 5, 6];
        let expected: [(Request<'_>, &[u32]); 16] = [
            (Request::FunctionReset, &[1]),
            (Request::SetMac(mac), &[2, 0x0403_0201, 0x0605]),
            (
                Request::SetMulticast(&[0x123, 0x456, 0xffff]),
                &[3 << 16 | 3, 0x0456_0123, 0xfff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            ),
            (Request::SetMulticast(&[7; 40]), &{
                let mut words = [7 << 16 | 7; 16];
                words[0] = 30 << 16 | 3;
                words
            }),
            (Request::SetVlan { id: 7, on: true }, &[1 << 16 | 4, 7]),
            (Request::SetVlan { id: 7, on: false }, &[4, 7]),
            (Request::SetMaxFrame(9018), &[5, 9018]),
            (Request::AddMac { mac, first: true }, &[1 << 16 | 6, 0x0403_0201, 0x0605]),
            (Request::AddMac { mac, first: false }, &[2 << 16 | 6, 0x0403_0201, 0x0605]),
            (Request::ClearMacs, &[6, 0, 0]),
            (Request::Negotiate(Version::V1_1), &[8, 2, 0]),
            (Request::Queues, &[9, 0, 0, 0, 0]),
            (Request::RedirectionTable, &[10]),
            (Request::RssKey, &[11]),
            (Request::SetCast(Cast::AllMulticast), &[12, 2]),
            (Request::LinkState, &[16, 0]),
        ];
        for (request, words) in expected {
            let (encoded, len) = request.encode();
            assert_eq!(&encoded[..len], words, "{request:?}");
            assert!(encoded[len..].iter().all(|word| *word == 0));
        }
    }

    #[test]
    fn an_answer_is_only_what_belongs_to_the_request() {
        let request = Request::SetMaxFrame(1518);
        for (first, verdict) in [
            (GRANTED | KNOWN | 5, Verdict::Granted),
            (GRANTED | 5, Verdict::Granted),
            (REFUSED | KNOWN | 5, Verdict::Refused),
            (REFUSED | 5, Verdict::Forgotten),
            (REFUSED, Verdict::Forgotten),
            (GRANTED | KNOWN | 4, Verdict::Nonsense),
            (REFUSED | KNOWN | 4, Verdict::Nonsense),
            (GRANTED | REFUSED | KNOWN | 5, Verdict::Nonsense),
            (5, Verdict::Nonsense),
            (0, Verdict::Nonsense),
            (u32::MAX, Verdict::Nonsense),
            (CONTROL, Verdict::Notice { known: false }),
            (CONTROL | KNOWN, Verdict::Notice { known: true }),
        ] {
            assert_eq!(request.verdict(first), verdict, "{first:#x}");
        }
        assert_eq!(Request::FunctionReset.verdict(REFUSED | 1), Verdict::Refused);
        assert_eq!(Request::FunctionReset.verdict(REFUSED), Verdict::Forgotten);
    }

    #[test]
    fn answers_are_read() {
        let mut words = [0; WORDS];
        (words[1], words[2]) = (0x0403_0201, 0xffff_0605);
        assert_eq!(mac(&words), [1, 2, 3, 4, 5, 6]);
        assert_eq!(cast(&words), None);
        words[1..9].fill(0xe4e4_e4e4);
        assert_eq!(redirection_table(&words), core::array::from_fn(|n| n as u8 & 3));
        words[1..11].fill(0x0403_0201);
        assert_eq!(rss_key(&words), core::array::from_fn(|n| n as u8 % 4 + 1));
    }

    #[test]
    fn hashes_are_those_of_the_datasheet() {
        // 8.2.3.7.3: bits 47:36, 46:35, 45:34 or 43:32 of the address.
        let mac = [0x01, 0x00, 0x5e, 0x00, 0xb4, 0xc3];
        assert_eq!([0, 1, 2, 3].map(|bits| multicast_hash(mac, bits)), [0xc3b, 0x876, 0x0ed, 0x1da]);
    }
}
