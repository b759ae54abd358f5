//! Transmit initialisation (datasheet 4.6.8).

use core::time::Duration;

use crate::clock::Clock;
use crate::device::error::InStep;
use crate::device::{Config, Error, FRAME_SIZES, receive};
use crate::field::Value;
use crate::mmio::Bus;
use crate::pool::BUFFER_SIZE_STEP;
use crate::queue::TxRing;
use crate::register::Driver;
use crate::registers::permission::{ArbiterDisabled, QueueDisabled, Reset};
use crate::registers::{
    DCA_TXCTRL, DMATXCTL, DTXMXSZRQ, HLREG0, MTQC, PacketBuffer, RTTBCNRC, RTTDCS, RTTDT1C, Registers, TDH, TDLEN,
    TXDCTL, TXPBSIZE, TXPBTHRESH, TxQueue, Windows,
};
use crate::{index, value};

/// Time limit for a queue to read back as enabled.
const QUEUE_ENABLES: Duration = Duration::from_millis(10);

/// The most descriptors of a packet: the device has room for 40 of a queue, less WTHRESH, which is 0, less 2. With more,
/// the queue stops permanently. Drivers that are proven on hardware allow 40 (DPDK commit 71f39b07b6).
const MOST_DESCRIPTORS: usize = 38;
// All buffers of a packet but its first and last are full. So one with more is too long, and refused as such.
const _: () = assert!(*FRAME_SIZES.end() / BUFFER_SIZE_STEP + 2 <= MOST_DESCRIPTORS);

/// The size of the only packet buffer in use with one traffic class, in KiB (4.6.11.3.4).
const PACKET_BUFFER: u64 = 160;

/// Initialises the registers that all transmit queues share. DMATXCTL.TE is off.
pub(crate) fn initialise<D: Bus>(device: &D, config: &Config) -> Result<(), Error> {
    // SAFETY: only `start` calls this, with exclusive access to a device that permits what `Reset` permits. No queue is
    // enabled, so the device accesses no memory, whatever its configuration.
    let registers: Registers<'_, D, Driver<Reset>> = unsafe { Registers::assume_permission(device) };
    registers.hlreg0().modify(value!(HLREG0 { TXCRCEN: true, TXPADEN: true }));
    with_arbiter_disabled(
        device,
        |arbiter| arbiter.mtqc().write(value!(MTQC {})),
        |registers| {
            set_up_packet_buffers(registers, config)?;
            remove_limits(device)?;
            order_write_backs(registers, config);
            Ok(())
        },
    )
}

/// Calls `arbiter` and `rest` while the descriptor arbiter is off (4.6.8).
fn with_arbiter_disabled<D: Bus>(
    device: &D,
    arbiter: impl FnOnce(Registers<'_, D, Driver<ArbiterDisabled>>),
    rest: impl FnOnce(Registers<'_, D, Driver<Reset>>) -> Result<(), Error>,
) -> Result<(), Error> {
    // SAFETY: `initialise` calls this before any queue is enabled, on a device to which `start` has exclusive access.
    let registers: Registers<'_, D, Driver<Reset>> = unsafe { Registers::assume_permission(device) };
    registers.rttdcs().modify(value!(RTTDCS { ARBDIS: true }));
    // SAFETY: as above, and the arbiter was just switched off.
    arbiter(unsafe { Registers::assume_permission(device) });
    let result = rest(registers);
    registers.rttdcs().modify(value!(RTTDCS { ARBDIS: false }));
    result
}

/// Gives all memory to one packet buffer (4.6.11.3.4).
fn set_up_packet_buffers<D: Bus>(registers: Registers<'_, D, Driver<Reset>>, config: &Config) -> Result<(), Error> {
    for buffer in PacketBuffer::all().skip(1) {
        registers.txpbsize(buffer).write(value!(TXPBSIZE { SIZE: 0 }));
        registers.txpbthresh(buffer).write(value!(TXPBTHRESH { THRESH: 0 }));
    }
    let buffer = index!(PacketBuffer, 0);
    registers.txpbsize(buffer).write(value!(TXPBSIZE { SIZE: PACKET_BUFFER }));
    // The largest frame must still fit at the threshold. The device always accepts standard frames, hence the maximum.
    let largest = config.max_frame.max(receive::STANDARD_FRAME) as u64;
    let threshold = PACKET_BUFFER - largest.div_ceil(1024);
    registers.txpbthresh(buffer).write(Value::EMPTY.try_with(TXPBTHRESH::THRESH, threshold)?);
    registers.dtxmxszrq().write(value!(DTXMXSZRQ { MAX_BYTES_NUM_REQ: 0xfff }));
    Ok(())
}

/// Clears the credits of all queues, which are undefined after a reset (4.6.11.3.4), and their rate limits.
fn remove_limits<D: Bus>(device: &D) -> Result<(), Error> {
    // SAFETY: `initialise` calls this before any queue is enabled, on a device to which `start` has exclusive access. So
    // nothing else has its windows.
    let mut windows: Windows<'_, D, Driver<Reset>> = unsafe { Windows::assume_permission(device) };
    for queue in TxQueue::all() {
        let window = windows.transmit_queue.select(queue);
        window.rttdt1c().write_full(value!(RTTDT1C { CRQ: 0 }).full()?);
        window.rttbcnrc().write_full(value!(RTTBCNRC { RF_DEC: 0, RF_INT: 0, RS_ENA: false }).full()?);
    }
    Ok(())
}

/// Keeps the write-backs of each queue in order. Relaxed ordering is on after a reset.
fn order_write_backs<D: Bus>(registers: Registers<'_, D, Driver<Reset>>, config: &Config) {
    for queue in TxQueue::all().take(config.tx_queues) {
        registers.dca_txctrl(queue).modify(value!(DCA_TXCTRL { TX_DESC_WB_RO_EN: false }));
    }
}

/// Sets up the queue of `ring`, starts transmission if it is the first, and enables the queue (4.6.8).
///
/// # Safety
///
/// The ring must have been made for this device, which must not run yet. The ring must live until the device has
/// stopped.
pub(crate) unsafe fn enable_queue<D: Bus + Clock>(device: &D, ring: &TxRing, config: &Config) -> Result<(), Error> {
    // SAFETY: the queue is disabled since the reset. By the caller's promise, address and length describe a ring that
    // lives until the device has stopped. Head and tail are 0, so the ring is empty.
    let registers: Registers<'_, D, Driver<QueueDisabled>> = unsafe { Registers::assume_permission(device) };
    let queue = ring.queue();
    registers.tdba(queue).write(ring.ring().address());
    registers.tdlen(queue).write(Value::EMPTY.try_with(TDLEN::LEN, ring.ring().bytes() as u64)?);
    registers.tdh(queue).write(value!(TDH { TDH: 0 }));
    let (fewer_than, at_least) = config.tx_prefetch;
    // WTHRESH 0: the device writes back only descriptors with RS, and the ring waits for no others.
    let thresholds = value!(TXDCTL { WTHRESH: 0 })
        .try_with(TXDCTL::PTHRESH, u64::from(fewer_than))?
        .try_with(TXDCTL::HTHRESH, u64::from(at_least))?;
    registers.txdctl(queue).modify(thresholds);
    // On silicon TE also sets TXDCTL.ENABLE of queue 0, which `start` sets up first, so its ring is complete by now.
    // SAFETY: the device is being started. Only the driver has enabled queues, so transmission accesses only its rings.
    let shared: Registers<'_, D, Driver<Reset>> = unsafe { Registers::assume_permission(device) };
    if !shared.dmatxctl().read().field(DMATXCTL::TE) {
        shared.dmatxctl().modify(value!(DMATXCTL { TE: true }));
    }
    registers.txdctl(queue).modify(value!(TXDCTL { ENABLE: true }));
    registers
        .txdctl(queue)
        .wait_until(device, QUEUE_ENABLES, |control| control.field(TXDCTL::ENABLE))
        .in_step("enabling a transmit queue (4.6.8)")
        .map(|_| ())
}
