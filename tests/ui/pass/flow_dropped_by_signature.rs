use ixgbe::device::filter::{Flow, Rule};

fn case() -> Rule {
    Flow::<ixgbe::device::filter::Perfect>::tcp().source_port(80).drop()
}

fn main() {}
