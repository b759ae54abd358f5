// A filter says which frames it matches. What happens to them makes it a rule.
// error names: FiveTuple

use ixgbe::device::filter::{Filters, FiveTuple, RuleHandle};
use ixgbe::device::Error;
use ixgbe::platform::AnyPlatform;

fn case(filters: &mut Filters<'_, AnyPlatform>) -> Result<RuleHandle, Error> {
    filters.add(FiveTuple::new())
}

fn main() {}
