//! The MAC address of the device: entry 0 of the receive address table (8.2.3.7.8, 8.2.3.7.9).

use core::fmt;

use crate::field::{Value, ValueError};
use crate::mmio::Bus;
use crate::register::WritableIn;
use crate::registers::{MacAddressEntry, RAH, RAL, Registers};
use crate::{index, value};

/// Returns `true` if frames can be sent to this address as the address of one port: it is no group address, and not
/// zero.
pub(crate) fn is_unicast(address: [u8; 6]) -> bool {
    address[0] & 1 == 0 && address != [0; 6]
}

/// Returns the address that the device has.
pub(crate) fn read<D: Bus, P>(registers: Registers<'_, D, P>) -> [u8; 6] {
    read_entry(registers, index!(MacAddressEntry, 0))
}

/// Returns the address in an entry of the table.
pub(crate) fn read_entry<D: Bus, P>(registers: Registers<'_, D, P>, entry: MacAddressEntry) -> [u8; 6] {
    let [a, b, c, d] = (registers.ral(entry).read().field(RAL::RAL) as u32).to_le_bytes();
    let [e, f] = (registers.rah(entry).read().field(RAH::RAH) as u16).to_le_bytes();
    [a, b, c, d, e, f]
}

/// Changes the address that the device has.
pub(crate) fn write<D: Bus, P>(registers: Registers<'_, D, P>, address: [u8; 6]) -> Result<(), ValueError>
where
    RAL: WritableIn<P>,
    RAH: WritableIn<P>,
{
    let entry = index!(MacAddressEntry, 0);
    let [a, b, c, d, e, f] = address;
    let low = Value::EMPTY.try_with(RAL::RAL, u64::from(u32::from_le_bytes([a, b, c, d])))?;
    let high = value!(RAH { AV: true }).try_with(RAH::RAH, u64::from(u16::from_le_bytes([e, f])))?;
    // The entry is invalid in between. Otherwise the device would receive frames for a mixture of both addresses.
    registers.rah(entry).modify(value!(RAH { AV: false }));
    registers.ral(entry).write_full(low.full()?);
    registers.rah(entry).modify(high);
    Ok(())
}

/// An address as text.
pub(crate) struct MacAddress(pub(crate) [u8; 6]);

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}
