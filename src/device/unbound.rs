//! The unbound device: not touched yet, or not stopped by the driver.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::device::establish::Establish;
use crate::device::presence::Present;
use crate::device::{Config, Device, Initialised, Reset, TransitionError, Unbound, initialise, link, stop};
use crate::platform::Platform;
use crate::queue::Queues;

/// Rings that the device may still access, because it ran and did not stop.
///
/// They are retained until a reset gives the proof that the device has stopped. Without that proof they leak.
#[derive(Debug, Default)]
pub struct RetainedRings(Queues);

impl<H: Platform> Device<Unbound, H> {
    /// Makes the device on `platform`, without any access to it.
    #[must_use]
    pub fn new(platform: H) -> Self {
        Self { platform: Arc::new(platform), data: RetainedRings::default() }
    }

    pub(crate) fn with_retained_rings(platform: Arc<H>, queues: Queues) -> Self {
        Self { platform, data: RetainedRings(queues) }
    }

    /// Stops the device, resets and initialises it (datasheet 4.6.3), and starts link negotiation.
    ///
    /// # Errors
    ///
    /// For [`Error::Config`](crate::device::Error::Config) and
    /// [`Error::UnsupportedMedium`](crate::device::Error::UnsupportedMedium) nothing was done. Other errors name the
    /// failed step. The device can be reset again.
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
        link::check_medium(platform, config)?;
        let mut findings = Vec::new();
        let proof = stop::quiesce(platform, &mut findings)?;
        self.data.0.release(&proof);
        let device = &Present::new(platform);
        let (mac, mut bring_up) = initialise::initialise(device, config.mac, None, findings)?;
        let settings = link::Settings::read(platform, config, bring_up.eeprom.as_ref());
        let link = Establish::begin(device, settings, config, &mut bring_up)?;
        let queues = core::mem::take(&mut self.data.0);
        Ok(Initialised { config: *config, mac, bring_up, link, pools: Vec::new(), queues })
    }
}
