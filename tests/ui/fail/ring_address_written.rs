// RDBAL and RDBAH decide where the device reads and writes descriptors.
// error names: RDBAL, Reset

use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, RxQueue, permission::Reset};

fn case<B: Bus>(registers: Registers<'_, B, Reset>, queue: RxQueue) {
    registers.rdba(queue).write(0x1000);
}

fn main() {}
