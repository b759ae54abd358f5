// Nobody knows which queue it would be of.
// error names: RTTBCNRC

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::registers::{RTTBCNRC, TxQueue};
use ixgbe::value;

fn case<H: Platform>(mut nic: Device<Reset, H>, queue: TxQueue) {
    let _ = queue;
    nic.registers_mut().rttbcnrc().modify(value!(RTTBCNRC { RF_INT: 1 }));
}

fn main() {}
