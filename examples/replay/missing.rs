//! The packets of a file that are not sent, and why.

use std::error::Error;
use std::path::Path;

use ixgbe_sim::capture::{Interface, LeftOut};

/// The number of interfaces that an error names.
const NAMED: usize = 16;

/// The packets that were not sent.
#[derive(Debug, Default)]
pub struct Missing {
    left_out: [u64; LeftOut::ALL.len()],
    other_interface: u64,
    /// The first ones of the other interfaces.
    interfaces: Vec<String>,
}

impl Missing {
    /// Counts a packet that no wire carries, or not this one.
    pub fn leave_out(&mut self, why: LeftOut) {
        self.left_out[why as usize] += 1;
    }

    /// Counts a packet of an interface that is not wanted.
    pub fn skip(&mut self, interface: &Interface) {
        self.other_interface += 1;
        if self.interfaces.len() < NAMED {
            let name = match interface.name() {
                "" => interface.number().to_string(),
                name => format!("{} ({name:?})", interface.number()),
            };
            if !self.interfaces.contains(&name) {
                self.interfaces.push(name);
            }
        }
    }

    /// Returns the number of packets of interfaces that are not wanted.
    pub fn of_other_interfaces(&self) -> u64 {
        self.other_interface
    }

    /// Fails if an interface was `wanted` in `file`, and all of its packets are of others.
    pub fn explain(&self, wanted: Option<&str>, file: &Path) -> Result<(), Box<dyn Error>> {
        let Some(wanted) = wanted else { return Ok(()) };
        let there = match &self.interfaces[..] {
            [] => "it has no packets".into(),
            all if all.len() < NAMED => format!("it has packets of {}", all.join(", ")),
            all => format!("it has packets of {} and perhaps others", all.join(", ")),
        };
        Err(format!("no packet of {} is of interface {wanted:?}: {there}", file.display()).into())
    }

    /// Fails if packets should have been sent and were not.
    pub fn check(&self) -> Result<(), Box<dyn Error>> {
        let counted = LeftOut::ALL.iter().zip(self.left_out).filter(|(_, count)| *count > 0);
        let counted: Vec<_> = counted.map(|(why, count)| format!("{count} {why}")).collect();
        if counted.is_empty() { Ok(()) } else { Err(format!("left out: {}", counted.join(", ")).into()) }
    }
}
