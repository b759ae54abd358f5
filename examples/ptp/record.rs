//! The offsets from the master.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The offsets from the master that a port measures.
pub type Offsets = Rc<RefCell<Record>>;

/// Number of offsets that are kept.
const RECENT: usize = 64;
/// Time after which a master that sends nothing is gone.
const SILENCE: Duration = Duration::from_secs(5);

/// The latest offsets from the master in nanoseconds, and since when all of them are within a limit.
#[derive(Debug)]
pub struct Record {
    limit: u64,
    recent: VecDeque<i64>,
    since: Option<Instant>,
    latest: Option<Instant>,
}

impl Record {
    /// Makes a record of no offsets. The limit is in nanoseconds, either way.
    pub fn new(limit: u64) -> Offsets {
        Rc::new(RefCell::new(Self { limit, recent: VecDeque::new(), since: None, latest: None }))
    }

    /// Adds an offset, in nanoseconds.
    pub fn add(&mut self, offset: i64) {
        if offset.unsigned_abs() > self.limit {
            self.since = None;
        } else if self.since.is_none() {
            (self.since, self.recent) = (Some(Instant::now()), VecDeque::new());
        }
        self.recent.truncate(RECENT - 1);
        self.recent.push_front(offset);
        self.latest = Some(Instant::now());
    }

    fn is_fresh(&self) -> bool {
        self.latest.is_some_and(|latest| latest.elapsed() < SILENCE)
    }

    /// Returns the moment since which all offsets were within the limit, unless the master is gone.
    pub fn settled(&self) -> Option<Instant> {
        self.since.filter(|_| self.is_fresh())
    }

    /// Returns the extremes of the latest offsets, unless the master is gone.
    pub fn extremes(&self) -> Option<(i64, i64)> {
        let extremes = self.recent.iter().min().zip(self.recent.iter().max());
        extremes.filter(|_| self.is_fresh()).map(|(low, high)| (*low, *high))
    }
}
