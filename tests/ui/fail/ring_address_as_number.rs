// A ring's address comes from memory that the device was given: no number is one, even for who may write the registers.
// error names: DmaAddr, mismatched

use ixgbe::dma::DmaAddr;
use ixgbe::mmio::Bus;
use ixgbe::register::Driver;
use ixgbe::registers::permission::QueueDisabled;
use ixgbe::registers::{Registers, RxQueue};

fn case<B: Bus>(registers: Registers<'_, B, Driver<QueueDisabled>>, queue: RxQueue, ring: DmaAddr) {
    registers.rdba(queue).write(ring.get());
}

fn main() {}
