//! The files of a writer: plain or compressed, one or a series, and whole packets only.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Compression as Level;
use flate2::write::GzEncoder;

use super::CaptureError;
use super::open_files::{self, OpenFile, STDOUT};

/// How a chunk of blocks becomes bytes of the file, which are readable whatever becomes of the next ones.
enum Compression {
    None,
    /// Each chunk is a member of its own.
    Gzip,
    /// The file is one frame, because Wireshark 4.0 misreads several. It is flushed after each chunk.
    #[cfg(feature = "zstd")]
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

impl Compression {
    /// Returns what the name of `path` asks for.
    fn of(path: &Path) -> Result<Self, CaptureError> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Ok(Self::Gzip),
            #[cfg(feature = "zstd")]
            // Its fastest level.
            Some("zst") => match zstd::Encoder::new(Vec::new(), 1) {
                Ok(encoder) => Ok(Self::Zstd(encoder)),
                Err(error) => Err(CaptureError::Io { path: path.to_owned(), error }),
            },
            #[cfg(not(feature = "zstd"))]
            Some("zst") => Err(CaptureError::WithoutFeature { path: path.to_owned(), feature: "zstd" }),
            _ => Ok(Self::None),
        }
    }
}

/// A file, or the files of a series one after the other.
pub(super) struct Output {
    path: PathBuf,
    file: File,
    compression: Compression,
    written: u64,
    /// Nothing more can be written: it failed, or the file has ended.
    is_over: bool,
    series: Option<Series>,
    _protection: Option<Arc<OpenFile>>,
}

/// The numbered files of a series.
#[derive(Debug)]
struct Series {
    path: PathBuf,
    number: u64,
    /// How many files stay, and those that are there.
    keep: Option<usize>,
    files: VecDeque<PathBuf>,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("path", &self.path).field("written", &self.written).finish_non_exhaustive()
    }
}

impl Output {
    pub(super) fn create(path: &Path) -> Result<Self, CaptureError> {
        let compression = Compression::of(path)?;
        let (file, _protection) = open_files::create(path)?;
        Ok(Self { path: path.to_owned(), file, compression, written: 0, is_over: false, series: None, _protection })
    }

    pub(super) fn create_series(path: &Path, keep: Option<usize>) -> Result<Self, CaptureError> {
        if path == Path::new(STDOUT) {
            let error = io::Error::new(ErrorKind::InvalidInput, "the standard output is one file, and no series");
            return Err(CaptureError::Io { path: path.to_owned(), error });
        }
        if path.file_name().is_none() {
            return Err(CaptureError::Io { path: path.to_owned(), error: ErrorKind::IsADirectory.into() });
        }
        let mut series = Series { path: path.to_owned(), number: 0, keep, files: VecDeque::new() };
        // Before the first file is created, and not when it is the turn of one that is open.
        series.present().iter().try_for_each(|path| open_files::check(path))?;
        let mut output = Self::create(&series.next_path())?;
        output.series = Some(series);
        Ok(output)
    }

    /// Goes on with the next file of a series, and removes one that need not be kept any more. Without a series, the file
    /// is the same.
    pub(super) fn next(&mut self) -> Result<(), CaptureError> {
        let Some(mut series) = self.series.take() else { return Ok(()) };
        self.finish()?;
        *self = Self::create(&series.next_path())?;
        while series.keep.is_some_and(|keep| series.files.len() > keep.max(1)) {
            // Somebody else may have removed or moved it.
            series.files.pop_front().map(std::fs::remove_file);
        }
        self.series = Some(series);
        Ok(())
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Writes whole blocks. If they do not fit, removes the part that is not whole.
    pub(super) fn write(&mut self, blocks: &[u8]) -> Result<(), CaptureError> {
        if self.is_over || blocks.is_empty() {
            return Ok(());
        }
        let (written, result) = match &mut self.compression {
            Compression::None => {
                let (written, result) = write_counted(&mut self.file, blocks);
                (whole_blocks(&blocks[..written]), result.map_err(|error| (error, written)))
            }
            Compression::Gzip => write_part(&mut self.file, compress(blocks)),
            #[cfg(feature = "zstd")]
            Compression::Zstd(encoder) => write_part(&mut self.file, add_to_frame(encoder, blocks)),
        };
        self.written += written as u64;
        result.map_err(|(error, all)| {
            self.is_over = true;
            // What is not a file, such as a pipe, has no position, and keeps what it has.
            if let Ok(end) = self.file.stream_position() {
                let whole = end.saturating_sub((all - written) as u64);
                _ = self.file.set_len(whole).and_then(|()| self.file.seek(SeekFrom::Start(whole)));
            }
            CaptureError::Write { path: self.path.clone(), error }
        })
    }

    /// Ends the file, also after a failed write.
    pub(super) fn finish(&mut self) -> Result<(), CaptureError> {
        self.is_over = true;
        #[cfg(feature = "zstd")]
        if let Compression::Zstd(encoder) = std::mem::replace(&mut self.compression, Compression::None) {
            // All chunks are flushed, so what is left is the mark of the frame's end.
            let (_, result) = write_part(&mut self.file, encoder.finish());
            return result.map_err(|(error, _)| CaptureError::Write { path: self.path.clone(), error });
        }
        Ok(())
    }
}

impl Series {
    /// Returns the path of the next file, which counts among the files from now on.
    fn next_path(&mut self) -> PathBuf {
        self.number += 1;
        let (stem, extensions) = self.name();
        let name = [stem, format!("-{:05}", self.number).as_bytes(), extensions].concat();
        let path = self.path.with_file_name(OsString::from_vec(name));
        self.files.push_back(path.clone());
        path
    }

    /// Returns the files of the directory that have names of the series.
    fn present(&self) -> Vec<PathBuf> {
        let (stem, extensions) = self.name();
        let is_named = |name: &OsString| {
            let rest = name.as_bytes().strip_prefix(stem).and_then(|rest| rest.strip_prefix(b"-"));
            let number = rest.and_then(|rest| rest.strip_suffix(extensions));
            number.is_some_and(|number| number.len() >= 5 && number.iter().all(u8::is_ascii_digit))
        };
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A directory that cannot be read, or is none, has no names to look for.
        let entries = directory.read_dir().into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name()).filter(is_named);
        names.map(|name| self.path.with_file_name(name)).collect()
    }

    /// Returns what stands before and after the number in the names of the files: bytes, which need not be text. A dot at
    /// the start hides a file, and begins no extension.
    fn name(&self) -> (&[u8], &[u8]) {
        let name = self.path.file_name().unwrap_or_default().as_bytes();
        let dot = name.iter().skip(1).position(|byte| *byte == b'.');
        name.split_at(dot.map_or(name.len(), |dot| dot + 1))
    }
}

/// A number of bytes that are whole, and if there were more to write an error with the number of bytes that were written.
type Written = (usize, Result<(), (io::Error, usize)>);

/// Writes a compressed part, which is whole or not.
fn write_part(file: &mut File, part: io::Result<Vec<u8>>) -> Written {
    match part {
        Ok(part) => match write_counted(file, &part) {
            (written, Ok(())) => (written, Ok(())),
            (written, Err(error)) => (0, Err((error, written))),
        },
        Err(error) => (0, Err((error, 0))),
    }
}

fn compress(blocks: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(blocks.len() / 2), Level::fast());
    encoder.write_all(blocks)?;
    encoder.finish()
}

/// Returns what a frame gains with these blocks.
#[cfg(feature = "zstd")]
fn add_to_frame(encoder: &mut zstd::Encoder<'static, Vec<u8>>, blocks: &[u8]) -> io::Result<Vec<u8>> {
    encoder.write_all(blocks)?;
    encoder.flush()?;
    Ok(std::mem::take(encoder.get_mut()))
}

/// Writes all of `bytes`, and returns how many were written.
fn write_counted(file: &mut File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match file.write(&bytes[written..]) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// Returns the length of the whole blocks at the start of `bytes`.
fn whole_blocks(bytes: &[u8]) -> usize {
    let mut whole = 0;
    while let Some(len) = bytes[whole..].get(4..8).and_then(<[u8]>::first_chunk) {
        let len = u32::from_le_bytes(*len) as usize;
        if len == 0 || bytes.len() - whole < len {
            break;
        }
        whole += len;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_blocks_of_a_part_are_found() {
        let block = |len: u32| [&[6, 0, 0, 0][..], &len.to_le_bytes(), &vec![0xFF; len as usize - 8]].concat();
        let blocks = [block(12), block(100), block(32)].concat();
        for (len, whole) in [(0, 0), (7, 0), (11, 0), (12, 12), (19, 12), (111, 12), (112, 112), (143, 112), (144, 144)]
        {
            assert_eq!(whole_blocks(&blocks[..len]), whole, "{len}");
        }
        // A length of 0 ends the search.
        assert_eq!(whole_blocks(&[0; 64]), 0);
    }

    #[test]
    fn files_of_a_series_are_numbered_before_their_extensions() {
        for (path, expected) in [
            ("a/dump.pcapng.gz", "a/dump-00001.pcapng.gz"),
            ("dump", "dump-00001"),
            ("a.b/dump", "a.b/dump-00001"),
            ("/dump.pcapng", "/dump-00001.pcapng"),
            ("a/.dump", "a/.dump-00001"),
            (".dump.pcapng", ".dump-00001.pcapng"),
        ] {
            let mut series = Series { path: path.into(), number: 0, keep: None, files: VecDeque::new() };
            assert_eq!(series.next_path(), Path::new(expected));
        }
        // Names that are no text stay what they are: as text, several would be one.
        let path = OsString::from_vec(b"dump\xFF.gz".into()).into();
        let mut series = Series { path, number: 0, keep: None, files: VecDeque::new() };
        assert_eq!(series.next_path().as_os_str().as_bytes(), b"dump\xFF-00001.gz");
        let error = Output::create_series(Path::new("a/.."), None).unwrap_err();
        assert!(error.to_string().contains("is a directory"), "{error}");
    }
}
