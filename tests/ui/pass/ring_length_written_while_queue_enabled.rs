use ixgbe::mmio::Bus;
use ixgbe::register::Driver;
use ixgbe::registers::{RDLEN, Registers, RxQueue, permission};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, Driver<permission::QueueDisabled>>, queue: RxQueue) {
    registers.rdlen(queue).write(value!(RDLEN { LEN: 8192 }));
}

fn main() {}
