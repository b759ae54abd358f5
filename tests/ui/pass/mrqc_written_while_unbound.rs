use ixgbe::device::{self, Device};
use ixgbe::platform::Platform;
use ixgbe::registers::{MRQC, mrqc};
use ixgbe::value;

fn case<H: Platform>(nic: &Device<device::Reset, H>) {
    nic.registers().mrqc().modify(value!(MRQC { MRQE: mrqc::MRQE::Rss }));
}

fn main() {}
