//! A behavioural model of Intel's 82599 10 GbE controller.
#![deny(missing_docs)]

mod access;
mod chip;
mod counters;
mod eeprom;
mod fault;
mod filter;
mod iommu;
mod layout;
mod link;
mod offsets;
mod packet;
mod port;
mod queues;
mod receive;
mod reset;
mod ring;
mod rss;
mod runner;
mod start_rules;
mod statistics;
mod transmit;
mod violation;
pub mod wire;

pub use counters::Counters;
pub use fault::Fault;
pub use port::{Port, PortConfig, connect};
pub use runner::Runner;
pub use violation::{Rule, Severity, Violation};
pub use wire::Wire;
