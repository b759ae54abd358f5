//! What the device is to do for a packet that it sends (datasheet 7.2.3.2.3 to 7.2.5).

use core::fmt;

use crate::descriptors::advanced_transmit_context_read::L4T;
use crate::descriptors::{AdvancedTransmitContextRead as Context, AdvancedTransmitDataRead as Data, Written};
use crate::field::{Value, ValueError};
use crate::offload::received::{fold, sum};
use crate::offload::requested::{PackedContext, Terms};
use crate::offload::{Requested, VlanTag};
use crate::packet::{HeaderError, Headers, IPV4_TOTAL, IPV6_PAYLOAD, Network, Packet, Transport, may_follow_ipv6};
use crate::value;

/// What the device is to do for packets: a builder, which asks for nothing at first.
///
/// What needs to know where the headers are can be requested once they are [given](Self::with_headers). One request
/// serves any number of packets whose headers have the same lengths.
///
/// ```
/// use ixgbe::offload::{Request, VlanTag};
/// use ixgbe::packet::{Batch, Headers, Network, Transport};
/// # use ixgbe::device::{Config, Device};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let port = ixgbe_sim::Port::new(Default::default());
/// # port.plug(ixgbe_sim::wire::NoTraffic);
/// # let nic = Device::new(port.claim()?).reset(&Config::new())?;
/// # let mut nic = nic.wait_for_link(std::time::Duration::from_secs(10))?.start()?;
/// # let (_, mut queues) = nic.split();
/// # let pool = queues[0].rx.pool().clone();
/// # let packet = |payload: &[u8]| -> Result<_, Box<dyn std::error::Error>> {
/// #     let ip = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
/// #     let mut frame = vec![];
/// #     ip.tcp(1, 2, 3, 4).write(&mut frame, payload)?;
/// #     Ok(pool.take_copy(&frame)?)
/// # };
/// # let [large, another, small, short] = [4_000, 4_000, 900, 900].map(|len| packet(&vec![5; len]));
/// # let [large, another, small, short] = [large?, another?, small?, short?];
/// let headers = Headers::new(14, Network::Ipv4, 20, Some(Transport::Tcp), 20)?;
/// let mut batch = Batch::with_capacity(32);
/// // Cuts packets of up to 64 KiB and more into frames of 1460 bytes of payload, with all checksums.
/// let cut = Request::new().with_headers(headers).segments(1460);
/// batch.push(cut.apply(large)?).map_err(|_| "the batch is full")?;
/// // The same, and a tag for each frame.
/// batch.push(cut.vlan(VlanTag::from_bits(7)).apply(another)?).map_err(|_| "the batch is full")?;
/// // Only a tag.
/// let tagged = Request::new().vlan(VlanTag::from_bits(7));
/// batch.push(tagged.apply(small)?).map_err(|_| "the batch is full")?;
/// // Only the checksum of the IPv4 header.
/// let with_sum = Request::new().with_headers(headers).ip_checksum();
/// batch.push(with_sum.apply(short)?).map_err(|_| "the batch is full")?;
/// queues[0].tx.transmit_with_requests(&mut batch)?;
/// # port.run_until_idle(100);
/// # assert_eq!(port.counters().transmitted, 3 + 3 + 1 + 1);
/// # assert!(port.violations().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Request<H = ()> {
    headers: H,
    ip: bool,
    transport: bool,
    segment: Option<u16>,
    vlan: Option<VlanTag>,
    time_stamp: bool,
}

/// A packet for which a request cannot be done.
#[derive(Debug)]
pub struct RequestRefused {
    /// The packet.
    pub packet: Packet,
    /// Why not.
    pub reason: RequestRefusal,
}

impl fmt::Display for RequestRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl core::error::Error for RequestRefused {}

/// The reason for which a request cannot be done for a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestRefusal {
    /// The packet does not have the request's headers.
    Headers(HeaderError),
    /// The packet has no transport header: it is a fragment, or of another protocol.
    NoTransport,
    /// The device cuts TCP and UDP only.
    NotCut(Transport),
    /// The segment size is 0.
    NoSegmentSize,
    /// The IP header has the packet end behind its last byte, or inside its headers.
    Length {
        /// Where the IP header has it end, in bytes from the start of the frame.
        end: usize,
        /// The packet's length in bytes.
        len: usize,
    },
    /// The headers are too long for any request, or for a packet to be cut.
    HeadersTooLong {
        /// Their length in bytes.
        len: usize,
        /// The largest length in bytes.
        max: usize,
    },
    /// The packet is too long to be cut, or for the length field of IP.
    TooLong {
        /// Its length behind the headers, in bytes.
        len: usize,
        /// The largest length, in bytes.
        max: usize,
    },
    /// The packet is in too many buffers for the device, which stops at such a packet. Larger buffers help.
    TooManyBuffers {
        /// Their number.
        count: usize,
        /// The largest number.
        max: usize,
    },
    /// TCP's CWR is set. The device would repeat it in each segment but the last: send the segment with it on its own.
    CongestionWindowReduced,
    /// The packet is shorter than the device can send with a request.
    TooShort {
        /// Its length in bytes.
        len: usize,
        /// The smallest length in bytes.
        min: usize,
    },
}

impl fmt::Display for RequestRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Headers(error) => write!(f, "the packet does not have the headers of the request: {error}"),
            Self::NoTransport => f.write_str("the packet has no TCP, UDP or SCTP header: it is a fragment, or another"),
            Self::NotCut(transport) => write!(f, "the device does not cut packets of {transport:?}, only TCP and UDP"),
            Self::NoSegmentSize => f.write_str("a segment size of 0 bytes was requested"),
            Self::Length { end, len } => write!(f, "the IP header ends the packet at byte {end}, but it has {len}"),
            Self::HeadersTooLong { len, max } => {
                write!(f, "the packet has {len} bytes of headers, the device takes at most {max} for this request")
            }
            Self::TooLong { len, max } => write!(f, "the packet has {len} bytes behind its headers, of at most {max}"),
            Self::TooManyBuffers { count, max } => {
                write!(f, "the packet is in {count} buffers, the device takes {max}: use a pool of larger ones")
            }
            Self::CongestionWindowReduced => f.write_str("the packet has TCP's CWR set: send its first segment alone"),
            Self::TooShort { len, min } => {
                write!(f, "the packet has {len} bytes, the device needs {min} for a request")
            }
        }
    }
}

impl core::error::Error for RequestRefusal {}

impl From<HeaderError> for RequestRefusal {
    fn from(error: HeaderError) -> Self {
        Self::Headers(error)
    }
}

/// The longest headers in a context, and of a packet that is cut, in bytes. The 82599's own figures were not seen: the
/// 82598's.
const LONGEST_HEADERS: usize = 511;
const LONGEST_CUT_HEADERS: usize = 240;
/// The longest payload that is cut, in bytes: PAYLEN has 18 bits.
const LONGEST_PAYLOAD: usize = (1 << 18) - 1;
/// The most buffers of a packet: see `device::transmit`. The context takes one more descriptor.
pub(crate) const MOST_BUFFERS: usize = 37;
/// The shortest packet in an advanced descriptor, in bytes.
const SHORTEST: usize = 17;
/// Where the fields are in a header, in bytes.
const IPV4_FRAGMENT: usize = 6;
const IPV4_PROTOCOL: usize = 9;
pub(super) const IPV4_CHECKSUM: usize = 10;
const TCP_FLAGS: usize = 13;
pub(super) const UDP_LEN: usize = 4;
/// TCP's flag CWR.
const CWR: u8 = 0x80;

impl Default for Request {
    fn default() -> Self {
        Self::new()
    }
}

impl Request {
    /// Requests nothing.
    pub const fn new() -> Self {
        Self { headers: (), ip: false, transport: false, segment: None, vlan: None, time_stamp: false }
    }

    /// Says where the headers of packets are, so that more can be requested.
    pub const fn with_headers(self, headers: Headers) -> Request<Headers> {
        let Self { vlan, time_stamp, .. } = self;
        Request { headers, ip: false, transport: false, segment: None, vlan, time_stamp }
    }

    /// Makes the request for `packet`.
    ///
    /// # Errors
    ///
    /// [`RequestRefused`] with the packet, if it has fewer than 17 bytes.
    pub fn apply(self, packet: Packet) -> Result<Requested, RequestRefused> {
        if packet.len() < SHORTEST {
            let reason = RequestRefusal::TooShort { len: packet.len(), min: SHORTEST };
            return Err(RequestRefused { packet, reason });
        }
        let (len, tag) = (packet.len(), self.vlan.map_or(0, VlanTag::bits));
        let context = value!(Context { MACLEN: 14 }).with(Context::VLAN, tag);
        let terms = match (self.vlan, self.time_stamp) {
            (Some(_), _) => {
                let word = self.word(len) | value!(Data { CC: true }).bits()[1];
                Terms { word, context: PackedContext::new(context) }
            }
            (None, true) => Terms { word: self.word(len), context: PackedContext::NONE },
            (None, false) => return Ok(packet.into()),
        };
        Ok(Requested::new(packet, terms))
    }
}

impl<H> Request<H> {
    /// Requests that the device inserts a VLAN tag, before one that the packet has: the new one is then the outer one.
    pub const fn vlan(mut self, tag: VlanTag) -> Self {
        self.vlan = Some(tag);
        self
    }

    /// Requests that the device notes when it sends the packet.
    ///
    /// Without [`Config::ptp`](crate::device::Config::ptp), or without a
    /// [stamp that was requested](crate::device::PtpClock::request_transmit_stamp), nobody fetches the time.
    pub const fn time_stamp(mut self) -> Self {
        self.time_stamp = true;
        self
    }

    /// Returns what all requests have in the second word of the data descriptor, for PAYLEN `len`.
    fn word(&self, len: usize) -> u64 {
        let flags = value!(Data { EOP: true, IFCS: true })
            .with(Data::VLE, self.vlan.is_some())
            .with(Data::TSTAMP1588, self.time_stamp);
        Written::<Data>::from(flags).words()[1] | paylen(len)
    }
}

/// Returns PAYLEN in the second word of the data descriptor. `len` is at most [`LONGEST_PAYLOAD`].
fn paylen(len: usize) -> u64 {
    let len = len.min(LONGEST_PAYLOAD) as u64;
    Value::<Data>::EMPTY.try_with(Data::PAYLEN, len).map_or(0, |value| value.bits()[1])
}

impl Request<Headers> {
    /// Requests the checksums that the headers have: of an IPv4 header, and of TCP, UDP or SCTP.
    pub const fn checksums(self) -> Self {
        let transport = self.headers.transport().is_some();
        let ip = matches!(self.headers.network(), Network::Ipv4);
        Self { ip, transport, ..self }
    }

    /// Requests the checksum of the IPv4 header. IPv6 has none.
    pub const fn ip_checksum(self) -> Self {
        Self { ip: matches!(self.headers.network(), Network::Ipv4), ..self }
    }

    /// Requests the checksum of TCP, UDP or SCTP.
    pub const fn transport_checksum(self) -> Self {
        Self { transport: true, ..self }
    }

    /// Requests that a TCP or UDP packet is cut into frames with up to `payload` bytes behind the headers each (TSO, and
    /// USO for UDP), with all checksums. A packet with no more than that is sent as it is, with checksums.
    ///
    /// The packet has at most 262,143 bytes behind its headers, in at most 37 buffers: 64 KiB in buffers of 2 KiB.
    pub const fn segments(self, payload: u16) -> Self {
        Self { segment: Some(payload), ..self.checksums() }
    }

    /// Checks the request against `packet`, and makes it.
    ///
    /// This writes what the device starts from into the packet: checksum fields get the sum of the pseudo header or 0. A
    /// length of 0 in the header of IP or UDP is replaced by the packet's. What lies behind the end that the IP header names is
    /// cut off: it is padding, which the device adds again.
    ///
    /// # Errors
    ///
    /// [`RequestRefused`] with the packet and the reason. Then the packet has not changed.
    pub fn apply(self, mut packet: Packet) -> Result<Requested, RequestRefused> {
        match self.prepare(&mut packet) {
            Ok(terms) => Ok(Requested::new(packet, terms)),
            Err(reason) => Err(RequestRefused { packet, reason }),
        }
    }

    fn prepare(&self, packet: &mut Packet) -> Result<Terms, RequestRefusal> {
        self.check_headers(packet)?;
        let (headers, all) = (&self.headers, packet.len());
        if headers.len() > LONGEST_HEADERS {
            return Err(RequestRefusal::HeadersTooLong { len: headers.len(), max: LONGEST_HEADERS });
        }
        let end = headers.end(packet);
        let len = end.unwrap_or(all);
        if len > all || len < headers.len() {
            return Err(RequestRefusal::Length { end: len, len: all });
        }
        let payload = len - headers.len();
        let size = self.segment.filter(|size| payload > usize::from(*size));
        if let Some(size) = self.segment {
            self.check_cut(packet, size, payload)?;
        }
        let ip_len = len - headers.network_at();
        let max_len = usize::from(u16::MAX) + if headers.network() == Network::Ipv6 { IPV6_HEADER } else { 0 };
        if size.is_none() && ip_len > max_len {
            return Err(RequestRefusal::TooLong {
                len: payload,
                max: max_len - (headers.len() - headers.network_at()),
            });
        }
        if size.is_none() {
            self.check_udp(packet, len - headers.transport_at())?;
        }
        let count = packet.segment_count();
        if count > MOST_BUFFERS {
            return Err(RequestRefusal::TooManyBuffers { count, max: MOST_BUFFERS });
        }
        let terms = self.terms(len, size).map_err(|_| RequestRefusal::NoSegmentSize)?;
        packet.truncate(len);
        // The device sets the length of each frame that it cuts. Otherwise it is set only if nobody has.
        let ip_len = if size.is_some() { Some(0) } else { end.is_none().then_some(ip_len) };
        self.preset(packet, ip_len, if size.is_some() { 0 } else { len - headers.transport_at() });
        Ok(terms)
    }

    /// Checks that `packet` has the request's headers.
    fn check_headers(&self, packet: &[u8]) -> Result<(), RequestRefusal> {
        let headers = &self.headers;
        let Some(bytes) = packet.get(..headers.len()) else {
            let error = HeaderError::Truncated { header: "last", needed: headers.len(), len: packet.len() };
            return Err(error.into());
        };
        let (ip, transport) = bytes.split_at(headers.transport_at());
        let ip = &ip[headers.network_at().min(ip.len())..];
        let first = ip.first().copied().unwrap_or_default();
        let (version, is_as_long) = match headers.network() {
            Network::Ipv4 => (4, usize::from(first & 0xf) * 4 == headers.network_len()),
            Network::Ipv6 => (6, true),
        };
        if first >> 4 != version {
            return Err(HeaderError::Field { field: "the version of IP", value: usize::from(first >> 4) }.into());
        }
        if !is_as_long {
            let value = usize::from(first & 0xf) * 4;
            return Err(HeaderError::Field { field: "the length of the IPv4 header", value }.into());
        }
        if !self.transport {
            return Ok(());
        }
        let Some(protocol) = headers.transport() else { return Err(RequestRefusal::NoTransport) };
        let says = |at: usize| ip.get(at).copied().unwrap_or_default();
        let fits = match headers.network() {
            Network::Ipv4 => {
                let is_fragment = says(IPV4_FRAGMENT) & 0x3f | says(IPV4_FRAGMENT + 1) != 0;
                says(IPV4_PROTOCOL) == protocol.protocol() && !is_fragment
            }
            Network::Ipv6 => may_follow_ipv6(protocol.protocol(), ip),
        };
        if headers.is_fragment() || !fits {
            return Err(RequestRefusal::NoTransport);
        }
        if protocol == Transport::Tcp
            && let Some(offset) = transport.get(TCP_FLAGS - 1)
            && usize::from(offset >> 4) * 4 != headers.transport_len()
        {
            let value = usize::from(offset >> 4) * 4;
            return Err(HeaderError::Field { field: "the length of the TCP header", value }.into());
        }
        Ok(())
    }

    /// Checks that a UDP header whose checksum is requested has a length of 0 or `transport_len`. The device sums up to
    /// the end of the packet.
    fn check_udp(&self, packet: &[u8], transport_len: usize) -> Result<(), RequestRefusal> {
        let at = self.headers.transport_at() + UDP_LEN;
        match (self.headers.transport(), packet.get(at..).and_then(<[u8]>::first_chunk)) {
            (Some(Transport::Udp), Some(len)) if self.transport => {
                let value = usize::from(u16::from_be_bytes(*len));
                let fits = value == 0 || value == transport_len;
                if fits { Ok(()) } else { Err(HeaderError::Field { field: "the length of UDP", value }.into()) }
            }
            _ => Ok(()),
        }
    }

    /// Checks that `packet`, with `payload` bytes behind its headers, can be cut into segments of `size`.
    fn check_cut(&self, packet: &[u8], size: u16, payload: usize) -> Result<(), RequestRefusal> {
        let headers = &self.headers;
        match headers.transport() {
            None => return Err(RequestRefusal::NoTransport),
            Some(Transport::Sctp) => return Err(RequestRefusal::NotCut(Transport::Sctp)),
            Some(Transport::Tcp) if payload > usize::from(size) => {
                if packet.get(headers.transport_at() + TCP_FLAGS).is_some_and(|flags| flags & CWR != 0) {
                    return Err(RequestRefusal::CongestionWindowReduced);
                }
            }
            Some(_) => {}
        }
        if size == 0 {
            return Err(RequestRefusal::NoSegmentSize);
        }
        if headers.len() > LONGEST_CUT_HEADERS {
            return Err(RequestRefusal::HeadersTooLong { len: headers.len(), max: LONGEST_CUT_HEADERS });
        }
        if payload > LONGEST_PAYLOAD {
            return Err(RequestRefusal::TooLong { len: payload, max: LONGEST_PAYLOAD });
        }
        Ok(())
    }

    /// Returns what the descriptors of a packet of `len` bytes say, which is cut into segments of `size`, or not.
    fn terms(&self, len: usize, size: Option<u16>) -> Result<Terms, ValueError> {
        let headers = &self.headers;
        let transport = match headers.transport() {
            Some(Transport::Tcp) => L4T::Tcp,
            Some(Transport::Sctp) => L4T::Sctp,
            Some(Transport::Udp) | None => L4T::Udp,
        };
        let context = Value::<Context>::EMPTY
            .with(Context::VLAN, self.vlan.map_or(0, VlanTag::bits))
            .try_with(Context::MACLEN, headers.network_at() as u64)?
            .try_with(Context::IPLEN, headers.network_len() as u64)?
            .with(Context::IPV4, headers.network() == Network::Ipv4)
            .with(Context::L4T, transport)
            // Only a packet that is cut needs these two, and any other does not need another context for them.
            .try_with(Context::L4LEN, size.map_or(0, |_| headers.transport_len() as u64))?
            .try_with(Context::MSS, u64::from(size.unwrap_or(0)))?;
        let flags = value!(Data { CC: true })
            .with(Data::IXSM, self.ip)
            .with(Data::TXSM, self.transport)
            .with(Data::TSE, size.is_some());
        let word = self.word(if size.is_some() { len - headers.len() } else { len }) | flags.bits()[1];
        Ok(Terms { word, context: PackedContext::new(context) })
    }

    /// Writes what the device starts from: the length of IP if it is given, checksums of 0, and in TCP and UDP the sum
    /// of the pseudo header with `transport_len`. UDP gets that length, too, if it is not 0.
    fn preset(&self, packet: &mut [u8], ip_len: Option<usize>, transport_len: usize) {
        let headers = &self.headers;
        let (ip, rest) = packet.split_at_mut(headers.transport_at().min(packet.len()));
        let Some(ip) = ip.get_mut(headers.network_at()..) else { return };
        let (len_at, addresses) = match headers.network() {
            Network::Ipv4 => (IPV4_TOTAL, 12..20),
            Network::Ipv6 => (IPV6_PAYLOAD, 8..40),
        };
        if let Some(len) = ip_len {
            let extra = if headers.network() == Network::Ipv6 { IPV6_HEADER } else { 0 };
            put(ip, len_at, len.saturating_sub(extra) as u16);
        }
        if self.ip {
            put(ip, IPV4_CHECKSUM, 0);
        }
        let (true, Some(transport)) = (self.transport, headers.transport()) else { return };
        match transport {
            Transport::Sctp => {
                put(rest, transport.checksum_at(), 0);
                put(rest, transport.checksum_at() + 2, 0);
            }
            Transport::Tcp | Transport::Udp => {
                // The device sets the length of each packet that it cuts.
                if transport == Transport::Udp && transport_len != 0 {
                    put(rest, UDP_LEN, transport_len as u16);
                }
                let addresses = u32::from(ip.get(addresses).map_or(0, sum));
                let len = fold(transport_len as u32);
                let seed = fold(addresses + u32::from(len) + u32::from(transport.protocol()));
                put(rest, transport.checksum_at(), seed);
            }
        }
    }
}

/// The length of an IPv6 header without extensions.
pub(super) const IPV6_HEADER: usize = 40;

/// Writes a number in network order, if `bytes` reach so far.
pub(super) fn put(bytes: &mut [u8], at: usize, number: u16) {
    if let Some(field) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *field = number.to_be_bytes();
    }
}
