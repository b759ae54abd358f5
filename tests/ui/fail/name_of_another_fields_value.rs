// RssDisabled is a value of MRQC.MRQE.
// error names: DESCTYPE, MRQE

use ixgbe::registers::{self, SRRCTL};
use ixgbe::value;

fn main() {
    let _ = value!(SRRCTL { DESCTYPE: registers::mrqc::MRQE::Rss });
}
