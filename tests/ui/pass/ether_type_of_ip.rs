use ixgbe::constant;
use ixgbe::device::filter::EtherType;

fn main() {
    constant!(EtherType, 0x0806);
}
