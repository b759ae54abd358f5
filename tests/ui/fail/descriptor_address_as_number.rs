// An address in a descriptor comes from a DMA mapping, not from a number.
// error names: DmaAddr, u64

use ixgbe::descriptors::AdvancedReceiveRead;
use ixgbe::dma::DmaAddr;
use ixgbe::field::Value;

fn case(address: DmaAddr) -> Value<AdvancedReceiveRead> {
    Value::EMPTY.with(AdvancedReceiveRead::PKT_ADDR, address.get())
}

fn main() {}
