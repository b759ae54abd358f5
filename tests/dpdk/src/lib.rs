//! Lets an unmodified DPDK program drive the model: preloaded into it, this library stands where VFIO and the
//! PCI function would be. DPDK itself, its poll mode driver and the program are the packaged ones.
//!
//! - [`bar`]: registers behind memory that nobody may touch. Every access traps, is decoded, and is made on the
//!   model, so that reading has its effects and no write is missed.
//! - [`function`]: what a register access goes to: a port, or a virtual function.
//! - [`model`]: the ports, what they are wired to, and the report of what came of it.
//! - [`feed`]: a wire that brings given frames to the first port.
//! - [`sent`]: a wire that reports what the second port sends then.
//! - [`eal`]: the four functions of DPDK's that would ask the kernel, and ask the model instead.
//!
//! `tests/dpdk/run` builds it and tells it by environment variables what to do; see [`model::Plan`].

mod bar;
// Its symbols are DPDK's, which the unit tests are not linked with.
#[cfg(not(test))]
mod eal;
#[cfg(not(test))]
mod feed;
mod function;
#[cfg(not(test))]
mod model;
#[cfg(not(test))]
mod sent;
