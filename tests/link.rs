//! The link of a card in the field: for each fault of cage, module, cable and partner, the driver ends with traffic or
//! with the one sentence that names the reason, within its limit.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::pass_on::pass_on;
use common::{Recorder, assert_clean, assert_works, at, peek, port, recorded};
use ixgbe::clock::Clock;
use ixgbe::device::{
    Backplane, Config, Device, Diagnosis, Error, Link, LinkMode, LinkPoll, LinkRetry, Medium, ModuleError,
};
use ixgbe::mmio::Offset;
use ixgbe::module::{Form, Level, Technology};
use ixgbe::port::{LinkStatus, Speed};
use ixgbe::registers::RegisterSpace;
use ixgbe::runtime::bus::Bus;
use ixgbe::trace::{RegisterAccess, Traced};
use ixgbe_sim::wire::NoTraffic;
use ixgbe_sim::{Fault, Port, PortConfig, PortPlatform, connect, connect_copper};

const LIMIT: Duration = Duration::from_secs(10);
/// ESDP: the level of SDP3, which switches the laser off, and its direction.
const SDP3: u32 = 1 << 3;
const SDP3_OUTPUT: u32 = 1 << 11;
/// ESDP: the level and the direction of SDP5, which selects the rate.
const SDP5: u32 = 1 << 5;
const SDP5_OUTPUT: u32 = 1 << 13;

/// Leaves ESDP as another driver would.
fn set_pins(port: &Port, value: u32) {
    // SAFETY: no driver has the port now, and ESDP controls no DMA.
    unsafe { port.write32(at("ESDP", 0), value) };
}

fn device(port: &Port) -> Device<ixgbe::device::Unbound, PortPlatform> {
    Device::new(port.claim().unwrap())
}

/// Brings the port up with `config`, passes traffic both ways, and stops it. Returns the model time until the link.
fn comes_up(port: &Port, recorder: &Recorder, config: &Config) -> Duration {
    let start = port.now();
    let nic = device(port).reset_until_link(config, LIMIT).unwrap_or_else(|failed| panic!("{}", failed.error));
    let took = port.now() - start;
    let mut nic = nic.start().unwrap();
    assert_works(&mut nic, port, recorder);
    nic.stop().unwrap();
    assert_clean(port);
    took
}

/// Fails to bring the port up, within its limit and a second. Returns the reason.
fn stays_down(port: &Port, config: &Config) -> Diagnosis {
    let limit = Duration::from_secs(3);
    let nic = device(port).reset(config).unwrap();
    let start = port.now();
    let failed = nic.wait_for_link(limit).expect_err("there is no link");
    let took = port.now() - start;
    assert!(took >= limit && took < limit + Duration::from_secs(1), "{took:?}");
    let Error::NoLink { waited, diagnosis } = failed.error else { panic!("{}", failed.error) };
    assert!(waited >= limit && waited <= took, "{waited:?}");
    let text = failed.error.to_string();
    assert!(text.starts_with("the link did not come up within 3") && text.ends_with(&diagnosis.to_string()), "{text}");
    // The device says the same when it is asked. Faults count from look to look.
    let mut nic = failed.device;
    port.wait(Duration::from_millis(1));
    assert_eq!(nic.link(), Link::Down(diagnosis));
    assert_clean(port);
    diagnosis
}

/// A port with `fault`, and a partner.
fn faulty(fault: Fault) -> (Port, Recorder) {
    let (port, recorder) = recorded(0);
    port.inject(fault);
    (port, recorder)
}

// The laser

/// A kernel driver and DPDK leave the laser off: the driver lights it, and leaves the port dark in turn.
#[test]
fn a_laser_that_another_driver_left_off_is_switched_on_and_off_again() {
    let [port, partner] = [0, 1].map(port);
    connect(&port, &partner);
    set_pins(&port, SDP3_OUTPUT | SDP3);
    let mut other = device(&partner).reset(&Config::new()).unwrap().assume_link_up().start().unwrap();
    port.wait(Duration::from_millis(50));
    partner.wait(Duration::from_millis(50));
    assert_eq!(other.link(), Link::Down(Diagnosis::NoLight), "the partner sees no light");
    let nic = device(&port).reset(&Config::new()).unwrap();
    assert_ne!(peek(&port, "ESDP", 0) & SDP3, 0, "a port that nobody waits for stays dark");
    let start = port.now();
    let nic = nic.wait_for_link(LIMIT).unwrap();
    let took = port.now() - start;
    assert!(took >= Duration::from_millis(100) && took < Duration::from_millis(250), "a laser needs 100 ms: {took:?}");
    let nic = nic.start().unwrap();
    port.wait(Duration::from_millis(1));
    partner.wait(Duration::from_millis(50));
    assert_eq!(other.link(), Link::Up(Some(Speed::GBIT_10)));
    let nic = nic.stop().unwrap();
    assert_eq!(peek(&port, "ESDP", 0) & (SDP3_OUTPUT | SDP3), SDP3_OUTPUT | SDP3);
    port.wait(Duration::from_millis(1));
    partner.wait(Duration::from_millis(1));
    assert_eq!(other.link(), Link::Down(Diagnosis::NoLight));
    // A device that is dropped while it runs leaves no light either.
    drop(nic.assume_link_up().start().unwrap());
    assert_eq!(peek(&port, "ESDP", 0) & (SDP3_OUTPUT | SDP3), SDP3_OUTPUT | SDP3);
    drop(other);
    [port, partner].iter().for_each(assert_clean);
}

/// A pin that is an input, or a port without such a pin, is left alone.
#[test]
fn a_pin_that_is_no_laser_is_left_alone() {
    for (device_id, pins, medium) in [
        (0x10fb, SDP3, None),
        (0x10f7, SDP3_OUTPUT | SDP3, None),
        (0x1558, SDP3_OUTPUT | SDP3, None),
        (0x10fb, SDP3_OUTPUT | SDP3, Some(Medium::FixedFiber)),
    ] {
        let port = Port::new(PortConfig { device_id, ..PortConfig::default() });
        let recorder = Recorder::default();
        port.plug(recorder.clone());
        set_pins(&port, pins);
        let config = medium.map_or(Config::new(), |medium| Config::new().medium(medium));
        comes_up(&port, &recorder, &config);
        assert_eq!(peek(&port, "ESDP", 0), pins, "{device_id:#x} {medium:?}");
    }
}

/// LINKS shows the partner's light though the partner sees none of ours.
#[test]
fn a_laser_that_is_off_is_no_link() {
    let (port, _) = recorded(0);
    let mut nic = device(&port).reset(&Config::new()).unwrap().wait_for_link(LIMIT).unwrap().start().unwrap();
    assert_eq!(nic.link(), LinkStatus::Up(Some(Speed::GBIT_10)));
    set_pins(&port, SDP3_OUTPUT | SDP3);
    assert_ne!(peek(&port, "LINKS", 0) & 1 << 30, 0);
    let link = nic.link();
    assert_eq!(link, Link::Down(Diagnosis::TransmitterOff));
    assert!(link.to_string().starts_with("down: the laser is switched off"), "{link}");
}

// What is in the way of a link

#[test]
fn each_fault_has_its_one_reason() {
    for (fault, expected) in [
        (Fault::ModuleAbsent, Diagnosis::NoModule),
        (Fault::NoLight, Diagnosis::NoLight),
        (Fault::PartnerAtOneGigabit, Diagnosis::NoLock { speed: Some(Speed::GBIT_10) }),
        (Fault::LocalFaults, Diagnosis::LocalFault),
        (Fault::RemoteFaults, Diagnosis::RemoteFault),
        (Fault::LinkNeverUp, Diagnosis::Unsettled),
        (Fault::LinkWedges, Diagnosis::Unsettled),
    ] {
        let (port, _) = recorded(0);
        if fault != Fault::LinkWedges {
            port.inject(fault);
            assert_eq!(stays_down(&port, &Config::new()), expected, "{fault:?}");
        } else {
            let nic = device(&port).reset(&Config::new()).unwrap();
            port.inject(fault);
            let failed = nic.wait_for_link(Duration::from_secs(3)).expect_err("only a reset helps");
            assert!(matches!(failed.error, Error::NoLink { diagnosis, .. } if diagnosis == expected));
        }
    }
}

#[test]
fn no_signal_and_a_module_that_cannot_be_read() {
    for (fault, expected) in [
        (Fault::ModuleUnreadable, ModuleError::Interrupted),
        (Fault::ModuleHoldsClock, ModuleError::ClockHeld),
        (Fault::ModuleHoldsData, ModuleError::DataHeld),
    ] {
        let (port, _) = faulty(fault);
        port.inject(Fault::NoLight);
        assert_eq!(stays_down(&port, &Config::new()), Diagnosis::ModuleUnreadable(expected));
    }
}

/// With light, it does not matter whether the module can be read.
#[test]
fn a_module_that_cannot_be_read_has_a_link() {
    for fault in [Fault::ModuleUnreadable, Fault::ModuleHoldsClock, Fault::ModuleHoldsData] {
        let (port, recorder) = faulty(fault);
        comes_up(&port, &recorder, &Config::new());
    }
}

#[test]
fn a_partner_that_does_not_negotiate_is_named() {
    let port = Port::new(PortConfig { device_id: 0x1517, ..PortConfig::default() });
    port.plug(NoTraffic);
    port.inject(Fault::PartnerDoesNotNegotiate);
    let kr = LinkMode::Backplane(Backplane { kr: true, ..Backplane::default() });
    assert_eq!(stays_down(&port, &Config::new().link(kr)), Diagnosis::NotNegotiating);
    // AUTOC offers KR alone, AUTOC2 has the backplane's serial interface.
    assert_eq!((peek(&port, "AUTOC", 0) >> 13 & 7, peek(&port, "AUTOC", 0) >> 16 & 1), (4, 1));
    assert_eq!((peek(&port, "AUTOC", 0) >> 30, peek(&port, "AUTOC2", 0) >> 16 & 3), (0, 0));
}

/// A backplane or CX4 port without a signal has no light to miss, and no module.
#[test]
fn a_port_without_optics_speaks_of_a_cable() {
    for device_id in [0x10f7, 0x10f9] {
        let port = Port::new(PortConfig { device_id, ..PortConfig::default() });
        assert_eq!(stays_down(&port, &Config::new()), Diagnosis::NoSignal);
    }
}

#[test]
fn a_copper_phy_is_refused_by_name_before_any_access() {
    let port = Port::new(PortConfig { device_id: 0x151c, ..PortConfig::default() });
    let failed = device(&port).reset(&Config::new()).expect_err("not supported");
    let expected = Error::UnsupportedMedium { medium: Medium::CopperPhy, device_id: Some(0x151c) };
    assert_eq!(failed.error, expected);
    let text = failed.error.to_string();
    assert!(text.starts_with("device 8086:151c: a port with a copper PHY (10GBASE-T) is not supported"), "{text}");
    assert_eq!(port.now(), Duration::ZERO, "nothing was read");
}

/// Over fiber, a port sees that its partner's laser is off; a copper cable has no laser.
#[test]
fn only_fiber_needs_the_laser_of_the_partner() {
    type Connect = fn(&Port, &Port);
    for (plug, is_up) in [(connect as Connect, false), (connect_copper, true)] {
        let (here, there) = (port(0), port(1));
        plug(&here, &there);
        set_pins(&there, SDP3_OUTPUT | SDP3);
        there.wait(Duration::from_millis(1));
        let link = device(&here).reset(&Config::new()).unwrap().wait_for_link(Duration::from_millis(500));
        assert_eq!(link.is_ok(), is_up);
    }
}

/// The port hears its neighbour: LINKS has a link, and the cage no module.
#[test]
fn crosstalk_is_no_link() {
    let (port, _) = faulty(Fault::Crosstalk);
    assert_ne!(port.read32(at("LINKS", 0)) & 1 << 30, 0);
    assert_eq!(stays_down(&port, &Config::new()), Diagnosis::NoModule);
    // A board that is free of it does not look at the pin.
    let (port, recorder) = recorded(0);
    set_pins(&port, SDP3_OUTPUT | 1 << 10);
    comes_up(&port, &recorder, &Config::new());
}

/// A platform whose firmware holds the link: MMNGC.MNG_VETO is 1, and a write of AUTOC or ESDP fails the test.
struct Vetoed(PortPlatform);

// SAFETY: honest: all reads are the port's, but for a bit of a register that controls nothing in the model. Exclusive: this
// owns the port's one platform.
unsafe impl Bus<RegisterSpace> for Vetoed {
    fn read(&self, offset: Offset) -> u32 {
        self.0.read(offset) | u32::from(offset == at("MMNGC", 0))
    }

    unsafe fn write(&self, offset: Offset, value: u32) {
        assert!(![at("AUTOC", 0), at("ESDP", 0)].contains(&offset), "{value:#x} was written at {offset:?}");
        // SAFETY: as the caller promises.
        unsafe { self.0.write(offset, value) }
    }
}

pass_on!(Dma, Clock of Vetoed => 0);

// SAFETY: both calls go to the port's clock.
/// The firmware's link is used, and not changed: neither its mode nor its laser, not even to search for a speed.
#[test]
fn a_link_that_the_firmware_holds_is_left_alone() {
    let (port, recorder) = recorded(0);
    let retry = LinkRetry { attempt: Duration::from_millis(100), restarts: 1, pipeline_resets: 9, resets: 0 };
    let config = Config::new().link(LinkMode::OneThenTenGigabitSfi).link_retry(retry);
    let vetoed = || Device::new(Vetoed(port.claim().unwrap())).reset(&config).unwrap();
    let mut nic = vetoed().wait_for_link(LIMIT).unwrap().start().unwrap();
    assert_works(&mut nic, &port, &recorder);
    assert_eq!(peek(&port, "AUTOC", 0) >> 13 & 7, 3, "the mode of the EEPROM");
    nic.stop().unwrap();
    // Without a link that is the reason, if light arrives; else the darkness is.
    for (fault, expected) in
        [(Fault::PartnerAtOneGigabit, Diagnosis::FirmwareHoldsPort), (Fault::NoLight, Diagnosis::NoLight)]
    {
        port.inject(fault);
        let failed = vetoed().wait_for_link(LIMIT).expect_err("there is no link");
        assert!(matches!(failed.error, Error::NoLink { diagnosis, .. } if diagnosis == expected), "{}", failed.error);
        port.clear(fault);
    }
    assert_clean(&port);
}

// What is tried

#[test]
fn a_serial_path_that_a_restart_does_not_restart_comes_up() {
    let (port, recorder) = faulty(Fault::LinkNeedsPipelineReset);
    let took = comes_up(&port, &recorder, &Config::new());
    assert!(took > Duration::from_secs(4) && took < Duration::from_secs(5), "after two attempts: {took:?}");
    let retry = LinkRetry { attempt: Duration::from_millis(300), restarts: 0, pipeline_resets: 1, resets: 0 };
    let took = comes_up(&port, &recorder, &Config::new().link_retry(retry));
    assert!(took < Duration::from_millis(600), "{took:?}");
    assert_eq!(peek(&port, "AUTOC", 0) >> 13 & 7, 3, "the mode is restored");
    // Restarts alone do not help.
    let (port, _) = faulty(Fault::LinkNeedsPipelineReset);
    let restarts = LinkRetry { pipeline_resets: 0, restarts: 5, ..retry };
    assert_eq!(stays_down(&port, &Config::new().link_retry(restarts)), Diagnosis::Unsettled);
}

/// A pipeline reset ends also for callers that no longer wait for it.
#[test]
fn a_pipeline_reset_that_is_cut_short_restores_the_mode() {
    let retry = LinkRetry { attempt: Duration::from_millis(20), restarts: 0, pipeline_resets: 1, resets: 0 };
    let mode = |port: &Port| peek(port, "AUTOC", 0) >> 13 & 7;
    for polled in [true, false] {
        let (port, _) = faulty(Fault::NoLight);
        let mut nic = device(&port).reset(&Config::new().link_retry(retry)).unwrap();
        if polled {
            while mode(&port) == 3 {
                let LinkPoll::Pending(same, pause) = nic.poll_link().unwrap() else { panic!("there is no light") };
                port.wait(pause);
                nic = same;
            }
            assert_eq!(mode(&port), 7);
            drop(nic.assume_link_up());
        } else {
            // Some of these limits lie in the middle of the pipeline reset.
            for _ in 0..30 {
                let failed = nic.wait_for_link(Duration::from_millis(2)).expect_err("there is no light");
                assert!(matches!(failed.error, Error::NoLink { .. }), "{}", failed.error);
                assert_eq!(mode(&port), 3);
                nic = failed.device;
            }
        }
        assert_eq!(mode(&port), 3);
        assert_clean(&port);
    }
}

/// A link that wedges comes up with the next reset, which `bring_up` makes by itself.
#[test]
fn a_link_that_wedges_until_a_reset_comes_up() {
    let (port, recorder) = recorded(0);
    let mut nic = device(&port).reset(&Config::new()).unwrap();
    port.inject(Fault::LinkWedges);
    let failed = nic.wait_for_link(Duration::from_secs(7)).expect_err("only a reset helps");
    nic = failed.device;
    assert_eq!(nic.link(), Link::Down(Diagnosis::Unsettled));
    let nic = nic.into_unbound().reset_until_link(&Config::new(), LIMIT).unwrap();
    assert_works(&mut nic.start().unwrap(), &port, &recorder);
    assert_clean(&port);
}

/// `bring_up` resets as often as it may, and ends at its limit.
#[test]
fn resets_have_limits() {
    let resets = |retry: LinkRetry, limit: Duration| {
        let (port, _) = faulty(Fault::NoLight);
        let (start, resets) = (port.now(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&resets);
        let platform = Traced::new(port.claim().unwrap(), move |access: RegisterAccess| {
            let is_reset = access.write && access.offset == at("CTRL", 0).bytes() && access.value & 1 << 26 != 0;
            count.fetch_add(usize::from(is_reset), Ordering::Relaxed);
        });
        let nic = Device::new(platform);
        let failed = nic.reset_until_link(&Config::new().link_retry(retry), limit).expect_err("there is no light");
        let took = port.now() - start;
        assert!(matches!(failed.error, Error::NoLink { diagnosis: Diagnosis::NoLight, .. }), "{}", failed.error);
        assert!(took >= limit && took < limit + Duration::from_secs(1), "{took:?} of {limit:?}");
        assert_clean(&port);
        resets.load(Ordering::Relaxed)
    };
    let retry = LinkRetry { attempt: Duration::from_millis(100), restarts: 1, pipeline_resets: 1, resets: 3 };
    assert_eq!(resets(retry, Duration::from_secs(5)), 4);
    assert_eq!(resets(retry, Duration::from_millis(500)), 2);
    assert_eq!(resets(LinkRetry::NONE, Duration::from_secs(2)), 1);
    let endless = resets(LinkRetry { resets: 255, ..retry }, Duration::from_secs(3));
    assert!((8..=10).contains(&endless), "{endless}");
}

#[test]
fn a_link_that_is_up_before_packets_pass_gets_time_to_settle() {
    let (port, recorder) = faulty(Fault::LinkUpTooEarly);
    // Without it, the first packet is lost.
    let mut nic = device(&port).reset_until_link(&Config::new(), LIMIT).unwrap().start().unwrap();
    common::transmit(&mut nic, &common::frame(common::mac(9), 100, 0));
    port.run_until_idle(100);
    assert_eq!(recorder.take().len(), 0);
    drop(nic);
    let took = comes_up(&port, &recorder, &Config::new().link_settles(Duration::from_millis(600)));
    assert!(took > Duration::from_millis(600) && took < Duration::from_secs(1), "{took:?}");
}

/// Such a link never counts, which is no reason for a panic.
#[test]
fn a_link_can_be_given_any_time_to_settle() {
    let port = faulty(Fault::LinkUpTooEarly).0;
    let config = Config::new().link_settles(Duration::MAX);
    let error = device(&port).reset(&config).unwrap().wait_for_link(Duration::from_secs(5)).unwrap_err().error;
    assert!(matches!(error, Error::NoLink { .. }), "{error}");
}

// Speeds

#[test]
fn a_module_for_one_gigabit_has_a_link_of_one_gigabit() {
    let (port, recorder) = faulty(Fault::ModuleOneGigabit);
    let took = comes_up(&port, &recorder, &Config::new());
    assert!(took < Duration::from_millis(600), "{took:?}");
    assert_eq!(peek(&port, "ESDP", 0) & SDP5_OUTPUT, 0, "a module of one rate needs none selected");
    let nic = device(&port)
        .reset_until_link(&Config::new().link(LinkMode::OneGigabitSfi { negotiate: true }), LIMIT)
        .unwrap();
    let mut nic = nic.start().unwrap();
    assert_eq!(nic.link(), Link::Up(Some(Speed::GBIT_1)));
    assert_works(&mut nic, &port, &recorder);
    // Set to the other speed, the port says so.
    drop(nic);
    let ten = Config::new().link(LinkMode::TenGigabitSfi);
    assert_eq!(stays_down(&port, &ten), Diagnosis::NoLock { speed: Some(Speed::GBIT_10) });
}

/// A module of two rates: found out, or named in both orders.
#[test]
fn a_module_of_two_speeds_is_tried_at_both() {
    for mode in [LinkMode::Auto, LinkMode::TenThenOneGigabitSfi, LinkMode::OneThenTenGigabitSfi] {
        let (port, recorder) = faulty(Fault::ModuleMultispeed);
        let took = comes_up(&port, &recorder, &Config::new().link(mode));
        assert!(took < Duration::from_secs(2), "{mode:?}: {took:?}");
        assert_eq!(peek(&port, "ESDP", 0) & (SDP5 | SDP5_OUTPUT), SDP5_OUTPUT, "{mode:?}");
        // The partner changes to 10 Gbit/s.
        port.clear(Fault::ModuleMultispeed);
        if mode != LinkMode::Auto {
            let took = comes_up(&port, &recorder, &Config::new().link(mode));
            assert!(took < Duration::from_secs(3), "{mode:?}: {took:?}");
            assert_eq!(peek(&port, "ESDP", 0) & SDP5, SDP5, "{mode:?}");
        }
    }
}

/// The search ends at the first speed, and within its number of changes.
#[test]
fn the_search_for_a_speed_ends() {
    let (port, _) = faulty(Fault::ModuleMultispeed);
    port.inject(Fault::NoLight);
    let mut nic = device(&port).reset(&Config::new().link(LinkMode::TenThenOneGigabitSfi)).unwrap();
    let (mut changes, mut last) = (0, None);
    let start = port.now();
    while port.now() - start < Duration::from_secs(30) {
        let LinkPoll::Pending(same, pause) = nic.poll_link().unwrap() else { panic!("there is no light") };
        port.wait(pause);
        nic = same;
        let mode = peek(&port, "AUTOC", 0) >> 13 & 7;
        changes += usize::from(
            last.is_some_and(|last| last != mode && [0, 2, 3].contains(&mode) && [0, 2, 3].contains(&last)),
        );
        last = Some(mode);
    }
    assert_eq!((changes, last), (9, Some(3)), "three times both speeds, one of them in two ways");
}

// Steps

/// A step never sleeps: model time passes only by register reads, a microsecond each.
#[test]
fn steps_do_not_sleep_and_come_to_the_same() {
    let (port, recorder) = recorded(0);
    set_pins(&port, SDP3_OUTPUT | SDP3);
    let mut nic = device(&port).reset(&Config::new()).unwrap();
    let (mut steps, start) = (0, port.now());
    let nic = loop {
        let before = port.now();
        let next = nic.poll_link().unwrap();
        assert!(port.now() - before < Duration::from_millis(1), "step {steps} took {:?}", port.now() - before);
        steps += 1;
        match next {
            LinkPoll::Up(nic) => break nic,
            LinkPoll::Pending(same, pause) => {
                assert!(pause > Duration::ZERO && pause <= Duration::from_millis(100), "{pause:?}");
                // Asked too early, it changes nothing.
                let LinkPoll::Pending(same, again) = same.poll_link().unwrap() else { panic!("too early") };
                assert!(again <= pause);
                same.platform().wait(pause);
                nic = same;
            }
        }
    };
    assert!(steps < 10 && port.now() - start < Duration::from_millis(200), "{steps} steps");
    assert_works(&mut nic.start().unwrap(), &port, &recorder);
    assert_clean(&port);
}

// The module

#[test]
fn a_module_tells_what_it_is_and_what_it_measures() {
    let (port, _) = recorded(0);
    let mut nic = device(&port).reset(&Config::new()).unwrap();
    let module = nic.module().unwrap();
    assert_eq!((module.form, module.technology, module.is_intact()), (Form::Sfp, Technology::Optical, true));
    assert_eq!((module.vendor.as_str(), module.part.as_str()), ("MODELLED", "10GBASE-SR"));
    assert_eq!((module.serial.as_str(), module.date.as_str()), ("0000000000000001", "260101"));
    assert_eq!(module.standards().collect::<Vec<_>>(), ["10GBASE-SR"]);
    assert!(module.has_ten_gigabit() && !module.has_one_gigabit() && !module.is_multispeed());
    let measured = module.diagnostics.unwrap();
    assert_eq!((measured.millicelsius, measured.microvolts, measured.bias_microamperes), (35_500, 3_300_000, 6_000));
    assert_eq!((measured.tx_nanowatts, measured.rx_nanowatts), (500_000, 400_000));
    assert_eq!(measured.alarms.unwrap().rx_power, Level::Normal);
    assert_eq!((measured.tx_fault, measured.rx_loss, measured.not_ready), (Some(false), Some(false), false));
    assert_eq!(
        module.to_string(),
        "SFP, optical, 10GBASE-SR\n  vendor \"MODELLED\", part \"10GBASE-SR\" revision \"1\", serial \
         \"0000000000000001\"\n  35.5 C, 3.30 V, laser 6.0 mA, sends 0.500 mW (-3.0 dBm), receives 0.400 mW (-3.9 dBm)"
    );
    // While it runs, too; and the semaphore is free again.
    let mut nic = nic.wait_for_link(LIMIT).unwrap().start().unwrap();
    assert_eq!(nic.split().0.module().unwrap(), module);
    assert_eq!((peek(&port, "SW_FW_SYNC", 0), peek(&port, "SWSM", 0)), (0, 0));
    nic.stop().unwrap();
    assert_clean(&port);
}

/// Every failure to read a module has its name, and an end.
#[test]
fn a_module_that_cannot_be_read_says_why_and_in_time() {
    for (fault, expected) in [
        (Fault::ModuleAbsent, ModuleError::NoAnswer),
        (Fault::ModuleUnreadable, ModuleError::Interrupted),
        (Fault::ModuleHoldsClock, ModuleError::ClockHeld),
        (Fault::ModuleHoldsData, ModuleError::DataHeld),
    ] {
        let (port, _) = faulty(fault);
        let mut nic = device(&port).reset(&Config::new()).unwrap();
        let start = port.now();
        assert_eq!(nic.module(), Err(Error::Module(expected)), "{fault:?}");
        let took = port.now() - start;
        assert!(took > Duration::from_secs(1) && took < Duration::from_millis(1_500), "{fault:?}: {took:?}");
        // The driver has released both lines. The fault passes, and the bus is free.
        assert_eq!(peek(&port, "I2CCTL", 0) & 0xA, 0xA, "{fault:?}");
        port.clear(fault);
        assert!(nic.module().is_ok(), "{fault:?}");
        assert_clean(&port);
    }
    // A data line that is held from the first byte on reads as zeros, whose sum is right.
    let (port, _) = faulty(Fault::ModuleReadsZeros);
    let mut nic = device(&port).reset(&Config::new()).unwrap();
    let start = port.now();
    assert_eq!(nic.module().unwrap().form, Form::Other(0));
    assert!(port.now() - start > Duration::from_millis(400), "it is asked again");
    let (port, _) = faulty(Fault::ModuleBoots);
    let mut nic = device(&port).reset(&Config::new()).unwrap();
    assert!(nic.module().is_ok(), "it is asked until it has booted");
    assert_clean(&port);
}

#[test]
fn a_port_without_a_cage_has_no_module() {
    let port = Port::new(PortConfig { device_id: 0x10f9, ..PortConfig::default() });
    let mut nic = device(&port).reset(&Config::new()).unwrap();
    assert_eq!(nic.module(), Err(Error::Module(ModuleError::NoCage)));
}

/// The one card with a QSFP cage has an arbiter before its I2C bus.
#[test]
fn a_qsfp_module_is_read_through_the_arbiter() {
    let port = Port::new(PortConfig { device_id: 0x1558, ..PortConfig::default() });
    let mut nic = device(&port).reset(&Config::new()).unwrap();
    let module = nic.module().unwrap();
    assert_eq!((module.form, module.technology), (Form::Qsfp, Technology::PassiveCopper));
    assert_eq!(
        module.to_string(),
        "QSFP, passive copper cable, 3 m of copper\n  vendor \"MODELLED\", part \"QSFP CABLE\" revision \"\", serial \
         \"0000000000000002\""
    );
    assert_eq!(peek(&port, "ESDP", 0) & 1, 0, "the bus is given back");
    // Without an answer, the request is withdrawn.
    port.inject(Fault::ArbiterSilent);
    let start = port.now();
    assert_eq!(nic.module(), Err(Error::Module(ModuleError::NotGranted)));
    assert!(port.now() - start < Duration::from_millis(1_100), "{:?}", port.now() - start);
    assert_eq!(peek(&port, "ESDP", 0) & 1, 0, "the request is withdrawn");
    assert_clean(&port);
}
