// TDT hands descriptors to the device: only the queue knows which it may have.
// error names: TDT, QueueEnabled

use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, TxQueue, permission::QueueEnabled};

fn case<B: Bus>(registers: Registers<'_, B, QueueEnabled>, queue: TxQueue) {
    registers.tdt(queue).ring_doorbell(7);
}

fn main() {}
