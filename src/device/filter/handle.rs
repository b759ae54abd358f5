//! Handles of rules.

use alloc::sync::Arc;
use core::fmt;

use crate::device::Error;
use crate::device::filter::Rule;
use crate::device::filter::flow_director::FlowKind;
use crate::device::filter::table::Slot;

/// A rule of a running device. Dropping the handle removes the rule.
///
/// The handle borrows nothing, so it can be kept in a struct or moved to another thread. It removes exactly the rule
/// that it was returned for, and it has no way to act on another device. Once the device has stopped, there is nothing
/// to remove, and dropping the handle touches no register.
///
/// Removing a rule writes registers, and for some rules waits: up to 200 µs for a flow, up to 80 ms for the promiscuous
/// modes.
#[must_use = "dropping the handle removes the rule; `keep` keeps it"]
pub struct RuleHandle {
    /// The rules that the rule is one of, unless the handle has given them up.
    rules: Option<Arc<dyn Remove>>,
    rule: Rule,
    slot: Slot,
}

/// The rules of a device, whatever its platform.
pub(super) trait Remove: Send + Sync {
    /// Removes the rule at `slot`, which is there.
    fn remove(&self, rule: &Rule, slot: Slot) -> Result<(), Error>;
}

impl RuleHandle {
    pub(super) fn new(rules: Arc<dyn Remove>, rule: Rule, slot: Slot) -> Self {
        Self { rules: Some(rules), rule, slot }
    }

    /// Returns the rule.
    #[must_use]
    pub const fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Returns the index that the device reports for packets of a perfect flow, in place of the RSS hash. It is unique
    /// while the rule lives. Other rules have none.
    #[must_use]
    pub fn flow_index(&self) -> Option<u16> {
        match (self.rule, self.slot) {
            (Rule::Flow(fields, _), Slot::Flow(slot)) if fields.kind() == FlowKind::Perfect => Some(slot.index),
            _ => None,
        }
    }

    /// Removes the rule, as dropping the handle does.
    ///
    /// # Errors
    ///
    /// The rule is gone from what [`explain`](crate::device::filter::Filters::explain) computes, but the device may
    /// still have it:
    ///
    /// - [`Error::TimedOut`] if the receive data path does not become idle, or Flow Director does not complete a
    ///   command. A promiscuous mode then ends with the next pause of reception, a flow with the next recovery.
    /// - [`Error::Removed`] if the device no longer answers.
    #[cfg_attr(doc, doc = include_str!(concat!(env!("OUT_DIR"), "/docs/RuleHandle.remove.md")))]
    pub fn remove(mut self) -> Result<(), Error> {
        match self.rules.take() {
            Some(rules) => rules.remove(&self.rule, self.slot),
            None => Ok(()),
        }
    }

    /// Keeps the rule until the device stops. A [recovery](crate::device::Device::recover) sets it again.
    pub fn keep(mut self) {
        self.rules = None;
    }
}

impl Drop for RuleHandle {
    fn drop(&mut self) {
        if let Some(rules) = self.rules.take()
            && let Err(error) = rules.remove(&self.rule, self.slot)
        {
            log::warn!("a rule of the device is not removed: {error}");
        }
    }
}

impl fmt::Debug for RuleHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleHandle").field("rule", &self.rule).finish_non_exhaustive()
    }
}
