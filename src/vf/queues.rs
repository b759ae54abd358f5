//! The queues of a virtual function: setting them up, and stopping them.

use core::time::Duration;

use crate::clock::Clock;
use crate::field::Value;
use crate::pool::BUFFER_SIZE_STEP;
use crate::queue::{RxRing, Stopped, TxRing, Virtual};
use crate::register::Driver;
use crate::registers::VfQueue;
use crate::registers::permission::{QueueDisabled, QueueEnabled, Reset, Unbound};
use crate::registers::virtual_function::{
    Registers, VFDCA_RXCTRL, VFDCA_TXCTRL, VFRDBAH, VFRDBAL, VFRDH, VFRDLEN, VFRXDCTL, VFSRRCTL, VFTDBAH, VFTDBAL,
    VFTDH, VFTDLEN, VFTDWBAH, VFTDWBAL, VFTXDCTL, VTEIMC, vfsrrctl,
};
use crate::value;
use crate::vf::error::InStep;
use crate::vf::{Bus, Config, Error};

/// Time limit for a queue to read back as enabled.
const QUEUE_ENABLES: Duration = Duration::from_millis(10);
/// Time limit for all queues together to stop.
const QUEUES_STOP: Duration = Duration::from_millis(100);
/// The time for which a disabled receive queue may still write (4.6.7.1.2).
const RECEIVE_SETTLES: Duration = Duration::from_micros(100);

/// Stops the queues of the function, whatever its state, and waits until it no longer accesses memory.
pub(super) fn quiesce<H: Bus + Clock>(platform: &H) -> Result<Stopped, Error> {
    // SAFETY: `Unbound` claims nothing about the device, and the caller has exclusive access to it. All writes here only
    // remove access to memory.
    let registers: Registers<'_, H, Driver<Unbound>> = unsafe { Registers::assume_permission(platform) };
    if registers.vfstatus().read().get() == u32::MAX {
        return Err(Error::Removed { step: "first look at VFSTATUS" });
    }
    registers.vteimc().write_full(value!(VTEIMC { EIMC: 0b111 }).full()?);
    let start = platform.now();
    let left = || QUEUES_STOP.saturating_sub(platform.now().saturating_sub(start));
    let mut result = Ok(());
    // Also those that read as disabled: one may be about to be enabled.
    for queue in VfQueue::all() {
        registers.vftxdctl(queue).modify(value!(VFTXDCTL { ENABLE: false }));
        registers.vfrxdctl(queue).modify(value!(VFRXDCTL { ENABLE: false }));
    }
    for queue in VfQueue::all() {
        let control = registers.vftxdctl(queue);
        let disabled = control.wait_until(platform, left(), |control| !control.field(VFTXDCTL::ENABLE));
        result = result.and(disabled.in_step("disabling a transmit queue (4.6.8.1)").map(|_| ()));
        let control = registers.vfrxdctl(queue);
        let disabled = control.wait_until(platform, left(), |control| !control.field(VFRXDCTL::ENABLE));
        result = result.and(disabled.in_step("disabling a receive queue (4.6.7.1.2)").map(|_| ()));
    }
    platform.wait(RECEIVE_SETTLES);
    result?;
    // SAFETY: all eight queues of each kind that the function can have read back as disabled, by a device that answers,
    // and had the time that the datasheet gives them to finish their writes. A transmit queue reads back so once its last
    // write-back is done (4.6.8.1). A reset of the physical function disables them too, and enables none: only this driver
    // does.
    Ok(unsafe { Stopped::observed(platform) })
}

/// Sets up the queue of a receive ring, and enables it (4.6.7).
///
/// # Safety
///
/// The ring must have been made for this device. It must live until the device has stopped.
pub(super) unsafe fn enable_rx<D: Bus + Clock>(device: &D, ring: &RxRing, config: &Config) -> Result<(), Error> {
    let Ok(queue) = VfQueue::new(ring.queue().get()) else { return Ok(()) };
    // SAFETY: the queue is disabled: the function was just reset or stopped. By the caller's promise, address and length
    // describe a ring that lives until the device has stopped. The buffer size is the pool's. Head and tail become 0, so
    // the device owns no descriptor.
    let registers: Registers<'_, D, Driver<QueueDisabled>> = unsafe { Registers::assume_permission(device) };
    let address = ring.ring().address().get();
    registers.vfrdbal(queue).modify(Value::EMPTY.try_with(VFRDBAL::RDBAL, address >> 7 & 0x1ff_ffff)?);
    registers.vfrdbah(queue).write_full(Value::EMPTY.try_with(VFRDBAH::RDBAH, address >> 32)?.full()?);
    registers.vfrdlen(queue).modify(Value::EMPTY.try_with(VFRDLEN::LEN, ring.ring().bytes() as u64)?);
    registers.vfrdh(queue).modify(value!(VFRDH { RDH: 0 }));
    // SAFETY: the queue is disabled, so its tail is a number without effect. A reset of the function leaves the old one
    // (specification update, software clarification 5), which must not be there when the queue is enabled.
    let enabled: Registers<'_, D, Driver<QueueEnabled>> = unsafe { Registers::assume_permission(device) };
    enabled.vfrdt(queue).ring_doorbell(0);
    let kibibytes = (ring.pool().buffer_size() / BUFFER_SIZE_STEP) as u64;
    // Without DROP_EN, a queue that nobody drains would stall the queues of other functions.
    registers.vfsrrctl(queue).modify(
        value!(VFSRRCTL { DESCTYPE: vfsrrctl::DESCTYPE::AdvancedOneBuffer, DROP_EN: true })
            .try_with(VFSRRCTL::BSIZEPACKET, kibibytes)?,
    );
    // SAFETY: the function does not run yet, and the caller has exclusive access. The write only switches hints off.
    let shared: Registers<'_, D, Driver<Reset>> = unsafe { Registers::assume_permission(device) };
    let hints = value!(VFDCA_RXCTRL { RX_DATA_WRITE_RO_EN: false, RX_REP_HEADER_RO_EN: false });
    shared.vfdca_rxctrl(queue).modify(hints);
    registers.vfrxdctl(queue).modify(value!(VFRXDCTL { ENABLE: true }).with(VFRXDCTL::VME, config.strip_vlan));
    registers
        .vfrxdctl(queue)
        .wait_until(device, QUEUE_ENABLES, |control| control.field(VFRXDCTL::ENABLE))
        .in_step("enabling a receive queue (4.6.7)")
        .map(|_| ())
}

/// Sets up the queue of a transmit ring, and enables it (4.6.8).
///
/// # Safety
///
/// As for [`enable_rx`].
pub(super) unsafe fn enable_tx<D: Bus + Clock>(device: &D, ring: &TxRing<Virtual>) -> Result<(), Error> {
    let Ok(queue) = VfQueue::new(ring.queue().get()) else { return Ok(()) };
    // SAFETY: as in `enable_rx`. The head is not written to memory: HEAD_WB_EN is 0.
    let registers: Registers<'_, D, Driver<QueueDisabled>> = unsafe { Registers::assume_permission(device) };
    let address = ring.ring().address().get();
    registers.vftdbal(queue).modify(Value::EMPTY.try_with(VFTDBAL::TDBAL, address >> 7 & 0x1ff_ffff)?);
    registers.vftdbah(queue).write_full(Value::EMPTY.try_with(VFTDBAH::TDBAH, address >> 32)?.full()?);
    registers.vftdlen(queue).modify(Value::EMPTY.try_with(VFTDLEN::LEN, ring.ring().bytes() as u64)?);
    registers.vftdwbah(queue).write_full(value!(VFTDWBAH { HEADWB_HIGH: 0 }).full()?);
    registers.vftdwbal(queue).modify(value!(VFTDWBAL { HEAD_WB_EN: false, HEADWB_LOW: 0 }));
    registers.vftdh(queue).modify(value!(VFTDH { TDH: 0 }));
    // SAFETY: as in `enable_rx`.
    let enabled: Registers<'_, D, Driver<QueueEnabled>> = unsafe { Registers::assume_permission(device) };
    enabled.vftdt(queue).ring_doorbell(0);
    // SAFETY: the function does not run yet, and the caller has exclusive access. The write keeps write-backs in order.
    let shared: Registers<'_, D, Driver<Reset>> = unsafe { Registers::assume_permission(device) };
    shared.vfdca_txctrl(queue).modify(value!(VFDCA_TXCTRL { TX_DESC_WB_RO_EN: false }));
    // WTHRESH 0: the device writes back only descriptors with RS, and the ring waits for no others.
    registers.vftxdctl(queue).modify(value!(VFTXDCTL { PTHRESH: 36, HTHRESH: 8, WTHRESH: 0, ENABLE: true }));
    registers
        .vftxdctl(queue)
        .wait_until(device, QUEUE_ENABLES, |control| control.field(VFTXDCTL::ENABLE))
        .in_step("enabling a transmit queue (4.6.8)")
        .map(|_| ())
}
