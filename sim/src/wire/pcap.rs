//! Capture files as wires: classic pcap and pcapng.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapReader, PcapWriter, RawPcapPacket};
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::{DataLink, PcapError, TsResolution};

use super::{Wire, as_sent};
use crate::receive::SHORTEST;

/// How a pcapng file starts.
const SECTION_HEADER: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];

/// Why a capture file cannot be a wire.
#[derive(Debug)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file cannot be opened, read or made.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is neither pcap nor pcapng.
    NotACapture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file holds frames of something else than Ethernet.
    NotEthernet {
        /// The file.
        path: PathBuf,
        /// What it holds.
        link: String,
    },
}

impl std::fmt::Display for CaptureError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::NotACapture { path, reason } => write!(f, "{} is not a capture file: {reason}", path.display()),
            Self::NotEthernet { path, link } => write!(f, "{} holds no Ethernet frames, but {link}", path.display()),
        }
    }
}

impl std::error::Error for CaptureError {}

/// What a [`PcapInput`] has read, readable while it works.
#[derive(Debug, Default)]
pub struct CaptureCounters {
    frames: AtomicU64,
    cut: AtomicU64,
    unfit: AtomicU64,
    damaged: AtomicBool,
    ended: AtomicBool,
}

impl CaptureCounters {
    /// Frames given to the port.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Acquire)
    }

    /// Records left out because the capture cut them short.
    #[must_use]
    pub fn cut(&self) -> u64 {
        self.cut.load(Ordering::Acquire)
    }

    /// Records left out because no wire carries them: empty, above 16 KB, or not Ethernet.
    #[must_use]
    pub fn unfit(&self) -> u64 {
        self.unfit.load(Ordering::Acquire)
    }

    /// Whether the file ends within a record or is damaged there; nothing is read from there on.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    /// Whether all was read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

type Input = BufReader<Box<dyn Read + Send>>;

enum Reader {
    Classic(PcapReader<Input>),
    Next(Box<PcapNgReader<Input>>),
}

/// A partner that sends the frames of a capture file, as fast as the port takes them. Frames below
/// 60 bytes are padded, as a MAC does.
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
    /// [`CaptureError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref().to_owned();
        let io = |error| CaptureError::Io { path: path.clone(), error };
        let not_a_capture = |reason: String| CaptureError::NotACapture { path: path.clone(), reason };
        let mut file = File::open(&path).map_err(io)?;
        let mut magic = Vec::new();
        (&mut file).take(4).read_to_end(&mut magic).map_err(io)?;
        let is_next = magic == SECTION_HEADER;
        let whole: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(magic).chain(file));
        let input = BufReader::new(whole);
        let reader = if is_next {
            let reader = PcapNgReader::new(input).map_err(|error| not_a_capture(error.to_string()))?;
            Reader::Next(Box::new(reader))
        } else {
            let reader = PcapReader::new(input).map_err(|error| not_a_capture(error.to_string()))?;
            let link = reader.header().datalink;
            if link != DataLink::ETHERNET {
                return Err(CaptureError::NotEthernet { path, link: format!("{link:?}") });
            }
            Reader::Classic(reader)
        };
        Ok(Self { reader, counters: Arc::default() })
    }

    /// What was read; stays readable when the wire is plugged in.
    #[must_use]
    pub fn counters(&self) -> Arc<CaptureCounters> {
        Arc::clone(&self.counters)
    }
}

/// What a record of a capture is.
enum Record<'a> {
    Frame(&'a [u8]),
    Cut,
    Unfit,
    Other,
}

impl<'a> Record<'a> {
    fn new(data: &'a [u8], on_wire: u32, is_ethernet: bool) -> Self {
        match data.len() {
            _ if !is_ethernet => Self::Unfit,
            len if len < on_wire as usize => Self::Cut,
            _ => Self::Frame(data),
        }
    }
}

/// Reads the next record and gives it to `take`. Returns whether there was one.
fn next_record(reader: &mut Reader, take: impl FnOnce(Record<'_>)) -> Result<bool, PcapError> {
    match reader {
        Reader::Classic(reader) => match reader.next_raw_packet().transpose()? {
            None => return Ok(false),
            Some(packet) => take(Record::new(&packet.data, packet.orig_len, true)),
        },
        Reader::Next(reader) => {
            let links: [Option<DataLink>; 2] = {
                let interfaces = reader.interfaces();
                [interfaces.first(), interfaces.iter().find(|interface| interface.linktype != DataLink::ETHERNET)]
                    .map(|interface| interface.map(|interface| interface.linktype))
            };
            let other: Vec<u32> = match links[1] {
                None => Vec::new(),
                Some(_) => {
                    let interfaces = reader.interfaces().iter().enumerate();
                    let other = interfaces.filter(|(_, interface)| interface.linktype != DataLink::ETHERNET);
                    other.map(|(index, _)| index as u32).collect()
                }
            };
            match reader.next_block().transpose()? {
                None => return Ok(false),
                Some(Block::EnhancedPacket(packet)) => {
                    take(Record::new(&packet.data, packet.original_len, !other.contains(&packet.interface_id)));
                }
                Some(Block::SimplePacket(packet)) => {
                    take(Record::new(&packet.data, packet.original_len, !other.contains(&0)));
                }
                Some(Block::Packet(packet)) => {
                    let interface = u32::from(packet.interface_id);
                    take(Record::new(&packet.data, packet.original_len, !other.contains(&interface)));
                }
                Some(_) => take(Record::Other),
            }
        }
    }
    Ok(true)
}

impl Wire for PcapInput {
    fn receive(&mut self, room: usize, port: &mut dyn FnMut(&[u8])) {
        let counters = &self.counters;
        let mut given = 0;
        let mut padded = [0; SHORTEST];
        while given < room && !counters.is_done() {
            let result = next_record(&mut self.reader, |record| match record {
                Record::Other => {}
                Record::Cut => _ = counters.cut.fetch_add(1, Ordering::Relaxed),
                Record::Unfit => _ = counters.unfit.fetch_add(1, Ordering::Relaxed),
                Record::Frame(data) => match as_sent(data, &mut padded) {
                    None => _ = counters.unfit.fetch_add(1, Ordering::Relaxed),
                    Some(frame) => {
                        port(frame);
                        given += 1;
                    }
                },
            });
            match result {
                Ok(true) => {}
                Ok(false) => counters.ended.store(true, Ordering::Release),
                Err(_) => {
                    counters.damaged.store(true, Ordering::Release);
                    counters.ended.store(true, Ordering::Release);
                }
            }
        }
        counters.frames.fetch_add(given as u64, Ordering::Release);
    }

    fn transmit(&mut self, _frame: &[u8]) {}
}

/// A partner that writes what it receives to a pcap file, which is complete when the wire is dropped.
pub struct PcapOutput {
    writer: PcapWriter<BufWriter<File>>,
    started: std::time::Instant,
    written: Arc<AtomicU64>,
}

impl std::fmt::Debug for PcapOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PcapOutput").field("written", &self.written).finish_non_exhaustive()
    }
}

impl PcapOutput {
    /// Makes the capture file at `path`, or empties it.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Io`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref().to_owned();
        let file = File::create(&path).map_err(|error| CaptureError::Io { path: path.clone(), error })?;
        let header = PcapHeader {
            snaplen: u32::from(u16::MAX),
            datalink: DataLink::ETHERNET,
            ts_resolution: TsResolution::NanoSecond,
            ..PcapHeader::default()
        };
        let writer = PcapWriter::with_header(BufWriter::new(file), header).map_err(|error| {
            let error = std::io::Error::other(error.to_string());
            CaptureError::Io { path, error }
        })?;
        Ok(Self { writer, started: std::time::Instant::now(), written: Arc::default() })
    }

    /// How many frames were written; stays readable when the wire is plugged in.
    #[must_use]
    pub fn written(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.written)
    }
}

impl Wire for PcapOutput {
    fn receive(&mut self, _room: usize, _port: &mut dyn FnMut(&[u8])) {}

    fn transmit(&mut self, frame: &[u8]) {
        let time: Duration = self.started.elapsed();
        let len = frame.len() as u32;
        let packet = RawPcapPacket {
            ts_sec: time.as_secs() as u32,
            ts_frac: time.subsec_nanos(),
            incl_len: len,
            orig_len: len,
            data: frame.into(),
        };
        // A full disk shows in the count: a wire has nobody to tell.
        if self.writer.write_raw_packet(&packet).is_ok() {
            self.written.fetch_add(1, Ordering::Release);
        }
    }
}
