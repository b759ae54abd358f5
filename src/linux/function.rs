//! PCI functions in sysfs: identification, unbinding from the kernel's driver, and rebinding.

use core::fmt;
use std::format;
use std::fs;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::sync::Weak;
use std::vec::Vec;

use crate::linux::host::{self, Host};
use crate::linux::ids::{self, Kind};
use crate::linux::{Error, Locality, PciAddress, interfaces};

/// The kernel driver that gives PCI functions to user space.
pub(crate) const VFIO_PCI: &str = "vfio-pci";

/// The name of the 82599's virtual function.
const VF: &str = "82599_VF";

/// Bits of a line of the file `resource` (the kernel's `ioport.h`).
mod resource {
    pub const IO: u64 = 0x100;
    pub const MEMORY: u64 = 0x200;
    pub const MEMORY_64: u64 = 0x10_0000;
    pub const UNUSABLE: u64 = 0x3000_0000;
}

/// A PCI function that is an 82599.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) host: Host,
    pub(crate) address: PciAddress,
    pub(crate) ids: (u16, u16),
    folder: PathBuf,
}

impl Function {
    /// Finds the function at `address`, which must be an 82599's of this kind.
    pub(crate) fn find(host: &Host, address: PciAddress, kind: Kind) -> Result<Self, Error> {
        let function = Self::find_any(host, address)?;
        let (vendor, device) = function.ids;
        let refused = |what: String| Err(Error::NotAn82599 { address, vendor, device, what });
        match ids::find(device) {
            _ if vendor != ids::VENDOR => refused("a device of another vendor than Intel".into()),
            Some((Kind::Virtual, name)) if kind == Kind::Virtual && name != VF => {
                refused(format!("a virtual function of another chip, {name}"))
            }
            Some((found @ (Kind::Physical | Kind::Virtual), _)) if found == kind => Ok(function),
            Some((Kind::Physical, name)) => refused(format!("a physical function, {name}")),
            Some((Kind::Virtual, name)) => refused(format!("a virtual function, {name}")),
            Some((Kind::OtherChip(family), name)) => refused(format!("another chip, an {family}: {name}")),
            None => refused("another device of Intel's".into()),
        }
    }

    /// Finds the function at `address`, whatever it is.
    pub(crate) fn find_any(host: &Host, address: PciAddress) -> Result<Self, Error> {
        let folder = host.function(address);
        if !folder.exists() {
            return Err(Error::NoSuchFunction { address });
        }
        let id = |file: &str| {
            let path = folder.join(file);
            const EXPECTED: &str = "a PCI id, as 0x8086";
            let number = host::read_hex(&path, EXPECTED)?;
            u16::try_from(number).map_err(|_| host::malformed(&path, EXPECTED, &format!("{number:#x}")))
        };
        let ids = (id("vendor")?, id("device")?);
        Ok(Self { host: host.clone(), address, ids, folder })
    }

    /// Makes the function at `address` without checking it.
    #[cfg(test)]
    pub(crate) fn assume(host: &Host, address: PciAddress, ids: (u16, u16)) -> Self {
        Self { host: host.clone(), address, ids, folder: host.function(address) }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns whether the function is virtual, and its name. The name is empty if the id is not known.
    pub(crate) fn kind(&self) -> (bool, &'static str) {
        ids::find(self.ids.1).map_or((false, ""), |(kind, name)| (kind == Kind::Virtual, name))
    }

    /// Returns the driver that the function is bound to.
    pub(crate) fn driver(&self) -> Result<Option<String>, Error> {
        host::link_name(&self.file("driver"))
    }

    /// Returns the place of the function in the machine. Files without a meaning are warned of, and leave it unknown.
    pub(crate) fn locality(&self) -> Locality {
        Locality::read(&self.folder).unwrap_or_else(|error| {
            log::warn!("the NUMA node of {} is unknown: {error}", self.address);
            Locality::default()
        })
    }

    /// Returns the IOMMU group of the function.
    pub(crate) fn iommu_group(&self) -> Result<u32, Error> {
        let link = self.file("iommu_group");
        let name = host::link_name(&link)?.ok_or(Error::NoIommuGroup { address: self.address })?;
        name.parse().map_err(|_| host::malformed(&link, "a link to a numbered IOMMU group", &name))
    }

    /// Returns an error if the IOMMU translates the function's addresses.
    pub(crate) fn check_untranslated(&self) -> Result<(), Error> {
        match host::read(&self.file("iommu_group/type")) {
            Ok(kind) if kind.starts_with("DMA") => Err(Error::IommuTranslates { address: self.address, kind }),
            // The file does not exist without an IOMMU, nor on old kernels.
            _ => Ok(()),
        }
    }

    /// Returns the functions of the same IOMMU group that kernel drivers use, with these drivers.
    pub(crate) fn foreign_in_group(&self) -> Vec<(String, String)> {
        let devices = self.file("iommu_group/devices");
        let names = host::list(&devices).unwrap_or_default();
        let driver = |name: &String| host::link_name(&devices.join(name).join("driver")).ok().flatten();
        let drivers = names.iter().filter_map(|name| Some((name.clone(), driver(name)?)));
        drivers.filter(|(_, driver)| driver != VFIO_PCI && driver != "pcieport").collect()
    }

    /// Returns start, end and flags of a BAR, as the kernel lists them.
    fn resource(&self, bar: u8) -> Result<[u64; 3], Error> {
        const EXPECTED: &str = "three hexadecimal numbers in the line of each BAR";
        let path = self.file("resource");
        let text = host::read(&path)?;
        let line = text.lines().nth(bar.into()).unwrap_or_default();
        let numbers: Option<Vec<u64>> = line.split_whitespace().map(host::hex).collect();
        match numbers.as_deref() {
            Some(&[start, end, flags]) => Ok([start, end, flags]),
            _ => Err(host::malformed(&path, EXPECTED, line)),
        }
    }

    /// Returns the size of a BAR of memory, or `None` if it is absent or of I/O ports.
    pub(crate) fn memory_bar(&self, bar: u8) -> Result<Option<u64>, Error> {
        let [start, end, flags] = self.resource(bar)?;
        let usable = flags & resource::MEMORY != 0 && flags & (resource::IO | resource::UNUSABLE) == 0;
        Ok(end.checked_sub(start).and_then(|last| last.checked_add(1)).filter(|_| usable))
    }

    /// Returns an error if `len` bytes at `offset` are not inside of BAR `bar`, which has `size` bytes.
    pub(crate) fn check_inside(&self, bar: u8, offset: u64, len: u32, size: u64) -> Result<(), Error> {
        match offset.checked_add(len.into()) {
            Some(end) if end <= size => Ok(()),
            _ => Err(Error::OutsideOfBar { address: self.address, bar, offset, len, size }),
        }
    }

    /// Returns the size of BAR0, if it holds `needed` bytes of registers.
    pub(crate) fn bar_size(&self, needed: u32) -> Result<u64, Error> {
        let [start, end, flags] = self.resource(0)?;
        let found = match flags {
            flags if flags & resource::IO != 0 => "I/O ports",
            flags if flags & resource::MEMORY == 0 => "absent",
            flags if flags & resource::MEMORY_64 == 0 => "32-bit memory",
            flags if flags & resource::UNUSABLE != 0 => "memory without an address",
            _ => "",
        };
        if !found.is_empty() {
            return Err(Error::NotMemory64 { address: self.address, found });
        }
        let bar = end.checked_sub(start).and_then(|len| len.checked_add(1)).unwrap_or(0);
        let resource0 = self.file("resource0");
        let file = fs::metadata(&resource0).map_err(|error| Error::system("look at", &resource0, &error))?.len();
        if bar != file || !bar.is_power_of_two() || bar < u64::from(needed) {
            return Err(Error::BarSize { address: self.address, bar, file, needed });
        }
        Ok(bar)
    }

    /// Takes the function from its kernel driver, if it has one. If its interface is in use, this needs `force`.
    pub(crate) fn take(&self, force: bool) -> Result<Option<String>, Error> {
        let Some(driver) = self.driver()? else { return Ok(None) };
        if !force {
            let interfaces = interfaces::check_unused(&self.host, self.address, &self.folder)?;
            if interfaces == 0 && driver != VFIO_PCI {
                return Err(Error::InterfaceHidden { address: self.address, driver });
            }
        }
        host::write(&self.file("driver/unbind"), &self.address.to_string())?;
        Ok(Some(driver))
    }

    /// Resets the function, if the kernel can.
    pub(crate) fn reset(&self) {
        let path = self.file("reset");
        if !path.exists() {
            log::warn!("the kernel cannot reset {}: the function continues what it was doing", self.address);
        } else if let Err(error) = host::write(&path, "1") {
            log::warn!("cannot reset {}: {error}", self.address);
        }
    }
}

/// The kernel driver that had the function before. Its `Display` text is the command that gives the function back.
#[derive(Debug, Clone)]
pub struct FormerDriver {
    host: Host,
    address: PciAddress,
    name: String,
    /// Alive as long as this process drives the function.
    driven: Weak<()>,
}

impl FormerDriver {
    pub(crate) fn new(function: &Function, name: String, driven: Weak<()>) -> Self {
        Self { host: function.host.clone(), address: function.address, name, driven }
    }

    /// Returns the name of the driver.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the function back to the driver.
    ///
    /// # Errors
    ///
    /// [`Error::StillDriven`] if the function's platform was not dropped; [`Error::System`] if the kernel refuses.
    pub fn rebind(&self) -> Result<(), Error> {
        if self.driven.strong_count() > 0 {
            return Err(Error::StillDriven { address: self.address });
        }
        host::write(&self.path(), &self.address.to_string())
    }

    fn path(&self) -> PathBuf {
        self.host.driver(&self.name).join("bind")
    }
}

impl fmt::Display for FormerDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path: &Path = &self.path();
        write!(f, "to give {0} back to the kernel: `echo {0} > {1}` as root", self.address, path.display())
    }
}
