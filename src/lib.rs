//! A user-space driver library for Intel's 82599 10 GbE controller.
#![no_std]
extern crate alloc;

pub mod clock;
pub mod descriptors;
pub mod dma;
pub mod field;
pub mod info;
pub mod mmio;
pub mod platform;
pub mod register;
pub mod registers;
