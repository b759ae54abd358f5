//! Test fixtures: artificial trees of the kernel's files, and huge pages if the system has some.

pub(crate) mod edu;

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use crate::dma::Memory;
use crate::linux::host::Host;
use crate::linux::memory::lock;
use crate::linux::{Errno, NumaNode, PciAddress};

/// A `/sys`, a `/proc` and a `/dev` with one PCI function.
pub(crate) struct Tree {
    folder: tempfile::TempDir,
    pub(crate) host: Host,
    pub(crate) address: PciAddress,
}

pub(crate) const MEMORY_64: &str = "0x00000000f0000000 0x00000000f001ffff 0x0000000000140204";

impl Tree {
    /// Makes the tree of a valid function that is bound to ixgbe and has an idle interface.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let host = Host { sysfs: at("sys"), proc: at("proc"), dev: at("dev"), address_of: |_| None };
        let tree = Self { address: "0000:03:00.0".parse().unwrap(), host, folder };
        tree.put("vendor", "0x8086\n").put("device", "0x10fb\n").put("numa_node", "-1\n");
        tree.put("resource", &format!("{MEMORY_64}\n0x0 0x0 0x0\n"));
        fs::write(tree.path("resource0"), vec![0; 128 * 1024]).unwrap();
        let mut config = vec![0; 256];
        config[..8].copy_from_slice(&[0x86, 0x80, 0xfb, 0x10, 0x00, 0x00, 0x10, 0x00]);
        fs::write(tree.path("config"), config).unwrap();
        tree.put("reset", "").put("enable", "0");
        tree.bind("ixgbe");
        tree.put("net/eth7/flags", "0x1003\n");
        fs::create_dir_all(tree.host.proc.join("net")).unwrap();
        symlink("/proc/self", tree.host.proc.join("self")).unwrap();
        fs::write(tree.host.proc.join("net/route"), "Iface\tDestination\n").unwrap();
        fs::create_dir_all(tree.host.dev.join("vfio")).unwrap();
        tree
    }

    /// Returns the path of a file or directory of the function.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.host.function(self.address).join(name)
    }

    /// Writes a file of the function.
    pub(crate) fn put(&self, name: &str, text: &str) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn get(&self, path: impl AsRef<Path>) -> String {
        fs::read_to_string(self.folder.path().join(path)).unwrap()
    }

    pub(crate) fn remove(&self, name: &str) -> &Self {
        let path = self.path(name);
        if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        self
    }

    /// Binds the function to a driver.
    pub(crate) fn bind(&self, driver: &str) -> &Self {
        let folder = self.host.driver(driver);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("unbind"), "").unwrap();
        fs::write(folder.join("bind"), "").unwrap();
        let link = self.path("driver");
        let _ = fs::remove_file(&link);
        symlink(folder, link).unwrap();
        self
    }

    /// Puts the function into an IOMMU group, with others: their addresses and drivers.
    pub(crate) fn group(&self, number: u32, others: &[(&str, &str)]) -> &Self {
        let group = self.host.sysfs.join(format!("kernel/iommu_groups/{number}"));
        for (other, driver) in others {
            let folder = group.join("devices").join(other);
            fs::create_dir_all(&folder).unwrap();
            symlink(self.host.driver(driver), folder.join("driver")).unwrap();
        }
        fs::create_dir_all(&group).unwrap();
        symlink(group, self.path("iommu_group")).unwrap();
        self
    }
}

/// From the kernel's `mempolicy.h`: a question about an address, not about the thread.
pub(crate) const MPOL_F_ADDR: libc::c_ulong = 2;

/// Returns the node of the page at the start of `memory`, after touching it.
pub(crate) fn node_of(memory: &Memory) -> NumaNode {
    // From the kernel's `mempolicy.h`: the node of an address instead of its policy.
    const MPOL_F_NODE: libc::c_ulong = 1;
    let mut node: libc::c_int = -1;
    // SAFETY: the memory is this test's; the kernel writes a number, and looks up the address.
    let result = unsafe {
        memory.base().write_volatile(1);
        let (node, none) = (&raw mut node, core::ptr::null_mut::<u64>());
        let flags = MPOL_F_NODE | MPOL_F_ADDR;
        libc::syscall(libc::SYS_get_mempolicy, node, none, 0 as libc::c_ulong, memory.base().as_ptr(), flags)
    };
    assert_eq!(result, 0, "{}", Errno::last());
    NumaNode(node as u32)
}

/// Huge pages of 2 MiB, reserved for a test and released after it.
pub(crate) struct HugePages {
    added: u64,
    _alone: MutexGuard<'static, ()>,
}

const FOLDER: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB";

fn count(file: &str) -> u64 {
    fs::read_to_string(format!("{FOLDER}/{file}")).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

impl HugePages {
    /// Reserves `wanted` huge pages, or prints on the terminal that the test is skipped.
    pub(crate) fn get(wanted: u64, test: &str) -> Option<Self> {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = lock(&ALONE);
        let free = count("free_hugepages").saturating_sub(count("resv_hugepages"));
        let total = count("nr_hugepages");
        let added = wanted.saturating_sub(free);
        let pages = Self { added, _alone: alone };
        if added > 0 {
            let _ = fs::write(format!("{FOLDER}/nr_hugepages"), format!("{}", total + added));
        }
        // SAFETY: a query without side effects.
        let root = unsafe { libc::geteuid() } == 0;
        if count("free_hugepages") < wanted || !root {
            // Past the capture of libtest: a skipped test must be visible.
            let _ = writeln!(std::io::stderr(), "SKIPPED: {test} needs root and {wanted} huge pages");
            return None;
        }
        Some(pages)
    }

    pub(crate) fn free() -> u64 {
        count("free_hugepages").saturating_sub(count("resv_hugepages"))
    }
}

impl Drop for HugePages {
    fn drop(&mut self) {
        if self.added > 0 {
            let rest = count("nr_hugepages").saturating_sub(self.added);
            let _ = fs::write(format!("{FOLDER}/nr_hugepages"), format!("{rest}"));
        }
    }
}
