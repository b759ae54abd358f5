//! Recovery of a virtual function.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use ixgbe::device::Running;
use ixgbe::vf::{Config, Platform, VirtualFunction};

/// The longest time for which the physical function may be gone.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// Recovers a function, as soon as its physical function is back. If it has interrupts, their interval is `interrupts`.
pub fn recover<H: Platform>(
    nic: VirtualFunction<Running, H>,
    config: &Config,
    interrupts: Option<Duration>,
) -> Result<VirtualFunction<Running, H>, Box<dyn Error>> {
    let start = Instant::now();
    let mut failed = match nic.recover() {
        Ok(nic) => return Ok(nic),
        Err(failed) => failed,
    };
    while start.elapsed() < PATIENCE {
        thread::sleep(PAUSE);
        match failed.device.reset(config) {
            Ok(nic) => {
                let mut nic = nic.start()?;
                interrupts.map_or(Ok(()), |interval| nic.control().set_up_interrupts(interval))?;
                return Ok(nic);
            }
            Err(again) => failed = again,
        }
    }
    Err(failed.error.into())
}
