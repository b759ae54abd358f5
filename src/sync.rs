//! What threads synchronise by: the lock of the pools' free lists, and the state of a ring that is lent.
//!
//! With `--cfg loom` both are loom's, so that `tests/loom` can try every order in which threads use them.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::AtomicU8;
#[cfg(loom)]
pub(crate) use loom::sync::atomic::AtomicU8;
#[cfg(not(loom))]
pub(crate) use spin::Mutex;

#[cfg(loom)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

#[cfg(loom)]
impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        // What a panic left behind is whole, as it is with a lock that does not notice one.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Bytes of padding that keep data of two threads on different cache lines. Two lines, because x86-64 fetches pairs.
pub(crate) const LINE: usize = 128;
