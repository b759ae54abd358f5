//! Each test case breaks one rule by register writes and expects its violation.

mod common;

use std::sync::atomic::Ordering;

use common::*;
use ixgbe_sim::wire::generator::Generator;
use ixgbe_sim::{Fault, Rule, Severity};

/// A way to break a rule.
struct Case {
    rule: Rule,
    /// The initial state: `true` for up and running, `false` for reset and configured.
    running: bool,
    breaks: fn(&mut Driver),
}

const fn running(rule: Rule, breaks: fn(&mut Driver)) -> Case {
    Case { rule, running: true, breaks }
}

const fn configured(rule: Rule, breaks: fn(&mut Driver)) -> Case {
    Case { rule, running: false, breaks }
}

/// Posts a valid descriptor whose second word `change` has altered, and sends it.
fn send_changed(driver: &mut Driver, change: impl Fn(u64) -> u64) {
    let address = driver.tx[0].1.buffers.address(0);
    driver.put(0, [address, change(data(60) | 60 << 46)]);
    driver.ring(0);
    driver.port.run_until_idle(10);
}

/// Sends a packet of `len` bytes in `descriptors` descriptors of equal length, with RS where `reports` returns `true`.
fn send_in(driver: &mut Driver, descriptors: usize, len: usize, reports: impl Fn(usize) -> bool) {
    let (address, piece) = (driver.tx[0].1.buffers.address(0), len / descriptors);
    for n in 0..descriptors {
        let mut word = data(piece) & !(1 << 24 | 1 << 27) | (len as u64) << 46;
        if n + 1 == descriptors {
            word |= 1 << 24;
        }
        if reports(n) {
            word |= 1 << 27;
        }
        driver.put(0, [address, word]);
    }
    driver.ring(0);
    driver.port.run_until_idle(10);
}

/// Sends a TCP packet to be segmented, with headers of these lengths.
fn send_cut(driver: &mut Driver, mac_len: u64, ip_len: u64, transport_len: u64) {
    let headers = (mac_len + ip_len + transport_len) as usize;
    let mut packet = vec![0x45; headers + 100];
    packet[..6].copy_from_slice(&MAC);
    driver.tx[0].1.buffers.write(0, &packet);
    let address = driver.tx[0].1.buffers.address(0);
    let context = 1 << 10 | 1 << 11 | 2 << 20 | 1 << 29 | transport_len << 40 | 50 << 48;
    driver.put(0, [ip_len | mac_len << 9, context]);
    driver.put(0, [address, data(packet.len()) | 1 << 31 | 3 << 40 | 100 << 46]);
    driver.ring(0);
    driver.port.run_until_idle(10);
}

const CASES: &[Case] = &[
    running(Rule::UnknownRegister, |d| _ = d.read(0x0000_FFFC)),
    running(Rule::NotModelled, |d| send_changed(d, |word| word | 1 << 18)),
    running(Rule::FlowControlInconsistent, |d| {
        d.write(0x3D00, 1 << 3);
        d.write(FCRTH, 1 << 31 | 1 << 10);
        d.stop_receive();
        d.start_receive();
    }),
    running(Rule::TimePeriodTooShort, |d| d.write(0x8C14, 1 << 24 | 1)),
    running(Rule::ReservedBit, |d| d.write(FCTRL, 1 << 10 | 1)),
    running(Rule::ReadOnlyWritten, |d| d.write(STATUS, 0)),
    running(Rule::WriteOnlyRead, |d| _ = d.read(EIMC)),
    configured(Rule::TouchedAfterReset, |d| {
        d.master_disable();
        d.set(CTRL, 1 << 26);
        d.wait_us(900);
        d.read(STATUS);
    }),
    configured(Rule::AccessInReset, |d| {
        d.master_disable();
        d.port.inject(Fault::ResetNeverEnds);
        d.set(CTRL, 1 << 26);
        d.wait_us(2_000);
        d.clean();
        d.read(CTRL);
        d.clean();
        d.write(MTA, 0);
    }),
    running(Rule::ResetWhileEnabled, |d| {
        d.master_disable();
        d.set(CTRL, 1 << 26);
    }),
    configured(Rule::ResetWithoutMasterDisable, |d| d.set(CTRL, 1 << 26)),
    configured(Rule::EepromNotAwaited, |d| {
        d.master_disable();
        d.set(CTRL, 1 << 26);
        d.wait_us(10_000);
        d.write(EIMC, 0x7FFF_FFFF);
        d.clean();
        d.write(MTA, 0);
    }),
    configured(Rule::DmaInitNotAwaited, |d| {
        d.master_disable();
        d.set(CTRL, 1 << 26);
        d.wait_us(10_000);
        assert!(d.until(EEC, 1 << 9, 1 << 9));
        for n in 0..10 {
            // A write without a read, which would return DMAIDONE.
            d.write(RXPBSIZE + n % 8 * 4, if n % 8 == 0 { 0x200 << 10 } else { 0 });
        }
        d.add_rx(0, 64);
        d.start_receive();
    }),
    configured(Rule::DataPathNotFlushed, |d| {
        d.port.inject(Fault::RequestsPending);
        d.set(CTRL, 1 << 2);
        d.set(CTRL, 1 << 26);
    }),
    configured(Rule::LinkChangedUnderVeto, |d| {
        d.port.inject(Fault::FirmwareVeto);
        d.set(AUTOC, 1 << 12);
    }),
    configured(Rule::ManagedLinkReset, |d| {
        d.port.inject(Fault::FirmwareManages);
        d.wait_for_link();
        d.master_disable();
        d.set(CTRL, 1 << 3);
    }),
    configured(Rule::ManagedLinkForced, |d| {
        d.port.inject(Fault::FirmwareManages);
        d.set(AUTOC, 1);
    }),
    running(Rule::LoopbackWithoutLink, |d| {
        d.port.set_link(false);
        d.wait_us(1_000);
        d.set(HLREG0, 1 << 15);
        d.send(0, &frame(MAC, 77));
    }),
    running(Rule::ForcedLinkUsed, |d| {
        d.port.set_link(false);
        d.set(AUTOC, 1);
        d.wait_us(20_000);
        d.send(0, &frame(MAC, 77));
    }),
    running(Rule::SemaphoreNotHeld, |d| d.write(SW_FW_SYNC, 1)),
    configured(Rule::RingBaseMisaligned, |d| {
        let ring = TestRing::new(&d.port, 128, 2048);
        d.prepare_rx(3, &ring);
        d.write(rx(3, 0x00), ring.ring.address(0) as u32 + 16);
        d.write(rx(3, 0x08), 128);
        d.write(rx(3, 0x28), ENABLE);
        d.wait_us(100);
    }),
    configured(Rule::RingLengthInvalid, |d| {
        let ring = TestRing::new(&d.port, 128, 2048);
        d.prepare_rx(3, &ring);
        d.write(rx(3, 0x08), 16);
        d.write(rx(3, 0x28), ENABLE);
    }),
    configured(Rule::RingNotMapped, |d| {
        let mut ring = TestRing::new(&d.port, 128, 2048);
        d.prepare_rx(3, &ring);
        ring.ring.mapping = None;
        d.write(rx(3, 0x28), ENABLE);
    }),
    running(Rule::RingChangedWhileEnabled, |d| d.write(rx(0, 0x14), 4)),
    running(Rule::HeadWritten, |d| d.write(tx(0, 0x10), 0)),
    configured(Rule::BufferSizeZero, |d| {
        let ring = TestRing::new(&d.port, 128, 2048);
        d.prepare_rx(3, &ring);
        d.write(rx(3, 0x14), 1 << 25 | 4 << 8);
        d.write(rx(3, 0x28), ENABLE);
    }),
    configured(Rule::DescriptorTypeReserved, |d| {
        let ring = TestRing::new(&d.port, 128, 2048);
        d.prepare_rx(3, &ring);
        d.write(rx(3, 0x14), 3 << 25 | 4 << 8 | 2);
        d.write(rx(3, 0x28), ENABLE);
    }),
    configured(Rule::TailBeforeEnabled, |d| {
        let ring = TestRing::new(&d.port, 64, 2048);
        d.prepare_rx(3, &ring);
        d.write(rx(3, 0x28), ENABLE);
        d.write(rx(3, 0x18), 63);
    }),
    running(Rule::TailOutOfRing, |d| d.write(tx(0, 0x18), 64)),
    running(Rule::TailOverrun, |d| d.write(rx(0, 0x18), 0)),
    configured(Rule::EnableWithOldTail, |d| {
        let ring = TestRing::new(&d.port, 128, 2048);
        d.prepare_rx(3, &ring);
        d.write(rx(3, 0x10), 5);
        d.write(rx(3, 0x28), ENABLE);
    }),
    configured(Rule::QueueEnabledBeforeTransmit, |d| {
        let ring = TestRing::new(&d.port, 128, 2048);
        d.prepare_tx(3, &ring);
        d.write(tx(3, 0x28), ENABLE);
        assert!(!d.until(tx(3, 0x28), ENABLE, ENABLE));
    }),
    configured(Rule::HostThresholdZero, |d| {
        d.start_transmit_dma();
        d.txdctl = 36;
        d.add_tx(3, 64);
    }),
    running(Rule::TransmitDisabledUndrained, |d| {
        d.port.inject(Fault::TxStalls);
        d.send(0, &frame(MAC, 60));
        d.clear(tx(0, 0x28), ENABLE);
    }),
    running(Rule::TransmitDmaReconfigured, |d| d.set(DMATXCTL, 1 << 3)),
    configured(Rule::ArbiterRunning, |d| d.write(MTQC, 1)),
    running(Rule::BufferResizedWhileRunning, |d| d.write(RXPBSIZE, 0x100 << 10)),
    configured(Rule::ReceiveBufferTooLarge, |d| {
        d.write(RXPBSIZE, 0x210 << 10);
        d.add_rx(0, 64);
        d.start_receive();
    }),
    configured(Rule::TransmitBufferTooLarge, |d| {
        d.set(RTTDCS, 1 << 6);
        d.write(TXPBSIZE, 200 << 10);
        d.clear(RTTDCS, 1 << 6);
        d.start_transmit_dma();
        d.add_tx(0, 64);
    }),
    configured(Rule::UnusedBufferSized, |d| {
        d.write(RXPBSIZE + 4, 0x10 << 10);
        d.add_rx(0, 64);
        d.start_receive();
    }),
    configured(Rule::TransmitThresholdTooHigh, |d| {
        d.write(TXPBTHRESH, 0xA0);
        d.start_transmit_dma();
        d.add_tx(0, 64);
    }),
    configured(Rule::ReceiveEnabledWithoutQueue, |d| d.start_receive()),
    configured(Rule::ReceiveNotHalted, |d| {
        d.add_rx(0, 64);
        d.write(RXCTRL, 1);
    }),
    running(Rule::PausedWithoutHalt, |d| d.write(RXCTRL, 0)),
    running(Rule::FilterChangedWhileReceiving, |d| d.write(FCTRL, 1 << 9)),
    configured(Rule::DcaReservedBitSet, |d| {
        d.add_rx(0, 64);
        d.port.clear_violations();
        d.write(rx(0, 0x0C), 0xB200);
        d.port.clear_violations();
        d.start_receive();
    }),
    configured(Rule::NoSnoopEnabled, |d| {
        d.write(CTRL_EXT, 0);
        d.add_rx(0, 64);
        d.start_receive();
        d.port.deliver(&frame([0xFF; 6], 60));
    }),
    configured(Rule::ReceiveDmaNotPrepared, |d| {
        d.clear(RDRXCTL, 1 << 25);
        d.port.clear_violations();
        d.add_rx(0, 64);
        d.start_receive();
    }),
    configured(Rule::CrcStripMismatch, |d| {
        d.clear(RDRXCTL, 1 << 1);
        d.add_rx(0, 64);
        d.start_receive();
    }),
    configured(Rule::FilterNotInitialised, |d| {
        d.reset();
        (0..128).for_each(|n| d.write(FTQF + n * 4, 0));
        let control = d.read(RDRXCTL);
        d.write(RDRXCTL, (control & !(0x1F << 17)) | 1 << 1 | 3 << 25);
        (1..8).for_each(|n| d.write(RXPBSIZE + n * 4, 0));
        d.add_rx(0, 64);
        d.start_receive();
    }),
    configured(Rule::AddressEntryNotCleared, |d| {
        d.reset();
        d.add_rx(0, 64);
        d.start_receive();
    }),
    configured(Rule::FiveTupleFilterUndefined, |d| {
        d.reset();
        d.add_rx(0, 64);
        d.start_receive();
    }),
    running(Rule::FiveTupleFilterInvalid, |d| d.write(FTQF + 4, 1 << 2 | 0x1F << 25 | 3 << 30)),
    running(Rule::FlowDirectorNotReady, |d| d.write(FDIRCMD, 1)),
    running(Rule::FlowDirectorNotCleared, |d| (0..2).for_each(|_| d.write(FDIRCTRL, 1))),
    running(Rule::FlowDirectorFilterInvalid, |d| {
        d.write(FDIRCTRL, 1);
        assert!(d.until(FDIRCTRL, 1 << 3, 1 << 3));
        d.write(FDIRCMD, 1 | 1 << 9);
    }),
    running(Rule::FlowDirectorChangedInUse, |d| {
        d.write(FDIRCTRL, 1);
        assert!(d.until(FDIRCTRL, 1 << 3, 1 << 3));
        d.write(FDIRCMD, 1);
        d.write(0xEE70, 1);
    }),
    running(Rule::InterruptReservedCause, |d| d.write(EIMS, 1 << 23)),
    running(Rule::DmaOutsideMapping, |d| {
        d.put(0, [0x1234_5000, data(60) | 60 << 46]);
        d.ring(0);
        d.port.run_until_idle(10);
        assert!(d.is_done(0, 0), "the queue continues");
    }),
    running(Rule::UnmappedWhileOwned, |d| d.rx[0].1.buffers.mapping = None),
    running(Rule::DescriptorChanged, |d| {
        d.rx[0].1.ring.word(0).fetch_add(2048, Ordering::Relaxed);
        d.port.deliver(&frame(MAC, 60));
    }),
    running(Rule::ReceiveDescriptorMalformed, |d| {
        d.port.deliver(&frame(MAC, 60));
        d.receive(0).unwrap();
        d.rx[0].1.ring.word(63 * 2).store(0, Ordering::Relaxed);
        d.write(rx(0, 0x18), 0);
        (0..63).for_each(|_| d.port.deliver(&frame(MAC, 60)));
    }),
    running(Rule::TransmitDescriptorMalformed, |d| send_changed(d, |word| word ^ 1 << 22)),
    running(Rule::TransmitLengthMismatch, |d| send_changed(d, |word| word ^ 1 << 46)),
    running(Rule::TransmitTooLong, |d| d.send(0, &frame(MAC, 1515))),
    running(Rule::TransmitTooShort, |d| {
        d.clear(HLREG0, 1 << 10);
        d.send(0, &frame(MAC, 59));
    }),
    running(Rule::TransmitBelowHeader, |d| d.send(0, &frame(MAC, 60)[..13])),
    running(Rule::TransmitBelowMinimum, |d| d.send(0, &frame(MAC, 16))),
    running(Rule::TransmitTooManyDescriptors, |d| send_in(d, 39, 78, |n| n == 38)),
    running(Rule::TransmitUnreported, |d| send_in(d, 40, 80, |_| false)),
    running(Rule::TransmitHeadersTooLong, |d| send_cut(d, 14, 60, 167)),
    running(Rule::PacketIncomplete, |d| {
        send_changed(d, |word| word & !(1 << 24));
        assert!(!d.is_done(0, 0));
    }),
    configured(Rule::HeadWriteBackMisaligned, |d| {
        d.start_transmit_dma();
        let ring = TestRing::new(&d.port, 128, 2048);
        d.prepare_tx(3, &ring);
        d.write(tx(3, 0x38), ring.buffers.address(4) as u32 | 1);
        d.write(tx(3, 0x28), ENABLE);
    }),
    configured(Rule::HeadWriteBackUnordered, |d| {
        d.start_transmit_dma();
        let ring = TestRing::new(&d.port, 128, 2048);
        d.prepare_tx(3, &ring);
        d.write(tx(3, 0x38), ring.buffers.address(16) as u32 | 1);
        d.write(tx(3, 0x28), ENABLE);
    }),
    configured(Rule::FlowThresholdMissing, |d| {
        d.write(FCRTH, 0);
        d.add_rx(0, 64);
        d.start_receive();
    }),
    running(Rule::DmaWhileMasterDisabled, |d| {
        d.master_disable();
        d.send(0, &frame(MAC, 60));
    }),
];

#[test]
fn every_broken_rule_is_recorded() {
    for Case { rule, running, breaks } in CASES {
        let mut driver = if *running {
            Driver::running()
        } else {
            let driver = Driver::new();
            driver.port.plug(ixgbe_sim::wire::NoTraffic);
            driver.reset();
            driver.configure();
            driver
        };
        driver.clean();
        breaks(&mut driver);
        let violations = driver.port.violations();
        let found = violations.iter().find(|violation| violation.rule == *rule);
        let found = found.unwrap_or_else(|| panic!("{rule:?} was not recorded; recorded: {violations:#?}"));
        assert_eq!(found.severity, rule.severity());
        assert!(!found.register.is_empty() && !found.section.is_empty() && !found.detail.is_empty(), "{found}");
        // Few other rules are broken.
        let others: Vec<Rule> =
            violations.iter().map(|violation| violation.rule).filter(|other| other != rule).collect();
        assert!(others.len() <= if *running { 1 } else { 10 }, "{rule:?} drags along {others:?}");
        driver.port.clear_violations();
        assert_eq!(driver.port.violations(), []);
    }
}

/// Rules of virtual functions, which `virtual_functions.rs` breaks.
const VIRTUAL: [Rule; 3] = [Rule::MailboxNotOwned, Rule::VirtualQueueTooEarly, Rule::SwitchContextMissing];

#[test]
fn every_rule_has_a_case() {
    let broken = |rule: &Rule| VIRTUAL.contains(rule) || CASES.iter().any(|case| case.rule == *rule);
    let missing: Vec<_> = Rule::ALL.iter().filter(|rule| !broken(rule)).collect();
    assert!(missing.is_empty(), "no case breaks {missing:?}");
}

#[test]
fn a_payload_length_too_small_or_too_large_is_recorded() {
    for payload in [59, 61] {
        let mut driver = Driver::running();
        send_changed(&mut driver, |word| word & !(0x3FFFF << 46) | payload << 46);
        assert_eq!(driver.broken(), [Rule::TransmitLengthMismatch]);
        assert_eq!((driver.port.counters().transmitted, driver.port.counters().transmit_dropped), (1, 0));
    }
}

/// Checks that transmit queue 0 hangs: it sends nothing more, reports nothing, and does not become disabled.
#[track_caller]
fn assert_hangs(driver: &mut Driver, rule: Rule) {
    assert_eq!(driver.broken(), [rule]);
    let sent = driver.port.counters().transmitted;
    send_in(driver, 1, 60, |_| true);
    assert_eq!(driver.port.counters().transmitted, sent, "the queue hangs");
    driver.clear(tx(0, 0x28), ENABLE);
    driver.wait_us(10_000);
    assert_eq!(driver.read(tx(0, 0x28)) & ENABLE, ENABLE, "and stays enabled");
    driver.clean();
}

#[test]
fn a_packet_with_more_descriptors_than_the_chip_holds_hangs_its_queue() {
    let at_end = |count: usize| move |n: usize| n + 1 == count;
    // With WTHRESH fewer descriptors are allowed.
    for (threshold, most) in [(0, 38), (8, 30)] {
        for count in [most, most + 1] {
            let mut driver = Driver::new();
            driver.port.plug(ixgbe_sim::wire::NoTraffic);
            driver.txdctl |= threshold << 16;
            driver.bring_up(&[0], &[0]);
            send_in(&mut driver, count, count * 2, at_end(count));
            assert_eq!(driver.port.counters().transmitted, u64::from(count == most), "WTHRESH {threshold}");
            if count > most {
                assert_hangs(&mut driver, Rule::TransmitTooManyDescriptors);
            }
            driver.clean();
        }
    }
    // With contexts, there may be 40 in all.
    for contexts in [2, 3] {
        let mut driver = Driver::running();
        (0..contexts).for_each(|_| driver.put(0, [20 | 14 << 9, 2 << 20 | 1 << 29]));
        send_in(&mut driver, 38, 76, |n| n == 20 || n == 37);
        assert_eq!(driver.port.counters().transmitted, 3 - contexts);
        if contexts == 3 {
            assert_hangs(&mut driver, Rule::TransmitTooManyDescriptors);
        }
        driver.clean();
    }
}

#[test]
fn rs_must_be_set_often_enough_across_packets() {
    let mut driver = Driver::running();
    for _ in 0..2 {
        (0..39).for_each(|_| send_in(&mut driver, 1, 60, |_| false));
        driver.clean();
        send_in(&mut driver, 1, 60, |_| true);
    }
    (0..39).for_each(|_| send_in(&mut driver, 1, 60, |_| false));
    driver.clean();
    send_in(&mut driver, 1, 60, |_| false);
    assert_eq!(driver.port.counters().transmitted, 119, "the packet without which RS comes too late is not sent");
    assert_hangs(&mut driver, Rule::TransmitUnreported);
}

#[test]
fn a_packet_without_an_ethernet_header_hangs_its_queue() {
    let mut driver = Driver::running();
    driver.send(0, &frame(MAC, 60)[..13]);
    assert_hangs(&mut driver, Rule::TransmitBelowHeader);
    assert_eq!(driver.port.counters().transmitted, 0);
    // Only a reset ends that, of which the driver is not accused.
    driver.clear(rx(0, 0x28), ENABLE);
    driver.wait_us(100);
    driver.reset();
    driver.clean();
    // A legacy descriptor has no PAYLEN.
    let mut driver = Driver::running();
    send_changed(&mut driver, |word| word & 0xFFFF_0000 & !(1 << 29 | 3 << 20) | 14);
    driver.clean();
    assert_eq!(driver.port.counters().transmitted, 1);
}

#[test]
fn packets_below_17_bytes_and_headers_above_their_buffers_are_recorded() {
    let mut driver = Driver::running();
    driver.send(0, &frame(MAC, 17));
    send_cut(&mut driver, 14, 60, 166);
    driver.clean();
    driver.send(0, &frame(MAC, 16));
    assert_eq!(driver.broken(), [Rule::TransmitBelowMinimum]);
    send_cut(&mut driver, 14, 60, 167);
    assert_eq!(driver.broken(), [Rule::TransmitHeadersTooLong]);
    assert_eq!(driver.port.counters().transmitted, 6, "all are sent");
    // 511 bytes are too many for the buffer, 512 for the context.
    send_cut(&mut driver, 14, 300, 197);
    assert_eq!(driver.broken(), [Rule::TransmitHeadersTooLong]);
    send_cut(&mut driver, 14, 300, 198);
    assert_eq!(driver.broken(), [Rule::TransmitDescriptorMalformed]);
    assert_eq!(driver.port.counters().transmitted, 8);
}

#[test]
fn unmodelled_features_are_recorded_when_enabled() {
    let switches = [
        (rx(9, 0x2C), 1),
        (0x51B0, 1),
        (0x5128, 1 << 31 | 1 << 27),
        (0xEC00, 1 << 29),
        (0xE800, 1 << 19 | 1 << 20),
        (HLREG0, 0x1801_2C0B),
        // TSAUXC.
        (0x8C20, 1),
    ];
    for (at, value) in switches {
        let driver = Driver::running();
        driver.write(at, value);
        assert_eq!(driver.broken(), [Rule::NotModelled], "{at:#x}");
    }
    let driver = Driver::running();
    driver.stop_receive();
    driver.write(RXCSUM, 1 << 12 | 1 << 13);
    driver.clean();
    driver.write(RXCSUM, 1 << 12);
    assert_eq!(driver.broken(), [Rule::NotModelled], "checksums of fragments");
    let mut driver = Driver::running();
    driver.write(MRQC, 2);
    driver.port.deliver(&frame(MAC, 60));
    assert_eq!(driver.broken(), [Rule::NotModelled]);
    assert!(driver.receive(0).is_some());
}

#[test]
fn unmodelled_features_are_kept_once_and_counted() {
    let mut driver = Driver::running();
    for _ in 0..1_000 {
        send_changed(&mut driver, |word| word | 1 << 18);
    }
    driver.write(STATUS, 0);
    let rules: Vec<Rule> = driver.port.violations().iter().map(|violation| violation.rule).collect();
    assert_eq!(rules, [Rule::NotModelled, Rule::ReadOnlyWritten]);
    let counts: Vec<u64> = driver.port.violation_kinds().iter().map(|(_, count)| *count).collect();
    assert_eq!((counts, driver.port.violation_count()), (vec![1_000, 1], 1_001));
    assert_eq!(driver.port.counters().transmitted, 1_000, "packets that request encryption are sent");
}

#[test]
fn the_free_running_timer_counts_seconds_milliseconds_and_microseconds() {
    const FRTIMER: u32 = 0x48;
    let driver = Driver::running();
    let microseconds = |value: u32| {
        let [low, middle, high] = [value & 0x3FF, value >> 10 & 0x3FF, value >> 20].map(u64::from);
        assert!(low < 1_000 && middle < 1_000);
        low + 1_000 * middle + 1_000_000 * high
    };
    let before = microseconds(driver.read(FRTIMER));
    for time in [1, 999, 1_000, 2_345_678] {
        let start = microseconds(driver.read(FRTIMER));
        driver.wait_us(time);
        let passed = microseconds(driver.read(FRTIMER)) - start;
        // A read takes a microsecond, and a wait ends with a step.
        assert!((time..=time + 20).contains(&passed), "{passed} of {time}");
    }
    assert!(microseconds(driver.read(FRTIMER)) > before);
    driver.clean();
}

#[test]
fn a_queue_enabled_later_obeys_the_same_rules() {
    let driver = Driver::running();
    let ring = TestRing::new(&driver.port, 64, 2048);
    driver.prepare_rx(7, &ring);
    driver.write(rx(7, 0x0C), 0xB200);
    driver.port.clear_violations();
    driver.write(rx(7, 0x28), ENABLE);
    assert_eq!(driver.broken(), [Rule::DcaReservedBitSet]);
}

#[test]
fn violations_are_kept_up_to_a_number_and_counted_beyond() {
    let driver = Driver::running();
    for _ in 0..1_000 {
        driver.write(STATUS, 0);
    }
    assert_eq!(driver.port.violations().len(), 256);
    assert_eq!(driver.port.violation_count(), 1_000);
    let violation = driver.port.violations()[0].clone();
    assert_eq!((violation.severity, violation.register), (Severity::Error, "STATUS"));
}

#[test]
fn no_more_of_a_buffer_is_in_use_than_a_frame_can_fill() {
    // How many bytes a buffer of 2 KiB has in front of the memory that is unmapped. Frames have 1518 bytes and tags.
    for (before, rules) in [(1_526, &[][..]), (1_525, &[Rule::UnmappedWhileOwned])] {
        let mut driver = Driver::running();
        driver.port.plug(Generator::new(MAC, 60).count(1));
        driver.port.run_until_idle(10);
        assert!(driver.receive(0).is_some());
        let behind = Region::new(&driver.port, 4096);
        let (_, ring) = &mut driver.rx[0];
        assert_eq!(ring.buffer, 2048);
        ring.ring.word(ring.tail * 2).store(behind.address(0) - before, Ordering::Relaxed);
        ring.ring.word(ring.tail * 2 + 1).store(0, Ordering::Relaxed);
        ring.tail = (ring.tail + 1) % ring.count;
        let tail = ring.tail as u32;
        driver.write(rx(0, 0x18), tail);
        drop(behind);
        assert_eq!(driver.broken(), rules);
    }
}

#[test]
fn unmapping_memory_in_use_is_recorded() {
    let mut driver = Driver::running();
    let unused = Region::new(&driver.port, 4096);
    drop(unused);
    driver.clean();
    // The ring of an idle transmit queue.
    driver.tx[0].1.ring.mapping = None;
    assert_eq!(driver.broken(), [Rule::UnmappedWhileOwned]);
    // Its buffers are not in use.
    driver.tx[0].1.buffers.mapping = None;
    driver.clean();
    // A receive queue may still write for 100 us after it reads as disabled.
    driver.stop_receive();
    driver.clear(rx(0, 0x28), ENABLE);
    assert!(driver.until(rx(0, 0x28), ENABLE, 0));
    driver.rx[0].1.buffers.mapping = None;
    assert_eq!(driver.broken(), [Rule::UnmappedWhileOwned]);
    driver.wait_us(100);
    driver.rx[0].1.ring.mapping = None;
    driver.clean();
}
