//~ this field of `EXVET` cannot be set: it is `DriverOnly`
use beta::BetaEXVET;
use ixgbe::{registers::EXVET, value};

fn main() {
    value!(EXVET { BETA_WINDOW: 1 });
}
