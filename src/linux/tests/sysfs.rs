use super::*;
use crate::dma::{Dma, Memory};
use crate::linux::PageSize;
use crate::linux::error::InUse;
use crate::linux::host::Host;
use crate::linux::ids::{Kind, VENDOR};
use crate::linux::memory::Allocator;
use crate::linux::tests::{HugePages, MEMORY_64, Tree};
use crate::mmio::{Offset, REGISTER_SPACE};
use crate::pool::Pool;
use std::fs;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

impl Tree {
    fn find(&self) -> Result<Function, Error> {
        Function::find(&self.host, self.address, Kind::Physical)
    }

    /// Returns the error about BAR0.
    fn bar(&self, resource: &str) -> String {
        self.put("resource", resource).find().unwrap().bar_size(REGISTER_SPACE as u32).unwrap_err().to_string()
    }

    fn take(&self) -> Result<Option<String>, Error> {
        self.find().unwrap().take(false)
    }

    fn options(&self) -> SysfsOptions {
        SysfsOptions::on(&self.host)
    }
}

#[test]
fn a_missing_function_is_an_error() {
    let tree = Tree::new();
    let error = Function::find(&tree.host, "0000:04:00.0".parse().unwrap(), Kind::Physical).unwrap_err();
    assert_eq!(error.to_string(), "there is no PCI function 0000:04:00.0: `lspci -D` lists those that exist");
}

#[test]
fn a_virtual_function_is_opened_as_one() {
    let tree = Tree::new();
    let find = |device: u16| {
        tree.put("device", &format!("{device:#06x}\n"));
        Function::find(&tree.host, tree.address, Kind::Virtual).map_err(|error| error.to_string())
    };
    assert_eq!(find(0x10ed).unwrap().ids, (VENDOR, 0x10ed));
    for (device, name) in
        [(0x10fb, "a physical function, 82599_SFP"), (0x1515, "a virtual function of another chip, X540_VF")]
    {
        assert!(find(device).unwrap_err().contains(name), "{device:#x}");
    }
}

#[test]
fn only_physical_functions_of_an_82599_are_driven() {
    let tree = Tree::new();
    let said = |vendor: u16, device: u16| {
        tree.put("vendor", &format!("{vendor:#06x}\n")).put("device", &format!("{device:#06x}\n"));
        tree.find().map(|function| function.ids).map_err(|error| error.to_string())
    };
    assert_eq!(said(VENDOR, 0x10fb), Ok((VENDOR, 0x10fb)));
    assert_eq!(said(VENDOR, 0x1557), Ok((VENDOR, 0x1557)));
    let only = "this driver supports only physical functions of the 82599";
    for (device, name) in [
        (0x10ed, "a virtual function, 82599_VF"),
        (0x1515, "a virtual function, X540_VF"),
        (0x1528, "another chip, an X540: X540T"),
        (0x1563, "another chip, an X550: X550T"),
        (0x10b6, "another chip, an 82598: 82598"),
        (0x15ac, "another chip, an X550EM_x: X550EM_X_SFP"),
        (0x57af, "another chip, an E610: E610_SFP"),
        (0x100e, "another device of Intel's"),
    ] {
        assert_eq!(said(VENDOR, device), Err(format!("0000:03:00.0 is {name} (8086:{device:04x}); {only}")));
    }
    let foreign = said(0x1af4, 0x10fb).unwrap_err();
    assert!(foreign.contains("another vendor than Intel (1af4:10fb)"), "{foreign}");
}

#[test]
fn absurd_files_are_errors() {
    let tree = Tree::new();
    for text in ["", "0x", "8086 10fb", "-1", "0x123456789", "ünï"] {
        tree.put("vendor", text);
        let error = tree.find().unwrap_err();
        assert!(!matches!(error, Error::NoSuchFunction { .. }), "{text}: {error}");
        assert!(error.to_string().contains("vendor") || text.is_empty(), "{text}: {error}");
    }
    tree.remove("vendor");
    assert!(matches!(tree.find(), Err(Error::System { doing: "read", .. })));
    fs::write(tree.path("vendor"), [0xff, 0xfe, 0x00]).unwrap();
    assert!(matches!(tree.find(), Err(Error::UnexpectedContents { .. })));
}

#[test]
fn bar0_must_be_64_bit_memory_of_the_right_size() {
    let tree = Tree::new();
    assert_eq!(tree.find().unwrap().bar_size(REGISTER_SPACE as u32), Ok(128 * 1024));
    let sized = |end: &str, flags: &str| format!("0x00000000f0000000 {end} {flags}");
    assert!(tree.bar(&sized("0x00000000f001ffff", "0x0000000000040101")).contains("I/O ports"));
    assert!(tree.bar(&sized("0x00000000f001ffff", "0x0000000000040200")).contains("32-bit memory"));
    assert!(tree.bar(&sized("0x00000000f001ffff", "0x0000000020140204")).contains("without an address"));
    assert!(tree.bar("0x0 0x0 0x0").contains("absent"));
    for end in ["0x00000000f000ffff", "0x00000000f003ffff", "0x00000000f0020000", "0x0", "0xffffffffffffffff"] {
        assert!(tree.bar(&sized(end, "0x140204")).contains("must be the same power of two"), "{end}");
    }
    for text in ["", "0x1 0x2", "0x1 0x2 0x3 0x4", "one two three", "0x0 0xfffffffffffffffff 0x140204"] {
        assert!(tree.bar(text).contains("three hexadecimal numbers"), "{text}");
    }
    tree.put("resource", MEMORY_64).put("resource0", "short");
    assert!(matches!(
        tree.find().unwrap().bar_size(REGISTER_SPACE as u32),
        Err(Error::BarSize { bar: 0x2_0000, file: 5, .. })
    ));
    tree.remove("resource0");
    assert!(matches!(tree.find().unwrap().bar_size(REGISTER_SPACE as u32), Err(Error::System { .. })));
    tree.remove("resource");
    assert!(matches!(tree.find().unwrap().bar_size(REGISTER_SPACE as u32), Err(Error::System { .. })));
}

#[test]
fn an_interface_in_use_is_not_taken() {
    let mut tree = Tree::new();
    let in_use = |tree: &Tree| match tree.take() {
        Err(Error::InterfaceInUse { interface, because, .. }) => {
            assert_eq!(interface, "eth7");
            because
        }
        other => panic!("{other:?}"),
    };
    tree.host.address_of = |interface| (interface == "eth7").then(|| "192.0.2.7".into());
    assert_eq!(in_use(&tree), InUse::IpAddress("192.0.2.7".into()));
    let error = tree.take().unwrap_err().to_string();
    assert!(
        error.contains("eth7") && error.contains("192.0.2.7") && error.contains("ip link set eth7 down"),
        "{error}"
    );
    assert_eq!(tree.get("sys/bus/pci/drivers/ixgbe/unbind"), "", "nothing was unbound");

    tree.host.address_of = |_| None;
    tree.put("net/eth7/upper_bond0/x", "");
    assert_eq!(in_use(&tree), InUse::Upper("bond0".into()));
    tree.remove("net/eth7/upper_bond0");
    let routes = tree.host.proc.join("net/route");
    fs::write(&routes, "Iface\tDestination\tGateway\neth0\t0\t0\neth7\t0002000A\t0\n").unwrap();
    assert_eq!(in_use(&tree), InUse::Route);
    fs::write(&routes, "Iface\tDestination\tGateway\neth77\t0\t0\n").unwrap();
    let routes = tree.host.proc.join("net/ipv6_route");
    fs::write(&routes, "20010db8 40 00 00 00 00 00 00 00 eth7\n").unwrap();
    assert_eq!(in_use(&tree), InUse::Route);
    fs::write(&routes, "ff000000 08 00 00 00 00 00 00 00 eth7\n").unwrap();
    assert_eq!(tree.take(), Ok(Some("ixgbe".into())));
}

#[test]
fn an_interface_that_is_down_is_taken() {
    let mut tree = Tree::new();
    tree.host.address_of = |_| Some("192.0.2.7".into());
    tree.put("net/eth7/flags", "0x1002\n");
    assert_eq!(tree.take(), Ok(Some("ixgbe".into())));
    assert_eq!(tree.get("sys/bus/pci/drivers/ixgbe/unbind"), "0000:03:00.0");
    tree.put("net/eth7/flags", "up");
    assert!(matches!(tree.take(), Err(Error::UnexpectedContents { .. })));
}

#[test]
fn an_interface_that_cannot_be_seen_is_not_taken() {
    let tree = Tree::new();
    tree.remove("net");
    let error = tree.take().unwrap_err();
    assert!(error.to_string().contains("another network namespace"), "{error}");
    assert_eq!(tree.find().unwrap().take(true), Ok(Some("ixgbe".into())));
    // vfio-pci has no interfaces.
    assert_eq!(tree.bind("vfio-pci").take(), Ok(Some("vfio-pci".into())));
    tree.remove("driver");
    assert_eq!(tree.take(), Ok(None));
}

#[test]
fn a_function_opened_through_sysfs_is_prepared_and_given_back() {
    let Some(_pages) = HugePages::get(4, "opening a function through sysfs") else { return };
    let tree = Tree::new();
    let config = File::open(tree.path("config")).unwrap();
    let command = || {
        let mut bytes = [0; 2];
        config.read_exact_at(&mut bytes, 4).unwrap();
        u16::from_le_bytes(bytes)
    };
    let platform = tree.options().open(tree.address).unwrap();
    assert_eq!(command(), 0x0406, "memory space, bus master, no INTx");
    assert_eq!(tree.get("sys/bus/pci/drivers/ixgbe/unbind"), "0000:03:00.0");
    assert_eq!(
        (fs::read_to_string(tree.path("reset")).unwrap(), fs::read_to_string(tree.path("enable")).unwrap()),
        ("1".into(), "1".into())
    );

    // Writes go to the file that models the registers.
    // SAFETY: a file accesses no memory.
    unsafe { platform.write(Offset::new(0x1fffc).unwrap(), 0x1234_5678) };
    assert_eq!(fs::read(tree.path("resource0")).unwrap()[0x1fffc..], 0x1234_5678u32.to_le_bytes());

    let twice = tree.options().open(tree.address).unwrap_err();
    assert_eq!(twice, Error::AlreadyDriven { address: tree.address });

    let former = platform.former_driver().unwrap();
    assert_eq!(former.name(), "ixgbe");
    let how = former.to_string();
    assert!(how.starts_with("to give 0000:03:00.0 back to the kernel: `echo 0000:03:00.0 > "), "{how}");
    assert!(how.ends_with("/drivers/ixgbe/bind` as root"), "{how}");
    assert_eq!(former.rebind(), Err(Error::StillDriven { address: tree.address }));
    drop(platform);
    assert_eq!(command(), 0x0402, "no bus master any more");
    former.rebind().unwrap();
    assert_eq!(tree.get("sys/bus/pci/drivers/ixgbe/bind"), "0000:03:00.0");
    tree.remove("driver");
    assert!(tree.options().open(tree.address).unwrap().former_driver().is_none());
}

#[test]
fn a_function_that_cannot_be_prepared_is_given_back() {
    let Some(_pages) = HugePages::get(4, "giving a function back") else { return };
    let tree = Tree::new();
    // Without all of the ids, and without the command register.
    for short in [&[0x86, 0x80, 0xfb][..], &[0x86, 0x80, 0xfb, 0x10, 0x00]] {
        fs::write(tree.path("config"), short).unwrap();
        let error = tree.options().open(tree.address).unwrap_err();
        assert!(matches!(error, Error::System { .. }), "{error}");
        assert_eq!(tree.get("sys/bus/pci/drivers/ixgbe/bind"), "0000:03:00.0");
        fs::write(tree.host.driver("ixgbe").join("bind"), "").unwrap();
    }
    fs::write(tree.path("config"), [0x86, 0x80, 0x28, 0x15, 0, 0, 0, 0]).unwrap();
    let error = tree.options().open(tree.address).unwrap_err().to_string();
    assert!(error.contains("8086:1528"), "{error}");
}

#[test]
fn a_function_without_its_files_is_left_alone() {
    let Some(_pages) = HugePages::get(4, "opening a function with files missing") else { return };
    for file in ["config", "resource0", "resource", "device"] {
        let tree = Tree::new();
        let error = tree.remove(file).options().open(tree.address).unwrap_err();
        assert!(matches!(&error, Error::System { path, .. } if path.ends_with(file)), "{file}: {error}");
        assert_eq!(tree.get("sys/bus/pci/drivers/ixgbe/unbind"), "", "{file}: nothing was unbound");
    }
    // Not every kernel has these.
    let tree = Tree::new();
    tree.remove("reset").remove("enable").remove("numa_node").options().open(tree.address).unwrap();
}

#[test]
fn a_function_that_answers_all_ones_is_an_error() {
    let Some(_pages) = HugePages::get(4, "opening a function that is gone") else { return };
    let tree = Tree::new();
    tree.put("vendor", "0xffff").put("device", "0xffff");
    assert!(tree.options().open(tree.address).unwrap_err().to_string().contains("(ffff:ffff)"));
    tree.put("vendor", "0x8086").put("device", "0x10fb");
    let config = fs::read(tree.path("config")).unwrap();
    fs::write(tree.path("config"), [0xff; 256]).unwrap();
    let error = tree.options().open(tree.address).unwrap_err().to_string();
    assert!(error.contains("ffff:ffff"), "{error}");
    assert_eq!(tree.get("sys/bus/pci/drivers/ixgbe/bind"), "0000:03:00.0", "it was given back");
    // Its configuration space is there, its registers are not.
    fs::write(tree.path("config"), config).unwrap();
    fs::write(tree.path("resource0"), vec![0xff; 128 * 1024]).unwrap();
    let device = crate::device::Device::new(tree.options().open(tree.address).unwrap());
    let failed = device.reset(&crate::device::Config::new()).unwrap_err();
    assert!(matches!(failed.error, crate::device::Error::Removed { .. }), "{failed}");
}

#[test]
fn without_huge_pages_nothing_is_taken() {
    let Some(_pages) = HugePages::get(0, "running out of huge pages") else { return };
    if HugePages::free() > 0 {
        return;
    }
    let tree = Tree::new();
    let error = tree.options().open(tree.address).unwrap_err();
    assert!(matches!(error, Error::NoHugePages { count: 1, .. }), "{error}");
    assert!(error.to_string().contains("/proc/sys/vm/nr_hugepages"), "{error}");
    assert_eq!(tree.get("sys/bus/pci/drivers/ixgbe/unbind"), "", "nothing was unbound");
}

#[test]
fn a_function_whose_addresses_are_translated_is_left_to_vfio() {
    let tree = Tree::new();
    tree.group(7, &[]);
    let kind = tree.host.sysfs.join("kernel/iommu_groups/7/type");
    for text in ["DMA\n", "DMA-FQ\n"] {
        fs::write(&kind, text).unwrap();
        let error = tree.options().open(tree.address).unwrap_err();
        assert_eq!(error, Error::IommuTranslates { address: tree.address, kind: text.trim().into() });
        assert!(error.to_string().contains("use VFIO, or boot the kernel with iommu=pt"), "{error}");
    }
    assert_eq!(tree.get("sys/bus/pci/drivers/ixgbe/unbind"), "", "nothing was unbound");
    let function = tree.find().unwrap();
    for text in ["identity\n", ""] {
        fs::write(&kind, text).unwrap();
        assert_eq!(function.check_untranslated(), Ok(()), "{text}");
    }
    fs::remove_file(&kind).unwrap();
    assert_eq!(function.check_untranslated(), Ok(()), "no such file");
}

#[test]
fn hidden_addresses_are_an_error_before_anything_is_taken() {
    let Some(_pages) = HugePages::get(4, "hiding physical addresses") else { return };
    let tree = Tree::new();
    fs::remove_file(tree.host.proc.join("self")).unwrap();
    fs::create_dir(tree.host.proc.join("self")).unwrap();
    // All of memory present, in frame 0: what a process without CAP_SYS_ADMIN sees.
    std::os::unix::fs::symlink("/dev/zero", tree.host.proc.join("self/pagemap")).unwrap();
    let error = tree.options().open(tree.address).unwrap_err();
    assert!(matches!(error, Error::PageNotPresent { entry: 0, .. }), "{error}");
    assert_eq!(tree.get("sys/bus/pci/drivers/ixgbe/unbind"), "", "nothing was unbound");
}

#[test]
fn pools_and_rings_have_their_physical_addresses() {
    let Some(_pages) = HugePages::get(12, "huge pages by physical address") else { return };
    let free = HugePages::free();
    let tree = Tree::new();
    let platform = tree.options().open(tree.address).unwrap();
    // Small pieces share a huge page, and do not overlap.
    let rings: Vec<_> = (0..4).map(|_| platform.allocate(8192).unwrap()).collect();
    let mut addresses: Vec<_> = rings
        .iter()
        .map(|ring| {
            let mapping = platform.map(ring).unwrap();
            assert!(mapping.is_contiguous(ring.base(), ring.len()));
            mapping.address(ring.base()).unwrap().get()
        })
        .collect();
    addresses.sort();
    assert!(addresses.windows(2).all(|pair| pair[1] - pair[0] >= 8192 && pair[1] - pair[0] < 2 << 20));

    // A pool over several pages: no buffer crosses two, and each is found again through /proc.
    let pool = Pool::new(&platform, 2048, 2048).unwrap();
    assert_eq!((pool.capacity(), pool.available()), (2048, 2048));
    let packets: Vec<_> = core::iter::from_fn(|| pool.take()).collect();
    assert_eq!(packets.len(), 2048);
    for packet in &packets {
        let start = packet.as_ptr() as usize - crate::pool::HEADROOM;
        let page = 2 << 20;
        assert_eq!(start / page, (start + 2048 + crate::pool::HEADROOM - 1) / page, "crosses a page");
    }
    drop(packets);
    assert_eq!(pool.available(), 2048);
    drop(pool);

    let memory = platform.allocate(5 << 20).unwrap();
    let mapping = platform.map(&memory).unwrap();
    // SAFETY: nobody else uses the memory.
    let bytes = unsafe { core::slice::from_raw_parts_mut(memory.base().as_ptr(), memory.len()) };
    assert!(bytes.iter().all(|byte| *byte == 0));
    bytes.fill(0xa5);
    let pagemap = crate::linux::pagemap::Pagemap::open(Path::new("/proc/self/pagemap")).unwrap();
    for at in (0..memory.len()).step_by(2 << 20) {
        // SAFETY: within the memory.
        let pointer = unsafe { memory.base().add(at) };
        let physical = pagemap.huge_page(pointer.as_ptr() as usize, 2 << 20).unwrap();
        assert_eq!(mapping.address(pointer).unwrap().get(), physical);
    }
    // The mapping keeps the memory, and the last of both frees it.
    let before = HugePages::free();
    drop(memory);
    assert_eq!(HugePages::free(), before);
    drop(mapping);
    assert_eq!(HugePages::free(), before + 3);
    drop((rings, platform));
    assert_eq!(HugePages::free(), free);
}

#[test]
fn memory_of_others_is_not_mapped_by_physical_address() {
    let Some(_pages) = HugePages::get(4, "foreign memory") else { return };
    let tree = Tree::new();
    let platform = tree.options().open(tree.address).unwrap();
    let ordinary = Allocator::new(PageSize::Base, None, 4096).allocate(8192).unwrap();
    let said = platform.map(&ordinary).unwrap_err().to_string();
    assert!(said.contains("must be of huge pages"), "{said}");
    let page = std::alloc::Layout::from_size_align(4096, 4096).unwrap();
    // SAFETY: the layout has a size; the memory is leaked.
    let heap =
        unsafe { Memory::new(core::ptr::NonNull::new(std::alloc::alloc_zeroed(page)).unwrap(), 4096, Box::new(())) };
    let said = platform.map(&heap).unwrap_err().to_string();
    assert!(said.contains("must come from linux::Sysfs"), "{said}");
    let said = platform.allocate(1 << 50).unwrap_err().to_string();
    assert!(said.contains("nr_hugepages"), "{said}");
    assert!(platform.allocate(usize::MAX).is_err());
}

#[test]
fn without_cap_sys_admin_addresses_are_hidden() {
    let Some(_pages) = HugePages::get(4, "doing without CAP_SYS_ADMIN") else { return };
    let tree = Tree::new();
    let (options, address) = (tree.options(), tree.address);
    // The capabilities are the thread's own.
    let error = std::thread::spawn(move || {
        // The kernel's structures: version 3 and this thread; effective, permitted and inheritable, in two halves.
        let head = [0x2008_0522u32, 0];
        let mut sets = [[0u32; 3]; 2];
        // SAFETY: the structures have the layout that this version has.
        let results = unsafe {
            let got = libc::syscall(libc::SYS_capget, head.as_ptr(), sets.as_mut_ptr());
            sets[0][0] &= !(1 << 21);
            [got, libc::syscall(libc::SYS_capset, head.as_ptr(), sets.as_ptr())]
        };
        assert_eq!(results, [0, 0]);
        options.open(address).unwrap_err()
    });
    assert_eq!(error.join().unwrap(), Error::AddressesHidden);
    assert_eq!(tree.get("sys/bus/pci/drivers/ixgbe/unbind"), "", "nothing was unbound");
}

#[test]
#[ignore = "needs QEMU's device edu without an IOMMU: scripts/vfio-in-qemu"]
fn through_sysfs_a_device_reaches_physical_addresses() {
    use crate::linux::tests::edu;
    let Some(_pages) = HugePages::get(4, "physical addresses") else { return };
    let address = edu::address();
    let function = Function::assume(&Host::default(), address, edu::IDS);
    assert_eq!(function.take(false), Ok(None), "no driver has it");
    let open = |file: &str| OpenOptions::new().read(true).write(true).open(function.file(file)).unwrap();
    let config = open("config");
    let options = SysfsOptions::new();
    let registers = |_: &Function| Ok(open("resource0"));
    let (bar, taken) = SysfsFunction::take(&options, function.clone(), registers, reset_and_enable).unwrap();
    let again = SysfsFunction::take(&options, function.clone(), registers, reset_and_enable::<RegisterSpace>);
    assert_eq!(again.map(|_| ()), Err(Error::AlreadyDriven { address }));
    assert_eq!(edu::read(&bar, 0) & 0xff, 0xed);
    let mut command = [0; 2];
    config.read_exact_at(&mut command, 4).unwrap();
    assert_eq!(u16::from_le_bytes(command) & 0x0406, 0x0406, "memory space, bus master, no INTx");
    assert!(matches!(function.bar_size(REGISTER_SPACE as u32), Err(Error::NotMemory64 { found: "32-bit memory", .. })));

    let platform = Sysfs { bar, function: taken };
    assert_eq!((platform.read_config(0), platform.read_config(0xfff)), (Some(edu::IDS.0), None));
    let memory = platform.allocate(8192).unwrap();
    let mapping = platform.map(&memory).unwrap();
    // SAFETY: within the memory.
    let (one, two) = (memory.base(), unsafe { memory.base().add(4096) });
    let pattern = edu::pattern(3);
    edu::bytes(one).copy_from_slice(&pattern);
    edu::copy(&platform.bar, mapping.address(one).unwrap(), false);
    edu::copy(&platform.bar, mapping.address(two).unwrap(), true);
    assert_eq!(edu::bytes(two), pattern);
    // Without bus mastering it reaches nothing.
    edu::bytes(two).fill(0);
    ConfigSpace { file: &config, offset: 0 }.disable_bus_master().unwrap();
    edu::copy(&platform.bar, mapping.address(two).unwrap(), true);
    assert!(edu::bytes(two).iter().all(|byte| *byte == 0));
}
