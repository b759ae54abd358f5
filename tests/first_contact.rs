//! What a card can be when it meets the driver for the first time: left behind by a killed process, shared with
//! firmware, with an EEPROM that is wrong, or out of order for a moment. Each ends with traffic and a finding, or with
//! one sentence that says what to do, and within a limit of time.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::pass_on::pass_on;
use common::{Recorder, assert_clean, assert_clean_but, assert_works, at, mac, peek, recorded, reset, run};
use ixgbe::device::{Checksum, Config, ConfigError, Device, Error, Finding, FirmwareMode, LinkMode, Reset};
use ixgbe::dma::{Dma, DmaError, Domain, Mapping, Memory};
use ixgbe::mmio::Offset;
use ixgbe::platform::{AnyPlatform, Platform};
use ixgbe::registers::RegisterSpace;
use ixgbe::runtime::bus::Bus;
use ixgbe::trace::{RegisterAccess, Traced};
use ixgbe_sim::{Fault, Port, PortConfig, PortPlatform, Rule};

/// Starts the device, checks that traffic passes, and stops it.
#[track_caller]
fn assert_runs<H: Platform>(device: Device<Reset, H>, port: &Port, recorder: &Recorder) -> Device<Reset, H> {
    let mut nic = run(device);
    assert_works(&mut nic, port, recorder);
    nic.stop().expect("the device stops")
}

/// Resets a device with `fault`, which must not keep it from its work. Returns the findings.
#[track_caller]
fn findings(fault: Fault, limit: Duration) -> Vec<Finding> {
    let (port, recorder) = recorded(0);
    port.inject(fault);
    let start = port.now();
    let device = reset(&port, &Config::new());
    let spent = port.now() - start;
    assert!(spent <= limit, "the reset took {spent:?}");
    let findings = device.bring_up().findings.clone();
    assert_runs(device, &port, &recorder);
    assert_clean(&port);
    findings
}

#[test]
fn a_card_in_order_has_no_findings() {
    let (port, recorder) = recorded(0);
    let device = reset(&port, &Config::new());
    let bring_up = device.bring_up().clone();
    assert_eq!(bring_up.findings, []);
    assert_eq!(bring_up.firmware.mode, FirmwareMode::Absent);
    assert!(!bring_up.firmware.manages_port && !bring_up.firmware.holds_link);
    let mut nic = run(device);
    assert_eq!(nic.bring_up(), &bring_up);
    assert_eq!(nic.split().0.bring_up(), &bring_up);
    assert_works(&mut nic, &port, &recorder);
    let device = nic.stop().unwrap();
    assert_eq!(device.bring_up(), &bring_up, "a stop forgets nothing");
    assert_clean(&port);
}

// Semaphores (10.5.4)

/// The bit of the MAC's registers in SW_FW_SYNC, of software and of the firmware.
const MAC_CSR: [u16; 2] = [1 << 3, 1 << 8];

#[test]
fn a_semaphore_of_a_killed_driver_is_taken_over() {
    let found = findings(Fault::SemaphoresLeftBehind(MAC_CSR[0]), Duration::from_millis(1500));
    assert_eq!(found, [Finding::SemaphoreLeftBehind { mask: 8 }]);
    assert!(found[0].to_string().contains("SW_FW_SYNC bits 0x8 stayed set"), "{}", found[0]);
}

#[test]
fn a_semaphore_that_was_taken_over_is_given_back() {
    let (port, _) = recorded(0);
    // The bits of other resources are their owners'.
    port.inject(Fault::SemaphoresLeftBehind(MAC_CSR[0] | 0x3));
    let device = reset(&port, &Config::new());
    assert_eq!(peek(&port, "SW_FW_SYNC", 0), 0x3);
    drop(device);
    assert_eq!(reset(&port, &Config::new()).bring_up().findings, [], "the next driver finds it free");
    assert_clean(&port);
}

/// A live owner gives the semaphore back in time, and is not robbed.
#[test]
fn a_semaphore_that_is_held_for_a_while_is_waited_for() {
    let (port, _) = recorded(0);
    port.inject(Fault::SemaphoresLeftBehind(MAC_CSR[0]));
    let holder = port.clone();
    let freed_at = port.now() + Duration::from_millis(800);
    let platform = Meddler::new(&port, move |port, offset| {
        if offset == at("SW_FW_SYNC", 0) && port.now() >= freed_at {
            // SAFETY: the register controls no DMA.
            unsafe { holder.write32(offset, port.read32(offset) & !u32::from(MAC_CSR[0])) };
        }
        port.read32(offset)
    });
    let device = Device::new(platform).reset(&Config::new()).unwrap();
    assert_eq!(device.bring_up().findings, []);
    assert!(port.now() >= freed_at);
    // The test is the other owner, and writes without the semaphores of SWSM.
    assert_clean_but(&port, &[Rule::SemaphoreNotHeld]);
}

#[test]
fn a_semaphore_that_firmware_left_behind_is_cleared_for_the_next_try() {
    let (port, recorder) = recorded(0);
    port.inject(Fault::SemaphoresLeftBehind(MAC_CSR[1]));
    let start = port.now();
    let failed = Device::new(port.claim().unwrap()).reset(&Config::new()).expect_err("the firmware comes first");
    assert!(port.now() - start < Duration::from_millis(1500));
    assert_eq!(failed.error, Error::SemaphoreTimeout { semaphore: "SW_FW_SYNC, the MAC's registers" });
    assert!(failed.error.to_string().contains("reset the device once more"), "{}", failed.error);
    let device = failed.device.reset(&Config::new()).expect("its bit was cleared");
    assert_runs(device, &port, &recorder);
    assert_clean(&port);
}

/// A process is killed while it sets up the link. Neither a reset nor time clears what it held.
#[test]
fn a_driver_killed_while_it_sets_up_the_link_stops_no_other() {
    let (port, recorder) = recorded(0);
    let platform = Meddler::new(&port, |port, offset| {
        if offset == at("AUTOC", 0) {
            std::panic::resume_unwind(Box::new("killed"));
        }
        port.read32(offset)
    });
    let killed = std::thread::spawn(move || Device::new(platform).reset(&Config::new()).map(drop));
    assert!(killed.join().is_err());
    assert_eq!(peek(&port, "SW_FW_SYNC", 0), 8);
    let device = reset(&port, &Config::new());
    assert_eq!(device.bring_up().findings, [Finding::SemaphoreLeftBehind { mask: 8 }]);
    assert_runs(device, &port, &recorder);
    assert_clean(&port);
}

/// SWSM.SMBI too stays taken when its owner dies.
#[test]
fn smbi_of_a_killed_driver_is_taken_by_force() {
    let (port, recorder) = recorded(0);
    let platform = Meddler::new(&port, |port, offset| {
        if offset == at("EEC", 0) {
            // The first read takes it, after the reset.
            port.read32(at("SWSM", 0));
        }
        port.read32(offset)
    });
    let device = Device::new(platform).reset(&Config::new()).unwrap();
    assert_eq!(device.bring_up().findings, [Finding::SmbiLeftBehind]);
    assert_runs(device, &port, &recorder);
    assert_clean(&port);
}

// Firmware and link

#[test]
fn a_link_that_the_eeprom_disables_is_enabled() {
    let found = findings(Fault::LinkDisabledByEeprom, Duration::from_millis(500));
    assert_eq!(found, [Finding::LinkDisabled { bits: 7 << 28 }]);
    assert!(found[0].to_string().contains("0x70000000"), "{}", found[0]);
}

#[test]
fn a_link_that_the_firmware_holds_is_left_alone() {
    for link in [LinkMode::Eeprom, LinkMode::TenGigabitSfi] {
        let (port, recorder) = recorded(0);
        port.inject(Fault::FirmwareVeto);
        // The firmware's link is up before a driver comes.
        port.wait(Duration::from_millis(50));
        let device = reset(&port, &Config::new().link(link));
        assert!(device.bring_up().firmware.holds_link);
        assert_eq!(device.bring_up().findings, [Finding::LinkHeldByFirmware]);
        let mut nic =
            device.wait_for_link(Duration::from_millis(10)).expect("the link was not touched").start().unwrap();
        assert_works(&mut nic, &port, &recorder);
        nic.stop().unwrap();
        assert_clean(&port);
    }
}

#[test]
fn a_link_that_the_firmware_uses_stays_up_over_reset_and_stop() {
    let (port, recorder) = recorded(0);
    port.inject(Fault::FirmwareManages);
    port.wait(Duration::from_millis(50));
    let is_up = |port: &Port| peek(port, "LINKS", 0) >> 30 & 1 == 1;
    assert!(is_up(&port));
    let device = reset(&port, &Config::new());
    assert!(is_up(&port), "only CTRL.RST was set, and Restart_AN was not");
    let firmware = device.bring_up().firmware;
    assert!(firmware.manages_port && firmware.mode == FirmwareMode::PassThrough && !firmware.holds_link);
    assert_eq!(firmware.to_string(), "firmware in pass-through mode, uses this port");
    assert_eq!(device.bring_up().findings, [Finding::LinkKeptForFirmware]);
    let device = assert_runs(device, &port, &recorder);
    assert!(is_up(&port));
    drop(device);
    assert_clean(&port);
}

/// Without a link there is nothing to keep: the driver resets and starts it.
#[test]
fn a_link_that_is_down_is_set_up_beside_firmware() {
    let (port, recorder) = recorded(0);
    port.inject(Fault::FirmwareManages);
    port.set_link(false);
    let device = reset(&port, &Config::new());
    assert_eq!(device.bring_up().findings, []);
    port.set_link(true);
    assert_runs(device, &port, &recorder);
    assert_clean(&port);
}

// EEPROM (6, 8.2.3.2)

#[test]
fn the_eeprom_is_read() {
    let (port, _) = recorded(0);
    let device = reset(&port, &Config::new());
    let eeprom = device.bring_up().eeprom.as_ref().expect("the model has one");
    assert_eq!((eeprom.words, eeprom.checksum), (4096, Checksum::Right));
    assert_eq!(eeprom.part_number.as_deref(), Some("825990-001"));
    assert_eq!((eeprom.firmware_version, eeprom.firmware_restarts_link), (Some(6), false));
    assert!(eeprom.capabilities.allows_any_module() && eeprom.capabilities.is_free_of_crosstalk());
    assert_eq!((eeprom.image, eeprom.option_rom), (None, None));
}

/// Resets a device whose EEPROM has other words, and returns what was read of it.
fn eeprom_with(words: &[(u16, u16)]) -> (ixgbe::device::Eeprom, Vec<Finding>, Duration) {
    let (port, _) = recorded(0);
    let changes = words.to_vec();
    let platform = Meddler::new(&port, move |port, offset| {
        let value = port.read32(offset);
        let address = (value >> 2 & 0x3fff) as u16;
        match changes.iter().find(|(at, _)| *at == address) {
            Some((_, word)) if offset == at("EERD", 0) && value & 2 != 0 => value & 0xffff | u32::from(*word) << 16,
            _ => value,
        }
    });
    let start = port.now();
    let device = Device::new(platform).reset(&Config::new()).expect("the registers are loaded");
    let bring_up = device.bring_up().clone();
    (bring_up.eeprom.expect("EERD answers"), bring_up.findings, port.now() - start)
}

#[test]
fn a_wrong_checksum_is_found_and_does_no_harm() {
    let found = findings(Fault::EepromWord { address: 0x20, word: 0x1234 }, Duration::from_millis(500));
    let [Finding::EepromChecksum(Checksum::Wrong { stored, computed })] = found[..] else { panic!("{found:?}") };
    assert_eq!(stored.wrapping_sub(computed), 0x1234_u16.wrapping_sub(0xffff));
    // A word of a section, and a section that is not there.
    for (address, word) in [(0x142, 0), (0x06, 0xffff)] {
        let (eeprom, findings, _) = eeprom_with(&[(address, word)]);
        assert!(matches!(eeprom.checksum, Checksum::Wrong { .. }), "word {address:#x}: {}", eeprom.checksum);
        assert_eq!(findings, [Finding::EepromChecksum(eeprom.checksum)]);
    }
    let found = findings_of_corrupt();
    assert!(matches!(found[..], [Finding::FirmwareFailed { failure: 1 }, Finding::EepromChecksum(_)]), "{found:?}");
}

fn findings_of_corrupt() -> Vec<Finding> {
    findings(Fault::EepromCorrupt, Duration::from_millis(500))
}

#[test]
fn absurd_pointers_are_not_followed() {
    // Outside, and lengths that reach outside.
    for (changes, pointer, section) in [
        (vec![(0x03, 0x1000)], 0x03, 0x1000),
        (vec![(0x0e, 0xfffe)], 0x0e, 0xfffe),
        (vec![(0x04, 0x140), (0x140, 0xfffe)], 0x04, 0x140),
        (vec![(0x04, 0x140), (0x140, 0x1000 - 0x140)], 0x04, 0x140),
    ] {
        let (eeprom, findings, _) = eeprom_with(&changes);
        assert_eq!(eeprom.checksum, Checksum::NoSuchSection { pointer, section }, "{changes:x?}");
        assert!(findings[0].to_string().contains("cannot be computed"), "{}", findings[0]);
    }
    // Twelve sections of nearly the whole EEPROM are more words than it has.
    let greedy: Vec<_> = (0x03..=0x0e).map(|pointer| (pointer, 0x150)).chain([(0x150, 0xe00)]).collect();
    let (eeprom, _, spent) = eeprom_with(&greedy);
    assert_eq!(eeprom.checksum, Checksum::NoSuchSection { pointer: 0x04, section: 0x150 });
    assert!(spent < Duration::from_secs(1), "{spent:?}");
    // Pointers to what is only printed.
    for pointer in [0, 0xffff, 0x1000, 0x0fff, 0xfffe] {
        let (eeprom, _, _) =
            eeprom_with(&[(0x0f, pointer), (0x15, 0xfafa), (0x16, pointer), (0x17, pointer), (0x0fff, 0xfffe)]);
        assert_eq!((eeprom.part_number, eeprom.option_rom, eeprom.firmware_version), (None, None, None));
        assert!(!eeprom.firmware_restarts_link);
    }
}

#[test]
fn versions_are_read_where_they_are() {
    let (eeprom, _, _) = eeprom_with(&[
        (0x15, 0xfafa),
        (0x16, 0x200),
        (0x200, 6),
        (0x201, 0x4537),
        (0x202, 0x3938),
        (0x203, 0x3132),
        (0x204, 0x2d30),
        (0x205, 0x3037),
        (0x17, 0x300),
        (0x383, 0x0102),
        (0x384, 0x0304),
        (0x2d, 0x5678),
        (0x2e, 0x8000),
        (0x102, 0x400),
        (0x401, 0x8000),
        (0x2c, 0),
    ]);
    assert_eq!(eeprom.part_number.as_deref(), Some("E79812-007"));
    assert_eq!((eeprom.option_rom, eeprom.image), (Some([0x0102, 0x0304]), Some(0x8000_5678)));
    assert!(eeprom.firmware_restarts_link);
    assert!(!eeprom.capabilities.allows_any_module() && !eeprom.capabilities.is_free_of_crosstalk());
}

#[test]
fn a_blank_eeprom_is_told() {
    for word in [0, 0xffff] {
        let all: Vec<_> = (0..0x1000).map(|address| (address, word)).collect();
        let (eeprom, findings, spent) = eeprom_with(&all);
        assert_eq!(findings, [Finding::EepromChecksum(Checksum::Blank { word })]);
        assert_eq!((eeprom.part_number, eeprom.image, eeprom.firmware_version), (None, None, None));
        assert!(spent < Duration::from_millis(500), "{spent:?}");
    }
}

#[test]
fn an_eeprom_that_does_not_answer_is_told_within_its_limit() {
    let found = findings(Fault::EepromReadNeverDone, Duration::from_millis(1000));
    let [Finding::EepromUnreadable(cause)] = found[..] else { panic!("{found:?}") };
    assert_eq!(cause.register, "EERD");
}

/// The slowest card that still answers: the time limit is for all words together.
#[test]
fn a_slow_eeprom_does_not_add_up() {
    let (port, _) = recorded(0);
    let platform = Meddler::new(&port, |port, offset| {
        if offset == at("EERD", 0) {
            port.wait(Duration::from_millis(300));
        }
        port.read32(offset)
    });
    let start = port.now();
    let device = Device::new(platform).reset(&Config::new()).unwrap();
    assert!(matches!(device.bring_up().findings[..], [Finding::EepromUnreadable(_)]));
    assert!(port.now() - start < Duration::from_secs(4), "{:?}", port.now() - start);
}

#[test]
fn a_card_without_an_address_gets_one_by_configuration() {
    for (address, text) in
        [([0; 6], "00:00:00:00:00:00"), ([1, 2, 3, 4, 5, 6], "01:02:03:04:05:06"), ([255; 6], "ff:ff")]
    {
        let port = Port::new(PortConfig { mac: address, ..PortConfig::default() });
        let recorder = Recorder::default();
        port.plug(recorder.clone());
        let failed = Device::new(port.claim().unwrap()).reset(&Config::new()).expect_err("it has no address");
        assert_eq!(failed.error, Error::NoMacAddress { found: address });
        let message = failed.error.to_string();
        assert!(message.contains(text) && message.ends_with("choose one with Config::mac"), "{message}");
        let device = failed.device.reset(&Config::new().mac(mac(7))).expect("now it has one");
        assert_eq!(device.mac(), mac(7));
        let device = assert_runs(device, &port, &recorder);
        assert_eq!(device.mac(), mac(7), "after a stop too");
        assert_runs(device, &port, &recorder);
        assert_clean(&port);
    }
}

#[test]
fn a_group_address_cannot_be_configured() {
    for address in [[0; 6], [0x33, 0, 0, 0, 0, 1]] {
        let (port, _) = recorded(0);
        let failed = Device::new(port.claim().unwrap()).reset(&Config::new().mac(address)).expect_err("refused");
        assert_eq!(failed.error, Error::Config(ConfigError::Mac { address }));
    }
}

// Requests that stay pending (5.2.5.3.2)

#[test]
fn requests_that_stay_pending_are_flushed() {
    let (port, recorder) = recorded(0);
    port.inject(Fault::RequestsPending);
    let writes: Arc<std::sync::Mutex<Vec<(Duration, u32, u32)>>> = Arc::default();
    let (log, clock) = (Arc::clone(&writes), port.clone());
    let platform = Traced::new(port.claim().unwrap(), move |access: RegisterAccess| {
        if access.write {
            log.lock().unwrap().push((clock.now(), access.offset, access.value as u32));
        }
    });
    let device = Device::new(platform).reset(&Config::new()).expect("the flush ends them");
    assert_eq!(device.bring_up().findings, [Finding::MasterDidNotStop { pending: Some(true) }]);
    let resets: Vec<Duration> = writes
        .lock()
        .unwrap()
        .iter()
        .filter(|(_, offset, value)| *offset == 0 && value & 1 << 26 != 0)
        .map(|(at, ..)| *at)
        .collect();
    let [first, second] = resets[..] else { panic!("two resets were expected, not {}", resets.len()) };
    assert!(second - first >= Duration::from_millis(50), "{:?} lie between the resets", second - first);
    let mut nic = run(device);
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_clean_but(&port, &[Rule::ResetWithoutMasterDisable]);
}

/// A device that is stopped gives its memory back only once the requests have ended.
#[test]
fn requests_that_stay_pending_at_the_stop_are_flushed() {
    let (port, recorder) = recorded(0);
    let platform = AnyPlatform::new(port.claim().unwrap());
    let mut nic = run(Device::new(platform).reset(&Config::new()).unwrap());
    assert_works(&mut nic, &port, &recorder);
    port.inject(Fault::RequestsPending);
    let start = port.now();
    let device = nic.stop().expect("the flush ends them");
    assert!(port.now() - start < Duration::from_secs(1), "{:?}", port.now() - start);
    assert_eq!(device.bring_up().findings, [Finding::MasterDidNotStop { pending: Some(true) }]);
    assert_eq!(port.mapped_bytes(), 0);
    assert_runs(device, &port, &recorder);
    assert_clean_but(&port, &[Rule::ResetWithoutMasterDisable]);
}

#[test]
fn requests_that_a_reset_does_not_end_keep_the_memory() {
    let (port, recorder) = recorded(0);
    let platform = Meddler::new(&port, Port::read32);
    let config = Arc::clone(&platform.status);
    let nic = run(Device::new(platform).reset(&Config::new()).unwrap());
    let mapped = port.mapped_bytes();
    port.inject(Fault::RequestsPending);
    config.store(1 << 5, Ordering::Relaxed);
    let start = port.now();
    let failed = nic.stop().expect_err("they never end");
    assert!(matches!(failed.error, Error::RequestsPending { .. }), "{}", failed.error);
    assert!(failed.error.to_string().ends_with("power-cycle the machine"), "{}", failed.error);
    assert!(port.now() - start < Duration::from_secs(2), "{:?}", port.now() - start);
    assert_eq!(port.mapped_bytes(), mapped, "the device may still access it");
    // They end after all.
    config.store(0, Ordering::Relaxed);
    let device = failed.device.reset(&Config::new()).expect("the device has stopped");
    assert_eq!(port.mapped_bytes(), 0);
    let mut nic = run(device);
    assert_works(&mut nic, &port, &recorder);
    nic.stop().unwrap();
    assert_clean_but(&port, &[Rule::ResetWithoutMasterDisable]);
}

/// A platform that cannot read the configuration space has the flush all the same.
#[test]
fn the_configuration_space_is_not_needed() {
    let (port, _) = recorded(0);
    port.inject(Fault::RequestsPending);
    let platform = Meddler::new(&port, Port::read32);
    platform.status.store(NO_CONFIG, Ordering::Relaxed);
    let device = Device::new(platform).reset(&Config::new()).expect("the flush ends them");
    assert_eq!(device.bring_up().findings, [Finding::MasterDidNotStop { pending: None }]);
}

// Transmission and reception

/// DMATXCTL.TE enables queue 0 by itself: its ring must be complete by then, with nothing in it.
#[test]
fn queue_0_is_set_up_before_transmission_is_enabled() {
    for queues in [1, 4] {
        let (port, recorder) = recorded(0);
        port.inject(Fault::TransmitEnablesQueue0);
        let mut nic = run(reset(&port, &Config::new().queue_pairs(queues)));
        assert_works(&mut nic, &port, &recorder);
        nic.stop().unwrap();
        assert_clean(&port);
    }
}

#[test]
fn relaxed_ordering_is_off_in_all_queues_in_use() {
    let (port, _) = recorded(0);
    let nic = run(reset(&port, &Config::new().queue_pairs(3)));
    for queue in 0..3 {
        assert_eq!(peek(&port, "DCA_RXCTRL", queue) & (1 << 15 | 1 << 13 | 1 << 12), 0);
        assert_eq!(peek(&port, "DCA_TXCTRL", queue) & 1 << 11, 0);
    }
    assert_eq!(peek(&port, "MFLCN", 0), 2, "pause frames do not reach the host");
    assert_eq!(peek(&port, "PSRTYPE", 0), 1 << 29 | 0x1330);
    drop(nic);
}

// All ones

/// Whichever read of a transition returns all ones once, the device works, and no register keeps the ones.
#[test]
fn one_read_of_all_ones_is_no_removal() {
    let mut step = 1;
    let mut moment = 0;
    loop {
        let (port, recorder) = recorded(0);
        let reads = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&reads);
        let platform = Meddler::new(&port, move |port, offset| {
            if count.fetch_add(1, Ordering::Relaxed) == moment {
                port.inject(Fault::ReadsAllOnes(1));
            }
            port.read32(offset)
        });
        let device =
            Device::new(platform).reset(&Config::new()).unwrap_or_else(|e| panic!("read {moment}: {}", e.error));
        let in_reset = reads.load(Ordering::Relaxed);
        let device =
            device.wait_for_link(Duration::from_secs(1)).unwrap_or_else(|e| panic!("read {moment}: {}", e.error));
        let mut nic = device.start().unwrap_or_else(|e| panic!("read {moment}: {}", e.error()));
        assert_works(&mut nic, &port, &recorder);
        let device = nic.stop().unwrap_or_else(|e| panic!("read {moment}: {}", e.error));
        assert_eq!(device.bring_up().findings, [], "read {moment}");
        let all = reads.load(Ordering::Relaxed);
        assert_clean(&port);
        if moment >= all {
            break;
        }
        // Every read after the loops over queues, and some of those.
        step = if (270..in_reset).contains(&moment) { 1 } else { 23.max(step) };
        moment += step;
        step = 1;
    }
    assert!(moment > 1000, "{moment} reads");
}

/// A device that is gone is looked at five times, and no read waits again after that.
#[test]
fn a_removed_device_is_told_in_time() {
    let (port, _) = recorded(0);
    port.inject(Fault::SurpriseRemoval);
    let start = port.now();
    let failed = Device::new(port.claim().unwrap()).reset(&Config::new()).expect_err("it is gone");
    assert!(matches!(failed.error, Error::Removed { .. }));
    let spent = port.now() - start;
    assert!((Duration::from_millis(12)..Duration::from_millis(20)).contains(&spent), "{spent:?}");
}

// A platform that meddles

/// The value of [`Meddler::status`] for a platform without access to the configuration space.
const NO_CONFIG: u64 = u64::MAX;

/// The answer to a read of the register at an offset.
type Answer = Box<dyn Fn(&Port, Offset) -> u32 + Send + Sync>;

/// A port whose answers, and whose PCIe device status, the test chooses.
struct Meddler {
    platform: PortPlatform,
    answer: Answer,
    status: Arc<AtomicU64>,
}

impl Meddler {
    fn new(port: &Port, answer: impl Fn(&Port, Offset) -> u32 + Send + Sync + 'static) -> Self {
        Self { platform: port.claim().unwrap(), answer: Box::new(answer), status: Arc::default() }
    }
}

// SAFETY: honest but for the changes that a test makes, none of which says that the device has stopped. Exclusive: it owns
// the platform.
unsafe impl Bus<RegisterSpace> for Meddler {
    fn read(&self, offset: Offset) -> u32 {
        (self.answer)(self.platform.port(), offset)
    }

    unsafe fn write(&self, offset: Offset, value: u32) {
        // SAFETY: as the caller says.
        unsafe { self.platform.write(offset, value) };
    }
}

// SAFETY: all memory is the platform's.
unsafe impl Dma for Meddler {
    fn domain(&self) -> Domain {
        self.platform.domain()
    }

    fn allocate(&self, len: usize) -> Result<Memory, DmaError> {
        self.platform.allocate(len)
    }

    fn map(&self, memory: &Memory) -> Result<Mapping, DmaError> {
        self.platform.map(memory)
    }

    fn read_config(&self, offset: u16) -> Option<u16> {
        match self.status.load(Ordering::Relaxed) {
            NO_CONFIG => None,
            status if offset == 0xaa => Some(status as u16),
            _ => self.platform.read_config(offset),
        }
    }
}

pass_on!(Clock of Meddler => platform);
