//~ no variant or associated item named `ACME_FAN` found for enum `CTRL`
use acme::AcmeEXVET;
use ixgbe::{registers::CTRL, value};

fn main() {
    value!(CTRL { ACME_FAN: true });
}
