// RDT belongs to the queue, also on a running device.
// error names: RDT, Running

use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, RxQueue, permission};

fn case<B: Bus>(registers: Registers<'_, B, permission::Running>, queue: RxQueue) {
    registers.rdt(queue).ring_doorbell(7);
}

fn main() {}
