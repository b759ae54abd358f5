//! Capture files as wires.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

pub use crate::capture::CaptureError;
use crate::capture::{Content, Description, Item, LeftOut, Reader, Writer, is_stdout};
use crate::wire::Wire;

/// Maximum number of records read per call, so that a file of records without a frame does not hold up the port.
const RECORDS_IN_A_CALL: usize = 4096;

/// Counters of a [`PcapInput`], readable while it works.
#[derive(Debug, Default)]
pub struct CaptureCounters {
    frames: AtomicU64,
    left_out: [AtomicU64; LeftOut::ALL.len()],
    damage: OnceLock<String>,
    ended: AtomicBool,
}

impl CaptureCounters {
    /// Returns the number of frames given to the port.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Acquire)
    }

    /// Returns the number of records left out for this reason.
    #[must_use]
    pub fn left_out(&self, reason: LeftOut) -> u64 {
        self.left_out[reason as usize].load(Ordering::Acquire)
    }

    /// Returns the damage of the file, if any. Reading ends there.
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

/// A link partner that sends the frames of a capture file, as fast as the port takes them.
///
/// [`Reader`] says which files it reads.
#[derive(Debug)]
pub struct PcapInput {
    reader: Reader,
    counters: Arc<CaptureCounters>,
}

impl PcapInput {
    /// Opens the capture file at `path`.
    ///
    /// # Errors
    ///
    /// As [`Reader::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        Ok(Self { reader: Reader::open(path)?, counters: Arc::default() })
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
        let mut given = 0;
        for _ in 0..RECORDS_IN_A_CALL {
            if given >= room || counters.is_done() {
                break;
            }
            match self.reader.next_item() {
                Ok(Item::Record(record)) => match record.content {
                    Content::Frame(frame) => {
                        port(frame);
                        given += 1;
                    }
                    Content::LeftOut(reason) => _ = counters.left_out[reason as usize].fetch_add(1, Ordering::Release),
                },
                Ok(Item::Other) => {}
                Ok(Item::End) => counters.ended.store(true, Ordering::Release),
                Err(damage) => {
                    _ = counters.damage.set(damage.to_string());
                    counters.ended.store(true, Ordering::Release);
                }
            }
        }
        counters.frames.fetch_add(given as u64, Ordering::Release);
    }

    fn transmit(&mut self, _frame: &[u8]) {}
}

/// A link partner that writes received frames to a pcapng file, which is complete when the wire is dropped.
#[derive(Debug)]
pub struct PcapOutput {
    writer: Writer,
    started: Instant,
    written: Arc<AtomicU64>,
    failure: Arc<OnceLock<CaptureError>>,
}

impl PcapOutput {
    /// Creates the capture file at `path`, or truncates it.
    ///
    /// # Errors
    ///
    /// As [`Writer::create`]. [`CaptureError::Io`] if `path` is the standard output, by any name: what the program prints
    /// would be between the packets.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        if is_stdout(path) {
            let error = io::Error::new(ErrorKind::InvalidInput, "the program prints there: give the name of a file");
            return Err(CaptureError::Io { path: path.to_owned(), error });
        }
        let description =
            Description { name: "wire", description: "time since the file was created", ..Description::default() };
        let writer = Writer::create(path, None, &[description])?;
        Ok(Self { writer, started: Instant::now(), written: Arc::default(), failure: Arc::default() })
    }

    /// Returns the counter of written frames, readable while the wire is plugged in.
    #[must_use]
    pub fn written(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.written)
    }

    /// Returns the error that ended the file, if there is one: for certain when the wire is dropped.
    #[must_use]
    pub fn failure(&self) -> Arc<OnceLock<CaptureError>> {
        Arc::clone(&self.failure)
    }
}

impl Drop for PcapOutput {
    fn drop(&mut self) {
        self.writer.finish().unwrap_or_else(|error| _ = self.failure.set(error));
    }
}

impl Wire for PcapOutput {
    fn receive(&mut self, _room: usize, _port: &mut dyn FnMut(&[u8])) {}

    fn transmit(&mut self, frame: &[u8]) {
        // A wire has no way to report an error.
        match self.writer.packet(0, self.started.elapsed(), frame, frame.len(), None) {
            // A writer that has failed throws frames away.
            Ok(()) if self.failure.get().is_some() => {}
            Ok(()) => _ = self.written.fetch_add(1, Ordering::Release),
            Err(error) => _ = self.failure.set(error),
        }
    }
}
