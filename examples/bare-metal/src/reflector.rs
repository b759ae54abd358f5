//! A program on the platform: it sends every frame back to its sender.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::error::Error;
use core::ptr::NonNull;
use core::time::Duration;

use ixgbe::device::{Config, Device, Running};
use ixgbe::mmio::{Mmio, REGISTER_SPACE};
use ixgbe::packet::Batch;
use ixgbe::platform::Platform;
use ixgbe::port::{Port, Receive, Transmit};

use crate::{Arena, BareMetal, ConfigSpace, Counter, Physical};

/// The platform of a card, without an IOMMU.
pub type Hardware = BareMetal<Mmio, Counter, Physical>;

/// Opens the card with this configuration space. `map` maps as many bytes of physical memory, uncached as memory of a
/// device, and returns where.
///
/// # Errors
///
/// If the function is no 82599, or has no registers.
///
/// # Safety
///
/// `map` maps these bytes, and never unmaps them. Nothing else drives the card.
pub unsafe fn open(
    config: ConfigSpace,
    map: impl FnOnce(u64, usize) -> NonNull<u8>,
    clock: Counter,
    arena: Arc<Arena>,
    addresses: Arc<Physical>,
) -> Result<Hardware, Box<dyn Error>> {
    // 82599ES with an SFP+ cage; docs/hardware.md has the other ids.
    let (0x8086, 0x10fb) = config.ids() else { return Err("this is not an 82599, 8086:10fb".into()) };
    let address = config.registers().ok_or("firmware gave the card no address")?;
    config.enable();
    // SAFETY: `map` returns the registers of this card, which nothing else drives: the caller's promise.
    let bus = unsafe { Mmio::new(map(address, REGISTER_SPACE), REGISTER_SPACE) }?;
    Ok(BareMetal { bus, clock, arena, addresses, config: Some(config) })
}

/// Brings a card up, in at most `limit` for the link.
///
/// # Errors
///
/// What the card, or the platform, refuses; among them memory that is exhausted.
pub fn start<P: Platform>(platform: P, config: &Config, limit: Duration) -> Result<Device<Running, P>, Box<dyn Error>> {
    // Each error has the device, which is stopped when it is dropped: what remains is the cause.
    let nic = Device::new(platform).reset(config).map_err(|failed| failed.error)?;
    let nic = nic.wait_for_link(limit).map_err(|failed| failed.error)?;
    Ok(nic.start().map_err(|failed| *failed.error())?)
}

/// Takes what has arrived, exchanges the addresses of each frame, and sends it. Returns the number of frames.
///
/// # Errors
///
/// If the card is gone.
pub fn reflect(nic: &mut impl Port, batch: &mut Batch) -> Result<usize, Box<dyn Error>> {
    let mut reflected = 0;
    for queues in &mut nic.split().1 {
        queues.rx.receive(batch)?;
        for packet in batch.iter_mut() {
            if let Some((destination, source)) = packet.get_mut(..12).and_then(|both| both.split_at_mut_checked(6)) {
                destination.swap_with_slice(source);
            }
        }
        reflected += queues.tx.transmit(batch)?;
    }
    Ok(reflected)
}

/// Reflects until the card is gone: what a kernel runs in a thread.
///
/// # Errors
///
/// The reason for the end.
pub fn run(hardware: Hardware) -> Result<(), Box<dyn Error>> {
    let mut nic = start(hardware, &Config::new(), Duration::from_secs(10))?;
    let mut batch = Batch::with_capacity(32);
    loop {
        reflect(&mut nic, &mut batch)?;
    }
}
