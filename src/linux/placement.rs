//! The NUMA nodes from which memory comes: what the program chooses, and what the kernel is asked for.

use crate::linux::bar::FileMapping;
use crate::linux::function::Function;
use crate::linux::locality::{self, Locality};
use crate::linux::{Errno, Error, NumaNode};

/// The NUMA nodes from which a platform's memory comes: its rings and its buffer pools.
///
/// Preferences never fail an allocation: memory of another node is slower, and correct. If the kernel refuses a
/// preference, as in a container without the right to call `mbind`, a warning is logged and
/// [`Inherited`](Self::Inherited) applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Placement {
    /// Memory of the device's node, and of other nodes once it has no free page.
    ///
    /// As [`Inherited`](Self::Inherited) if the machine has one node, or if its firmware names none for the device.
    #[default]
    NearDevice,
    /// The policy of the thread that allocates, which `numactl` sets. Without one, memory near the CPU it runs on.
    Inherited,
    /// Memory of this node, and of other nodes once it has no free page.
    Prefer(NumaNode),
    /// Memory of this node alone.
    ///
    /// Allocation fails if the node has too few free huge pages, or if the kernel refuses the request. Huge pages need
    /// Linux 5.14. If [`Vfio`](crate::linux::Vfio) falls back to base pages, the kernel may end processes to free some
    /// on the node.
    Require(NumaNode),
}

impl Placement {
    /// Returns the policy for memory of `function`, whose place is `locality`; `None` is the thread's own policy.
    pub(crate) fn policy(self, function: &Function, locality: &Locality) -> Option<Policy> {
        match self {
            Self::NearDevice if locality::has_several_nodes(&function.host) => locality.node().map(Policy::Prefer),
            Self::NearDevice | Self::Inherited => None,
            Self::Prefer(node) => Some(Policy::Prefer(node)),
            Self::Require(node) => Some(Policy::Require(node)),
        }
    }
}

/// A policy for the pages of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    Prefer(NumaNode),
    Require(NumaNode),
}

impl Policy {
    /// Returns the node without which there is no memory.
    pub(crate) fn required(self) -> Option<NumaNode> {
        match self {
            Self::Prefer(_) => None,
            Self::Require(node) => Some(node),
        }
    }

    /// Applies the policy to pages of `mapping` that nothing has touched yet. Only a requirement can fail.
    pub(crate) fn apply(self, mapping: &FileMapping) -> Result<(), Error> {
        match self {
            Self::Prefer(node) => {
                if let Err(errno) = bind(mapping, libc::MPOL_PREFERRED, node) {
                    log::warn!("cannot prefer memory of {node}: {errno}; memory may come from any node");
                }
                Ok(())
            }
            Self::Require(node) => {
                bind(mapping, libc::MPOL_BIND, node).map_err(|errno| Error::NodeRefused { node, errno })
            }
        }
    }
}

/// Sets the memory policy of a mapping: `mode`, with `node` as the only node.
fn bind(mapping: &FileMapping, mode: libc::c_int, node: NumaNode) -> Result<(), Errno> {
    const WORD: u32 = libc::c_ulong::BITS;
    /// As many nodes as Linux can be built for.
    const NODES: u32 = 1024;
    let mut mask = [0 as libc::c_ulong; (NODES / WORD) as usize];
    let word = mask.get_mut((node.0 / WORD) as usize).ok_or(Errno(libc::EINVAL))?;
    *word |= 1 << (node.0 % WORD);
    // The kernel reads one bit less than this argument says.
    let bits = libc::c_ulong::from(NODES) + 1;
    // SAFETY: the only pointer that the kernel follows is the mask's. It reads NODES bits there, which are the array, and
    // the array outlives the call. The range is the mapping's, which is borrowed and so stays mapped. Without flags, the
    // call moves no page and changes no contents: it only decides where absent pages will come from.
    let result = unsafe {
        let (base, len) = (mapping.base().as_ptr(), mapping.len());
        libc::syscall(libc::SYS_mbind, base, len, libc::c_long::from(mode), mask.as_ptr(), bits, 0 as libc::c_long)
    };
    if result == 0 { Ok(()) } else { Err(Errno::last()) }
}

#[cfg(test)]
#[path = "tests/placement.rs"]
mod tests;
