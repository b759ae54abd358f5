//! Receive initialisation (datasheet 4.6.7).

use core::time::Duration;

use crate::clock::Clock;
use crate::device::error::InStep;
use crate::device::{Config, Error, Rss};
use crate::field::Value;
use crate::mmio::{Bus, Index};
use crate::pool::BUFFER_SIZE_STEP;
use crate::queue::{RxRing, recognised_headers};
use crate::register::{Driver, WritableIn};
use crate::registers::permission::{QueueDisabled, Reset};
use crate::registers::{
    CTRL_EXT, DCA_RXCTRL, FCRTH, FCTRL, FTQF, HLREG0, MAXFRS, MFLCN, MPSAR, MRQC, MTA, MacAddressEntry, PFQDE, PFUTA,
    PFVLVF, PFVLVFB, PSRTYPE, PacketBuffer, Pool, RAH, RDH, RDLEN, RDRXCTL, RETA, RFCTL, RSSRK, RTRUP2TC, RXCSUM,
    RXCTRL, RXDCTL, RXFECCERR0, RXPBSIZE, Registers, SECRXCTRL, SECRXSTAT, SRRCTL, VFTA, mrqc, srrctl,
};
use crate::{index, value};

/// Time limit for a queue to read back as enabled.
const QUEUE_ENABLES: Duration = Duration::from_millis(10);
/// Time limit for the receive data path to become idle.
const RECEIVE_IDLE: Duration = Duration::from_millis(40);

/// The size of the memory of all packet buffers, in KiB (4.6.11.3.4). Flow Director takes a part of it.
const PACKET_BUFFER: u64 = 512;
/// The room between the high water mark and the end of the packet buffer, in KiB (4.6.3.2).
const HIGH_WATER_ROOM: u64 = 24;
/// The size above which a frame, with CRC, is a jumbo frame. MAXFRS limits only jumbo frames.
pub(crate) const STANDARD_FRAME: usize = 1518;

/// Initialises the registers that all receive queues share. RXCTRL.RXEN is off.
pub(crate) fn initialise<H: Bus>(registers: Registers<'_, H, Driver<Reset>>, config: &Config) -> Result<(), Error> {
    clear_filters(registers)?;
    registers.rxfeccerr0().modify(value!(RXFECCERR0 { ECCFLT_EN: true }));
    set_filters(registers, config.promiscuous, config.promiscuous || config.multicast);
    set_up_rss(registers, config)?;
    set_up_parsing(registers, config)?;
    // Both registers must agree on CRC stripping, and their reset values differ.
    registers.hlreg0().modify(value!(HLREG0 { RXCRCSTRP: true }));
    registers.rdrxctl().modify(value!(RDRXCTL { CRCSTRIP: true }));
    set_up_packet_buffers(registers, config)?;
    set_up_frame_size(registers, config)
}

/// Clears the filter tables, whose contents are unknown after reset.
fn clear_filters<H: Bus>(registers: Registers<'_, H, Driver<Reset>>) -> Result<(), Error> {
    // Entry 0 has the address from the EEPROM.
    for entry in MacAddressEntry::all().skip(1) {
        registers.rah(entry).write_full(value!(RAH { RAH: 0, AV: false }).full()?);
    }
    macro_rules! clear {
        ($($method:ident $register:ident { $($field:ident: $zero:expr),* })*) => {$(
            for index in Index::all() {
                registers.$method(index).modify(value!($register { $($field: $zero),* }));
            }
        )*};
    }
    clear! {
        pfuta PFUTA { BIT_VECTOR: 0 }
        vfta VFTA { VLAN_FLT: 0 }
        pfvlvf PFVLVF { VI_EN: false }
        pfvlvfb PFVLVFB { POOL_ENA: 0 }
        mpsar MPSAR { POOL_ENA: 0 }
        mta MTA { BIT_VECTOR: 0 }
        ftqf FTQF { QUEUE_ENABLE: false }
    }
    // MAC address 0 belongs to VM pool 0, which is the whole port.
    registers.mpsar(index!(Index<crate::mmio::Below<256>>, 0)).modify(value!(MPSAR { POOL_ENA: 1 }));
    Ok(())
}

/// Sets whether all unicast and all multicast frames are received (8.2.3.7.1). Reception must be off.
pub(crate) fn set_filters<H: Bus, P>(registers: Registers<'_, H, P>, unicast: bool, multicast: bool)
where
    FCTRL: WritableIn<P>,
{
    let filters = value!(FCTRL { BAM: true }).with(FCTRL::UPE, unicast);
    registers.fctrl().modify(filters.with(FCTRL::MPE, multicast));
}

/// Spreads packets over the queues by a hash, if there are several (8.2.3.7.12 to .15).
fn set_up_rss<H: Bus>(registers: Registers<'_, H, Driver<Reset>>, config: &Config) -> Result<(), Error> {
    if config.flow_director.is_some() {
        // Reports of Flow Director replace the checksum in the descriptor (8.2.3.21.1).
        registers.rxcsum().modify(value!(RXCSUM { PCSD: true }));
    }
    if config.rx_queues == 1 {
        registers.mrqc().write(value!(MRQC { MRQE: mrqc::MRQE::RssDisabled }));
        return Ok(());
    }
    // The hash replaces the checksum in the descriptor.
    registers.rxcsum().modify(value!(RXCSUM { PCSD: true }));
    set_hash(registers, &config.initial_rss())?;
    set_redirection(registers, &config.initial_rss())
}

/// Sets what the device recognises in packets, as drivers proven on silicon do.
///
/// None of it splits or coalesces packets: SRRCTL and RSCCTL do not ask for that. PSRTYPE is unknown after a reset.
fn set_up_parsing<H: Bus>(registers: Registers<'_, H, Driver<Reset>>, config: &Config) -> Result<(), Error> {
    let headers = recognised_headers!(PSRTYPE, config.rx_queues)?;
    registers.psrtype(index!(Pool, 0)).write_full(headers.full()?);
    registers.rfctl().modify(value!(RFCTL { RSC_DIS: true, NFSW_DIS: true, NFSR_DIS: true }));
    Ok(())
}

/// Sets the key and the fields of the hash. Reception must be off: no packet may be hashed with half of a key.
pub(crate) fn set_hash<H: Bus, P>(registers: Registers<'_, H, P>, rss: &Rss) -> Result<(), Error>
where
    RSSRK: WritableIn<P>,
    MRQC: WritableIn<P>,
{
    for (index, key) in Index::all().zip(rss.key.as_chunks().0) {
        let [a, b, c, d] = key.map(u64::from);
        let bytes = Value::EMPTY.try_with(RSSRK::K0, a)?.try_with(RSSRK::K1, b)?;
        registers.rssrk(index).write(bytes.try_with(RSSRK::K2, c)?.try_with(RSSRK::K3, d)?);
    }
    let fields = Value::EMPTY.try_with(MRQC::RSS_FIELD_ENABLE, rss.fields.bits())?;
    registers.mrqc().write(fields.with(MRQC::MRQE, mrqc::MRQE::Rss));
    Ok(())
}

/// Sets the queue of each hash value. The table may change while packets arrive.
pub(crate) fn set_redirection<H: Bus, P>(registers: Registers<'_, H, P>, rss: &Rss) -> Result<(), Error>
where
    RETA: WritableIn<P>,
{
    for (index, queues) in Index::all().zip(rss.table.as_chunks().0) {
        let [a, b, c, d] = queues.map(u64::from);
        let entries = Value::EMPTY.try_with(RETA::ENTRY0, a)?.try_with(RETA::ENTRY1, b)?;
        let entries = entries.try_with(RETA::ENTRY2, c)?.try_with(RETA::ENTRY3, d)?;
        registers.reta(index).write_full(entries.full()?);
    }
    Ok(())
}

/// Gives all memory to one packet buffer (4.6.11.3.4), except for what Flow Director takes.
fn set_up_packet_buffers<H: Bus>(registers: Registers<'_, H, Driver<Reset>>, config: &Config) -> Result<(), Error> {
    let size = PACKET_BUFFER - config.flow_director.map_or(0, |flows| flows.kibibytes());
    for buffer in PacketBuffer::all().skip(1) {
        registers.rxpbsize(buffer).write(value!(RXPBSIZE { SIZE: 0 }));
    }
    registers.rxpbsize(index!(PacketBuffer, 0)).write(Value::EMPTY.try_with(RXPBSIZE::SIZE, size)?);
    if config.flow_director.is_some() {
        // The mark that general initialisation sets lies above the smaller buffer.
        let high_water = (size - HIGH_WATER_ROOM) * 1024 / 32;
        registers.fcrth(index!(PacketBuffer, 0)).write(Value::EMPTY.try_with(FCRTH::RTH, high_water)?);
    }
    registers.pfqde().write(value!(PFQDE { QDE: false }));
    registers.rtrup2tc().write(value!(RTRUP2TC {}));
    // Pause frames are not obeyed. In promiscuous mode they would reach the host.
    registers.mflcn().write(value!(MFLCN { DPF: true }));
    Ok(())
}

/// Sets the largest frame (8.2.3.22.13).
fn set_up_frame_size<H: Bus>(registers: Registers<'_, H, Driver<Reset>>, config: &Config) -> Result<(), Error> {
    registers.hlreg0().modify(Value::EMPTY.with(HLREG0::JUMBOEN, config.max_frame > STANDARD_FRAME));
    registers.maxfrs().modify(Value::EMPTY.try_with(MAXFRS::MFS, config.max_frame as u64)?);
    Ok(())
}

/// Sets up the queue of `ring` and enables it (4.6.7).
///
/// # Safety
///
/// The ring must have been made for this device, which must not run yet. The ring must live until the device has
/// stopped.
pub(crate) unsafe fn enable_queue<D: Bus + Clock>(device: &D, ring: &RxRing, config: &Config) -> Result<(), Error> {
    // SAFETY: the queue is disabled since the reset. By the caller's promise, address and length describe a ring that
    // lives until the device has stopped. The buffer size is the pool's. Head and tail are 0, so the device owns no
    // descriptor.
    let registers: Registers<'_, D, Driver<QueueDisabled>> = unsafe { Registers::assume_permission(device) };
    let queue = ring.queue();
    registers.rdba(queue).write(ring.ring().address());
    registers.rdlen(queue).write(Value::EMPTY.try_with(RDLEN::LEN, ring.ring().bytes() as u64)?);
    let kibibytes = (ring.pool().buffer_size() / BUFFER_SIZE_STEP) as u64;
    registers.srrctl(queue).modify(
        value!(SRRCTL { DESCTYPE: srrctl::DESCTYPE::AdvancedOneBuffer })
            .try_with(SRRCTL::BSIZEPACKET, kibibytes)?
            // Without DROP_EN, one queue that nobody drains stalls all others. With it, no pause frames would be sent.
            .with(SRRCTL::DROP_EN, config.rx_queues > 1 && !config.flow_control.transmits()),
    );
    registers.rdh(queue).write(value!(RDH { RDH: 0 }));
    // Bit 12 is 1 after a reset and must be 0: the description fixes it, so every write clears it. Relaxed ordering is
    // 1 too: not all hosts keep the write of a descriptor behind the writes of its data then.
    // SAFETY: the device does not run yet, and the caller has exclusive access. The write only switches a hint off.
    let shared: Registers<'_, D, Driver<Reset>> = unsafe { Registers::assume_permission(device) };
    shared.dca_rxctrl(queue).modify(value!(DCA_RXCTRL { RX_DATA_WRITE_RO_EN: false, RX_REP_HEADER_RO_EN: false }));
    registers.rxdctl(queue).modify(value!(RXDCTL { ENABLE: true }).with(RXDCTL::VME, config.strip_vlan));
    registers
        .rxdctl(queue)
        .wait_until(device, QUEUE_ENABLES, |control| control.field(RXDCTL::ENABLE))
        .in_step("enabling a receive queue (4.6.7)")
        .map(|_| ())
}

/// Starts reception. All queues must be enabled: an earlier start can hang the receive DMA (4.6.7).
pub(crate) fn enable<D: Bus + Clock>(device: &D) -> Result<(), Error> {
    // SAFETY: only `start` calls this, with exclusive access to a device that does not run yet. Reception writes only
    // to buffers of enabled queues, and these belong to the driver.
    let registers: Registers<'_, D, Driver<Reset>> = unsafe { Registers::assume_permission(device) };
    while_idle(device, registers, || {
        // The datasheet sets NS_DIS last. But a packet may wait already, and its DMA must snoop the caches too.
        registers.ctrl_ext().modify(value!(CTRL_EXT { NS_DIS: true }));
        registers.rxctrl().modify(value!(RXCTRL { RXEN: true }));
    })
}

/// Calls `action` while the receive data path is idle: RXCTRL.RXEN may change only then (8.2.3.8.10, 8.2.3.12.5).
pub(crate) fn while_idle<D: Bus + Clock, P>(
    device: &D,
    registers: Registers<'_, D, P>,
    action: impl FnOnce(),
) -> Result<(), Error>
where
    SECRXCTRL: WritableIn<P>,
{
    registers.secrxctrl().modify(value!(SECRXCTRL { RX_DIS: true }));
    let idle = registers
        .secrxstat()
        .wait_until(device, RECEIVE_IDLE, |status| status.field(SECRXSTAT::SECRX_RDY))
        .in_step("waiting for the receive data path to be idle (4.6.7)");
    if idle.is_ok() {
        action();
    }
    registers.secrxctrl().modify(value!(SECRXCTRL { RX_DIS: false }));
    idle.map(|_| ())
}
