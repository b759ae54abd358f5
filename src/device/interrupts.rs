//! Interrupts of queues and of the link (datasheet 8.2.3.5).
//!
//! The device raises none before [`Control::set_up_interrupts`].

use core::time::Duration;

use crate::device::{Config, Control, Error, Running};
use crate::field::Value;
use crate::mmio::{Below, Index};
use crate::platform::Platform;
use crate::port::LinkStatus;
use crate::queue::function::transmit_vector;
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
    /// Routes receive queue n to MSI-X vector n, link changes to [the next](Self::link_vector), and the transmit queues to
    /// those behind it; transmit queues for which no vector is left share vector 63. Each queue interrupts at most once
    /// per `interval` (at most 1,022 µs).
    ///
    /// A receive queue interrupts for packets that have arrived, a transmit queue for packets that were sent.
    ///
    /// Stopping the device clears this configuration; call this again after `start`. A
    /// [recovery](crate::device::Device::recover) sets it up again.
    ///
    /// An interrupt of a queue masks itself, and the queue's
    /// [`enable_interrupt`](crate::port::InterruptSource::enable_interrupt) unmasks it: [`wait`](crate::wait) has the
    /// order of calls. The link's interrupt repeats only after
    /// [`acknowledge_link_interrupt`](Self::acknowledge_link_interrupt). The platform delivers interrupts: see
    /// `linux::Interrupts`. A program that waits for no transmit queue needs no more vectors than the link's.
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
        let Config { rx_queues, tx_queues, .. } = *self.config;
        let throttle = Value::EMPTY.try_with(EITR::ITR_INTERVAL, units)?;
        // Two receive queues share a register with their transmit queues (8.2.3.5.16).
        for queue in 0..rx_queues {
            let Ok(allocation) = Index::<Below<64>>::new(queue / 2) else { continue };
            registers.ivar(allocation).modify(if queue % 2 == 0 {
                value!(IVAR { INT_ALLOC_VAL_0: true }).try_with(IVAR::INT_ALLOC_0, queue as u64)?
            } else {
                value!(IVAR { INT_ALLOC_VAL_2: true }).try_with(IVAR::INT_ALLOC_2, queue as u64)?
            });
        }
        for queue in 0..tx_queues {
            let Ok(allocation) = Index::<Below<64>>::new(queue / 2) else { continue };
            let vector = transmit_vector(queue, rx_queues) as u64;
            registers.ivar(allocation).modify(if queue % 2 == 0 {
                value!(IVAR { INT_ALLOC_VAL_1: true }).try_with(IVAR::INT_ALLOC_1, vector)?
            } else {
                value!(IVAR { INT_ALLOC_VAL_3: true }).try_with(IVAR::INT_ALLOC_3, vector)?
            });
        }
        for vector in (0..rx_queues).chain((0..tx_queues).map(|queue| transmit_vector(queue, rx_queues))) {
            let Ok(vector) = InterruptVector::new(vector) else { continue };
            registers.eitr(vector).modify(throttle);
        }
        // All causes other than queues share a vector (8.2.3.5.17). Only link changes are unmasked.
        let others = value!(IVAR_MISC { INT_ALLOC_VAL_0: false, INT_ALLOC_VAL_1: true });
        registers.ivar_misc().modify(others.try_with(IVAR_MISC::INT_ALLOC_1, self.link_vector() as u64)?);
        registers.eims().set_bits(Value::EMPTY.try_with(EIMS::INTERRUPT_ENABLE, LINK_CHANGED)?);
        self.settings.interrupts = Some(interval);
        Ok(())
    }

    /// Returns the number of the link's interrupt vector: the number of receive queues.
    #[must_use]
    pub fn link_vector(&self) -> usize {
        self.config.rx_queues
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
