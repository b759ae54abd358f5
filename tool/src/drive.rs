//! Opening a port to drive it, and giving it back.

use std::error::Error;

use ixgbe::linux::{Container, FormerDriver, FunctionInfo, PciAddress, SysfsOptions, Vfio};
use ixgbe::platform::AnyPlatform;

use crate::arguments::Drive;

/// A function that this process drives. When this is dropped, nothing may have the platform any more.
pub struct Driven {
    pub platform: Option<AnyPlatform>,
    former: Option<FormerDriver>,
    rebind: bool,
}

impl Driven {
    /// Opens the function at `address` in the way that the arguments say.
    ///
    /// # Errors
    ///
    /// The library's errors name the remedy.
    pub fn open(address: PciAddress, arguments: &Drive) -> Result<Self, Box<dyn Error>> {
        if arguments.sysfs {
            let platform = SysfsOptions::new().take_interface(arguments.take).open(address)?;
            let former = platform.former_driver();
            return Ok(Self { platform: Some(AnyPlatform::new(platform)), former, rebind: arguments.rebind });
        }
        let platform: Vfio = Container::shared()?.open(address)?;
        Ok(Self { platform: Some(AnyPlatform::new(platform)), former: None, rebind: false })
    }

    /// Takes the platform.
    ///
    /// # Errors
    ///
    /// Fails if it was taken before.
    pub fn take(&mut self) -> Result<AnyPlatform, Box<dyn Error>> {
        self.platform.take().ok_or_else(|| "the port is driven already".into())
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.platform = None;
        let Some(former) = &self.former else { return };
        match self.rebind.then(|| former.rebind()) {
            Some(Ok(())) => {}
            Some(Err(error)) => eprintln!("{error}; {former}"),
            None => eprintln!("{former}"),
        }
    }
}

/// Returns the network interface that the kernel's driver made of the function at `address`, if there is one.
///
/// # Errors
///
/// The function must be one that the library drives.
pub fn interface_of(address: PciAddress) -> Result<Option<String>, ixgbe::linux::Error> {
    Ok(FunctionInfo::of(address)?.interfaces.into_iter().next())
}
