use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, RxQueue, permission::Reset};

fn case<B: Bus>(registers: Registers<'_, B, ixgbe::register::Driver<Reset>>, queue: RxQueue) {
    registers.rdba(queue).write(0x1000);
}

fn main() {}
