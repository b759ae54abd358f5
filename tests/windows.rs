//! Windows: what an index register selects, on a device that has each element.

use std::error::Error;
use std::time::Duration;

use ixgbe::registers::permission::Reset;
use ixgbe::registers::{PCIEPHYADR, PCIEPHYDAT, RTTBCNRC, RTTDQSEL, RTTDT1C, RegisterSpace, TxQueue, Windows};
use ixgbe::runtime::array::{Below, Index};
use ixgbe::runtime::bus::Bus;
use ixgbe::runtime::fake::{FakeBus, FakeDevice};
use ixgbe::runtime::register::Driver;
use ixgbe::runtime::space::{Offset, Space};
use ixgbe::{index, value};

type Result = std::result::Result<(), Box<dyn Error>>;

/// The time limit of a command.
const LIMIT: Duration = Duration::from_millis(1);

fn memory() -> Vec<u64> {
    vec![0; RegisterSpace::ELEMENTS]
}

/// Returns the windows of a device that accesses no memory.
fn windows<B>(bus: &B) -> Windows<'_, B, Driver<Reset>> {
    // SAFETY: each test takes the windows of its device once; a fake device accesses no memory and cannot be destroyed.
    unsafe { Windows::assume_permission(bus) }
}

#[test]
fn a_write_changes_the_selected_element_alone() -> Result {
    let mut memory = memory();
    let device = FakeDevice::<RegisterSpace>::new(&mut memory);
    let bus = device.bus().ok_or("no bus")?;
    let mut windows = windows(&bus);
    let queue = windows.transmit_queue.select(index!(TxQueue, 3));
    queue.rttdt1c().write_full(value!(RTTDT1C { CRQ: 70 }).full()?);
    queue.rttbcnrc().modify(value!(RTTBCNRC { RF_INT: 5 }));
    assert_eq!(device.peek::<RTTDQSEL>(0).map(|select| select.field(RTTDQSEL::TXDQ_IDX)), Some(3));

    let queue = windows.transmit_queue.select(index!(TxQueue, 4));
    assert_eq!(queue.rttdt1c().read().field(RTTDT1C::CRQ), 0);
    assert_eq!(queue.rttbcnrc().read().field(RTTBCNRC::RF_INT), 0);
    let queue = windows.transmit_queue.select(index!(TxQueue, 3));
    assert_eq!(queue.rttdt1c().read().field(RTTDT1C::CRQ), 70);
    assert_eq!(queue.rttbcnrc().read().field(RTTBCNRC::RF_INT), 5);

    let credits = |queue| device.peek::<RTTDT1C>(queue).map(|credits| credits.field(RTTDT1C::CRQ));
    assert_eq!((credits(2), credits(3), credits(4), credits(128)), (Some(0), Some(70), Some(0), None));
    assert_eq!(device.violation_count(), 0);
    Ok(())
}

#[test]
fn each_element_starts_with_the_reset_value_and_is_the_devices_to_change() -> Result {
    let mut memory = memory();
    let device = FakeDevice::<RegisterSpace>::new(&mut memory);
    let bus = device.bus().ok_or("no bus")?;
    let mut windows = windows(&bus);
    assert!(device.poke::<RTTDT1C>(127, 9));
    assert!(!device.poke::<RTTDT1C>(128, 9));
    for queue in TxQueue::all() {
        let read = windows.transmit_queue.select(queue).rttdt1c().read().field(RTTDT1C::CRQ);
        assert_eq!(read, if queue.get() == 127 { 9 } else { 0 });
    }
    Ok(())
}

#[test]
fn commands_transfer_one_element() -> Result {
    let mut memory = memory();
    let device = FakeDevice::<RegisterSpace>::new(&mut memory);
    let bus = device.bus().ok_or("no bus")?;
    let mut windows = windows(&bus);
    let (low, high) = (index!(Index<Below<4096>>, 0), index!(Index<Below<4096>>, 4095));
    windows.pcie_phy.write(high, value!(PCIEPHYDAT { DATA: 0xABCD }).full()?, &bus, LIMIT)?;
    assert_eq!(windows.pcie_phy.read(low, &bus, LIMIT)?.get(), 0);
    assert_eq!(windows.pcie_phy.read(high, &bus, LIMIT)?.get(), 0xABCD);

    let address = device.peek::<PCIEPHYADR>(0).ok_or("no PCIEPHYADR")?;
    assert_eq!(address.field(PCIEPHYADR::ADDRESS), 4095);
    assert_eq!(address.field(PCIEPHYADR::BYTE_ENABLE), 15);
    assert!(address.field(PCIEPHYADR::READ_ENABLE) && !address.field(PCIEPHYADR::WRITE_ENABLE));
    let phy = |at| device.peek::<PCIEPHYDAT>(at).map(|data| data.get());
    assert_eq!((phy(0), phy(4094), phy(4095)), (Some(0), Some(0), Some(0xABCD)));
    assert_eq!(device.violation_count(), 0);
    Ok(())
}

/// A bus of a device that carries out no command.
struct Stuck<'d, 'm>(FakeBus<'d, 'm, RegisterSpace>);

// SAFETY: as the bus behind it, whose device accesses no memory; it reads 0 where the device has not answered.
unsafe impl Bus<RegisterSpace> for Stuck<'_, '_> {
    fn read(&self, offset: Offset<RegisterSpace>) -> u32 {
        if offset == PCIEPHYADR::OFFSET { 0 } else { self.0.read(offset) }
    }

    unsafe fn write(&self, offset: Offset<RegisterSpace>, value: u32) {
        // SAFETY: the caller keeps this contract, which is the same.
        unsafe { self.0.write(offset, value) }
    }
}

#[test]
fn a_command_that_is_not_carried_out_ends_in_an_error() -> Result {
    let mut memory = memory();
    let device = FakeDevice::<RegisterSpace>::new(&mut memory);
    let bus = Stuck(device.bus().ok_or("no bus")?);
    let mut windows = windows(&bus);
    let error = windows.pcie_phy.read(index!(Index<Below<4096>>, 1), &bus.0, LIMIT).err().ok_or("it ended")?;
    assert_eq!((error.register, error.last, error.limit), ("PCIEPHYADR", 0, LIMIT));
    Ok(())
}
