//~ `ACME_COLOUR` is no value of this field
use ixgbe::{registers::EEC, value};

fn main() {
    value!(EEC { FWE: acme::ctrl_ext::ACME_COLOUR::Red });
}
