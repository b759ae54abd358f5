//~ register `ACME_CONTROL` may not be written in state `Running`
use acme::{AcmeRegisters, ACME_CONTROL};
use ixgbe::{mmio::Bus, registers::{Registers, permission::Running}, value};

fn wrong<B: Bus>(registers: Registers<'_, B, Running>) {
    registers.acme_control().write(value!(ACME_CONTROL { SPEED: 7 }));
}

fn main() {}
