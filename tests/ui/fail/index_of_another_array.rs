// RXDCTL is there for each receive queue, not for each transmit queue.
// error names: RxQueueSpace, TxQueueSpace

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::registers;

fn case<H: Platform>(nic: &Device<Reset, H>, queue: registers::TxQueue) {
    let _ = nic.registers().rxdctl(queue).read();
}

fn main() {}
