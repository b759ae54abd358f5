// Signature filters compare whole addresses: the device has no mask for their bits.
// error names: FlowDirector

use ixgbe::device::Config;
use ixgbe::device::filter::{FlowDirector, FlowMemory};

fn case() -> Config {
    Config::new().flow_director(FlowDirector::signature(FlowMemory::Kib64).source_bits([255, 255, 255, 0].into()))
}

fn main() {}
