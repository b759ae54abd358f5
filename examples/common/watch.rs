//! Observation of a running device: its link, and whether it is still there.

use std::error::Error;
use std::time::{Duration, Instant};

use ixgbe::port::{Control, LinkStatus};

/// The time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// The state of the link at the last look, and the time of that look.
pub struct Watch {
    name: String,
    link: LinkStatus,
    looked: Instant,
}

impl Watch {
    /// Prints the link of the device, under the name `name`.
    pub fn new(name: impl Into<String>, control: &mut impl Control) -> Self {
        let watch = Self { name: name.into(), link: control.link(), looked: Instant::now() };
        eprintln!("{}: link {}", watch.name, watch.link);
        watch
    }

    /// Checks the link from time to time and prints changes. A removed device is an error: nothing else would report
    /// it.
    pub fn look(&mut self, control: &mut impl Control) -> Result<(), Box<dyn Error>> {
        if self.looked.elapsed() < INTERVAL {
            return Ok(());
        }
        self.looked = Instant::now();
        control.counters()?;
        let link = control.link();
        if link != self.link {
            self.link = link;
            eprintln!("{}: link {link}", self.name);
        }
        Ok(())
    }
}
