//! The PCI function: applies the vfio-user client's messages to the model.

use std::any::Any;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Error, ErrorKind, Write};
use std::mem::size_of;
use std::os::unix::fs::MetadataExt;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memmap2::MmapRaw;
use vfio_bindings::bindings::vfio::*;
use vfio_user::{DmaMapFlags, DmaUnmapFlags, IrqInfo, ServerBackend, ServerRegion};

use crate::config_space::{ConfigSpace, MSIX_SIZE, REGISTERS_SIZE, SIZE, VECTORS, VIRTUAL_SIZE, VIRTUAL_VECTORS};
use crate::target::Target;

/// The event files through which the client receives interrupts.
#[derive(Default)]
struct Vectors {
    /// Event files by kind of interrupt (MSI, MSI-X) and vector.
    events: HashMap<(u32, u32), File>,
    /// Vectors raised before the client registered an event file.
    pending: Vec<u32>,
}

impl Vectors {
    /// Delivers a vector of the port: by MSI-X if the client listens there, else by MSI.
    fn raise(&mut self, vector: u32) {
        for listener in [(VFIO_PCI_MSIX_IRQ_INDEX, vector), (VFIO_PCI_MSI_IRQ_INDEX, 0)] {
            if let Some(event) = self.events.get_mut(&listener) {
                // A client that no longer listens does not need the event.
                _ = event.write_all(&1_u64.to_ne_bytes());
                return;
            }
        }
        if !self.pending.contains(&vector) {
            self.pending.push(vector);
        }
    }
}

/// Maximum number of bytes that a client reads at once: the largest region.
const MOST: usize = REGISTERS_SIZE as usize;

/// One PCI function.
pub(crate) struct Function {
    target: Target,
    /// The port's name in the trace on standard error, if register accesses are traced.
    trace: Option<String>,
    config: ConfigSpace,
    msix: Vec<u8>,
    vectors: Arc<Mutex<Vectors>>,
    /// The files of the guest's memory, each mapped once, by device and inode.
    files: HashMap<(u64, u64), Arc<MmapRaw>>,
}

fn lock(vectors: &Mutex<Vectors>) -> MutexGuard<'_, Vectors> {
    vectors.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Function {
    pub(crate) fn new(target: Target, trace: Option<String>) -> Self {
        let vectors = Arc::new(Mutex::new(Vectors::default()));
        let raised = Arc::clone(&vectors);
        target.on_interrupt(move |vector| lock(&raised).raise(u32::from(vector)));
        let (config, msix) = (ConfigSpace::new(&target), vec![0; MSIX_SIZE as usize]);
        Self { target, trace, config, msix, vectors, files: HashMap::new() }
    }

    /// Returns the region of the MSI-X table.
    fn table_region(&self) -> u32 {
        if self.target.is_virtual() { VFIO_PCI_BAR3_REGION_INDEX } else { VFIO_PCI_BAR4_REGION_INDEX }
    }

    /// Returns the memory of the file, mapped once.
    fn mapped(&mut self, file: &File) -> Result<Arc<MmapRaw>, Error> {
        let about = file.metadata()?;
        let key = (about.dev(), about.ino());
        if let Some(found) = self.files.get(&key) {
            return Ok(Arc::clone(found));
        }
        let mapped = Arc::new(MmapRaw::map_raw(file)?);
        self.files.insert(key, Arc::clone(&mapped));
        Ok(mapped)
    }
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, what)
}

impl ServerBackend for Function {
    fn region_read(&mut self, region: u32, offset: u64, data: &mut [u8]) -> Result<(), Error> {
        if data.len() > MOST {
            return Err(invalid("a read is larger than the largest region"));
        }
        let at = usize::try_from(offset).map_err(|_| invalid("offset"))?;
        data.fill(0);
        match region {
            VFIO_PCI_CONFIG_REGION_INDEX => self.config.read(at, data, &self.target),
            VFIO_PCI_BAR0_REGION_INDEX => {
                // Registers are 32-bit words; smaller accesses and those beyond the registers read as 0.
                for (word, at) in data.as_chunks_mut().0.iter_mut().zip((offset..).step_by(4)) {
                    *word = self.target.read32(at).unwrap_or(0).to_le_bytes();
                }
            }
            _ if region == self.table_region() => {
                if let Some(from) = self.msix.get(at..).and_then(|rest| rest.get(..data.len())) {
                    data.copy_from_slice(from);
                }
            }
            _ => return Err(invalid("no such region")),
        }
        if let Some(name) = self.trace.as_ref().filter(|_| region == VFIO_PCI_BAR0_REGION_INDEX) {
            eprintln!("{name}: read  {offset:#07x} {data:02x?}");
        }
        Ok(())
    }

    fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> Result<(), Error> {
        let at = usize::try_from(offset).map_err(|_| invalid("offset"))?;
        if let Some(name) = &self.trace {
            eprintln!("{name}: write {region}:{offset:#07x} {data:02x?}");
        }
        match region {
            VFIO_PCI_CONFIG_REGION_INDEX => self.config.write(at, data, &self.target),
            VFIO_PCI_BAR0_REGION_INDEX => {
                for (word, at) in data.as_chunks().0.iter().zip((offset..).step_by(4)) {
                    self.target.write32(at, u32::from_le_bytes(*word));
                }
            }
            _ if region == self.table_region() => {
                if let Some(to) = self.msix.get_mut(at..).and_then(|rest| rest.get_mut(..data.len())) {
                    to.copy_from_slice(data);
                }
            }
            _ => return Err(invalid("no such region")),
        }
        Ok(())
    }

    fn dma_map(
        &mut self,
        _flags: DmaMapFlags,
        offset: u64,
        address: u64,
        size: u64,
        file: Option<File>,
    ) -> Result<(), Error> {
        // Ranges without a file are ROMs and the like: they stay unmapped, because no device accesses them.
        let Some(file) = file else { return Ok(()) };
        let memory = self.mapped(&file)?;
        let end = offset.checked_add(size).ok_or_else(|| invalid("a mapping that wraps"))?;
        if end > memory.len() as u64 || address.checked_add(size).is_none() {
            return Err(invalid("a mapping beyond its file"));
        }
        let host = NonNull::new(memory.as_mut_ptr().wrapping_add(offset as usize)).ok_or_else(|| invalid("null"))?;
        // SAFETY: the bytes lie within the mapped file, which stays mapped as long as `memory` lives. This process
        // accesses the file in no other way.
        unsafe { self.target.map_at(address, size, host, memory as Arc<dyn Any + Send + Sync>) };
        Ok(())
    }

    fn dma_unmap(&mut self, flags: DmaUnmapFlags, address: u64, size: u64) -> Result<(), Error> {
        let all = flags.contains(DmaUnmapFlags::UNMAP_ALL);
        if all {
            self.target.unmap_at(0, u64::MAX)
        } else {
            self.target.unmap_at(address, size)
        }
        Ok(())
    }

    fn reset(&mut self) -> Result<(), Error> {
        self.config.reset_function(&self.target);
        Ok(())
    }

    fn set_irqs(&mut self, index: u32, flags: u32, start: u32, count: u32, files: Vec<File>) -> Result<(), Error> {
        let mut vectors = lock(&self.vectors);
        if flags & VFIO_IRQ_SET_ACTION_TRIGGER == 0 {
            return Ok(());
        }
        if count == 0 {
            vectors.events.retain(|(of, _), _| *of != index);
            return Ok(());
        }
        let end = start.checked_add(count).filter(|end| *end <= u32::from(VECTORS)).ok_or_else(|| invalid("vector"))?;
        if flags & VFIO_IRQ_SET_DATA_EVENTFD == 0 {
            return Ok(());
        }
        let mut files = files.into_iter();
        for vector in start..end {
            match files.next() {
                Some(file) => {
                    vectors.events.insert((index, vector), file);
                    if let Some(place) = vectors.pending.iter().position(|pending| *pending == vector) {
                        vectors.pending.swap_remove(place);
                        vectors.raise(vector);
                    }
                }
                None => {
                    vectors.events.remove(&(index, vector));
                }
            }
        }
        Ok(())
    }
}

/// Returns the regions of a PCI function.
pub(crate) fn regions(is_virtual: bool) -> Vec<ServerRegion> {
    let size = |index| match index {
        VFIO_PCI_BAR0_REGION_INDEX if is_virtual => VIRTUAL_SIZE,
        VFIO_PCI_BAR0_REGION_INDEX => REGISTERS_SIZE,
        VFIO_PCI_BAR3_REGION_INDEX if is_virtual => MSIX_SIZE,
        VFIO_PCI_BAR4_REGION_INDEX if !is_virtual => MSIX_SIZE,
        VFIO_PCI_CONFIG_REGION_INDEX => SIZE as u64,
        _ => 0,
    };
    let region = |index| {
        let size = size(index);
        let flags = if size > 0 { VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE } else { 0 };
        let argsz = size_of::<vfio_region_info>() as u32;
        let region_info = vfio_region_info { argsz, flags, index, size, ..Default::default() };
        ServerRegion { region_info, sparse_areas: Vec::new(), mmap_fd: None }
    };
    (0..VFIO_PCI_NUM_REGIONS).map(region).collect()
}

/// Returns the interrupts of a PCI function.
pub(crate) fn irqs(is_virtual: bool) -> Vec<IrqInfo> {
    let count = |index| match index {
        VFIO_PCI_MSI_IRQ_INDEX => u32::from(!is_virtual),
        VFIO_PCI_MSIX_IRQ_INDEX if is_virtual => u32::from(VIRTUAL_VECTORS),
        VFIO_PCI_MSIX_IRQ_INDEX => u32::from(VECTORS),
        _ => 0,
    };
    let irq = |index| IrqInfo { index, flags: VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE, count: count(index) };
    (0..VFIO_PCI_NUM_IRQS).map(irq).collect()
}
