// RDLEN decides how far the device reads and writes descriptors.
// error names: RDLEN, Reset

use ixgbe::mmio::Bus;
use ixgbe::registers::{RDLEN, Registers, RxQueue, permission::Reset};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, Reset>, queue: RxQueue) {
    registers.rdlen(queue).write(value!(RDLEN { LEN: 8192 }));
}

fn main() {}
