//! Reading: classic pcap and pcapng, of either byte order and any resolution of time, plain or compressed.

use std::fmt;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use pcap_parser::pcapng::{OptionCode, PcapNGOption};
use pcap_parser::{pcap, pcapng};

use super::open_files::{self, OpenFile};
use super::{CaptureError, ETHERNET, SECTION_HEADER, option as code};
use crate::frame::LONGEST;

/// The first bytes of a file compressed with gzip, and with zstd.
const GZIP: [u8; 2] = [0x1F, 0x8B];
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// Limits that bound the reader's memory: a longer record or block, or more interfaces in a section, are damage. The
/// limit of records is the same as in Wireshark.
const LONGEST_RECORD: usize = 256 << 10;
const LONGEST_BLOCK: usize = 16 << 20;
const MOST_INTERFACES: usize = 1 << 16;
/// The bytes that are kept of an interface's name.
const LONGEST_NAME: usize = 64;
/// Nanoseconds in a second.
const SECOND: i128 = 1_000_000_000;

/// Why a record cannot be sent on a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// The capture truncated it.
    Cut,
    /// It has no bytes.
    Empty,
    /// It exceeds 16 KB, the maximum that the chip receives.
    TooLong,
    /// Its interface's link type is not Ethernet, such as raw IP. To send it would need a header with invented addresses.
    NotEthernet,
}

impl LeftOut {
    /// All reasons, in the order of their values.
    pub const ALL: [Self; 4] = [Self::Cut, Self::Empty, Self::TooLong, Self::NotEthernet];
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "cut short",
            Self::Empty => "empty",
            Self::TooLong => "too long for any wire",
            Self::NotEthernet => "without an Ethernet header",
        })
    }
}

/// The damage of a file: reading ends there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Its place in the uncompressed file, in bytes.
    pub at: u64,
    /// The number of records before it.
    pub records: u64,
    /// What is wrong there.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "damaged at byte {}, after record {}: {}", self.at, self.records, self.reason)
    }
}

impl std::error::Error for Damage {}

/// The next part of a capture.
#[derive(Debug, Clone, Copy)]
pub enum Item<'a> {
    /// A packet.
    Record(Record<'a>),
    /// A part without a packet.
    Other,
    /// The end of the file.
    End,
}

/// A packet of a capture.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The interface that captured it.
    pub interface: &'a Interface,
    /// When it was captured, in nanoseconds since 1970, if the file says so.
    pub stamp: Option<i64>,
    /// What the file has of it.
    pub content: Content<'a>,
}

/// What the file has of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// A frame of 1 byte to 16 KB, without its FCS. It may be shorter than a wire carries: it has to be padded.
    Frame(&'a [u8]),
    /// A packet that no wire carries, or not as the file has it.
    LeftOut(LeftOut),
}

impl<'a> Content<'a> {
    /// Creates the content of a packet with `data`, whose length on the wire was `on_wire`. The last
    /// `fcs` bytes on the wire are not data.
    fn new(data: &'a [u8], on_wire: u32, fcs: usize) -> Self {
        let len = data.len().max(on_wire as usize).saturating_sub(fcs);
        match data.get(..len) {
            None => Self::LeftOut(LeftOut::Cut),
            Some([]) => Self::LeftOut(LeftOut::Empty),
            Some(data) if data.len() > LONGEST => Self::LeftOut(LeftOut::TooLong),
            Some(data) => Self::Frame(data),
        }
    }
}

/// An interface of a capture.
#[derive(Debug, Clone)]
pub struct Interface {
    number: usize,
    name: String,
    is_ethernet: bool,
    /// The maximum length of a record; 0 means unlimited.
    snap: u32,
    /// Length of the FCS at the end of each packet, in bytes.
    fcs: usize,
    /// How many units of time a second has: 10 to the power of this number, or 2 if its highest bit is set.
    resolution: u8,
    /// The seconds to add to each time stamp.
    offset: i64,
}

impl Interface {
    /// Returns the interface's number in its section of the file, as tshark counts.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// Returns the interface's name, or nothing if the file has none. It is the file's claim, cut to 64 bytes.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Creates a record of a packet with `data`, stamped with a number of units of time.
    fn record<'a>(&'a self, stamp: Option<u64>, data: &'a [u8], on_wire: u32, fcs: usize) -> Record<'a> {
        let content = match self.is_ethernet {
            true => Content::new(data, on_wire, fcs),
            false => Content::LeftOut(LeftOut::NotEthernet),
        };
        Record { interface: self, stamp: stamp.map(|units| self.nanoseconds(units)), content }
    }

    /// Returns a number of units of time as nanoseconds since 1970. What does not fit is the nearest time that fits.
    fn nanoseconds(&self, units: u64) -> i64 {
        let (units, exponent) = (i128::from(units), u32::from(self.resolution & 0x7F));
        let since = match self.resolution {
            // 64 bits and the 30 bits of a second in nanoseconds are less than 127.
            binary if binary & 0x80 != 0 => (units * SECOND) >> exponent,
            0..=9 => units * 10_i128.pow(9 - exponent),
            _ => 10_i128.checked_pow(exponent - 9).map_or(0, |divisor| units / divisor),
        };
        let nanoseconds = since + i128::from(self.offset) * SECOND;
        nanoseconds.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Classic { big: bool, modified: bool },
    Next { big: bool },
}

/// A reader of capture files.
///
/// The file may be pcap or pcapng, of either byte order and any time resolution, and compressed with gzip, or with zstd if
/// this crate has the feature `zstd`. Its contents decide, not its name. An FCS declared by the file is not part of a
/// frame. Memory is bounded, regardless of the lengths in the file. While it is read, no [`Writer`](super::Writer) of this
/// process overwrites it.
pub struct Reader {
    input: Box<dyn Read + Send>,
    /// The record read last, and its start in the (uncompressed) file.
    bytes: Vec<u8>,
    at: u64,
    /// The number of packets read.
    packets: u64,
    format: Format,
    /// The interfaces of this section.
    interfaces: Vec<Interface>,
    _protection: Option<Arc<OpenFile>>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("at", &self.at).field("packets", &self.packets).finish_non_exhaustive()
    }
}

fn half(bytes: &[u8], big: bool) -> Option<u16> {
    let bytes = *bytes.first_chunk()?;
    Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
}

fn word(bytes: &[u8], big: bool) -> Option<u32> {
    let bytes = *bytes.first_chunk()?;
    Some(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
}

fn long(bytes: &[u8], big: bool) -> Option<u64> {
    let bytes = *bytes.first_chunk()?;
    Some(if big { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
}

/// Returns the value of an option before the end of the options.
fn option<'a>(options: &'a [PcapNGOption<'_>], code: u16) -> Option<&'a [u8]> {
    let mut options = options.iter().take_while(|option| option.code != OptionCode::EndOfOpt);
    options.find(|option| option.code.0 == code)?.as_bytes().ok()
}

/// Returns the interface with this number in its section.
fn find(interfaces: &[Interface], index: u32) -> Result<&Interface, String> {
    let interface = interfaces.get(index as usize);
    interface.ok_or_else(|| format!("a packet belongs to interface {index}, which is not described"))
}

impl Reader {
    /// Opens the capture file at `path`.
    ///
    /// # Errors
    ///
    /// Fails with a [`CaptureError`] if the file cannot be read, or is not an Ethernet capture.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref().to_owned();
        let io = |error| CaptureError::Io { path: path.clone(), error };
        let not_a_capture = |reason: &str| CaptureError::NotACapture { path: path.clone(), reason: reason.to_owned() };
        let (mut file, protection) = open_files::open(&path)?;
        let mut magic = Vec::new();
        (&mut file).take(4).read_to_end(&mut magic).map_err(io)?;
        let whole = BufReader::new(Cursor::new(magic.clone()).chain(file));
        let mut input: Box<dyn Read + Send> = if magic.starts_with(&GZIP) {
            Box::new(BufReader::new(MultiGzDecoder::new(whole)))
        } else if magic == ZSTD {
            #[cfg(not(feature = "zstd"))]
            return Err(CaptureError::WithoutFeature { path, feature: "zstd" });
            // Its window, and so its memory, is at most 128 MiB.
            #[cfg(feature = "zstd")]
            Box::new(BufReader::new(zstd::Decoder::with_buffer(whole).map_err(io)?))
        } else {
            Box::new(whole)
        };
        let mut header = Vec::new();
        (&mut input).take(24).read_to_end(&mut header).map_err(|error| not_a_capture(&error.to_string()))?;
        if header.len() < 24 {
            return Err(not_a_capture("it ends within its header"));
        }
        let empty = |input, at, format| Self {
            input,
            bytes: Vec::new(),
            at,
            packets: 0,
            format,
            interfaces: Vec::new(),
            _protection: protection,
        };
        if header.starts_with(&SECTION_HEADER) {
            let mut reader = empty(Box::new(Cursor::new(header).chain(input)), 0, Format::Next { big: false });
            reader.read().map_err(|reason| not_a_capture(&reason))?;
            return Ok(reader);
        }
        let (_, header) = pcap::parse_pcap_header(&header).map_err(|_| {
            not_a_capture("it starts neither as pcap nor as pcapng, plain or compressed with gzip or zstd")
        })?;
        // If bit 26 is set, bits 28 to 31 are the length of the FCS, in units of 2 bytes.
        let network = header.network.0 as u32;
        let fcs = if network & 1 << 26 != 0 { (network >> 28) as usize * 2 } else { 0 };
        let link = network & 0x03FF_FFFF;
        if link != ETHERNET {
            return Err(CaptureError::NotEthernet { path, link: format!("link type {link}") });
        }
        let resolution = if header.is_nanosecond_precision() { 9 } else { 6 };
        let format = Format::Classic { big: header.is_bigendian(), modified: header.is_modified_format() };
        let mut reader = empty(input, 24, format);
        let (name, is_ethernet, snap, offset) = (String::new(), true, 0, 0);
        reader.interfaces.push(Interface { number: 0, name, is_ethernet, snap, fcs, resolution, offset });
        Ok(reader)
    }

    /// Reads on. After the end, or damage, there is nothing more to read.
    ///
    /// # Errors
    ///
    /// [`Damage`] if the file breaks its format here, or cannot be read. What was read before it is right.
    pub fn next_item(&mut self) -> Result<Item<'_>, Damage> {
        let (at, records) = (self.at + self.bytes.len() as u64, self.packets);
        self.read().map_err(|reason| Damage { at, records, reason })
    }

    /// Reads until `len` bytes of the record are present, or the file ends. Returns `true` if they are present. Memory
    /// grows with the bytes in the file, not with the lengths it claims.
    fn try_fill(&mut self, len: usize) -> Result<bool, String> {
        let missing = len.saturating_sub(self.bytes.len()) as u64;
        (&mut self.input).take(missing).read_to_end(&mut self.bytes).map_err(|error| error.to_string())?;
        Ok(self.bytes.len() >= len)
    }

    fn fill(&mut self, len: usize) -> Result<(), String> {
        if self.try_fill(len)? { Ok(()) } else { Err("the file ends within a record".into()) }
    }

    fn read(&mut self) -> Result<Item<'_>, String> {
        self.at += self.bytes.len() as u64;
        self.bytes.clear();
        let head = match self.format {
            Format::Classic { modified: true, .. } => 24,
            Format::Classic { .. } => 16,
            Format::Next { .. } => 12,
        };
        if !self.try_fill(head)? && self.bytes.is_empty() {
            return Ok(Item::End);
        }
        self.fill(head)?;
        match self.format {
            Format::Classic { big, modified } => {
                let len = word(&self.bytes[8..], big).unwrap_or(u32::MAX) as usize;
                if len > LONGEST_RECORD {
                    return Err(format!("a record length is {len}, above the limit of {LONGEST_RECORD}"));
                }
                self.fill(head + len)?;
                let parse = match (modified, big) {
                    (true, _) => pcap::parse_pcap_frame_modified,
                    (false, true) => pcap::parse_pcap_frame_be,
                    (false, false) => pcap::parse_pcap_frame,
                };
                let (_, frame) = parse(&self.bytes).map_err(|_| "a record cannot be read")?;
                self.packets += 1;
                let interface = find(&self.interfaces, 0)?;
                let units = 10_u64.pow(interface.resolution.into());
                let stamp = u64::from(frame.ts_sec) * units + u64::from(frame.ts_usec);
                Ok(Item::Record(interface.record(Some(stamp), frame.data, frame.origlen, interface.fcs)))
            }
            Format::Next { big } => self.read_block(big),
        }
    }

    /// Reads the rest of the block whose first 12 bytes are present.
    fn read_block(&mut self, mut big: bool) -> Result<Item<'_>, String> {
        let is_section = self.bytes[..4] == SECTION_HEADER;
        if is_section {
            self.interfaces.clear();
            big = match self.bytes[8..12] {
                [0x1A, 0x2B, 0x3C, 0x4D] => true,
                [0x4D, 0x3C, 0x2B, 0x1A] => false,
                _ => return Err("a section has no valid byte-order magic".into()),
            };
            self.format = Format::Next { big };
        }
        let len = word(&self.bytes[4..], big).unwrap_or(u32::MAX) as usize;
        let least = if is_section { 28 } else { 12 };
        if len < least || !len.is_multiple_of(4) || len > LONGEST_BLOCK {
            return Err(format!("a block length is {len}: it must be a multiple of 4 from {least} to {LONGEST_BLOCK}"));
        }
        self.fill(len)?;
        if self.bytes[4..8] != self.bytes[len - 4..] {
            return Err("the two lengths of a block differ".into());
        }
        if word(&self.bytes, big) == Some(pcapng::IDB_MAGIC) {
            return self.describe(big).map(|()| Item::Other);
        }
        let block = &self.bytes[..];
        let too_long = "a packet is longer than its block";
        let record = match word(block, big) {
            Some(pcapng::EPB_MAGIC) => {
                let parse =
                    if big { pcapng::parse_enhancedpacketblock_be } else { pcapng::parse_enhancedpacketblock_le };
                let (_, packet) = parse(block).map_err(|_| too_long)?;
                let interface = find(&self.interfaces, packet.if_id)?;
                // Bits 5 to 8 of the flags are the length of this packet's own FCS, in bytes.
                let flags = option(&packet.options, code::FLAGS).and_then(|value| word(value, big)).unwrap_or(0);
                let fcs = match flags >> 5 & 15 {
                    0 => interface.fcs,
                    fcs => fcs as usize,
                };
                let data = packet.data.get(..packet.caplen as usize).ok_or(too_long)?;
                let stamp = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                interface.record(Some(stamp), data, packet.origlen, fcs)
            }
            Some(pcapng::SPB_MAGIC) => {
                let parse = if big { pcapng::parse_simplepacketblock_be } else { pcapng::parse_simplepacketblock_le };
                let (_, packet) = parse(block).map_err(|_| "a simple packet cannot be read")?;
                let interface = find(&self.interfaces, 0)?;
                // The block omits the captured length: it is the length on the wire, limited by the interface.
                let captured = packet.origlen.min(if interface.snap == 0 { u32::MAX } else { interface.snap });
                let data = packet.data.get(..captured as usize).ok_or(too_long)?;
                interface.record(None, data, packet.origlen, interface.fcs)
            }
            // The obsolete packet block, replaced by the enhanced one.
            Some(2) => {
                let body =
                    block.get(8..len - 4).filter(|body| body.len() >= 20).ok_or("a packet block is too short")?;
                let interface = find(&self.interfaces, half(body, big).map_or(u32::MAX, u32::from))?;
                let [high, low, captured, on_wire] =
                    [4, 8, 12, 16].map(|at| word(&body[at..], big).unwrap_or(u32::MAX));
                let data = body[20..].get(..captured as usize).ok_or(too_long)?;
                interface.record(Some(u64::from(high) << 32 | u64::from(low)), data, on_wire, interface.fcs)
            }
            _ => return Ok(Item::Other),
        };
        self.packets += 1;
        Ok(Item::Record(record))
    }

    /// Adds the interface that the block at hand describes.
    fn describe(&mut self, big: bool) -> Result<(), String> {
        let parse =
            if big { pcapng::parse_interfacedescriptionblock_be } else { pcapng::parse_interfacedescriptionblock_le };
        let (_, block) = parse(&self.bytes).map_err(|_| "an interface description block cannot be read")?;
        if self.interfaces.len() == MOST_INTERFACES {
            return Err(format!("a section has more than {MOST_INTERFACES} interfaces"));
        }
        // The standard gives the length in bits, although its example is 4.
        let fcs = match option(&block.options, code::FCS_LENGTH) {
            Some([bits, ..]) if *bits >= 8 => usize::from(bits / 8),
            Some([bytes, ..]) => usize::from(*bytes),
            _ => 0,
        };
        let name = option(&block.options, code::NAME).unwrap_or_default();
        self.interfaces.push(Interface {
            number: self.interfaces.len(),
            name: String::from_utf8_lossy(&name[..name.len().min(LONGEST_NAME)]).into_owned(),
            is_ethernet: block.linktype.0 as u32 == ETHERNET,
            snap: block.snaplen,
            fcs,
            resolution: option(&block.options, code::RESOLUTION).and_then(<[u8]>::first).copied().unwrap_or(6),
            offset: option(&block.options, code::TIME_OFFSET).and_then(|value| long(value, big)).unwrap_or(0) as i64,
        });
        Ok(())
    }
}
