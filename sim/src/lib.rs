//! A behavioural model of Intel's 82599 10 GbE controller, to run drivers without the chip.
//!
//! A [`Port`] is one port of the chip, and a platform of the driver library `ixgbe`: its registers, the
//! memory that it reaches, and its clock. It is plugged into a [`Wire`]: another port ([`connect`]), a
//! capture file ([`wire::pcap`]), or a [generator](wire::generator) and a [sink](wire::sink) that check
//! each other.
//!
//! ```
//! use std::time::Duration;
//!
//! use ixgbe::device::{Config, Device};
//! use ixgbe::packet::Batch;
//! use ixgbe_sim::wire::{Duplex, generator::Generator, sink::Sink};
//! use ixgbe_sim::{Port, PortConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let port = Port::new(PortConfig::default());
//! let sink = Sink::new();
//! let seen = sink.counters();
//! port.plug(Duplex::new(Generator::new([0xFF; 6], 60).count(1_000), sink));
//!
//! // A driver that sends back what it receives.
//! let nic = Device::new(port.clone()).reset(&Config::new())?;
//! let mut nic = nic.wait_for_link(Duration::from_secs(10))?.start()?;
//! let (_, mut queues) = nic.split();
//! let mut batch = Batch::with_capacity(32);
//! while seen.frames() < 1_000 {
//!     port.step();
//!     queues[0].rx.receive(&mut batch);
//!     queues[0].tx.transmit(&mut batch)?;
//! }
//! drop(queues);
//! nic.stop()?;
//!
//! assert_eq!((seen.lost(), seen.corrupted()), (0, 0));
//! assert_eq!(port.violations(), []);
//! # Ok(())
//! # }
//! ```
//!
//! # Strictness
//!
//! What a driver must not do is recorded as a [`Violation`] of a [`Rule`], and read by
//! [`Port::violations`]. The rules of order, and all that the model does, are written by hand from the
//! datasheet; only reset values, kinds of access, reserved bits and names come from the generated
//! register table. So a mistake that the driver makes because of its map is not made here as well.
//!
//! # Time
//!
//! A test moves the model by [`Port::step`], by waiting, and by reading registers: nothing depends on
//! how fast it runs. Drivers with threads of their own have a [`Runner`] move it, and then time is real.
//!
//! # Faults
//!
//! A [`Fault`] goes wrong from [`Port::inject`] to [`Port::clear`]: a reset that never ends, a link that
//! flaps, a card that is pulled, descriptors with absurd contents.
//!
//! # What is not played
//!
//! Receive side coalescing, header splitting, SCTP's checksum, double VLAN tags, checksums of fragments, perfect
//! filters, masks and reports of Flow Director, five-tuple filters, DCB, virtualisation, flow control, LinkSec, IPsec,
//! FCoE, time stamps, wake-up and manageability. Using these is noted as [`Rule::NotModelled`], as far as it would
//! change what happens. Of errors on the wire there are a wrong CRC and a wrong length. A match of Flow Director is
//! reported (FLM), long lists and collisions in its table (FDIRErr) are not.

mod access;
mod checksum;
mod chip;
mod counters;
mod eeprom;
mod fault;
mod filter;
mod flow_director;
mod gather;
mod i2c;
mod interrupts;
mod iommu;
mod layout;
mod link;
mod offload;
mod offsets;
mod packet;
mod port;
mod queues;
mod receive;
mod reset;
mod ring;
mod rss;
mod runner;
mod segmentation;
mod spi;
mod start_rules;
mod statistics;
mod transmit;
mod violation;
mod vlan;
pub mod wire;

pub use counters::Counters;
pub use fault::Fault;
pub use port::{Port, PortConfig, connect};
pub use runner::Runner;
pub use violation::{Rule, Severity, Violation};
pub use wire::Wire;
