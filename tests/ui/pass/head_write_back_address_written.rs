use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, TxQueue, permission::LinkUp};

fn case<B: Bus>(registers: Registers<'_, B, ixgbe::register::Driver<LinkUp>>, queue: TxQueue) {
    registers.tdwba(queue).write(1);
}

fn main() {}
