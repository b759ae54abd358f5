//~ ACME_CONTROL.SPEED cannot be 11: it takes 1 to 10
use acme::ACME_CONTROL;
use ixgbe::value;

fn main() {
    value!(ACME_CONTROL { SPEED: 11 });
}
