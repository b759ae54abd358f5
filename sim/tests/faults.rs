//! Every fault is visible to a driver, and disappears when it is cleared.

mod common;

use common::*;
use ixgbe::dma::{Dma, DmaError};
use ixgbe_sim::Fault;

/// Returns a driver that is reset and configured.
fn configured() -> Driver {
    let driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.reset();
    driver.configure();
    driver
}

/// Starts a reset and waits until registers may be accessed.
fn start_reset(driver: &Driver) {
    driver.master_disable();
    driver.set(CTRL, 1 << 26);
    driver.wait_us(2_000);
}

#[test]
fn blocked_operations_finish_when_the_fault_is_cleared() {
    // Fault, operation, and the register that shows the result.
    type Case = (Fault, fn(&mut Driver), u32, u32, u32);
    let prepare_rx = |d: &mut Driver| {
        let ring = TestRing::new(&d.port, 64, 2048);
        d.prepare_rx(0, &ring);
        d.rx.push((0, ring));
        d.write(rx(0, 0x28), ENABLE);
    };
    let prepare_tx = |d: &mut Driver| {
        d.start_transmit_dma();
        let ring = TestRing::new(&d.port, 64, 2048);
        d.prepare_tx(0, &ring);
        d.tx.push((0, ring));
        d.write(tx(0, 0x28), ENABLE);
    };
    let cases: [Case; 12] = [
        (Fault::ResetNeverEnds, |d| start_reset(d), CTRL, 1 << 26, 0),
        (Fault::EepromNeverDone, |d| start_reset(d), EEC, 1 << 9, 1 << 9),
        (Fault::DmaInitNeverDone, |d| start_reset(d), RDRXCTL, 1 << 3, 1 << 3),
        (Fault::EepromReadNeverDone, |d| d.write(EERD, 0x3F << 2 | 1), EERD, 2, 2),
        (Fault::SecRxNeverReady, |d| d.set(SECRXCTRL, 2), SECRXSTAT, 1, 1),
        (Fault::SecTxNeverReady, |d| d.set(0x8800, 2), 0x8804, 1, 1),
        (Fault::RxQueueNeverEnables, prepare_rx, rx(0, 0x28), ENABLE, ENABLE),
        (Fault::TxQueueNeverEnables, prepare_tx, tx(0, 0x28), ENABLE, ENABLE),
        (
            Fault::RxQueueNeverDisables,
            |d| {
                d.add_rx(0, 64);
                d.clear(rx(0, 0x28), ENABLE);
            },
            rx(0, 0x28),
            ENABLE,
            0,
        ),
        (
            Fault::TxQueueNeverDisables,
            |d| {
                d.start_transmit_dma();
                d.add_tx(0, 64);
                d.clear(tx(0, 0x28), ENABLE);
            },
            tx(0, 0x28),
            ENABLE,
            0,
        ),
        (Fault::MasterNeverStops, |d| d.set(CTRL, 1 << 2), STATUS, 1 << 19, 0),
        (Fault::LinkNeverUp, |d| d.set(AUTOC, 1 << 12), LINKS, 1 << 30, 1 << 30),
    ];
    for (fault, act, at, mask, value) in cases {
        let mut driver = configured();
        driver.clean();
        driver.port.inject(fault);
        act(&mut driver);
        assert!(!driver.until(at, mask, value), "{fault:?} does not show");
        driver.port.clear(fault);
        assert!(driver.until(at, mask, value), "{fault:?} stays when cleared");
        driver.clean();
    }
}

#[test]
fn a_missing_and_a_corrupt_eeprom() {
    let driver = configured();
    driver.port.inject(Fault::EepromMissing);
    start_reset(&driver);
    assert!(driver.until(EEC, 1 << 9, 1 << 9));
    assert_eq!(driver.read(EEC) & 1 << 8, 0);
    driver.port.clear(Fault::EepromMissing);

    let sum = |driver: &Driver| {
        let read = |word: u32| {
            driver.write(EERD, word << 2 | 1);
            assert!(driver.until(EERD, 2, 2));
            (driver.read(EERD) >> 16) as u16
        };
        (0..0x40).chain(0x141..0x144).fold(0_u16, |sum, word| sum.wrapping_add(read(word)))
    };
    driver.reset();
    assert_eq!(sum(&driver), 0xBABA);
    assert_eq!(driver.read(FWSM) >> 19 & 0x3F, 0);
    driver.port.inject(Fault::EepromCorrupt);
    driver.reset();
    assert_ne!(sum(&driver), 0xBABA);
    assert_eq!(driver.read(FWSM) >> 19 & 0x3F, 1);
    driver.clean();
}

#[test]
fn semaphores_are_taken_by_reading_and_may_be_held_by_others() {
    let driver = configured();
    assert_eq!(driver.read(SWSM) & 1, 0, "the first reader takes it");
    assert_eq!(driver.read(SWSM) & 1, 1);
    driver.set(SWSM, 2);
    assert_eq!(driver.read(SWSM) & 2, 2);
    driver.write(SW_FW_SYNC, 1);
    driver.write(SW_FW_SYNC, 0);
    driver.clear(SWSM, 3);
    assert_eq!(driver.peek(SWSM), 0);
    driver.port.inject(Fault::SemaphoreTimeout);
    assert_eq!(driver.read(SWSM) & 1, 1);
    driver.clear(SWSM, 1);
    assert_eq!(driver.read(SWSM) & 1, 1);
    driver.port.clear(Fault::SemaphoreTimeout);
    driver.port.inject(Fault::FirmwareHoldsResources);
    assert_eq!(driver.read(SW_FW_SYNC) >> 5 & 0x1F, 0x1F);
    driver.clean();
}

/// A reset does not free what a killed owner held; software can.
#[test]
fn semaphores_that_were_left_behind_outlast_a_reset() {
    let driver = configured();
    driver.port.inject(Fault::SemaphoresLeftBehind(1 << 3 | 1 << 8));
    driver.reset();
    driver.port.reset_function();
    assert_eq!(driver.read(SW_FW_SYNC), 1 << 3 | 1 << 8);
    driver.read(SWSM);
    driver.set(SWSM, 2);
    driver.write(SW_FW_SYNC, 0);
    assert_eq!(driver.read(SW_FW_SYNC), 0);
    driver.clean();
}

#[test]
fn firmware_shows_in_its_registers() {
    let driver = configured();
    let (manc, factps, mmngc) = (0x5820, 0x10150, 0x42D0);
    let shown = |driver: &Driver| {
        [driver.read(FWSM) >> 1 & 7, driver.read(manc) >> 17 & 1, driver.read(factps) >> 29 & 1, driver.read(mmngc) & 1]
    };
    assert_eq!(shown(&driver), [0, 0, 0, 0]);
    driver.port.inject(Fault::FirmwareManages);
    assert_eq!(shown(&driver), [2, 1, 0, 0]);
    driver.port.inject(Fault::FirmwareVeto);
    assert_eq!(shown(&driver), [2, 1, 0, 1]);
    driver.port.clear(Fault::FirmwareManages);
    driver.port.clear(Fault::FirmwareVeto);
    assert_eq!(shown(&driver), [0, 0, 0, 0]);
    driver.clean();
}

/// The bits of AUTOC2 keep the link down until software clears them all.
#[test]
fn the_eeprom_disables_the_link() {
    const AUTOC2: u32 = 0x42A8;
    let driver = configured();
    driver.port.inject(Fault::LinkDisabledByEeprom);
    driver.reset();
    for cleared in [1 << 28, 1 << 29, 1 << 30] {
        driver.port.wait(std::time::Duration::from_millis(100));
        assert_eq!(driver.read(LINKS) >> 30 & 1, 0);
        driver.clear(AUTOC2, cleared);
    }
    driver.wait_for_link();
}

#[test]
fn words_of_the_eeprom_read_as_others() {
    let driver = configured();
    let read = |word: u32| {
        driver.write(EERD, word << 2 | 1);
        assert!(driver.until(EERD, 2, 2));
        driver.read(EERD) >> 16
    };
    assert_eq!(read(0x15), 0x8259);
    driver.port.inject(Fault::EepromWord { address: 0x15, word: 0x1234 });
    assert_eq!((read(0x15), read(0x16)), (0x1234, 0x9001));
    driver.port.clear(Fault::EepromWord { address: 0, word: 0 });
    assert_eq!(read(0x15), 0x8259);
    driver.clean();
}

/// The way out of requests that stay pending: loopback for 3 ms with reception off, flush, and two resets.
#[test]
fn pending_requests_end_with_a_flush_and_two_resets() {
    const GCR_EXT: u32 = 0x11050;
    // How long the loopback lasts, the number of resets, and whether a rule is broken.
    for (settles, resets, broken) in [(3_000, 2, false), (2_000, 2, true), (0, 2, true), (3_000, 1, true)] {
        let mut driver = configured();
        driver.port.inject(Fault::RequestsPending);
        assert!(!driver.master_disable());
        assert_eq!(driver.port.read_config(0xAA), Some(1 << 5));
        driver.set(HLREG0, 1 << 15);
        driver.wait_us(settles);
        driver.set(GCR_EXT, 1 << 30);
        driver.wait_us(20);
        driver.clear(HLREG0, 1 << 15);
        driver.clear(GCR_EXT, 1 << 30);
        for _ in 0..resets {
            driver.set(CTRL, 1 << 26 | 1 << 3);
            driver.wait_us(50_000);
        }
        driver.read(EEC);
        driver.read(RDRXCTL);
        driver.configure();
        driver.add_rx(0, 64);
        driver.start_receive();
        let rules = driver.broken();
        assert_eq!(rules.contains(&ixgbe_sim::Rule::DataPathNotFlushed), broken, "{settles} us, {resets}: {rules:?}");
        if settles == 3_000 {
            assert_eq!(driver.port.read_config(0xAA), Some(0));
        }
    }
}

#[test]
fn transmission_enables_queue_0() {
    for fault in [false, true] {
        let mut driver = configured();
        if fault {
            driver.port.inject(Fault::TransmitEnablesQueue0);
        }
        let ring = TestRing::new(&driver.port, 64, 2048);
        driver.prepare_tx(0, &ring);
        driver.tx.push((0, ring));
        driver.start_transmit_dma();
        assert_eq!(driver.until(tx(0, 0x28), ENABLE, ENABLE), fault);
        driver.clean();
    }
    // Without a ring it is an error.
    let driver = configured();
    driver.port.inject(Fault::TransmitEnablesQueue0);
    driver.start_transmit_dma();
    assert_eq!(driver.broken(), [ixgbe_sim::Rule::RingLengthInvalid]);
}

#[test]
fn one_read_returns_all_ones() {
    let driver = configured();
    driver.port.inject(Fault::ReadsAllOnes(1));
    assert_eq!(driver.read(STATUS), u32::MAX);
    assert_ne!(driver.read(STATUS), u32::MAX);
    driver.clean();
}

#[test]
fn the_link_flaps() {
    let driver = Driver::running();
    driver.read(EICR);
    driver.port.inject(Fault::LinkFlap);
    let mut changes = 0;
    let mut before = true;
    for _ in 0..1_000 {
        driver.wait_us(100);
        let up = driver.read(LINKS) >> 30 & 1 != 0;
        changes += u32::from(up != before);
        before = up;
    }
    assert!(changes >= 10, "{changes}");
    assert_eq!(driver.read(EICR) & 1 << 20, 1 << 20, "LSC");
    driver.port.clear(Fault::LinkFlap);
    driver.wait_us(5_000);
    driver.port.set_link(false);
    driver.port.step();
    assert_eq!(driver.read(LINKS) >> 30 & 1, 0);
    driver.port.set_link(true);
    driver.wait_for_link();
    driver.clean();
}

#[test]
fn a_pulled_card_reads_as_ones_and_accesses_no_memory() {
    let mut driver = Driver::running();
    driver.port.inject(Fault::SurpriseRemoval);
    assert_eq!(driver.read(STATUS), u32::MAX);
    driver.write(RAL, 0);
    driver.port.deliver(&frame(MAC, 60));
    driver.send(0, &frame(MAC, 60));
    assert_eq!(driver.receive(0), None);
    assert!(!driver.is_done(0, 0));
    driver.port.clear(Fault::SurpriseRemoval);
    assert_eq!(driver.read(RAL), 2, "the write was lost");
    driver.clean();
}

#[test]
fn received_descriptors_have_absurd_contents() {
    let mut driver = Driver::running();
    let mut high = |fault: Option<Fault>| {
        if let Some(fault) = fault {
            driver.port.inject(fault);
        }
        let at = driver.rx[0].1.next;
        driver.port.deliver(&frame(MAC, 60));
        let word = driver.rx[0].1.ring.word(at * 2 + 1).load(std::sync::atomic::Ordering::Acquire);
        if let Some(fault) = fault {
            driver.port.clear(fault);
        }
        driver.rx[0].1.next += 1;
        word
    };
    assert_eq!(high(None), 60 << 32 | 3);
    assert_eq!(high(Some(Fault::RxLength(0xFFFF))), 0xFFFF << 32 | 3);
    assert_eq!(high(Some(Fault::RxLength(0))), 3);
    assert_eq!(high(Some(Fault::RxErrors)), 60 << 32 | 0xFFF0_0003);
    assert_eq!(high(Some(Fault::RxNoEop)), 60 << 32 | 1);
    assert_eq!(high(Some(Fault::RxWriteBackLost)), 0);
    assert_eq!(high(Some(Fault::RxGarbage)), u64::MAX);
    assert_eq!(high(None), 60 << 32 | 3);
    driver.port.inject(Fault::RxCrcErrors);
    driver.port.deliver(&frame(MAC, 60));
    assert_eq!((driver.read(0x4000), driver.port.counters().dropped_crc), (1, 1));
    driver.clean();
}

#[test]
fn memory_runs_out_or_cannot_be_mapped() {
    let port = Driver::new().port;
    let memory = port.allocate(4096).unwrap();
    port.inject(Fault::OutOfMemory);
    assert_eq!(port.allocate(4096).unwrap_err(), DmaError::OutOfMemory { len: 4096 });
    port.inject(Fault::NotMappable);
    assert!(matches!(port.map(&memory), Err(DmaError::NotMappable { len: 4096, .. })));
    port.clear(Fault::OutOfMemory);
    port.clear(Fault::NotMappable);
    assert!(port.map(&memory).is_ok() && port.allocate(1).is_ok());
}

#[test]
fn transmission_stalls_or_is_not_written_back() {
    let mut driver = Driver::running();
    driver.port.inject(Fault::TxStalls);
    driver.send(0, &frame(MAC, 60));
    assert_eq!((driver.is_done(0, 0), driver.read(tx(0, 0x10)), driver.port.counters().transmitted), (false, 0, 0));
    driver.port.clear(Fault::TxStalls);
    driver.port.run_until_idle(10);
    assert_eq!((driver.is_done(0, 0), driver.read(tx(0, 0x10)), driver.port.counters().transmitted), (true, 1, 1));
    driver.port.inject(Fault::TxWriteBackLost);
    driver.send(0, &frame(MAC, 60));
    assert_eq!((driver.is_done(0, 1), driver.read(tx(0, 0x10)), driver.port.counters().transmitted), (false, 2, 2));
    driver.clean();
}

/// Sends a packet on transmit queue `nth`. Returns `true` if it leaves.
fn sends(driver: &mut Driver, nth: usize) -> bool {
    let before = driver.port.counters().transmitted;
    driver.send(nth, &frame(MAC, 60));
    driver.wait_us(100_000);
    driver.port.counters().transmitted > before
}

/// Disables all queues and resets the device, without a violation.
fn reset_and_bring_up(driver: &mut Driver) {
    driver.clear(rx(0, 0x28), ENABLE);
    (0..driver.tx.len() as u32).for_each(|queue| driver.clear(tx(queue, 0x28), ENABLE));
    driver.wait_us(1_000);
    // A queue that hangs may use its memory until the reset.
    let _memory = (std::mem::take(&mut driver.rx), std::mem::take(&mut driver.tx));
    driver.bring_up(&[0], &[0, 1]);
}

#[test]
fn a_transmit_queue_hangs_until_a_reset() {
    let mut driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.bring_up(&[0], &[0, 1]);
    assert!(sends(&mut driver, 0) && sends(&mut driver, 1));
    driver.port.inject(Fault::TxQueueHangs(1));
    assert!(sends(&mut driver, 0) && !sends(&mut driver, 1));
    driver.port.clear(Fault::TxQueueHangs(1));
    assert!(!sends(&mut driver, 1), "only a reset ends it");
    driver.clear(tx(1, 0x28), ENABLE);
    assert!(!driver.until(tx(1, 0x28), ENABLE, 0), "ENABLE does not clear");
    reset_and_bring_up(&mut driver);
    assert!(sends(&mut driver, 0) && sends(&mut driver, 1));
    driver.clean();
}

#[test]
fn a_receive_queue_hangs_until_a_reset() {
    let mut driver = Driver::new();
    driver.port.plug(ixgbe_sim::wire::NoTraffic);
    driver.bring_up(&[0], &[0, 1]);
    driver.port.inject(Fault::RxQueueHangs(0));
    driver.port.deliver(&frame(MAC, 60));
    assert_eq!((driver.port.counters().delivered, driver.port.counters().waiting), (0, 1));
    driver.clear(rx(0, 0x28), ENABLE);
    assert!(!driver.until(rx(0, 0x28), ENABLE, 0), "ENABLE does not clear");
    reset_and_bring_up(&mut driver);
    driver.port.deliver(&frame(MAC, 60));
    assert_eq!((driver.port.counters().delivered, driver.port.counters().waiting), (1, 0));
    driver.clean();
}

#[test]
fn a_lost_link_stops_queues_with_work() {
    for stops in [false, true] {
        let mut driver = Driver::new();
        driver.port.plug(ixgbe_sim::wire::NoTraffic);
        driver.bring_up(&[0], &[0, 1]);
        if stops {
            driver.port.inject(Fault::LinkLossStopsTransmit);
        }
        // Queue 0 has work when the link goes down, queue 1 gets it later.
        driver.put_packet(0, &frame(MAC, 60));
        driver.ring(0);
        driver.port.set_link(false);
        driver.port.run_until_idle(10);
        driver.put_packet(1, &frame(MAC, 60));
        driver.ring(1);
        driver.wait_us(50_000);
        assert_eq!(driver.port.counters().transmitted, 0);
        driver.port.set_link(true);
        driver.wait_for_link();
        driver.wait_us(1_000);
        assert_eq!(driver.port.counters().transmitted, if stops { 1 } else { 2 });
        assert!(sends(&mut driver, 1) && sends(&mut driver, 0) != stops);
        reset_and_bring_up(&mut driver);
        assert!(sends(&mut driver, 0));
        driver.clean();
    }
}

#[test]
fn a_link_wedges_until_a_reset() {
    let mut driver = Driver::running();
    driver.port.inject(Fault::LinkWedges);
    assert_eq!(driver.read(LINKS) >> 30 & 1, 0);
    assert_eq!(driver.read(EICR) >> 20 & 1, 1, "LSC");
    driver.set(AUTOC, 1 << 12);
    assert!(!driver.until(LINKS, 1 << 30, 1 << 30), "a restart of the link does not help");
    reset_and_bring_up(&mut driver);
    assert!(sends(&mut driver, 0));
    driver.clean();
}

#[test]
fn pause_frames_are_counted_and_obeyed_if_asked_for() {
    const MFLCN: u32 = 0x4294;
    const LXOFFRXCNT: u32 = 0x41A8;
    let mut driver = Driver::running();
    driver.port.inject(Fault::PartnerPauses);
    assert!(sends(&mut driver, 0));
    assert!(driver.read(LXOFFRXCNT) > 0);
    driver.set(MFLCN, 1 << 3);
    assert!(!sends(&mut driver, 0));
    driver.wait_us(70_000_000);
    assert_eq!(driver.read(LXOFFRXCNT), 0xFFFF, "it has 16 bits");
    driver.port.clear(Fault::PartnerPauses);
    driver.wait_us(1_000);
    assert_eq!(driver.port.counters().transmitted, 2, "what waited is sent");
    driver.clean();
}

#[test]
fn reads_return_all_ones_for_a_while() {
    let driver = configured();
    driver.port.inject(Fault::ReadsAllOnes(2));
    assert_eq!([driver.read(STATUS), driver.read(CTRL)], [u32::MAX; 2]);
    assert_ne!(driver.read(STATUS), u32::MAX);
    driver.clean();
}

#[test]
fn errors_of_memory_bus_and_temperature_are_causes() {
    const PICAUSE: u32 = 0x110B0;
    for (fault, cause) in [(Fault::MemoryError, 28), (Fault::RequestTimesOut, 18), (Fault::TooHot, 24)] {
        let driver = configured();
        driver.read(EICR);
        driver.port.inject(fault);
        assert_eq!(driver.read(EICR), 1 << cause, "{fault:?}");
        assert_eq!(driver.read(EICR), 0, "once");
        assert_eq!(driver.read(PICAUSE), if fault == Fault::RequestTimesOut { 8 } else { 0 });
        driver.clean();
    }
}
