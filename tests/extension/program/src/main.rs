//! Uses what two crates add, on a bus that is plain memory, and on the model of the chip.

use std::cell::RefCell;
use std::collections::BTreeMap;

use acme::descriptors::{advanced_transmit_context_read, acme_entry, AcmeAdvancedTransmitDataRead, AcmeEntry};
use acme::permission::LogStopped;
use acme::{AcmeEXVET, AcmeRegisters, Led, ACME_CONTROL, ACME_LED, ACME_LOG, ACME_QUEUE};
use beta::{BetaEXVET, BetaRegisters, BETA_STATUS};
use ixgbe::descriptors::{AdvancedTransmitContextRead, AdvancedTransmitDataRead};
use ixgbe::device::{Config, Device};
use ixgbe::field::Value;
use ixgbe::mmio::Offset;
use ixgbe::register::{Driver, Exclusive};
use ixgbe::registers::permission::Reset;
use ixgbe::registers::{EXVET, FDIRTCPM, MacAddressEntry, RFCTL, RegisterSpace, Registers, RxQueue};
use ixgbe::runtime::bus::Bus;
use ixgbe::runtime::structure::Bytes;
use ixgbe::value;
use ixgbe_sim::{Port, PortConfig};

#[derive(Default)]
struct Memory(RefCell<BTreeMap<u32, u32>>);

// SAFETY: there is no device, and so nothing that frees memory by what is read here.
unsafe impl Bus<RegisterSpace> for Memory {
    fn read(&self, offset: Offset) -> u32 {
        self.0.borrow().get(&offset.bytes()).copied().unwrap_or_default()
    }

    unsafe fn write(&self, offset: Offset, value: u32) {
        self.0.borrow_mut().insert(offset.bytes(), value);
    }
}

impl Memory {
    fn at(&self, offset: u32) -> u32 {
        self.0.borrow().get(&offset).copied().unwrap_or_default()
    }
}

/// Reads and writes the chip's own registers on its model: a pair that Acme adds, and a register by Acme's permission.
fn on_the_model() {
    let port = Port::new(PortConfig::default());
    let platform = port.claim().expect("nothing else drives the model");
    let nic = Device::new(platform).reset(&Config::new()).expect("the model is reset");
    let mac = nic.registers().acme_mac(MacAddressEntry::constant(0)).read().to_le_bytes();
    assert_eq!(mac[..6], nic.mac(), "the pair is not the MAC address");

    // SAFETY: no filter is set, so none is compared, and nothing else writes these registers.
    let stopped = unsafe { Registers::<_, Exclusive<LogStopped>>::assume_permission(nic.platform()) };
    stopped.fdirtcpm().write(value!(FDIRTCPM { DPORTM: 0x00FF }));
    assert_eq!(nic.registers().fdirtcpm().read().field(FDIRTCPM::DPORTM), 0x00FF);
    assert_eq!(port.violations(), [], "the model complains");
}

fn main() {
    let memory = Memory::default();
    memory.0.borrow_mut().extend([(0x1F208, 77), (0x1FA00, 41)]);
    // SAFETY: there is no device that could reach memory.
    let registers = unsafe { Registers::<_, Exclusive<Reset>>::assume_permission(&memory) };

    // Fields of three crates in one value of one register.
    registers.exvet().write(value!(EXVET { VET_EXT: 0x88A8, ACME_FAN: true, ACME_COLOUR: acme::exvet::ACME_COLOUR::Green }));
    assert_eq!(memory.at(0x05078), 0x88A8 << 16 | 2 << 4 | 1 << 1);
    let read = registers.exvet().read();
    assert!(read.field(EXVET::ACME_FAN));
    assert_eq!(read.field(EXVET::ACME_COLOUR), Some(acme::exvet::ACME_COLOUR::Green));
    assert_eq!(read.field(EXVET::BETA_WINDOW), 0);

    // A further value of a field that has been there: it is read by those who know it, and has no name for the others.
    registers.rfctl().modify(value!(RFCTL { NFS_VER: acme::rfctl::NFS_VER::AcmeNfs }));
    let read = registers.rfctl().read();
    assert_eq!(read.field(RFCTL::NFS_VER), None);
    assert_eq!(read.field(RFCTL::NFS_VER.values::<acme::rfctl::NFS_VER>()), Some(acme::rfctl::NFS_VER::AcmeNfs));
    let at_run_time = Value::<RFCTL>::EMPTY.try_with(RFCTL::NFS_VER, acme::rfctl::NFS_VER::AcmeNfs);
    assert_eq!(at_run_time.map(|value| value.bits()[0]), Ok(3 << 8));

    // Further registers and arrays, by an index of their own and by one that has been there.
    registers.acme_control().write(value!(ACME_CONTROL { SPEED: 7, MODE: acme::acme_control::MODE::Cold }));
    assert_eq!(memory.at(0x1F000), 1 << 4 | 7);
    for led in Led::all() {
        registers.acme_led(led).write(value!(ACME_LED { ON: true }));
    }
    assert_eq!([0x1F010, 0x1F014, 0x1F100, 0x1F108].map(|at| memory.at(at)), [1; 4]);
    let queue = RxQueue::constant(2);
    assert_eq!(registers.acme_queue(queue).read_with_side_effects().field(ACME_QUEUE::PACKETS), 77);
    assert_eq!(registers.beta_status().read().field(BETA_STATUS::TEMPERATURE), 41);

    // A pair of registers of the board: an address, which only a driver has.
    // SAFETY: as above.
    let driver = unsafe { Registers::<_, Driver<Reset>>::assume_permission(&memory) };
    let address = driver.acme_dma_address();
    assert_eq!(address.read(), 0);

    // A permission of the board is one of the chip's as well, which it implies.
    // SAFETY: as above.
    let stopped = unsafe { Registers::<_, LogStopped>::assume_permission(&memory) };
    stopped.acme_log().write(value!(ACME_LOG { ENTRIES: 9 }));
    stopped.fdirtcpm().write(value!(FDIRTCPM { SPORTM: 0xFFFF }));
    assert_eq!([memory.at(0x1F808), memory.at(0x0EE44)], [9, 0xFFFF]);

    // A field of a descriptor, a value of one, and a structure of the board.
    let data = value!(AdvancedTransmitDataRead { EOP: true, ACME_TRACE: true });
    assert_eq!(data.bits(), [0, 1 << (90 - 64) | 1 << (88 - 64)]);
    let context = value!(AdvancedTransmitContextRead { L4T: advanced_transmit_context_read::L4T::AcmeOther });
    assert_eq!(context.bits(), [0, 3 << (75 - 64)]);
    let mut entry = [0; 6];
    let mut log = Bytes::<AcmeEntry, _>::new(&mut entry).expect("six bytes are an entry");
    log.set(AcmeEntry::WHAT, acme_entry::WHAT::Cold).expect("it has a name");
    log.set(AcmeEntry::WHEN, 0x01020304).expect("it fits");
    assert_eq!(entry, [0, 2, 1, 2, 3, 4]);

    on_the_model();

    let names = acme::REGISTERS.iter().chain(beta::REGISTERS).map(|register| register.name);
    println!("{}", names.collect::<Vec<_>>().join(" "));
}
