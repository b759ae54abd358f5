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
pub struct RetainedRings(Vec<Queues>);

impl RetainedRings {
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
    /// The device on `platform`. Nothing is touched yet.
    #[must_use]
    pub fn new(platform: H) -> Self {
        Self { platform: Arc::new(platform), data: RetainedRings::default() }
    }

    pub(crate) fn with_retained_rings(platform: Arc<H>, queues: Queues) -> Self {
        Self { platform, data: RetainedRings::new(queues) }
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
            Ok(data) => Ok(Device { platform: self.platform, data }),
            Err(error) => Err(TransitionError { device: self, error }),
        }
    }

    fn try_reset(&mut self, config: &Config) -> Result<Initialised, crate::device::Error> {
        config.check()?;
        let platform = &*self.platform;
        let proof = stop::quiesce(platform)?;
        self.data.release(&proof);
        let mac = initialise::initialise(platform)?;
        link::set_up(platform, config.link)?;
        Ok(Initialised { config: *config, mac, pools: Vec::new() })
    }
}
