//! Transmit initialisation (datasheet 4.6.8).

use core::time::Duration;

use crate::device::error::InStep;
use crate::device::{Config, Error, receive};
use crate::field::Value;
use crate::mmio::Bus;
use crate::platform::Platform;
use crate::queue::TxRing;
use crate::register::Driver;
use crate::registers::permission::{ArbiterDisabled, QueueDisabled, Reset};
use crate::registers::{
    DMATXCTL, DTXMXSZRQ, HLREG0, MTQC, PacketBuffer, RTTDCS, RTTDQSEL, RTTDT1C, Registers, TDH, TDLEN, TXDCTL,
    TXPBSIZE, TXPBTHRESH, TxQueue,
};
use crate::{index, value};

/// How long a queue may take to read back as enabled.
const QUEUE_ENABLES: Duration = Duration::from_millis(10);

/// The packet buffer that sends everything while there is one traffic class, in KiB (4.6.11.3.4).
const PACKET_BUFFER: u64 = 160;

/// Initialises what all transmit queues share; DMATXCTL.TE is off.
pub(crate) fn initialise<H: Bus>(platform: &H, config: &Config) -> Result<(), Error> {
    // SAFETY: `start` alone calls this, on a device in that state, which it has to itself. No queue is enabled, so the device
    // accesses no memory, whatever it is set up as.
    let registers: Registers<'_, H, Driver<Reset>> = unsafe { Registers::assume_permission(platform) };
    registers.hlreg0().modify(value!(HLREG0 { TXCRCEN: true, TXPADEN: true }));
    with_arbiter_disabled(
        platform,
        |arbiter| arbiter.mtqc().write(value!(MTQC {})),
        |registers| set_up_packet_buffers(registers, config),
    )
}

/// Does both while the descriptor arbiter is off (4.6.8).
fn with_arbiter_disabled<H: Bus>(
    platform: &H,
    arbiter: impl FnOnce(Registers<'_, H, Driver<ArbiterDisabled>>),
    rest: impl FnOnce(Registers<'_, H, Driver<Reset>>) -> Result<(), Error>,
) -> Result<(), Error> {
    // SAFETY: `initialise` calls this before any queue is enabled, on a device that `start` has to itself.
    let registers: Registers<'_, H, Driver<Reset>> = unsafe { Registers::assume_permission(platform) };
    registers.rttdcs().modify(value!(RTTDCS { ARBDIS: true }));
    // SAFETY: the device is still the same, and the arbiter was just switched off.
    arbiter(unsafe { Registers::assume_permission(platform) });
    let result = rest(registers);
    registers.rttdcs().modify(value!(RTTDCS { ARBDIS: false }));
    result
}

/// One packet buffer for everything, and no rate limits (4.6.11.3.4).
fn set_up_packet_buffers<H: Bus>(registers: Registers<'_, H, Driver<Reset>>, config: &Config) -> Result<(), Error> {
    for buffer in PacketBuffer::all().skip(1) {
        registers.txpbsize(buffer).write(value!(TXPBSIZE { SIZE: 0 }));
        registers.txpbthresh(buffer).write(value!(TXPBTHRESH { THRESH: 0 }));
    }
    let buffer = index!(PacketBuffer, 0);
    registers.txpbsize(buffer).write(value!(TXPBSIZE { SIZE: PACKET_BUFFER }));
    // The largest frame must still fit when the threshold is reached: for the device that is a standard one at least.
    let largest = config.max_frame.max(receive::STANDARD_FRAME) as u64;
    let threshold = PACKET_BUFFER - largest.div_ceil(1024);
    registers.txpbthresh(buffer).write(Value::EMPTY.try_with(TXPBTHRESH::THRESH, threshold)?);
    registers.dtxmxszrq().write(value!(DTXMXSZRQ { MAX_BYTES_NUM_REQ: 0xfff }));
    for queue in TxQueue::all() {
        registers.rttdqsel().write(Value::EMPTY.try_with(RTTDQSEL::TXDQ_IDX, queue.get() as u64)?);
        registers.rttdt1c().write_full(value!(RTTDT1C { CRQ: 0 }).full()?);
    }
    Ok(())
}

/// Sets up the queue of `ring`, starts to transmit if it is the first, and enables it (4.6.8).
///
/// # Safety
///
/// The ring must have been made for this device, which must not run yet, and be held until it has stopped.
pub(crate) unsafe fn enable_queue<H: Platform>(platform: &H, ring: &TxRing, config: &Config) -> Result<(), Error> {
    // SAFETY: the queue is disabled since the reset. The address and the length are those of a ring that the device keeps, by the
    // caller's promise, and which is empty: head and tail are 0.
    let registers: Registers<'_, H, Driver<QueueDisabled>> = unsafe { Registers::assume_permission(platform) };
    let queue = ring.queue();
    registers.tdba(queue).write(ring.ring().address());
    registers.tdlen(queue).write(Value::EMPTY.try_with(TDLEN::LEN, ring.ring().bytes() as u64)?);
    registers.tdh(queue).write(value!(TDH { TDH: 0 }));
    let (fewer_than, at_least) = config.tx_prefetch;
    // Only descriptors with RS are written back: what goes home by the block waits for those alone.
    let thresholds = value!(TXDCTL { WTHRESH: 0 })
        .try_with(TXDCTL::PTHRESH, u64::from(fewer_than))?
        .try_with(TXDCTL::HTHRESH, u64::from(at_least))?;
    registers.txdctl(queue).modify(thresholds);
    // SAFETY: the device is being started. The queues that are enabled are the driver's, so transmission accesses its rings alone.
    let shared: Registers<'_, H, Driver<Reset>> = unsafe { Registers::assume_permission(platform) };
    if !shared.dmatxctl().read().field(DMATXCTL::TE) {
        shared.dmatxctl().modify(value!(DMATXCTL { TE: true }));
    }
    registers.txdctl(queue).modify(value!(TXDCTL { ENABLE: true }));
    registers
        .txdctl(queue)
        .wait_until(platform, QUEUE_ENABLES, |control| control.field(TXDCTL::ENABLE))
        .in_step("enabling a transmit queue (4.6.8)")
        .map(|_| ())
}
