// A DMA address comes from a mapping.
// error names: DmaAddr

use ixgbe::dma::{DmaAddr, Mapping};
use std::ptr::NonNull;

fn case(mapping: &Mapping, data: NonNull<u8>) -> Option<DmaAddr> {
    Some(DmaAddr(0x1000))
}

fn main() {}
