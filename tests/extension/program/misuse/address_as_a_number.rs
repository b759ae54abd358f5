//~ mismatched types
use acme::AcmeRegisters;
use ixgbe::{mmio::Bus, register::Driver, registers::{Registers, permission::Reset}};

fn wrong<B: Bus>(registers: Registers<'_, B, Driver<Reset>>) {
    registers.acme_dma_address().write(0x1000u64);
}

fn main() {}
