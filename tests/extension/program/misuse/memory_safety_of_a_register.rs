//~ register `ACME_DMA` may not be written with permission `Reset`
use acme::{AcmeRegisters, ACME_DMA};
use ixgbe::{mmio::Bus, registers::{Registers, permission::Reset}, value};

fn wrong<B: Bus>(registers: Registers<'_, B, Reset>) {
    registers.acme_dma().write(value!(ACME_DMA { ADDRESS: 0x1000 }));
}

fn main() {}
