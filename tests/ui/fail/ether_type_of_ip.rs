// An EtherType filter for IPv4 would switch everything off that the device does with IP.
// error names: EtherType

use ixgbe::constant;
use ixgbe::device::filter::EtherType;

fn main() {
    constant!(EtherType, 0x0800);
}
