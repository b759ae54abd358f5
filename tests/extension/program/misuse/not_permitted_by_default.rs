//~ register `ACME_LED` may not be written in state `Unbound`
use acme::{AcmeRegisters, ACME_LED, Led};
use ixgbe::{mmio::Bus, registers::{Registers, permission::Unbound}, value};

fn wrong<B: Bus>(registers: Registers<'_, B, Unbound>) {
    registers.acme_led(Led::constant(0)).write(value!(ACME_LED { ON: true }));
}

fn main() {}
