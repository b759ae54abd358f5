//! What stands in for DPDK's functions of the same names: those that would ask VFIO.
//!
//! The device comes from a made-up sysfs tree (`SYSFS_PCI_DEVICES`), which says that vfio-pci has it. From there on
//! DPDK does as with any device, until it wants its BAR mapped, its memory reachable, and interrupts.

use std::any::Any;
use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::Write;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use ixgbe_sim::Port;

use crate::{bar, model};

/// `RTE_INTR_HANDLE_VFIO_MSIX` of rte_interrupts.h.
const VFIO_MSIX: c_int = 5;

/// The start of `struct rte_pci_device` of DPDK 24.11 (ABI 25). What is read of it is checked before anything is
/// written to it.
#[repr(C)]
pub struct PciDevice {
    next: [*mut c_void; 2],
    device: [u64; 8],
    domain: u32,
    bus: u8,
    slot: u8,
    function: u8,
    class: u32,
    vendor: u16,
    device_id: u16,
    subsystem: [u16; 2],
    resources: [Resource; 6],
    interrupts: *mut c_void,
}

#[repr(C)]
struct Resource {
    physical: u64,
    len: u64,
    address: *mut c_void,
}

/// `struct rte_memseg` of rte_memory.h, which is packed.
#[repr(C, packed)]
struct MemorySegment {
    iova: u64,
    address: *mut c_void,
    len: usize,
    page_size: u64,
    socket: i32,
    channels: u32,
    ranks: u32,
    flags: u32,
}

type Walk =
    unsafe extern "C" fn(list: *const c_void, segment: *const MemorySegment, len: usize, port: *mut c_void) -> c_int;

unsafe extern "C" {
    fn rte_memseg_contig_walk(walk: Walk, argument: *mut c_void) -> c_int;
    fn rte_intr_fd_set(handle: *mut c_void, fd: c_int) -> c_int;
    fn rte_intr_type_set(handle: *mut c_void, kind: c_int) -> c_int;
}

/// Gives the device its BAR, the model DPDK's memory, and DPDK an eventfd for interrupts.
///
/// # Safety
///
/// DPDK calls it, with a device of its bus.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rte_pci_map_device(device: *mut PciDevice) -> c_int {
    // SAFETY: DPDK's device, which nobody else uses during the call.
    let device = unsafe { &mut *device };
    match give(device) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("error: the model cannot be the device: {error}");
            -1
        }
    }
}

fn give(device: &mut PciDevice) -> Result<(), String> {
    let function = model::function(usize::from(device.function))?;
    let (id, len) = ((device.vendor, device.device_id), device.resources[0].len);
    if (id, len) != (function.id(), function.bar_size() as u64) {
        return Err(format!("a device {id:04x?} with a BAR of {len} bytes: is this another version of DPDK?"));
    }
    let raised = eventfd().map_err(|error| format!("eventfd: {error}"))?;
    let mut message = raised.try_clone().map_err(|error| error.to_string())?;
    function.on_interrupt(move |vector| {
        // DPDK listens to the others only for interrupts of receive queues.
        if vector == 0 {
            _ = message.write_all(&1_u64.to_ne_bytes());
        }
    });
    // SAFETY: DPDK's handle of the device's interrupts, and a file that it may keep.
    let set = unsafe {
        rte_intr_fd_set(device.interrupts, raised.into_raw_fd()) | rte_intr_type_set(device.interrupts, VFIO_MSIX)
    };
    // SAFETY: `reach` has the signature asked for, and the port outlives the walk.
    let walked = unsafe { rte_memseg_contig_walk(reach, ptr::from_ref(function.port()).cast_mut().cast()) };
    if set != 0 || walked != 0 {
        return Err(format!("DPDK has no interrupts ({set}) or memory ({walked}) for it"));
    }
    device.resources[0].address = bar::map(function).map_err(|error| format!("the BAR: {error}"))?.as_ptr();
    Ok(())
}

fn eventfd() -> std::io::Result<File> {
    // SAFETY: the descriptor is a new one.
    match unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) } {
        -1 => Err(std::io::Error::last_os_error()),
        // SAFETY: as above, and nobody else has it.
        fd => Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) })),
    }
}

/// Maps a piece of DPDK's memory for the port at `port`, at the addresses that DPDK will use: as VFIO would.
unsafe extern "C" fn reach(
    _list: *const c_void,
    segment: *const MemorySegment,
    len: usize,
    port: *mut c_void,
) -> c_int {
    // SAFETY: DPDK's segment, read as a copy because it is packed; the port that `give` handed in.
    let (segment, port) = unsafe { (segment.read(), &*port.cast::<Port>()) };
    let Some(host) = NonNull::new(segment.address.cast()) else { return -1 };
    let alive: Arc<dyn Any + Send + Sync> = Arc::new(());
    // SAFETY: DPDK's memory for DMA. It stays until the process ends, or is unmapped by `rte_pci_unmap_device` before.
    unsafe { port.map_at(segment.iova, len as u64, host, alive) };
    0
}

/// Takes DPDK's memory from the model. The BAR stays, for whoever still has its address.
///
/// # Safety
///
/// DPDK calls it, with a device that it had mapped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rte_pci_unmap_device(device: *mut PciDevice) {
    // SAFETY: DPDK's device, which nobody else uses during the call.
    let function = unsafe { (*device).function };
    if let Ok(function) = model::function(usize::from(function)) {
        function.port().unmap_at(0, u64::MAX);
    }
}

/// The eventfd is there from the start.
#[unsafe(no_mangle)]
pub extern "C" fn rte_intr_enable(_handle: *const c_void) -> c_int {
    0
}

/// As for [`rte_intr_enable`]: the device's own masks decide what comes.
#[unsafe(no_mangle)]
pub extern "C" fn rte_intr_disable(_handle: *const c_void) -> c_int {
    0
}
