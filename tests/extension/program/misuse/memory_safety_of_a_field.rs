//~ this field of `EXVET` cannot be set: it is `Guarded`
use beta::BetaEXVET;
use ixgbe::{registers::EXVET, value};

fn main() {
    value!(EXVET { BETA_WINDOW: 1 });
}
