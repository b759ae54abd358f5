//! Stopping the device: the only source of the proof that memory may be freed.

use core::time::Duration;

use crate::device::Error;
use crate::device::error::InStep;
use crate::device::initialise::{global_reset, mask_interrupts};
use crate::device::receive;
use crate::platform::Platform;
use crate::queue::Stopped;
use crate::register::Driver;
use crate::registers::permission::Unbound;
use crate::registers::{CTRL, GCR_EXT, HLREG0, RXCTRL, RXDCTL, Registers, RxQueue, STATUS, TXDCTL, TxQueue};
use crate::value;

/// A device may do anything before it was quieted, so this permission is all that one has.
type UnboundRegisters<'a, H> = Registers<'a, H, Driver<Unbound>>;

/// How long all queues together may take to stop.
const QUEUES_STOP: Duration = Duration::from_millis(100);
/// A disabled receive queue may still be writing for this long (4.6.7.1.2).
const RECEIVE_SETTLES: Duration = Duration::from_micros(100);
/// How long requests on the bus may take to finish: the longest completion timeout of the default range, and as much again.
const MASTER_STOPS: Duration = Duration::from_millis(80);

/// Brings the device to a halt, whatever it was doing, and waits until it reads and writes no memory any more.
pub(crate) fn quiesce<H: Platform>(platform: &H) -> Result<Stopped, Error> {
    // SAFETY: `Unbound` claims nothing of the device, and the caller has it to itself. What is written here only takes access to
    // memory away; the loopback of `flush_data_path` has reception off and no bus.
    let registers: UnboundRegisters<'_, H> = unsafe { Registers::assume_permission(platform) };
    if registers.status().read().get() == u32::MAX {
        return Err(Error::Removed { step: "first look at STATUS (8.2.3.1.2)" });
    }
    mask_interrupts(registers);
    // The queues may be anyone's: a queue or a data path that does not stop is no reason to give up,
    // because what counts is the end of all requests on the bus.
    let received = pause_receive(platform, registers);
    let queues = disable_queues(platform, registers);
    let master = disable_master(platform, registers);
    master.or_else(|first| {
        flush_data_path(platform, registers);
        global_reset(platform)?;
        disable_master(platform, registers).map_err(|_| first)
    })?;
    let stopped = received.and(queues);
    if stopped.is_err() {
        // A queue that hangs comes back only by a reset. The error is told all the same, and whoever
        // resets the device then finds it quiet.
        global_reset(platform)?;
    }
    stopped?;
    // SAFETY: every queue that was enabled reads back as disabled, and had the time that the datasheet gives it to finish its
    // writes. After that STATUS said that no request of the device is left on the bus, and that it makes no new one
    // (5.2.5.3.2): so much the device itself says, whatever the clock does. It makes none until PCIE_MASTER_DISABLE is
    // cleared, which only a reset does; that clears the queues as well, and only the driver enables them.
    Ok(unsafe { Stopped::observed(platform) })
}

/// Clears RXCTRL.RXEN while the receive data path is idle (4.6.7, 8.2.3.8.10).
fn pause_receive<H: Platform>(platform: &H, registers: UnboundRegisters<'_, H>) -> Result<(), Error> {
    if !registers.rxctrl().read().field(RXCTRL::RXEN) {
        return Ok(());
    }
    let clear = || registers.rxctrl().modify(value!(RXCTRL { RXEN: false }));
    let cleared = receive::while_idle(platform, registers, clear);
    if cleared.is_err() {
        clear();
    }
    cleared
}

/// Disables every queue that is enabled and waits until each reads back so (4.6.7.1.2, 4.6.8.1).
fn disable_queues<H: Platform>(platform: &H, registers: UnboundRegisters<'_, H>) -> Result<(), Error> {
    let mut result = Ok(());
    let start = platform.now();
    let left = || QUEUES_STOP.saturating_sub(platform.now().saturating_sub(start));
    for queue in TxQueue::all().filter(|queue| registers.txdctl(*queue).read().field(TXDCTL::ENABLE)) {
        registers.txdctl(queue).modify(value!(TXDCTL { ENABLE: false }));
        let disabled = registers
            .txdctl(queue)
            .wait_until(platform, left(), |control| !control.field(TXDCTL::ENABLE))
            .in_step("disabling a transmit queue (4.6.8.1)");
        result = result.and(disabled.map(|_| ()));
    }
    for queue in RxQueue::all().filter(|queue| registers.rxdctl(*queue).read().field(RXDCTL::ENABLE)) {
        registers.rxdctl(queue).modify(value!(RXDCTL { ENABLE: false }));
        let disabled = registers
            .rxdctl(queue)
            .wait_until(platform, left(), |control| !control.field(RXDCTL::ENABLE))
            .in_step("disabling a receive queue (4.6.7.1.2)");
        result = result.and(disabled.map(|_| ()));
    }
    platform.wait(RECEIVE_SETTLES);
    result
}

/// Keeps the device from making new requests on the bus and waits for the last to finish (5.2.5.3.2).
fn disable_master<H: Platform>(platform: &H, registers: UnboundRegisters<'_, H>) -> Result<(), Error> {
    registers.ctrl().modify(value!(CTRL { PCIE_MASTER_DISABLE: true }));
    registers
        .status()
        .wait_until(platform, MASTER_STOPS, |status| !status.field(STATUS::PCIE_MASTER_ENABLE_STATUS))
        .in_step("waiting for the last request on the bus (5.2.5.3.2)")
        .map(|_| ())
}

/// Empties a data path that is stuck (5.2.5.3.2, specification update clarification 9). A reset follows, twice.
fn flush_data_path<H: Platform>(platform: &H, registers: UnboundRegisters<'_, H>) {
    registers.hlreg0().modify(value!(HLREG0 { LPBK: true }));
    registers.rxctrl().modify(value!(RXCTRL { RXEN: false }));
    registers.gcr_ext().modify(value!(GCR_EXT { BUFFERS_CLEAR_FUNC: true }));
    platform.wait(Duration::from_micros(20));
    registers.hlreg0().modify(value!(HLREG0 { LPBK: false }));
    registers.gcr_ext().modify(value!(GCR_EXT { BUFFERS_CLEAR_FUNC: false }));
}
