use ixgbe::dma::DmaAddr;
use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, RxQueue, permission::Reset};

fn case<B: Bus>(registers: Registers<'_, B, ixgbe::register::Driver<Reset>>, queue: RxQueue, ring: DmaAddr) {
    registers.rdba(queue).write(ring);
}

fn main() {}
