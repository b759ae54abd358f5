//! Interrupts of receive queues and of the link (datasheet 8.2.3.5).
//!
//! The device raises none before [`Control::set_up_interrupts`].

use core::time::Duration;

use crate::device::{Control, Error, Running};
use crate::field::Value;
use crate::mmio::{Below, Index};
use crate::platform::Platform;
use crate::port::LinkStatus;
use crate::register::Driver;
use crate::registers::{EIAC, EIAM_EX, EICR, EIMS, EITR, GPIE, IVAR, IVAR_MISC, InterruptVector, Registers};
use crate::value;

/// The unit of EITR.ITR_INTERVAL (8.2.3.5.12).
const INTERVAL_UNIT: Duration = Duration::from_micros(2);
/// The largest value of EITR.ITR_INTERVAL.
const LONGEST_INTERVAL: u128 = 511;
/// The bit of EIMS that stands for EICR.LSC.
const LINK_CHANGED: u64 = 1 << 20;

impl<H: Platform> Control<'_, H> {
    /// Routes receive queue n to MSI-X vector n and link changes to the next vector. Each queue interrupts at most once
    /// per `interval` (at most 1,022 µs).
    ///
    /// Stopping the device clears this configuration; call this again after `start`. A
    /// [recovery](crate::device::Device::recover) sets it up again.
    ///
    /// An interrupt of a queue masks itself, and
    /// [`ReceiveQueue::enable_interrupt`](crate::queue::ReceiveQueue::enable_interrupt) unmasks it. The link's
    /// interrupt repeats only after [`acknowledge_link_interrupt`](Self::acknowledge_link_interrupt). The platform
    /// delivers interrupts: see `linux::Interrupts`.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] if a value does not fit its field. No such case is known.
    pub fn set_up_interrupts(&mut self, interval: Duration) -> Result<(), Error> {
        // SAFETY: the device runs as long as it is borrowed here; there is one `Control`, and queues only set bits of
        // EIMS. The platform sets the addresses of interrupts: these writes only select which cause raises which
        // vector.
        let registers: Registers<'_, H, Driver<Running>> = unsafe { Registers::assume_permission(self.platform) };
        // One vector per cause; pending interrupts are kept, and a sent one is masked (8.2.3.5.18).
        registers.gpie().modify(value!(GPIE { MULTIPLE_MSIX: true, PBA_SUPPORT: true, EIAME: true, OCD: true }));
        registers.eiac().modify(value!(EIAC { RTXQ_AUTO_CLEAR: 0xffff }));
        for half in Index::all() {
            registers.eiam_ex(half).modify(value!(EIAM_EX { AUTO_MASK: 0xffff_ffff }));
        }
        let units = (interval.as_nanos() / INTERVAL_UNIT.as_nanos()).min(LONGEST_INTERVAL) as u64;
        for queue in 0..self.config.rx_queues {
            let (vector, allocation) = (queue as u64, Index::<Below<64>>::new(queue / 2));
            let (Ok(throttle), Ok(allocation)) = (InterruptVector::new(queue), allocation) else { continue };
            registers.eitr(throttle).modify(Value::EMPTY.try_with(EITR::ITR_INTERVAL, units)?);
            // Two receive queues share a register, each with its transmit queue, which raises none (8.2.3.5.16).
            registers.ivar(allocation).modify(if queue % 2 == 0 {
                value!(IVAR { INT_ALLOC_VAL_0: true, INT_ALLOC_VAL_1: false }).try_with(IVAR::INT_ALLOC_0, vector)?
            } else {
                value!(IVAR { INT_ALLOC_VAL_2: true, INT_ALLOC_VAL_3: false }).try_with(IVAR::INT_ALLOC_2, vector)?
            });
        }
        // All causes other than queues share a vector (8.2.3.5.17). Only link changes are unmasked.
        let others = value!(IVAR_MISC { INT_ALLOC_VAL_0: false, INT_ALLOC_VAL_1: true });
        registers.ivar_misc().modify(others.try_with(IVAR_MISC::INT_ALLOC_1, self.config.rx_queues as u64)?);
        registers.eims().set_bits(Value::EMPTY.try_with(EIMS::INTERRUPT_ENABLE, LINK_CHANGED)?);
        self.settings.interrupts = Some(interval);
        Ok(())
    }

    /// Acknowledges the link interrupt, so that the next change raises one, and returns the current link status.
    pub fn acknowledge_link_interrupt(&mut self) -> LinkStatus {
        // SAFETY: the device runs as long as it is borrowed here; there is one `Control`, and queues only set bits of
        // EIMS. The platform sets the addresses of interrupts: these writes only select which cause raises which
        // vector.
        let registers: Registers<'_, H, Driver<Running>> = unsafe { Registers::assume_permission(self.platform) };
        // LSC is cleared before LINKS is read: a change in between then raises an interrupt, and none is lost.
        registers.eicr().clear_bits(value!(EICR { LSC: true }));
        self.link_status()
    }
}
