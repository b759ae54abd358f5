//! Opening the device through VFIO.

use crate::device::{Device, Unbound};
use crate::linux::{Container, Error, PciAddress, Vfio};

impl Device<Unbound, Vfio> {
    /// Opens the device at `address`, which must be bound to vfio-pci. Devices opened this way share one [`Container`].
    ///
    /// # Errors
    ///
    /// [`Error`] names what is missing, and the remedy.
    pub fn open(address: PciAddress) -> Result<Self, Error> {
        Ok(Self::new(Container::shared()?.open(address)?))
    }
}
