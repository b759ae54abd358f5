use ixgbe::descriptors::AdvancedReceiveRead;
use ixgbe::dma::DmaAddr;
use ixgbe::field::Value;

fn case(address: DmaAddr) -> Value<AdvancedReceiveRead> {
    Value::EMPTY.with(AdvancedReceiveRead::PKT_ADDR, address)
}

fn main() {}
