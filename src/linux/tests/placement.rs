use super::*;
use crate::dma::Memory;
use crate::linux::ids::Kind;
use crate::linux::memory::{Allocator, PageSize};
use crate::linux::tests::{HugePages, MPOL_F_ADDR, Tree, node_of};
use std::fs;
use std::io::Write;

/// Returns the kernel's policy for memory: the mode, and the first 64 nodes.
fn policy_of(memory: &Memory) -> (libc::c_int, u64) {
    let (mut mode, mut mask) = (-1, [0u64; 16]);
    // SAFETY: the kernel writes a number and 1024 bits, as the one argument allows, and looks up the address.
    let result = unsafe {
        let (mode, mask) = (&raw mut mode, mask.as_mut_ptr());
        let bits: libc::c_ulong = 1024;
        libc::syscall(libc::SYS_get_mempolicy, mode, mask, bits, memory.base().as_ptr(), MPOL_F_ADDR)
    };
    assert_eq!(result, 0, "{}", Errno::last());
    (mode, mask[0])
}

fn allocate(page_size: PageSize, policy: Option<Policy>) -> Result<Memory, Error> {
    Allocator::new(page_size, policy, 4096).allocate(1 << 20)
}

const THIS: NumaNode = NumaNode(0);
/// Two nodes that this machine lacks: the second is beyond every machine.
const ABSENT: [NumaNode; 2] = [NumaNode(1023), NumaNode(100_000)];

/// Checks that policies on memory of this page size reach the kernel, and what happens where it refuses.
fn check(page_size: PageSize) {
    let mode = |policy| policy_of(&allocate(page_size, policy).unwrap());
    assert_eq!(mode(None), (libc::MPOL_DEFAULT, 0));
    assert_eq!(mode(Some(Policy::Prefer(THIS))), (libc::MPOL_PREFERRED, 1));
    assert_eq!(mode(Some(Policy::Require(THIS))), (libc::MPOL_BIND, 1));
    for node in ABSENT {
        assert_eq!(mode(Some(Policy::Prefer(node))), (libc::MPOL_DEFAULT, 0), "a preference never fails");
        let refused = allocate(page_size, Some(Policy::Require(node))).unwrap_err();
        assert_eq!(refused, Error::NodeRefused { node, errno: Errno(libc::EINVAL) });
        assert!(refused.to_string().contains(&format!("NUMA node {}", node.0)), "{refused}");
    }
}

#[test]
fn base_pages_have_the_policy() {
    check(PageSize::Base);
}

#[test]
fn huge_pages_have_the_policy() {
    let Some(_pages) = HugePages::get(2, "the memory policy of huge pages") else { return };
    check(PageSize::Huge2MiB);
}

#[test]
fn a_required_node_without_huge_pages_is_named() {
    let Some(_pages) = HugePages::get(0, "running out of a node's huge pages") else { return };
    if HugePages::free() > 0 {
        return;
    }
    let error = |policy| allocate(PageSize::Huge2MiB, Some(policy)).unwrap_err();
    let required = error(Policy::Require(THIS));
    assert!(matches!(required, Error::NoHugePages { node: Some(THIS), .. }), "{required}");
    let remedy = "`echo 64 > /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages`";
    assert!(required.to_string().contains(remedy), "{required}");
    assert!(matches!(error(Policy::Prefer(THIS)), Error::NoHugePages { node: None, .. }));
}

#[test]
fn memory_comes_from_the_node_that_was_asked_for() {
    const TEST: &str = "memory of the second of two NUMA nodes";
    let Some(_pages) = HugePages::get(0, TEST) else { return };
    if !locality::has_several_nodes(&crate::linux::host::Host::default()) {
        // Past the capture of libtest: a skipped test must be visible.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {TEST} needs two");
        return;
    }
    let file = |node: usize| format!("/sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/nr_hugepages");
    let reserve = |counts: [&str; 2]| {
        for (node, count) in counts.iter().enumerate() {
            fs::write(file(node), count).unwrap();
        }
    };
    let before = [0, 1].map(|node| fs::read_to_string(file(node)).unwrap());
    let (policies, huge) = ([Policy::Prefer, Policy::Require], PageSize::Huge2MiB);
    reserve(["4", "4"]);
    for node in [NumaNode(0), NumaNode(1)] {
        for page_size in [huge, PageSize::Base] {
            for policy in policies {
                assert_eq!(node_of(&allocate(page_size, Some(policy(node))).unwrap()), node, "{page_size:?}");
            }
        }
    }
    // Without free pages on the node, a preference is met elsewhere, and a requirement is not.
    reserve(["4", "0"]);
    let [prefer, require] = policies.map(|policy| allocate(huge, Some(policy(NumaNode(1)))));
    assert_eq!(node_of(&prefer.unwrap()), NumaNode(0));
    let errno = Errno(libc::ENOMEM);
    assert_eq!(require.unwrap_err(), Error::NoHugePages { size: 2 << 20, count: 1, node: Some(NumaNode(1)), errno });
    reserve([&before[0], &before[1]]);
}

#[test]
fn memory_is_near_the_device_where_there_is_a_choice() {
    let tree = Tree::new();
    let policy = |placement: Placement| {
        let function = Function::find(&tree.host, tree.address, Kind::Physical).unwrap();
        placement.policy(&function, &function.locality())
    };
    tree.put("numa_node", "1");
    assert_eq!(policy(Placement::default()), None, "no second node");
    for node in ["node0", "node1"] {
        fs::create_dir_all(tree.host.sysfs.join("devices/system/node").join(node)).unwrap();
    }
    assert_eq!(policy(Placement::default()), Some(Policy::Prefer(NumaNode(1))));
    assert_eq!(policy(Placement::Inherited), None);
    assert_eq!(policy(Placement::Prefer(THIS)), Some(Policy::Prefer(THIS)));
    assert_eq!(policy(Placement::Require(THIS)), Some(Policy::Require(THIS)));
    for unknown in ["-1", "nonsense"] {
        tree.put("numa_node", unknown);
        assert_eq!(policy(Placement::NearDevice), None, "{unknown}");
    }
}

#[test]
fn a_platform_places_its_memory() {
    let Some(_pages) = HugePages::get(4, "placing the memory of a platform") else { return };
    use crate::dma::Dma;
    use crate::linux::SysfsOptions;
    let tree = Tree::new();
    tree.put("numa_node", "0").put("local_cpulist", "0-3");
    for node in ["node0", "node1"] {
        fs::create_dir_all(tree.host.sysfs.join("devices/system/node").join(node)).unwrap();
    }
    let open = |placement| SysfsOptions::on(&tree.host).placement(placement).open(tree.address);
    for (placement, mode) in [
        (Placement::NearDevice, libc::MPOL_PREFERRED),
        (Placement::Require(THIS), libc::MPOL_BIND),
        (Placement::Inherited, libc::MPOL_DEFAULT),
    ] {
        let platform = open(placement).unwrap();
        assert_eq!(policy_of(&platform.allocate(8192).unwrap()).0, mode, "{placement:?}");
        assert_eq!((platform.locality().node(), platform.locality().cpus()), (Some(THIS), &[0, 1, 2, 3][..]));
    }
    fs::write(tree.host.driver("ixgbe").join("unbind"), "").unwrap();
    let refused = open(Placement::Require(ABSENT[0])).unwrap_err();
    assert!(matches!(refused, Error::NodeRefused { .. }), "{refused}");
    assert_eq!(tree.get("sys/bus/pci/drivers/ixgbe/unbind"), "", "nothing was unbound");
    // Firmware that names an absent node must not keep the device from opening.
    let platform = tree.put("numa_node", "1023").host.clone();
    let platform = SysfsOptions::on(&platform).open(tree.address).unwrap();
    assert_eq!(policy_of(&platform.allocate(8192).unwrap()).0, libc::MPOL_DEFAULT);
}
