//! Permitted actions of a driver are no violations. Where sections of the datasheet differ, the violation is a doubt.

mod common;

use std::sync::atomic::Ordering;

use common::*;
use ixgbe::mmio::Offset;
use ixgbe_sim::{Rule, Severity};

const PFVLVF: u32 = 0xF100;

/// Returns a driver that is reset and configured, without a wire.
fn configured() -> Driver {
    let driver = Driver::new();
    driver.reset();
    driver.configure();
    driver.clean();
    driver
}

#[test]
fn bit_0_of_a_legacy_descriptor_is_a_length() {
    let mut driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.srrctl = 2 | 4 << 8;
    driver.reset();
    driver.configure();
    let ring = TestRing::new(&driver.port, 64, 2048);
    driver.prepare_rx(0, &ring);
    driver.write(rx(0, 0x28), ENABLE);
    assert!(driver.until(rx(0, 0x28), ENABLE, ENABLE));
    for n in 0..64 {
        ring.ring.word(n * 2).store(ring.buffers.address(n * 2048), Ordering::Relaxed);
        // Odd lengths of the previous round; descriptor 5 also has DD.
        ring.ring.word(n * 2 + 1).store(77 | u64::from(n == 5) << 32, Ordering::Relaxed);
    }
    driver.write(rx(0, 0x18), 63);
    driver.start_receive();
    (0..5).for_each(|_| driver.port.deliver(&frame(MAC, 60)));
    assert_eq!(driver.port.counters().delivered, 5);
    driver.clean();
    driver.port.deliver(&frame(MAC, 60));
    assert_eq!(driver.broken(), [Rule::ReceiveDescriptorMalformed]);
}

#[test]
fn a_queues_thresholds_are_checked_when_it_is_enabled() {
    let driver = configured();
    driver.start_transmit_dma();
    driver.write(tx(3, 0x28), 36);
    driver.write(tx(3, 0x28), 36 | 8 << 8);
    let ring = TestRing::new(&driver.port, 64, 2048);
    driver.prepare_tx(3, &ring);
    driver.write(tx(3, 0x28), 36 | 8 << 8 | ENABLE);
    driver.clean();
}

#[test]
fn receive_dma_is_checked_when_reception_is_enabled() {
    let driver = configured();
    // One after the other, and a queue's bit 12 last.
    let control = driver.read(RDRXCTL);
    driver.write(RDRXCTL, control & !(3 << 25) | 8 << 17);
    driver.write(RDRXCTL, control & !(1 << 26));
    driver.write(RDRXCTL, control);
    driver.write(rx(0, 0x0C), 0xB200);
    driver.write(rx(0, 0x0C), 0xA200);
    driver.clean();
}

#[test]
fn before_its_own_reset_a_driver_need_not_await_the_eeprom() {
    let driver = Driver::new();
    driver.port.reset_function();
    driver.wait_us(20_000);
    driver.write(MTA, 0);
    driver.clean();
    driver.reset();
    driver.write(MTA, 0);
    driver.clean();
}

#[test]
fn reserved_bits_of_unknown_value_may_be_kept_and_may_be_cleared() {
    let driver = Driver::new();
    driver.reset();
    let unknown = [(VLNCTRL, 0x0FFF_0000), (PFVLVF + 12, 0x7FFF_F000)];
    for (at, reserved) in unknown {
        assert_ne!(driver.port.peek(Offset::new(at).unwrap()) & reserved, 0, "{at:#x} has some");
        driver.write(at, driver.read(at));
        driver.write(at, driver.read(at) & !reserved);
        driver.clean();
        driver.write(at, driver.read(at) | reserved);
        assert_eq!(driver.broken(), [Rule::ReservedBit], "{at:#x}: none may be set");
    }
}

#[test]
fn where_sections_differ_the_violation_is_a_doubt_that_names_both() {
    let doubts: Vec<Rule> = Rule::ALL.iter().copied().filter(|rule| rule.severity() == Severity::Doubt).collect();
    let known = [
        Rule::UnusedBufferSized,
        Rule::PausedWithoutHalt,
        Rule::DcaReservedBitSet,
        Rule::NoSnoopEnabled,
        Rule::AddressEntryNotCleared,
    ];
    assert_eq!(doubts, known);
    for rule in doubts {
        assert!(rule.section().split(", ").count() >= 2, "{rule:?}: {}", rule.section());
    }
    // Changing a filter with RXEN alone: switching RXEN off is a doubt, and so is switching it on again.
    let driver = Driver::running();
    driver.write(RXCTRL, 0);
    driver.write(FCTRL, 1 << 9 | 1 << 10);
    driver.write(RXCTRL, 1);
    assert_eq!(driver.broken(), [Rule::PausedWithoutHalt]);
    // For the first RXEN after a reset, it is an error.
    let mut driver = configured();
    driver.add_rx(0, 64);
    driver.write(RXCTRL, 1);
    assert_eq!(driver.broken(), [Rule::ReceiveNotHalted]);
    // Without DCB, the sizes after a reset are doubts; with DCB they are errors.
    for (mtqc, rule) in [(0, Rule::UnusedBufferSized), (1, Rule::TransmitBufferTooLarge)] {
        let mut driver = configured();
        driver.set(RTTDCS, 1 << 6);
        driver.write(MTQC, mtqc);
        driver.write(TXPBSIZE + 4, 160 << 10);
        driver.clear(RTTDCS, 1 << 6);
        driver.start_transmit_dma();
        driver.port.clear_violations();
        driver.txdctl = 0;
        driver.add_tx(0, 64);
        let broken = driver.broken();
        assert!(broken.contains(&rule), "{broken:?}");
        assert_eq!(broken.contains(&Rule::UnusedBufferSized), mtqc == 0, "{broken:?}");
    }
}
