//! The way to a link, as a machine of steps that never sleep.
//!
//! [`Device::wait_for_link`](crate::device::Device::wait_for_link) and
//! [`Device::poll_link`](crate::device::Device::poll_link) drive it. It lights the laser, looks at LINKS, and when no
//! link comes up, tries in this order: the other speeds of the module, restarts, pipeline resets. Then it only looks.
//!
//! ```text
//! Start --> Waiting <--> Confirming --> Settling --> up
//!             |  ^
//!             v  |
//!         Rate, Toggled
//! ```

use alloc::vec::Vec;
use core::time::Duration;

use crate::clock::Clock;
use crate::device::diagnosis::take_faults;
use crate::device::link::{self, DEBOUNCE, Settings, Target};
use crate::device::presence::is_removed;
use crate::device::{BringUp, Config, Error, Finding, LinkMode, Medium, i2c, loopback, pins};
use crate::mmio::Bus;
use crate::registers::ANLP1;

/// The pause between two looks at the link.
const LOOK: Duration = Duration::from_millis(10);
/// The pause between two looks at the state machine of negotiation, and the number of looks (as Intel's drivers).
const RESTART_LOOK: Duration = Duration::from_millis(4);
const RESTART_LOOKS: u8 = 10;
/// The time without a link after which the module is read: most links are up by then.
const IDENTIFY_AFTER: Duration = Duration::from_millis(200);
/// The longest attempt at one speed of several. The partner may be searching, too.
const SEARCH: Duration = Duration::from_secs(1);
/// How often each speed of several is tried.
const SEARCHES: usize = 3;
/// The shortest attempt on a backplane: negotiation may take 4.5 s.
const BACKPLANE: Duration = Duration::from_secs(5);

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The link is up and has settled.
    Up,
    /// Step again after this time.
    Pending(Duration),
}

/// What the next step does, once it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// There is nothing to wait for.
    Loopback,
    /// Lights the laser.
    Start,
    /// Looks for a link.
    Waiting,
    /// Looks whether the link was more than a moment.
    Confirming,
    /// Looks whether the link stayed up while it settled.
    Settling,
    /// Sets the mode: the module has changed its rate.
    Rate,
    /// Looks whether negotiation restarted in the toggled mode, this many times more, and restores the mode.
    Toggled(u8),
}

/// The modes to try.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// The mode that is on.
    target: Target,
    /// All modes of a search, one after another, again and again. Empty without a search.
    targets: &'static [Target],
    /// The number of changes that are left. After the last, the first mode is on again.
    changes: usize,
}

const TEN: Target = Target::TenGigabit;
/// 1 Gbit/s with negotiation, and without, for partners that do not negotiate (software clarification 6).
const ONE: Target = Target::OneGigabit { negotiate: true };
const ONE_FORCED: Target = Target::OneGigabit { negotiate: false };

impl Plan {
    fn one(target: Target) -> Self {
        Self { target, targets: &[], changes: 0 }
    }

    fn search<const N: usize>(targets: &'static [Target; N]) -> Self {
        Self { target: targets[0], targets, changes: SEARCHES * targets.len() }
    }

    /// Goes on to the next mode of a search.
    fn advance(&mut self) {
        self.changes = self.changes.saturating_sub(1);
        let next = self.targets.iter().cycle().skip_while(|target| **target != self.target).nth(1);
        self.target = next.copied().unwrap_or(self.target);
    }

    /// Returns `true` if the modes have different speeds.
    fn is_multispeed(&self) -> bool {
        self.targets.contains(&TEN)
    }
}

/// The machine, and what is left of its limits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Establish {
    settings: Settings,
    settles: Duration,
    attempt: Duration,
    state: State,
    plan: Plan,
    restarts: u8,
    pipeline_resets: u8,
    /// The number of tries to read the module that are left.
    identifications: u32,
    /// The time of the next try.
    identify: Duration,
    /// The time at which the next step is due.
    due: Duration,
    /// The time at which the present attempt ends; `None` for the last attempt.
    ends: Option<Duration>,
}

impl Establish {
    /// Sets the link's mode and starts it, on a device that was just initialised.
    pub(crate) fn begin<D: Bus + Clock>(
        device: &D,
        settings: Settings,
        config: &Config,
        bring_up: &mut BringUp,
    ) -> Result<Self, Error> {
        // In loopback, nothing of the board takes part: the laser stays as it is. `start` forces the link up, so that a
        // device that does not run never shows a link that is none.
        let settings = if config.loopback.is_some() { Settings::default() } else { settings };
        let has_cage = settings.medium.is_some_and(Medium::has_cage);
        let plan = match config.link {
            LinkMode::Auto if has_cage => Plan::one(TEN),
            LinkMode::Auto | LinkMode::Eeprom => Plan::one(Target::Unchanged),
            LinkMode::TenGigabitSfi => Plan::one(TEN),
            LinkMode::OneGigabitSfi { negotiate } => Plan::one(Target::OneGigabit { negotiate }),
            LinkMode::TenThenOneGigabitSfi => Plan::search(&[TEN, ONE, ONE_FORCED]),
            LinkMode::OneThenTenGigabitSfi => Plan::search(&[ONE, ONE_FORCED, TEN]),
            LinkMode::Backplane(modes) => Plan::one(Target::Backplane(modes)),
        };
        let keeps_mode = matches!(config.link, LinkMode::Auto | LinkMode::Eeprom);
        match config.loopback {
            Some(_) => loopback::check(bring_up.firmware)?,
            None => link::begin(device, &settings, keeps_mode, plan.target, bring_up)?,
        }
        let now = device.now();
        Ok(Self {
            settings,
            settles: config.link_settles,
            attempt: Self::attempt(config, settings.medium),
            state: if config.loopback.is_some() { State::Loopback } else { State::Start },
            plan,
            restarts: config.link_retry.restarts,
            pipeline_resets: config.link_retry.pipeline_resets,
            identifications: if has_cage && config.link == LinkMode::Auto { i2c::TRIES } else { 0 },
            identify: now + IDENTIFY_AFTER,
            due: now,
            ends: None,
        })
    }

    fn attempt(config: &Config, medium: Option<Medium>) -> Duration {
        match medium {
            Some(Medium::Backplane) => config.link_retry.attempt.max(BACKPLANE),
            _ => config.link_retry.attempt,
        }
    }

    /// Returns the time after which a machine with this configuration has nothing left to try at one speed.
    pub(crate) fn longest(config: &Config, medium: Option<Medium>) -> Duration {
        let attempts = 1 + u32::from(config.link_retry.restarts) + u32::from(config.link_retry.pipeline_resets);
        Self::attempt(config, medium).saturating_mul(attempts).saturating_add(config.link_settles)
    }

    /// Leaves no work half done, for callers that no longer wait: a pipeline reset restores its mode.
    pub(crate) fn finish<D: Bus + Clock>(&mut self, device: &D, findings: &mut Vec<Finding>) -> Result<(), Error> {
        if matches!(self.state, State::Toggled(_)) {
            link::toggle_mode(device, findings)?;
            let now = device.now();
            self.due = now + self.wait_for_attempt(now, Duration::ZERO);
        }
        Ok(())
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Does what is due.
    pub(crate) fn step<D: Bus + Clock>(&mut self, device: &D, findings: &mut Vec<Finding>) -> Result<Progress, Error> {
        let now = device.now();
        if now < self.due {
            return Ok(Progress::Pending(self.due - now));
        }
        let is_up = || link::status(device, pins::registers(device), &self.settings).is_up();
        let pause = match self.state {
            State::Loopback => return Ok(Progress::Up),
            State::Start => {
                // Counts of faults from before the start would explain nothing.
                take_faults(device);
                self.start(device, now)?;
                // A laser that was on already costs no time: the link may be up.
                if self.state == State::Waiting && self.due <= now {
                    return self.step(device, findings);
                }
                self.due - now
            }
            State::Waiting if is_up() => self.next(State::Confirming, DEBOUNCE),
            State::Waiting => {
                if is_removed(device, pins::registers(device)) {
                    return Err(Error::Removed { step: "waiting for the link (4.6.4)" });
                }
                self.try_more(device, now, findings)?
            }
            State::Confirming if is_up() => match self.settles {
                Duration::ZERO => return Ok(Progress::Up),
                settles => self.next(State::Settling, settles),
            },
            State::Settling if is_up() => return Ok(Progress::Up),
            State::Confirming | State::Settling => self.next(State::Waiting, LOOK),
            State::Rate => {
                link::restart(device, &self.settings, self.plan.target, findings)?;
                // A partner that searches, too, starts again when our light goes off and on.
                let flapped = pins::flap(device, self.settings.medium);
                self.wait_for_attempt(now, if flapped { pins::LASER_LIGHTS } else { Duration::ZERO })
            }
            State::Toggled(looks) => {
                let restarted = pins::registers(device).anlp1().read().field(ANLP1::ANAS) != 0;
                if restarted || looks == 0 {
                    if !restarted {
                        log::warn!("negotiation did not restart in the toggled mode: ANLP1.ANAS stays 0 (8.2.3.22.23)");
                    }
                    link::toggle_mode(device, findings)?;
                    self.wait_for_attempt(now, Duration::ZERO)
                } else {
                    self.next(State::Toggled(looks - 1), RESTART_LOOK)
                }
            }
        };
        // After a step that took long, too, the caller gets the time from now on.
        self.due = device.now().max(now).saturating_add(pause);
        Ok(Progress::Pending(pause))
    }

    fn next(&mut self, state: State, pause: Duration) -> Duration {
        self.state = state;
        pause
    }

    /// Begins an attempt, and returns the time after which to look for the link.
    fn wait_for_attempt(&mut self, now: Duration, delay: Duration) -> Duration {
        let attempt = if self.plan.changes > 0 { self.attempt.min(SEARCH) } else { self.attempt };
        self.ends = Some(now.saturating_add(delay).saturating_add(attempt));
        self.next(State::Waiting, delay.max(LOOK))
    }

    /// Lights the laser, and selects the module's rate if the configuration names a speed.
    fn start<D: Bus + Clock>(&mut self, device: &D, now: Duration) -> Result<(), Error> {
        let lit = pins::light(device, self.settings.medium);
        let delay = if lit { pins::LASER_LIGHTS } else { Duration::ZERO };
        self.wait_for_attempt(now, delay);
        self.due = now + delay;
        self.identify = self.identify.max(now + delay + IDENTIFY_AFTER);
        // `Auto` leaves the rate alone until it knows that the module has several.
        if self.identifications == 0 && self.select_rate(device) {
            self.state = State::Rate;
            self.due = now + delay.max(pins::RATE_CHANGES);
        }
        Ok(())
    }

    fn select_rate<D: Bus>(&self, device: &D) -> bool {
        let multispeed = self.plan.is_multispeed();
        match self.plan.target {
            Target::TenGigabit => pins::select_rate(device, self.settings.medium, true, multispeed),
            Target::OneGigabit { .. } => pins::select_rate(device, self.settings.medium, false, multispeed),
            Target::Unchanged | Target::Backplane(_) => false,
        }
    }

    /// Does what may help while there is no link. Returns the time until the next step.
    fn try_more<D: Bus + Clock>(
        &mut self,
        device: &D,
        now: Duration,
        findings: &mut Vec<Finding>,
    ) -> Result<Duration, Error> {
        if pins::firmware_holds_link(device) {
            return Ok(LOOK);
        }
        if self.identifications > 0 && now >= self.identify {
            return self.identify(device, now, findings);
        }
        if self.ends.is_none_or(|ends| now < ends) {
            return Ok(LOOK);
        }
        if self.plan.changes > 0 {
            self.plan.advance();
            return self.change_speed(device, now, findings);
        }
        if self.restarts > 0 {
            self.restarts -= 1;
            link::restart(device, &self.settings, self.plan.target, findings)?;
            return Ok(self.wait_for_attempt(now, Duration::ZERO));
        }
        if self.pipeline_resets > 0 {
            self.pipeline_resets -= 1;
            link::toggle_mode(device, findings)?;
            return Ok(self.next(State::Toggled(RESTART_LOOKS), RESTART_LOOK));
        }
        self.ends = None;
        Ok(LOOK)
    }

    fn change_speed<D: Bus + Clock>(
        &mut self,
        device: &D,
        now: Duration,
        findings: &mut Vec<Finding>,
    ) -> Result<Duration, Error> {
        if self.select_rate(device) {
            return Ok(self.next(State::Rate, pins::RATE_CHANGES));
        }
        link::restart(device, &self.settings, self.plan.target, findings)?;
        let flapped = pins::flap(device, self.settings.medium);
        Ok(self.wait_for_attempt(now, if flapped { pins::LASER_LIGHTS } else { Duration::ZERO }))
    }

    /// Reads the module once, and plans the speeds that it has.
    fn identify<D: Bus + Clock>(
        &mut self,
        device: &D,
        now: Duration,
        findings: &mut Vec<Finding>,
    ) -> Result<Duration, Error> {
        self.identifications -= 1;
        let module = match i2c::identify(device, self.settings.medium, findings) {
            Ok((module, _)) if i2c::is_plausible(&module) || self.identifications == 0 => module,
            // A module that boots, or none: again later. The semaphore may be free then, too.
            Ok(_) | Err(_) => {
                self.identify = now + i2c::PAUSE;
                return Ok(LOOK);
            }
        };
        self.identifications = 0;
        if module.is_multispeed() {
            self.plan = Plan::search(&[TEN, ONE, ONE_FORCED]);
        } else if module.has_one_gigabit() && !module.has_ten_gigabit() {
            self.plan = Plan::search(&[ONE, ONE_FORCED]);
        } else {
            return Ok(LOOK);
        }
        self.change_speed(device, now, findings)
    }
}
