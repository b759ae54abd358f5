// RXDCTL.ENABLE lets the device use a ring, which must be there.
// error names: RXDCTL, Reset

use ixgbe::mmio::Bus;
use ixgbe::registers::{RXDCTL, Registers, RxQueue, permission::Reset};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, Reset>, queue: RxQueue) {
    registers.rxdctl(queue).modify(value!(RXDCTL { ENABLE: true }));
}

fn main() {}
