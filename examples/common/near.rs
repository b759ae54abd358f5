//! Keeping a program's threads near its ports.

use std::collections::BTreeSet;
use std::error::Error;

use ixgbe::linux::{Locality, PciAddress};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Confines this thread, and those that it makes from now on, to the CPUs that are near all of `ports`.
///
/// Changes nothing if there are none, or if this process may use none of them.
pub fn stay_near(ports: &[PciAddress]) -> Result<(), Box<dyn Error>> {
    let places = ports.iter().map(|port| Locality::of(*port)).collect::<Result<Vec<_>, _>>()?;
    let nodes: BTreeSet<_> = places.iter().filter_map(Locality::node).collect();
    if nodes.len() > 1 {
        eprintln!("note: the ports are on {} NUMA nodes, so packets between them cross nodes", nodes.len());
    }
    let near: Vec<_> =
        cpus().into_iter().filter(|cpu| places.iter().all(|place| place.cpus().contains(&(*cpu as u32)))).collect();
    if near.is_empty() { Ok(()) } else { run_on(&near) }
}

/// Returns the CPUs that this thread may use, or none if the machine has more than the kernel tells here.
pub fn cpus() -> Vec<usize> {
    let set = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
    (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu) == Ok(true)).collect()
}

/// Confines this thread, and those that it makes from now on, to `cpus`.
pub fn run_on(cpus: &[usize]) -> Result<(), Box<dyn Error>> {
    let mut set = CpuSet::new();
    cpus.iter().try_for_each(|cpu| set.set(*cpu))?;
    sched_setaffinity(Pid::from_raw(0), &set)
        .map_err(|error| format!("cannot run on CPUs {cpus:?} alone: {error}").into())
}

/// Pins this thread, which is number `number` of those that drive queues, to one of `cpus`, if there are any.
pub fn pin(cpus: &[usize], number: usize) {
    if let Some(cpu) = cpus.get(number % cpus.len().max(1))
        && let Err(error) = run_on(&[*cpu])
    {
        eprintln!("note: {error}");
    }
}
