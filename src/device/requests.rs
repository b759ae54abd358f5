//! Requests of the device that wait for their completion, from the PCI configuration space.

use core::time::Duration;

use crate::clock;
use crate::platform::Platform;

/// The PCIe device status register in the configuration space.
const DEVICE_STATUS: u16 = 0xAA;
/// Device status: Transactions Pending.
const PENDING: u16 = 1 << 5;
/// The PCIe device control 2 register, whose bits 3:0 are the range of the completion timeout.
const DEVICE_CONTROL_2: u16 = 0xC8;
/// The pause between two looks.
const PAUSE: Duration = Duration::from_micros(100);

/// Waits until no request of the device is pending, at most for its completion timeout and a tenth more.
///
/// Returns `None` if the platform has no access to the configuration space, else `true` if requests are still pending.
pub(crate) fn are_pending<H: Platform>(platform: &H) -> Option<bool> {
    let look = || platform.read_config(DEVICE_STATUS).filter(|status| *status != u16::MAX);
    look()?;
    let is_idle = || look().is_none_or(|status| status & PENDING == 0).then_some(());
    Some(clock::poll(platform, limit(platform), PAUSE, is_idle).is_err())
}

/// Returns the longest completion timeout of the range in use, and a tenth more.
fn limit<H: Platform>(platform: &H) -> Duration {
    let milliseconds = match platform.read_config(DEVICE_CONTROL_2).unwrap_or(0) & 0xf {
        0x6 => 130,
        0x9 => 520,
        0xA => 2_000,
        // The range up to 34 s is cut short: nobody waits that long for a card that is in trouble anyway.
        0xD | 0xE => 8_000,
        _ => 80,
    };
    Duration::from_millis(milliseconds + milliseconds / 10)
}
