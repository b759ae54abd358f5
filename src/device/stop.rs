//! Stopping the device: the only source of the proof that memory may be freed.

use alloc::vec::Vec;
use core::time::Duration;

use crate::clock::Clock;
use crate::device::error::InStep;
use crate::device::initialise::{global_reset, mask_interrupts};
use crate::device::presence::Present;
use crate::device::receive;
use crate::device::{Error, Finding, requests};
use crate::mmio::Bus;
use crate::platform::Platform;
use crate::queue::Stopped;
use crate::register::Driver;
use crate::registers::permission::Unbound;
use crate::registers::{CTRL, GCR_EXT, HLREG0, RXCTRL, RXDCTL, Registers, RxQueue, STATUS, TXDCTL, TxQueue};
use crate::value;

/// The registers of a device in an unknown state, with the least permission.
type UnboundRegisters<'a, H> = Registers<'a, H, Driver<Unbound>>;

/// Time limit for all queues together to stop.
const QUEUES_STOP: Duration = Duration::from_millis(100);
/// The time for which a disabled receive queue may still write (4.6.7.1.2).
const RECEIVE_SETTLES: Duration = Duration::from_micros(100);
/// Time limit for requests on the bus: twice the longest completion timeout of the default range.
const MASTER_STOPS: Duration = Duration::from_millis(80);

/// The time for which the data path runs in loopback before its buffers are flushed, as in drivers proven on silicon.
const LOOPBACK_SETTLES: Duration = Duration::from_millis(3);

/// Stops the device, whatever its state, and waits until it no longer accesses memory.
///
/// What it dealt with on the way is added to `findings`. A device whose master disable failed is reset here once; the
/// second reset that it needs is the first step of `initialise`.
pub(crate) fn quiesce<H: Platform>(platform: &H, findings: &mut Vec<Finding>) -> Result<Stopped, Error> {
    quiesce_and(platform, findings, |_| ())
}

/// Stops the device as [`quiesce`] does, and calls `count` when its queues have stopped, before anything resets it.
pub(crate) fn quiesce_and<H: Platform>(
    platform: &H,
    findings: &mut Vec<Finding>,
    count: impl FnOnce(&Present<'_, H>),
) -> Result<Stopped, Error> {
    let device = &Present::new(platform);
    // SAFETY: `Unbound` claims nothing about the device, and the caller has exclusive access to it. All writes here
    // only remove access to memory. During the loopback of `flush_data_path`, reception and bus mastering are off.
    let registers: UnboundRegisters<'_, _> = unsafe { Registers::assume_permission(device) };
    if registers.status().read().get() == u32::MAX {
        return Err(Error::Removed { step: "first look at STATUS (8.2.3.1.2)" });
    }
    mask_interrupts(registers);
    // A previous owner may have left the queues in any state. If a queue or the data path does not stop, go on: what
    // counts is the end of all requests on the bus.
    let received = pause_receive(device, registers);
    let queues = disable_queues(device, registers);
    count(device);
    if let Err(first) = disable_master(device, registers) {
        let start = device.now();
        let pending = requests::are_pending(platform);
        flush_data_path(platform, device, registers);
        global_reset(device)?;
        disable_master(device, registers).map_err(|_| first)?;
        if pending == Some(true) && requests::are_pending(platform) == Some(true) {
            return Err(Error::RequestsPending { waited: device.now().saturating_sub(start) });
        }
        findings.push(Finding::MasterDidNotStop { pending });
    }
    let stopped = received.and(queues);
    if stopped.is_err() {
        // Only a reset recovers a queue that hangs. The error is returned all the same, and the next `reset` of the
        // device finds its queues stopped.
        global_reset(device)?;
    }
    stopped?;
    // SAFETY: every queue that was enabled reads back as disabled, and had the time that the datasheet gives it to
    // finish its writes. After that, STATUS reported that no request of the device is left on the bus, and that it
    // makes no new one (5.2.5.3.2). The device itself reports this, so it holds whatever the clock does. The device
    // makes no request until PCIE_MASTER_DISABLE is cleared, which only a reset does. A reset also disables the queues,
    // and only the driver enables them.
    Ok(unsafe { Stopped::observed(platform) })
}

/// Clears RXCTRL.RXEN while the receive data path is idle (4.6.7, 8.2.3.8.10).
fn pause_receive<D: Bus + Clock>(device: &D, registers: UnboundRegisters<'_, D>) -> Result<(), Error> {
    if !registers.rxctrl().read().field(RXCTRL::RXEN) {
        return Ok(());
    }
    let clear = || registers.rxctrl().modify(value!(RXCTRL { RXEN: false }));
    let cleared = receive::while_idle(device, registers, clear);
    if cleared.is_err() {
        clear();
    }
    cleared
}

/// Disables every queue that is enabled and waits until each reads back so (4.6.7.1.2, 4.6.8.1).
fn disable_queues<D: Bus + Clock>(device: &D, registers: UnboundRegisters<'_, D>) -> Result<(), Error> {
    let mut result = Ok(());
    let start = device.now();
    let left = || QUEUES_STOP.saturating_sub(device.now().saturating_sub(start));
    for queue in TxQueue::all().filter(|queue| registers.txdctl(*queue).read().field(TXDCTL::ENABLE)) {
        registers.txdctl(queue).modify(value!(TXDCTL { ENABLE: false }));
        let disabled = registers
            .txdctl(queue)
            .wait_until(device, left(), |control| !control.field(TXDCTL::ENABLE))
            .in_step("disabling a transmit queue (4.6.8.1)");
        result = result.and(disabled.map(|_| ()));
    }
    for queue in RxQueue::all().filter(|queue| registers.rxdctl(*queue).read().field(RXDCTL::ENABLE)) {
        registers.rxdctl(queue).modify(value!(RXDCTL { ENABLE: false }));
        let disabled = registers
            .rxdctl(queue)
            .wait_until(device, left(), |control| !control.field(RXDCTL::ENABLE))
            .in_step("disabling a receive queue (4.6.7.1.2)");
        result = result.and(disabled.map(|_| ()));
    }
    device.wait(RECEIVE_SETTLES);
    result
}

/// Stops the device from making new requests on the bus, and waits for the last one to finish (5.2.5.3.2).
fn disable_master<D: Bus + Clock>(device: &D, registers: UnboundRegisters<'_, D>) -> Result<(), Error> {
    registers.ctrl().modify(value!(CTRL { PCIE_MASTER_DISABLE: true }));
    registers
        .status()
        .wait_until(device, MASTER_STOPS, |status| !status.field(STATUS::PCIE_MASTER_ENABLE_STATUS))
        .in_step("waiting for the last request on the bus (5.2.5.3.2)")
        .map(|_| ())
}

/// Empties a data path that is stuck (5.2.5.3.2, specification update clarification 9). A reset follows, twice.
fn flush_data_path<D: Bus + Clock>(platform: &impl Platform, device: &D, registers: UnboundRegisters<'_, D>) {
    registers.hlreg0().modify(value!(HLREG0 { LPBK: true }));
    registers.rxctrl().modify(value!(RXCTRL { RXEN: false }));
    device.wait(LOOPBACK_SETTLES);
    requests::are_pending(platform);
    registers.gcr_ext().modify(value!(GCR_EXT { BUFFERS_CLEAR_FUNC: true }));
    device.wait(Duration::from_micros(20));
    registers.hlreg0().modify(value!(HLREG0 { LPBK: false }));
    registers.gcr_ext().modify(value!(GCR_EXT { BUFFERS_CLEAR_FUNC: false }));
}
