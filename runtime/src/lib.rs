//! The runtime of the code that `datasheet-codegen` generates, for any chip.
//!
//! A description of a chip in YAML becomes types: one for each register, with its fields as constants, and a method for
//! each register on a handle. This crate has everything that those types are made of. A driver for a new chip is its
//! YAML, a build script of three lines, and a [`Bus`](bus::Bus) that reaches its registers.
//!
//! ```
//! use uart_16550::registers::permission::Data;
//! use uart_16550::registers::{MCR, RegisterSpace, Registers};
//! use datasheet_runtime::fake::FakeDevice;
//! use datasheet_runtime::{space::Space, value};
//!
//! let mut memory = [0; RegisterSpace::ELEMENTS];
//! let device = FakeDevice::<RegisterSpace>::new(&mut memory);
//! let bus = device.bus().ok_or("the bus was taken already")?;
//! // SAFETY: a fake device accesses no memory, and LCR.DLAB is 0 after a reset.
//! let registers = unsafe { Registers::<_, Data>::assume_permission(&bus) };
//! registers.mcr().write(value!(MCR { DTR: true, RTS: true }));
//! assert!(registers.mcr().read().field(MCR::RTS));
//! assert_eq!(device.violations().count(), 0);
//! # Ok::<(), &str>(())
//! ```
//!
//! # Modules
//!
//! - [`field`]: fields, values, and the macro [`value!`]. [`register`]: registers, pairs, permissions and doorbells.
//! - [`space`], [`mod@array`]: offsets and indices that are always in range. [`window`]: registers behind an index.
//! - [`descriptor`], [`address`]: DMA. [`structure`]: headers and other structures of bytes.
//! - [`bus`], [`mmio`], [`clock`]: what a driver needs from its surroundings.
//! - [`info`]: the map as data. [`trace`]: a bus that reports each access. [`fake`]: a device for tests.
//!
//! The crate is `no_std`, needs no allocator, and never panics, waits without a limit, or prints.
#![no_std]

pub mod address;
pub mod array;
pub mod bus;
pub mod clock;
pub mod descriptor;
pub mod fake;
pub mod field;
pub mod info;
mod message;
pub mod mmio;
pub mod register;
pub mod space;
pub mod structure;
#[cfg(feature = "tock-registers")]
pub mod tock;
pub mod trace;
pub mod window;

/// For generated code: makes types registers for tock-registers, if the feature is on.
#[cfg(feature = "tock-registers")]
#[doc(hidden)]
#[macro_export]
macro_rules! register_long_name {
    ($register:ty) => {
        impl $crate::tock::RegisterLongName for $register {}
    };
}

/// For generated code: makes types registers for tock-registers, if the feature is on.
#[cfg(not(feature = "tock-registers"))]
#[doc(hidden)]
#[macro_export]
macro_rules! register_long_name {
    ($register:ty) => {};
}
