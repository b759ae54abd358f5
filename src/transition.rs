//! Errors of a device that could not change its state. They return the device.

use core::error::Error;
use core::fmt;

/// A failed transition. It returns the device in its present state.
pub struct TransitionError<D, E> {
    /// The device.
    pub device: D,
    /// The cause.
    pub error: E,
}

impl<D, E: fmt::Debug> fmt::Debug for TransitionError<D, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransitionError({:?})", self.error)
    }
}

impl<D, E: fmt::Display> fmt::Display for TransitionError<D, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<D, E: Error + 'static> Error for TransitionError<D, E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// A failed start. It returns the device as `R`, or as `U` if it did not stop.
pub enum StartError<R, U, E> {
    /// The device was brought back to the state from which it was started.
    RolledBack(TransitionError<R, E>),
    /// The device did not stop either: it must be reset, and keeps its memory until then.
    NotStopped(TransitionError<U, E>),
}

impl<R, U, E> StartError<R, U, E> {
    /// Returns the cause of the failure.
    #[must_use]
    pub fn error(&self) -> &E {
        match self {
            Self::RolledBack(failed) => &failed.error,
            Self::NotStopped(failed) => &failed.error,
        }
    }
}

impl<R, U, E: fmt::Debug> fmt::Debug for StartError<R, U, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RolledBack(failed) => write!(f, "RolledBack({failed:?})"),
            Self::NotStopped(failed) => write!(f, "NotStopped({failed:?})"),
        }
    }
}

impl<R, U, E: fmt::Display> fmt::Display for StartError<R, U, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error().fmt(f)
    }
}

impl<R, U, E: Error + 'static> Error for StartError<R, U, E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.error())
    }
}
