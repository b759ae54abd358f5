use ixgbe::device::Config;
use ixgbe::device::filter::{FlowDirector, FlowMemory};

fn case() -> Config {
    Config::new().flow_director(FlowDirector::perfect(FlowMemory::Kib64).source_bits([255, 255, 255, 0].into()))
}

fn main() {}
