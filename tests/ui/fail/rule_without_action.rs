// A filter says which frames it matches. What happens to them makes it a rule.
// error names: FiveTuple

use ixgbe::device::filter::{Filters, FiveTuple, RuleHandle};
use ixgbe::device::Error;
use ixgbe::platform::AnyPlatform;
use ixgbe::registers::RxQueue;

fn case(filters: &mut Filters<'_, AnyPlatform>, filter: FiveTuple, _queue: RxQueue) -> Result<RuleHandle, Error> {
    filters.add(filter)
}

fn main() {}
