use ixgbe::dma::DmaAddr;
use ixgbe::mmio::Bus;
use ixgbe::register::Driver;
use ixgbe::registers::permission::QueueDisabled;
use ixgbe::registers::{Registers, RxQueue};

fn case<B: Bus>(registers: Registers<'_, B, Driver<QueueDisabled>>, queue: RxQueue, ring: DmaAddr) {
    registers.rdba(queue).write(ring);
}

fn main() {}
