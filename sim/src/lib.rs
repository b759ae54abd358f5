//! A behavioural model of Intel's 82599 10 GbE controller, to run drivers without the chip.
//!
//! A [`Port`] is a handle to one port of the chip. [`Port::claim`] gives the platform for the driver library `ixgbe`:
//! the port's registers, its memory and its clock. A port is plugged into a [`Wire`]: another port ([`connect`]), a
//! capture file ([`wire::pcap`]), or a [generator](wire::generator) and a [sink](wire::sink) that check each other. A
//! wire is [no queue](wire): a port that does not take a frame when it arrives loses it, unless the wire is lossless by
//! name.
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
//! When a driver breaks a [`Rule`], the model records a [`Violation`]; [`Port::violations`] returns them. The rules of
//! order, and the whole behaviour of the model, are written by hand from the datasheet. Only reset values, kinds of
//! access, reserved bits and names come from the generated register table. So an error in a register's `write_in`, on
//! which the driver relies, does not mislead the model.
//!
//! Where two sections of the datasheet differ, the violation is a [`Severity::Doubt`] that names both. The model checks
//! a rule about a state when the state is entered: a queue's rules when the queue is enabled, the rules of reception
//! when RXEN is set.
//!
//! A violation is recorded and changes nothing: the model continues as the chip would. Where the chip's behaviour is
//! unknown, the model does what is most plausible:
//!
//! - A transmit queue that is enabled while DMATXCTL.TE is 0 reads as disabled until TE is 1.
//! - A tail beyond its ring reads back as it was written, and the queue does not move.
//! - A write to the head of a working queue has no effect: the datasheet calls the head read-only.
//! - A ring's base, its length and its head write-back address take effect when the queue is next enabled, if
//!   written while it works. SRRCTL and TXDCTL take effect at once.
//! - The device transmits a descriptor as it was when fetched, and receives into it as it is now, if software changes
//!   it in between.
//! - A packet is sent without a checksum or tag that cannot be inserted as requested.
//! - A packet is lost if it cannot be segmented as requested or exceeds the maximum length. So is a packet with an
//!   undefined descriptor type, or with a buffer that the device cannot access.
//! - A command of Flow Director before FDIRCTRL.INIT_DONE is 1, and a write during a reset, are lost. A table that is
//!   initialised twice without FDIRCMD.CLEARHT is full.
//! - Fragments have no ports and no protocol for filters. Of several EtherType filters the last one counts, of
//!   five-tuple filters with the same priority the first.
//! - With double VLAN tags (CTRL_EXT.EXTENDED_VLAN), a frame's first tag is the outer one. In a frame without it, the
//!   device recognises nothing behind the EtherType. RSS does not work.
//!
//! # Time
//!
//! A test advances the model with [`Port::step`], by waiting, and by reading registers: nothing depends on how fast the
//! test runs. A driver with threads of its own needs a [`Runner`] to advance the model; model time is then real time.
//!
//! The clock of time stamps (SYSTIM) follows model time, and a [drift](Port::set_drift) or a [jump](Port::jump) on
//! request. A frame is stamped with the time at which it was on the wire, not with the time at which its receiver
//! stepped, if both ports have a time in common: under one [`Runner`], or after [`Port::share_time`].
//!
//! # Faults
//!
//! A [`Fault`] is active from [`Port::inject`] to [`Port::clear`]: a reset that never ends, a link that flaps, a card
//! that is pulled, descriptors with absurd contents, a module that cannot be read, a partner at another speed. A
//! [`Deviation`] is an answer that differs from the datasheet's, to test programs that test chips.
//!
//! # Test your TCP stack against a NIC that loses, delays and corrupts
//!
//! The model is a test double for a network stack: the stack runs on the real driver, and the wire is as bad as the test
//! says. [`Wire::with_faults`] has [`Faults`](wire::faults::Faults) befall a share of the frames on the way to the port:
//! they are lost, delayed so that others overtake them, doubled, damaged so that the chip drops them for their CRC, or
//! altered so that only a checksum shows it. A seed decides which frames, so a test that fails does so again. The counters
//! say what befell how many.
//!
//! ```
//! use std::time::Duration;
//!
//! use ixgbe::device::{Config, Device};
//! use ixgbe::packet::Batch;
//! use ixgbe_sim::wire::{cable, faults::Faults};
//! use ixgbe_sim::{Port, PortConfig, Wire};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ports = [1, 2].map(|n| Port::new(PortConfig { mac: [2, 0, 0, 0, 0, n], ..PortConfig::default() }));
//! let (here, there) = cable::cable();
//! // Each end has faults of its own: a seed of its own, or other shares.
//! let faults = Faults { loss: 0.02, corruption: 0.01, delay: 0.05, seed: 1, ..Faults::default() };
//! let there = there.with_faults(faults);
//! let befell = there.counters();
//! ports[0].plug(here.with_faults(Faults { seed: 2, ..faults }));
//! ports[1].plug(there);
//!
//! // One device for each end. Your stack goes on their queues; here, one end sends 1,000 frames.
//! let mut nics = Vec::new();
//! for port in &ports {
//!     let nic = Device::new(port.claim()?).reset(&Config::new())?;
//!     nics.push(nic.wait_for_link(Duration::from_secs(10))?.start()?);
//! }
//! let mut arrived = 0;
//! let mut batch = Batch::with_capacity(32);
//! for n in 0..1_000_u16 {
//!     let (_, mut queues) = nics[0].split();
//!     let mut packet = queues[0].rx.pool().take().ok_or("no buffer is free")?;
//!     packet.extend_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5])?;
//!     packet.extend_from_slice(&n.to_be_bytes())?; // 16 bytes: the chip pads the frame
//!     batch.push(packet).map_err(|_| "the batch is full")?;
//!     queues[0].tx.transmit(&mut batch)?;
//!     ports.iter().for_each(|port| _ = port.step());
//!     arrived += nics[1].split().1[0].rx.receive(&mut batch);
//!     batch.clear();
//! }
//! // What is late is there now, and the statistics of the chip agree with the wire's.
//! ports[1].wait(Duration::from_millis(1));
//! ports[1].run_until_idle(100);
//! arrived += nics[1].split().1[0].rx.receive(&mut Batch::with_capacity(1_000));
//! assert_eq!(befell.frames(), 1_000);
//! assert_eq!(arrived as u64, 1_000 - befell.lost() - befell.corrupted());
//! assert_eq!(nics[1].split().0.statistics()?.rx_crc_errors, befell.corrupted());
//! assert!(befell.lost() > 0 && befell.corrupted() > 0 && befell.delayed() > 0);
//! assert_eq!(ports[1].violations(), []);
//! # Ok(())
//! # }
//! ```
//!
//! `smoltcp/tests/transfer.rs` does this with a whole stack: all bytes arrive, and what was lost is sent again. Where a
//! stack puts frames on a wire itself, as a [`Wire`] of its own, short ones are [padded](Wire::receive), and what the port
//! drops has a reason in [`Counters`].
//!
//! # What is not modelled
//!
//! - Receive: receive side coalescing, header splitting, checksums of fragments, low latency interrupts, the
//!   priorities and pools of EtherType filters.
//! - Both directions: DCB, virtualisation by a driver of the physical function, priority flow control,
//!   LinkSec, IPsec, FCoE.
//! - Time: target times, auxiliary time stamps, and clock outputs (TSAUXC).
//! - The device: wake-up, and manageability beyond the bits that show it.
//! - The wire: all errors but a wrong CRC and a wrong length.
//!
//! The model records the use of these features as [`Rule::NotModelled`] if it would change the outcome.

mod board;
pub mod capture;
mod chip;
mod counters;
mod deviation;
mod fault;
mod firmware;
mod frame;
mod interrupts;
mod iommu;
mod link;
mod packet_buffers;
mod pause;
mod port;
mod rate;
mod receive;
mod recording;
mod registers;
mod ring;
mod runner;
mod security;
mod semaphores;
mod statistics;
mod time;
pub mod traces;
mod transmit;
mod violation;
mod virtualisation;
pub mod wire;

pub use board::led::Led;
pub use counters::Counters;
pub use deviation::Deviation;
pub use fault::Fault;
pub use port::{AlreadyClaimed, Port, PortConfig, PortPlatform, connect, connect_copper, connect_lossless};
pub use receive::steering::{Decision, Destination};
pub use runner::Runner;
pub use violation::{Rule, Severity, Violation};
pub use virtualisation::{HostConfig, VirtualFunction, VirtualPlatform};
pub use wire::Wire;
