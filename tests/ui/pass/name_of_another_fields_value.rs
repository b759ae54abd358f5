use ixgbe::registers::{self, SRRCTL};
use ixgbe::value;

fn main() {
    let _ = value!(SRRCTL { DESCTYPE: registers::srrctl::DESCTYPE::Legacy });
}
