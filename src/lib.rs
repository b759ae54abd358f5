//! A user-space driver library for Intel's 82599 10 GbE controller, whose wrong use does not compile.
//!
//! Registers, DMA descriptors and rules of use are generated from one transcription of the
//! datasheet, `registers.yaml`. A device goes through its states by moving: what is not possible in
//! a state is not there to be called.
//!
//! ```
//! use std::time::Duration;
//! use ixgbe::device::{Config, Device};
//! use ixgbe::packet::Batch;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Two ports of the model of the chip, with a cable between them.
//! let [port, partner] = [0, 1].map(|_| ixgbe_sim::Port::new(Default::default()));
//! ixgbe_sim::connect(&port, &partner);
//!
//! let nic = Device::new(port.claim()?);                   // Device<Unbound>
//! let nic = nic.reset(&Config::new())?;                   // Device<Reset>
//! let nic = nic.wait_for_link(Duration::from_secs(10))?;  // Device<LinkUp>
//! let mut nic = nic.start()?;                             // Device<Running>
//!
//! // The queues can each go to a thread of their own.
//! let (mut control, mut queues) = nic.split();
//! let mut batch = Batch::with_capacity(32);
//! let mut packet = queues[0].rx.pool().take().ok_or("no buffer is free")?;
//! packet.extend_from_slice(&[0xff; 60])?;
//! batch.push(packet).map_err(|_| "the batch is full")?;
//! queues[0].tx.transmit(&mut batch)?;  // what did not fit would stay in the batch
//! queues[0].rx.receive(&mut batch);    // nothing has come yet
//! port.run_until_idle(100);
//! println!("{:?}, link {}", control.statistics()?, control.link());
//!
//! let nic = nic.stop()?;               // Device<Reset> again, its memory freed
//! assert!(port.violations().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # Where things are
//!
//! From the outside in:
//!
//! - [`device`]: the device in its four states, its configuration, statistics and link.
//! - [`queue`]: receive and transmit queues. [`packet`]: packets and batches of them. [`pool`]: where their buffers come from.
//! - [`registers`] and [`descriptors`]: the datasheet, generated. [`field`] and [`register`]: what fields, values and registers are.
//!   [`info`]: the same datasheet as data.
//! - [`platform`]: what the driver needs of its surroundings: [`mmio`] (registers), [`dma`] (memory), [`clock`] (time).
//! - [`linux`](linux/index.html) (a default feature): PCI functions under Linux, through VFIO or sysfs, as platforms.
//! - [`trace`]: a platform that tells what goes over it.
//!
//! # What stands in the way of mistakes
//!
//! - A register's value is checked field by field, by the compiler where it is constant: [`value!`].
//! - Whether a register may be written follows from the state of the device, by a bound on the method: [`register`].
//! - Memory that the device may reach is freed only with the proof that it has stopped, and leaked otherwise.
//! - What the device writes is input from outside: lengths are checked before they are used.
//!   Against a device that writes where it was not told to, only an IOMMU helps.
//!
//! Without the feature `linux` the crate is `no_std` with `alloc`, for targets with 64-bit atomics. It never panics, never
//! waits without a limit, and never prints; it tells the `log` crate of what is odd but no error. It has never been tried
//! on silicon.
#![cfg_attr(not(test), no_std)]
extern crate alloc;
#[cfg(any(loom, all(feature = "linux", target_os = "linux")))]
extern crate std;
// The players of the benchmarks and tests, which unit tests share, call the crate by its name.
#[cfg(test)]
extern crate self as ixgbe;

pub mod descriptors;
pub mod device;
pub mod dma;
#[cfg(all(feature = "linux", target_os = "linux"))]
pub mod linux;
pub mod mmio;
pub mod packet;
pub mod platform;
pub mod pool;
pub mod queue;
pub mod registers;
mod sync;
pub mod trace;

pub use datasheet_runtime as runtime;
pub use datasheet_runtime::{clock, field, index, info, register, value};
