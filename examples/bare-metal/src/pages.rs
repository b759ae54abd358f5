//! Pages by number: which are in use, and by how many.

use alloc::boxed::Box;
use alloc::sync::Arc;

use spin::Mutex;

/// The size of a page in bytes.
pub const PAGE: usize = 4096;

/// A fixed number of pages. It knows how many users each has.
pub struct Pages {
    users: Mutex<Box<[u32]>>,
}

impl Pages {
    /// Makes `count` free pages.
    #[must_use]
    pub fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { users: Mutex::new((0..count).map(|_| 0).collect()) })
    }

    /// Takes `count` free pages in a row, if there are any.
    #[must_use]
    pub fn take(self: &Arc<Self>, count: usize) -> Option<Run> {
        let mut users = self.users.lock();
        let first = users.windows(count.max(1)).position(|pages| pages.iter().all(|users| *users == 0))?;
        users.get_mut(first..)?.iter_mut().take(count.max(1)).for_each(|users| *users = 1);
        Some(Run { pages: Arc::clone(self), first, count: count.max(1) })
    }

    /// Becomes another user of `count` pages from `first` on, if all of them are in use.
    #[must_use]
    pub fn share(self: &Arc<Self>, first: usize, count: usize) -> Option<Run> {
        let mut users = self.users.lock();
        let run = users.get_mut(first..first.checked_add(count)?)?;
        if run.iter().any(|users| matches!(*users, 0 | u32::MAX)) {
            return None;
        }
        run.iter_mut().for_each(|users| *users += 1);
        Some(Run { pages: Arc::clone(self), first, count })
    }

    /// Returns the number of free pages.
    #[must_use]
    pub fn free(&self) -> usize {
        self.users.lock().iter().filter(|users| **users == 0).count()
    }
}

/// A use of pages in a row, which ends when the value is dropped.
pub struct Run {
    pages: Arc<Pages>,
    /// The number of the first page.
    pub first: usize,
    /// The number of pages.
    pub count: usize,
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut users = self.pages.users.lock();
        users.iter_mut().skip(self.first).take(self.count).for_each(|users| *users -= 1);
    }
}
