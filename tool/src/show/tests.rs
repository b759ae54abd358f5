//! The report on ports of the model, with every access recorded.

use std::sync::{Arc, Mutex};

use ixgbe::device::{Config, Device};
use ixgbe::trace::Trace;
use ixgbe_sim::wire::NoTraffic;
use ixgbe_sim::{Fault, Port, PortConfig};

use super::*;
use crate::interface::tests::class;

/// Makes a port that `Config` has started, and records what is done to it from then on.
fn started() -> (Port, Device<ixgbe::device::Running, ixgbe_sim::PortPlatform>) {
    let port = Port::new(PortConfig::default());
    port.plug(NoTraffic);
    let config = Config::new().queue_pairs(2);
    let nic = Device::new(port.claim().unwrap()).reset(&config).unwrap();
    let nic = nic.wait_for_link(std::time::Duration::from_secs(10)).unwrap().start().unwrap();
    (port, nic)
}

/// Returns what `look` does to the port.
fn recorded<T>(port: &Port, look: impl FnOnce(&Port) -> T) -> (T, Trace) {
    let text = Arc::new(Mutex::new(String::new()));
    let lines = Arc::clone(&text);
    let recorder = port.record(move |line| *lines.lock().unwrap() += &format!("{line}\n"));
    let seen = look(port);
    recorder.finish();
    let trace = text.lock().unwrap().parse().unwrap();
    (seen, trace)
}

fn line<'a>(report: &'a Report, name: &str) -> &'a str {
    &report.lines.iter().find(|(found, _)| *found == name).unwrap_or_else(|| panic!("no line {name}: {report:?}")).1
}

#[test]
fn a_running_port_is_shown_without_an_access_that_changes_anything() {
    let (port, nic) = started();
    let (report, trace) = recorded(&port, |port| Report::new(None, &[], Ok(port)));
    let accesses: Vec<_> = trace.lines.iter().flat_map(|line| line.entry.accesses()).collect();
    assert!(accesses.len() > 20, "{accesses:?}");
    for access in accesses {
        let (info, _) = access.register().expect("a register of the description");
        assert!(!access.write, "{} is written", info.name);
        assert!(!info.has_read_side_effects(), "{} is read, which changes it", info.name);
    }
    assert_eq!(report.link.status, Some(LinkStatus::Up(None)));
    assert_eq!(line(&report, "rings"), "receive 2 of 512 descriptors, transmit 2 of 512 descriptors");
    assert_eq!(line(&report, "MAC"), "02:82:59:90:00:00");
    assert!(line(&report, "in use").starts_with("a driver has"));
    assert!(line(&report, "module").contains("I2CCTL"));
    nic.stop().unwrap();
    assert_eq!(port.violations(), []);
}

/// Checks that the test above would see a write, and a read that changes a register.
#[test]
fn a_recording_shows_what_must_not_be_done() {
    let (port, mut nic) = started();
    let (_, trace) = recorded(&port, |_| nic.link());
    let accesses = || trace.lines.iter().flat_map(|line| line.entry.accesses());
    assert!(accesses().any(|access| access.register().is_some_and(|(info, _)| info.has_read_side_effects())));
    let (_, trace) = recorded(&port, |_| nic.split().0.identify().map(drop));
    let mut accesses = trace.lines.iter().flat_map(|line| line.entry.accesses());
    assert!(accesses.any(|access| access.write));
}

#[test]
fn a_port_without_a_link_says_why() {
    let fresh = Port::new(PortConfig::default());
    let link = |port: &Port, medium| link_of_registers(port, medium);
    let down = link(&fresh, Some(Medium::SfpCage));
    assert_eq!(down.status, Some(LinkStatus::Down));
    let (port, nic) = started();
    for (fault, says) in [
        (Fault::ModuleAbsent, "the cage is empty"),
        (Fault::FirmwareVeto, "the card's firmware holds the link"),
        (Fault::LinkNeverUp, "LINKS, which a read changes"),
    ] {
        port.inject(fault);
        port.set_link(false);
        let reason = why_down(&port, Some(Medium::SfpCage));
        assert!(reason.contains(says), "{fault:?}: {reason}");
        port.clear(fault);
    }
    nic.stop().unwrap();
    assert!(why_down(&port, Some(Medium::SfpCage)).contains("the laser is switched off"), "a driver has stopped");
    assert!(!why_down(&port, Some(Medium::Backplane)).contains("laser"), "a backplane has none");
}

#[test]
fn the_kernel_knows_the_link_of_its_interface() {
    let class = class();
    let eth7 = Interface::within(class.path(), "eth7");
    let report = Report::new(None, std::slice::from_ref(&eth7), Err("the kernel keeps them"));
    assert_eq!(report.link.status, Some(LinkStatus::Up(Some(Speed::GBIT_10))));
    assert!(line(&report, "interface").starts_with("eth7: up, MAC 02:82:59:00:00:01, MTU 1500, queues: 2 receive"));
    assert_eq!(line(&report, "registers"), "the kernel keeps them");
    assert_eq!(line(&report, "module"), "not read here: `ethtool --module-info eth7`");
    assert_eq!(report.json["link"]["speed_mbit_s"], 10_000);
    std::fs::write(class.path().join("eth7/carrier"), "0\n").unwrap();
    let report = Report::new(None, std::slice::from_ref(&eth7), Err("the kernel keeps them"));
    assert_eq!(report.link.status, Some(LinkStatus::Down));
    std::fs::remove_file(class.path().join("eth7/carrier")).unwrap();
    let report = Report::new(None, &[eth7], Err("the kernel keeps them"));
    assert_eq!(line(&report, "link"), "down: eth7 is not set up: `ip link set eth7 up`");
}

#[test]
fn without_registers_and_interface_the_link_is_unknown() {
    let report = Report::new(None, &[], Err("it is powered down (D3hot)"));
    assert_eq!(line(&report, "link"), "unknown: it is powered down (D3hot)");
    assert!(report.json["link"]["up"].is_null());
}
