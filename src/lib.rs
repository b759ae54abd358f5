//! A user-space driver library for Intel's 82599 10 GbE controller.
#![cfg_attr(not(test), no_std)]
extern crate alloc;

pub mod clock;
pub mod descriptors;
pub mod device;
pub mod dma;
pub mod field;
pub mod info;
pub mod mmio;
pub mod packet;
pub mod platform;
pub mod pool;
pub mod queue;
pub mod register;
pub mod registers;
pub mod trace;
