//~ this field of `CTRL_EXT` cannot be set: it is `Guarded`
use beta::BetaCTRL_EXT;
use ixgbe::{registers::CTRL_EXT, value};

fn main() {
    value!(CTRL_EXT { BETA_WINDOW: 1 });
}
