//! Writing: pcapng with nanoseconds, statistics, and several files one after the other.

use std::path::Path;
use std::time::Duration;

use ixgbe::port::Counters;

use super::output::Output;
use super::{CaptureError, ETHERNET, SECTION_HEADER, option};

/// The bytes that are gathered before they are compressed and written.
const CHUNK: usize = 256 << 10;
/// The types of blocks.
const INTERFACE: u32 = 1;
const STATISTICS: u32 = 5;
const PACKET: u32 = 6;
/// The resolution of time stamps: nanoseconds, as the negative power of 10.
const NANOSECONDS: u8 = 9;
/// The longest value of an option that is written. The length of an option has 16 bits.
const LONGEST_OPTION: usize = u16::MAX as usize - 3;

/// The description of an interface in the file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Description<'a> {
    /// Its name, such as a PCI address.
    pub name: &'a str,
    /// What it is, and whose clock stamps its packets.
    pub description: &'a str,
    /// The filter that selected its packets, in the syntax of tcpdump.
    pub filter: Option<&'a str>,
    /// The largest number of bytes written of a packet; 0 if there is no limit.
    pub snap: u32,
}

/// The counters of an interface, since it was started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// When it was started, since 1970.
    pub start: Duration,
    /// When the counters were read, since 1970.
    pub end: Duration,
    /// Packets that arrived, also those that were lost.
    pub received: u64,
    /// Packets that the device lost because its memory was full.
    pub dropped_by_device: u64,
    /// Packets lost because there was no buffer for them.
    pub dropped_by_system: u64,
    /// Packets that the filter accepted, or all of them.
    pub accepted: u64,
    /// Packets given to the writer.
    pub delivered: u64,
    /// Anything else that is to be said.
    pub comment: String,
}

impl Statistics {
    /// Returns the counters of a port, of whose packets `captured` were given to the writer and `filtered` were
    /// not selected by a filter. The comment has all of them.
    #[must_use]
    pub fn of_port(counters: &Counters, (start, end): (Duration, Duration), captured: u64, filtered: u64) -> Self {
        let lost = |wanted| counters.rx_lost.iter().filter(|(why, _)| *why == wanted).map(|(_, count)| count).sum();
        let missing = counters.rx_lost.iter().chain(&counters.rx_dropped);
        let missing = missing.map(|(why, count)| format!(", {why} {count}")).collect::<String>();
        Self {
            start,
            end,
            received: counters.rx_packets + counters.rx_lost.iter().map(|(_, count)| count).sum::<u64>(),
            dropped_by_device: lost("missed"),
            dropped_by_system: lost("no descriptor"),
            accepted: captured,
            delivered: captured,
            comment: format!("captured {captured}, filtered {filtered}{missing}"),
        }
    }
}

/// A writer of pcapng files.
///
/// Packets are gathered, and written in whole blocks. So a file that [cannot grow](CaptureError::Write) any more ends
/// behind a whole packet, and so does one whose program was killed. A file with `.gz` at the end of its name is compressed
/// with gzip. One with `.zst` is compressed with zstd, if this crate has the feature `zstd`. It is one frame, whose end only
/// [`finish`](Self::finish) writes, or the drop of the writer: without it, a reader gets all packets and may complain then.
pub struct Writer {
    output: Output,
    /// What begins each file: a section and its interfaces.
    header: Vec<u8>,
    /// Whole blocks that are not written yet.
    chunk: Vec<u8>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("output", &self.output).finish_non_exhaustive()
    }
}

impl Writer {
    /// Creates the file at `path`, or truncates it. The path `-` stands for the standard output.
    ///
    /// With a `series`, it is the first of numbered files. The number stands before the extensions of `path`:
    /// `dump.pcapng.gz` gives `dump-00001.pcapng.gz`. If the series has a number, only that many files stay: the last ones.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Io`] or [`CaptureError::Write`] if the file cannot be created or written, and
    /// [`CaptureError::WithoutFeature`]. [`CaptureError::SameFile`] if a [`Reader`](super::Reader) or a writer of this process
    /// has it open, by any path, or a file with a name of the series: it keeps its contents.
    pub fn create(
        path: impl AsRef<Path>,
        series: Option<Option<usize>>,
        interfaces: &[Description<'_>],
    ) -> Result<Self, CaptureError> {
        let output = match series {
            None => Output::create(path.as_ref())?,
            Some(keep) => Output::create_series(path.as_ref(), keep)?,
        };
        let mut header = Vec::new();
        block(&mut header, u32::from_le_bytes(SECTION_HEADER), |body| {
            // The magic number of the byte order, version 1.0, and a length of the section that is not known yet.
            body.extend([0x1A2B_3C4D_u32, 1].map(u32::to_le_bytes).as_flattened());
            body.extend(u64::MAX.to_le_bytes());
            add_option(body, option::OS, std::env::consts::OS.as_bytes());
            add_option(body, option::PROGRAM, concat!("ixgbe ", env!("CARGO_PKG_VERSION")).as_bytes());
            end_options(body);
        });
        for interface in interfaces {
            block(&mut header, INTERFACE, |body| {
                body.extend([ETHERNET, interface.snap].map(u32::to_le_bytes).as_flattened());
                add_option(body, option::NAME, interface.name.as_bytes());
                add_option(body, option::DESCRIPTION, interface.description.as_bytes());
                add_option(body, option::RESOLUTION, &[NANOSECONDS]);
                if let Some(filter) = interface.filter {
                    // The first byte says that it is text.
                    add_option(body, option::FILTER, &[&[0], filter.as_bytes()].concat());
                }
                end_options(body);
            });
        }
        let mut writer = Self { output, chunk: header.clone(), header };
        writer.flush()?;
        Ok(writer)
    }

    /// Adds a packet of the interface with this number, counted from 0 in the order of the descriptions. `data` is what
    /// is kept of the `on_wire` bytes of the frame, and `stamp` its time since 1970.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Write`].
    pub fn packet(
        &mut self,
        interface: u32,
        stamp: Duration,
        data: &[u8],
        on_wire: usize,
        comment: Option<&str>,
    ) -> Result<(), CaptureError> {
        self.add(PACKET, |body| {
            let [high, low] = halves(stamp);
            let words = [interface, high, low, data.len() as u32, on_wire as u32];
            body.extend(words.map(u32::to_le_bytes).as_flattened());
            body.extend(data);
            pad(body);
            if let Some(comment) = comment {
                add_option(body, option::COMMENT, comment.as_bytes());
                end_options(body);
            }
        })
    }

    /// Adds the counters of an interface. The last ones of a file count.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Write`].
    pub fn statistics(&mut self, interface: u32, statistics: &Statistics) -> Result<(), CaptureError> {
        self.add(STATISTICS, |body| {
            let [high, low] = halves(statistics.end);
            body.extend([interface, high, low].map(u32::to_le_bytes).as_flattened());
            add_option(body, option::COMMENT, statistics.comment.as_bytes());
            add_option(body, option::START, halves(statistics.start).map(u32::to_le_bytes).as_flattened());
            add_option(body, option::END, halves(statistics.end).map(u32::to_le_bytes).as_flattened());
            for (code, count) in [
                (option::RECEIVED, statistics.received),
                (option::DROPPED_BY_DEVICE, statistics.dropped_by_device),
                (option::ACCEPTED, statistics.accepted),
                (option::DROPPED_BY_SYSTEM, statistics.dropped_by_system),
                (option::DELIVERED, statistics.delivered),
            ] {
                add_option(body, code, &count.to_le_bytes());
            }
            end_options(body);
        })
    }

    fn add(&mut self, kind: u32, fill: impl FnOnce(&mut Vec<u8>)) -> Result<(), CaptureError> {
        block(&mut self.chunk, kind, fill);
        if self.chunk.len() < CHUNK { Ok(()) } else { self.flush() }
    }

    /// Writes what was gathered. The file is then complete up to here.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Write`]. Then the writer is over: what is added later is thrown away.
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        let result = self.output.write(&self.chunk);
        self.chunk.clear();
        result
    }

    /// Writes what was gathered, and ends the file: what is added later is thrown away.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Write`].
    pub fn finish(&mut self) -> Result<(), CaptureError> {
        let flushed = self.flush();
        flushed.and(self.output.finish())
    }

    /// Returns the number of bytes in the file, without those that are still gathered.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.output.written()
    }

    /// Ends this file of a [series](Self::create), and starts the next one.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn next_file(&mut self) -> Result<(), CaptureError> {
        self.flush()?;
        self.output.next()?;
        self.chunk.extend(&self.header);
        self.flush()
    }
}

impl Drop for Writer {
    /// Writes what was gathered, and ends the file. Only [`finish`](Self::finish) reports an error.
    fn drop(&mut self) {
        _ = self.finish();
    }
}

/// Returns a time in nanoseconds, as two words.
fn halves(time: Duration) -> [u32; 2] {
    let nanoseconds = time.as_nanos() as u64;
    [(nanoseconds >> 32) as u32, nanoseconds as u32]
}

/// Appends a block to `to`, whose body `fill` appends.
fn block(to: &mut Vec<u8>, kind: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = to.len();
    to.extend([kind, 0].map(u32::to_le_bytes).as_flattened());
    fill(to);
    let len = (to.len() - start + size_of::<u32>()) as u32;
    to[start + 4..start + 8].copy_from_slice(&len.to_le_bytes());
    to.extend(len.to_le_bytes());
}

/// Pads a body to whole words. The body of each block begins at a whole word.
fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

/// Appends an option, unless it is empty: an empty one says nothing.
fn add_option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(LONGEST_OPTION)];
    if !value.is_empty() {
        body.extend([code, value.len() as u16].map(u16::to_le_bytes).as_flattened());
        body.extend(value);
        pad(body);
    }
}

fn end_options(body: &mut Vec<u8>) {
    body.extend([0; 4]);
}
