use ixgbe::device::{Device, Reset};
use ixgbe::index;
use ixgbe::platform::Platform;
use ixgbe::registers::TxQueue;

fn case<H: Platform>(mut nic: Device<Reset, H>, mut other: Device<Reset, H>) {
    let _ = other.registers_mut();
    let mut mine = nic.windows_mut();
    let mut yours = other.windows_mut();
    let _ = mine.transmit_queue.select(index!(TxQueue, 3));
    let _ = yours.transmit_queue.select(index!(TxQueue, 4));
}

fn main() {}
