//! Registers of a port that somebody else may drive, to look at.

use std::fs::{self, File};
use std::io;

use datasheet_runtime::space::Space;

use crate::info::RegisterInfo;
use crate::linux::bar::FileMapping;
use crate::linux::config_space::ConfigSpace;
use crate::linux::function::Function;
use crate::linux::host::{self, Host};
use crate::linux::ids::Kind;
use crate::linux::{Error, PciAddress, Unobservable};
use crate::mmio::Offset;
use crate::registers::{REGISTERS, RegisterSpace};

/// The registers of an 82599 that somebody else may drive: another process, or the kernel.
///
/// It looks and changes nothing. The registers are mapped to be read only, the function is neither enabled nor reset,
/// and registers that change when they are read are left out. A value may be old when it is returned.
///
/// ```no_run
/// use ixgbe::linux::ObservedRegisters;
/// use ixgbe::registers::STATUS;
///
/// # fn main() -> Result<(), ixgbe::linux::Error> {
/// let registers = ObservedRegisters::open("0000:03:00.0".parse().unwrap())?;
/// let link = registers.read_one::<STATUS>().map(|status| status.field(STATUS::LINK_UP));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ObservedRegisters {
    mapping: FileMapping,
}

impl ObservedRegisters {
    /// Maps the registers of the physical function at `address`, to be read only.
    ///
    /// # Errors
    ///
    /// [`Error::Unobservable`] if that is not possible without changing something, or if the kernel does not allow it.
    /// Others say what is wrong with the function or its files.
    pub fn open(address: PciAddress) -> Result<Self, Error> {
        Self::open_on(&Host::default(), address)
    }

    fn open_on(host: &Host, address: PciAddress) -> Result<Self, Error> {
        let function = Function::find(host, address, Kind::Physical)?;
        let unobservable = |because| Error::Unobservable { address, because };
        // Kernels before 5.11 have no such file.
        if let Ok(state) = host::read(&function.file("power_state"))
            && state.starts_with("D3")
        {
            return Err(unobservable(Unobservable::PoweredDown(state)));
        }
        let path = function.file("config");
        let config = File::open(&path).map_err(|error| Error::system("open", &path, &error))?;
        let answers = (ConfigSpace { file: &config, offset: 0 }).answers();
        if !answers.map_err(|error| Error::system("read", &path, &error))? {
            return Err(unobservable(Unobservable::MemoryDisabled));
        }
        function.bar_size(<RegisterSpace as Space>::SIZE)?;
        let path = function.file("resource0");
        let failed = |error: io::Error, doing| match error.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) => unobservable(Unobservable::NoRights),
            Some(libc::EINVAL) => {
                let driver = function.driver().ok().flatten();
                unobservable(Unobservable::Reserved { driver })
            }
            _ => Error::system(doing, &path, &error),
        };
        let file = fs::File::open(&path).map_err(|error| failed(error, "open"))?;
        let mapping = FileMapping::to_read(&file, 0, <RegisterSpace as Space>::SIZE as usize);
        let registers = Self { mapping: mapping.map_err(|error| failed(error, "map"))? };
        match registers.read_one::<crate::registers::STATUS>().map(|status| status.get()) {
            None | Some(u32::MAX) => Err(unobservable(Unobservable::Removed)),
            Some(_) => Ok(registers),
        }
    }

    /// Reads the register at `offset`.
    ///
    /// Returns `None` if it must not be read: see [`is_observable`](Self::is_observable).
    #[must_use]
    pub fn read(&self, offset: Offset) -> Option<u32> {
        if !Self::is_observable(offset) {
            return None;
        }
        // SAFETY: an offset lies inside the register space, which `open` mapped in full, and is aligned for 32 bits.
        // Another user of the registers changes nothing about that: the access is volatile, and any value is a `u32`.
        let value = unsafe { self.mapping.base().add(offset.bytes() as usize).cast::<u32>().read_volatile() };
        Some(u32::from_le(value))
    }

    /// Reads the register `R`, or the first element of an array. Returns `None` as [`read`](Self::read) does.
    #[must_use]
    pub fn read_one<R>(&self) -> Option<crate::register::Contents<R>>
    where
        R: crate::register::Register<Space = RegisterSpace, Width = u32>,
    {
        let offset = R::INFO.offsets().next().and_then(Offset::new)?;
        self.read(offset).map(crate::register::Contents::new)
    }

    /// Returns `true` if the register at `offset` can be read at any time, and nothing changes when it is.
    ///
    /// The register description decides. What it does not have at this offset is left alone, and so is what an index
    /// register selects.
    #[must_use]
    pub fn is_observable(offset: Offset) -> bool {
        let harmless = |info: &RegisterInfo| {
            info.access.is_readable() && !info.has_read_side_effects() && info.window.is_none() && info.width == 32
        };
        let mut here = REGISTERS.iter().filter(|info| info.index_at(offset.bytes()).is_some()).peekable();
        here.peek().is_some() && here.all(harmless)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::tests::Tree;
    use crate::registers::{EICR, LINKS, STATUS};

    /// Makes a function that answers and has this value in STATUS.
    fn tree(status: u32) -> Tree {
        let tree = Tree::new();
        let mut config = std::vec![0; 64];
        config[..8].copy_from_slice(&[0x86, 0x80, 0xfb, 0x10, 0x02, 0x00, 0x10, 0x00]);
        fs::write(tree.path("config"), config).unwrap();
        let mut registers = std::vec![0xa5; 128 * 1024];
        registers[8..12].copy_from_slice(&status.to_le_bytes());
        fs::write(tree.path("resource0"), registers).unwrap();
        tree
    }

    impl Tree {
        fn observed(&self) -> Result<ObservedRegisters, Error> {
            ObservedRegisters::open_on(&self.host, self.address)
        }

        fn because(&self) -> Unobservable {
            match self.observed() {
                Err(Error::Unobservable { because, .. }) => because,
                other => panic!("{other:?}"),
            }
        }
    }

    fn at(info: &RegisterInfo) -> Offset {
        Offset::new(info.offsets().next().unwrap()).unwrap()
    }

    #[test]
    fn registers_are_read_and_not_those_that_a_read_changes() {
        use crate::register::Register;
        let registers = tree(0x0008_0080).observed().unwrap();
        assert!(registers.read_one::<STATUS>().unwrap().field(STATUS::LINK_UP));
        assert_eq!(registers.read(at(&STATUS::INFO)), Some(0x0008_0080));
        assert_eq!(registers.read(at(&EICR::INFO)), None);
        assert!(registers.read_one::<LINKS>().is_none(), "two of its bits are cleared");
        let unknown = (0..0x20000).step_by(4).filter_map(Offset::new);
        let mut unknown = unknown.filter(|at| REGISTERS.iter().all(|info| info.index_at(at.bytes()).is_none()));
        assert_eq!(registers.read(unknown.next().unwrap()), None, "nothing is known of it");
    }

    /// Checks that no offset at which any register acts on a read is observable, and that many others are.
    #[test]
    fn the_description_decides_what_is_observable() {
        let mut observable = 0;
        for info in REGISTERS {
            for offset in info.offsets().chain(info.aliases.iter().map(|range| range.base)).filter_map(Offset::new) {
                let harmful = !info.access.is_readable() || info.has_read_side_effects() || info.window.is_some();
                assert!(!(harmful && ObservedRegisters::is_observable(offset)), "{} at {offset:?}", info.name);
                observable += usize::from(ObservedRegisters::is_observable(offset));
            }
        }
        assert!(observable > 1000, "{observable}");
    }

    #[test]
    fn what_keeps_registers_from_view_is_said() {
        assert_eq!(tree(u32::MAX).because(), Unobservable::Removed);
        let tree = tree(0);
        tree.put("power_state", "D3hot\n");
        assert_eq!(tree.because(), Unobservable::PoweredDown("D3hot".into()));
        tree.put("power_state", "D0\n");
        assert!(tree.observed().is_ok());
        let mut config = fs::read(tree.path("config")).unwrap();
        config[4] = 0;
        fs::write(tree.path("config"), config).unwrap();
        assert_eq!(tree.because(), Unobservable::MemoryDisabled);
        fs::write(tree.path("config"), [0x86, 0x80]).unwrap();
        assert!(matches!(tree.observed(), Err(Error::System { doing: "read", .. })));
    }

    #[test]
    fn looking_changes_no_file() {
        let tree = tree(0x80);
        let files = ["config", "resource0", "enable", "reset"];
        let before = files.map(|file| fs::read(tree.path(file)).unwrap());
        let registers = tree.observed().unwrap();
        for offset in (0..0x20000).step_by(4).filter_map(Offset::new) {
            _ = registers.read(offset);
        }
        assert_eq!(files.map(|file| fs::read(tree.path(file)).unwrap()), before);
    }
}
