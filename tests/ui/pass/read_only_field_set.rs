use ixgbe::registers::EEC;
use ixgbe::value;

fn main() {
    let _ = value!(EEC { EE_REQ: true });
}
