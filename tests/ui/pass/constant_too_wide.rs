use ixgbe::registers::MRQC;
use ixgbe::value;

fn main() {
    let _ = value!(MRQC { RSS_FIELD_ENABLE: 0xffff });
}
