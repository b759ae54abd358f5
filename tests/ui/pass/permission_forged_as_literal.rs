use ixgbe::device::{Device, Running};
use ixgbe::platform::Platform;
use ixgbe::registers::Registers;

fn case<H: Platform>(nic: &Device<Running, H>) -> Registers<'_, H, Running> {
    nic.registers()
}

fn main() {}
