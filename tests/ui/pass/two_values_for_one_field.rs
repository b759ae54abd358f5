use ixgbe::registers::FCTRL;
use ixgbe::value;

fn main() {
    let _ = value!(FCTRL { UPE: true, MPE: false });
}
