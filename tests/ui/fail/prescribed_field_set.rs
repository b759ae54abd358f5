// The datasheet prescribes RDRXCTL.RSCACKC, and every write keeps it so.
// error names: RDRXCTL, Fixed

use ixgbe::registers::RDRXCTL;
use ixgbe::value;

fn main() {
    let _ = value!(RDRXCTL { RSCACKC: true });
}
