//! The card under test: a PCI function, or a port of the model.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ixgbe::linux::Interrupts;
use ixgbe_sim::Port;

/// The number of vectors: one for each receive queue, and the link's.
pub const VECTORS: u32 = 17;

/// The time limit of everything that a port of the model does at once.
const MODEL_PATIENCE: Duration = Duration::from_millis(2);

/// What a card has besides its platform.
pub struct Card {
    /// The port, if the card is a model.
    pub model: Option<Port>,
    pub interrupts: Source,
    start: Instant,
}

/// Where interrupts arrive.
pub enum Source {
    /// The counts of the model's vectors.
    Model(Arc<[AtomicU32]>),
    Vfio(Interrupts),
    /// Nowhere, for this reason.
    None(&'static str),
}

impl Card {
    /// Returns a card that is a port of the model.
    pub fn of_model(port: &Port) -> Self {
        let vectors: Arc<[AtomicU32]> = (0..64).map(|_| AtomicU32::new(0)).collect();
        let counts = Arc::clone(&vectors);
        port.on_interrupt(move |vector| {
            if let Some(count) = counts.get(usize::from(vector)) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self::new(Some(port.clone()), Source::Model(vectors))
    }

    pub fn new(model: Option<Port>, interrupts: Source) -> Self {
        Self { model, interrupts, start: Instant::now() }
    }

    /// Returns the time: the model's, if the card is a model.
    pub fn now(&self) -> Duration {
        self.model.as_ref().map_or_else(|| self.start.elapsed(), Port::now)
    }

    /// Lets some time pass. The model does not move by itself.
    pub fn idle(&self) {
        match &self.model {
            Some(port) => _ = port.step(),
            None => std::hint::spin_loop(),
        }
    }

    /// Lets `time` pass.
    pub fn wait(&self, time: Duration) {
        match &self.model {
            Some(port) => port.wait(time),
            None => std::thread::sleep(time),
        }
    }

    /// Returns the time that the card gets when at most `limit` is right: the model is never late by much.
    pub fn patience(&self, limit: Duration) -> Duration {
        if self.model.is_some() { limit.min(MODEL_PATIENCE) } else { limit }
    }

    /// Calls `done` until it returns `true`, at most for `limit`. Returns `true` if it did.
    pub fn poll(&self, limit: Duration, mut done: impl FnMut() -> bool) -> bool {
        let (start, limit) = (self.now(), self.patience(limit));
        loop {
            if done() {
                return true;
            }
            if self.now().saturating_sub(start) > limit {
                return false;
            }
            self.idle();
        }
    }

    /// Returns `true` if `vector` was raised since the last call. Waits for it at most for `limit`.
    pub fn interrupt(&self, vector: usize, limit: Duration) -> Result<bool, Box<dyn Error>> {
        match &self.interrupts {
            Source::None(reason) => Err((*reason).into()),
            Source::Vfio(interrupts) => Ok(interrupts.wait(vector, limit)?),
            Source::Model(vectors) => {
                let count = vectors.get(vector).ok_or("there is no such vector")?;
                Ok(self.poll(limit, || count.swap(0, Ordering::Relaxed) > 0))
            }
        }
    }
}
