// The device drops packets for a perfect filter only.
// error names: Flow, Signature

use ixgbe::device::filter::{Flow, Rule};

fn case() -> Rule {
    Flow::<ixgbe::device::filter::Signature>::tcp().source_port(80).drop()
}

fn main() {}
