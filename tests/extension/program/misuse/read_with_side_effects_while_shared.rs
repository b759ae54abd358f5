//~ register `ACME_QUEUE` has read side effects
use acme::AcmeRegisters;
use ixgbe::{mmio::Bus, registers::{Registers, RxQueue, permission::Reset}};

fn wrong<B: Bus>(registers: Registers<'_, B, Reset>) {
    registers.acme_queue(RxQueue::constant(0)).read_with_side_effects();
}

fn main() {}
