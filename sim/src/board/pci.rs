//! The words of the PCI configuration space that a driver reads (datasheet 9.3). The board gives the rest of the space.

use crate::deviation::Deviation;
use crate::fault::{Fault, Faults};

/// The PCIe capability.
const EXPRESS: u16 = 0xA0;
/// Device status: Transactions Pending.
const TRANSACTIONS_PENDING: u16 = 1 << 5;

/// Returns the word at `offset` of the device with this id, or `None` if it is not modelled.
pub(crate) fn config_word(offset: u16, device_id: u16, faults: &Faults) -> Option<u16> {
    if faults.has(Fault::SurpriseRemoval) {
        return Some(u16::MAX);
    }
    Some(match offset {
        0x00 => 0x8086,
        0x02 => device_id,
        // Device status.
        _ if offset == EXPRESS + 0x0A => match faults.has(Fault::RequestsPending) {
            true => TRANSACTIONS_PENDING,
            false => 0,
        },
        // Link status: 5 GT/s, 8 lanes.
        _ if offset == EXPRESS + 0x12 => match faults.deviation() {
            Some(Deviation::PcieNarrow) => 0x0012,
            _ => 0x0082,
        },
        // Device control 2: the default range of the completion timeout.
        _ if offset == EXPRESS + 0x28 => 0,
        _ => return None,
    })
}
