// A device whose queues have owners is put together again before it stops.
// error names: stop, OwnedControl

use std::time::Duration;

use ixgbe::device::{Device, Running};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: Device<Running, H>, limit: Duration) {
    let (control, queues) = nic.into_split();
    let _ = (queues.len(), limit);
    let _ = control.stop();
}

fn main() {}
