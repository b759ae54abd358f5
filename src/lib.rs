//! A user-space driver for Intel's 82599 10 GbE controller. Its API turns misuse of the hardware into compile errors.
//!
//! It is for programs that process packets without the kernel's network stack, and for authors of drivers. The types of
//! registers and DMA descriptors, and the rules for writing them, are generated from one file, `registers.yaml`.
//!
//! **The crate has never run on an 82599.** It is tested on a software model of the chip, which records each broken
//! rule. Driver and model have the same authors, so an error common to both stays undetected. Stock Linux and DPDK
//! drivers check the model independently: see `docs/testing.md`.
//!
//! # Quick start
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
//! // Each queue pair can go to its own thread.
//! let (mut control, mut queues) = nic.split();
//! let mut batch = Batch::with_capacity(32);
//! let mut packet = queues[0].rx.pool().take().ok_or("no buffer is free")?;
//! packet.extend_from_slice(&[0xff; 60])?;
//! batch.push(packet).map_err(|_| "the batch is full")?;
//! queues[0].tx.transmit(&mut batch)?;  // packets without room stay in the batch
//! queues[0].rx.receive(&mut batch);    // nothing has arrived yet
//! port.run_until_idle(100);
//! println!("{:?}, link {}", control.statistics()?, control.link());
//!
//! let nic = nic.stop()?;               // Device<Reset>; the rings are freed
//! assert!(port.violations().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! `linux::Vfio` and `linux::Sysfs` open a card: see `docs/hardware.md`.
//!
//! # Device states
//!
//! Each device state is a type. A method exists only in the states in which the datasheet allows the operation. A
//! transition consumes the device and returns it in its new state. If the transition fails, it returns the device with
//! the [error](transition::TransitionError).
//!
//! | state | methods | registers that [`registers()`](device::Device::registers) may write |
//! |---|---|---|
//! | [`Unbound`](device::Unbound): not touched yet, or not stopped | [`reset`](device::Device::reset), [`bring_up`](device::Device::bring_up) | the few whose rule names `Unbound` |
//! | [`Reset`](device::Reset): initialised, all queues disabled | [`wait_for_link`](device::Device::wait_for_link), [`poll_link`](device::Device::poll_link), [`assume_link_up`](device::Device::assume_link_up) | those without a rule, and those that need disabled queues or paused reception |
//! | [`LinkUp`](device::LinkUp): link seen up, or assumed to be up | [`start`](device::Device::start), [`start_with`](device::Device::start_with) | as in `Reset` |
//! | [`Running`](device::Running): receives and transmits | [`split`](device::Device::split), [`stop`](device::Device::stop), which leads to `Reset` | those without a rule, and those whose rule names `Running` |
//!
//! In every state, only the driver may write the registers that control DMA or the device's state.
//!
//! # Sending, receiving, buffer ownership
//!
//! [`Device::split`](device::Device::split) borrows the running device and returns a [`Control`](device::Control) and
//! queue pairs, one for each thread. [`receive`](queue::ReceiveQueue::receive) moves packets into a
//! [`Batch`](packet::Batch), [`transmit`](queue::TransmitQueue::transmit) moves them out of it. Neither waits.
//! [`InPlaceForwarder`](queue::InPlaceForwarder) forwards between queues without packets.
//!
//! [`Device::into_split`](device::Device::into_split) returns parts that borrow nothing and can be moved anywhere.
//! [`OwnedControl::reunite`](device::OwnedControl::reunite) puts them together again, so that the device can stop. The
//! traits of [`port`] are for programs that run on any network device.
//!
//! A buffer has one owner at a time: its [`Pool`](pool::Pool), a [`Packet`](packet::Packet) or a queue's ring. A
//! dropped packet returns its buffers to the pool. A transmit queue returns them after the device has sent them.
//! `docs/packet-life.md` names the owner at each step.
//!
//! # Filters
//!
//! [`Control::filters`](device::Control::filters) adds [rules](device::filter) for received frames: which the device
//! accepts, and to which queue they go. A rule ends when its handle is dropped. `docs/filters.md` shows all kinds.
//!
//! # Registers
//!
//! [`Registers`](registers::Registers) has one method for each register. Its type parameter is a permission, such as a
//! device state. The compiler checks that the permission allows a write, and that [each constant value](value!) fits
//! its field. This line does not compile, because reception runs:
//!
//! ```compile_fail,E0277
//! # use ixgbe::{mmio::Bus, registers::*, value};
//! fn promiscuous<B: Bus>(registers: Registers<'_, B, permission::Running>) {
//!     registers.fctrl().modify(value!(FCTRL { UPE: true }));
//! }
//! ```
//!
//! The error names the register, the state, the datasheet's section, and the permissions that allow the write:
//!
//! ```text
//! error[E0277]: register `FCTRL` may not be written in state `Running`
//!   = note: datasheet 8.2.3.7.1: `FCTRL` may be written in: ReceivePaused, Reset, LinkUp
//! ```
//!
//! [`Control::with_receive_paused`](device::Control::with_receive_paused) grants `ReceivePaused`. `docs/registers.md`
//! reads more such errors, and shows how to add a register.
//!
//! # Platforms
//!
//! A [`Platform`](platform::Platform) is a bus to the registers, DMA memory and a clock. [`linux`](linux/index.html)
//! has two, VFIO and sysfs; the crate `ixgbe-sim` has the model. [`trace`] wraps a platform and passes each register
//! access to a closure. `docs/porting.md` says what a kernel, a hypervisor or firmware writes instead, and
//! `examples/bare-metal` is such a platform.
//!
//! # Errors and removal
//!
//! No function panics, waits without a limit, or prints. Warnings go to the `log` crate.
//! [`device::Error`] names the step that failed and its section in the datasheet. `linux::Error` names the remedy.
//!
//! What a reset finds out of order and deals with is a [`Finding`](device::Finding) in
//! [`bring_up`](device::Device::bring_up), with a text for the operator.
//! Where there is no link, [`Diagnosis`](device::Diagnosis) names the most likely reason and what to try.
//!
//! A removed device reads as all ones. Calls that need an answer from it return
//! [`Error::Removed`](device::Error::Removed), and its link reads as down.
//!
//! # Features
//!
//! | feature | default | effect |
//! |---|---|---|
//! | `linux` | yes | the module `linux`; needs `std` |
//! | `tock-registers` | yes | registers and fields work with code that is written for that crate |
//!
//! Without `linux` the crate is `no_std` with `alloc`, for targets with 64-bit atomics. It needs Rust 1.88.
//!
//! # What is checked where
//!
//! | rule | checked by |
//! |---|---|
//! | operations fit the device state, register writes fit the permission | compiler |
//! | a constant fits its field | compiler |
//! | a computed value fits its field | run time: [`Value::try_with`](field::Value::try_with) returns an error |
//! | memory that the device may access is freed only with proof that the device has stopped | compiler; without the proof the memory leaks |
//! | lengths in write-backs lie inside their buffers | run time: frames with a wrong length are dropped and [counted](queue::ReceiveCounters) |
//! | the device accesses only memory that it was given | the IOMMU, if there is one |
//!
//! # Modules
//!
//! - [`device`]: device states, configuration, statistics, link.
//! - [`module`]: pluggable modules, as they describe themselves.
//! - [`queue`]: receive and transmit queues. [`packet`]: packets and batches. [`pool`]: packet buffers.
//! - [`port`]: traits for what a program needs of any network device. [`transition`]: failed changes of a device's state.
//! - [`registers`], [`descriptors`]: generated from the register description. [`field`], [`register`]: the types of
//!   fields, values and registers. [`info`]: the description as data.
//! - [`platform`]: what the driver needs: [`mmio`] (registers), [`dma`] (memory), [`clock`] (time).
//! - [`linux`](linux/index.html): PCI functions through VFIO or sysfs, as platforms.
//! - [`pci`]: PCI functions of any kind, for drivers of other devices.
//! - [`trace`]: register accesses, reported by name.
//!
//! `docs/architecture.md` shows how they depend on each other. `docs/glossary.md` defines the terms.
#![cfg_attr(not(test), no_std)]

#[cfg(not(target_has_atomic = "64"))]
compile_error!(
    "ixgbe needs a target with 64-bit atomics: a descriptor consists of words of 64 bits, which the device writes while \
     the CPU reads them"
);

extern crate alloc;
#[cfg(any(loom, all(feature = "linux", target_os = "linux")))]
extern crate std;
// Unit tests share the fake devices of benches and tests, which call the crate by its name.
#[cfg(test)]
extern crate self as ixgbe;

pub mod descriptors;
pub mod device;
pub mod dma;
#[cfg(all(feature = "linux", target_os = "linux"))]
pub mod linux;
pub mod mmio;
pub mod module;
pub mod offload;
pub mod packet;
pub mod pci;
pub mod platform;
pub mod pool;
pub mod port;
pub mod queue;
pub mod registers;
mod sync;
pub mod trace;
pub mod transition;
pub mod vf;
pub mod wait;

pub use datasheet_runtime as runtime;
pub use datasheet_runtime::{clock, field, index, info, register, value};
