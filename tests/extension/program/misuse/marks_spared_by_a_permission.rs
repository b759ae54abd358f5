//~ register `SRRCTL` may not be written with permission `Driver<LogStopped>`
use acme::permission::LogStopped;
use ixgbe::{mmio::Bus, register::Driver, registers::{Registers, RxQueue, SRRCTL}, value};

fn wrong<B: Bus>(registers: Registers<'_, B, Driver<LogStopped>>) {
    registers.srrctl(RxQueue::constant(0)).modify(value!(SRRCTL { DROP_EN: true }));
}

fn main() {}
