//! The registers of the device, generated from `virtio.yaml`.
//!
//! [`Registers`] are the common configuration. Each other block has a module. A capability of the PCI function says
//! where a block lies: see [`discovery`](crate::discovery).

include!(concat!(env!("OUT_DIR"), "/registers.rs"));

/// The interrupt status. Only INTx needs it.
pub mod isr {
    include!(concat!(env!("OUT_DIR"), "/registers_isr.rs"));
}

/// The configuration of the network device.
pub mod network {
    include!(concat!(env!("OUT_DIR"), "/registers_network.rs"));
}

/// The doorbell of one queue. Each queue has its own space, at a place that the device says.
pub mod notify {
    include!(concat!(env!("OUT_DIR"), "/registers_notify.rs"));
}
