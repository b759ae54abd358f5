// RXDCTL hands nothing to the device: it is no doorbell.
// error names: RXDCTL

use ixgbe::mmio::Bus;
use ixgbe::register::Driver;
use ixgbe::registers::{Registers, RxQueue, permission::QueueEnabled};

fn case<B: Bus>(registers: Registers<'_, B, Driver<QueueEnabled>>, queue: RxQueue) {
    registers.rxdctl(queue).ring_doorbell(7);
}

fn main() {}
