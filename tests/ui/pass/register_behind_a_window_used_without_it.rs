use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::registers::{RTTBCNRC, TxQueue};
use ixgbe::value;

fn case<H: Platform>(mut nic: Device<Reset, H>, queue: TxQueue) {
    let _ = queue;
    nic.windows_mut().transmit_queue.select(queue).rttbcnrc().modify(value!(RTTBCNRC { RF_INT: 1 }));
}

fn main() {}
