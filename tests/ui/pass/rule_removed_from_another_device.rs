use ixgbe::device::Control;
use ixgbe::device::filter::RuleHandle;
use ixgbe::platform::Platform;

fn case<H: Platform>(mut other: Control<'_, H>, handle: RuleHandle) {
    let _ = handle.remove();
}

fn main() {}
