//! Tells the device to read memory that is mapped for it, and again when it is mapped no more: the IOMMU must keep it
//! from there. No safe program can do this, so it writes the registers of a queue that the driver leaves alone.
//!
//! `astray ADDRESS`, for a function bound to vfio-pci with a partner at the other end of its wire.

use std::error::Error;
use std::thread::sleep;
use std::time::Duration;

use ixgbe::device::{Config, Device};
use ixgbe::dma::Dma;
use ixgbe::linux::Vfio;
use ixgbe::mmio::Offset;
use ixgbe::runtime::bus::Bus;

/// The registers of transmit queue 1 (datasheet 8.2.3.9).
const TDBAL: u32 = 0x6040;
const TDBAH: u32 = 0x6044;
const TDLEN: u32 = 0x6048;
const TDT: u32 = 0x6058;
const TXDCTL: u32 = 0x6068;
const ENABLE: u32 = 1 << 25;
/// A whole advanced data descriptor: DTYP, EOP, IFCS, RS, DEXT (7.2.3.2.4).
const WHOLE: u64 = 3 << 20 | 1 << 24 | 1 << 25 | 1 << 27 | 1 << 29;
/// Bytes of the frame.
const LEN: u64 = 60;
/// How long a frame may take.
const PATIENCE: Duration = Duration::from_millis(300);

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("whose address?")?.parse()?;
    let nic = Device::new(Vfio::open(address)?).reset(&Config::new())?;
    let mut nic = nic.wait_for_link(Duration::from_secs(10))?.start()?;
    let (ring, secret) = (nic.platform().allocate(4096)?, nic.platform().allocate(4096)?);
    let (mapped_ring, mapped_secret) = (nic.platform().map(&ring)?, nic.platform().map(&secret)?);
    let at = |offset| Offset::new(offset).ok_or("no register");
    let start = mapped_ring.address(ring.base()).ok_or("the ring is mapped")?.get();
    let source = mapped_secret.address(secret.base()).ok_or("the frame is mapped")?.get();
    // SAFETY: the memory is this function's own; a broadcast of zeros.
    unsafe { secret.base().cast::<[u8; 6]>().write([0xff; 6]) };
    for (register, value) in
        [(TDBAL, start as u32), (TDBAH, (start >> 32) as u32), (TDLEN, ring.len() as u32), (TXDCTL, ENABLE)]
    {
        // SAFETY: the queue has one ring, which is freed after the device has stopped.
        unsafe { nic.platform().write(at(register)?, value) };
    }
    sleep(PATIENCE);
    if nic.platform().read(at(TXDCTL)?) & ENABLE == 0 {
        return Err("the queue is not enabled".into());
    }
    let mut send = |number: u32| -> Result<u64, Box<dyn Error>> {
        // SAFETY: the ring has more than two descriptors, and the device reads this one after the doorbell.
        unsafe {
            let descriptor = ring.base().cast::<u64>().add(2 * number as usize);
            descriptor.write_volatile(source);
            descriptor.add(1).write_volatile(WHOLE | LEN | LEN << 46);
            nic.platform().write(at(TDT)?, number + 1);
        }
        sleep(PATIENCE);
        Ok(nic.statistics()?.tx_packets)
    };
    println!("while it is mapped: {} packets sent", send(0)?);
    drop(mapped_secret);
    println!("when it is not any more: {} packets sent", send(1)?);
    nic.stop()?;
    println!("the device stopped");
    Ok(())
}
