//! The capture files that this process reads and writes: none of them is overwritten.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::CaptureError;

/// The path that stands for the standard output.
pub(super) const STDOUT: &str = "-";

/// The files that are open.
static OPEN: Mutex<Vec<Weak<OpenFile>>> = Mutex::new(Vec::new());

/// A file that is not overwritten while this lives.
#[derive(Debug)]
pub(super) struct OpenFile {
    /// Device and inode: a file may have several paths.
    identity: (u64, u64),
    path: PathBuf,
}

/// A file, and its protection. Pipes and devices have none: they may be opened several times.
pub(super) type Opened = (File, Option<Arc<OpenFile>>);

/// Opens the file at `path` to read it.
pub(super) fn open(path: &Path) -> Result<Opened, CaptureError> {
    let io = |error| CaptureError::Io { path: path.to_owned(), error };
    let file = File::open(path).map_err(io)?;
    let protection = OpenFile::new(&file.metadata().map_err(io)?, path).map(Arc::new);
    lock().extend(protection.as_ref().map(Arc::downgrade));
    Ok((file, protection))
}

/// Creates the file at `path`, or truncates it unless it is open. The path `-` is the standard output as it is.
pub(super) fn create(path: &Path) -> Result<Opened, CaptureError> {
    let io = |error| CaptureError::Io { path: path.to_owned(), error };
    let is_stdout = path == Path::new(STDOUT);
    let file = if is_stdout {
        // Not through the lock of `stdout`, which would write line by line.
        io::stdout().as_fd().try_clone_to_owned().map(File::from)
    } else {
        // It may be open, so it keeps its contents until that is known.
        OpenOptions::new().write(true).create(true).truncate(false).open(path)
    };
    let file = file.map_err(io)?;
    let protection = OpenFile::new(&file.metadata().map_err(io)?, path).map(Arc::new);
    if let Some(protection) = &protection {
        let mut open = lock();
        protection.check(&open)?;
        open.push(Arc::downgrade(protection));
        if !is_stdout {
            file.set_len(0).map_err(io)?;
        }
    }
    Ok((file, protection))
}

/// Fails if there is a file at `path` and it is open.
pub(super) fn check(path: &Path) -> Result<(), CaptureError> {
    let file = path.metadata().ok().and_then(|metadata| OpenFile::new(&metadata, path));
    file.map_or(Ok(()), |file| file.check(&lock()))
}

/// Returns `true` if `path` leads to where the standard output goes. A device, such as /dev/null, may take both.
pub(crate) fn is_stdout(path: &Path) -> bool {
    let identity =
        |metadata: Metadata| (!metadata.file_type().is_char_device()).then(|| (metadata.dev(), metadata.ino()));
    let stdout = || io::stdout().as_fd().try_clone_to_owned().map(File::from).and_then(|file| file.metadata());
    let same = |file| stdout().ok().and_then(identity) == Some(file);
    path == Path::new(STDOUT) || path.metadata().ok().and_then(identity).is_some_and(same)
}

/// Returns the files that are open, and perhaps some that were.
fn lock() -> MutexGuard<'static, Vec<Weak<OpenFile>>> {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    open.retain(|file| file.strong_count() > 0);
    open
}

impl OpenFile {
    fn new(metadata: &Metadata, path: &Path) -> Option<Self> {
        let identity = (metadata.dev(), metadata.ino());
        metadata.is_file().then(|| Self { identity, path: path.to_owned() })
    }

    /// Fails if it is among those that are `open`. Only the standard output may be open twice.
    fn check(&self, open: &[Weak<Self>]) -> Result<(), CaptureError> {
        let is_same = |other: &Arc<Self>| {
            other.identity == self.identity && [&other.path, &self.path].iter().any(|path| *path != Path::new(STDOUT))
        };
        match open.iter().filter_map(Weak::upgrade).find(is_same) {
            Some(open) => Err(CaptureError::SameFile { path: self.path.clone(), open: open.path.clone() }),
            None => Ok(()),
        }
    }
}
