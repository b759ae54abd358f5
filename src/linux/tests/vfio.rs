//! VFIO as it is, with QEMU's device `edu` in place of an 82599: `scripts/vfio-in-qemu` runs this in a virtual machine.

use super::*;
use crate::linux::function::VFIO_PCI;
use crate::linux::host::Host;
use crate::linux::memory::{Allocator, PageSize};
use crate::linux::tests::edu::{IDS, address, bytes, copy, pattern, read, write};
use crate::linux::tests::node_of;
use core::time::Duration;

#[test]
#[ignore = "needs QEMU's device edu behind an IOMMU: scripts/vfio-in-qemu"]
fn a_device_behind_an_iommu_reaches_what_is_mapped_and_nothing_else() {
    let address = address();
    let function = Function::assume(&Host::default(), address, IDS);
    assert_eq!(function.driver().unwrap().as_deref(), Some(VFIO_PCI));
    let container = Container::new().unwrap();
    let device = container.device(&function).unwrap();
    let (bar, config) = reset_and_enable(&function, &device).unwrap();
    assert_eq!(ConfigSpace { file: &device, offset: config }.read16(0).unwrap(), IDS.0);
    assert_eq!(read(&bar, 0) & 0xff, 0xed);
    write(&bar, 4, 0x1234_5678);
    assert_eq!(read(&bar, 4), !0x1234_5678, "the device inverts what it is given");
    assert!(container.granule() >= 4096);

    // Another container cannot have the group meanwhile.
    let other = Container::new().unwrap();
    assert!(matches!(other.device(&function), Err(Error::GroupBusy { .. })));

    let locality = function.locality();
    let policy = Placement::NearDevice.policy(&function, &locality);
    for page_size in [PageSize::Base, PageSize::Huge2MiB] {
        let Ok(memory) = Allocator::new(page_size, policy, container.granule()).allocate(1 << 20) else {
            eprintln!("no {page_size:?}");
            continue;
        };
        let mapping = container.map(&memory).unwrap();
        // Mapping allocates base pages, and pins them where they are.
        assert_eq!(node_of(&memory), locality.node().unwrap(), "{page_size:?}");
        // SAFETY: within the memory.
        let (one, two) = (memory.base(), unsafe { memory.base().add(4096) });
        let pattern = pattern(page_size as usize);
        bytes(one).copy_from_slice(&pattern);
        copy(&bar, mapping.address(one).unwrap(), false);
        copy(&bar, mapping.address(two).unwrap(), true);
        assert_eq!(bytes(two), pattern);

        // The same memory is mapped once, and stays mapped until both are dropped.
        let again = container.map(&memory).unwrap();
        assert_eq!(again.address(one), mapping.address(one));
        let target = mapping.address(two).unwrap();
        drop(mapping);
        bytes(two).fill(0);
        copy(&bar, target, true);
        assert_eq!(bytes(two), pattern);
        drop(again);
        bytes(two).fill(0);
        copy(&bar, target, true);
        assert!(bytes(two).iter().all(|byte| *byte == 0), "the device reached memory that is not mapped");
    }

    // Its one interrupt, by MSI.
    let interrupts = interrupts::enable(&device, address, vfio::VFIO_PCI_MSI_IRQ_INDEX, 1).unwrap();
    assert!(!interrupts.wait(0, Duration::from_millis(50)).unwrap());
    write(&bar, 0x60, 1);
    assert!(interrupts.wait(0, Duration::from_secs(10)).unwrap());
    write(&bar, 0x64, 1);
    assert!(matches!(
        interrupts::enable(&device, address, vfio::VFIO_PCI_MSI_IRQ_INDEX, 2),
        Err(Error::TooFewVectors { .. })
    ));
    assert!(ioctl::set_eventfds(&device, vfio::VFIO_PCI_MSI_IRQ_INDEX, &[]).is_ok());
}

#[test]
#[ignore = "needs QEMU's device edu behind an IOMMU: scripts/vfio-in-qemu"]
fn without_the_right_to_lock_memory_mapping_fails() {
    let address = address();
    let container = Container::new().unwrap();
    let _device = container.device(&Function::assume(&Host::default(), address, IDS)).unwrap();
    // SAFETY: a limit is set, and a question without side effects.
    let root = unsafe {
        libc::setrlimit(libc::RLIMIT_MEMLOCK, &libc::rlimit { rlim_cur: 65536, rlim_max: 65536 });
        libc::geteuid() == 0
    };
    let memory = Allocator::new(PageSize::Base, None, container.granule()).allocate(1 << 20).unwrap();
    let result = container.map(&memory);
    assert_eq!(result.is_ok(), root, "{result:?}");
    if let Err(error) = result {
        assert!(error.to_string().contains("RLIMIT_MEMLOCK"), "{error}");
    }
}

#[test]
#[ignore = "needs QEMU's device edu on the second of two NUMA nodes: scripts/vfio-in-qemu"]
fn the_kernel_shows_the_node_and_the_cpus_of_a_device() {
    let locality = Locality::of(address()).unwrap();
    assert_eq!((locality.node(), locality.cpus()), (Some(crate::linux::NumaNode(1)), &[1][..]));
}
