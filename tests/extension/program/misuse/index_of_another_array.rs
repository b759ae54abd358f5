//~ mismatched types
use acme::{AcmeRegisters, Led};
use ixgbe::{mmio::Bus, registers::{Registers, permission::Reset}};

fn wrong<B: Bus>(registers: Registers<'_, B, Reset>) {
    registers.acme_queue(Led::constant(0));
}

fn main() {}
