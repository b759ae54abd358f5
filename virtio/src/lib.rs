//! A driver of VirtIO network devices, on the packets, pools, platforms and port traits of [`ixgbe`].
//!
//! It drives modern devices over PCI: VirtIO 1.0 and later, with split or packed rings, one queue pair or several, polled
//! or with interrupts. QEMU's own device is what it is tested on; no other one was tried.
//!
//! # Quick start
//!
//! ```no_run
//! # #[cfg(feature = "linux")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ixgbe::packet::Batch;
//! use ixgbe_virtio::{Config, Device};
//!
//! let device = Device::open("0000:01:00.0".parse()?)?;                               // Device<Reset>, through VFIO
//! let mut device = device.bring_up(&Config::new()).map_err(|failed| failed.error)?;  // Device<DriverOk>
//!
//! let (mut control, mut queues) = device.split();                                    // each can go to its own thread
//! println!("link {}", control.link());
//! let mut batch = Batch::with_capacity(32);
//! queues[0].rx.receive(&mut batch)?;
//! queues[0].tx.transmit(&mut batch)?;                                                // what did not fit stays
//! # drop(batch);
//!
//! let device = device.stop().map_err(|failed| failed.error)?;                        // Device<Reset>
//! # drop(device);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "linux"))]
//! # fn main() {}
//! ```
//!
//! # What a device can do wrong
//!
//! All that a device says is input from outside. [`discovery`] checks each capability against its BAR. Queues check each
//! index, id and length. A rule that a device breaks becomes a [`Fault`]: the queue stops there, and what was posted stays
//! the device's until it, or the queue alone, is reset. Nothing panics, and each wait has a limit.
//!
//! A device without an IOMMU can still write anywhere. Behind one, it must offer ACCESS_PLATFORM; otherwise it would use
//! addresses of the IOMMU as physical ones, and is refused.
//!
//! # Queue pairs
//!
//! [`Config::queue_pairs`] asks for several pairs. The device steers: a flow arrives on the pair on which the program last
//! sent frames of that flow. The driver does not ask for RSS and HASH_REPORT, by which it would choose itself.
//!
//! # Waiting
//!
//! Queues are polled, unless [`Config::interrupts`] is set. Then each receive queue has an MSI-X vector, and
//! `ixgbe::linux::Interrupts` waits for it.
//!
//! # Reset of one queue
//!
//! [`Control::restart_receive`](device::Control::restart_receive) and
//! [`restart_transmit`](device::Control::restart_transmit) reset one queue, also after a [`Fault`], while the others go on.
//!
//! # Modules
//!
//! - [`device`]: the states of a device, and its control half. [`config`]: what a program wants.
//! - [`queue`]: receive and transmit queues.
//! - [`feature`]: features, and what each needs. [`discovery`]: where the registers are.
//! - [`registers`], [`descriptors`]: generated from `virtio.yaml`.
//!
//! Without the feature `linux`, the crate is `no_std` with `alloc`: a platform is then any [`ixgbe::pci::Function`].
#![cfg_attr(not(test), no_std)]
extern crate alloc;

pub mod config;
pub mod descriptors;
pub mod device;
pub mod discovery;
mod error;
pub mod feature;
mod lent;
pub mod queue;
pub mod registers;
mod ring;
mod transport;

pub use config::Config;
pub use device::Device;
pub use error::Error;
pub use ring::{Fault, MAX_SIZE};
