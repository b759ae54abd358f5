//! Numbers of NUMA nodes.

use core::fmt;

/// A NUMA node: memory and CPUs that are near each other. The number is the one in `/sys/devices/system/node`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumaNode(pub u32);

impl fmt::Display for NumaNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NUMA node {}", self.0)
    }
}
