//! The place of a PCI function in the machine: its NUMA node, and the CPUs near it.

use std::path::Path;
use std::string::String;
use std::vec::Vec;

use crate::linux::host::{self, Host};
use crate::linux::{Errno, Error, NumaNode, PciAddress};

/// The number from which on a CPU cannot exist: eight times the largest number that Linux can be built for.
const NO_CPU: u32 = 1 << 16;

/// The place of a PCI function in the machine, as the firmware describes it to the kernel.
///
/// The library pins no thread. A program that drives a device's queues does so from CPUs near the device:
///
/// ```no_run
/// use ixgbe::linux::Locality;
///
/// # fn main() -> Result<(), ixgbe::linux::Error> {
/// let locality = Locality::of("0000:03:00.0".parse().unwrap())?;
/// for cpu in locality.cpus() {
///     println!("CPU {cpu} is near");   // pin a thread to it, by sched_setaffinity or a crate
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locality {
    node: Option<NumaNode>,
    cpus: Vec<u32>,
}

impl Locality {
    /// Returns the place of the PCI function at `address`, without opening it. It may be any device.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchFunction`] if there is none, and [`Error::UnexpectedContents`] or [`Error::System`] if a file of
    /// the kernel has no node or no list of CPUs.
    pub fn of(address: PciAddress) -> Result<Self, Error> {
        Self::on(&Host::default(), address)
    }

    pub(crate) fn on(host: &Host, address: PciAddress) -> Result<Self, Error> {
        let directory = host.function(address);
        if !directory.exists() {
            return Err(Error::NoSuchFunction { address });
        }
        Self::read(&directory)
    }

    /// Reads the place of the PCI function whose directory is `directory`. Kernels may lack either file.
    pub(crate) fn read(directory: &Path) -> Result<Self, Error> {
        let (node, cpus) = (directory.join("numa_node"), directory.join("local_cpulist"));
        Ok(Self {
            node: parse_file(&node, "the number of a NUMA node, or -1", parse_node)?.flatten(),
            cpus: parse_file(&cpus, "a list of CPUs, as 0-3,8", parse_cpus)?.unwrap_or_default(),
        })
    }

    /// Returns the NUMA node nearest to the function, or `None` if the firmware names none.
    #[must_use]
    pub fn node(&self) -> Option<NumaNode> {
        self.node
    }

    /// Returns the numbers of the CPUs nearest to the function, in ascending order.
    ///
    /// These are the CPUs of its node; without a node, all that are online. There are none if the node has only memory.
    /// The process may not be allowed to use all of them.
    #[must_use]
    pub fn cpus(&self) -> &[u32] {
        &self.cpus
    }
}

/// Returns `true` if the machine has several NUMA nodes.
pub(crate) fn has_several_nodes(host: &Host) -> bool {
    let is_node = |name: &String| name.strip_prefix("node").is_some_and(|number| number.parse::<u32>().is_ok());
    let names = host::list(&host.sysfs.join("devices/system/node")).unwrap_or_default();
    names.iter().filter(|name| is_node(name)).count() > 1
}

/// Returns what `parse` makes of the text of a file, or `None` if there is no file.
fn parse_file<T>(path: &Path, expected: &'static str, parse: fn(&str) -> Option<T>) -> Result<Option<T>, Error> {
    match host::read(path) {
        Ok(text) => parse(&text).map(Some).ok_or_else(|| host::malformed(path, expected, &text)),
        Err(Error::System { errno: Errno(libc::ENOENT), .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Parses the file `numa_node`, which has -1 if the firmware names no node.
fn parse_node(text: &str) -> Option<Option<NumaNode>> {
    match text {
        "-1" => Some(None),
        _ => text.parse().ok().map(|number| Some(NumaNode(number))),
    }
}

/// Parses ascending numbers and ranges, separated by commas. A node without CPUs has an empty list.
fn parse_cpus(text: &str) -> Option<Vec<u32>> {
    let mut cpus: Vec<u32> = Vec::new();
    for range in text.split(',').filter(|_| !text.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= NO_CPU || cpus.last().is_some_and(|before| *before >= first) {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::tests::Tree;

    impl Tree {
        fn locality(&self) -> Result<Locality, Error> {
            Locality::on(&self.host, self.address)
        }
    }

    #[test]
    fn the_kernel_names_the_node_and_its_cpus() {
        let tree = Tree::new();
        let locality = tree.put("numa_node", "1\n").put("local_cpulist", "4-6,12\n").locality().unwrap();
        assert_eq!((locality.node(), locality.cpus()), (Some(NumaNode(1)), &[4, 5, 6, 12][..]));
        assert_eq!(locality.node().unwrap().to_string(), "NUMA node 1");
        let memory_alone = tree.put("local_cpulist", "\n").locality().unwrap();
        assert_eq!((memory_alone.node(), memory_alone.cpus()), (Some(NumaNode(1)), &[][..]));
    }

    #[test]
    fn firmware_that_names_no_node_leaves_it_open() {
        let tree = Tree::new();
        let locality = tree.put("numa_node", "-1\n").put("local_cpulist", "0-1\n").locality().unwrap();
        assert_eq!((locality.node(), locality.cpus()), (None, &[0, 1][..]));
        tree.remove("numa_node").remove("local_cpulist");
        assert_eq!(tree.locality(), Ok(Locality::default()), "a kernel without NUMA");
        let nowhere = "0000:04:00.0".parse().unwrap();
        assert_eq!(Locality::on(&tree.host, nowhere), Err(Error::NoSuchFunction { address: nowhere }));
    }

    #[test]
    fn absurd_files_are_errors() {
        let tree = Tree::new();
        let said = |file: &str, text: &str| match tree.put(file, text).locality() {
            Err(Error::UnexpectedContents { path, .. }) => assert!(path.ends_with(file), "{}", path.display()),
            other => panic!("{file} {text:?}: {other:?}"),
        };
        for text in ["", "-2", "1.5", "node1", "4294967296"] {
            said("numa_node", text);
        }
        tree.put("numa_node", "0");
        // One of them would be a list of 4 billion CPUs.
        for text in [",", "1,", "3-1", "1-2-3", "a", "2,1", "0-4,4", "0-4294967295", "65536", "0-3,"] {
            said("local_cpulist", text);
        }
        tree.remove("local_cpulist").put("local_cpulist/x", "");
        assert!(
            matches!(tree.locality(), Err(Error::System { doing: "read", .. })),
            "a directory is not an absent file"
        );
    }

    #[test]
    fn a_machine_has_as_many_nodes_as_sysfs_shows() {
        let tree = Tree::new();
        assert!(!has_several_nodes(&tree.host), "no directory at all");
        for (directory, several) in [("node0", false), ("possible", false), ("nodes", false), ("node3", true)] {
            std::fs::create_dir_all(tree.host.sysfs.join("devices/system/node").join(directory)).unwrap();
            assert_eq!(has_several_nodes(&tree.host), several, "{directory}");
        }
    }
}
