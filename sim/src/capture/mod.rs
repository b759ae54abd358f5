//! Capture files: what they hold, read and written.
//!
//! A [`Reader`] reads classic pcap and pcapng, and a [`Writer`] writes pcapng. With the feature `filter`, a
//! `Filter` selects packets by an expression in the syntax of tcpdump. The wires of [`wire::pcap`](crate::wire::pcap)
//! connect a file to a port.

use std::path::PathBuf;

#[cfg(feature = "filter")]
mod filter;
mod open_files;
mod output;
mod read;
mod write;

#[cfg(feature = "filter")]
pub use filter::{Filter, FilterError};
pub(crate) use open_files::is_stdout;
pub use read::{Content, Damage, Interface, Item, LeftOut, Reader, Record};
pub use write::{Description, Statistics, Writer};

/// The link type of Ethernet.
const ETHERNET: u32 = 1;
/// The first bytes of a pcapng section, the same in both byte orders.
const SECTION_HEADER: [u8; 4] = [0x0A, 0x0D, 0x0D, 0x0A];

/// The number of an option, in the block that has it.
mod option {
    /// A comment, in any block.
    pub(super) const COMMENT: u16 = 1;
    /// The operating system and the program that wrote a section.
    pub(super) const OS: u16 = 3;
    pub(super) const PROGRAM: u16 = 4;
    /// An interface's name, description, resolution of time stamps, filter, length of the FCS, and the start of its time
    /// stamps.
    pub(super) const NAME: u16 = 2;
    pub(super) const DESCRIPTION: u16 = 3;
    pub(super) const RESOLUTION: u16 = 9;
    pub(super) const FILTER: u16 = 11;
    pub(super) const FCS_LENGTH: u16 = 13;
    pub(super) const TIME_OFFSET: u16 = 14;
    /// The flags of a packet.
    pub(super) const FLAGS: u16 = 2;
    /// In statistics: when they start and end, and packets received, dropped by the device, accepted by the filter,
    /// dropped by the system, delivered.
    pub(super) const START: u16 = 2;
    pub(super) const END: u16 = 3;
    pub(super) const RECEIVED: u16 = 4;
    pub(super) const DROPPED_BY_DEVICE: u16 = 5;
    pub(super) const ACCEPTED: u16 = 6;
    pub(super) const DROPPED_BY_SYSTEM: u16 = 7;
    pub(super) const DELIVERED: u16 = 8;
}

/// The error of a capture file that cannot be read or written.
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
    /// The file cannot be written any further. It ends behind a whole packet, unless it is a pipe.
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The file cannot be created: this process reads or writes it already, perhaps by another path.
    SameFile {
        /// The file.
        path: PathBuf,
        /// The path by which it is open.
        open: PathBuf,
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
    /// The file is compressed in a way for which this crate was built without a feature.
    WithoutFeature {
        /// The file.
        path: PathBuf,
        /// The feature.
        feature: &'static str,
    },
}

impl std::fmt::Display for CaptureError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "cannot access capture file {}: {error}", path.display()),
            Self::Write { path, error } if error.kind() == std::io::ErrorKind::BrokenPipe => {
                write!(f, "cannot write {}: its reader has closed it", path.display())
            }
            Self::Write { path, error } => {
                write!(f, "cannot write {}: {error}: it ends behind the last packet that fits", path.display())
            }
            Self::SameFile { path, open } => write!(
                f,
                "cannot write {}: this program reads or writes that file already, as {}: give another name",
                path.display(),
                open.display()
            ),
            Self::NotACapture { path, reason } => write!(f, "{} is not a capture file: {reason}", path.display()),
            Self::NotEthernet { path, link } => {
                write!(f, "{} is not an Ethernet capture: it has {link}", path.display())
            }
            Self::WithoutFeature { path, feature } => {
                write!(f, "{} needs the feature `{feature}` of ixgbe-sim: build with it", path.display())
            }
        }
    }
}

impl std::error::Error for CaptureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } | Self::Write { error, .. } => Some(error),
            _ => None,
        }
    }
}
