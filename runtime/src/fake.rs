//! A device for tests of drivers: registers that behave as their description says.
//!
//! A [`FakeDevice`] has the registers of any description. They start with their reset values, and reads and writes have
//! the side effects of their kinds of access. A window shows what is selected, and carries out its commands at once. An
//! access that a driver must not make is recorded as a [`Violation`]. With [`peek`](FakeDevice::peek) and
//! [`poke`](FakeDevice::poke), a test acts as the rest of the device.

use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use crate::bus::Bus;
use crate::clock::Clock;
use crate::info::{AccessKind, RegisterInfo};
use crate::register::{Contents, Register};
use crate::space::{Offset, Space, Width};

/// Number of violations that are kept. Further ones are only counted.
const KEPT: usize = 16;

/// A device whose registers in space `S` behave as their description says.
pub struct FakeDevice<'m, S> {
    /// The values of all registers and elements of arrays, in the order of the map.
    values: &'m [Cell<u64>],
    violations: [Cell<Option<Violation>>; KEPT],
    count: Cell<usize>,
    taken: Cell<bool>,
    time: Cell<Duration>,
    space: PhantomData<S>,
}

/// The bus of a [`FakeDevice`], and its clock: waiting advances the device's time.
#[derive(Debug)]
pub struct FakeBus<'d, 'm, S>(&'d FakeDevice<'m, S>);

/// Something that a driver must not do with a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// The offset in bytes.
    pub offset: u32,
    /// The register, if there is one at the offset.
    pub register: Option<&'static str>,
    /// The kind of violation.
    pub kind: ViolationKind,
}

/// The kind of a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ViolationKind {
    /// There is no register of this width at the offset now.
    NoRegister {
        /// The width in bits.
        width: u32,
    },
    /// A write-only register was read.
    ReadOfWriteOnly,
    /// A read-only register was written.
    WriteOfReadOnly,
    /// Reserved bits were changed that every write must preserve.
    ReservedChanged {
        /// The bits.
        bits: u64,
    },
    /// Bits were not written with the value that every write must give them.
    NotAsPrescribed {
        /// The bits.
        bits: u64,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, register, kind } = self;
        match register {
            Some(register) => write!(f, "{register} at {offset:#07x}: ")?,
            None => write!(f, "{offset:#07x}: ")?,
        }
        match kind {
            ViolationKind::NoRegister { width } => write!(f, "there is no register of {width} bits"),
            ViolationKind::ReadOfWriteOnly => f.write_str("the register is write-only and was read"),
            ViolationKind::WriteOfReadOnly => f.write_str("the register is read-only and was written"),
            ViolationKind::ReservedChanged { bits } => write!(f, "reserved bits {bits:#x} were changed"),
            ViolationKind::NotAsPrescribed { bits } => write!(f, "bits {bits:#x} were not written as prescribed"),
        }
    }
}

impl<'m, S: Space> FakeDevice<'m, S> {
    /// Makes a device after a reset, which keeps its registers in `memory`: [`Space::ELEMENTS`] numbers. With fewer,
    /// the last registers of the map are missing.
    pub fn new(memory: &'m mut [u64]) -> Self {
        let device = Self {
            values: Cell::from_mut(memory).as_slice_of_cells(),
            violations: [const { Cell::new(None) }; KEPT],
            count: Cell::new(0),
            taken: Cell::new(false),
            time: Cell::new(Duration::ZERO),
            space: PhantomData,
        };
        device.reset();
        device
    }

    /// Sets all registers to their reset values. Bits without a known reset value become 0.
    pub fn reset(&self) {
        let elements = S::REGISTERS.iter().flat_map(|info| (0..info.values()).map(move |_| info));
        for (info, value) in elements.zip(self.values) {
            value.set(info.reset.unwrap_or(0));
        }
    }

    /// Returns the bus of the device at the first call, and `None` at later calls, because a driver owns its bus.
    pub fn bus(&self) -> Option<FakeBus<'_, 'm, S>> {
        (!self.taken.replace(true)).then_some(FakeBus(self))
    }

    /// Returns the contents of element `index` of register `R`, without side effects, or `None` if there is no such
    /// element. A single register is element 0.
    ///
    /// Behind a window, `index` counts the elements of index 0 first, then the elements of index 1.
    #[must_use]
    pub fn peek<R: Register<Space = S>>(&self, index: usize) -> Option<Contents<R>> {
        Some(Contents::new(R::Width::truncate(self.cell(&R::INFO, index)?.get())))
    }

    /// Sets element `index` of register `R`, as the device itself does. Returns `false` if there is no such element. A
    /// single register is element 0.
    ///
    /// It counts as [`peek`](Self::peek) does.
    pub fn poke<R: Register<Space = S>>(&self, index: usize, value: R::Width) -> bool {
        let cell = self.cell(&R::INFO, index);
        cell.inspect(|cell| cell.set(value.into())).is_some()
    }

    /// Returns the first 16 violations.
    pub fn violations(&self) -> impl Iterator<Item = Violation> {
        self.violations.iter().map_while(Cell::get)
    }

    /// Returns the number of violations so far.
    #[must_use]
    pub fn violation_count(&self) -> usize {
        self.count.get()
    }

    fn violation(&self, offset: u32, info: Option<&RegisterInfo>, kind: ViolationKind) {
        let count = self.count.get();
        if let Some(free) = self.violations.get(count) {
            free.set(Some(Violation { offset, register: info.map(|info| info.name), kind }));
        }
        self.count.set(count.saturating_add(1));
    }

    /// Returns the value of element `index` of the register described by `wanted`.
    fn cell(&self, wanted: &RegisterInfo, index: usize) -> Option<&Cell<u64>> {
        let mut first = 0;
        for info in S::REGISTERS {
            let count = info.values();
            if info.name == wanted.name {
                return if index < count { self.values.get(first + index) } else { None };
            }
            first += count;
        }
        None
    }

    /// Returns the register that an access reaches now, and its value.
    fn reached(
        &self,
        offset: u32,
        width: u32,
        is: impl Fn(&RegisterInfo) -> bool,
    ) -> Option<(&'static RegisterInfo, &Cell<u64>)> {
        let mut here = S::REGISTERS.iter().filter(|info| info.width == width && self.is_there(info));
        here.find_map(|info| {
            let index = info.index_at(offset)?;
            if is(info) { Some((info, self.cell(info, self.selected(info)? + index as usize)?)) } else { None }
        })
    }

    /// Returns the number of values of `info` before those that an access reaches now: 0, unless it is behind a window.
    fn selected(&self, info: &RegisterInfo) -> Option<usize> {
        let Some(window) = info.window else { return Some(0) };
        let index = match window.commands {
            // A command transfers what is selected. An access reaches the value of the transfer, the last one.
            Some(_) => window.count,
            None => {
                let selector = S::REGISTERS.iter().find(|info| info.name == window.selector)?;
                let index = window.index(self.cell(selector, 0)?.get());
                if index < window.count { index } else { return None }
            }
        };
        Some(index as usize * info.count() as usize)
    }

    /// Carries out the commands that `written` gives to the index register `selector`, whose value is `cell`.
    fn carry_out(&self, selector: &RegisterInfo, cell: &Cell<u64>, written: u64) {
        let behind = S::REGISTERS.iter().filter_map(|info| Some((info, info.window?)));
        for (info, window) in behind.filter(|(_, window)| window.selector == selector.name) {
            let Some(commands) = window.commands else { continue };
            let index = window.index(written);
            let (Some(stored), Some(transferred)) =
                (self.cell(info, index as usize), self.cell(info, window.count as usize))
            else {
                continue;
            };
            let command = Some(written & commands.mask);
            if command == commands.read && index < window.count {
                transferred.set(stored.get());
            } else if command == commands.write && index < window.count {
                stored.set(transferred.get());
            } else {
                continue;
            }
            cell.set((cell.get() & !commands.done_mask) | commands.done);
        }
    }

    /// Returns `true` if other registers' fields have the values that select `info` at its address.
    fn is_there(&self, info: &RegisterInfo) -> bool {
        info.when.iter().all(|&(register, field, value)| {
            let Some(other) = S::REGISTERS.iter().find(|info| info.name == register) else { return false };
            let Some(field) = other.fields.iter().find(|described| described.name == field) else { return false };
            self.cell(other, 0).is_some_and(|cell| field.of(cell.get()) == value)
        })
    }

    /// Records an impossible access, as `kind` if a register is at `offset`, else as `NoRegister`.
    fn not_possible(&self, offset: u32, width: u32, kind: ViolationKind) {
        match self.reached(offset, width, |_| true) {
            Some((info, _)) => self.violation(offset, Some(info), kind),
            None => self.violation(offset, None, ViolationKind::NoRegister { width }),
        }
    }

    fn read(&self, offset: u32, width: u32) -> u64 {
        if let Some((info, cell)) = self.reached(offset, width, |info| info.access.is_readable()) {
            let value = cell.get();
            cell.set(after_read(info, value));
            return value;
        }
        self.not_possible(offset, width, ViolationKind::ReadOfWriteOnly);
        0
    }

    fn write(&self, offset: u32, width: u32, written: u64) {
        if let Some((info, cell)) = self.reached(offset, width, RegisterInfo::is_writable) {
            let old = cell.get();
            let changed = (old ^ written) & info.preserve;
            if changed != 0 {
                self.violation(offset, Some(info), ViolationKind::ReservedChanged { bits: changed });
            }
            let wrong = (written & info.must_be_zero) | (!written & info.must_be_one);
            if wrong != 0 {
                self.violation(offset, Some(info), ViolationKind::NotAsPrescribed { bits: wrong });
            }
            cell.set(after_write(info, old, written));
            self.carry_out(info, cell, written);
            return;
        }
        self.not_possible(offset, width, ViolationKind::WriteOfReadOnly);
    }
}

impl<S> fmt::Debug for FakeDevice<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FakeDevice({} registers, {} violations)", self.values.len(), self.count.get())
    }
}

fn after_read(info: &RegisterInfo, value: u64) -> u64 {
    let cleared = info.bits_with_access(|access| matches!(access, AccessKind::Rc | AccessKind::RcW1c));
    let set = info.bits_with_access(|access| access == AccessKind::ReadSets);
    (value & !cleared) | set
}

/// Returns the value after a write. A self-clearing bit is cleared at once: the fake device needs no time for a
/// request.
fn after_write(info: &RegisterInfo, old: u64, written: u64) -> u64 {
    let stored =
        info.bits_with_access(|access| matches!(access, AccessKind::Rw | AccessKind::Wo | AccessKind::ReadSets));
    let cleared = info.bits_with_access(|access| matches!(access, AccessKind::W1c | AccessKind::RcW1c));
    let cleared = (written & cleared) | (!written & info.bits_with_access(|access| access == AccessKind::W0c));
    let set = info.bits_with_access(|access| access == AccessKind::W1s);
    ((old & !stored) | (written & stored)) & !cleared | (written & set)
}

// SAFETY: honest and exclusive: there is one bus of each fake device, and it always reaches that one. No memory is accessed
// by the device, whatever is written.
unsafe impl<S: Space, W: Width> Bus<S, W> for FakeBus<'_, '_, S> {
    fn read(&self, offset: Offset<S, W>) -> W {
        W::truncate(self.0.read(offset.bytes(), 8 * W::BYTES))
    }

    unsafe fn write(&self, offset: Offset<S, W>, value: W) {
        self.0.write(offset.bytes(), 8 * W::BYTES, value.into());
    }
}

// SAFETY: the time that passes for the device is what this clock says.
unsafe impl<S: Space> Clock for FakeBus<'_, '_, S> {
    fn now(&self) -> Duration {
        self.0.time.get()
    }

    fn wait(&self, time: Duration) {
        self.0.time.set(self.0.time.get().saturating_add(time));
    }
}
