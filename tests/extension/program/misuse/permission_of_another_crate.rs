//~ register `ACME_LOG` may not be written in state `Running`
use acme::{AcmeRegisters, ACME_LOG};
use ixgbe::{mmio::Bus, registers::{Registers, permission::Running}, value};

fn wrong<B: Bus>(registers: Registers<'_, B, Running>) {
    registers.acme_log().write(value!(ACME_LOG { ENTRIES: 7 }));
}

fn main() {}
