//! A device of which nothing was touched yet, or that did not stop when told to.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::device::running::Queues;
use crate::device::{Config, Device, Initialised, Reset, TransitionError, Unbound, initialise, link, stop};
use crate::platform::Platform;
use crate::queue::Stopped;

/// Rings that the device might still reach, from when it ran and could not be stopped.
///
/// They are kept until a reset brings the proof that it has stopped, and leaked if none ever does.
#[derive(Debug, Default)]
pub struct Unfreed(Vec<Queues>);

impl Unfreed {
    pub(crate) fn new(queues: Queues) -> Self {
        Self(alloc::vec![queues])
    }

    fn release(&mut self, proof: &Stopped) {
        for queues in self.0.drain(..) {
            queues.release(proof);
        }
    }
}

impl<H: Platform> Device<Unbound, H> {
    /// The device on `hardware`. Nothing is touched yet.
    #[must_use]
    pub fn new(hardware: H) -> Self {
        Self { hardware: Arc::new(hardware), data: Unfreed::default() }
    }

    pub(crate) fn unfreed(hardware: Arc<H>, queues: Queues) -> Self {
        Self { hardware, data: Unfreed::new(queues) }
    }

    /// Stops whatever the device is doing, resets and initialises it (datasheet 4.6.3), and starts to bring the link up.
    ///
    /// # Errors
    ///
    /// If the configuration is impossible nothing was done; otherwise the error says which step failed. The device
    /// can be reset again.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/Device.reset.md")))]
    pub fn reset(mut self, config: &Config) -> Result<Device<Reset, H>, TransitionError<Self>> {
        match self.try_reset(config) {
            Ok(data) => Ok(Device { hardware: self.hardware, data }),
            Err(error) => Err(TransitionError { device: self, error }),
        }
    }

    fn try_reset(&mut self, config: &Config) -> Result<Initialised, crate::device::Error> {
        config.check()?;
        let hardware = &*self.hardware;
        let proof = stop::quiesce(hardware)?;
        self.data.release(&proof);
        let mac = initialise::initialise(hardware)?;
        link::set_up(hardware, config.link)?;
        Ok(Initialised { config: *config, mac, pools: Vec::new() })
    }
}
