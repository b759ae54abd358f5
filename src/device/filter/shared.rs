//! The rules of a running device, shared between its control and the handles of rules, which may be on other threads.
//!
//! A lock keeps all writes of filter registers apart. The data path never takes it. Whoever holds it for longest waits
//! for the receive data path to be idle, up to 40 ms. No code of the program runs while it is held, other than a
//! platform.

use alloc::sync::Arc;
use core::fmt;

use crate::clock::Clock;
use crate::device::filter::explain::{self, Explanation};
use crate::device::filter::handle::Remove;
use crate::device::filter::table::{Rules, Slot};
use crate::device::filter::{FlowStatistics, Rule, RuleHandle, flow_commands, registers};
use crate::device::{Config, Error, Running, receive};
use crate::field::Value;
use crate::mmio::Bus;
use crate::platform::Platform;
use crate::register::{Driver, Exclusive, WritableIn};
use crate::registers::permission::{FlowDirectorReady, ReceivePaused, Reset};
use crate::registers::{FCTRL, RXCTRL, Registers};
use crate::sync::Mutex;

/// The rules of a device, from one start to the next stop.
pub(crate) struct Shared<H>(Mutex<State<H>>);

struct State<H> {
    rules: Rules,
    /// The platform of the device while it runs. Handles that outlive the run keep nothing of it.
    running: Option<Arc<H>>,
    /// `true` while [`Control::with_receive_paused`](crate::device::Control::with_receive_paused) has reception off.
    is_paused: bool,
    /// `true` if FCTRL does not have what the rules say. The end of a pause writes it.
    is_stale: bool,
    statistics: FlowStatistics,
}

impl<H> Shared<H> {
    /// Returns the rules of a device with `config`, which does not run yet: none.
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        let (rules, statistics) = (Rules::new(config), FlowStatistics::default());
        Arc::new(Self(Mutex::new(State { rules, running: None, is_paused: false, is_stale: false, statistics })))
    }

    /// Explains what the device does with `frame`.
    pub(super) fn explain(&self, settings: &explain::Settings<'_>, frame: &[u8]) -> Explanation {
        explain::explain(&self.0.lock().rules, settings, frame)
    }
}

impl<H: Platform> Shared<H> {
    /// Writes all rules to a device that was initialised, and starts reception. `device` accesses `platform`.
    pub(crate) fn start<D: Bus + Clock>(
        &self,
        platform: &Arc<H>,
        device: &D,
        registers: Registers<'_, D, Driver<Reset>>,
    ) -> Result<(), Error> {
        let state = &mut *self.0.lock();
        if let Some(flows) = state.rules.flows_mut() {
            flows.forget_stuck();
            flow_commands::start(device, registers, &flows.settings)?;
        }
        for slot in state.rules.slots() {
            match slot {
                Slot::Modes => state.write_modes(registers),
                // SAFETY: only a device with Flow Director has such a place, and its tables were initialised above.
                Slot::Flow(_) => state.add_flow(device, unsafe { Registers::assume_permission(device) }, slot)?,
                _ => registers::write(registers, &state.rules, slot)?,
            }
        }
        receive::enable(device)?;
        (state.is_paused, state.is_stale) = (false, false);
        state.running = Some(Arc::clone(platform));
        Ok(())
    }

    /// Notes that the device is about to stop: from now on, handles write no register.
    pub(crate) fn stop(&self) {
        self.0.lock().running = None;
    }

    /// Adds `rule` to the rules, and to the device.
    pub(super) fn add(self: &Arc<Self>, rule: Rule) -> Result<RuleHandle, Error> {
        let state = &mut *self.0.lock();
        let slot = state.rules.add(&rule)?;
        if let Err(error) = state.apply(slot) {
            // What the device did of it is undone as far as it still answers.
            _ = state.remove(&rule, slot);
            return Err(error);
        }
        Ok(RuleHandle::new(Arc::<Self>::clone(self), rule, slot))
    }

    /// Sets whether the device accepts all unicast and multicast frames without a rule.
    pub(crate) fn set_promiscuous(&self, on: bool) -> Result<(), Error> {
        let state = &mut *self.0.lock();
        let before = core::mem::replace(&mut state.rules.promiscuous, on);
        state.apply(Slot::Modes).inspect_err(|_| state.rules.promiscuous = before)
    }

    /// Stops reception, until [`resume`](Self::resume).
    pub(crate) fn pause(&self) -> Result<(), Error> {
        let state = &mut *self.0.lock();
        state.switch(false)?;
        state.is_paused = true;
        Ok(())
    }

    /// Starts reception again. Changes of FCTRL that came up meanwhile are written before.
    pub(crate) fn resume(&self) -> Result<(), Error> {
        let state = &mut *self.0.lock();
        state.write_stale_modes();
        state.is_paused = false;
        state.switch(true)
    }

    /// Removes all flows from the device and adds them again, while reception is paused.
    pub(super) fn rebuild_flows(&self) -> Result<(), Error> {
        let state = &mut *self.0.lock();
        let (Some(platform), Some(_)) = (state.running.clone(), state.rules.flows()) else { return Ok(()) };
        state.count();
        state.switch(false)?;
        let rebuilt = state.refill_flows(&platform);
        state.switch(true).and(rebuilt)
    }

    /// Returns the counters of Flow Director since the start of the device.
    pub(crate) fn statistics(&self) -> FlowStatistics {
        let state = &mut *self.0.lock();
        state.count();
        state.statistics
    }
}

impl<H: Platform> State<H> {
    /// Writes what the rules have at `slot`, if the device runs.
    fn apply(&mut self, slot: Slot) -> Result<(), Error> {
        let Some(platform) = self.running.clone() else { return Ok(()) };
        match slot {
            Slot::Modes => self.apply_modes(&platform),
            // SAFETY: the device runs with Flow Director, as there is such a place. `start` initialised its tables.
            Slot::Flow(_) => self.add_flow(&*platform, unsafe { Registers::assume_permission(&*platform) }, slot),
            _ => {
                // SAFETY: the device runs: `stop` takes the lock before anything stops it. This permission is neither
                // exclusive nor the driver's.
                let registers: Registers<'_, H, Running> = unsafe { Registers::assume_permission(&*platform) };
                registers::write(registers, &self.rules, slot)
            }
        }
    }

    /// Removes a rule from the rules, and from the device if it runs.
    fn remove(&mut self, rule: &Rule, slot: Slot) -> Result<(), Error> {
        self.rules.remove(rule, slot);
        let (Slot::Flow(flow), Some(platform)) = (slot, &self.running) else { return self.apply(slot) };
        let Some(flows) = self.rules.flows_mut() else { return Ok(()) };
        // SAFETY: the device runs with Flow Director, as there is such a place. `start` initialised its tables.
        let registers: Registers<'_, H, FlowDirectorReady> = unsafe { Registers::assume_permission(&**platform) };
        flow_commands::remove(&**platform, registers, flows.settings.kind, &flow)
            .inspect_err(|_| flows.keep_stuck(&flow))
    }

    /// Empties the table of Flow Director, and adds all flows. Reception is off.
    fn refill_flows(&mut self, platform: &H) -> Result<(), Error> {
        let Some(flows) = self.rules.flows_mut() else { return Ok(()) };
        // SAFETY: the caller switched reception off, and only the owner of the lock switches it on. The write of
        // FDIRCTRL asks for as much memory as before. Nothing else accesses the registers of Flow Director.
        let registers: Registers<'_, H, Driver<ReceivePaused>> = unsafe { Registers::assume_permission(platform) };
        flow_commands::clear(platform, registers, &flows.settings)?;
        flows.forget_stuck();
        for slot in self.rules.slots().into_iter().filter(|slot| matches!(slot, Slot::Flow(_))) {
            // SAFETY: the tables were just initialised. This permission is neither exclusive nor the driver's.
            self.add_flow(platform, unsafe { Registers::assume_permission(platform) }, slot)?;
        }
        Ok(())
    }

    fn add_flow<D: Bus + Clock>(
        &self,
        device: &D,
        registers: Registers<'_, D, FlowDirectorReady>,
        slot: Slot,
    ) -> Result<(), Error> {
        let (Slot::Flow(slot), Some(flows)) = (slot, self.rules.flows()) else { return Ok(()) };
        let Some(flow) = flows.at(&slot) else { return Ok(()) };
        flow_commands::add(device, registers, flows.settings.kind, &slot, flow.action)
    }

    /// Writes FCTRL, for which reception has to be off.
    fn apply_modes(&mut self, platform: &H) -> Result<(), Error> {
        // SAFETY: the device runs: `stop` takes the lock before anything stops it.
        let registers: Registers<'_, H, Running> = unsafe { Registers::assume_permission(platform) };
        let control = registers.fctrl().read();
        let (unicast, multicast) = (self.rules.accepts_all_unicast(), self.rules.accepts_all_multicast());
        let has = (control.field(FCTRL::UPE), control.field(FCTRL::MPE));
        // A removed device reads as all ones. The pause finds that out.
        if has == (unicast, multicast) && control.get() != u32::MAX {
            self.is_stale = false;
            return Ok(());
        }
        self.is_stale = true;
        if self.is_paused {
            return Ok(());
        }
        self.switch(false)?;
        self.write_stale_modes();
        self.switch(true)
    }

    /// Writes FCTRL if the rules ask for something else. Reception is off.
    fn write_stale_modes(&mut self) {
        if let Some(platform) = self.running.clone().filter(|_| self.is_stale) {
            // SAFETY: the caller switched reception off, and only the owner of the lock switches it on.
            let registers: Registers<'_, H, ReceivePaused> = unsafe { Registers::assume_permission(&*platform) };
            self.write_modes(registers);
            self.is_stale = false;
        }
    }

    fn write_modes<D: Bus, P>(&self, registers: Registers<'_, D, P>)
    where
        FCTRL: WritableIn<P>,
    {
        receive::set_filters(registers, self.rules.accepts_all_unicast(), self.rules.accepts_all_multicast());
    }

    /// Switches reception on or off, if the device runs.
    fn switch(&self, on: bool) -> Result<(), Error> {
        let Some(platform) = self.running.as_deref() else { return Ok(()) };
        // SAFETY: the device runs: `stop` takes the lock before anything stops it. Reception writes only to buffers of
        // enabled queues, and these belong to the driver. Through this handle the driver accesses RXCTRL, SECRXCTRL and
        // SECRXSTAT, and while the device runs it accesses these nowhere else.
        let registers: Registers<'_, H, Driver<Running>> = unsafe { Registers::assume_permission(platform) };
        receive::while_idle(platform, registers, || {
            registers.rxctrl().modify(Value::EMPTY.with(RXCTRL::RXEN, on));
        })
    }

    /// Adds the device's counters of Flow Director to the statistics, if it runs and answers.
    fn count(&mut self) {
        if let (Some(platform), Some(_)) = (&self.running, self.rules.flows()) {
            // SAFETY: the device runs with Flow Director, whose tables `start` initialised. The callers have the
            // device, or its one `Control`, to themselves; handles read no register with read side effects.
            let registers: Registers<'_, H, Exclusive<FlowDirectorReady>> =
                unsafe { Registers::assume_permission(&**platform) };
            let mut updated = self.statistics;
            flow_commands::count(registers, &mut updated);
            if registers.status().read().get() != u32::MAX {
                self.statistics = updated;
            }
        }
    }
}

impl<H: Platform> Remove for Shared<H> {
    fn remove(&self, rule: &Rule, slot: Slot) -> Result<(), Error> {
        self.0.lock().remove(rule, slot)
    }
}

impl<H> fmt::Debug for Shared<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A program's writer must not run under the lock.
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
