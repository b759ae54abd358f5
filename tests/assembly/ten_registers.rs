//! A program that uses ten registers: by the map, or by their offsets alone (`--cfg raw`). With `--cfg table` it uses the
//! table of all of them besides.

use std::process::ExitCode;
use std::ptr::NonNull;

use ixgbe::mmio::{Mmio, REGISTER_SPACE};

fn main() -> ExitCode {
    let mut memory = vec![0_u32; REGISTER_SPACE / 4];
    let base = NonNull::from(memory.as_mut_slice()).cast();
    // SAFETY: the memory plays the registers, nobody else uses it, and it is there until the end.
    let Ok(bus) = (unsafe { Mmio::new(base, REGISTER_SPACE) }) else { return ExitCode::FAILURE };
    let read = use_ten(&bus);
    #[cfg(table)]
    let read = read ^ ixgbe::registers::REGISTERS.iter().map(|one| one.name.len() as u32 ^ one.preserve as u32).sum::<u32>();
    ExitCode::from((read & 1) as u8)
}

#[cfg(not(raw))]
#[inline(never)]
fn use_ten(bus: &Mmio) -> u32 {
    use ixgbe::register::Driver;
    use ixgbe::registers::permission::{QueueEnabled, Reset};
    use ixgbe::registers::{CTRL, CTRL_EXT, Registers, RxQueue, TxQueue};
    use ixgbe::{index, value};

    // SAFETY: there is no device that could reach memory.
    let registers = unsafe { Registers::<_, Driver<Reset>>::assume_permission(bus) };
    registers.ctrl().modify(value!(CTRL { LRST: true }));
    registers.ctrl_ext().modify(value!(CTRL_EXT { DRV_LOAD: true }));
    // SAFETY: as before.
    let queues = unsafe { Registers::<_, Driver<QueueEnabled>>::assume_permission(bus) };
    queues.rdt(index!(RxQueue, 70)).ring_doorbell(31);
    queues.tdt(index!(TxQueue, 3)).ring_doorbell(31);
    registers.gprc().read_with_side_effects().get()
        ^ registers.gptc().read_with_side_effects().get()
        ^ registers.status().read().get()
        ^ registers.links().read_with_side_effects().get()
        ^ registers.rxctrl().read().get()
        ^ registers.eec().read().get()
}

#[cfg(raw)]
#[inline(never)]
fn use_ten(bus: &Mmio) -> u32 {
    use ixgbe::mmio::Offset;
    use ixgbe::runtime::bus::{Bus, order_memory_before_doorbell};

    const fn at(bytes: u32) -> Offset {
        Offset::new(bytes).unwrap()
    }
    // SAFETY: there is no device that could reach memory.
    unsafe {
        bus.write(const { at(0x00000) }, bus.read(const { at(0x00000) }) & 0xfbff_fff7 | 1 << 3);
        bus.write(const { at(0x00018) }, bus.read(const { at(0x00018) }) & 0xefff_bfff | 1 << 28);
        order_memory_before_doorbell();
        bus.write(const { at(0x0D018 + 6 * 0x40) }, 31);
        order_memory_before_doorbell();
        bus.write(const { at(0x06018 + 3 * 0x40) }, 31);
    }
    bus.read(const { at(0x04074) })
        ^ bus.read(const { at(0x04080) })
        ^ bus.read(const { at(0x00008) })
        ^ bus.read(const { at(0x042A4) })
        ^ bus.read(const { at(0x03000) })
        ^ bus.read(const { at(0x10010) })
}
