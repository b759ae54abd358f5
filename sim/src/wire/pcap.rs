//! Capture files as wires: classic pcap and pcapng, of either byte order, optionally compressed with gzip.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use flate2::bufread::MultiGzDecoder;
use pcap_parser::pcapng::{OptionCode, PcapNGOption};
use pcap_parser::{pcap, pcapng};

use super::{Wire, as_sent};
use crate::frame::{LONGEST, SHORTEST};

/// The first bytes of a pcapng section, the same in both byte orders.
const SECTION_HEADER: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];
/// The first bytes of a file compressed with gzip.
const GZIP: [u8; 2] = [0x1F, 0x8B];
/// The link type of Ethernet.
const ETHERNET: u32 = 1;
/// Limits that bound the reader's memory: a longer record or block, or more interfaces in a section, are damage. The
/// limit of records is the same as in Wireshark.
const LONGEST_RECORD: usize = 256 << 10;
const LONGEST_BLOCK: usize = 16 << 20;
const MOST_INTERFACES: usize = 1 << 16;
/// Maximum number of records read per call, so that a file of records without a frame does not hold up the port.
const RECORDS_IN_A_CALL: usize = 4096;

/// The error of a capture file that cannot be a wire.
#[derive(Debug)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file cannot be opened, read or created.
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The file is neither pcap nor pcapng.
    NotACapture {
        /// The file.
        path: PathBuf,
        /// The defect of the file.
        reason: String,
    },
    /// The file holds frames that are not Ethernet.
    NotEthernet {
        /// The file.
        path: PathBuf,
        /// The link type in the file.
        link: String,
    },
}

impl std::fmt::Display for CaptureError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "cannot access capture file {}: {error}", path.display()),
            Self::NotACapture { path, reason } => write!(f, "{} is not a capture file: {reason}", path.display()),
            Self::NotEthernet { path, link } => {
                write!(f, "{} is not an Ethernet capture: it has {link}", path.display())
            }
        }
    }
}

impl std::error::Error for CaptureError {}

/// Counters of a [`PcapInput`], readable while it works.
#[derive(Debug, Default)]
pub struct CaptureCounters {
    records: AtomicU64,
    frames: AtomicU64,
    cut: AtomicU64,
    empty: AtomicU64,
    too_long: AtomicU64,
    not_ethernet: AtomicU64,
    damage: OnceLock<String>,
    ended: AtomicBool,
}

impl CaptureCounters {
    /// Returns the number of frames given to the port.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Acquire)
    }

    /// Returns the number of records left out because the capture truncated them.
    #[must_use]
    pub fn cut(&self) -> u64 {
        self.cut.load(Ordering::Acquire)
    }

    /// Returns the number of records left out because they are empty.
    #[must_use]
    pub fn empty(&self) -> u64 {
        self.empty.load(Ordering::Acquire)
    }

    /// Returns the number of records left out because they exceed 16 KB, the maximum that the chip receives.
    #[must_use]
    pub fn too_long(&self) -> u64 {
        self.too_long.load(Ordering::Acquire)
    }

    /// Returns the number of records left out because their interface's link type is not Ethernet.
    #[must_use]
    pub fn not_ethernet(&self) -> u64 {
        self.not_ethernet.load(Ordering::Acquire)
    }

    /// Returns the number of records left out because no wire carries them: empty, too long, or not Ethernet.
    #[must_use]
    pub fn unfit(&self) -> u64 {
        self.empty() + self.too_long() + self.not_ethernet()
    }

    /// Returns the position and kind of the file's damage, if any. Reading ends there.
    #[must_use]
    pub fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }

    /// Returns `true` if the file is damaged.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.damage().is_some()
    }

    /// Returns `true` at the end of the file, or of its readable part.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

/// A record of a capture.
enum Record<'a> {
    Frame(&'a [u8]),
    Cut,
    NotEthernet,
    /// A record without a packet.
    Other,
}

impl<'a> Record<'a> {
    /// Creates a record of `data`, whose length on the wire was `on_wire`. The last `fcs` bytes on the wire are not
    /// data.
    fn new(data: &'a [u8], on_wire: u32, fcs: usize) -> Self {
        let len = data.len().max(on_wire as usize).saturating_sub(fcs);
        data.get(..len).map_or(Self::Cut, Self::Frame)
    }
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    is_ethernet: bool,
    /// The maximum length of a record; 0 means unlimited.
    snap: u32,
    /// Length of the FCS at the end of each packet, in bytes.
    fcs: usize,
}

enum Format {
    Classic { big: bool, modified: bool, fcs: usize },
    Next { big: bool, interfaces: Vec<Interface> },
}

struct Reader {
    input: Box<dyn Read + Send>,
    /// The record read last, and its start in the (uncompressed) file.
    bytes: Vec<u8>,
    at: u64,
    format: Format,
}

fn half(bytes: &[u8], big: bool) -> Option<u16> {
    let bytes = *bytes.first_chunk()?;
    Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
}

fn word(bytes: &[u8], big: bool) -> Option<u32> {
    let bytes = *bytes.first_chunk()?;
    Some(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
}

/// Returns the value of an option before the end of the options.
fn option<'a>(options: &'a [PcapNGOption<'_>], code: u16) -> Option<&'a [u8]> {
    let mut options = options.iter().take_while(|option| option.code != OptionCode::EndOfOpt);
    options.find(|option| option.code.0 == code)?.as_bytes().ok()
}

impl Reader {
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

    /// Returns the next record, or `None` at the end of the file.
    fn next(&mut self) -> Result<Option<Record<'_>>, String> {
        self.at += self.bytes.len() as u64;
        self.bytes.clear();
        let head = match self.format {
            Format::Classic { modified: true, .. } => 24,
            Format::Classic { .. } => 16,
            Format::Next { .. } => 12,
        };
        if !self.try_fill(head)? && self.bytes.is_empty() {
            return Ok(None);
        }
        self.fill(head)?;
        match self.format {
            Format::Classic { big, modified, fcs } => {
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
                Ok(Some(Record::new(frame.data, frame.origlen, fcs)))
            }
            Format::Next { .. } => self.next_block().map(Some),
        }
    }

    /// Reads the rest of the block whose first 12 bytes are present.
    fn next_block(&mut self) -> Result<Record<'_>, String> {
        let is_section = self.bytes[..4] == SECTION_HEADER;
        let Format::Next { big, interfaces } = &mut self.format else { return Ok(Record::Other) };
        if is_section {
            interfaces.clear();
            *big = match self.bytes[8..12] {
                [0x1A, 0x2B, 0x3C, 0x4D] => true,
                [0x4D, 0x3C, 0x2B, 0x1A] => false,
                _ => return Err("a section has no valid byte-order magic".into()),
            };
        }
        let big = *big;
        let len = word(&self.bytes[4..], big).unwrap_or(u32::MAX) as usize;
        let least = if is_section { 28 } else { 12 };
        if len < least || !len.is_multiple_of(4) || len > LONGEST_BLOCK {
            return Err(format!("a block length is {len}: it must be a multiple of 4 from {least} to {LONGEST_BLOCK}"));
        }
        self.fill(len)?;
        let block = &self.bytes[..];
        if block[4..8] != block[len - 4..] {
            return Err("the two lengths of a block differ".into());
        }
        let Format::Next { interfaces, .. } = &mut self.format else { return Ok(Record::Other) };
        let of = |interfaces: &[Interface], index: u32| {
            let interface = interfaces.get(index as usize).copied();
            interface.ok_or_else(|| format!("a packet belongs to interface {index}, which is not described"))
        };
        match word(block, big) {
            Some(pcapng::IDB_MAGIC) => {
                let parse = if big {
                    pcapng::parse_interfacedescriptionblock_be
                } else {
                    pcapng::parse_interfacedescriptionblock_le
                };
                let (_, interface) = parse(block).map_err(|_| "an interface description block cannot be read")?;
                if interfaces.len() == MOST_INTERFACES {
                    return Err(format!("a section has more than {MOST_INTERFACES} interfaces"));
                }
                // The standard gives the length in bits, although its example is 4.
                let fcs = match option(&interface.options, 13) {
                    Some([bits, ..]) if *bits >= 8 => usize::from(bits / 8),
                    Some([bytes, ..]) => usize::from(*bytes),
                    _ => 0,
                };
                let is_ethernet = interface.linktype.0 as u32 == ETHERNET;
                interfaces.push(Interface { is_ethernet, snap: interface.snaplen, fcs });
                Ok(Record::Other)
            }
            Some(pcapng::EPB_MAGIC) => {
                let parse =
                    if big { pcapng::parse_enhancedpacketblock_be } else { pcapng::parse_enhancedpacketblock_le };
                let (_, packet) = parse(block).map_err(|_| "a packet is longer than its block")?;
                let interface = of(interfaces, packet.if_id)?;
                // Bits 5 to 8 of the flags are the length of this packet's own FCS, in bytes.
                let flags = option(&packet.options, 2).and_then(|value| word(value, big)).unwrap_or(0);
                let fcs = match flags >> 5 & 15 {
                    0 => interface.fcs,
                    fcs => fcs as usize,
                };
                if !interface.is_ethernet {
                    return Ok(Record::NotEthernet);
                }
                let data = packet.data.get(..packet.caplen as usize).ok_or("a packet is longer than its block")?;
                Ok(Record::new(data, packet.origlen, fcs))
            }
            Some(pcapng::SPB_MAGIC) => {
                let parse = if big { pcapng::parse_simplepacketblock_be } else { pcapng::parse_simplepacketblock_le };
                let (_, packet) = parse(block).map_err(|_| "a simple packet cannot be read")?;
                let interface = of(interfaces, 0)?;
                if !interface.is_ethernet {
                    return Ok(Record::NotEthernet);
                }
                // The block omits the captured length: it is the length on the wire, limited by the interface.
                let captured = packet.origlen.min(if interface.snap == 0 { u32::MAX } else { interface.snap });
                let data = packet.data.get(..captured as usize).ok_or("a packet is longer than its block")?;
                Ok(Record::new(data, packet.origlen, interface.fcs))
            }
            // The obsolete packet block, replaced by the enhanced one.
            Some(2) => {
                let body =
                    block.get(8..len - 4).filter(|body| body.len() >= 20).ok_or("a packet block is too short")?;
                let interface = of(interfaces, half(body, big).map_or(u32::MAX, u32::from))?;
                if !interface.is_ethernet {
                    return Ok(Record::NotEthernet);
                }
                let [captured, on_wire] = [12, 16].map(|at| word(&body[at..], big).unwrap_or(u32::MAX));
                let data = body[20..].get(..captured as usize).ok_or("a packet is longer than its block")?;
                Ok(Record::new(data, on_wire, interface.fcs))
            }
            _ => Ok(Record::Other),
        }
    }
}

/// A link partner that sends the frames of a capture file, as fast as the port takes them. It pads frames below 60
/// bytes, as a MAC does.
///
/// The file may be pcap or pcapng, of either byte order and time resolution, and compressed with gzip. Its contents
/// decide, not its name. An FCS declared by the file is not sent. Memory is bounded, regardless of the lengths in the
/// file.
pub struct PcapInput {
    reader: Reader,
    counters: Arc<CaptureCounters>,
}

impl std::fmt::Debug for PcapInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PcapInput").field("counters", &self.counters).finish_non_exhaustive()
    }
}

impl PcapInput {
    /// Opens the capture file at `path`.
    ///
    /// # Errors
    ///
    /// Fails with a [`CaptureError`] if the file cannot be read, or is not an Ethernet capture.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref().to_owned();
        let io = |error| CaptureError::Io { path: path.clone(), error };
        let not_a_capture = |reason: &str| CaptureError::NotACapture { path: path.clone(), reason: reason.to_owned() };
        let mut file = File::open(&path).map_err(io)?;
        let mut magic = Vec::new();
        (&mut file).take(2).read_to_end(&mut magic).map_err(io)?;
        let is_compressed = magic == GZIP;
        let whole = BufReader::new(std::io::Cursor::new(magic).chain(file));
        let mut input: Box<dyn Read + Send> = match is_compressed {
            true => Box::new(BufReader::new(MultiGzDecoder::new(whole))),
            false => Box::new(whole),
        };
        let mut header = Vec::new();
        let read = (&mut input).take(24).read_to_end(&mut header);
        if let Err(error) = read {
            return Err(not_a_capture(&error.to_string()));
        }
        if header.len() < 24 {
            return Err(not_a_capture("it ends within its header"));
        }
        if header.starts_with(&SECTION_HEADER) {
            let input = Box::new(std::io::Cursor::new(header).chain(input));
            let format = Format::Next { big: false, interfaces: Vec::new() };
            let mut reader = Reader { input, bytes: Vec::new(), at: 0, format };
            reader.next().map_err(|reason| not_a_capture(&reason))?;
            return Ok(Self { reader, counters: Arc::default() });
        }
        let (_, header) = pcap::parse_pcap_header(&header)
            .map_err(|_| not_a_capture("it starts neither as pcap nor as pcapng, plain or in gzip"))?;
        // If bit 26 is set, bits 28 to 31 are the length of the FCS, in units of 2 bytes.
        let network = header.network.0 as u32;
        let fcs = if network & 1 << 26 != 0 { (network >> 28) as usize * 2 } else { 0 };
        let link = network & 0x03FF_FFFF;
        if link != ETHERNET {
            return Err(CaptureError::NotEthernet { path, link: format!("link type {link}") });
        }
        let format = Format::Classic { big: header.is_bigendian(), modified: header.is_modified_format(), fcs };
        Ok(Self { reader: Reader { input, bytes: Vec::new(), at: 24, format }, counters: Arc::default() })
    }

    /// Returns the counters, readable while the wire is plugged in.
    #[must_use]
    pub fn counters(&self) -> Arc<CaptureCounters> {
        Arc::clone(&self.counters)
    }
}

impl Wire for PcapInput {
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
        let counters = &self.counters;
        let count = |counter: &AtomicU64| _ = counter.fetch_add(1, Ordering::Relaxed);
        let mut given = 0;
        let mut padded = [0; SHORTEST];
        for _ in 0..RECORDS_IN_A_CALL {
            if given >= room || counters.is_done() {
                break;
            }
            match self.reader.next() {
                Ok(Some(Record::Other)) => continue,
                Ok(Some(Record::Cut)) => count(&counters.cut),
                Ok(Some(Record::NotEthernet)) => count(&counters.not_ethernet),
                Ok(Some(Record::Frame(data))) => match as_sent(data, &mut padded) {
                    None if data.len() > LONGEST => count(&counters.too_long),
                    None => count(&counters.empty),
                    Some(frame) => {
                        port(frame);
                        given += 1;
                    }
                },
                Ok(None) => {
                    counters.ended.store(true, Ordering::Release);
                    break;
                }
                Err(reason) => {
                    let (at, records) = (self.reader.at, counters.records.load(Ordering::Relaxed));
                    _ = counters.damage.set(format!("damaged at byte {at}, after record {records}: {reason}"));
                    counters.ended.store(true, Ordering::Release);
                    break;
                }
            }
            count(&counters.records);
        }
        counters.frames.fetch_add(given as u64, Ordering::Release);
    }

    fn transmit(&mut self, _frame: &[u8]) {}
}

/// A link partner that writes received frames to a pcap file, which is complete when the wire is dropped.
pub struct PcapOutput {
    writer: BufWriter<File>,
    started: std::time::Instant,
    written: Arc<AtomicU64>,
}

impl std::fmt::Debug for PcapOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PcapOutput").field("written", &self.written).finish_non_exhaustive()
    }
}

impl PcapOutput {
    /// Creates the capture file at `path`, or truncates it.
    ///
    /// # Errors
    ///
    /// Fails with [`CaptureError::Io`] if the file cannot be created.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref().to_owned();
        let file = File::create(&path).map_err(|error| CaptureError::Io { path: path.clone(), error })?;
        let mut writer = BufWriter::new(file);
        // Little-endian with nanoseconds, version 2.4, no time zone, the maximum record length, Ethernet.
        let words = [0xA1B2_3C4D, 0x0004_0002, 0, 0, u32::from(u16::MAX), ETHERNET];
        let header = words.map(u32::to_le_bytes);
        writer.write_all(header.as_flattened()).map_err(|error| CaptureError::Io { path, error })?;
        Ok(Self { writer, started: std::time::Instant::now(), written: Arc::default() })
    }

    /// Returns the counter of written frames, readable while the wire is plugged in.
    #[must_use]
    pub fn written(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.written)
    }
}

impl Wire for PcapOutput {
    fn receive(&mut self, _room: usize, _port: &mut dyn FnMut(&[u8])) {}

    fn transmit(&mut self, frame: &[u8]) {
        let time = self.started.elapsed();
        let len = frame.len() as u32;
        let head = [time.as_secs() as u32, time.subsec_nanos(), len, len].map(u32::to_le_bytes);
        // A full disk shows only in the counter: a wire has no way to report an error.
        if self.writer.write_all(head.as_flattened()).and_then(|()| self.writer.write_all(frame)).is_ok() {
            self.written.fetch_add(1, Ordering::Release);
        }
    }
}
