//! A driver of VirtIO network devices.
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
