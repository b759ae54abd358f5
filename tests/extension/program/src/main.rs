//! Uses what two crates add, on a bus that is plain memory.

use std::cell::RefCell;
use std::collections::BTreeMap;

use acme::{AcmeCTRL_EXT, AcmeRegisters, Led, ACME_CONTROL, ACME_LED, ACME_QUEUE};
use beta::{BetaCTRL_EXT, BetaRegisters, BETA_STATUS};
use ixgbe::field::{Fields, Value};
use ixgbe::mmio::{Bus, Offset};
use ixgbe::register::Exclusive;
use ixgbe::registers::permission::Reset;
use ixgbe::registers::{CTRL_EXT, EEC, Registers, RxQueue};
use ixgbe::value;

#[derive(Default)]
struct Memory(RefCell<BTreeMap<u32, u32>>);

// SAFETY: there is no device, and so nothing that frees memory by what is read here.
unsafe impl Bus for Memory {
    fn read32(&self, offset: Offset) -> u32 {
        self.0.borrow().get(&offset.bytes()).copied().unwrap_or_default()
    }

    unsafe fn write32(&self, offset: Offset, value: u32) {
        self.0.borrow_mut().insert(offset.bytes(), value);
    }
}

impl Memory {
    fn at(&self, offset: u32) -> u32 {
        self.0.borrow().get(&offset).copied().unwrap_or_default()
    }
}

fn main() {
    let memory = Memory::default();
    memory.0.borrow_mut().extend([(0x1F208, 77), (0x1FA00, 41)]);
    // SAFETY: there is no device that could reach memory.
    let registers = unsafe { Registers::<_, Exclusive<Reset>>::assume(&memory) };

    // Fields of three crates in one value of one register.
    registers.ctrl_ext().write(value!(CTRL_EXT { DRV_LOAD: true, ACME_FAN: true, ACME_COLOUR: acme::ctrl_ext::ACME_COLOUR::Green }));
    assert_eq!(memory.at(0x00018), 1 << 28 | 2 << 4 | 1 << 1);
    let read = registers.ctrl_ext().read();
    assert!(read.field(CTRL_EXT::ACME_FAN));
    assert_eq!(read.field(CTRL_EXT::ACME_COLOUR), Some(acme::ctrl_ext::ACME_COLOUR::Green));
    assert_eq!(read.field(CTRL_EXT::BETA_WINDOW), 0);

    // A further value of a field that has been there: it is read by those who know it, and has no name for the others.
    registers.eec().modify(value!(EEC { FWE: acme::eec::FWE::AcmeUnlocked }));
    let read = registers.eec().read();
    assert_eq!(read.field(EEC::FWE), None);
    assert_eq!(read.field(EEC::FWE.values::<acme::eec::FWE>()), Some(acme::eec::FWE::AcmeUnlocked));
    let at_run_time = Value::<EEC>::EMPTY.try_with(EEC::FWE, acme::eec::FWE::AcmeUnlocked);
    assert_eq!(at_run_time.map(|value| value.bits()[0]), Ok(3 << 4));

    // Further registers and arrays, by an index of their own and by one that has been there.
    registers.acme_control().write(value!(ACME_CONTROL { SPEED: 7, MODE: acme::acme_control::MODE::Cold }));
    assert_eq!(memory.at(0x1F000), 1 << 4 | 7);
    for led in Led::all() {
        registers.acme_led(led).write(value!(ACME_LED { ON: true }));
    }
    assert_eq!([0x1F010, 0x1F014, 0x1F100, 0x1F108].map(|at| memory.at(at)), [1; 4]);
    let queue = RxQueue::constant(2);
    assert_eq!(registers.acme_queue(queue).read_with_effect().field(ACME_QUEUE::PACKETS), 77);
    assert_eq!(registers.beta_status().read().field(BETA_STATUS::TEMPERATURE), 41);

    let names = acme::REGISTERS.iter().chain(beta::REGISTERS).map(|register| register.name);
    println!("{}", names.collect::<Vec<_>>().join(" "));
}
