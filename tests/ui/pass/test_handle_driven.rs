use ixgbe::mmio::Bus;
use ixgbe_sim::Port;

fn drive<B: Bus>(_bus: B) {}

fn case(port: Port) {
    drive(port.claim().unwrap());
}

fn main() {}
