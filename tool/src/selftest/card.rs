//! The card under test: a PCI function, or a port of the model.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ixgbe::linux::Interrupts;

/// The number of vectors: one for each receive queue, and the link's.
pub const VECTORS: u32 = 17;

/// The world that a card is in, and its time.
pub trait World {
    /// Returns the time since some moment.
    fn now(&self) -> Duration;
    /// Lets some time pass.
    fn idle(&self);
    /// Lets `time` pass.
    fn wait(&self, time: Duration);
    /// Returns the time that the card gets when at most `limit` is right.
    fn patience(&self, limit: Duration) -> Duration;
    /// Returns the rules that the driver broke, if the card is a model, which knows them.
    fn violations(&self) -> Option<Vec<String>>;
}

/// The world of a card in this machine.
pub struct RealWorld(Instant);

impl RealWorld {
    /// Returns the world, whose time begins now.
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl World for RealWorld {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn idle(&self) {
        std::hint::spin_loop();
    }

    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn patience(&self, limit: Duration) -> Duration {
        limit
    }

    fn violations(&self) -> Option<Vec<String>> {
        None
    }
}

/// What a card has besides its platform.
pub struct Card {
    pub world: Box<dyn World>,
    pub interrupts: Source,
}

/// Where interrupts arrive.
pub enum Source {
    /// The counts of each vector.
    #[cfg_attr(not(feature = "model"), expect(dead_code, reason = "only the model counts"))]
    Counted(Arc<[AtomicU32]>),
    Vfio(Interrupts),
    /// Nowhere, for this reason.
    None(&'static str),
}

impl Card {
    pub fn new(world: Box<dyn World>, interrupts: Source) -> Self {
        Self { world, interrupts }
    }

    /// Calls `done` until it returns `true`, at most for `limit`. Returns `true` if it did.
    pub fn poll(&self, limit: Duration, mut done: impl FnMut() -> bool) -> bool {
        let (start, limit) = (self.world.now(), self.world.patience(limit));
        loop {
            if done() {
                return true;
            }
            if self.world.now().saturating_sub(start) > limit {
                return false;
            }
            self.world.idle();
        }
    }

    /// Returns `true` if `vector` was raised since the last call. Waits for it at most for `limit`.
    pub fn interrupt(&self, vector: usize, limit: Duration) -> Result<bool, Box<dyn Error>> {
        match &self.interrupts {
            Source::None(reason) => Err((*reason).into()),
            Source::Vfio(interrupts) => Ok(interrupts.wait(vector, limit)?),
            Source::Counted(vectors) => {
                let count = vectors.get(vector).ok_or("there is no such vector")?;
                Ok(self.poll(limit, || count.swap(0, Ordering::Relaxed) > 0))
            }
        }
    }
}
