// RDT hands descriptors to the device: only the queue knows which it may have.
// error names: RDT, QueueEnabled

use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, RxQueue, permission::QueueEnabled};

fn case<B: Bus>(registers: Registers<'_, B, QueueEnabled>, queue: RxQueue) {
    registers.rdt(queue).ring_doorbell(7);
}

fn main() {}
