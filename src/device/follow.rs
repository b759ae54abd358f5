//! What depends on the link, and is set anew when the link changes: flow control, rate limits, the PTP clock.

use crate::device::{Control, FlowControl, Running, flow_control, link};
use crate::field::ValueError;
use crate::platform::Platform;
use crate::port::LinkStatus;
use crate::registers::Registers;

impl<H: Platform> Control<'_, H> {
    /// Looks at the link, and sets anew what depends on it. Returns the status that LINKS shows at first: if the link was
    /// lost meanwhile, this is `Down`, although it may be up again.
    pub(crate) fn look_at_link(&mut self) -> LinkStatus {
        let (platform, settings) = (self.platform, self.link);
        let seen = link::status(platform, self.registers_mut(), settings);
        if seen.is_up() {
            self.follow_link(seen, false);
        } else {
            let now = link::status(platform, self.registers_mut(), settings);
            self.follow_link(now, now.is_up());
        }
        seen
    }

    /// Sets anew what depends on the link, whose status is `status` now.
    ///
    /// `flapped` says that the link is up again, after it was down for a moment.
    fn follow_link(&mut self, status: LinkStatus, flapped: bool) {
        let before = core::mem::replace(&mut self.settings.link, status);
        let came_up = status.is_up() && (flapped || before != status);
        let followed = if came_up { self.link_came_up() } else { Ok(()) };
        let clock = match self.ptp.take() {
            Some(mut state) => {
                let followed = state.follow(self.platform, self.registers_mut(), status, flapped);
                *self.ptp = Some(state);
                followed
            }
            None => Ok(()),
        };
        if let Err(error) = followed.and(clock) {
            log::error!("the device does not follow its link: {error}");
        }
    }

    fn link_came_up(&mut self) -> Result<(), ValueError> {
        let (asked, max_frame) = (self.config.flow_control, self.config.max_frame);
        if asked != FlowControl::Off {
            let agreed = flow_control::negotiated(self.registers_mut(), asked);
            flow_control::set(self.registers_mut(), agreed, max_frame)?;
            self.settings.flow_control = agreed;
        }
        self.set_rates_anew()
    }

    /// Completes a start of the device, or a start after a recovery: it counts, and follows its link.
    pub(crate) fn begin(&mut self) {
        let platform = self.platform;
        // SAFETY: as for `Control::registers`: the device runs as long as its `Control` exists.
        self.statistics.begin(unsafe { Registers::<_, Running>::assume_permission(platform) });
        self.settings.link = LinkStatus::Down;
        self.settings.flow_control = self.config.flow_control;
        let has_limits = self.settings.rates.iter().any(Option::is_some);
        if has_limits {
            // The link may stay down for long, and the limits hold at once when it is up.
            if let Err(error) = self.set_rates_anew() {
                log::error!("cannot limit the rates: {error}");
            }
        }
        if has_limits || self.ptp.is_some() || self.config.flow_control != FlowControl::Off {
            self.look_at_link();
        }
    }
}
