// An index is made by what checks it.
// error names: Index

use ixgbe::mmio::IndexOutOfRange;
use ixgbe::registers::RxQueue;

fn case() -> Result<RxQueue, IndexOutOfRange> {
    Ok(RxQueue { index: 200 })
}

fn main() {}
