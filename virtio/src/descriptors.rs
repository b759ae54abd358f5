//! What lies in memory between driver and device, generated from `virtio.yaml`.

include!(concat!(env!("OUT_DIR"), "/descriptors.rs"));
