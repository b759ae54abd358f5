use ixgbe::index;
use ixgbe::registers::RxQueue;

fn main() {
    let _ = index!(RxQueue, 127);
}
