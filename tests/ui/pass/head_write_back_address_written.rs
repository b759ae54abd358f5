use ixgbe::dma::DmaAddr;
use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, TxQueue, permission::LinkUp};

fn case<B: Bus>(registers: Registers<'_, B, ixgbe::register::Driver<LinkUp>>, queue: TxQueue, head: DmaAddr) {
    registers.tdwba(queue).write(head);
}

fn main() {}
