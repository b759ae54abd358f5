// With relaxed ordering a descriptor may be written back before its data.
// error names: DCA_RXCTRL, Running

use ixgbe::mmio::Bus;
use ixgbe::registers::{DCA_RXCTRL, Registers, RxQueue, permission::Running};
use ixgbe::value;

fn case<B: Bus>(registers: Registers<'_, B, Running>) {
    registers.dca_rxctrl(ixgbe::index!(RxQueue, 0)).modify(value!(DCA_RXCTRL { RX_DATA_WRITE_RO_EN: true }));
}

fn main() {}
