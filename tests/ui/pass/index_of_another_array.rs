use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::registers;

fn case<H: Platform>(nic: &Device<Reset, H>, queue: registers::RxQueue) {
    let _ = nic.registers().rxdctl(queue).read();
}

fn main() {}
