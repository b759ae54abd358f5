use ixgbe::dma::{DmaAddr, Mapping};
use std::ptr::NonNull;

fn case(mapping: &Mapping, data: NonNull<u8>) -> Option<DmaAddr> {
    mapping.address(data)
}

fn main() {}
