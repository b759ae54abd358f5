use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, RxQueue, permission::QueueEnabled};

fn case<B: Bus>(registers: Registers<'_, B, ixgbe::register::Driver<QueueEnabled>>, queue: RxQueue) {
    registers.rdt(queue).ring_doorbell(7);
}

fn main() {}
