//! Writes of the filter tables but Flow Director's (datasheet 8.2.3.7).
//!
//! Handles of rules write from any thread, while the program may modify registers through its control. So each write
//! here stores a whole register: a read-modify-write could lose a change of the program's.

use crate::device::filter::five_tuple::{Layer4, Ports};
use crate::device::filter::table::{Rules, Slot};
use crate::device::{Error, mac};
use crate::field::Value;
use crate::mmio::{Bus, Index};
use crate::packet::numbers::VLAN;
use crate::register::WritableIn;
use crate::registers::{
    DAQF, ETQF, ETQS, EtherTypeFilter, FTQF, FiveTupleFilter, L34TIMIR, MCSTCTRL, MPSAR, MTA, MacAddressEntry, RAH,
    RAL, Registers, SAQF, SDPQF, VFTA, VLNCTRL, ftqf, mcstctrl,
};
use crate::value;

/// FTQF.MASK: parts of the tuple that are not compared.
const NO_SOURCE: u64 = 1 << 0;
const NO_DESTINATION: u64 = 1 << 1;
const NO_SOURCE_PORT: u64 = 1 << 2;
const NO_DESTINATION_PORT: u64 = 1 << 3;
const NO_PROTOCOL: u64 = 1 << 4;

/// Writes what `rules` have at `slot`. FCTRL and Flow Director need more than that, and are not written here.
pub(super) fn write<D: Bus, P>(registers: Registers<'_, D, P>, rules: &Rules, slot: Slot) -> Result<(), Error>
where
    RAL: WritableIn<P>,
    RAH: WritableIn<P>,
    MPSAR: WritableIn<P>,
    MTA: WritableIn<P>,
    MCSTCTRL: WritableIn<P>,
    VFTA: WritableIn<P>,
    VLNCTRL: WritableIn<P>,
    ETQF: WritableIn<P>,
    ETQS: WritableIn<P>,
    FTQF: WritableIn<P>,
    SAQF: WritableIn<P>,
    DAQF: WritableIn<P>,
    SDPQF: WritableIn<P>,
    L34TIMIR: WritableIn<P>,
{
    // All indices come from the table, whose lengths are the device's.
    match slot {
        Slot::Address(entry) => match MacAddressEntry::new(entry) {
            Ok(index) => write_address(registers, index, rules.address(entry)),
            Err(_) => Ok(()),
        },
        Slot::Hashed(register) => write_hashed(registers, rules, register),
        Slot::Vlans(register) => write_vlans(registers, rules, register),
        Slot::EtherType(entry) => match EtherTypeFilter::new(entry) {
            Ok(index) => write_ether_type(registers, rules, index),
            Err(_) => Ok(()),
        },
        Slot::FiveTuple(entry) => match FiveTupleFilter::new(entry) {
            Ok(index) => write_five_tuple(registers, rules, index),
            Err(_) => Ok(()),
        },
        Slot::Modes | Slot::Flow(_) => Ok(()),
    }
}

/// Sets an entry of the receive addresses, or clears it. VM pool 0 is the whole port.
fn write_address<D: Bus, P>(
    registers: Registers<'_, D, P>,
    entry: MacAddressEntry,
    address: Option<[u8; 6]>,
) -> Result<(), Error>
where
    RAL: WritableIn<P>,
    RAH: WritableIn<P>,
    MPSAR: WritableIn<P>,
{
    let invalid = value!(RAH { RAH: 0, AV: false }).full()?;
    let Some(address) = address else {
        registers.rah(entry).write_full(invalid);
        return Ok(());
    };
    // Another rule has the address already. The entry must not become invalid, even for a moment.
    if registers.rah(entry).read().field(RAH::AV) && mac::read_entry(registers, entry) == address {
        return Ok(());
    }
    let [low, high] = [2 * entry.get(), 2 * entry.get() + 1].map(Index::new);
    if let (Ok(low), Ok(high)) = (low, high) {
        registers.mpsar(low).write_full(value!(MPSAR { POOL_ENA: 1 }).full()?);
        registers.mpsar(high).write_full(value!(MPSAR { POOL_ENA: 0 }).full()?);
    }
    let [a, b, c, d, e, f] = address;
    let low = Value::EMPTY.try_with(RAL::RAL, u64::from(u32::from_le_bytes([a, b, c, d])))?;
    let high = value!(RAH { AV: true }).try_with(RAH::RAH, u64::from(u16::from_le_bytes([e, f])))?;
    registers.rah(entry).write_full(invalid);
    registers.ral(entry).write_full(low.full()?);
    registers.rah(entry).write_full(high.full()?);
    Ok(())
}

/// Writes a register of MTA, and switches the table on or off.
fn write_hashed<D: Bus, P>(registers: Registers<'_, D, P>, rules: &Rules, register: usize) -> Result<(), Error>
where
    MTA: WritableIn<P>,
    MCSTCTRL: WritableIn<P>,
{
    if let Ok(index) = Index::new(register) {
        let word = u64::from(rules.hashed_word(register));
        registers.mta(index).write_full(Value::EMPTY.try_with(MTA::BIT_VECTOR, word)?.full()?);
    }
    let control = value!(MCSTCTRL { MO: mcstctrl::MO::Bits47To36 });
    registers.mcstctrl().write(control.with(MCSTCTRL::MFE, rules.has_hashed()));
    Ok(())
}

/// Writes a register of VFTA and the one of VLAN id 0. The filter goes on after that, or off before.
fn write_vlans<D: Bus, P>(registers: Registers<'_, D, P>, rules: &Rules, register: usize) -> Result<(), Error>
where
    VFTA: WritableIn<P>,
    VLNCTRL: WritableIn<P>,
{
    let on = rules.has_vlans();
    if !on {
        write_vlan_control(registers, false)?;
    }
    for register in [0, register] {
        if let Ok(index) = Index::new(register) {
            let word = u64::from(rules.vlan_word(register));
            registers.vfta(index).write_full(Value::EMPTY.try_with(VFTA::VLAN_FLT, word)?.full()?);
        }
    }
    if on {
        write_vlan_control(registers, true)?;
    }
    Ok(())
}

/// Switches the filter of VLANs on or off. The type of tags stays as after a reset, and CFI is not compared.
fn write_vlan_control<D: Bus, P>(registers: Registers<'_, D, P>, on: bool) -> Result<(), Error>
where
    VLNCTRL: WritableIn<P>,
{
    let control = value!(VLNCTRL { CFI: false, CFIEN: false }).try_with(VLNCTRL::VET, u64::from(VLAN))?;
    registers.vlnctrl().write_full(control.with(VLNCTRL::VFE, on).full()?);
    Ok(())
}

/// Sets an EtherType filter, its queue first, or clears it.
fn write_ether_type<D: Bus, P>(
    registers: Registers<'_, D, P>,
    rules: &Rules,
    entry: EtherTypeFilter,
) -> Result<(), Error>
where
    ETQF: WritableIn<P>,
    ETQS: WritableIn<P>,
{
    registers.etqf(entry).write(value!(ETQF { FILTER_ENABLE: false }));
    match rules.ether_type_at(entry.get()) {
        Some((ether_type, queue)) => {
            let select = value!(ETQS { QUEUE_ENABLE: true }).try_with(ETQS::RX_QUEUE, queue.get() as u64)?;
            registers.etqs(entry).write(select);
            let filter = value!(ETQF { FILTER_ENABLE: true }).try_with(ETQF::ETYPE, u64::from(ether_type.get()))?;
            registers.etqf(entry).write(filter);
        }
        None => registers.etqs(entry).write(value!(ETQS { QUEUE_ENABLE: false })),
    }
    Ok(())
}

/// Sets a five-tuple filter, or clears it. It is off while its registers change.
fn write_five_tuple<D: Bus, P>(
    registers: Registers<'_, D, P>,
    rules: &Rules,
    entry: FiveTupleFilter,
) -> Result<(), Error>
where
    FTQF: WritableIn<P>,
    SAQF: WritableIn<P>,
    DAQF: WritableIn<P>,
    SDPQF: WritableIn<P>,
    L34TIMIR: WritableIn<P>,
{
    let off = value!(FTQF { PRIORITY: 1, POOL: 0, MASK: 0, POOL_MASK: true, QUEUE_ENABLE: false });
    registers.ftqf(entry).write_full(off.with(FTQF::PROTOCOL, ftqf::PROTOCOL::Tcp).full()?);
    let Some((filter, queue)) = rules.five_tuple_at(entry.get()) else { return Ok(()) };
    let Ports { source, destination } = filter.ports();
    let (protocol, no_protocol) = match filter.layer4 {
        Layer4::Any(_) => (ftqf::PROTOCOL::Other, NO_PROTOCOL),
        Layer4::Tcp(_) => (ftqf::PROTOCOL::Tcp, 0),
        Layer4::Udp(_) => (ftqf::PROTOCOL::Udp, 0),
        Layer4::Sctp(_) => (ftqf::PROTOCOL::Sctp, 0),
        Layer4::Other => (ftqf::PROTOCOL::Other, 0),
    };
    let unless = |compared: bool, bit: u64| if compared { 0 } else { bit };
    let mask = no_protocol
        | unless(filter.source.is_some(), NO_SOURCE)
        | unless(filter.destination.is_some(), NO_DESTINATION)
        | unless(source.is_some(), NO_SOURCE_PORT)
        | unless(destination.is_some(), NO_DESTINATION_PORT);
    // The first byte on the wire is the lowest.
    let [source_address, destination_address] = [filter.source, filter.destination]
        .map(|address| u64::from(address.map_or(0, |address| u32::from_le_bytes(address.octets()))));
    let [source_port, destination_port] = [source, destination].map(|port| u64::from(port.unwrap_or(0).swap_bytes()));
    registers.saqf(entry).write_full(Value::EMPTY.try_with(SAQF::SOURCE_ADDRESS, source_address)?.full()?);
    registers.daqf(entry).write_full(Value::EMPTY.try_with(DAQF::DESTINATION_ADDRESS, destination_address)?.full()?);
    let ports = Value::EMPTY.try_with(SDPQF::SOURCE_PORT, source_port)?;
    registers.sdpqf(entry).write_full(ports.try_with(SDPQF::DESTINATION_PORT, destination_port)?.full()?);
    let queue = value!(L34TIMIR { SIZE_BP: true, LOW_LATENCY_INTERRUPT: false })
        .try_with(L34TIMIR::RX_QUEUE, queue.get() as u64)?;
    registers.l34timir(entry).write_full(queue.full()?);
    let filter = value!(FTQF { POOL: 0, POOL_MASK: true, QUEUE_ENABLE: true })
        .with(FTQF::PROTOCOL, protocol)
        .try_with(FTQF::PRIORITY, u64::from(filter.priority.get()))?
        .try_with(FTQF::MASK, mask)?;
    registers.ftqf(entry).write_full(filter.full()?);
    Ok(())
}
