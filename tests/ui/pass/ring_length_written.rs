use ixgbe::mmio::Bus;
use ixgbe::registers::{RDLEN, Registers, RxQueue, permission::Reset};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, ixgbe::register::Driver<Reset>>, queue: RxQueue) {
    registers.rdlen(queue).write(value!(RDLEN { LEN: 8192 }));
}

fn main() {}
