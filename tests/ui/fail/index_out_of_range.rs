// There are 128 receive queues, numbered from 0.
// error names: RxQueue, 128

use ixgbe::index;
use ixgbe::registers::RxQueue;

fn main() {
    let _ = index!(RxQueue, 128);
}
