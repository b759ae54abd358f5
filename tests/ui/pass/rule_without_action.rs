use ixgbe::device::filter::{Filters, FiveTuple, RuleHandle};
use ixgbe::device::Error;
use ixgbe::platform::AnyPlatform;

fn case(filters: &mut Filters<'_, AnyPlatform>) -> Result<RuleHandle, Error> {
    filters.add(FiveTuple::new().to(ixgbe::registers::RxQueue::constant(0)))
}

fn main() {}
