//! Rules: what they match, what happens, and which of them decides.

use crate::device::filter::{Accept, EtherType, FiveTuple, FlowFields, Priority};
use crate::registers::RxQueue;

/// A rule for received frames, to be [added](crate::device::filter::Filters::add) to a running device.
///
/// Rules of the kind [`Accept`] decide which frames the device receives at all. The others choose what happens to a
/// frame that it receives: their [`precedence`](Self::precedence) says which of several that match decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// Accepts frames.
    Accept(Accept),
    /// Sends frames of this EtherType to a queue: made by [`EtherType::to`].
    EtherType(EtherType, RxQueue),
    /// Sends packets of IPv4 with these fields to a queue: made by [`FiveTuple::to`].
    FiveTuple(FiveTuple, RxQueue),
    /// Sends packets of this flow to a queue, or drops them: made by [`Flow::to`](crate::device::filter::Flow::to) and
    /// [`Flow::drop`](crate::device::filter::Flow::drop).
    Flow(FlowFields, Action),
}

/// What happens to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The device puts it into this receive queue.
    Queue(RxQueue),
    /// The device drops it.
    Drop,
}

/// Which of several rules that match a frame decides: the greatest.
///
/// Two rules of equal precedence never match the same frame, because [`add`](crate::device::filter::Filters::add)
/// refuses the second. Signature filters of Flow Director are the exception for packets whose hashes are equal by
/// chance: there is one filter for each hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Precedence {
    /// The rule accepts frames and chooses no queue.
    Accept,
    /// A filter of Flow Director. If none matches, RSS decides.
    Flow,
    /// A five-tuple filter.
    FiveTuple(Priority),
    /// An EtherType filter.
    EtherType,
}

impl Rule {
    /// Returns what happens to a frame that the rule decides, or `None` for [`Accept`].
    #[must_use]
    pub const fn action(&self) -> Option<Action> {
        match *self {
            Self::Accept(_) => None,
            Self::EtherType(_, queue) | Self::FiveTuple(_, queue) => Some(Action::Queue(queue)),
            Self::Flow(_, action) => Some(action),
        }
    }

    /// Returns the precedence of the rule.
    #[must_use]
    pub const fn precedence(&self) -> Precedence {
        match *self {
            Self::Accept(_) => Precedence::Accept,
            Self::Flow(..) => Precedence::Flow,
            Self::FiveTuple(filter, _) => Precedence::FiveTuple(filter.priority),
            Self::EtherType(..) => Precedence::EtherType,
        }
    }
}

impl From<Accept> for Rule {
    fn from(accept: Accept) -> Self {
        Self::Accept(accept)
    }
}

/// What [`Filters::add`](super::Filters::add) takes: a [`Rule`], or an [`Accept`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` says which frames it matches, and not what happens to them",
    label = "not a rule yet",
    note = "`.to(queue)` makes a rule of it; a flow of perfect filters has `.drop()`, too"
)]
pub trait IntoRule: sealed::Sealed {
    /// Returns the rule.
    fn into_rule(self) -> Rule;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Rule {}
    impl Sealed for super::Accept {}
}

impl IntoRule for Rule {
    fn into_rule(self) -> Self {
        self
    }
}

impl IntoRule for Accept {
    fn into_rule(self) -> Rule {
        self.into()
    }
}
