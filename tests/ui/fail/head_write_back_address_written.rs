// TDWBAL decides where the device writes a transmit ring's head.
// error names: TDWBAL, LinkUp

use ixgbe::dma::DmaAddr;
use ixgbe::mmio::Bus;
use ixgbe::registers::{Registers, TxQueue, permission::LinkUp};

fn case<B: Bus>(registers: Registers<'_, B, LinkUp>, queue: TxQueue, head: DmaAddr) {
    registers.tdwba(queue).write(head);
}

fn main() {}
