//! What the kernel reports of a function that is driven through VFIO: the program ends in order.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ixgbe::linux::{Error as LinuxError, Interrupts, PciAddress, Vfio};
use ixgbe::platform::AnyPlatform;
use ixgbe_sim::PortPlatform;

/// Longer than any program runs.
const FOREVER: Duration = Duration::from_secs(u64::MAX >> 1);

/// Sets `end` when the administrator asks for the function at `address`, or when its bus reports an error.
pub fn watch(address: PciAddress, vfio: &Vfio, end: &Arc<AtomicBool>) -> io::Result<()> {
    let events =
        [(vfio.removal_request(), "somebody unbinds it"), (vfio.bus_error(), "an error on its bus was reported")];
    for (event, what) in events {
        let event = match event {
            Ok(event) => event,
            // A function that is not on PCI Express has no such errors.
            Err(LinuxError::TooFewVectors { .. }) => continue,
            Err(error) => {
                eprintln!("note: {error}");
                continue;
            }
        };
        let end = Arc::clone(end);
        std::thread::Builder::new().name("events".into()).spawn(move || {
            if matches!(event.wait(FOREVER), Ok(true)) {
                eprintln!("{address}: {what}: the program ends");
                end.store(true, Ordering::Relaxed);
            }
        })?;
    }
    Ok(())
}

/// Switches on `count` interrupt vectors of a device, by VFIO or on the model.
pub fn interrupts(platform: &AnyPlatform, count: usize) -> Result<Interrupts, Box<dyn Error>> {
    if let Some(vfio) = platform.downcast_ref::<Vfio>() {
        return Ok(vfio.interrupts(count as u32)?);
    }
    let model: &PortPlatform = platform.downcast_ref().ok_or("interrupts need VFIO: leave out --sysfs")?;
    Ok(Interrupts::in_process(count as u32, |raise| model.port().on_interrupt(raise))?)
}
