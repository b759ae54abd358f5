use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, TxQueue, permission::QueueEnabled};

fn case<B: Bus>(registers: Registers<'_, B, ixgbe::register::Driver<QueueEnabled>>, queue: TxQueue) {
    registers.tdt(queue).ring_doorbell(7);
}

fn main() {}
