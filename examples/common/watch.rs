//! Keeping an eye on a device that runs.

use std::error::Error;
use std::time::{Duration, Instant};

use ixgbe::port::{Control, LinkStatus};

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(1);

/// What the link was at the last look, and when that was.
pub struct Watch {
    name: String,
    link: LinkStatus,
    looked: Instant,
}

impl Watch {
    /// Tells what the link of the device is, which is called `name`.
    pub fn new(name: impl Into<String>, control: &mut impl Control) -> Self {
        let watch = Self { name: name.into(), link: control.link(), looked: Instant::now() };
        eprintln!("{}: link {}", watch.name, watch.link);
        watch
    }

    /// Checks the link from time to time and prints changes. A removed device is an error: nothing else would report it.
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
