//! Keeping a program's threads near its ports.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;

use ixgbe::linux::{Locality, PciAddress};

/// Confines this thread, and those that it makes from now on, to the CPUs that are near all of `ports`.
///
/// Changes nothing if there are none, or if this process may use none of them.
pub fn stay_near(ports: &[PciAddress]) -> Result<(), Box<dyn Error>> {
    let places = ports.iter().map(|port| Locality::of(*port)).collect::<Result<Vec<_>, _>>()?;
    let nodes: BTreeSet<_> = places.iter().filter_map(Locality::node).collect();
    if nodes.len() > 1 {
        eprintln!("note: the ports are on {} NUMA nodes, so packets between them cross nodes", nodes.len());
    }
    confine(|cpu| places.iter().all(|place| place.cpus().contains(&cpu)))
}

/// Confines this thread to the part of its CPUs that `is_near` selects, if there are any.
fn confine(is_near: impl Fn(u32) -> bool) -> Result<(), Box<dyn Error>> {
    let size = size_of::<libc::cpu_set_t>();
    // SAFETY: a set is an array of integers, for which 0 is a value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes at most `size` bytes, which the set has.
    if unsafe { libc::sched_getaffinity(0, size, &mut set) } != 0 {
        // The machine has more CPUs than a set.
        return Ok(());
    }
    for cpu in 0..libc::CPU_SETSIZE as usize {
        if !is_near(cpu as u32) {
            // SAFETY: the set has a bit for this CPU.
            unsafe { libc::CPU_CLR(cpu, &mut set) };
        }
    }
    // SAFETY: a count, and a call that reads `size` bytes, which the set has.
    if unsafe { libc::CPU_COUNT(&set) > 0 && libc::sched_setaffinity(0, size, &set) != 0 } {
        return Err(format!("cannot stay on the CPUs near the ports: {}", io::Error::last_os_error()).into());
    }
    Ok(())
}
