use std::time::Duration;

use ixgbe::device::{Device, Running};
use ixgbe::platform::Platform;

fn case<H: Platform>(nic: Device<Running, H>, limit: Duration) {
    let (control, queues) = nic.into_split();
    let _ = (queues.len(), limit);
    let _ = control.reunite(limit);
}

fn main() {}
