//! What is written to registers and descriptors has no bit that software may not set, whatever asked for it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use ixgbe::field::access::ReadWrite;
use ixgbe::field::{Bits, Flag, Layout, Value};
use ixgbe::index;
use ixgbe::mmio::{Below, Index, Offset};
use ixgbe::registers::permission::Reset;
use ixgbe::registers::{DCA_RXCTRL, MMAH, MMAL, RegisterSpace, Registers, SRRCTL};
use ixgbe::runtime::bus::Bus;

/// A bus on which there is no device: it keeps what is written.
#[derive(Default)]
struct Memory(RefCell<BTreeMap<u32, u32>>);

// SAFETY: there is no device, and so nothing that reads memory or is freed by what is read here.
unsafe impl Bus<RegisterSpace> for Memory {
    fn read(&self, offset: Offset) -> u32 {
        self.0.borrow().get(&offset.bytes()).copied().unwrap_or_default()
    }

    unsafe fn write(&self, offset: Offset, value: u32) {
        self.0.borrow_mut().insert(offset.bytes(), value);
    }
}

#[test]
fn fields_that_a_generator_made_wrongly_set_what_may_be_set_alone() -> Result<(), Box<dyn std::error::Error>> {
    // SAFETY: these are what a wrong generator would make. Nothing is written with them.
    const READ_ONLY: Flag<DCA_RXCTRL, 11, ReadWrite> = unsafe { Flag::new("READ_ONLY") };
    // SAFETY: as above: nothing is written.
    const ALL: Bits<SRRCTL, 0, 32, ReadWrite> = unsafe { Bits::new("ALL") };
    assert_eq!(DCA_RXCTRL::WRITABLE[0] >> 11 & 1, 0, "the bit can be set, and this test shows nothing");
    assert_ne!(SRRCTL::WRITABLE[0], 0xffff_ffff, "all bits can be set, and this test shows nothing");

    let constants = [READ_ONLY.constant(true).bits(), ALL.constant(0xffff_ffff).bits()];
    assert_eq!(constants, [[0; 2], SRRCTL::WRITABLE]);
    assert_eq!(Value::EMPTY.with(READ_ONLY, true).bits(), [0; 2]);
    assert_eq!(Value::EMPTY.try_with(READ_ONLY, true)?.mask(), [0; 2]);
    let all = Value::EMPTY.try_with(ALL, 0xffff_ffff)?;
    assert_eq!([all.mask(), all.bits()], [SRRCTL::WRITABLE; 2]);
    Ok(())
}

#[test]
fn pairs_write_no_bit_that_software_may_not_set() {
    let (memory, number) = (Memory::default(), index!(Index<Below<4>>, 0));
    // SAFETY: there is no device.
    let registers = unsafe { Registers::<_, Reset>::assume_permission(&memory) };
    assert_ne!(MMAH::WRITABLE[0], 0xffff_ffff, "all bits can be set, and this test shows nothing");

    registers.mma(number).write(u64::MAX);
    let written = [MMAL::ARRAY.offset(number), MMAH::ARRAY.offset(number)].map(|at| u64::from(memory.read(at)));
    assert_eq!(written, [MMAL::WRITABLE[0], MMAH::WRITABLE[0]]);
}

#[test]
fn an_index_of_nothing_is_refused_in_words() {
    let refused = Index::<Below<0>>::new(0).map_err(|error| error.to_string());
    assert_eq!(refused, Err("there is no element 0: there are none".to_owned()));
    assert_eq!(Index::<Below<0>>::all().count(), 0);
    let refused = Index::<Below<2>>::new(2).map_err(|error| error.to_string());
    assert_eq!(refused, Err("there is no element 2: they are numbered 0 to 1".to_owned()));
}
