//~ no variant or associated item named `ACME_FAN` found for enum `CTRL`
use acme::AcmeCTRL_EXT;
use ixgbe::{registers::CTRL, value};

fn main() {
    value!(CTRL { ACME_FAN: true });
}
