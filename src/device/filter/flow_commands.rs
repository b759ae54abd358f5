//! Start of Flow Director, and the commands that add and remove its filters (datasheet 8.2.3.21).

use core::net::IpAddr;
use core::time::Duration;

use crate::clock::Clock;
use crate::device::Error;
use crate::device::error::InStep;
use crate::device::filter::flow_director::{FlowKind, FlowMemory, Layer4Fields, Settings};
use crate::device::filter::table::FlowSlot;
use crate::device::filter::tuple::{BUCKET_KEY, Protocol, SIGNATURE_KEY};
use crate::device::filter::{Action, FlowStatistics};
use crate::field::Value;
use crate::mmio::{Bus, Index};
use crate::register::{Contents, Driver, Exclusive, WritableIn};
use crate::registers::permission::{FlowDirectorReady, ReceivePaused, Reset};
use crate::registers::{
    FDIRCMD, FDIRCTRL, FDIRDIP4M, FDIRFREE, FDIRFSTAT, FDIRHASH, FDIRHKEY, FDIRIPDA, FDIRIPSA, FDIRLEN, FDIRM,
    FDIRMATCH, FDIRMISS, FDIRPORT, FDIRSIP4M, FDIRSIPv6, FDIRSKEY, FDIRTCPM, FDIRUDPM, FDIRUSTAT, FDIRVLAN, Registers,
    fdircmd, fdirctrl,
};
use crate::value;

/// Time limit for the tables to be initialised: four times the 6 ms that 256 KiB take at 100 Mbit/s without load.
const INITIALISED: Duration = Duration::from_millis(24);
/// Time limit for a command.
const COMMAND_DONE: Duration = Duration::from_micros(100);
/// The receive queue that stands for "drop". It has no ring.
const DROP_QUEUE: u64 = 127;

/// The registers of Flow Director once its tables are initialised.
type Ready<'a, D> = Registers<'a, D, FlowDirectorReady>;

/// Initialises the tables and sets what all filters compare. Reception must be off, and the packet buffer must have
/// left the memory free.
///
/// # Errors
///
/// [`Error::TimedOut`] if the device does not initialise the tables.
pub(super) fn start<D: Bus + Clock>(
    device: &D,
    registers: Registers<'_, D, Driver<Reset>>,
    settings: &Settings,
) -> Result<(), Error> {
    registers.fdirhkey().write(Value::EMPTY.try_with(FDIRHKEY::KEY, u64::from(BUCKET_KEY))?);
    registers.fdirskey().write(Value::EMPTY.try_with(FDIRSKEY::KEY, u64::from(SIGNATURE_KEY))?);
    initialise(device, registers, settings)?;
    // SAFETY: the tables were just initialised. This permission is neither exclusive nor the driver's.
    set_masks(unsafe { Registers::assume_permission(device) }, settings)
}

/// Removes all filters at once, as drivers proven on silicon do. Reception must be paused.
///
/// # Errors
///
/// [`Error::TimedOut`] if the device does not complete a command, or does not initialise the tables.
pub(super) fn clear<D: Bus + Clock>(
    device: &D,
    registers: Registers<'_, D, Driver<ReceivePaused>>,
    settings: &Settings,
) -> Result<(), Error> {
    // SAFETY: the tables are initialised. This permission is neither exclusive nor the driver's.
    let ready: Ready<'_, D> = unsafe { Registers::assume_permission(device) };
    wait_for_command(device, ready)?;
    ready.fdirfree().write(value!(FDIRFREE { FREE: 0 }));
    // A second write of FDIRCTRL without this leaves head and tail of the table wrong.
    for clear in [true, false] {
        ready.fdircmd().write(Value::EMPTY.with(FDIRCMD::CLEARHT, clear));
        _ = ready.status().read();
    }
    ready.fdirhash().write(value!(FDIRHASH { HASH: 0 }));
    initialise(device, registers, settings)
}

/// Writes FDIRCTRL, which initialises the tables, and waits for that.
fn initialise<D: Bus + Clock, P>(device: &D, registers: Registers<'_, D, P>, settings: &Settings) -> Result<(), Error>
where
    FDIRCTRL: WritableIn<P>,
{
    let memory = match settings.memory {
        FlowMemory::Kib64 => fdirctrl::PBALLOC::Memory64Kib,
        FlowMemory::Kib128 => fdirctrl::PBALLOC::Memory128Kib,
        FlowMemory::Kib256 => fdirctrl::PBALLOC::Memory256Kib,
    };
    let kind = match settings.kind {
        FlowKind::Perfect => fdirctrl::PERFECT_MATCH::Perfect,
        FlowKind::Signature => fdirctrl::PERFECT_MATCH::Signature,
    };
    let place = settings.flexible.map_or(0, |place| place.words());
    // Lists of more than 20 filters are reported. The interrupt for less than 64 free filters is masked.
    let control = value!(FDIRCTRL { REPORT_STATUS: true, DROP_QUEUE: DROP_QUEUE, MAX_LENGTH: 10, FULL_THRESH: 4 })
        .with(FDIRCTRL::PBALLOC, memory)
        .with(FDIRCTRL::PERFECT_MATCH, kind)
        .try_with(FDIRCTRL::FLEX_OFFSET, place)?;
    registers.fdirctrl().write(control);
    registers
        .fdirctrl()
        .wait_until(device, INITIALISED, |control| control.field(FDIRCTRL::INIT_DONE))
        .in_step("initialising the tables of Flow Director (8.2.3.21.1)")
        .map(|_| ())
}

/// Sets what filters do not compare (8.2.3.21.4 to .9). A bit of a mask that is 1 is not compared.
fn set_masks<D: Bus>(registers: Ready<'_, D>, settings: &Settings) -> Result<(), Error> {
    let tag = settings.tag_bits();
    let other = value!(FDIRM { POOL: true })
        .with(FDIRM::VLANID, tag & 0x0fff == 0)
        .with(FDIRM::VLANP, tag & 0xe000 == 0)
        .with(FDIRM::L4P, settings.layer4 == Layer4Fields::Ignored)
        .with(FDIRM::FLEX, settings.flexible.is_none())
        .with(FDIRM::DIPV6, settings.kind == FlowKind::Perfect);
    registers.fdirm().write(other);
    // The first byte on the wire is the lowest.
    let [source, destination] =
        [settings.source, settings.destination].map(|bits| u64::from(u32::from_le_bytes((!bits).octets())));
    registers.fdirsip4m().write(Value::EMPTY.try_with(FDIRSIP4M::IPM, source)?);
    registers.fdirdip4m().write(Value::EMPTY.try_with(FDIRDIP4M::IPM, destination)?);
    // The bits of a port are in reverse order.
    let mask = |bits: u16| u64::from((!bits).reverse_bits());
    let (tcp, udp) = (settings.tcp_ports(), settings.udp_ports());
    let ports = Value::EMPTY.try_with(FDIRTCPM::SPORTM, mask(tcp.source))?;
    registers.fdirtcpm().write(ports.try_with(FDIRTCPM::DPORTM, mask(tcp.destination))?);
    let ports = Value::EMPTY.try_with(FDIRUDPM::SPORTM, mask(udp.source))?;
    registers.fdirudpm().write(ports.try_with(FDIRUDPM::DPORTM, mask(udp.destination))?);
    Ok(())
}

/// Adds the filter at `slot`.
///
/// # Errors
///
/// [`Error::TimedOut`] if the device does not complete the command.
pub(super) fn add<D: Bus + Clock>(
    device: &D,
    registers: Ready<'_, D>,
    kind: FlowKind,
    slot: &FlowSlot,
    action: Action,
) -> Result<(), Error> {
    if kind == FlowKind::Perfect {
        set_tuple(registers, slot)?;
    }
    let (queue, drop) = match action {
        Action::Queue(queue) => (queue.get() as u64, false),
        // Where a list is too long, the device does not drop, but uses this queue.
        Action::Drop => (0, true),
    };
    let command = value!(FDIRCMD { CMD: fdircmd::CMD::AddFlow, FILTER_UPDATE: true, LAST: true, QUEUE_EN: true });
    let command = flow_type(command, slot).with(FDIRCMD::DROP, drop).try_with(FDIRCMD::RX_QUEUE, queue)?;
    perform(device, registers, hash(kind, slot)?, command).map(|_| ())
}

/// Removes the filter at `slot`, if the device has it.
///
/// # Errors
///
/// [`Error::TimedOut`] if the device does not complete a command.
pub(super) fn remove<D: Bus + Clock>(
    device: &D,
    registers: Ready<'_, D>,
    kind: FlowKind,
    slot: &FlowSlot,
) -> Result<(), Error> {
    let query = flow_type(value!(FDIRCMD { CMD: fdircmd::CMD::Query }), slot);
    // A failed removal would raise an interrupt, so the driver asks first.
    if perform(device, registers, hash(kind, slot)?, query)? {
        let remove = flow_type(value!(FDIRCMD { CMD: fdircmd::CMD::RemoveFlow }), slot);
        perform(device, registers, hash(kind, slot)?, remove)?;
    }
    Ok(())
}

/// Performs a command. Returns `true` if the filter was found, after a query.
fn perform<D: Bus + Clock>(
    device: &D,
    registers: Ready<'_, D>,
    hash: Value<FDIRHASH>,
    command: Value<FDIRCMD>,
) -> Result<bool, Error> {
    registers.fdirhash().write(hash);
    // As drivers proven on silicon do: the operands reach the device before the command.
    _ = registers.status().read();
    registers.fdircmd().write(command);
    wait_for_command(device, registers).map(|done| done.field(FDIRCMD::FILTER_VALID))
}

/// Waits until the last command is complete. Returns FDIRCMD.
fn wait_for_command<D: Bus + Clock>(device: &D, registers: Ready<'_, D>) -> Result<Contents<FDIRCMD>, Error> {
    registers
        .fdircmd()
        .wait_until(device, COMMAND_DONE, |command| command.field(FDIRCMD::CMD) == Some(fdircmd::CMD::NoAction))
        .in_step("waiting for a command of Flow Director (8.2.3.21.22)")
}

/// Writes what a perfect filter compares (8.2.3.21.16 to .20).
fn set_tuple<D: Bus>(registers: Ready<'_, D>, slot: &FlowSlot) -> Result<(), Error> {
    for index in Index::all() {
        registers.fdirsipv6(index).write(value!(FDIRSIPv6 { IP6SA: 0 }));
    }
    let wire = |address: IpAddr| match address {
        IpAddr::V4(address) => u64::from(u32::from_le_bytes(address.octets())),
        // There is no perfect filter for IPv6.
        IpAddr::V6(_) => 0,
    };
    let tuple = &slot.tuple;
    registers.fdiripsa().write(Value::EMPTY.try_with(FDIRIPSA::IP4SA, wire(tuple.source))?);
    registers.fdiripda().write(Value::EMPTY.try_with(FDIRIPDA::IP4DA, wire(tuple.destination))?);
    let ports = Value::EMPTY.try_with(FDIRPORT::SOURCE, u64::from(tuple.ports.0))?;
    registers.fdirport().write(ports.try_with(FDIRPORT::DESTINATION, u64::from(tuple.ports.1))?);
    let flexible = u64::from(u16::from_le_bytes(tuple.flexible));
    let tag = Value::EMPTY.try_with(FDIRVLAN::VLAN, u64::from(tuple.tag))?;
    registers.fdirvlan().write(tag.try_with(FDIRVLAN::FLEX, flexible)?);
    Ok(())
}

/// Returns FDIRHASH: the bucket, and the signature or the index of a perfect filter.
fn hash(kind: FlowKind, slot: &FlowSlot) -> Result<Value<FDIRHASH>, Error> {
    let bucket = Value::EMPTY.try_with(FDIRHASH::HASH, u64::from(slot.hashes.bucket))?;
    let upper = match kind {
        FlowKind::Perfect => slot.index,
        FlowKind::Signature => slot.hashes.signature,
    };
    Ok(bucket.try_with(FDIRHASH::SIGNATURE_SW_INDEX, u64::from(upper))?)
}

/// Returns `command` with the protocol and the version of IP. No protocol stands for all others.
fn flow_type(command: Value<FDIRCMD>, slot: &FlowSlot) -> Value<FDIRCMD> {
    let version = match slot.tuple.source {
        IpAddr::V4(_) => fdircmd::IPV6::Ipv4,
        IpAddr::V6(_) => fdircmd::IPV6::Ipv6,
    };
    let command = command.with(FDIRCMD::IPV6, version);
    match slot.tuple.protocol {
        Protocol::Other => command,
        Protocol::Udp => command.with(FDIRCMD::L4TYPE, fdircmd::L4TYPE::Udp),
        Protocol::Tcp => command.with(FDIRCMD::L4TYPE, fdircmd::L4TYPE::Tcp),
        Protocol::Sctp => command.with(FDIRCMD::L4TYPE, fdircmd::L4TYPE::Sctp),
    }
}

/// Adds the counters, which clear when they are read, to `statistics`. Each register is read once (8.2.3.21.10 to .15).
pub(super) fn count<D: Bus>(
    registers: Registers<'_, D, Exclusive<FlowDirectorReady>>,
    statistics: &mut FlowStatistics,
) {
    let usage = registers.fdirustat().read_with_side_effects();
    let failures = registers.fdirfstat().read_with_side_effects();
    let longest = registers.fdirlen().read_with_side_effects().field(FDIRLEN::MAXLEN);
    statistics.added += usage.field(FDIRUSTAT::ADD);
    statistics.removed += usage.field(FDIRUSTAT::REMOVE);
    statistics.add_failures += failures.field(FDIRFSTAT::FADD);
    statistics.remove_failures += failures.field(FDIRFSTAT::FREMOVE);
    statistics.matched += registers.fdirmatch().read_with_side_effects().field(FDIRMATCH::PCNT);
    statistics.missed += registers.fdirmiss().read_with_side_effects().field(FDIRMISS::PCNT);
    statistics.longest_list = statistics.longest_list.max(longest);
    statistics.free = registers.fdirfree().read().field(FDIRFREE::FREE);
}
