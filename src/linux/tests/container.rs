use super::*;
use crate::linux::ids::Kind;
use crate::linux::tests::Tree;

/// Returns the error of opening the function of `tree`. Its container is a plain file, so no request works.
fn said(tree: &Tree) -> Error {
    let path = tree.host.dev.join("vfio/vfio");
    std::fs::write(&path, "").unwrap();
    let shared = Shared {
        groups: Mutex::default(),
        in_use: Mutex::default(),
        iommu: Mutex::default(),
        mapped: Mutex::default(),
        file: open(&path).unwrap(),
        domain: Domain(1),
        host: tree.host.clone(),
    };
    Container { shared: Arc::new(shared) }.open(tree.address).unwrap_err()
}

#[test]
fn a_kernel_without_vfio_is_an_error() {
    let tree = Tree::new();
    let error = Container::on(tree.host.clone()).unwrap_err();
    assert!(error.to_string().contains("modprobe vfio-pci"), "{error}");
    // A file that exists but is no VFIO.
    std::fs::write(tree.host.dev.join("vfio/vfio"), "").unwrap();
    assert!(matches!(Container::on(tree.host.clone()), Err(Error::NoVfio { errno: Errno(libc::ENOTTY), .. })));
}

#[test]
fn errors_of_files_are_distinguished() {
    let path = Path::new("/dev/vfio/7");
    for errno in [libc::EACCES, libc::EPERM] {
        let error = open_error(path, Errno(errno)).to_string();
        assert!(error.contains("chown USER /dev/vfio/7") && error.contains("udev"), "{error}");
    }
    for errno in [libc::ENOENT, libc::ENODEV] {
        assert!(open_error(path, Errno(errno)).to_string().contains("modprobe vfio-pci"));
    }
}

#[test]
fn a_function_without_an_iommu_is_an_error() {
    let error = said(Tree::new().bind("vfio-pci"));
    assert!(matches!(error, Error::NoIommuGroup { .. }), "{error}");
    assert!(error.to_string().contains("intel_iommu=on"));
    let tree = Tree::new();
    tree.bind("vfio-pci").group(7, &[]);
    std::fs::write(tree.host.dev.join("vfio/noiommu-7"), "").unwrap();
    assert!(matches!(said(&tree), Error::NoIommuMode { .. }));
    tree.remove("iommu_group");
    std::os::unix::fs::symlink("/nowhere/seven", tree.path("iommu_group")).unwrap();
    assert!(matches!(said(&tree), Error::UnexpectedContents { .. }));
}

#[test]
fn errors_name_the_commands_that_bind_to_vfio() {
    let tree = Tree::new();
    let error = said(tree.group(7, &[])).to_string();
    assert!(error.contains("bound to the driver ixgbe and not to vfio-pci"), "{error}");
    for step in [
        "modprobe vfio-pci",
        "echo vfio-pci > /sys/bus/pci/devices/0000:03:00.0/driver_override",
        "echo 0000:03:00.0 > /sys/bus/pci/devices/0000:03:00.0/driver/unbind",
        "echo 0000:03:00.0 > /sys/bus/pci/drivers_probe",
    ] {
        assert!(error.contains(step), "{error}");
    }
    tree.remove("driver");
    let error = said(&tree).to_string();
    assert!(error.contains("bound to no driver") && !error.contains("unbind"), "{error}");
}

#[test]
fn errors_name_why_a_group_is_unusable() {
    let tree = Tree::new();
    tree.bind("ahci").bind("vfio-pci").group(7, &[("0000:03:00.1", "ahci"), ("0000:03:00.2", "vfio-pci")]);
    assert!(matches!(said(&tree), Error::NoVfio { .. }), "no file of the group");
    std::fs::write(tree.host.dev.join("vfio/7"), "").unwrap();
    let error = said(&tree);
    assert_eq!(
        error.to_string(),
        "VFIO_GROUP_GET_STATUS for 0000:03:00.0 failed: Inappropriate ioctl for device (os error 25)"
    );
    let function = Function::find(&tree.host, tree.address, Kind::Physical).unwrap();
    let others = function.foreign_in_group();
    let error = Error::GroupNotViable { address: tree.address, group: 7, others }.to_string();
    assert!(error.contains("group 7 of 0000:03:00.0") && error.contains("0000:03:00.1 (ahci);"), "{error}");
    let error = Error::GroupBusy { address: tree.address, group: 7 }.to_string();
    assert!(error.contains("from one container"), "{error}");
}

#[test]
fn errors_name_the_limit_of_locked_memory() {
    let error = Error::DmaMapFailed { len: 1 << 21, errno: Errno(libc::ENOMEM), limit: Some(8 << 20) };
    let text = error.to_string();
    assert!(text.contains("8192 KiB") && text.contains("ulimit -l") && text.contains("LimitMEMLOCK"), "{text}");
    let dma = error.into_dma(1 << 21);
    assert!(matches!(dma, DmaError::System { errno: libc::ENOMEM, .. }));
    assert!(dma.to_string().contains("RLIMIT_MEMLOCK"), "{dma}");
    let error = Error::DmaMapFailed { len: 1, errno: Errno(libc::ENOSPC), limit: None }.to_string();
    assert!(error.contains("dma_entry_limit"), "{error}");
}

#[test]
fn addresses_of_a_failed_mapping_are_free_again() {
    use crate::linux::memory::{Allocator as Memories, PageSize};
    use crate::linux::vfio::iova::Range;
    let tree = Tree::new();
    let _ = said(&tree);
    let file = open(&tree.host.dev.join("vfio/vfio")).unwrap();
    let free = Allocator::new(&[Range { start: 0x1000, last: 0x2fff }], 0);
    let shared = Shared {
        groups: Mutex::default(),
        in_use: Mutex::default(),
        iommu: Mutex::new(Iommu { free: Some(free), granule: 4096 }),
        mapped: Mutex::default(),
        file,
        domain: Domain(1),
        host: tree.host.clone(),
    };
    let container = Container { shared: Arc::new(shared) };
    let memory = Memories::new(PageSize::Base, None, 4096).allocate(8192).unwrap();
    for _ in 0..3 {
        // The file knows no requests; running out of addresses would be another error.
        assert!(matches!(container.map(&memory), Err(DmaError::System { errno: libc::ENOTTY, .. })));
    }
    let memory = Memories::new(PageSize::Base, None, 4096).allocate(12288).unwrap();
    let error = container.map(&memory).unwrap_err().to_string();
    assert!(error.contains("no addresses left"), "{error}");
}
