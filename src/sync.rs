//! The lock of the pools' free lists, the only one on the data path.
//!
//! With `--cfg loom` it is loom's, so that `tests/loom` can try every order in which threads take it.

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
