use ixgbe::mmio::Bus;

fn drive<B: Bus>(_bus: B) {}

fn case<B: Bus>(bus: B) {
    drive(bus);
}

fn main() {}
