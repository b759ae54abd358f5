//! The file systems in which the kernel shows devices, and access to their small files.

use std::borrow::ToOwned;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::string::String;
use std::vec::Vec;

use crate::linux::{Error, PciAddress, ip_address};

/// The directories in which the kernel shows devices. Tests provide their own.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// `/sys`
    pub(crate) sysfs: PathBuf,
    /// `/proc`
    pub(crate) proc: PathBuf,
    /// `/dev`
    pub(crate) dev: PathBuf,
    /// A function that returns an address of the network interface of this name, if it has one.
    pub(crate) address_of: fn(&str) -> Option<String>,
}

impl Default for Host {
    fn default() -> Self {
        Self { sysfs: "/sys".into(), proc: "/proc".into(), dev: "/dev".into(), address_of: ip_address::address_of }
    }
}

impl Host {
    /// Returns the directory of the function at `address`.
    pub(crate) fn function(&self, address: PciAddress) -> PathBuf {
        self.sysfs.join("bus/pci/devices").join(std::format!("{address}"))
    }

    /// Returns the directory of the PCI driver `name`.
    pub(crate) fn driver(&self, name: &str) -> PathBuf {
        self.sysfs.join("bus/pci/drivers").join(name)
    }
}

/// The greatest number of bytes to read from a file. The kernel's files that are read here are shorter.
const LONGEST: u64 = 1 << 20;

/// What the configuration space of a function must hold.
pub(crate) const SAME_IDS: &str = "the ids that the files `vendor` and `device` hold";

/// Returns the text of a file, without white space around it.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    let failed = |error: &io::Error| Error::system("read", path, error);
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes)).map_err(|error| failed(&error))?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Writes `text` to an existing file in one system call, as the kernel requires.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    let written = OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Error::system("write to", path, &error))
}

/// Returns the hexadecimal number in a file, with or without `0x`.
pub(crate) fn read_hex(path: &Path, expected: &'static str) -> Result<u64, Error> {
    let text = read(path)?;
    hex(&text).ok_or_else(|| malformed(path, expected, &text))
}

pub(crate) fn hex(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u64::from_str_radix(digits, 16).ok())?
}

pub(crate) fn malformed(path: &Path, expected: &'static str, found: &str) -> Error {
    Error::UnexpectedContents { path: path.to_owned(), expected, found: found.chars().take(80).collect() }
}

/// Returns the last component of the target of the link at `path`, or `None` if there is no link.
pub(crate) fn link_name(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_link(path) {
        Ok(target) => match target.file_name().and_then(OsStr::to_str) {
            Some(name) => Ok(Some(name.to_owned())),
            None => Err(malformed(path, "a link to a directory", &target.to_string_lossy())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::system("follow the link", path, &error)),
    }
}

/// Returns the sorted names of the entries of a directory; none if there is no directory.
pub(crate) fn list(path: &Path) -> Result<Vec<String>, Error> {
    let failed = |error: &io::Error| Error::system("list", path, error);
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(&error)),
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<io::Result<Vec<_>>>().map_err(|error| failed(&error))?;
    names.sort();
    Ok(names)
}
