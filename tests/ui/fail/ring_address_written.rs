// RDBAL and RDBAH decide where the device reads and writes descriptors.
// error names: RDBAL, Reset

use ixgbe::dma::DmaAddr;
use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, RxQueue, permission::Reset};

fn case<B: Bus>(registers: Registers<'_, B, Reset>, queue: RxQueue, ring: DmaAddr) {
    registers.rdba(queue).write(ring);
}

fn main() {}
