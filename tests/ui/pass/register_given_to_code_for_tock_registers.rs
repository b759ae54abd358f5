use ixgbe::device::{Device, Reset};
use ixgbe::platform::Platform;
use ixgbe::runtime::tock::Writeable;

fn clear(register: &impl Writeable<T = u32>) {
    register.set(0);
}

fn case<H: Platform>(nic: &Device<Reset, H>) {
    clear(&nic.registers().eitrsel());
}

fn main() {}
