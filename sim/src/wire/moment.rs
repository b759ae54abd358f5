//! The moment at which a frame leaves its sender, for ports that agree on a time.

use std::time::Instant;

use crate::chip::clock::Time;

/// A moment in a port's model time. A wire passes it on with the frames that left at that moment, so that the receiving
/// port stamps them with it. It means nothing to a port that has no time in common with the sender: neither a
/// [`Runner`](crate::Runner) drives both, nor do they [share](crate::Port::share_time) one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub(crate) Base);

/// What a moment is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// A port's own time.
    Own,
    Real(Instant),
    /// The time that the ports with the same address of it share.
    Shared(usize, Time),
}
