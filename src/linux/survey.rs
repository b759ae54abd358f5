//! What the kernel shows of PCI functions, without opening them.

use std::string::String;
use std::vec::Vec;

use crate::linux::function::Function;
use crate::linux::host::{self, Host};
use crate::linux::ids::Kind;
use crate::linux::{Error, Locality, PciAddress};

/// What the kernel shows of a PCI function that this crate drives. It may have any driver, or none.
///
/// To look needs no rights, and changes nothing:
///
/// ```no_run
/// use ixgbe::linux::FunctionInfo;
///
/// # fn main() -> Result<(), ixgbe::linux::Error> {
/// for function in FunctionInfo::all()? {
///     println!("{}: {}, driver {:?}", function.address, function.name, function.driver);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionInfo {
    /// The address.
    pub address: PciAddress,
    /// The PCI device id.
    pub device: u16,
    /// The name of the device, by its id.
    pub name: &'static str,
    /// `true` for a virtual function.
    pub is_virtual: bool,
    /// The driver that the function is bound to.
    pub driver: Option<String>,
    /// The IOMMU group, if an IOMMU guards the function.
    pub iommu_group: Option<u32>,
    /// The place in the machine.
    pub locality: Locality,
    /// The network interfaces that the kernel's driver made of it, in this network namespace.
    pub interfaces: Vec<String>,
}

impl FunctionInfo {
    /// Returns all physical and virtual functions of 82599s, ordered by address.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedContents`] or [`Error::System`] if a file of the kernel cannot be read.
    pub fn all() -> Result<Vec<Self>, Error> {
        Self::all_on(&Host::default())
    }

    /// Returns the function at `address`.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all), and [`Error::NoSuchFunction`] or [`Error::NotAn82599`].
    pub fn of(address: PciAddress) -> Result<Self, Error> {
        Self::on(&Host::default(), address)
    }

    fn all_on(host: &Host) -> Result<Vec<Self>, Error> {
        let names = host::list(&host.sysfs.join("bus/pci/devices"))?;
        let mut functions = Vec::new();
        for address in names.iter().filter_map(|name| name.parse().ok()) {
            match Self::on(host, address) {
                Ok(function) => functions.push(function),
                // Another device, or one that was pulled since the list was made.
                Err(Error::NotAn82599 { .. } | Error::NoSuchFunction { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        functions.sort_by_key(|function| function.address);
        Ok(functions)
    }

    pub(crate) fn on(host: &Host, address: PciAddress) -> Result<Self, Error> {
        let function = match Function::find(host, address, Kind::Physical) {
            Err(Error::NotAn82599 { .. }) => Function::find(host, address, Kind::Virtual)?,
            found => found?,
        };
        let (is_virtual, name) = function.kind();
        let iommu_group = match function.iommu_group() {
            Err(Error::NoIommuGroup { .. }) => None,
            group => Some(group?),
        };
        Ok(Self {
            address,
            device: function.ids.1,
            name,
            is_virtual,
            driver: function.driver()?,
            iommu_group,
            locality: function.locality(),
            interfaces: host::list(&function.file("net"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::NumaNode;
    use crate::linux::tests::Tree;

    #[test]
    fn a_function_is_shown_as_the_kernel_has_it() {
        let tree = Tree::new();
        tree.put("numa_node", "1\n").group(7, &[]);
        let found = FunctionInfo::on(&tree.host, tree.address).unwrap();
        assert_eq!((found.device, found.name, found.is_virtual), (0x10fb, "82599_SFP", false));
        assert_eq!((found.driver.as_deref(), found.iommu_group), (Some("ixgbe"), Some(7)));
        assert_eq!((found.locality.node(), &found.interfaces[..]), (Some(NumaNode(1)), &["eth7".into()][..]));
        tree.remove("driver").remove("net").remove("iommu_group").put("device", "0x10ed\n");
        let found = FunctionInfo::on(&tree.host, tree.address).unwrap();
        assert_eq!((found.name, found.is_virtual), ("82599_VF", true));
        assert_eq!((found.driver, found.iommu_group, found.interfaces), (None, None, Vec::new()));
    }

    #[test]
    fn all_are_functions_of_the_82599_and_no_others() {
        let tree = Tree::new();
        let add = |address: &str, vendor: &str, device: &str| {
            let directory = tree.host.function(address.parse().unwrap());
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join("vendor"), vendor).unwrap();
            std::fs::write(directory.join("device"), device).unwrap();
        };
        add("0000:02:00.0", "0x8086", "0x10ed");
        // An X540, its virtual function, another of Intel's, and somebody else's.
        for (address, vendor, device) in
            [("04:00.0", "0x8086", "0x1528"), ("04:00.1", "0x8086", "0x1515"), ("05:00.0", "0x8086", "0x100e")]
        {
            add(address, vendor, device);
        }
        add("06:00.0", "0x1af4", "0x10fb");
        std::fs::create_dir_all(tree.host.sysfs.join("bus/pci/devices/not an address")).unwrap();
        let found = FunctionInfo::all_on(&tree.host).unwrap();
        let addresses: Vec<_> = found.iter().map(|function| std::format!("{}", function.address)).collect();
        assert_eq!(addresses, ["0000:02:00.0", "0000:03:00.0"]);
    }

    #[test]
    fn a_machine_without_functions_has_none_and_files_that_lie_are_errors() {
        let tree = Tree::new();
        std::fs::remove_dir_all(tree.host.sysfs.join("bus")).unwrap();
        assert_eq!(FunctionInfo::all_on(&tree.host), Ok(Vec::new()));
        let tree = Tree::new();
        tree.put("device", "an 82599");
        assert!(matches!(FunctionInfo::all_on(&tree.host), Err(Error::UnexpectedContents { .. })));
        let nowhere = "0000:09:00.0".parse().unwrap();
        assert_eq!(FunctionInfo::on(&tree.host, nowhere), Err(Error::NoSuchFunction { address: nowhere }));
    }
}
