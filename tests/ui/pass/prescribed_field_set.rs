use ixgbe::registers::RDRXCTL;
use ixgbe::value;

fn main() {
    let _ = value!(RDRXCTL { CRCSTRIP: true });
}
