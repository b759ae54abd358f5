use ixgbe::mmio::IndexOutOfRange;
use ixgbe::registers::RxQueue;

fn case() -> Result<RxQueue, IndexOutOfRange> {
    RxQueue::new(200)
}

fn main() {}
