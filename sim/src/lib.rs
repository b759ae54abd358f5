//! A behavioural model of Intel's 82599 10 GbE controller, to run drivers without the chip.
//!
//! A [`Port`] is one port of the chip, as a test holds it. [`Port::claim`] gives the platform for the driver library
//! `ixgbe`: the port's registers, its memory, and its clock. A port is plugged into a [`Wire`]: another port ([`connect`]), a
//! capture file ([`wire::pcap`]), or a [generator](wire::generator) and a [sink](wire::sink) that check
//! each other. A wire is [no queue](wire): who does not take what comes loses it, but for those that are lossless by name.
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
//! port.plug(Duplex::new(Generator::new([0xFF; 6], 60).count(1_000).lossless(), sink));
//!
//! // A driver that sends back what it receives.
//! let nic = Device::new(port.claim()?).reset(&Config::new())?;
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
//! Where one section of the datasheet asks for what another does not, the violation is a [`Severity::Doubt`], and names
//! both. A rule about a state is judged when the state is entered: a queue's when it is enabled, reception's when RXEN is
//! set.
//!
//! A violation is recorded and changes nothing: the model goes on as the chip would. Where nobody knows what the chip
//! does, the model does what is most plausible:
//!
//! - A transmit queue that is enabled while DMATXCTL.TE is 0 reads as disabled until TE is 1.
//! - A tail beyond its ring reads back as it was written, and the queue stays where it was.
//! - A head that is written while its queue works stays as it is: the datasheet calls it read-only.
//! - A ring's base and length, and the address of its head write-back, that are written while the queue works take effect
//!   when it is enabled anew. SRRCTL and TXDCTL take effect at once.
//! - A descriptor that is changed when the device has it is transmitted as it was, and received into as it is.
//! - A checksum or tag that cannot be inserted as told is left out, and the packet is sent. Nothing is sent of a packet that
//!   cannot be cut as told, that is longer than allowed, whose type of descriptor does not exist, or whose memory the device
//!   does not reach.
//! - A command of Flow Director before FDIRCTRL.INIT_DONE is 1, and a write during a reset, are lost.
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
pub use port::{AlreadyClaimed, Port, PortConfig, PortPlatform, connect, connect_lossless};
pub use runner::Runner;
pub use violation::{Rule, Severity, Violation};
pub use wire::Wire;
