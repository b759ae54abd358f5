//! A driver of Intel's 82540EM, which shares no register with the 82599: `e1000.yaml` and three files of Rust.
//!
//! The rest is the library's: PCI functions, memory, pools, packets, and the traits of [`ixgbe::port`]. Programs that
//! are generic over these traits run on this chip too, as `examples/e1000-echo.rs` does. The README tells more.
#![no_std]

extern crate alloc;

mod device;
mod queue;

/// The registers of the 82540EM, generated from `e1000.yaml`.
pub mod registers {
    include!(concat!(env!("OUT_DIR"), "/registers.rs"));
}

/// The descriptors of the 82540EM, generated from `e1000.yaml`.
pub mod descriptors {
    include!(concat!(env!("OUT_DIR"), "/descriptors.rs"));
}

pub use device::{Control, Device};
pub use queue::{ReceiveQueue, TransmitQueue};
