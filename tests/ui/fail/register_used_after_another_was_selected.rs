// What was selected first is no longer there.
// error names: transmit_queue

use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::registers::{RTTBCNRC, TxQueue};
use ixgbe::{index, value};

fn case<H: Platform>(mut nic: Device<Reset, H>, mut other: Device<Reset, H>) {
    let (mut windows, mut others) = (nic.windows_mut(), other.windows_mut());
    let _ = others.transmit_queue.select(index!(TxQueue, 5));
    let third = windows.transmit_queue.select(index!(TxQueue, 3)).rttbcnrc();
    let fourth = windows.transmit_queue.select(index!(TxQueue, 4)).rttbcnrc();
    third.modify(value!(RTTBCNRC { RF_INT: 1 }));
    fourth.modify(value!(RTTBCNRC { RF_INT: 2 }));
}

fn main() {}
