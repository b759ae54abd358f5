//! The I2C bus to a pluggable module, driven bit by bit through I2CCTL (datasheet 8.2.3.1.5).
//!
//! The bus is slower than 100 kHz, as the modules' standard asks for. Every wait has a limit, also for a module that
//! holds the clock. Nothing but the address to read from is ever written to a module.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::clock::{self, Clock};
use crate::device::semaphore::{Resource, with_resource};
use crate::device::{Error, Finding, Medium, pins};
use crate::field::Value;
use crate::mmio::Bus;
use crate::module::{Form, Module, PAGE};
use crate::register::Driver;
use crate::registers::permission::Reset;
use crate::registers::{ESDP, I2CCTL, Registers, STATUS, esdp};

/// The I2C addresses of a module: its identification, and what it measures.
const IDENTIFICATION: u8 = 0xA0;
const DIAGNOSTICS: u8 = 0xA2;

/// The bus's times, each at least what the standard asks for at 100 kHz.
mod time {
    use core::time::Duration;

    pub(super) const CLOCK_LOW: Duration = Duration::from_micros(5);
    pub(super) const CLOCK_HIGH: Duration = Duration::from_micros(4);
    pub(super) const START: Duration = Duration::from_micros(5);
    pub(super) const STOP: Duration = Duration::from_micros(5);
    /// Rise, fall and hold of the data line.
    pub(super) const DATA: Duration = Duration::from_micros(3);
    /// The limit for a module that holds the clock.
    pub(super) const STRETCH: Duration = Duration::from_micros(500);
    /// The limit for an acknowledgement while the clock is high.
    pub(super) const ACKNOWLEDGE: Duration = Duration::from_micros(10);
    /// The pause between two looks at a line.
    pub(super) const LOOK: Duration = Duration::from_micros(1);
    /// The limit for the arbiter of a QSFP cage.
    pub(super) const GRANT: Duration = Duration::from_secs(1);
    pub(super) const GRANT_LOOK: Duration = Duration::from_millis(5);
}

/// The number of bytes that are read while the semaphore is held: about 4 ms.
const CHUNK: usize = 32;
/// The number of tries to read a module, as drivers have it that are proven on silicon.
pub(crate) const TRIES: u32 = 11;
/// Among them, tries for a module that answers and is not [plausible](is_plausible).
const BOOTING: u32 = 5;
/// The pause between two tries.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// The reason for which a module cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModuleError {
    /// The port has no cage, or its PCI device id is not known.
    NoCage,
    /// Nothing answers on the bus: the cage is empty.
    NoAnswer,
    /// Something answered, and then stopped in the middle of a transfer.
    Interrupted,
    /// The clock line stays low.
    ClockHeld,
    /// The data line stays low.
    DataHeld,
    /// The arbiter of a QSFP cage does not give the bus.
    NotGranted,
}

impl fmt::Display for ModuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCage => "the port has no cage for modules, as far as its PCI device id says",
            Self::NoAnswer => "nothing answers on the I2C bus",
            Self::Interrupted => "the module stopped answering in the middle of a transfer",
            Self::ClockHeld => "the I2C clock line stays low",
            Self::DataHeld => "the I2C data line stays low",
            Self::NotGranted => "the arbiter does not give the I2C bus",
        })
    }
}

impl core::error::Error for ModuleError {}

/// Reads the module, with what it measures, in a few tries.
pub(crate) fn module<D: Bus + Clock>(
    device: &D,
    medium: Option<Medium>,
    findings: &mut Vec<Finding>,
) -> Result<Module, Error> {
    let mut result = Err(Error::Module(ModuleError::NoAnswer));
    for tried in 0..TRIES {
        if tried > 0 {
            clear(device, findings)?;
            device.wait(PAUSE);
        }
        result = try_module(device, medium, findings);
        match result {
            Ok(module) if is_plausible(&module) || tried >= BOOTING => break,
            // The arbiter had a second already.
            Err(Error::Module(ModuleError::NoCage | ModuleError::NotGranted)) => break,
            Ok(_) | Err(Error::Module(_)) => {}
            Err(_) => break,
        }
    }
    result
}

/// Returns `true` unless the module was misread, or is still booting: it then shows a wrong identifier or a wrong sum.
pub(crate) fn is_plausible(module: &Module) -> bool {
    module.is_intact() && !matches!(module.form, Form::Other(_))
}

/// Reads the module once.
fn try_module<D: Bus + Clock>(
    device: &D,
    medium: Option<Medium>,
    findings: &mut Vec<Finding>,
) -> Result<Module, Error> {
    let (module, page) = identify(device, medium, findings)?;
    if !module.measures(&page) {
        return Ok(module);
    }
    let mut measured = [0; PAGE];
    read(device, medium, findings, DIAGNOSTICS, 0, &mut measured)?;
    Ok(module.with_diagnostics(&page, &measured))
}

/// Reads once how the module identifies itself.
pub(crate) fn identify<D: Bus + Clock>(
    device: &D,
    medium: Option<Medium>,
    findings: &mut Vec<Finding>,
) -> Result<(Module, [u8; PAGE]), Error> {
    let mut page = [0; PAGE];
    if medium == Some(Medium::QsfpCage) {
        // Upper page 0 is the one that is selected after power-on. Byte 128 repeats the identifier.
        read(device, medium, findings, IDENTIFICATION, 128, &mut page)?;
        return Ok((Module::from_sff8636(&page), page));
    }
    read(device, medium, findings, IDENTIFICATION, 0, &mut page)?;
    Ok((Module::from_sff8472(&page), page))
}

/// Asks the module for one byte: the shortest sign of life.
pub(crate) fn probe<D: Bus + Clock>(
    device: &D,
    medium: Option<Medium>,
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    read(device, medium, findings, IDENTIFICATION, 0, &mut [0])
}

/// Reads `into.len()` bytes from `offset` on.
fn read<D: Bus + Clock>(
    device: &D,
    medium: Option<Medium>,
    findings: &mut Vec<Finding>,
    address: u8,
    offset: u8,
    into: &mut [u8],
) -> Result<(), Error> {
    if !medium.is_some_and(Medium::has_cage) {
        return Err(Error::Module(ModuleError::NoCage));
    }
    let mut at = offset;
    for chunk in into.chunks_mut(CHUNK) {
        with_resource(device, bus_of(device), findings, |registers| {
            let wires = Wires { device, registers };
            let arbiter = medium == Some(Medium::QsfpCage);
            if arbiter {
                wires.request()?;
            }
            let result = wires.read(address, at, chunk);
            if result.is_err() {
                // The module must not take the next transfer for the rest of this one.
                _ = wires.stop();
            }
            if arbiter {
                wires.release();
            }
            result
        })?
        .map_err(Error::Module)?;
        at = at.wrapping_add(CHUNK as u8);
    }
    Ok(())
}

/// Frees the data line from a module that waits for clocks.
pub(crate) fn clear<D: Bus + Clock>(device: &D, findings: &mut Vec<Finding>) -> Result<(), Error> {
    with_resource(device, bus_of(device), findings, |registers| Wires { device, registers }.clear())
}

/// Returns the semaphore of the port's serial buses.
fn bus_of<D: Bus>(device: &D) -> Resource {
    Resource::phy(pins::registers(device).status().read().field(STATUS::LAN_ID))
}

/// The two lines of the bus. A line that is driven high is released: the module can pull it low.
struct Wires<'a, D> {
    device: &'a D,
    registers: Registers<'a, D, Driver<Reset>>,
}

impl<D: Bus + Clock> Wires<'_, D> {
    fn set(&self, clock: bool, data: bool) {
        let lines = Value::EMPTY.with(I2CCTL::I2C_CLK_OUT, clock).with(I2CCTL::I2C_DATA_OUT, data);
        self.registers.i2cctl().modify(lines);
    }

    /// Releases the clock, and waits until it is high: a module may hold it for a while.
    fn raise(&self, data: bool) -> Result<(), ModuleError> {
        self.set(true, data);
        let high = || self.registers.i2cctl().read().field(I2CCTL::I2C_CLK_IN).then_some(());
        clock::poll(self.device, time::STRETCH, time::LOOK, high).map_err(|_| ModuleError::ClockHeld)
    }

    fn data(&self) -> bool {
        self.registers.i2cctl().read().field(I2CCTL::I2C_DATA_IN)
    }

    /// Sends a start condition, also in the middle of a transfer.
    fn start(&self) -> Result<(), ModuleError> {
        self.set(false, true);
        self.device.wait(time::CLOCK_LOW);
        self.raise(true)?;
        self.device.wait(time::START);
        if !self.data() {
            return Err(ModuleError::DataHeld);
        }
        self.set(true, false);
        self.device.wait(time::START);
        self.set(false, false);
        self.device.wait(time::CLOCK_LOW);
        Ok(())
    }

    /// Sends a stop condition.
    fn stop(&self) -> Result<(), ModuleError> {
        self.set(false, false);
        self.device.wait(time::CLOCK_LOW);
        let raised = self.raise(false);
        self.device.wait(time::STOP);
        self.set(true, true);
        self.device.wait(time::STOP);
        raised
    }

    /// Clocks one bit. Returns what `look` sees while the clock is high.
    fn clock<T>(&self, data: bool, look: impl FnOnce() -> T) -> Result<T, ModuleError> {
        self.set(false, data);
        self.device.wait(time::DATA);
        self.raise(data)?;
        self.device.wait(time::CLOCK_HIGH);
        let seen = look();
        self.set(false, data);
        self.device.wait(time::CLOCK_LOW);
        Ok(seen)
    }

    /// Sends a byte. Returns `true` if it was acknowledged.
    fn send(&self, byte: u8) -> Result<bool, ModuleError> {
        for n in (0..8).rev() {
            self.clock(byte >> n & 1 != 0, || ())?;
        }
        let low = || (!self.data()).then_some(());
        self.clock(true, || clock::poll(self.device, time::ACKNOWLEDGE, time::LOOK, low).is_ok())
    }

    /// Receives a byte, and acknowledges it if more are to follow.
    fn receive(&self, more: bool) -> Result<u8, ModuleError> {
        let mut byte = 0;
        for _ in 0..8 {
            byte = byte << 1 | u8::from(self.clock(true, || self.data())?);
        }
        self.clock(!more, || ())?;
        Ok(byte)
    }

    fn read(&self, address: u8, offset: u8, into: &mut [u8]) -> Result<(), ModuleError> {
        self.start()?;
        if !self.send(address)? {
            return Err(ModuleError::NoAnswer);
        }
        let acknowledged = self.send(offset)?;
        self.start()?;
        if !(acknowledged && self.send(address | 1)?) {
            return Err(ModuleError::Interrupted);
        }
        let last = into.len().saturating_sub(1);
        for (n, byte) in into.iter_mut().enumerate() {
            *byte = self.receive(n < last)?;
        }
        self.stop()
    }

    /// Clocks out what a module may still want to send.
    fn clear(&self) {
        // A line that stays low shows in the next transfer.
        _ = self.start();
        for _ in 0..9 {
            _ = self.clock(true, || ());
        }
        _ = self.start();
        _ = self.stop();
    }

    /// Requests the bus of a QSFP cage from its arbiter, by SDP0; SDP1 grants it.
    fn request(&self) -> Result<(), ModuleError> {
        let pins = Value::EMPTY
            .with(ESDP::SDP0_NATIVE, false)
            .with(ESDP::SDP1_NATIVE, false)
            .with(ESDP::SDP0_IODIR, esdp::SDP0_IODIR::Output)
            .with(ESDP::SDP1_IODIR, esdp::SDP1_IODIR::Input);
        self.registers.esdp().modify(pins.with(ESDP::SDP0_DATA, false));
        self.registers.esdp().modify(Value::EMPTY.with(ESDP::SDP0_DATA, true));
        let granted = || self.registers.esdp().read().field(ESDP::SDP1_DATA).then_some(());
        let result = clock::poll(self.device, time::GRANT, time::GRANT_LOOK, granted);
        if result.is_err() {
            self.release();
        }
        result.map_err(|_| ModuleError::NotGranted)
    }

    fn release(&self) {
        self.registers.esdp().modify(Value::EMPTY.with(ESDP::SDP0_DATA, false));
    }
}
