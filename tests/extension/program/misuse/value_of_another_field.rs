//~ `ACME_COLOUR` is not a value of this field
use ixgbe::{registers::RFCTL, value};

fn main() {
    value!(RFCTL { NFS_VER: acme::exvet::ACME_COLOUR::Red });
}
