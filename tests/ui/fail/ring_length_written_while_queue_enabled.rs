// RDLEN may change only while its queue is disabled.
// error names: RDLEN, QueueEnabled

use ixgbe::mmio::Bus;
use ixgbe::register::Driver;
use ixgbe::registers::{RDLEN, Registers, RxQueue, permission};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, Driver<permission::QueueEnabled>>, queue: RxQueue) {
    registers.rdlen(queue).write(value!(RDLEN { LEN: 8192 }));
}

fn main() {}
