// A handle knows its device, so nothing takes one: it cannot be given to another device.
// error names: Filters

use ixgbe::device::Control;
use ixgbe::device::filter::RuleHandle;
use ixgbe::platform::Platform;

fn case<H: Platform>(mut other: Control<'_, H>, handle: RuleHandle) {
    let _ = other.filters().remove(handle);
}

fn main() {}
