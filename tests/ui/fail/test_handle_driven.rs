// A handle of the model's port can be cloned, so it is no bus: two drivers could have the device.
// error names: Port, Bus

use ixgbe::mmio::Bus;
use ixgbe_sim::Port;

fn drive<B: Bus>(_bus: B) {}

fn case(port: Port) {
    drive(port.clone());
}

fn main() {}
