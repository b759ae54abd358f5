// A reference to a bus is no bus: two drivers could have the device.
// error names: Bus

use ixgbe::mmio::Bus;

fn drive<B: Bus>(_bus: B) {}

fn case<B: Bus>(bus: B) {
    drive(&bus);
}

fn main() {}
