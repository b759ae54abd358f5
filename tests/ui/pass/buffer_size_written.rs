use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, RxQueue, SRRCTL, permission::Reset};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, ixgbe::register::Driver<Reset>>, queue: RxQueue) {
    registers.srrctl(queue).modify(value!(SRRCTL { BSIZEPACKET: 16 }));
}

fn main() {}
