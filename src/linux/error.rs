//! Errors of the Linux platforms, each with its remedy.

use core::fmt;
use std::borrow::ToOwned;
use std::io;
use std::path::{Path, PathBuf};
use std::string::String;
use std::vec::Vec;

use crate::linux::{NumaNode, PciAddress};
use crate::mmio::UnusableMapping;
use crate::port::Down;

/// An error number of the system.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

impl Errno {
    /// Returns the error of this thread's last system call.
    pub(crate) fn last() -> Self {
        Self::from(&io::Error::last_os_error())
    }

    fn is_permission(self) -> bool {
        matches!(self.0, libc::EACCES | libc::EPERM)
    }
}

impl From<&io::Error> for Errno {
    fn from(error: &io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The use of a network interface by the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InUse {
    /// It has an address.
    IpAddress(String),
    /// A route goes over it.
    Route,
    /// Another interface is on top of it: a bond, a bridge or a VLAN.
    Upper(String),
}

impl fmt::Display for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IpAddress(address) => write!(f, "has the address {address}"),
            Self::Route => f.write_str("carries a route"),
            Self::Upper(upper) => write!(f, "is part of {upper}"),
        }
    }
}

/// A failure to open a PCI function, or to allocate or map memory for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// There is no PCI function at this address.
    NoSuchFunction {
        /// The address.
        address: PciAddress,
    },
    /// The function is not an 82599's physical function.
    NotAn82599 {
        /// The function.
        address: PciAddress,
        /// Its vendor id.
        vendor: u16,
        /// Its device id.
        device: u16,
        /// A description of the function.
        what: String,
    },
    /// A file of the kernel has unexpected contents.
    UnexpectedContents {
        /// The file.
        path: PathBuf,
        /// The expected contents.
        expected: &'static str,
        /// The contents, or the beginning of them.
        found: String,
    },
    /// An operation on a file failed.
    System {
        /// The operation.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        errno: Errno,
    },
    /// The kernel uses the function's network interface.
    InterfaceInUse {
        /// The function.
        address: PciAddress,
        /// Its interface.
        interface: String,
        /// The use of the interface.
        because: InUse,
    },
    /// A kernel driver has the function, but its network interface is not visible in this network namespace.
    InterfaceHidden {
        /// The function.
        address: PciAddress,
        /// The driver.
        driver: String,
    },
    /// BAR0 is not 64-bit memory.
    NotMemory64 {
        /// The function.
        address: PciAddress,
        /// The kind of BAR0.
        found: &'static str,
    },
    /// BAR0 has a size that an 82599 cannot have, or its file has another size.
    BarSize {
        /// The function.
        address: PciAddress,
        /// The size of BAR0 in bytes.
        bar: u64,
        /// The size of its file in bytes.
        file: u64,
        /// The size of the registers in bytes.
        needed: u32,
    },
    /// Registers are not inside of their BAR.
    OutsideOfBar {
        /// The function.
        address: PciAddress,
        /// The BAR.
        bar: u8,
        /// The offset of the registers in the BAR, in bytes.
        offset: u64,
        /// Their length in bytes.
        len: u32,
        /// The size of the BAR in bytes.
        size: u64,
    },
    /// The mapping of registers is too short or misaligned.
    UnusableMapping(UnusableMapping),
    /// Another process, or another handle in this one, drives the function.
    AlreadyDriven {
        /// The function.
        address: PciAddress,
    },
    /// The function cannot return to the kernel's driver, because this process still drives it.
    StillDriven {
        /// The function.
        address: PciAddress,
    },
    /// There are no huge pages left.
    NoHugePages {
        /// Their size in bytes.
        size: usize,
        /// The number requested.
        count: usize,
        /// The NUMA node that must have them, if one was required.
        node: Option<NumaNode>,
        /// The system's error.
        errno: Errno,
    },
    /// The kernel refuses memory of the NUMA node that [`Placement::Require`](crate::linux::Placement::Require) names.
    NodeRefused {
        /// The node.
        node: NumaNode,
        /// The system's error.
        errno: Errno,
    },
    /// The kernel hides physical addresses from this process.
    AddressesHidden,
    /// The pagemap shows a page of locked memory as not present.
    PageNotPresent {
        /// Its address in this process.
        address: usize,
        /// Its entry in the pagemap.
        entry: u64,
    },
    /// The pagemap shows a huge page that is not contiguous.
    NotContiguous {
        /// Its address in this process.
        address: usize,
    },
    /// The function cannot use physical addresses, because its IOMMU translates addresses.
    IommuTranslates {
        /// The function.
        address: PciAddress,
        /// The kernel's name for the type of the IOMMU domain.
        kind: String,
    },
    /// The function is behind no IOMMU.
    NoIommuGroup {
        /// The function.
        address: PciAddress,
    },
    /// The function is not bound to the driver vfio-pci.
    NotBoundToVfio {
        /// The function.
        address: PciAddress,
        /// The driver that it is bound to.
        driver: Option<String>,
    },
    /// The kernel has no VFIO.
    NoVfio {
        /// The missing file.
        path: PathBuf,
        /// The system's error.
        errno: Errno,
    },
    /// This user may not open a file of VFIO.
    VfioPermissionDenied {
        /// The file.
        path: PathBuf,
        /// The system's error.
        errno: Errno,
    },
    /// Another container, perhaps of another process, has the IOMMU group.
    GroupBusy {
        /// The function.
        address: PciAddress,
        /// Its group.
        group: u32,
    },
    /// Kernel drivers use other functions of the IOMMU group.
    GroupNotViable {
        /// The function.
        address: PciAddress,
        /// Its group.
        group: u32,
        /// The others, and their drivers.
        others: Vec<(String, String)>,
    },
    /// The function is bound to vfio-pci without an IOMMU.
    NoIommuMode {
        /// The function.
        address: PciAddress,
        /// The file of its group.
        path: PathBuf,
    },
    /// The kernel's VFIO lacks a feature that this crate needs.
    VfioTooOld {
        /// The missing feature.
        what: &'static str,
    },
    /// The kernel's information about an IOMMU is inconsistent.
    BadIommuInfo {
        /// The inconsistency.
        what: &'static str,
    },
    /// A request to VFIO failed.
    Vfio {
        /// The function.
        address: PciAddress,
        /// The request.
        request: &'static str,
        /// The system's error.
        errno: Errno,
    },
    /// Memory cannot be mapped in the IOMMU.
    DmaMapFailed {
        /// The number of bytes to map.
        len: usize,
        /// The system's error.
        errno: Errno,
        /// The number of bytes that this process may lock, if there is a limit.
        limit: Option<u64>,
    },
    /// The device has fewer MSI-X vectors than needed.
    TooFewVectors {
        /// The function.
        address: PciAddress,
        /// The number needed.
        needed: u32,
        /// The number that the device has.
        had: u32,
    },
    /// The queue that was to be waited for cannot receive.
    Down(Down),
}

impl Error {
    pub(crate) fn system(doing: &'static str, path: &Path, error: &io::Error) -> Self {
        Self::System { doing, path: path.to_owned(), errno: error.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchFunction { address } => {
                write!(f, "there is no PCI function {address}: `lspci -D` lists those that exist")
            }
            Self::NotAn82599 { address, vendor, device, what } => write!(
                f,
                "{address} is {what} ({vendor:04x}:{device:04x}); this driver supports only physical functions of the \
                 82599"
            ),
            Self::UnexpectedContents { path, expected, found } => {
                write!(f, "unexpected contents of {}: expected {expected}, found {found:?}", path.display())
            }
            Self::System { doing, path, errno } => {
                write!(f, "cannot {doing} {}: {errno}", path.display())?;
                match errno {
                    errno if !errno.is_permission() => Ok(()),
                    _ if *doing == "map" => f.write_str(
                        ": sysfs needs root and a kernel that is not locked down (see /sys/kernel/security/lockdown); \
                         VFIO needs neither",
                    ),
                    _ => f.write_str(": sysfs needs root; VFIO does not"),
                }
            }
            Self::InterfaceInUse { address, interface, because } => write!(
                f,
                "{address} is the network interface {interface}, which is up and {because}: \
                 set SysfsOptions::take_interface to take it anyway, or run `ip link set {interface} down`"
            ),
            Self::InterfaceHidden { address, driver } => write!(
                f,
                "{address} belongs to the kernel driver {driver}, but its network interface is not visible and may be \
                 in another network namespace: release it there, or set SysfsOptions::take_interface to take it anyway"
            ),
            Self::NotMemory64 { address, found } => {
                write!(f, "BAR0 of {address} is {found}: it must be 64-bit memory (datasheet 9.3.6.1)")
            }
            Self::BarSize { address, bar, file, needed } => write!(
                f,
                "BAR0 of {address} has {bar:#x} bytes and its file has {file:#x}: \
                 both must be the same power of two, and at least {needed:#x} (datasheet 8.1)"
            ),
            Self::OutsideOfBar { address, bar, offset, len, size } => write!(
                f,
                "BAR{bar} of {address} has {size:#x} bytes, so {len:#x} bytes of registers cannot be at {offset:#x}"
            ),
            Self::UnusableMapping(error) => error.fmt(f),
            Self::AlreadyDriven { address } => {
                write!(
                    f,
                    "{address} is driven already, by another process or another handle in this one: end that process, \
                     or drop that handle"
                )
            }
            Self::StillDriven { address } => {
                write!(
                    f,
                    "cannot give {address} back to the kernel while this process drives it: drop the device first"
                )
            }
            Self::NoHugePages { size, count, node: Some(node), errno } => {
                let (kib, number, more) = (size / 1024, node.0, (*count).max(64));
                write!(
                    f,
                    "no {count} huge pages of {kib} KiB are free on {node} ({errno}): as root, `echo {more} > \
                     /sys/devices/system/node/node{number}/hugepages/hugepages-{kib}kB/nr_hugepages`"
                )
            }
            Self::NoHugePages { size, count, node: None, errno } => {
                let kib = size / 1024;
                write!(f, "no {count} huge pages of {kib} KiB are free ({errno}): ")?;
                if kib == 2048 {
                    write!(f, "`echo {} > /proc/sys/vm/nr_hugepages` as root reserves more", (*count).max(64))
                } else {
                    write!(f, "as root, write a number to /sys/kernel/mm/hugepages/hugepages-{kib}kB/nr_hugepages")
                }
            }
            Self::NodeRefused { node, errno } => write!(
                f,
                "cannot require memory of {node}: {errno}: the node must exist and have memory, and this process must \
                 be allowed to use it (Mems_allowed_list in /proc/self/status) and to call mbind"
            ),
            Self::AddressesHidden => f.write_str(
                "the kernel hides physical addresses from this process (frame number 0 in /proc/self/pagemap): \
                 it needs the capability CAP_SYS_ADMIN, so run it as root, or use VFIO, which needs neither",
            ),
            Self::PageNotPresent { address, entry } => write!(
                f,
                "the page at {address:#x} is not in memory (its entry in /proc/self/pagemap is {entry:#x}), so it has \
                 no physical address for the device"
            ),
            Self::NotContiguous { address } => {
                write!(f, "the huge page at {address:#x} is not contiguous according to /proc/self/pagemap")
            }
            Self::IommuTranslates { address, kind } => write!(
                f,
                "{address} is behind an IOMMU that translates its addresses (its group has the type {kind}), so it \
                 cannot use physical addresses: use VFIO, or boot the kernel with iommu=pt"
            ),
            Self::NoIommuGroup { address } => write!(
                f,
                "{address} is in no IOMMU group: switch the IOMMU on in the firmware (VT-d, AMD-Vi) and boot the \
                 kernel with intel_iommu=on on Intel; without an IOMMU only sysfs works"
            ),
            Self::NotBoundToVfio { address, driver } => {
                match driver {
                    Some(driver) => {
                        write!(f, "{address} is bound to the driver {driver} and not to vfio-pci; as root: ")?
                    }
                    None => write!(f, "{address} is bound to no driver and not to vfio-pci; as root: ")?,
                }
                f.write_str("`modprobe vfio-pci; ")?;
                write!(f, "echo vfio-pci > /sys/bus/pci/devices/{address}/driver_override; ")?;
                if driver.is_some() {
                    write!(f, "echo {address} > /sys/bus/pci/devices/{address}/driver/unbind; ")?;
                }
                write!(f, "echo {address} > /sys/bus/pci/drivers_probe`")
            }
            Self::NoVfio { path, errno } => {
                write!(f, "{} cannot be opened ({errno}): is the module loaded? `modprobe vfio-pci`", path.display())
            }
            Self::VfioPermissionDenied { path, errno } => write!(
                f,
                "{path} cannot be opened ({errno}): give it to this user, as root: `chown USER {path}`, or \
                 permanently with a udev rule such as SUBSYSTEM==\"vfio\", GROUP=\"vfio\", MODE=\"0660\"",
                path = path.display()
            ),
            Self::GroupBusy { address, group } => write!(
                f,
                "the IOMMU group {group} of {address} is in use by another process, or by another container of this \
                 one: functions of one group must be opened from one container"
            ),
            Self::GroupNotViable { address, group, others } => {
                write!(f, "the IOMMU group {group} of {address} has functions that kernel drivers use:")?;
                for (other, driver) in others {
                    write!(f, " {other} ({driver})")?;
                }
                f.write_str("; bind all of them to vfio-pci, or unbind them")
            }
            Self::NoIommuMode { address, path } => write!(
                f,
                "{address} is bound to vfio-pci without an IOMMU ({}), which protects no memory: switch the IOMMU on, \
                 or use sysfs",
                path.display()
            ),
            Self::VfioTooOld { what } => {
                write!(f, "the kernel's VFIO {what}: Linux 5.4 or newer with CONFIG_VFIO_IOMMU_TYPE1 is needed")
            }
            Self::BadIommuInfo { what } => {
                write!(f, "the kernel's information about the IOMMU is inconsistent: {what}")
            }
            Self::Vfio { address, request, errno } => write!(f, "{request} for {address} failed: {errno}"),
            Self::DmaMapFailed { len, errno, limit } => {
                write!(f, "cannot map {len} bytes for DMA: {errno}")?;
                match (errno.0, limit) {
                    (libc::ENOMEM, Some(limit)) => write!(
                        f,
                        "; this process may lock {} KiB (RLIMIT_MEMLOCK, `ulimit -l`): raise that in \
                         /etc/security/limits.conf, or by LimitMEMLOCK= of a systemd unit",
                        limit / 1024
                    ),
                    (libc::ENOSPC, _) => f.write_str(
                        "; there are too many mappings: raise /sys/module/vfio_iommu_type1/parameters/dma_entry_limit",
                    ),
                    _ => Ok(()),
                }
            }
            Self::TooFewVectors { address, needed, had } => {
                write!(f, "too few MSI-X vectors: {address} has {had} that can signal, but {needed} are needed")
            }
            Self::Down(down) => down.fmt(f),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::UnusableMapping(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Down> for Error {
    fn from(down: Down) -> Self {
        Self::Down(down)
    }
}

impl From<UnusableMapping> for Error {
    fn from(error: UnusableMapping) -> Self {
        Self::UnusableMapping(error)
    }
}
